"""A desk whose quotes come from several venues, each for a while (`[costs] venue_expiry`)."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from costs.engine_desks import a_fill, fills, hold_alike
from costs.store_rows import MIDNIGHT, Row, new_desk, on_store, put, quotes
from mechexo.costs.choosing import needed_mb
from mechexo.costs.day_report import report_by_days
from mechexo.costs.ingest import ingest
from mechexo.costs.operations import report, trades
from mechexo.costs.values import CostReport
from mechexo.desk import Desk

SETTINGS = """
fills = "fills.parquet"
quotes = "quotes/*.parquet"
zone = "America/New_York"
venue_expiry = "20m"
"""
MINUTE = timedelta(minutes=1)
NIGHT = [
    (MIDNIGHT - 5 * MINUTE, "AAA", 100.00, 100.02, None),
    (MIDNIGHT + 9.5 * MINUTE, "AAA", 99.90, 100.10, None),
]
"""One venue's quote before midnight, and another's after it."""


def desk_of(folder: Path, market: list[Row], moments: list[datetime]) -> Desk:
    desk = new_desk(folder, SETTINGS)
    put(desk, "day.parquet", quotes(market).with_columns(venue=pl.Series(["A", "B"])))
    fills([a_fill(at) for at in moments]).write_parquet(desk.root / "fills.parquet")
    return desk


def both_ways(desk: Desk, start: datetime, end: datetime) -> CostReport:
    whole = report(desk, start=start, end=end)
    hold_alike(whole, report_by_days(desk, start=start, end=end))
    return whole


def test_a_reference_does_not_depend_on_where_the_period_was_cut(tmp_path: Path) -> None:
    at = MIDNIGHT + 10 * MINUTE
    desk = desk_of(tmp_path / "desk", NIGHT, [at])
    for start in (MIDNIGHT, MIDNIGHT + 6 * MINUTE):
        ((fill,),) = [trades(desk, start=start, end=at + MINUTE).fills]
        assert (fill.bid, fill.ask) == (100.00, 100.02)
        assert both_ways(desk, start, at + MINUTE).totals.spread_bps == pytest.approx(1.0, 1e-3)


def test_the_newest_quote_is_a_quote_and_not_the_end_of_one(tmp_path: Path) -> None:
    at = MIDNIGHT + 10 * MINUTE
    desk = desk_of(tmp_path / "desk", NIGHT, [at])
    assert both_ways(desk, MIDNIGHT, at + MINUTE).newest_quote_at == NIGHT[1][0]


def test_what_is_read_for_the_venues_is_counted_as_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mechexo.costs.choosing.BYTES_A_QUOTE", 10**9)
    desk = desk_of(tmp_path / "desk", NIGHT, [])
    assert needed_mb(desk, MIDNIGHT + 6 * MINUTE, MIDNIGHT + 11 * MINUTE) == 2_000


def test_a_day_without_stored_quotes_is_unpriced_and_stops_nothing(tmp_path: Path) -> None:
    days = [MIDNIGHT + timedelta(days=n, hours=10) for n in (0, 1)]
    market = [
        (days[0] - timedelta(seconds=1), "AAA", 99.99, 100.01, None),
        (days[0] - timedelta(seconds=1), "BBB", 9.99, 10.01, None),
    ]
    desk = desk_of(tmp_path / "desk", market, days)
    ingest(desk)
    desk = on_store(desk)
    whole = both_ways(desk, MIDNIGHT, MIDNIGHT + timedelta(days=2))
    assert (whole.coverage.priced, whole.coverage.unpriced_count) == (1, 1)
    holiday = both_ways(desk, days[1], days[1] + MINUTE)
    assert (holiday.coverage.priced, holiday.coverage.unpriced_count) == (0, 1)
