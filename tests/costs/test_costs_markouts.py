"""The market after a fill."""

from __future__ import annotations

import os
from bisect import bisect_right
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings

from costs.frames import FILLS, QUOTES, RULES, fills_frame, quotes_frame
from costs.oracle import Fill, Quote, at, price
from mechexo.costs.fills import normalise_fills
from mechexo.costs.kernel import price_fills
from mechexo.costs.markouts import add_markouts, horizon_label
from mechexo.costs.quotes import normalise_quotes
from mechexo.costs.rules import QuoteRule

SHARED = Path(os.environ.get("MECHEXO_TEST_DATA", Path(__file__).parents[3] / "shared" / "data"))
TEN, MINUTE = timedelta(seconds=10), timedelta(minutes=1)


def marked_out(
    fills: list[Fill], quotes: list[Quote], rule: QuoteRule, *horizons: timedelta
) -> pl.DataFrame:
    checked = normalise_fills(fills_frame(fills), "USD")
    known = normalise_quotes(
        quotes_frame(quotes), tuple(checked.accepted["symbol"].unique().sort()), rule
    )
    return add_markouts(price_fills(checked, known, rule), known, rule, horizons)


@pytest.mark.parametrize(
    ("horizon", "label"),
    [
        (timedelta(milliseconds=50), "50ms"),
        (timedelta(seconds=1), "1s"),
        (timedelta(seconds=90), "90s"),
        (timedelta(minutes=5), "5m"),
        (timedelta(hours=1), "1h"),
        (timedelta(microseconds=7), "7us"),
    ],
)
def test_a_horizon_is_called_by_its_largest_whole_unit(horizon: timedelta, label: str) -> None:
    assert horizon_label(horizon) == label


def test_a_buy_before_a_rise_has_impact_and_a_negative_realised_spread() -> None:
    quotes = [
        Quote(at(0), "AAA", 99.9, 100.1),
        Quote(at(12), "AAA", 100.4, 100.6),
        Quote(at(90), "AAA", 100.0, 100.2),
    ]
    fill = Fill("f", at(5), "AAA", "buy", 10, 100.1, 0.0)
    row = marked_out([fill], quotes, QuoteRule(), TEN, MINUTE).row(0, named=True)
    assert row["mid_10s"] == pytest.approx(100.5)
    assert row["impact_10s_ccy"] == pytest.approx(5.0)
    assert row["realised_10s_ccy"] == pytest.approx(-4.0)
    assert row["realised_10s_bps"] == pytest.approx(-40.0)
    assert row["mid_1m"] == pytest.approx(100.5), "the quote that still stood"


def test_where_the_quotes_end_before_the_horizon_the_market_is_not_known() -> None:
    quotes = [Quote(at(0), "AAA", 99.9, 100.1), Quote(at(14.9), "AAA", 99.9, 100.1)]
    fill = Fill("f", at(5), "AAA", "sell", 10, 99.9, 0.0)
    row = marked_out([fill], quotes, QuoteRule(), TEN).row(0, named=True)
    assert (row["mid_10s"], row["realised_10s_bps"], row["impact_10s_bps"]) == (None, None, None)
    then = [*quotes, Quote(at(15), "AAA", 99.7, 99.9)]
    row = marked_out([fill], then, QuoteRule(), TEN).row(0, named=True)
    assert row["mid_10s"] == pytest.approx(99.8), "a quote of the horizon's own moment counts"


def test_a_horizon_never_reads_the_quotes_of_the_next_symbol() -> None:
    quotes = [Quote(at(0), "AAA", 99.9, 100.1), Quote(at(0), "BBB", 9.9, 10.1)]
    fills = [Fill("f", at(1), "AAA", "buy", 1, 100.0, 0.0), Fill("g", at(1), "BBB", "buy", 1, 10.0)]
    answer = marked_out(fills, quotes, QuoteRule(), timedelta(hours=1))
    assert answer["mid_1h"].null_count() == 2


