"""Real fills and quotes as frames, and the same question asked of DuckDB."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import duckdb
import polars as pl
import pytest

REPOSITORY = Path(__file__).parents[2]
HERE = REPOSITORY / "tests" / "data"
SHARED = Path(os.environ.get("MECHEXO_TEST_DATA", REPOSITORY.parent / "shared" / "data"))


@dataclass(frozen=True)
class KnownSet:
    """Fills (fill_id, ts, symbol, side as text, quantity, price) and quotes (ts, symbol, bid,
    ask), and whether a quote of the fill's own moment counts."""

    fills: pl.DataFrame
    quotes: pl.DataFrame
    strictly_before: bool = True


def shared(name: str) -> Path:
    folder = SHARED / name
    if not folder.is_dir():
        pytest.skip(f"{name} may not be copied and is not in {SHARED}")
    return folder


def taq() -> KnownSet:
    """Trades of one stock at the NYSE; above the mid is called a buy."""
    folder = shared("taq_clean")
    quotes = pl.read_parquet(folder / "taq_xxx_clean_quotes.parquet").select(
        "ts", symbol="SYMBOL", bid="BID", ask="OFR"
    )
    fills = pl.read_parquet(folder / "taq_xxx_clean_trades.parquet").select(
        "ts", fill_id=pl.format("{}", pl.int_range(pl.len()) + 10_000), symbol="SYMBOL",
        quantity="SIZE", price="PRICE",
    )  # fmt: skip
    mids = by_duckdb(KnownSet(fills.with_columns(side=pl.lit("buy")), quotes))
    below = mids.select(pl.col("slippage_bps") < 0)["slippage_bps"]
    side = pl.when(below).then(pl.lit("sell")).otherwise(pl.lit("buy"))
    return KnownSet(fills.sort("fill_id").with_columns(side=side), quotes)


def btcusdt() -> KnownSet:
    """Trades at Binance; the venue says whose side took."""
    folder = shared("btcusdt")
    trades = pl.read_parquet(folder / "btcusdt-trades.parquet")
    quotes = pl.read_parquet(folder / "btcusdt-quotes.parquet")
    sold = pl.col("buyer_maker") == "True"
    return KnownSet(
        trades.select(
            fill_id=pl.col("trade_id").cast(pl.String), ts="timestamp",
            symbol=pl.lit("BTC/USDT"), quantity="quantity", price="price",
            side=pl.when(sold).then(pl.lit("sell")).otherwise(pl.lit("buy")),
        ),
        quotes.select("symbol", "bid", "ask", ts="timestamp"),
    )  # fmt: skip


def fx() -> KnownSet:
    """Simulated FX fills on real quotes, each with its own quote."""
    rows = pl.read_csv(HERE / "fx_orders" / "fills.csv", infer_schema=False).with_columns(
        ts=pl.col("date").str.to_datetime("%Y-%m-%d %H:%M:%S%.f%:z", time_zone="UTC")
    )
    numbers = ("executed_notional", "executed_price", "market_bid", "market_ask")
    rows = rows.with_columns(pl.col(*numbers).cast(pl.Float64))
    bought = pl.col("side").cast(pl.Float64) > 0
    return KnownSet(
        rows.select(
            "ts", fill_id="id", symbol="ticker", quantity=pl.col("executed_notional").abs(),
            price="executed_price",
            side=pl.when(bought).then(pl.lit("buy")).otherwise(pl.lit("sell")),
        ),
        rows.select("ts", symbol="ticker", bid="market_bid", ask="market_ask"),
        strictly_before=False,
    )  # fmt: skip


def golden() -> KnownSet:
    """The trades and quotes of pandas' as-of tests."""

    def read(name: str) -> pl.DataFrame:
        frame = pl.read_csv(
            HERE / "asof_golden" / f"{name}.csv", schema_overrides={"time": pl.String}
        )
        moment = pl.col("time").str.to_datetime(
            "%Y%m%d %H:%M:%S%.f", time_unit="us", time_zone="UTC"
        )
        return frame.with_columns(ts=moment).rename({"ticker": "symbol"})

    fills = read("trades").select(
        "ts", "symbol", "price", quantity=pl.col("quantity").cast(pl.Float64),
        fill_id=pl.format("{}", pl.int_range(pl.len()) + 100), side=pl.lit("buy"),
    )  # fmt: skip
    return KnownSet(fills, read("quotes").select("ts", "symbol", "bid", "ask"))


SETS = {"taq_clean": taq, "btcusdt": btcusdt, "fx_orders": fx, "asof_golden": golden}


def by_duckdb(known: KnownSet, usable_s: int = 300) -> pl.DataFrame:
    """fill_id, mid, slippage_bps, spread_bps, beyond_bps of all fills, by DuckDB's ASOF join, in
    the order of the ids. Crossed quotes are passed over; the last of one moment counts."""
    before = ">" if known.strictly_before else ">="
    database = duckdb.connect()
    database.register("fills", known.fills)
    database.register("quotes", known.quotes.with_row_index("place"))
    return database.sql(
        f"""
        WITH valid AS (
            SELECT symbol, ts, arg_max(bid, place) AS bid, arg_max(ask, place) AS ask
            FROM quotes WHERE bid > 0 AND ask >= bid GROUP BY symbol, ts
        ), joined AS (
            SELECT f.*, CASE WHEN f.side = 'buy' THEN 1 ELSE -1 END AS sign,
                   CASE WHEN f.ts - q.ts <= INTERVAL {usable_s} SECOND THEN q.bid END AS bid,
                   CASE WHEN f.ts - q.ts <= INTERVAL {usable_s} SECOND THEN q.ask END AS ask
            FROM fills f ASOF LEFT JOIN valid q ON f.symbol = q.symbol AND f.ts {before} q.ts
        )
        SELECT fill_id, (bid + ask) / 2 AS mid,
               1e4 * sign * (price - (bid + ask) / 2) / ((bid + ask) / 2) AS slippage_bps,
               1e4 * (ask - bid) / 2 / ((bid + ask) / 2) AS spread_bps,
               1e4 * CASE WHEN sign > 0 THEN price - ask ELSE bid - price END
                   / ((bid + ask) / 2) AS beyond_bps
        FROM joined ORDER BY fill_id
        """
    ).pl()
