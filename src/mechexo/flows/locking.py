"""One run of a flow at a time: a lock file that the kernel frees when its holder ends.

Beside the state file, so that it holds for every user of the desk, and in a folder of the user's
own, so that it holds also while the configuration that names the state file cannot be read. The
descriptors are closed in the job (close-on-exec): what it leaves in the background keeps no lock.
A job whose wrapper was killed keeps its flow's lock while it runs, by its own name in the file.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import stat
import time
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from mechexo.actor import user_name
from mechexo.errors import StateError
from mechexo.processes import Process, is_alive, process_of, this_process
from mechexo.times import from_iso_z, iso_z
from mechexo.value_classes import dataclass

_RECORD_BYTES = 512
_TRY_EVERY_S = 0.1
# Not TMPDIR: the job from cron and the same one from a shell must meet.
_ON_THIS_MACHINE = Path("/tmp")
_UNREADABLE = re.compile(r"[^A-Za-z0-9._-]+")


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a flow's lock, as far as its file tells."""

    user: str = ""
    pid: int | None = None
    since: datetime | None = None
    left_over: bool = False
    """Its wrapper was killed, but the job itself still runs."""


@dataclass(slots=True)
class FlowLock:
    """A lock that is held until `free`, or until this process ends."""

    descriptors: list[int]
    record: dict[str, object]
    passing: Path | None = None
    """A file that goes with the lock. Whoever waits for it finds it gone and takes the next one."""

    def note_job(self, pid: int) -> None:
        """Writes down which process the job is, so that it is known if we are killed."""
        job = process_of(pid)
        self.record["job"] = [job.pid, job.boot_id, job.started]
        self.write()

    def free(self) -> None:
        """Lets the next run begin."""
        self.record = {}
        self.write()
        if self.passing is not None:
            with suppress(OSError):
                self.passing.unlink()
        for descriptor in self.descriptors:
            os.close(descriptor)
        self.descriptors = []

    def write(self) -> None:
        """Writes down who holds it, as far as the disk takes it."""
        # Of one length, so that a file once made needs no more of a disk that is full.
        text = json.dumps(self.record).encode().ljust(_RECORD_BYTES)
        for descriptor in self.descriptors:
            try:
                os.pwrite(descriptor, text, 0)
            except OSError:
                continue  # The lock holds all the same; only its holder's name is missing.


def shared_place(state_path: Path, flow: str) -> Path:
    """The lock file of a flow for every user of a desk."""
    return state_path.with_name(state_path.name + ".flow-locks") / _file_name(flow)


def own_place(config_path: str, flow: str) -> Path | None:
    """The lock file of a flow for this user alone, whatever the configuration says; None where
    there is no safe place for it."""
    folder = _ON_THIS_MACHINE / f"mechexo-locks-{os.getuid()}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
    except OSError:
        return None
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o022:
        return None
    desk = hashlib.sha256(config_path.encode("utf-8", "surrogateescape")).hexdigest()[:12]
    return folder / f"{desk}-{_file_name(flow)}"


def take(
    shared: Path | None, own: Path | None, at: datetime, *, wait_s: float = 0.0
) -> FlowLock | Holder:
    """Takes the lock at its shared place and the user's own one, or says who holds it after waiting
    `wait_s`. Beside a shared place the user's own may fail: it matters only without.

    Raises:
        StateError: a lock file that is needed cannot be made or opened.
    """
    me, ends_s = this_process(), time.monotonic() + wait_s
    record: dict[str, object] = {
        "wrapper": [me.pid, me.boot_id, me.started],
        "user": user_name(os.getuid()),
        "since": iso_z(at),
    }
    while True:
        taken = _take_both(shared, own)
        if not isinstance(taken, Holder):
            lock = FlowLock(taken, record, own)
            lock.write()
            return lock
        left_s = ends_s - time.monotonic()
        if left_s <= 0:
            return taken
        time.sleep(min(_TRY_EVERY_S, left_s))


def _take_both(shared: Path | None, own: Path | None) -> list[int] | Holder:
    taken: list[int] = []
    for place in (shared, own):
        if place is None:
            continue
        try:
            found = _take_one(place)
        except StateError:
            if place is own and shared is not None:
                continue
            raise
        if isinstance(found, Holder):
            for descriptor in taken:
                os.close(descriptor)
            return found
        taken.append(found)
    return taken


def _take_one(place: Path) -> int | Holder:
    """The descriptor that holds the lock of one file, or who does."""
    while True:
        try:
            descriptor = _opened(place)
        except OSError as error:
            raise StateError(
                f"{place}: cannot be used as the flow's lock: {error.strerror}; give "
                f"{user_name(os.getuid())} the right to write it, or make room"
            ) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = _holder(_record(descriptor))
            os.close(descriptor)
            return holder
        except OSError as error:
            os.close(descriptor)
            raise StateError(
                f"{place}: cannot be locked: {error.strerror}; the state file belongs on a disk "
                "of this machine"
            ) from error
        if not _is_there(place, descriptor):
            os.close(descriptor)  # Somebody removed the file meanwhile; another may lock the next.
            continue
        record = _record(descriptor)
        job = _job(record)
        if job is not None and is_alive(job):
            os.close(descriptor)
            holder = _holder(record)
            return Holder(holder.user, job.pid, holder.since, left_over=True)
        return descriptor


def _opened(place: Path) -> int:
    """Opens a lock file, made when it is missing. One that root makes is the desk's own user's:
    root must not lock that user out for ever."""
    flags = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        return os.open(place, flags)
    except FileNotFoundError:
        pass
    owner = place.parent.parent.stat()
    for_another = os.geteuid() == 0 and owner.st_uid != 0
    with suppress(FileExistsError):
        place.parent.mkdir(mode=0o700)
        if for_another:
            os.chown(place.parent, owner.st_uid, owner.st_gid, follow_symlinks=False)
    try:
        descriptor = os.open(place, flags | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return os.open(place, flags)  # Another run has just made it.
    if for_another:
        os.fchown(descriptor, owner.st_uid, owner.st_gid)
    return descriptor


def _is_there(place: Path, descriptor: int) -> bool:
    try:
        now, ours = place.stat(), os.fstat(descriptor)
    except OSError:
        return False
    return (now.st_dev, now.st_ino) == (ours.st_dev, ours.st_ino)


def _record(descriptor: int) -> dict[str, object]:
    try:
        found = json.loads(os.pread(descriptor, _RECORD_BYTES, 0))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _job(record: dict[str, object]) -> Process | None:
    """The job that the file names; None when there is none, or what is said of it is damaged."""
    match record.get("job"):
        case [int(pid), str(boot_id), str(started)]:
            return Process(pid, boot_id, started)
    return None


def _holder(record: dict[str, object]) -> Holder:
    """Who the file names; nobody when that one has ended, so that no other is blamed."""
    try:
        wrapper = Process(*record["wrapper"])  # type: ignore[misc]
        since = from_iso_z(str(record["since"]))
        job = _job(record)
        if not is_alive(wrapper) and not (job is not None and is_alive(job)):
            return Holder()
        return Holder(str(record["user"]), wrapper.pid, since)
    except (KeyError, TypeError, ValueError, OverflowError):
        return Holder()


def _file_name(flow: str) -> str:
    """A file's name that people can read and that no other flow has."""
    digest = hashlib.sha256(flow.encode("utf-8", "surrogatepass")).hexdigest()[:12]
    return f"{_UNREADABLE.sub('-', flow).strip('-.')[:40]}-{digest}.lock"
