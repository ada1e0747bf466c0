"""Costs of groups: every figure against plain loops, and what holds of all of them."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import replace
from datetime import time

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costs.statistics_checks import check, close
from costs.statistics_oracle import (
    PARTS,
    Row,
    by_key,
    session_date,
    wall_bucket,
)
from costs.statistics_rows import HORIZON, ROWS, T0, UNPAID, priced_frame
from mechexo.costs.aggregate import fills_of, grouped, totals
from mechexo.costs.dimensions import DIMENSIONS, Grouping
from mechexo.costs.values import CostRow

pytestmark = pytest.mark.slow

some = settings(max_examples=50, deadline=None)
EXCHANGE = Grouping("America/New_York", time(18), time(9, 30), time(16))


def day_of(row: Row) -> str:
    return session_date(row.ts, EXCHANGE.day_starts, EXCHANGE.zone).isoformat()


def size_of(row: Row) -> str:
    value = row.value if row.notional is None else row.notional
    names = ("under 10k", "10k to 100k", "100k to 1M", "1M and over")
    return names[sum(value >= edge for edge in (1e4, 1e5, 1e6))]


def adv_of(row: Row) -> str:
    if not row.adv:
        return "(none)"
    names = ("under 0.01%", "0.01% to 0.1%", "0.1% to 1%", "1% to 5%", "5% and over")
    return names[sum(row.quantity / row.adv >= edge for edge in (0.0001, 0.001, 0.01, 0.05))]


KEYS: dict[str, Callable[[Row], str]] = {
    "day": day_of,
    "month": lambda row: day_of(row)[:7],
    "hour": lambda row: wall_bucket(row.ts, 60, EXCHANGE.zone),
    "half_hour": lambda row: wall_bucket(row.ts, 30, EXCHANGE.zone),
    "time_of_day": lambda row: wall_bucket(row.ts, 15, EXCHANGE.zone),
    "hour_utc": lambda row: wall_bucket(row.ts, 60, "UTC"),
    "symbol": lambda row: row.symbol,
    "side": lambda row: "buy" if row.side > 0 else "sell",
    "strategy": lambda row: row.strategy or "(none)",
    "venue": lambda row: row.venue or "(none)",
    "broker": lambda _: "(none)",
    "size": size_of,
    "adv": adv_of,
    "source": lambda row: "suspect" if row.suspect else row.source,
}


@some
@given(ROWS | UNPAID)
def test_every_figure_of_the_totals_is_what_plain_loops_find(rows: list[Row]) -> None:
    check(totals(priced_frame(rows, markouts=True)), rows)


@some
@given(ROWS, st.lists(st.sampled_from(sorted(KEYS)), min_size=1, max_size=3, unique=True))
def test_every_figure_of_every_group_is_what_plain_loops_find(
    rows: list[Row], by: list[str]
) -> None:
    found = grouped(priced_frame(rows, markouts=True), by, EXCHANGE)
    expected = by_key(rows, lambda row: tuple(KEYS[name](row) for name in by))
    assert [tuple(row.key) for row in found] == [tuple(by)] * len(found)
    assert {tuple(row.key.values()) for row in found} == set(expected)
    assert len(found) == len(expected)
    for row in found:
        check(row, expected[tuple(row.key.values())])


@some
@given(ROWS, st.lists(st.sampled_from(sorted(DIMENSIONS)), min_size=1, max_size=3, unique=True))
def test_groups_add_up_to_the_total_with_their_notional_as_weight(
    rows: list[Row], by: list[str]
) -> None:
    frame = priced_frame(rows, markouts=True)
    whole, parts = totals(frame), grouped(frame, by, EXCHANGE)
    assert sum(part.fills for part in parts) == whole.fills == len(rows)
    assert sum(part.priced for part in parts) == whole.priced
    for name in PARTS:
        weights = [part.component_notional[name] for part in parts]
        sums = [
            (getattr(part, f"{name}_bps") or 0.0) * weight
            for part, weight in zip(parts, weights, strict=True)
        ]
        assert close(math.fsum(weights), whole.component_notional[name])
        if not any(weights):
            assert getattr(whole, f"{name}_bps") is None
        else:
            assert close(math.fsum(sums) / math.fsum(weights), getattr(whole, f"{name}_bps"))


@some
@given(ROWS, st.sampled_from(sorted(DIMENSIONS)))
def test_the_components_of_every_group_add_up_to_its_total(rows: list[Row], by: str) -> None:
    whole = [
        replace(row, commission=row.commission or 0.0)
        for row in rows
        if row.source in ("quote", "stale", "none")
    ]
    for row in grouped(priced_frame(whole, markouts=True), [by], EXCHANGE):
        if row.total_bps is None:
            assert row.priced == 0
            continue
        assert row.slippage_bps is not None
        assert close(row.slippage_bps, (row.spread_bps or 0.0) + (row.beyond_bps or 0.0))
        assert close(row.total_bps, row.slippage_bps + (row.commission_bps or 0.0))
        assert row.slippage_ccy is not None
        assert close(row.slippage_ccy, (row.spread_ccy or 0.0) + (row.beyond_ccy or 0.0))
        assert close(row.total_ccy, row.slippage_ccy + (row.commission_ccy or 0.0))


@some
@given(ROWS)
def test_realised_spread_and_impact_add_up_to_the_slippage(rows: list[Row]) -> None:
    known = [row for row in rows if row.later_mid is not None]
    row = totals(priced_frame(known, markouts=True))
    assert row.realised_bps is not None
    assert row.impact_bps is not None
    if row.slippage_bps is not None:
        parts = (row.realised_bps[HORIZON] or 0.0) + (row.impact_bps[HORIZON] or 0.0)
        assert close(parts, row.slippage_bps)


def same(first: CostRow, second: CostRow) -> bool:
    """Whether two rows differ in nothing but the last digits of their sums."""
    for name in CostRow.__dataclass_fields__:
        one, other = getattr(first, name), getattr(second, name)
        if isinstance(one, float) and isinstance(other, float):
            if not close(one, other):
                return False
        elif isinstance(one, dict) and name not in ("key", "sources"):
            if set(one) != set(other) or not all(close(one[key], other[key]) for key in one):
                return False
        elif name != "sources" and one != other:
            return False
    return True


@some
@given(ROWS, st.sampled_from(sorted(DIMENSIONS)), st.randoms(use_true_random=False))
def test_the_order_of_the_fills_changes_nothing(
    rows: list[Row], by: str, dice: random.Random
) -> None:
    frame = priced_frame(rows, markouts=True)
    order = list(range(len(rows)))
    dice.shuffle(order)
    shuffled = frame[order] if order else frame
    before, after = grouped(frame, [by], EXCHANGE), grouped(shuffled, [by], EXCHANGE)
    assert [row.key for row in before] == [row.key for row in after]
    assert all(same(one, other) for one, other in zip(before, after, strict=True))


@some
@given(ROWS, st.lists(st.sampled_from(sorted(DIMENSIONS)), min_size=1, max_size=2, unique=True))
def test_the_fills_behind_a_row_are_the_ones_that_give_it(rows: list[Row], by: list[str]) -> None:
    frame = priced_frame(rows, markouts=True)
    for row in grouped(frame, by, EXCHANGE):
        behind = fills_of(frame, row.key, EXCHANGE)
        assert behind.columns == frame.columns
        assert same(replace(totals(behind), key=row.key), row)


def fill(fill_id: str, price: float, quantity: float = 100, **changes: object) -> Row:
    return replace(Row(fill_id, T0, "AAA", 1, quantity, price, 100.0, 0.01), **changes)  # type: ignore[arg-type]


def test_percentiles_are_of_type_seven() -> None:
    row = totals(priced_frame([fill(str(n), 100 + n / 100) for n in (1, 2, 3, 4)]))
    assert row.p95_bps == pytest.approx(3.85)
    assert row.p50_bps == pytest.approx(2.5)
    assert row.p5_bps == pytest.approx(1.15)


def test_a_weighted_percentile_is_a_value_that_some_fill_had() -> None:
    cheap, dear = fill("a", 100.01, quantity=50), fill("b", 100.05, quantity=50)
    row = totals(priced_frame([cheap, dear]))
    assert row.weighted_p50_bps == pytest.approx(1.0)
    assert row.weighted_p95_bps == pytest.approx(5.0)
    heavier = totals(priced_frame([cheap, replace(dear, quantity=51.0)]))
    assert heavier.weighted_p50_bps == pytest.approx(5.0)


def test_equal_weights_whose_sum_rounds_still_reach_their_half() -> None:
    """Five times 0.001 is less than half of ten times 0.001, in floats."""
    row = totals(priced_frame([fill(str(n), 100 + n / 100, quantity=1e-5) for n in range(10)]))
    assert row.weighted_p50_bps == pytest.approx(4.0)


def test_an_outlier_is_drawn_in_and_not_deleted() -> None:
    row = totals(priced_frame([fill(f"{n:03}", 100.01) for n in range(199)] + [fill("out", 104.0)]))
    assert row.max_bps == pytest.approx(400.0)
    assert row.mean_bps == pytest.approx((199 + 400) / 200)
    assert row.winsorised_mean_bps == pytest.approx(1.0)
    assert row.with_total == 200


def test_nineteen_fills_are_few_and_twenty_are_not() -> None:
    fills = [fill(f"{n:02}", 100.01) for n in range(20)]
    assert totals(priced_frame(fills[:19])).few
    assert not totals(priced_frame(fills)).few


def test_one_fill_has_no_deviation_rather_than_zero() -> None:
    row = totals(priced_frame([fill("a", 100.01)]))
    assert (row.sd_bps, row.se_bps) == (None, None)
    assert row.mean_bps == row.p99_bps == row.weighted_p95_bps == pytest.approx(1.0)


def test_a_component_that_some_lack_stands_on_the_others_and_says_so() -> None:
    quoted = fill("a", 100.02, commission=None)
    against_trade = fill("b", 100.04, source="trade", half=None, commission=2.0)
    row = totals(priced_frame([quoted, against_trade]))
    assert row.slippage_bps == pytest.approx(3.0)
    assert row.spread_bps == pytest.approx(1.0)
    assert row.total_bps == pytest.approx(6.0)
    assert row.component_notional == pytest.approx(
        {"slippage": 20_000, "spread": 10_000, "beyond": 10_000, "commission": 1e4, "total": 1e4}
    )


def test_without_any_commission_the_slippages_have_their_statistics() -> None:
    unpaid = [fill(f"{n}", 100 + n / 100, commission=None) for n in range(5)]
    row = totals(priced_frame(unpaid))
    assert (row.total_bps, row.p50_bps, row.with_total) == (None, None, 0)
    assert row.slippage_statistics is not None
    assert row.slippage_statistics["p50_bps"] == pytest.approx(2.0)
    assert row.slippage_statistics["max_bps"] == pytest.approx(4.0)
    one_paid = totals(priced_frame([*unpaid, fill("paid", 100.07)]))
    assert (one_paid.slippage_statistics, one_paid.with_total) == (None, 1)
    assert one_paid.p50_bps == pytest.approx(7.0)


def test_a_markout_that_some_lack_says_how_many_have_it() -> None:
    seen, unseen = fill("a", 100.01, later_mid=100.02), fill("b", 100.01)
    row = totals(priced_frame([seen, unseen], markouts=True))
    assert row.markout_fills == {HORIZON: 1}
    assert (row.priced, row.realised_bps) == (2, {HORIZON: pytest.approx(-1.0)})


def test_without_markouts_there_is_no_realised_spread() -> None:
    row = totals(priced_frame([fill("a", 100.01)]))
    assert (row.realised_bps, row.impact_bps, row.markout_fills) == (None, None, None)


def test_without_fills_there_is_nothing_and_nothing_is_zero() -> None:
    frame = priced_frame([], markouts=True)
    assert grouped(frame, ["day", "size"], EXCHANGE) == ()
    row = totals(frame)
    assert (row.fills, row.with_total, row.sources) == (0, 0, {})
    assert {row.total_bps, row.mean_bps, row.p95_bps, row.weighted_p50_bps, row.sd_bps} == {None}
    assert row.realised_bps == {HORIZON: None}


def test_a_tag_of_the_desk_is_a_dimension_and_may_be_missing_in_the_fills() -> None:
    frame = priced_frame([fill("a", 100.01), fill("b", 100.02)])
    rules = Grouping(tags=("algo", "desk"))
    tagged = frame.with_columns(algo=pl.Series(["twap", None]))
    keys = [tuple(row.key.items()) for row in grouped(tagged, ["algo", "desk"], rules)]
    assert keys == [
        (("algo", "(none)"), ("desk", "(none)")),
        (("algo", "twap"), ("desk", "(none)")),
    ]


@pytest.mark.slow
def test_duckdb_finds_the_same_figures_of_fifty_thousand_fills() -> None:
    duckdb = pytest.importorskip("duckdb")
    dice = random.Random(11)
    rows = [
        fill(
            f"f{n:05}",
            100 + dice.gauss(0, 0.05),
            quantity=float(dice.randint(1, 5_000)),
            symbol=dice.choice(["AAA", "BBB", "CCC", "DDD"]),
            side=dice.choice([1, -1]),
            commission=dice.choice([None, 0.5, 2.0]),
            source=dice.choice(["quote", "quote", "trade", "none"]),
        )
        for n in range(50_000)
    ]
    rows = [
        replace(row, mid=None if row.source == "none" else row.mid, half=None)
        if row.source in ("trade", "none")
        else row
        for row in rows
    ]
    frame = priced_frame(rows)
    columns = [
        "symbol",
        "side",
        "notional",
        "reason",
        "total_bps",
        "total_ccy",
        "spread_ccy",
        "slippage_ccy",
    ]
    connection = duckdb.connect()
    connection.execute(
        "CREATE TABLE fill (symbol TEXT, side INTEGER, notional DOUBLE, reason TEXT,"
        " total_bps DOUBLE, total_ccy DOUBLE, spread_ccy DOUBLE, slippage_ccy DOUBLE)"
    )
    connection.register("given", frame.select(columns).to_arrow())
    connection.execute("INSERT INTO fill SELECT * FROM given")
    found = connection.execute(
        "SELECT symbol, CASE WHEN side>0 THEN 'buy' ELSE 'sell' END, count(*),"
        " 1e4*sum(total_ccy)/sum(notional) FILTER (total_ccy IS NOT NULL),"
        " 1e4*sum(spread_ccy)/sum(notional) FILTER (spread_ccy IS NOT NULL),"
        " 1e4*sum(slippage_ccy)/sum(notional), avg(total_bps), stddev_samp(total_bps),"
        " quantile_cont(total_bps, [0.05, 0.25, 0.5, 0.75, 0.95, 0.99])"
        " FROM fill WHERE reason IS NULL GROUP BY ALL ORDER BY 1, 2"
    ).fetchall()
    ours = grouped(frame, ["symbol", "side"], EXCHANGE)
    assert [(each[0], each[1], each[2]) for each in found] == [
        (row.key["symbol"], row.key["side"], row.priced) for row in ours
    ]
    for row, theirs in zip(ours, found, strict=True):
        figures = (row.total_bps, row.spread_bps, row.slippage_bps, row.mean_bps, row.sd_bps)
        assert figures == pytest.approx(theirs[3:8], rel=1e-9)
        percentiles = (
            *(row.p5_bps, row.p25_bps, row.p50_bps, row.p75_bps, row.p95_bps, row.p99_bps),
        )
        assert percentiles == pytest.approx(tuple(theirs[8]), rel=1e-9)
