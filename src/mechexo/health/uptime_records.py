"""The tables of how the desk was: the newest sample, and spans of the time before it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from sqlite3 import Row

from mechexo.health.availability import Known, Sample, Span, Summed, stood, summed, taken_in
from mechexo.state import State, Transaction

SPANS_KEPT = 100_000
"""More than two months of a change every minute; what is dropped is not known any more."""


def record(transaction: Transaction, sample: Sample) -> None:
    """Puts a sample in place of the newest, which becomes a span of the time that it stood."""
    rows = transaction.execute("SELECT * FROM ops_newest").fetchall()
    span = stood(_sample(rows[0]), sample.at_ms) if rows else None
    if span is not None:
        _settle(transaction, span)
    transaction.execute(
        "INSERT OR REPLACE INTO ops_newest VALUES (1,?,?,?)",
        (sample.at_ms, sample.stands_until_ms, int(sample.ok)),
    )


def newest(state: State) -> Sample | None:
    """The sample that was recorded last."""
    row = state.row("SELECT * FROM ops_newest")
    return None if row is None else _sample(row)


def first_ms(state: State) -> int | None:
    """When the desk was looked at first, as far as is kept."""
    row = state.row(
        "SELECT min(at) AS at FROM (SELECT min(begins_ms) AS at FROM ops_span "
        "UNION ALL SELECT at_ms FROM ops_newest)"
    )
    return None if row is None else row["at"]


def known_before(state: State, moments_ms: Iterable[int]) -> dict[int, Known]:
    """The known time of all spans before each of the moments, read at one moment."""
    rows = state.rows(
        "SELECT moment.value AS moment_ms, ops_span.* FROM json_each(?) AS moment "
        "LEFT JOIN ops_span ON begins_ms = coalesce("
        "(SELECT max(begins_ms) FROM ops_span WHERE begins_ms <= moment.value), "
        "(SELECT min(begins_ms) FROM ops_span))",
        (json.dumps(sorted(moments_ms)),),
    )
    return {
        row["moment_ms"]: Known()
        if row["begins_ms"] is None
        else _summed(row).until(row["moment_ms"])
        for row in rows
    }


def _settle(transaction: Transaction, span: Span) -> None:
    rows = transaction.execute("SELECT * FROM ops_span ORDER BY begins_ms DESC LIMIT 1").fetchall()
    last = _summed(rows[0]) if rows else None
    if last is not None and last.span.ends_ms == span.begins_ms and last.span.ok is span.ok:
        transaction.execute(
            "UPDATE ops_span SET ends_ms = ? WHERE begins_ms = ?",
            (span.ends_ms, last.span.begins_ms),
        )
        return
    if last is not None and span.begins_ms < last.span.ends_ms:
        _settle_among(transaction, span)
    else:
        before = Known() if last is None else last.until(last.span.ends_ms)
        _insert(transaction, [Summed(span, before)])
    transaction.execute(
        "DELETE FROM ops_span WHERE begins_ms <= "
        "(SELECT begins_ms FROM ops_span ORDER BY begins_ms DESC LIMIT 1 OFFSET ?)",
        (SPANS_KEPT,),
    )


def _settle_among(transaction: Transaction, span: Span) -> None:
    """The clock was set back: what comes later is summed anew."""
    rows = transaction.execute(
        "SELECT * FROM ops_span WHERE begins_ms >= coalesce("
        "(SELECT max(begins_ms) FROM ops_span WHERE begins_ms <= ?), ?) ORDER BY begins_ms",
        (span.begins_ms, span.begins_ms),
    ).fetchall()
    later = [_summed(row) for row in rows]
    spans = taken_in([each.span for each in later], span)
    transaction.execute("DELETE FROM ops_span WHERE begins_ms >= ?", (later[0].span.begins_ms,))
    _insert(transaction, summed(spans, later[0].before))


def _insert(transaction: Transaction, spans: Iterable[Summed]) -> None:
    transaction.connection.executemany(
        "INSERT INTO ops_span VALUES (?,?,?,?,?)",
        (
            (
                *(each.span.begins_ms, each.span.ends_ms, int(each.span.ok)),
                *(each.before.well_ms, each.before.not_well_ms),
            )
            for each in spans
        ),
    )


def _sample(row: Row) -> Sample:
    return Sample(row["at_ms"], row["stands_until_ms"], bool(row["ok"]))


def _summed(row: Row) -> Summed:
    return Summed(
        Span(row["begins_ms"], row["ends_ms"], bool(row["ok"])),
        Known(row["well_before_ms"], row["not_well_before_ms"]),
    )
