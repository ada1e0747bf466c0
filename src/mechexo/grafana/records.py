"""The tables of annotations. What writes works inside its caller's transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING

from mechexo.grafana.rules import LONGEST_WAIT
from mechexo.grafana.values import Noted
from mechexo.times import from_iso_z, iso_z

if TYPE_CHECKING:
    from mechexo.state import State, Transaction


def seen(state: State, place: str) -> tuple[datetime, datetime] | None:
    """From when on and up to when records were looked through for this Grafana; None when it is
    new."""
    row = state.row("SELECT since, seen_until FROM grafana_place WHERE place = ?", (place,))
    return (from_iso_z(row["since"]), from_iso_z(row["seen_until"])) if row else None


def see(transaction: Transaction, place: str, now: datetime) -> None:
    """Notes that records were looked through up to now."""
    transaction.execute(
        "INSERT INTO grafana_place VALUES (?1, ?2, ?2) "
        "ON CONFLICT (place) DO UPDATE SET seen_until = excluded.seen_until",
        (place, iso_z(now)),
    )


def noted(state: State, place: str, limit: int = -1) -> tuple[Noted, ...]:
    """The annotations of a Grafana, newest first; at most `limit` unless that is negative."""
    rows = state.rows(
        "SELECT * FROM grafana_annotation WHERE place = ? ORDER BY first_at DESC, rowid DESC "
        "LIMIT ?",
        (place, limit),
    )
    return tuple(map(_noted, rows))


def due(state: State, place: str, now: datetime, *, all: bool) -> tuple[Noted, ...]:
    """Those that are to be written now, longest due first; `all`: also before their
    time, and those that were given up."""
    rows = state.rows(
        "SELECT * FROM grafana_annotation WHERE place = ?1 AND ended <> 'gone' "
        "AND written IS NOT wanted "
        "AND (?2 OR (ended = '' AND (next_at <= ?3 OR next_at > ?4))) "
        "ORDER BY next_at, first_at, rowid",
        # A clock that was set back must not keep one waiting for hours.
        (place, all, iso_z(now), iso_z(now + LONGEST_WAIT)),
    )
    return tuple(map(_noted, rows))


def want(
    transaction: Transaction,
    place: str,
    subject: str,
    wanted: str,
    tag: str,
    maybe_there: bool,
    now: datetime,
) -> None:
    """Says how an annotation is to stand. What somebody removed at Grafana stays removed.
    `maybe_there`: it is looked for before its first writing."""
    transaction.execute(
        "INSERT INTO grafana_annotation "
        "(place, subject, wanted, tag, first_at, next_at, maybe_there) "
        "VALUES (?1,?2,?3,?4,?5,?5,?6) ON CONFLICT (place, subject) DO UPDATE SET "
        "wanted = excluded.wanted, refusals = 0, next_at = excluded.next_at, why = '', "
        "ended = CASE ended WHEN 'gone' THEN 'gone' ELSE '' END "
        "WHERE wanted <> excluded.wanted",
        (place, subject, wanted, tag, iso_z(now), maybe_there),
    )


def intend(transaction: Transaction, place: str, subjects: Iterable[str]) -> None:
    """Notes, before it is tried, that a first writing may come to stand in Grafana."""
    for subject in subjects:
        transaction.execute(
            "UPDATE grafana_annotation SET maybe_there = 1 "
            "WHERE place = ? AND subject = ? AND annotation_id IS NULL",
            (place, subject),
        )


def wrote(
    transaction: Transaction,
    place: str,
    subject: str,
    body: str,
    annotation_id: int | None,
    now: datetime,
) -> None:
    """Notes what Grafana took."""
    transaction.execute(
        "UPDATE grafana_annotation SET written = ?, written_at = ?, annotation_id = ?, "
        "maybe_there = 0, refusals = 0, why = '', ended = '' WHERE place = ? AND subject = ?",
        (body, iso_z(now), annotation_id, place, subject),
    )


def failed(
    transaction: Transaction,
    place: str,
    subject: str,
    *,
    why: str,
    refusals: int,
    next_at: datetime,
    maybe_there: bool,
    ended: str = "",
) -> None:
    """Notes that nothing was written, why, and when it is tried again."""
    transaction.execute(
        "UPDATE grafana_annotation SET why = ?, refusals = ?, next_at = ?, ended = ?, "
        "maybe_there = ? AND annotation_id IS NULL WHERE place = ? AND subject = ?",
        (why, refusals, iso_z(next_at), ended, maybe_there, place, subject),
    )


def not_tried(transaction: Transaction, place: str, subject: str) -> None:
    """Takes back what `intend` noted: it did not come to that."""
    transaction.execute(
        "UPDATE grafana_annotation SET maybe_there = 0 WHERE place = ? AND subject = ?",
        (place, subject),
    )


def _noted(row: sqlite3.Row) -> Noted:
    return Noted(
        subject=row["subject"],
        wanted=row["wanted"],
        tag=row["tag"],
        first_at=from_iso_z(row["first_at"]),
        written=row["written"],
        written_at=from_iso_z(row["written_at"]) if row["written_at"] else None,
        annotation_id=row["annotation_id"],
        maybe_there=bool(row["maybe_there"]),
        refusals=row["refusals"],
        next_at=from_iso_z(row["next_at"]),
        why=row["why"],
        ended=row["ended"],
    )
