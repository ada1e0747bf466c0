"""What holds of the kernel for every input."""

from __future__ import annotations

import math
import random
from dataclasses import replace

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costs.frames import FILLS, QUOTES, RULES, fills_frame, priced, quote_rows, quotes_frame
from costs.oracle import Fill, Quote, percentile, price
from mechexo.costs.aggregate import grouped, totals
from mechexo.costs.coverage import coverage
from mechexo.costs.rules import QuoteRule
from mechexo.costs.values import CostRow

some = settings(max_examples=20, deadline=None)


def close(first: float | None, second: float | None) -> bool:
    if first is None or second is None:
        return first is second
    return math.isclose(first, second, rel_tol=1e-9, abs_tol=1e-9)


@some
@given(FILLS, QUOTES, RULES)
def test_every_fill_is_priced_as_the_plain_loops_price_it(
    fills: list[Fill], quotes: list[Quote], rule: QuoteRule
) -> None:
    _, answer = priced(fills_frame(fills), quotes_frame(quotes), rule)
    by_id = {row["fill_id"]: row for row in answer.iter_rows(named=True)}
    assert set(by_id) == {fill.fill_id for fill in fills}
    for fill in fills:
        expected, row = price(fill, quotes, rule), by_id[fill.fill_id]
        assert row["ref_source"] == expected.source
        assert row["suspect"] == expected.suspect
        for name in ("notional", "slippage_bps", "spread_bps", "beyond_bps", "total_bps"):
            assert close(row[name], getattr(expected, name)), (fill, name)
        assert close(row["total_ccy"], expected.total_ccy)


@some
@given(FILLS, QUOTES, RULES)
def test_the_parts_of_every_fill_add_up(
    fills: list[Fill], quotes: list[Quote], rule: QuoteRule
) -> None:
    _, answer = priced(fills_frame(fills), quotes_frame(quotes), rule)
    for row in answer.filter(pl.col("ref_source") != "none").iter_rows(named=True):
        assert abs(row["slippage_bps"] - row["spread_bps"] - row["beyond_bps"]) < 1e-9
        assert close(row["slippage_ccy"], row["spread_ccy"] + row["beyond_ccy"])
        if row["commission_bps"] is not None:
            assert abs(row["total_bps"] - row["slippage_bps"] - row["commission_bps"]) < 1e-9
            assert close(row["total_ccy"], row["slippage_ccy"] + row["commission_ccy"])
        assert row["residual_bps"] < 1e-9


@some
@given(FILLS, QUOTES, RULES)
def test_a_missing_reference_gives_no_figure_rather_than_zero(
    fills: list[Fill], quotes: list[Quote], rule: QuoteRule
) -> None:
    _, answer = priced(fills_frame(fills), quotes_frame(quotes), rule)
    for row in answer.filter(pl.col("ref_source") == "none").iter_rows(named=True):
        names = ("notional", "slippage_bps", "spread_bps", "beyond_bps", "commission_bps")
        assert all(row[name] is None for name in (*names, "total_bps", "total_ccy", "bid", "mid"))
        assert row["reason"]


@some
@given(FILLS, QUOTES)
def test_buying_and_selling_mirror_each_other(fills: list[Fill], quotes: list[Quote]) -> None:
    """Mirroring every price in the mid of its quote turns each buy into a sell of equal cost."""
    rule = QuoteRule(suspect_pct=100.0)
    _, before = priced(fills_frame(fills), quotes_frame(quotes), rule)
    mids = {row["fill_id"]: row["mid"] for row in before.iter_rows(named=True)}
    mirrored = [
        replace(
            fill,
            side="sell" if fill.side == "buy" else "buy",
            price=fill.price if (mid := mids[fill.fill_id]) is None else 2 * mid - fill.price,
        )
        for fill in fills
    ]
    _, after = priced(fills_frame(mirrored), quotes_frame(quotes), rule)
    for first, second in zip(
        before.iter_rows(named=True), after.iter_rows(named=True), strict=True
    ):
        for name in ("slippage_bps", "spread_bps", "beyond_bps", "total_bps", "total_ccy"):
            assert close(first[name], second[name])


@some
@given(FILLS, QUOTES, RULES, st.randoms(use_true_random=False), st.integers(0, 25))
def test_the_order_and_the_splitting_of_the_input_change_nothing(
    fills: list[Fill], quotes: list[Quote], rule: QuoteRule, dice: random.Random, cut: int
) -> None:
    _, before = priced(fills_frame(fills), quotes_frame(quotes), rule)
    fills, quotes = list(fills), list(quotes)
    dice.shuffle(fills)
    dice.shuffle(quotes)
    pieces = pl.concat([quotes_frame(quotes[cut:]), quotes_frame(quotes[:cut])])
    _, after = priced(fills_frame(fills), pieces, rule)
    assert before.equals(after)
    assert totals(before) == totals(after)


