"""Quotes to validated daily bars: data/quotes/*.parquet -> data/bars/*.parquet.

Crossed, empty and unfinished quotes are rejected and counted in the table data_quality.
Run by itself: python flows/data_pipeline.py
"""

from __future__ import annotations

import os
import sqlite3
import sys
from datetime import datetime
from pathlib import Path

import polars as pl
import yaml

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from tools.flow import BadInput, command_line

BAR_MINUTES = 5


def read_quotes(path: Path) -> pl.DataFrame:
    """One day's quotes."""
    try:
        return pl.read_parquet(path, columns=["ts", "symbol", "bid", "ask", "seq"])
    except (OSError, pl.exceptions.PolarsError) as error:
        reason = str(error).splitlines()[0]
        raise BadInput(f"data/quotes/{path.name} cannot be read: {reason}") from error


def judge(quotes: pl.DataFrame) -> pl.DataFrame:
    """Adds `verdict`: accepted, crossed or empty."""
    bid, ask = pl.col("bid"), pl.col("ask")
    usable = bid.is_finite() & ask.is_finite() & (bid > 0) & (ask > 0)
    return quotes.with_columns(
        verdict=pl.when(usable.fill_null(False) & (ask >= bid))
        .then(pl.lit("accepted"))
        .when(usable.fill_null(False))
        .then(pl.lit("crossed"))
        .otherwise(pl.lit("empty"))
    )


def daily_bars(accepted: pl.DataFrame, day: str) -> pl.DataFrame:
    """One bar a symbol: prices of the mid, mean spread in bps, volatility of 5-minute returns."""
    mids = accepted.sort("symbol", "ts", "seq").with_columns(
        mid=(pl.col("bid") + pl.col("ask")) / 2
    )
    returns = (
        mids.group_by_dynamic("ts", every=f"{BAR_MINUTES}m", group_by="symbol")
        .agg(close=pl.col("mid").last())
        .with_columns(move=pl.col("close").log().diff().over("symbol"))
        .group_by("symbol")
        .agg(realised_volatility=(pl.col("move") ** 2).sum().sqrt())
    )
    return (
        mids.group_by("symbol")
        .agg(
            open=pl.col("mid").first(),
            high=pl.col("mid").max(),
            low=pl.col("mid").min(),
            close=pl.col("mid").last(),
            quotes=pl.len(),
            spread_bps=((pl.col("ask") - pl.col("bid")) / pl.col("mid")).mean() * 1e4,
            hours=(pl.col("ts").max() - pl.col("ts").min()).dt.total_seconds() / 3600,
        )
        .join(returns, on="symbol")
        .with_columns(day=pl.lit(day))
        .sort("symbol")
    )


def write_bars(bars: pl.DataFrame, path: Path) -> None:
    """Replaces the day's bars in one step."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.part")
    bars.write_parquet(beside)
    os.replace(beside, path)  # noqa: PTH105


def store_quality(database: Path, day: str, counts: dict[str, int], now: datetime) -> None:
    """One row a day: what was accepted and what was not."""
    with sqlite3.connect(database, timeout=5) as connection:
        connection.execute(
            "INSERT OR REPLACE INTO data_quality VALUES (?, ?, ?, ?, ?, ?)",
            (
                day,
                sum(counts.values()),
                counts.get("accepted", 0),
                counts.get("crossed", 0),
                counts.get("empty", 0),
                now.isoformat(),
            ),
        )
    connection.close()


def run_day(
    desk: Path, path: Path, rules: dict[str, float], symbols: list[str], over: bool
) -> dict[str, int]:
    """One file of quotes to one file of bars. Returns the quotes by verdict."""
    judged = judge(read_quotes(path))
    if judged.is_empty():
        raise BadInput(f"data/quotes/{path.name} holds no quotes")
    counts = dict(judged.group_by("verdict").len().iter_rows())
    rejected_pct = 100 * (1 - counts.get("accepted", 0) / judged.height)
    if rejected_pct > rules["max_rejected_pct"]:
        raise BadInput(
            f"data/quotes/{path.name}: {rejected_pct:.1f} % of the quotes are crossed or empty, "
            f"more than max_rejected_pct = {rules['max_rejected_pct']}"
        )
    bars = daily_bars(judged.filter(pl.col("verdict") == "accepted"), path.stem)
    enough = bars.filter(pl.col("quotes") >= (rules["min_quotes"] if over else 1))
    missing = sorted(set(symbols) - set(enough["symbol"]))
    if missing and over:
        raise BadInput(f"data/quotes/{path.name}: too few quotes of {', '.join(missing)}")
    write_bars(bars, desk / "data/bars" / path.name)
    return counts


def run(desk: Path, now: datetime) -> str:
    """Makes the bars that are missing or older than their quotes. Returns one line of result."""
    files = sorted((desk / "data/quotes").glob("*.parquet"))
    if not files:
        raise BadInput("data/quotes holds no Parquet file")
    universe = yaml.safe_load((desk / "config/universe.yaml").read_text())
    done, accepted, rejected = 0, 0, 0
    for path in files:
        bars = desk / "data/bars" / path.name
        if path is not files[-1] and bars.exists() and bars.stat().st_mtime >= path.stat().st_mtime:
            continue
        counts = run_day(
            desk, path, universe["quality"], universe["symbols"], path is not files[-1]
        )
        store_quality(desk / "trading.sqlite", path.stem, counts, now)
        done += 1
        accepted += counts.get("accepted", 0)
        rejected += counts.get("crossed", 0) + counts.get("empty", 0)
    return f"{done} days of bars from {accepted} quotes; {rejected} rejected"


if __name__ == "__main__":
    sys.exit(command_line("data_pipeline", __doc__, run))
