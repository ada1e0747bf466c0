"""The hash-chained audit log: who did what to which target, with before, after and why.

Each entry's hash covers its own fields and the hash before it, so that a changed, removed,
swapped or inserted entry is found. Cutting off the tail, or writing the whole chain again, needs
an anchor outside the file to be found; the chain alone cannot show it.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING

from mechexo.times import iso_z
from mechexo.value_classes import dataclass

if TYPE_CHECKING:
    from mechexo.actor import Actor

GENESIS_HASH = "0" * 64
_DOMAIN = b"mechexo-audit/1"
_FIELDS = "seq, at, actor, action, target, outcome, payload, previous_hash, hash"


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One entry as stored. `actor` and `payload` are canonical JSON text."""

    seq: int
    at: str
    actor: str
    action: str
    target: str
    outcome: str
    payload: str
    previous_hash: str
    hash: str

    @property
    def who(self) -> str:
        """The actor's name; of a damaged entry what stands there, marked."""
        return _said(self.actor, "name")

    @property
    def reason(self) -> str:
        """The reason that was given, if any; of a damaged entry what stands there, marked."""
        return _said(self.payload, "reason")


def readable(text: str) -> dict[str, object]:
    """An `actor` or `payload` as a table; one that is damaged stands whole under `damaged`."""
    try:
        found = json.loads(text)
    except (ValueError, TypeError, RecursionError):
        found = None
    return found if isinstance(found, dict) else {"damaged": text}


def _said(text: str, key: str) -> str:
    table = readable(text)
    if "damaged" in table and key not in table:
        return f"damaged: {text}"
    return str(table.get(key) or "")


@dataclass(frozen=True, slots=True)
class AuditVerdict:
    """What `verify` found. `problems` is empty when the chain holds."""

    entries: int
    head: str
    problems: tuple[str, ...]


def canonical(value: object) -> str:
    """JSON in one fixed form: sorted keys, no spaces, so that equal values hash alike."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)


def entry_hash(fields: tuple[str, ...], previous_hash: str) -> str:
    """SHA-256 over a domain tag and the length-prefixed fields, then the previous hash."""
    import hashlib

    digest = hashlib.sha256(_DOMAIN)
    for field in (*fields, previous_hash):
        data = field.encode()
        digest.update(len(data).to_bytes(8, "big"))
        digest.update(data)
    return digest.hexdigest()


def append(
    connection: sqlite3.Connection,
    *,
    at: datetime,
    actor: Actor,
    action: str,
    target: str,
    outcome: str,
    payload: dict[str, object],
) -> AuditEntry:
    """Appends one entry inside the caller's transaction."""
    last = connection.execute("SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1").fetchone()
    seq, previous = (last[0] + 1, last[1]) if last else (1, GENESIS_HASH)
    fields = (
        str(seq),
        iso_z(at),
        canonical(actor.as_record()),
        _storable(action),
        _storable(target),
        outcome,
        canonical(payload),
    )
    entry = AuditEntry(seq, *fields[1:], previous, entry_hash(fields, previous))
    connection.execute(
        f"INSERT INTO audit ({_FIELDS}) VALUES (?,?,?,?,?,?,?,?,?)",  # noqa: S608
        (seq, *fields[1:], previous, entry.hash),
    )
    return entry


def _storable(text: str) -> str:
    """Bytes of the command line that are no UTF-8, written so that SQLite takes them."""
    return text.encode(errors="backslashreplace").decode()


def entries(
    connection: sqlite3.Connection,
    limit: int | None = None,
    *,
    only: Sequence[str] = (),
    without: Sequence[str] = (),
) -> tuple[AuditEntry, ...]:
    """The newest `limit` entries (all when None), oldest first.

    `only` and `without` are patterns (`alerts.*`) of actions: one of the first must fit if there
    are any, and none of the second may.
    """
    wanted = [" OR ".join(["action GLOB ?"] * len(only))] if only else []
    wanted += ["COALESCE(action GLOB ?, 0) = 0"] * len(without)
    where = f"WHERE {' AND '.join(f'({each})' for each in wanted)} " if wanted else ""
    with _damaged_text_shown(connection):
        rows = connection.execute(
            f"SELECT {_FIELDS} FROM audit {where}ORDER BY seq DESC LIMIT ?",  # noqa: S608
            (*only, *without, -1 if limit is None else limit),
        ).fetchall()
    return tuple(AuditEntry(*row) for row in reversed(rows))


def counted(
    connection: sqlite3.Connection, action: str, since: datetime
) -> tuple[tuple[str, str, int], ...]:
    """How often one action ended how since a moment: target, outcome, number; by target."""
    with _damaged_text_shown(connection):
        rows = connection.execute(
            "SELECT target, outcome, COUNT(*) FROM audit WHERE action = ? AND at >= ?"
            " GROUP BY target, outcome ORDER BY target, outcome",
            (action, iso_z(since)),
        ).fetchall()
    return tuple((str(target), str(outcome), number) for target, outcome, number in rows)


def verify(connection: sqlite3.Connection) -> AuditVerdict:
    """Recomputes the whole chain: continuity of the numbers, links and hashes."""
    with _damaged_text_shown(connection):
        rows = connection.execute(f"SELECT {_FIELDS} FROM audit ORDER BY seq")  # noqa: S608
        return _verdict(AuditEntry(*row) for row in rows)


def _verdict(chain: Iterator[AuditEntry]) -> AuditVerdict:
    problems: list[str] = []
    previous, count = GENESIS_HASH, 0
    for entry in chain:
        count += 1
        if entry.seq != count:
            problems.append(f"entry {count} is missing (found {entry.seq} in its place)")
            count = entry.seq
        if entry.previous_hash != previous:
            problems.append(f"entry {entry.seq} does not follow the one before it")
        fields = (
            str(entry.seq),
            entry.at,
            entry.actor,
            entry.action,
            entry.target,
            entry.outcome,
            entry.payload,
        )
        # Damage can also turn a text into another type, which has no hash of its own.
        whole = all(isinstance(text, str) for text in (*fields, entry.previous_hash))
        if not whole or entry_hash(fields, entry.previous_hash) != entry.hash:
            problems.append(f"entry {entry.seq} was changed after it was written")
        previous = entry.hash
    return AuditVerdict(count, previous, tuple(problems))


@contextmanager
def _damaged_text_shown(connection: sqlite3.Connection) -> Iterator[None]:
    """Reads text that is no longer UTF-8 with replacement characters instead of failing on it, so
    that a damaged entry is found and named."""
    usual = connection.text_factory
    connection.text_factory = lambda data: data.decode(errors="replace")
    try:
        yield
    finally:
        connection.text_factory = usual
