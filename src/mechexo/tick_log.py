"""The record of the ticks: when each ran, what it found, which of its stages failed."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from mechexo.times import from_iso_z, iso_z
from mechexo.value_classes import dataclass

if TYPE_CHECKING:
    from mechexo.state import State, Transaction

KEPT = 20_000
"""Ticks kept: about two weeks of one a minute."""


@dataclass(frozen=True, slots=True)
class Stage:
    """One part of a tick: whether it ended well, in words, and how long it took."""

    name: str
    ok: bool
    detail: str
    duration_s: float


@dataclass(frozen=True, slots=True)
class TickRecord:
    """A tick as stored."""

    at: datetime
    duration_s: float
    ops_ok: bool
    reasons: tuple[str, ...]
    stages: tuple[Stage, ...]

    @property
    def failed(self) -> tuple[Stage, ...]:
        """The stages that did not end well."""
        return tuple(stage for stage in self.stages if not stage.ok)


@dataclass(frozen=True, slots=True)
class Span:
    """A time in which the desk was one way; `ops_ok` is None when nobody looked."""

    start: datetime
    end: datetime
    ops_ok: bool | None
    reasons: tuple[str, ...] = ()


def append(transaction: Transaction, record: TickRecord) -> None:
    """Writes one tick and forgets the oldest beyond `KEPT`."""
    transaction.execute(
        "INSERT INTO tick (at, duration_s, ops_ok, reasons, stages) VALUES (?, ?, ?, ?, ?)",
        (
            iso_z(record.at),
            record.duration_s,
            int(record.ops_ok),
            json.dumps(record.reasons),
            json.dumps([asdict(stage) for stage in record.stages]),
        ),
    )
    transaction.execute("DELETE FROM tick WHERE id <= (SELECT MAX(id) FROM tick) - ?", (KEPT,))


def last(state: State) -> TickRecord | None:
    """The newest tick by the order of writing, which holds also when the clock was set back."""
    row = state.row("SELECT * FROM tick ORDER BY id DESC LIMIT 1")
    return _record(row) if row else None


def between(state: State, start: datetime, end: datetime) -> Sequence[TickRecord]:
    """The ticks from `start` to `end`, in the order of writing."""
    rows = state.rows(
        "SELECT * FROM tick WHERE at >= ? AND at <= ? ORDER BY id", (iso_z(start), iso_z(end))
    )
    return [_record(row) for row in rows]


def course(
    ticks: Iterable[TickRecord], start: datetime, end: datetime, stands_for: timedelta
) -> tuple[Span, ...]:
    """How the desk was from `start` to `end`, one span after the other, the oldest first.

    What a tick found stands until the next one, and no longer than `stands_for`. Ticks from before
    `start` may be given: they stand too.
    """
    found = sorted(ticks, key=lambda tick: tick.at)
    spans: list[Span] = []
    known_until = start
    for number, tick in enumerate(found, start=1):
        after = found[number].at if number < len(found) else end
        begin, until = max(tick.at, start), min(after, tick.at + stands_for, end)
        if until < begin:
            continue
        if begin > known_until:
            spans.append(Span(known_until, begin, None))
        spans.append(Span(begin, until, tick.ops_ok, tick.reasons))
        known_until = until
    if end > known_until:
        spans.append(Span(known_until, end, None))
    return tuple(spans)


def _record(row: sqlite3.Row) -> TickRecord:
    return TickRecord(
        at=from_iso_z(row["at"]),
        duration_s=row["duration_s"],
        ops_ok=bool(row["ops_ok"]),
        reasons=tuple(json.loads(row["reasons"])),
        stages=tuple(Stage(**stage) for stage in json.loads(row["stages"])),
    )
