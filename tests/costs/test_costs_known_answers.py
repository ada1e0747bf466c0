"""Costs of real data whose answers others have computed."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest

from costs.frames import UTC_US, fills_frame, priced, quotes_frame
from costs.oracle import Fill, Quote, at, price
from mechexo.costs.aggregate import totals
from mechexo.costs.fills import normalise_fills
from mechexo.costs.kernel import match_quotes
from mechexo.costs.quotes import normalise_quotes
from mechexo.costs.rules import QuoteRule

REPOSITORY = Path(__file__).parents[2]
HERE = REPOSITORY / "tests" / "data"
SHARED = Path(os.environ.get("MECHEXO_TEST_DATA", REPOSITORY.parent / "shared" / "data"))


@pytest.mark.parametrize(
    ("table", "usable_ms", "strictly_before"),
    [
        ("asof", 86_400_000, False),
        ("tolerance", 86_400_000, False),
        ("allow_exact_matches", 86_400_000, True),
        ("allow_exact_matches_and_tolerance", 100, True),
    ],
)
def test_the_match_gives_the_four_golden_tables_of_pandas(
    table: str, usable_ms: int, strictly_before: bool
) -> None:
    def read(name: str) -> pl.DataFrame:
        frame = pl.read_csv(
            HERE / "asof_golden" / f"{name}.csv", schema_overrides={"time": pl.String}
        )
        moment = pl.col("time").str.to_datetime(
            "%Y%m%d %H:%M:%S%.f", time_unit="us", time_zone="UTC"
        )
        return frame.with_columns(ts=moment).rename({"ticker": "symbol"})

    trades = read("trades").with_columns(
        fill_id=pl.format("{}", pl.int_range(pl.len()) + 100), side=pl.lit("buy")
    )
    # A match reaches as far as the stale rung: five times the age of a fresh quote.
    rule = QuoteRule(timedelta(milliseconds=usable_ms) / 5, strictly_before)
    fills = normalise_fills(trades, "USD")
    assert fills.rejected.is_empty()
    quotes = normalise_quotes(read("quotes"), ("AAPL", "GOOG", "MSFT"), rule)
    matched = match_quotes(fills.accepted, quotes, rule).sort("fill_id")
    expected = read(table)
    assert matched.select("ts", "symbol", "price", "bid", "ask").equals(
        expected.select("ts", "symbol", "price", "bid", "ask")
    )


def test_fx_fills_cost_what_their_own_quotes_say() -> None:
    rows = pl.read_csv(HERE / "fx_orders" / "fills.csv", infer_schema=False).with_columns(
        ts=pl.col("date").str.to_datetime("%Y-%m-%d %H:%M:%S%.f%:z", time_zone="UTC")
    )
    fills = rows.select(
        "ts", "side", "venue", fill_id="id", symbol="ticker", quantity="executed_notional",
        price="executed_price",
    )  # fmt: skip
    quotes = rows.select("ts", symbol="ticker", bid="market_bid", ask="market_ask")
    _, answer = priced(fills, quotes, QuoteRule(strictly_before=False))
    assert len(answer) == 326
    assert set(answer["ref_source"]) == {"quote"}
    assert answer["slippage_bps"].mean() == pytest.approx(-0.014, abs=5e-4)
    assert answer["spread_bps"].median() == pytest.approx(0.179, abs=5e-4)
    assert answer["total_bps"].null_count() == 326, "no commission is known, so no total is"
    by_plain_loops = 0.0
    for row in rows.iter_rows(named=True):
        mid = (float(row["market_bid"]) + float(row["market_ask"])) / 2
        by_plain_loops += int(row["side"]) * (float(row["executed_price"]) - mid) / mid * 1e4
    # Two fills share a moment and a symbol; both have the same quote.
    assert answer["slippage_bps"].sum() == pytest.approx(by_plain_loops, abs=1e-6)


def real_nyse() -> tuple[pl.DataFrame, pl.DataFrame]:
    folder = SHARED / "taq_clean"
    if not folder.is_dir():
        pytest.skip(f"the TAQ data may not be copied and is not in {SHARED}")
    trades = pl.read_parquet(folder / "taq_xxx_clean_trades.parquet")
    quotes = pl.read_parquet(folder / "taq_xxx_clean_quotes.parquet")
    fills = trades.select(
        "ts", fill_id=pl.format("{}", pl.int_range(pl.len()) + 10_000), symbol="SYMBOL",
        quantity="SIZE", price="PRICE", side=pl.lit("buy"), commission=pl.lit(0.0),
    )  # fmt: skip
    return fills, quotes.select("ts", symbol="SYMBOL", bid="BID", ask="OFR")


def with_sides(fills: pl.DataFrame, quotes: pl.DataFrame, rule: QuoteRule) -> pl.DataFrame:
    """Trades carry no side: above the mid is called a buy, as the known answers do."""
    _, answer = priced(fills, quotes, rule)
    sells = answer.filter(pl.col("slippage_bps") < 0)["fill_id"]
    side = pl.when(pl.col("fill_id").is_in(sells.implode())).then(pl.lit("sell"))
    return fills.with_columns(side=side.otherwise(pl.lit("buy")))


@pytest.mark.parametrize(("strictly_before", "effective"), [(True, 1.071), (False, 0.673)])
def test_real_nyse_trades_cost_the_known_effective_spread(
    strictly_before: bool, effective: float
) -> None:
    fills, quotes = real_nyse()
    rule = QuoteRule(strictly_before=strictly_before, zone="America/New_York")
    _, answer = priced(with_sides(fills, quotes, rule), quotes, rule)
    assert (len(fills), len(quotes)) == (7168, 46564)
    assert set(answer["ref_source"]) == {"quote"}
    assert answer["slippage_bps"].mean() == pytest.approx(effective, abs=5e-4)
    if strictly_before:
        assert answer["spread_bps"].mean() == pytest.approx(1.236, abs=5e-4)
        assert answer["beyond_bps"].mean() == pytest.approx(-0.165, abs=5e-4)
        assert answer["quote_age_us"].median() == 433_000
    assert answer["residual_bps"].max() < 1e-9


def test_generated_trades_cost_what_they_were_made_to_cost() -> None:
    """The twin of the real trades: every third pays the touch, half of it, or improves on it."""
    mids = [100 + place * 0.05 for place in range(300)]
    quotes = [Quote(at(10 * n), "XXX", mid - 0.02, mid + 0.02, n) for n, mid in enumerate(mids)]
    # A second quote at the moment of each trade, which only the inclusive rule sees.
    quotes += [Quote(at(10 * n + 1), "XXX", mid, mid + 0.08, 1000) for n, mid in enumerate(mids)]
    offsets = (0.02, 0.01, -0.005)
    fills = [
        Fill(f"{n:04}", at(10 * n + 1), "XXX", side, 100, mid + sign * offsets[n % 3])
        for n, mid in enumerate(mids)
        for side, sign in [("buy", 1) if n % 2 else ("sell", -1)]
    ]
    strict, inclusive = QuoteRule(), QuoteRule(strictly_before=False)
    _, answer = priced(fills_frame(fills), quotes_frame(quotes), strict)
    expected = [1e4 * offsets[n % 3] / mid for n, mid in enumerate(mids)]
    assert answer["slippage_bps"].to_list() == pytest.approx(expected)
    assert answer["spread_bps"].to_list() == pytest.approx([200 / mid for mid in mids])
    notional = sum(100 * mid for mid in mids)
    cost = sum(100 * offsets[n % 3] for n in range(300))
    assert totals(answer).slippage_bps == pytest.approx(1e4 * cost / notional)
    _, other = priced(fills_frame(fills), quotes_frame(quotes), inclusive)
    for fill, row in list(zip(fills, other.iter_rows(named=True), strict=True))[::60]:
        assert row["slippage_bps"] == pytest.approx(price(fill, quotes, inclusive).slippage_bps)
    assert other["ts"].dtype == UTC_US
