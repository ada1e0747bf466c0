"""Plain fills add up on arrays to what the general way says of them, however they are cut, ordered
and counted."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import numpy as np
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
)
from costs.store_rows import MIDNIGHT, QUOTES, Row, numbered
from mechexo.costs import (
    bucket_table,
    day_pricing,
    matching,
    plain_fills,
    plain_keys,
    plain_looks,
    plain_sums,
)
from mechexo.costs.buckets import COARSE, FINE, bucket, bucket_numbers, coarser, coarser_numbers
from mechexo.costs.day_pricing import DayPart
from mechexo.costs.day_report import plan, report_by_days
from mechexo.costs.operations import report
from mechexo.desk import Desk

some = settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
PLAIN = ("day", "symbol", "hour+side", "venue+symbol")
"""Groupings of which plain fills have no need of another way."""


@given(st.lists(st.floats(-1e9, 1e9) | st.sampled_from([0.0, -0.0, 2.0**-10, -(2.0**-10)])))
@example([1e-3, -1e-3, 127.0, -127.5])
def test_buckets_of_arrays_are_those_of_expressions(values: list[float]) -> None:
    frame = pl.DataFrame({"value": values}, schema={"value": pl.Float64})
    fine = frame.select(bucket(pl.col("value"), FINE)).to_series()
    found = bucket_numbers(np.array(values, dtype=float), FINE)
    assert found.tolist() == fine.to_list()
    coarse = pl.DataFrame({"bucket": fine}).select(coarser(pl.col("bucket"), COARSE)).to_series()
    assert coarser_numbers(found, COARSE).tolist() == coarse.to_list()


def with_venues(frame: pl.DataFrame) -> pl.DataFrame:
    """Every third fill without a venue."""
    place = pl.int_range(pl.len()) % 3
    return frame.with_columns(
        venue=pl.when(place == 0).then(pl.lit("X")).when(place == 1).then(pl.lit("Y"))
    )


@pytest.mark.slow
@some
@given(
    FILLS,
    QUOTES.map(numbered),
    st.integers(1, 4),
    st.sampled_from([0, 2**22]),
    st.sampled_from([0, 16, 10**9]),
    st.booleans(),
)
def test_neither_cuts_nor_orders_nor_tables_change_a_figure(
    tmp_path: Path,
    rows: list[tuple[object, ...]],
    market: list[Row],
    at_once: int,
    many: int,
    short: int,
    asked_each: bool,
) -> None:
    desk = desk_with(tmp_path / "desk", with_venues(fills(rows)), market)
    whole = report(desk, start=START, end=END, by=PLAIN)
    with pytest.MonkeyPatch.context() as patch:
        for module in (plain_fills, plain_looks):
            patch.setattr(module, "ROWS_AT_ONCE", at_once)
        for module in (plain_sums, plain_looks):
            patch.setattr(module, "_MANY", many)
        patch.setattr(plain_keys, "_SHORT_RUNS", short)
        patch.setattr(matching, "_FIT_16_BITS", many and 65_535)
        # Minutes asked once and tables of all buckets: always, and never.
        patch.setattr(plain_keys, "_FEW_MINUTES", 10**9 if asked_each else 0)
        patch.setattr(plain_sums, "_SPARSE", 10**9 if asked_each else 0)
        patch.setattr(bucket_table, "_PLACES_A_ROW", 0 if asked_each else 10**9)
        hold_alike(whole, report_by_days(desk, start=START, end=END, by=PLAIN))


@pytest.mark.slow
@some
@given(FILLS, QUOTES.map(numbered))
def test_the_general_way_says_the_same(
    tmp_path: Path, rows: list[tuple[object, ...]], market: list[Row]
) -> None:
    desk = desk_with(tmp_path / "desk", fills(rows), market)
    found = report_by_days(desk, start=START, end=END, by=PLAIN)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(day_pricing, "OTHER_WAYS", frozenset(PLAIN))
        hold_alike(report_by_days(desk, start=START, end=END, by=PLAIN), found)


def parts(desk: Desk, by: tuple[str, ...] = PLAIN) -> list[DayPart]:
    days, pricing = plan(desk, START, END, by)
    return [pricing(day) for day in days]


def a_day(tmp_path: Path, *further: tuple[object, ...]) -> Desk:
    """A quote each second, and a fill in between."""
    at = MIDNIGHT + timedelta(hours=9)
    market = [a_quote(at + timedelta(seconds=n)) for n in range(60)]
    own = [a_fill(at + timedelta(seconds=n, milliseconds=500)) for n in range(50)]
    return desk_with(tmp_path / "desk", fills([*own, *further]), market)


def plain_count(part: DayPart) -> int:
    return 0 if part.plain is None else len(part.plain.rows)


def other_count(part: DayPart) -> int:
    return 0 if part.ledger is None else len(part.ledger)


def test_ordinary_fills_are_all_plain(tmp_path: Path) -> None:
    (part,) = parts(a_day(tmp_path))
    assert (plain_count(part), other_count(part)) == (50, 0)


def test_suspects_and_fills_without_a_quote_are_set_aside(tmp_path: Path) -> None:
    at = MIDNIGHT + timedelta(hours=9, seconds=55)
    suspect = (at, "AAA", "buy", 10.0, 120.0, 0.0, None)
    desk = a_day(tmp_path, suspect, a_fill(at, "NEVER"))
    (part,) = parts(desk)
    assert (plain_count(part), other_count(part)) == (50, 0)
    assert part.aside is not None
    assert part.aside["seen"].to_list() == [True, False]
    found = report_by_days(desk, start=START, end=END, by=PLAIN)
    hold_alike(report(desk, start=START, end=END, by=PLAIN), found)
    assert found.coverage.fills == 52
    assert [each.reason for each in found.coverage.unpriced] == ["no quote of this symbol"]
    assert [each.fill_id for each in found.coverage.suspects] == ["f050"]


def test_fills_that_may_count_all_the_same_go_the_general_way(tmp_path: Path) -> None:
    at = MIDNIGHT + timedelta(hours=9, seconds=55)
    without = (at, "AAA", "sell", 10.0, 100.0, None, None)
    (part,) = parts(a_day(tmp_path, a_fill(at, "NEVER"), without))
    assert (plain_count(part), other_count(part), part.aside) == (50, 2, None)
    assert part.coverage.fills == 52
    assert (part.coverage.unpriced_count, part.coverage.without_commission) == (1, 1)


def test_what_is_made_of_costs_is_grouped_in_the_general_way(tmp_path: Path) -> None:
    (part,) = parts(a_day(tmp_path), BY)
    assert (plain_count(part), other_count(part)) == (0, 50)


def test_parts_that_do_not_add_up_are_looked_at_in_the_general_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = a_day(tmp_path)
    found = report_by_days(desk, start=START, end=END, by=PLAIN)
    monkeypatch.setattr(plain_fills, "TOLERANCE", -1.0)
    (part,) = parts(desk)
    assert (plain_count(part), other_count(part)) == (0, 50)
    hold_alike(found, report_by_days(desk, start=START, end=END, by=PLAIN))
