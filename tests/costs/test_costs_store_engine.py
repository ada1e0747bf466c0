"""Day by day says what the whole period at once says, wherever days are cut."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from costs.engine_desks import (
    BY,
    END,
    FILLS,
    START,
    a_fill,
    a_quote,
    desk_with,
    fills,
    hold_alike,
    whole_and_by_days,
)
from costs.store_rows import MIDNIGHT, QUOTES, Row, numbered, on_store, put, quotes
from mechexo.costs import day_pricing, engine_fills
from mechexo.costs.day_report import report_by_days
from mechexo.costs.engine import LocalEngine
from mechexo.costs.ingest import ingest
from mechexo.costs.operations import report
from mechexo.desk import Desk
from mechexo.errors import UnreachableError, UsageError

pytestmark = pytest.mark.slow

some = settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
EXPIRY = timedelta(seconds=30)


@some
@given(
    FILLS, QUOTES.map(numbered), st.sampled_from(["", 'quote_rule = "at_or_before"\nlag_us = 1\n'])
)
@example([], [], "")
def test_by_days_is_the_whole_period(
    tmp_path: Path, rows: list[tuple[object, ...]], market: list[Row], more: str
) -> None:
    desk = desk_with(tmp_path / "desk", fills(rows), market, more)
    hold_alike(*whole_and_by_days(desk))


@some
@given(FILLS, QUOTES.map(numbered), st.integers(1, 3))
def test_by_days_from_the_store_is_the_whole_period_from_files(
    tmp_path: Path, rows: list[tuple[object, ...]], market: list[Row], files: int
) -> None:
    if not market:
        return
    desk = desk_with(tmp_path / "desk", fills(rows), market, files=files)
    whole = report(desk, start=START, end=END, by=BY)
    ingest(desk)
    hold_alike(whole, report_by_days(on_store(desk), start=START, end=END, by=BY))


@some
@given(FILLS, QUOTES.map(numbered), st.data())
def test_fills_that_are_read_day_by_day_are_checked_as_all_together(
    tmp_path: Path, rows: list[tuple[object, ...]], market: list[Row], data: st.DataObject
) -> None:
    size = len(rows)
    ids = data.draw(
        st.lists(st.sampled_from([f"f{n}" for n in range(12)]), min_size=size, max_size=size)
    )
    words = data.draw(
        st.lists(
            st.sampled_from([None, None, None, "bust", "correct"]), min_size=size, max_size=size
        )
    )
    frame = fills(rows, ids).with_columns(correction=pl.Series(words, dtype=pl.String))
    desk = desk_with(tmp_path / "desk", frame, market, files=data.draw(st.integers(1, 3)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine_fills, "_BYTES_READ", 1e12)
        hold_alike(*whole_and_by_days(desk))


@some
@given(FILLS, QUOTES.map(numbered), st.sampled_from(["X", "Y"]))
def test_venues_are_brought_together_across_midnight_too(
    tmp_path: Path, rows: list[tuple[object, ...]], market: list[Row], venue: str
) -> None:
    desk = desk_with(
        tmp_path / "desk", fills(rows), market, f'venue_expiry = "{EXPIRY.seconds}s"\n'
    )
    frame = quotes(market).with_columns(
        venue=pl.when(pl.int_range(pl.len()) % 2 == 0).then(pl.lit("X")).otherwise(pl.lit(venue))
    )
    put(desk, "0.parquet", frame)
    whole, by_days = whole_and_by_days(desk)
    hold_alike(whole, by_days)
    assert whole.newest_quote_at in {None, *(row[0] for row in market)}


@some
@given(FILLS, QUOTES.map(numbered))
def test_lower_rungs_are_read_for_the_day_alone(
    tmp_path: Path, rows: list[tuple[object, ...]], market: list[Row]
) -> None:
    more = 'trades = "trades.parquet"\nbars = "bars.parquet"\n'
    desk = desk_with(tmp_path / "desk", fills(rows), market[::2], more)
    lower = quotes(market[1::2])
    lower.select("ts", "symbol", price="bid").write_parquet(desk.root / "trades.parquet")
    lower.select("ts", "symbol", close="ask").write_parquet(desk.root / "bars.parquet")
    hold_alike(*whole_and_by_days(desk))


@some
@given(FILLS, QUOTES.map(numbered), st.sampled_from([1, 2, 5]))
def test_neither_workers_nor_memory_change_the_answer(
    tmp_path: Path, rows: list[tuple[object, ...]], market: list[Row], workers: int
) -> None:
    desk = desk_with(tmp_path / "desk", fills(rows), market)
    whole, by_days = whole_and_by_days(desk, engine=LocalEngine(workers, 0))
    hold_alike(whole, by_days)


@some
@given(FILLS, QUOTES.map(numbered), st.integers(1, 7), st.sampled_from([BY, BY[:3]]))
def test_fills_that_are_priced_a_few_at_a_time_add_up_to_the_same(
    tmp_path: Path,
    rows: list[tuple[object, ...]],
    market: list[Row],
    at_once: int,
    by: tuple[str, ...],
) -> None:
    desk = desk_with(tmp_path / "desk", fills(rows), market[::2], 'trades = "trades.parquet"\n')
    lower = quotes(market[1::2]).select("ts", "symbol", price="bid")
    lower.write_parquet(desk.root / "trades.parquet")
    whole = report(desk, start=START, end=END, by=by)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(day_pricing, "ROWS_AT_ONCE", at_once)
        hold_alike(whole, report_by_days(desk, start=START, end=END, by=by))


@some
@given(FILLS, QUOTES.map(numbered))
def test_what_waits_on_the_disk_is_looked_at_again_all_the_same(
    tmp_path: Path, rows: list[tuple[object, ...]], market: list[Row]
) -> None:
    desk = desk_with(tmp_path / "desk", fills(rows), market)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine_fills, "_BYTES_READ", 1e12)
        patch.setattr("mechexo.costs.day_sums.LEDGER_SHARE", 10**9)
        hold_alike(*whole_and_by_days(desk))


def test_a_crossed_market_through_midnight_is_resolved_as_far_back_as_it_takes(
    tmp_path: Path,
) -> None:
    crossed = [
        (MIDNIGHT + timedelta(hours=h), "AAA", 100.01, 99.99, None) for h in (-30, -20, -2, 0, 1)
    ]
    market = [a_quote(MIDNIGHT - timedelta(hours=40)), *crossed]
    desk = desk_with(
        tmp_path / "desk", fills([a_fill(MIDNIGHT + timedelta(hours=1, seconds=5))]), market
    )
    whole, by_days = whole_and_by_days(desk)
    hold_alike(whole, by_days)
    assert whole.coverage.unpriced[0].reason == "no valid quote recent enough before it"


def test_a_markout_after_a_days_last_quote_is_known_when_later_days_have_quotes(
    tmp_path: Path,
) -> None:
    close = MIDNIGHT + timedelta(hours=16)
    market = [a_quote(close), a_quote(close + timedelta(days=1))]
    desk = desk_with(tmp_path / "desk", fills([a_fill(close + timedelta(seconds=5))]), market)
    whole, by_days = whole_and_by_days(desk)
    hold_alike(whole, by_days)
    assert whole.markouts[0].fills == 1
    desk = desk_with(tmp_path / "desk", fills([a_fill(close + timedelta(seconds=5))]), market[:1])
    whole, by_days = whole_and_by_days(desk)
    hold_alike(whole, by_days)
    assert whole.markouts[0].fills == 0


def test_a_day_that_fails_fails_the_report(tmp_path: Path) -> None:
    rows = [a_fill(MIDNIGHT + timedelta(days=n, hours=9)) for n in (-1, 0, 1)]
    desk = desk_with(tmp_path / "desk", fills(rows), [a_quote(MIDNIGHT)])
    (desk.root / "quotes" / "0.parquet").write_bytes(b"PAR1")
    with pytest.raises(UnreachableError, match=r"0\.parquet cannot be read"):
        report_by_days(desk, start=START, end=END)


def test_words_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    desk = desk_with(tmp_path / "desk", fills([]), [])
    with pytest.raises(UsageError, match="did you mean day"):
        report_by_days(desk, start=START, end=END, by=("dya",))
    with pytest.raises(UsageError, match="must end after its start"):
        report_by_days(desk, start=END, end=START)


def test_zones_of_utc_and_of_the_desk_are_days_too(tmp_path: Path) -> None:
    rows = [a_fill(datetime(2026, 3, 8, hour, tzinfo=UTC)) for hour in (0, 4, 5, 23)]
    desk = desk_with(
        tmp_path / "desk", fills(rows), [a_quote(datetime(2026, 3, 7, 23, tzinfo=UTC))]
    )
    text = desk.config_path.read_text().replace('zone = "America/New_York"\n', "")
    desk.config_path.write_text(text)
    hold_alike(*whole_and_by_days(Desk.open(desk.config_path, clock=desk.clock, actor=desk.actor)))


def test_the_hour_that_a_day_has_twice_is_read_too(tmp_path: Path) -> None:
    """On 1 November clocks go back: the day ends 25 hours after its start."""
    last_hour = datetime(2026, 11, 2, 4, tzinfo=UTC)
    market = [a_quote(last_hour + timedelta(seconds=30 * n)) for n in range(-30, 50)]
    at = last_hour - timedelta(minutes=5)
    desk = desk_with(tmp_path / "desk", fills([a_fill(at)]), market)
    period = {"start": at - timedelta(hours=1), "end": at + timedelta(minutes=1), "by": BY}
    whole = report(desk, **period)
    hold_alike(whole, report_by_days(desk, **period))
    assert [point.fills for point in whole.markouts] == [1, 1]
