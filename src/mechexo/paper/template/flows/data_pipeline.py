"""Quotes to validated bars: data/quotes/*.parquet -> data/bars/*.parquet (a day each) and
data/minutes/*.parquet (a minute each).

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
COLUMNS = ["ts", "symbol", "bid", "ask", "bid_size", "ask_size", "seq"]


def read_quotes(path: Path) -> pl.DataFrame:
    """One day's quotes."""
    try:
        return pl.read_parquet(path, columns=COLUMNS)
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


def minute_bars(accepted: pl.DataFrame) -> pl.DataFrame:
    """One bar a symbol and minute that has quotes, by the minute's end: prices of the mid, and as
    volume the shares that its quotes show. They stand for traded ones: nobody trades here but us.
    """
    return (
        accepted.sort("symbol", "ts", "seq")
        .with_columns(mid=(pl.col("bid") + pl.col("ask")) / 2)
        .group_by_dynamic("ts", every="1m", group_by="symbol", label="right")
        .agg(
            high=pl.col("mid").max(),
            low=pl.col("mid").min(),
            close=pl.col("mid").last(),
            volume=(pl.col("bid_size") + pl.col("ask_size")).sum(),
        )
        .select("ts", "symbol", "high", "low", "close", "volume")
        .sort("ts", "symbol")
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
    accepted = judged.filter(pl.col("verdict") == "accepted")
    bars = daily_bars(accepted, path.stem)
    enough = bars.filter(pl.col("quotes") >= (rules["min_quotes"] if over else 1))
    missing = sorted(set(symbols) - set(enough["symbol"]))
    if missing and over:
        raise BadInput(f"data/quotes/{path.name}: too few quotes of {', '.join(missing)}")
    write_bars(minute_bars(accepted), desk / "data/minutes" / path.name)
    write_bars(bars, desk / "data/bars" / path.name)
    return counts


def is_newer(bars: Path, quotes: Path) -> bool:
    """Whether bars were made of the quotes as they are."""
    return bars.exists() and bars.stat().st_mtime >= quotes.stat().st_mtime


def run(desk: Path, now: datetime) -> str:
    """Makes the bars that are missing or older than their quotes. Returns one line of result."""
    files = sorted((desk / "data/quotes").glob("*.parquet"))
    if not files:
        raise BadInput("data/quotes holds no Parquet file")
    universe = yaml.safe_load((desk / "config/universe.yaml").read_text())
    done, accepted, rejected = 0, 0, 0
    for path in files:
        made = [desk / "data" / kind / path.name for kind in ("bars", "minutes")]
        if path is not files[-1] and all(is_newer(bars, path) for bars in made):
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