@some
@given(FILLS, st.lists(quote_rows(flawed=False), max_size=20), RULES)
def test_of_quotes_of_one_moment_the_last_by_sequence_stands(
    fills: list[Fill], quotes: list[Quote], rule: QuoteRule
) -> None:
    narrow = [replace(each, ask=(each.bid or 0.0) + 0.02) for each in quotes]
    lasting = [replace(each, seq=place) for place, each in enumerate(narrow)]
    superseded = [replace(each, bid=50.0, ask=50.02, seq=-1) for each in narrow]
    _, alone = priced(fills_frame(fills), quotes_frame(lasting), rule)
    _, among = priced(fills_frame(fills), quotes_frame([*lasting, *superseded]), rule)
    columns = ["fill_id", "bid", "ask", "ref_source"]
    assert alone.select(columns).equals(among.select(columns))


@some
@given(
    FILLS, QUOTES, RULES, st.lists(st.sampled_from(["price", "quantity", "side", "id"]), max_size=6)
)
def test_no_fill_is_lost_between_the_input_and_the_coverage(
    fills: list[Fill], quotes: list[Quote], rule: QuoteRule, flaws: list[str]
) -> None:
    flawed = list(fills)
    for place, flaw in enumerate(flaws):
        if place >= len(flawed):
            break
        changes: dict[str, object] = {
            "price": {"price": float("nan")},
            "quantity": {"quantity": 0.0},
            "side": {"side": "hold"},
            "id": {"fill_id": "same"},
        }[flaw]  # type: ignore[assignment]
        flawed[place] = replace(flawed[place], **changes)
    checked, answer = priced(fills_frame(flawed), quotes_frame(quotes), rule)
    covered = coverage(checked, answer)
    assert covered.fills + covered.rejected_count == len(flawed)
    assert covered.priced + covered.unpriced_count + covered.suspect_count == covered.fills
    assert sum(covered.by_benchmark.values()) == covered.fills
    assert len(covered.unpriced) == covered.unpriced_count
    assert len(covered.suspects) == covered.suspect_count
    assert len(covered.rejected) == covered.rejected_count
    assert sum((covered.reasons or {}).values()) == len(flawed) - covered.priced


def sums(rows: tuple[CostRow, ...], name: str) -> float:
    return math.fsum(getattr(row, name) or 0.0 for row in rows)


@some
@given(FILLS, QUOTES, RULES, st.sampled_from(["day", "symbol", "hour", "side", "strategy"]))
def test_the_groups_of_a_dimension_add_up_to_the_total(
    fills: list[Fill], quotes: list[Quote], rule: QuoteRule, by: str
) -> None:
    _, answer = priced(fills_frame(fills), quotes_frame(quotes), rule)
    whole, rows = totals(answer), grouped(answer, [by], "America/New_York")
    for name in ("fills", "priced", "notional", "slippage_ccy", "spread_ccy", "total_ccy"):
        assert close(sums(rows, name), getattr(whole, name) or 0.0), name


@some
@given(FILLS, QUOTES, RULES)
def test_the_headline_is_weighted_by_notional_and_its_parts_add_up(
    fills: list[Fill], quotes: list[Quote], rule: QuoteRule
) -> None:
    known = [replace(fill, commission=fill.commission or 0.0) for fill in fills]
    _, answer = priced(fills_frame(known), quotes_frame(quotes), rule)
    whole = totals(answer)
    rows = [price(fill, quotes, rule) for fill in known]
    counted = [row for row in rows if row.source != "none" and not row.suspect]
    assert (whole.fills, whole.priced) == (len(known), len(counted))
    if not counted:
        assert whole.total_bps is None
        assert whole.p50_bps is None
        assert whole.commission_ccy is None
        return
    notional = math.fsum(row.notional or 0.0 for row in counted)
    assert close(
        whole.total_bps, 1e4 * math.fsum(row.total_ccy or 0.0 for row in counted) / notional
    )
    assert whole.slippage_bps is not None
    assert close(whole.slippage_bps, (whole.spread_bps or 0.0) + (whole.beyond_bps or 0.0))
    assert close(whole.total_bps, whole.slippage_bps + (whole.commission_bps or 0.0))
    each = [row.total_bps or 0.0 for row in counted]
    assert close(whole.p50_bps, percentile(each, 0.50))
    assert close(whole.p95_bps, percentile(each, 0.95))
    assert close(whole.p99_bps, percentile(each, 0.99))


def test_percentiles_are_of_type_seven() -> None:
    assert percentile([1, 2, 3, 4], 0.95) == pytest.approx(3.85)