@settings(max_examples=30, deadline=None)
@given(FILLS, QUOTES, RULES)
def test_realised_spread_and_impact_are_those_of_plain_loops_and_add_up(
    fills: list[Fill], quotes: list[Quote], rule: QuoteRule
) -> None:
    answer = marked_out(fills, quotes, rule, TEN, MINUTE)
    by_id = {row["fill_id"]: row for row in answer.iter_rows(named=True)}
    inclusive = QuoteRule(rule.max_age, strictly_before=False)
    for fill in fills:
        row = by_id[fill.fill_id]
        for horizon, label in ((TEN, "10s"), (MINUTE, "1m")):
            then = Fill("x", fill.ts + horizon, fill.symbol, "buy", 1.0, 1.0)
            later = price(then, quotes, inclusive)
            reaches = any(q.symbol == fill.symbol and q.ts >= then.ts for q in quotes)
            mid = later.notional if later.source != "none" and reaches else None
            assert row[f"mid_{label}"] == (None if mid is None else pytest.approx(mid, rel=1e-12))
            realised, impact = row[f"realised_{label}_bps"], row[f"impact_{label}_bps"]
            assert (realised is None) == (mid is None or row["mid"] is None)
            if realised is not None:
                assert realised + impact == pytest.approx(row["slippage_bps"], abs=1e-9)
                sign = 1 if fill.side == "buy" else -1
                assert impact == pytest.approx(1e4 * sign * (mid - row["mid"]) / row["mid"])


def test_real_nyse_trades_have_the_known_realised_spread_and_impact() -> None:
    """The data does not say the side of the 329 trades at the mid: the known means lie between
    those of calling them all buys and all sells."""
    folder = SHARED / "taq_clean"
    if not folder.is_dir():
        pytest.skip(f"the TAQ data may not be copied and is not in {SHARED}")
    trades = pl.read_parquet(folder / "taq_xxx_clean_trades.parquet")
    quotes = pl.read_parquet(folder / "taq_xxx_clean_quotes.parquet").select(
        "ts", symbol="SYMBOL", bid="BID", ask="OFR"
    )
    # The known answers let the last quote of each day stand: here it is said again an hour later.
    quotes = pl.concat([quotes, quotes.tail(1).with_columns(pl.col("ts") + timedelta(hours=1))])
    rule = QuoteRule(timedelta(hours=1), zone="America/New_York")
    known = normalise_quotes(quotes, ("XXX",), rule)
    rows = trades.select(
        "ts", fill_id=pl.format("{}", pl.int_range(pl.len()) + 10_000), symbol="SYMBOL",
        quantity="SIZE", price="PRICE", side=pl.lit("buy"), commission=pl.lit(0.0),
    )  # fmt: skip
    bought = price_fills(normalise_fills(rows, "USD"), known, rule)["slippage_bps"]
    means = []
    for sells in (bought < 0, bought <= 0):
        side = pl.when(pl.lit(sells)).then(pl.lit("sell")).otherwise(pl.lit("buy"))
        sided = normalise_fills(rows.with_columns(side=side), "USD")
        answer = add_markouts(price_fills(sided, known, rule), known, rule, [timedelta(minutes=5)])
        assert answer["mid_5m"].null_count() == 0
        assert answer["slippage_bps"].mean() == pytest.approx(1.071, abs=5e-4)
        means.append((answer["realised_5m_bps"].mean(), answer["impact_5m_bps"].mean()))
        by_hand(answer, quotes)
    (realised_low, impact_high), (realised_high, impact_low) = means
    assert realised_low < -0.204 < realised_high
    assert impact_low < 1.275 < impact_high


def by_hand(answer: pl.DataFrame, quotes: pl.DataFrame) -> None:
    """Every hundredth trade again, by a loop over the quotes."""
    moments = quotes["ts"].to_list()
    for row in answer.gather_every(100).iter_rows(named=True):
        then = bisect_right(moments, row["ts"] + timedelta(minutes=5)) - 1
        mid = (quotes["bid"][then] + quotes["ask"][then]) / 2
        assert row["realised_5m_bps"] == pytest.approx(
            1e4 * row["side"] * (row["price"] - mid) / row["mid"], abs=1e-9
        )
