"""What a fill is measured against when there is no quote."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costs.frames import FILLS, QUOTES, UTC_US, fills_frame, quotes_frame
from costs.oracle import Fill, Quote, at, price
from mechexo.costs.fills import normalise_fills
from mechexo.costs.kernel import price_fills
from mechexo.costs.ladder import NO_AUCTION_PRICE
from mechexo.costs.quotes import normalise_quotes
from mechexo.costs.rules import QuoteRule
from mechexo.errors import ConfigError

RULE = QuoteRule(max_age=timedelta(seconds=10))
BUY = Fill("f", at(100), "AAA", "buy", 10, 101.0, 2.0)


def trades_frame(*rows: tuple[float, str, float]) -> pl.DataFrame:
    return pl.DataFrame(
        [(at(seconds), symbol, paid) for seconds, symbol, paid in rows],
        schema={"ts": UTC_US, "symbol": pl.String, "price": pl.Float64},
        orient="row",
    )


def bars_frame(*rows: tuple[float, str, float, float]) -> pl.DataFrame:
    return pl.DataFrame(
        [(at(seconds), symbol, high, low) for seconds, symbol, high, low in rows],
        schema={"ts": UTC_US, "symbol": pl.String, "high": pl.Float64, "low": pl.Float64},
        orient="row",
    )


def one(
    fills: pl.DataFrame,
    quotes: list[Quote] | None = None,
    trades: pl.DataFrame | None = None,
    bars: pl.DataFrame | None = None,
    rule: QuoteRule = RULE,
) -> dict[str, object]:
    checked = normalise_fills(fills, "USD")
    symbols = tuple(checked.accepted["symbol"].unique().sort())
    known = normalise_quotes(quotes_frame(quotes or []), symbols, rule)
    return price_fills(checked, known, rule, trades=trades, bars=bars).row(0, named=True)


def with_columns(fill: Fill, **values: object) -> pl.DataFrame:
    return fills_frame([fill]).with_columns(**{k: pl.lit(v) for k, v in values.items()})


def test_a_quote_comes_before_every_other_reference() -> None:
    row = one(
        fills_frame([BUY]),
        [Quote(at(95), "AAA", 100.0, 100.2)],
        trades_frame((99, "AAA", 100.9)),
        bars_frame((60, "AAA", 101.0, 99.0)),
    )
    assert (row["ref_source"], row["mid"]) == ("quote", 100.1)


def test_without_a_quote_the_last_trade_is_the_reference_and_there_is_no_spread() -> None:
    row = one(fills_frame([BUY]), [], trades_frame((90, "AAA", 99.0), (98, "AAA", 100.0)))
    assert (row["ref_source"], row["mid"], row["quote_age_us"]) == ("trade", 100.0, 2_000_000)
    assert row["slippage_bps"] == pytest.approx(100.0)
    assert row["total_ccy"] == pytest.approx(12.0)
    assert (row["spread_bps"], row["beyond_bps"], row["spread_ccy"]) == (None, None, None)
    assert row["reason"] is None


@pytest.mark.parametrize("numbers", [[2, 1, None], [None, 2, 1], [2, None, 1]])
def test_of_the_trades_of_one_moment_the_last_by_its_number_is_the_reference(
    numbers: list[int | None],
) -> None:
    prices = {2: 101.0, 1: 100.0, None: 99.0}
    trades = trades_frame(*((98, "AAA", prices[number]) for number in numbers))
    trades = trades.with_columns(seq=pl.Series(numbers, dtype=pl.Int64))
    assert one(fills_frame([BUY]), [], trades)["mid"] == 101.0


def test_a_later_trade_is_the_reference_also_with_a_smaller_number() -> None:
    trades = trades_frame((98, "AAA", 101.0), (97, "AAA", 100.0))
    trades = trades.with_columns(seq=pl.Series([1, 2], dtype=pl.Int64))
    assert one(fills_frame([BUY]), [], trades)["mid"] == 101.0


def test_a_trade_of_the_fills_own_moment_may_be_the_fill_itself() -> None:
    trades = trades_frame((100, "AAA", 101.0))
    assert one(fills_frame([BUY]), [], trades)["ref_source"] == "none"
    inclusive = replace(RULE, strictly_before=False)
    assert one(fills_frame([BUY]), [], trades, rule=inclusive)["ref_source"] == "trade"


def test_a_trade_too_old_or_of_another_symbol_is_no_reference() -> None:
    trades = trades_frame((49.9, "AAA", 100.0), (99, "BBB", 100.0))
    assert one(fills_frame([BUY]), [], trades)["ref_source"] == "none"
    assert one(fills_frame([BUY]), [], trades_frame((50, "AAA", 100.0)))["ref_source"] == "trade"


def test_below_trades_stands_the_middle_of_the_last_whole_bar() -> None:
    bars = bars_frame((60, "AAA", 90.0, 80.0), (100, "AAA", 102.0, 100.0), (160, "AAA", 1.0, 1.0))
    row = one(fills_frame([BUY]), [], trades_frame(), bars)
    assert (row["ref_source"], row["mid"], row["quote_age_us"]) == ("bar", 101.0, 0)


def test_bars_without_high_and_low_use_their_close_and_without_that_are_refused() -> None:
    closes = bars_frame((90, "AAA", 1.0, 1.0)).select("ts", "symbol", close=pl.lit(100.5))
    assert one(fills_frame([BUY]), [], None, closes)["mid"] == 100.5
    with pytest.raises(ConfigError, match="neither high and low nor close"):
        one(fills_frame([BUY]), [], None, closes.drop("close"))


def test_the_brokers_reference_price_is_the_last_rung() -> None:
    row = one(with_columns(BUY, arrival_price=100.0))
    assert (row["ref_source"], row["mid"], row["quote_age_us"]) == ("arrival", 100.0, None)
    traded = one(with_columns(BUY, arrival_price=100.0), [], trades_frame((99, "AAA", 100.4)))
    assert traded["ref_source"] == "trade"


@pytest.mark.parametrize("bad", [0.0, -1.0, float("nan"), float("inf"), None])
def test_a_reference_that_is_no_price_is_none(bad: float | None) -> None:
    fills = fills_frame([BUY]).with_columns(arrival_price=pl.lit(bad, dtype=pl.Float64))
    trades = trades_frame((99, "AAA", bad)) if bad is not None else None
    row = one(fills, [], trades)
    assert (row["ref_source"], row["mid"], row["slippage_bps"]) == ("none", None, None)


def test_a_fill_in_an_auction_is_measured_against_the_auction() -> None:
    row = one(
        with_columns(BUY, auction="Opening", auction_price=100.5),
        [Quote(at(99), "AAA", 90.0, 110.0)],
    )
    assert (row["ref_source"], row["mid"], row["spread_ccy"]) == ("auction", 100.5, 0.0)
    assert row["beyond_ccy"] == pytest.approx(5.0)


def test_a_fill_in_an_auction_without_its_price_has_no_reference() -> None:
    fills = with_columns(BUY, auction="close", arrival_price=100.0).with_columns(
        auction_price=pl.lit(None, dtype=pl.Float64)
    )
    row = one(fills, [Quote(at(99), "AAA", 100.0, 100.2)])
    assert (row["ref_source"], row["reason"]) == ("none", NO_AUCTION_PRICE)
    assert row["total_bps"] is None


def test_a_fill_far_from_a_lower_rung_is_suspect_too() -> None:
    row = one(fills_frame([BUY]), [], trades_frame((99, "AAA", 50.0)))
    assert row["suspect"]
    assert "from the mid" in str(row["reason"])


def test_a_lag_makes_quotes_and_trades_known_later() -> None:
    quotes = [Quote(at(98), "AAA", 99.0, 99.2), Quote(at(99.5), "AAA", 100.0, 100.2)]
    lagging = replace(RULE, lag_us=1_000_000)
    row = one(fills_frame([BUY]), quotes, rule=lagging)
    assert (row["mid"], row["quote_age_us"]) == (99.1, 2_000_000)
    trades = trades_frame((98, "AAA", 99.0), (99.5, "AAA", 100.0))
    assert one(fills_frame([BUY]), [], trades, rule=lagging)["mid"] == 99.0
    oldest = [Quote(at(50), "AAA", 99.0, 99.2)]
    assert one(fills_frame([BUY]), oldest)["ref_source"] == "stale"
    assert one(fills_frame([BUY]), oldest, rule=lagging)["ref_source"] == "stale", "age counts"
    older = [Quote(at(49.9), "AAA", 99.0, 99.2)]
    assert one(fills_frame([BUY]), older, rule=lagging)["ref_source"] == "none"


STEPS = st.integers(0, 60).map(lambda step: step * 10.0)
TRADES = st.lists(
    st.tuples(
        STEPS,
        st.sampled_from(["AAA", "BBB"]),
        st.sampled_from([100.0, 99.5, 0.0, float("nan"), 100.25]),
    ),
    max_size=12,
)
BARS = st.lists(
    st.tuples(
        STEPS,
        st.sampled_from(["AAA", "BBB"]),
        st.sampled_from([100.0, 101.0]),
        st.sampled_from([99.0, 100.5, 0.0]),
    ),
    max_size=8,
)
ARRIVALS = st.sampled_from([None, 100.0, -1.0])


@settings(max_examples=40, deadline=None)
@given(FILLS, QUOTES, TRADES, BARS, ARRIVALS, st.booleans())
def test_the_ladder_is_the_one_that_plain_loops_climb(
    fills: list[Fill],
    quotes: list[Quote],
    trades: list[tuple[float, str, float]],
    bars: list[tuple[float, str, float, float]],
    arrival: float | None,
    strictly: bool,
) -> None:
    rule = QuoteRule(timedelta(seconds=30), strictly)
    checked = normalise_fills(
        fills_frame(fills).with_columns(arrival_price=pl.lit(arrival, dtype=pl.Float64)), "USD"
    )
    symbols = tuple(checked.accepted["symbol"].unique().sort())
    answer = price_fills(
        checked,
        normalise_quotes(quotes_frame(quotes), symbols, rule),
        rule,
        trades=trades_frame(*trades),
        bars=bars_frame(*bars),
    )
    assert len(answer) == len(fills)
    by_id = {row["fill_id"]: row for row in answer.iter_rows(named=True)}
    for fill in fills:
        source, mid = climb(fill, quotes, trades, bars, arrival, rule)
        row = by_id[fill.fill_id]
        assert row["ref_source"] == source, fill
        assert row["mid"] == (None if mid is None else pytest.approx(mid, rel=1e-12))
        assert (row["spread_ccy"] is None) == (source not in ("quote", "stale"))


def climb(
    fill: Fill,
    quotes: list[Quote],
    trades: list[tuple[float, str, float]],
    bars: list[tuple[float, str, float, float]],
    arrival: float | None,
    rule: QuoteRule,
) -> tuple[str, float | None]:
    quoted = price(fill, quotes, rule)
    if quoted.source != "none":
        assert quoted.notional is not None
        return quoted.source, quoted.notional / (fill.quantity * fill.multiplier * fill.fx)

    def known(seconds: float, symbol: str, *, strictly: bool) -> bool:
        age = fill.ts - at(seconds)
        soon = timedelta(0) < age if strictly else timedelta(0) <= age
        return symbol == fill.symbol and soon and age <= rule.usable_age

    prints = [
        (seconds, place, paid)
        for place, (seconds, symbol, paid) in enumerate(trades)
        if paid > 0 and known(seconds, symbol, strictly=rule.strictly_before)
    ]
    if prints:
        return "trade", max(prints)[2]
    whole = [
        (seconds, place, (high + low) / 2)
        for place, (seconds, symbol, high, low) in enumerate(bars)
        if low > 0 and high >= low and known(seconds, symbol, strictly=False)
    ]
    if whole:
        return "bar", max(whole)[2]
    return ("arrival", arrival) if arrival is not None and arrival > 0 else ("none", None)
