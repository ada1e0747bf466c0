"""Quotes of several venues as one."""

from __future__ import annotations

from datetime import timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costs.frames import UTC_US
from costs.oracle import at
from mechexo.costs.consolidating import consolidated
from mechexo.costs.quotes import normalise_quotes
from mechexo.costs.rules import QuoteRule
from mechexo.errors import ConfigError

EXPIRY = timedelta(seconds=5)
Row = tuple[float, int, str, float | None, float | None]


def frame(*rows: Row) -> pl.DataFrame:
    return pl.DataFrame(
        [(sid, at(s), n, venue, bid, ask) for n, (s, sid, venue, bid, ask) in enumerate(rows)],
        schema={
            "sid": pl.Int64, "ts": UTC_US, "seq": pl.Int64, "venue": pl.String,
            "bid": pl.Float64, "ask": pl.Float64,
        },
        orient="row",
    ).sort("sid", "ts", "seq")  # fmt: skip


def standing(answer: pl.DataFrame, sid: int, seconds: float) -> tuple[float | None, float | None]:
    rows = answer.filter((pl.col("sid") == sid) & (pl.col("ts") <= at(seconds)))
    return (rows["bid"][-1], rows["ask"][-1]) if len(rows) else (None, None)


def test_the_best_of_each_side_stands_whoever_shows_it() -> None:
    answer = consolidated(frame((0, 0, "X", 10.0, 10.3), (1, 0, "Y", 10.1, 10.4)), EXPIRY)
    assert standing(answer, 0, 0) == (10.0, 10.3)
    assert standing(answer, 0, 2) == (10.1, 10.3)


def test_a_silent_venue_expires_and_the_others_stand() -> None:
    answer = consolidated(frame((0, 0, "X", 10.2, 10.3), (4, 0, "Y", 10.0, 10.4)), EXPIRY)
    assert standing(answer, 0, 4.9) == (10.2, 10.3)
    assert standing(answer, 0, 5) == (10.0, 10.4)
    assert standing(answer, 0, 9) == (None, None)


def test_a_venue_that_withdraws_one_side_keeps_the_other() -> None:
    answer = consolidated(frame((0, 0, "X", 10.0, 10.3), (1, 0, "X", 0.0, 10.2)), EXPIRY)
    assert standing(answer, 0, 1) == (None, 10.2)


def test_without_a_column_of_venues_the_expiry_is_refused() -> None:
    rows = frame((0, 0, "X", 10.0, 10.1)).select("ts", "bid", "ask", symbol=pl.lit("AAA"))
    with pytest.raises(ConfigError, match="no column venue"):
        normalise_quotes(rows, ("AAA",), QuoteRule(venue_expiry=EXPIRY))


def test_with_an_expiry_the_rule_prices_against_all_venues() -> None:
    rows = frame((0, 0, "X", 10.0, 10.3), (1, 0, "Y", 10.1, 10.4)).with_columns(
        symbol=pl.lit("AAA")
    )
    quotes = normalise_quotes(rows, ("AAA",), QuoteRule(venue_expiry=EXPIRY))
    assert quotes.frame.filter(pl.col("ts") == at(1)).row(0, named=True)["bid"] == 10.1


PRICES = st.sampled_from([None, 0.0, 9.9, 10.0, 10.1, 10.2, float("nan")])
ROWS = st.lists(
    st.tuples(
        st.integers(0, 20).map(float), st.integers(0, 1), st.sampled_from("XYZ"), PRICES, PRICES
    ),
    max_size=20,
)


@settings(max_examples=60, deadline=None)
@given(ROWS)
def test_at_every_moment_stands_what_plain_loops_find(rows: list[Row]) -> None:
    answer = consolidated(frame(*rows), EXPIRY)
    assert answer["sid"].is_sorted()
    for sid in {row[1] for row in rows}:
        began = min(row[0] for row in rows if row[1] == sid)
        for step in range(int(began * 2), 60):
            seconds = step / 2
            assert standing(answer, sid, seconds) == best(rows, sid, seconds), seconds


def best(rows: list[Row], sid: int, seconds: float) -> tuple[float | None, float | None]:
    shown: dict[str, Row] = {}
    for row in sorted(rows, key=lambda row: row[0]):
        if row[1] == sid and row[0] <= seconds:
            shown[row[2]] = row
    live = [row for row in shown.values() if seconds - row[0] < EXPIRY.total_seconds()]
    bids = [row[3] for row in live if row[3] is not None and row[3] > 0]
    asks = [row[4] for row in live if row[4] is not None and row[4] > 0]
    return max(bids, default=None), min(asks, default=None)
