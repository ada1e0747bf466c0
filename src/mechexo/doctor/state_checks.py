"""The state file: whole, writable, on a local disk with room; the audit chain; the tick."""

from __future__ import annotations

import shlex
import shutil
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from mechexo import tick_log
from mechexo.desk import Desk
from mechexo.desk_status import STALE_AFTER_TICKS
from mechexo.doctor.findings import Finding, doubtful, kept_out, well, wrong
from mechexo.errors import MechexoError, StateError
from mechexo.state import State
from mechexo.times import format_duration

# File systems on which locks and shared memory between machines cannot be relied on.
_NETWORK = frozenset(
    {
        "nfs",
        "nfs4",
        "cifs",
        "smb3",
        "smbfs",
        "9p",
        "afs",
        "ceph",
        "glusterfs",
        "lustre",
        "gpfs",
        "beegfs",
        "fuse.sshfs",
        "fuse.s3fs",
        "fuse.glusterfs",
        "fuse.ceph",
        "fuse.rclone",
        "fuse.gcsfuse",
        "virtiofs",
    }
)
_ROOM_BYTES = 100 * 1024 * 1024


def unusable(desk: Desk) -> list[Finding]:
    """Why it cannot be opened; nothing when it can. Makes an empty one where there is none."""
    try:
        State.open(desk.state.path).close()
    except MechexoError as error:
        mend = "the message says what to do; what else there is in the state file is not asked"
        return [_kept_from(desk) or wrong("state file", str(error), mend)]
    return []


def _kept_from(desk: Desk) -> Finding | None:
    """What keeps us from the file, its folder or the files that belong to it."""
    path = desk.state.path
    beside = (
        path.with_name(path.name + suffix) for suffix in ("-wal", "-shm", ".lock", ".tick", ".pass")
    )
    every = (path, path.parent, *beside)
    about = "cannot be used: "
    found = (kept_out("state file", each, write=True, about=about) for each in every)
    return next(filter(None, found), None)


def state_file(desk: Desk) -> Iterator[Finding]:
    """Whether it is whole, and may be written by us and read by nobody else."""
    path = desk.state.path
    whole = True
    for detail in _damage(desk):
        whole = False
        yield wrong("state file", detail, "put a backup in its place; keep this one to look into")
    # Of what is damaged as a whole the first finding says all.
    for detail in _damaged_rows(desk) if whole else ():
        whole = False
        yield wrong("state file", detail, "take it out of force with: mechexo alerts mend WHAT ID")
    try:
        with desk.state.write(wait_s=2.0):
            pass
    except MechexoError as error:
        mend = f"mechexo must be able to write {path}"
        yield _kept_from(desk) or wrong("state file", str(error), mend)
        return
    if barred := _kept_from(desk):
        yield barred
    elif path.stat().st_mode & (stat.S_IROTH | stat.S_IWOTH):
        yield doubtful("state file", f"everyone may read or write {path}", f"chmod o-rw {path}")
    elif whole:
        yield well("state file", f"{path} is whole and can be written")


def _damage(desk: Desk) -> Iterator[str]:
    """What of it cannot be read, and what is not there as mechexo made it."""
    path = desk.state.path
    try:
        found = [row[0] for row in desk.state.rows("PRAGMA integrity_check(5)")]
        if found != ["ok"]:
            yield f"{path} is damaged: {'; '.join(found)}"
        if lacking := desk.state.lacks():
            yield f"{path} is not as mechexo made it; missing or changed: {', '.join(lacking)}"
    except StateError as error:
        yield str(error)


def _damaged_rows(desk: Desk) -> Iterator[str]:
    """What of the alerts wing is in force and cannot be read, though the file is whole."""
    from mechexo.alerts.damage_reading import damaged
    from mechexo.damage_words import sentences

    yield from sentences(damaged(desk))


def disk(path: Path) -> Iterator[Finding]:
    """Whether it lies on a local disk with room left."""
    import psutil

    kind = file_system(path.resolve(), psutil.disk_partitions(all=True))
    if kind in _NETWORK:
        yield wrong(
            "state disk",
            f"{path} lies on a network drive ({kind}), where SQLite can lose or damage it",
            "name a file on a local disk in [desk] state",
        )
    free_bytes = psutil.disk_usage(str(path.parent)).free
    if free_bytes < _ROOM_BYTES:
        detail = f"only {free_bytes / 1e6:.0f} MB are free beside {path}"
        yield wrong("state disk", detail, "free space: without room no alert is kept or sent")
    elif kind not in _NETWORK:
        yield well("state disk", f"{kind or 'local'}, {free_bytes / 1e9:.1f} GB free")


def file_system(path: Path, partitions: Iterable[object]) -> str:
    """The kind of file system under a path: that of the longest mount point above it."""
    best, kind = "", ""
    for partition in partitions:
        mount, found = str(getattr(partition, "mountpoint", "")), getattr(partition, "fstype", "")
        # Of two mounts at one point the later one hides the earlier.
        if path.is_relative_to(mount) and len(mount) >= len(best):
            best, kind = mount, str(found)
    return kind


def audit_chain(desk: Desk) -> Iterator[Finding]:
    """Whether the audit log is as it was written."""
    verdict = desk.verify_audit()
    if verdict.problems:
        more = len(verdict.problems) - 1
        detail = verdict.problems[0] + (f" (and {more} more)" if more else "")
        yield wrong(
            "audit log",
            detail,
            "somebody or something changed the state file: see `mechexo audit verify`, keep a "
            "copy, and find out who could write it",
        )
    else:
        yield well("audit log", f"the chain of {verdict.entries} entries holds")


def ticking(desk: Desk) -> Iterator[Finding]:
    """Whether something runs the tick, and whether the last one did all its work."""
    last = tick_log.last(desk.state)
    every = desk.settings.refresh.tick
    if last is None:
        # Cron has a short PATH of its own, and % ends a command there.
        words = (shutil.which("mechexo") or "mechexo", "--config", str(desk.config_path), "tick")
        mend = "add to the crontab: * * * * * " + shlex.join(words).replace("%", "\\%")
        yield doubtful("tick", "none has run yet: nothing is watched", mend)
        return
    age = desk.clock.now() - last.at
    if age > STALE_AFTER_TICKS * every:
        detail = f"the last one ran {format_duration(age)} ago"
        yield wrong("tick", detail, "find out why cron or the server does not run it")
    for stage in last.failed:
        detail = f"the last one could not do its {stage.name}: {stage.detail}"
        yield wrong("tick", detail, "the message says why; run `mechexo tick` to try again")
    if age <= STALE_AFTER_TICKS * every and not last.failed:
        yield well("tick", f"ran {format_duration(age)} ago in {last.duration_s:.1f} s")
