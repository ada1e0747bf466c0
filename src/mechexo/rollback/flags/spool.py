"""Records of what was done while the audit log could not be written: one file each, until the tick
merges them.

A record lies beside the state file; where that disk takes nothing, in the desk's folder; then in
memory, where it lasts until the machine stops. Its file is whole or not there. Merging twice
writes one entry, because each record has an id of its own, which its entry bears.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import stat
import tempfile
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from mechexo.actor import Actor
from mechexo.errors import UnreachableError
from mechexo.state import Transaction
from mechexo.state import audit as audit_log
from mechexo.times import from_iso_z, iso_z
from mechexo.value_classes import dataclass

if TYPE_CHECKING:
    from mechexo.desk import Desk

CUT_OFF_S = 60.0
"""A file that is not whole after so long will not become so: its writer was cut off."""
LARGEST = 1 << 20
_HALF = ".part"


@dataclass(frozen=True, slots=True)
class Record:
    """What the audit log is to say."""

    id: str
    at: str
    actor: dict[str, object]
    action: str
    target: str
    outcome: str
    payload: dict[str, object]


@dataclass(frozen=True, slots=True)
class Kept:
    """Where a record is."""

    path: Path | None
    """None when no place took it."""
    refusals: tuple[str, ...] = ()
    """Why places that come first did not take it."""


def new_record(
    desk: Desk, at: datetime, action: str, target: str, payload: dict[str, object]
) -> Record:
    """The record of something that was done."""
    return Record(uuid4().hex, iso_z(at), desk.actor.as_record(), action, target, "done", payload)


def keep(desk: Desk, record: Record) -> Kept:
    """Writes a record to the first place that takes it, on disk when this returns. Raises nothing
    that a disk can cause."""
    text = audit_log.canonical(asdict(record))
    content = f"{text}\n{hashlib.sha256(text.encode()).hexdigest()}\n".encode()
    stamp = "".join(each for each in record.at if each.isdigit())
    refusals: list[str] = []
    for place in places(desk):
        try:
            return Kept(_written(place, f"{stamp}-{record.id}.json", content), tuple(refusals))
        except OSError as error:
            refusals.append(f"{place}: {error.strerror or error}")
    return Kept(None, tuple(refusals))


def places(desk: Desk) -> tuple[Path, ...]:
    """The folders that records may lie in, best first."""
    state = desk.state.path
    whose = hashlib.sha256(os.fsencode(state)).hexdigest()[:12]
    memory = [
        Path(each) for each in (os.environ.get("XDG_RUNTIME_DIR"), tempfile.gettempdir()) if each
    ]
    return (
        state.with_name(f"{state.name}.spool"),
        desk.root / ".mechexo-spool",
        *(place / f"mechexo-spool-{os.geteuid()}-{whose}" for place in memory),
    )


def waiting(desk: Desk) -> tuple[Path, ...]:
    """The records that the audit log does not have yet, oldest first. Cheap: every tick asks."""
    found: list[Path] = []
    for place in places(desk):
        if not _is_ours(place):
            continue
        try:
            found += place.iterdir()
        except OSError:
            found.append(place)  # `merge` says why it cannot be read.
    return tuple(sorted(found, key=lambda path: path.name.lstrip(".")))


def enter(desk: Desk, record: Record, *, wait_s: float) -> None:
    """Writes a record into the audit log while it is fresh; its file, if any, has done its work.

    Raises:
        BusyError, StateError: the audit log cannot be written within `wait_s`.
    """
    with desk.state.write(wait_s) as transaction:
        if record.id not in _merged(transaction):
            _append(transaction, record, at=from_iso_z(record.at), marks={"record": record.id})


def merge(desk: Desk) -> int:
    """Writes the records that wait into the audit log, each with its own moment and marked late;
    how many.

    Raises:
        BusyError, StateError: the audit log cannot be written; the records stay.
        UnreachableError: a record cannot be read.
    """
    files = waiting(desk)
    if not files:
        return 0
    done: list[Path] = []
    number = 0
    with desk.state.write() as transaction:
        known, now = _merged(transaction), desk.clock.now()
        for path in files:
            content = _content(path)
            if content is None or (path.suffix == _HALF and _is_young(desk, path)):
                continue
            name = path.name.removeprefix(".").removesuffix(_HALF)
            record = _read(content) or _damaged(desk, name, content, now)
            if record.id not in known:
                marks = {"record": record.id, "late": True, "happened_at": record.at}
                _append(transaction, record, at=now, marks=marks)
                known.add(record.id)
                number += 1
            done.append(path)
    for path in done:
        path.unlink(missing_ok=True)
    return number


def _damaged(desk: Desk, name: str, content: bytes, now: datetime) -> Record:
    """The record of a file that holds none any more, so that it does not vanish."""
    payload: dict[str, object] = {"damaged": content[:2000].decode(errors="replace")}
    actor = desk.actor.as_record()
    return Record(name, iso_z(now), actor, "audit.merge", name, "failed", payload)


def _append(
    transaction: Transaction, record: Record, *, at: datetime, marks: dict[str, object]
) -> None:
    audit_log.append(
        transaction.connection,
        at=at,
        actor=Actor(**record.actor),  # type: ignore[arg-type]
        action=record.action,
        target=record.target,
        outcome=record.outcome,
        payload={**record.payload, **marks},
    )


def _merged(transaction: Transaction) -> set[str]:
    """The ids of the records that the audit log has."""
    entries = audit_log.entries(transaction.connection, only=("flags.*", "audit.merge"))
    return {str(audit_log.readable(entry.payload).get("record", "")) for entry in entries}


def _written(place: Path, name: str, content: bytes) -> Path:
    place.mkdir(mode=0o700, exist_ok=True)
    if not _is_ours(place):
        raise PermissionError(errno.EACCES, "somebody else's, or open to others")
    half, whole = place / f".{name}{_HALF}", place / name
    descriptor = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        half.rename(whole)
    except BaseException:
        half.unlink(missing_ok=True)
        raise
    for folder in (place, place.parent):
        above = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(above)
        finally:
            os.close(above)
    return whole


def _is_ours(place: Path) -> bool:
    """Whether it is a folder into which nobody else may have put anything: ours, and beside the
    desk's own files also that of whoever owns these."""
    try:
        found, above = place.lstat(), place.parent.stat()
    except OSError:
        return False
    if not stat.S_ISDIR(found.st_mode) or found.st_mode & stat.S_IWOTH:
        return False
    shared = place.name.startswith("mechexo-spool-")
    return found.st_uid in ({os.geteuid()} if shared else {os.geteuid(), above.st_uid, 0})


def _content(path: Path) -> bytes | None:
    """What is in the file; None when somebody has merged it meanwhile."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            return file.read(LARGEST)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UnreachableError(
            f"{path}: a record for the audit log cannot be read: {error.strerror}"
        ) from error


def _is_young(desk: Desk, path: Path) -> bool:
    try:
        written_at = path.stat().st_mtime
    except FileNotFoundError:
        return True
    return desk.clock.now().timestamp() - written_at < CUT_OFF_S


def _read(content: bytes) -> Record | None:
    """The record in a file; None when it is damaged."""
    text, _, digest = content.removesuffix(b"\n").rpartition(b"\n")
    if hashlib.sha256(text).hexdigest().encode() != digest:
        return None
    return Record(**json.loads(text))
