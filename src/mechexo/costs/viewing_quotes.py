"""The rows of quotes around one fill."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from mechexo.costs.quotes import USED, Quotes
from mechexo.costs.rules import QuoteRule
from mechexo.costs.views import QuoteRow

KINDS = ("used", "withdrawn", "crossed", "wide")
"""In the order of the numbers in `costs.quotes`."""

QUOTED = ("quote", "stale")
"""The sources of a reference that are quotes."""


def quotes_around(
    quotes: Quotes, rule: QuoteRule, fill: Mapping[str, Any], *, before: int, after: int
) -> tuple[tuple[QuoteRow, ...], tuple[QuoteRow, ...]]:
    """The last rows of quotes that were known before a fill, and the first ones that were not.

    The row that was the fill's reference is always among the former, however long ago it came.

    Args:
        quotes: those the fill was priced against.
        rule: the rule it was priced by.
        fill: ts, symbol and ref_source of it.
        before: how many rows before it.
        after: how many rows after it.
    """
    if fill["symbol"] not in quotes.symbols:
        return (), ()
    own = _of_symbol(quotes, quotes.symbols.index(fill["symbol"]))
    known_until: datetime = fill["ts"] - timedelta(microseconds=rule.lag_us)
    times = own["ts"]
    until = times.search_sorted(known_until, side="left" if rule.strictly_before else "right")
    reference = _reference(own, until) if fill["ref_source"] in QUOTED else None
    rows = list(range(max(0, until - before), until))
    if reference is not None and reference not in rows:
        rows.insert(0, reference)
    return (
        tuple(_row(own.row(place, named=True), place == reference) for place in rows),
        tuple(_row(row, False) for row in own.slice(until, after).iter_rows(named=True)),
    )


def _of_symbol(quotes: Quotes, sid: int) -> pl.DataFrame:
    # They lie together: the frame is ordered by symbol, then time.
    first = quotes.frame["sid"].search_sorted(sid, side="left")
    return quotes.frame.slice(first, quotes.frame["sid"].search_sorted(sid, side="right") - first)


def _reference(own: pl.DataFrame, until: int) -> int | None:
    """The place of the row whose quote stood before `until`."""
    if not until:
        return None
    stood_at = own["ref_ts"][until - 1]
    if stood_at is None:
        return None
    last = own["ts"].search_sorted(stood_at, side="right")
    for place in range(min(last, until) - 1, -1, -1):
        if own["kind"][place] == USED or own["ts"][place] < stood_at:
            return place if own["ts"][place] == stood_at else None
    return None


def _row(row: Mapping[str, Any], reference: bool) -> QuoteRow:
    return QuoteRow(
        at=row["ts"],
        kind=KINDS[row["kind"]],
        bid=row["bid"],
        ask=row["ask"],
        stood_at=row["ref_ts"],
        reference=reference,
    )
