"""The canary strategy against the base on realised fills; it switches itself off when it is worse.

A fill's markout is how far the mid moved in its favour, `horizon_minutes` later, in bps.
Run by itself: python flows/canary.py
"""

from __future__ import annotations

import sqlite3
import sys
from datetime import datetime
from pathlib import Path

import polars as pl
import yaml

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from tools.flow import BadInput, command_line


def newest(folder: Path, days: int) -> list[Path]:
    """The files of the last days."""
    files = sorted(folder.glob("*.parquet"))[-days:]
    if not files:
        raise BadInput(f"data/{folder.name} holds no Parquet file")
    return files


def markouts(fills: pl.DataFrame, quotes: pl.DataFrame, minutes: int) -> pl.DataFrame:
    """Adds `markout_bps`; a fill whose later mid is not known yet is left out."""
    mids = (
        quotes.filter((pl.col("bid") > 0) & (pl.col("ask") >= pl.col("bid")))
        .select("symbol", (pl.col("ts")).alias("then"), mid=(pl.col("bid") + pl.col("ask")) / 2)
        .sort("then")
    )
    later = fills.with_columns(then=pl.col("ts") + pl.duration(minutes=minutes)).sort("then")
    matched = later.join_asof(
        mids, on="then", by="symbol", strategy="forward", tolerance="10m", check_sortedness=False
    )
    sign = pl.when(pl.col("side") == "buy").then(1.0).otherwise(-1.0)
    return matched.drop_nulls("mid").with_columns(
        notional=pl.col("price") * pl.col("quantity"),
        markout_bps=sign * (pl.col("mid") - pl.col("price")) / pl.col("price") * 1e4,
    )


def compare(desk: Path, days: int, minutes: int) -> dict[str, tuple[int, float]]:
    """Fills and notional-weighted markout in bps, by strategy."""
    parts = []
    try:
        for path in newest(desk / "data/fills", days):
            quotes = pl.read_parquet(
                desk / "data/quotes" / path.name, columns=["ts", "symbol", "bid", "ask"]
            )
            parts.append(markouts(pl.read_parquet(path), quotes, minutes))
    except (OSError, pl.exceptions.PolarsError) as error:
        raise BadInput(f"fills or quotes cannot be read: {str(error).splitlines()[0]}") from error
    result = (
        pl.concat(parts)
        .group_by("strategy")
        .agg(
            fills=pl.len(),
            bps=(pl.col("markout_bps") * pl.col("notional")).sum() / pl.col("notional").sum(),
        )
    )
    return {strategy: (fills, bps) for strategy, fills, bps in result.iter_rows()}


def run(desk: Path, now: datetime) -> str:
    """Compares, stores, and switches the canary off when it must. Returns one line of result."""
    rules = yaml.safe_load((desk / "config/canary.yaml").read_text())
    minutes = yaml.safe_load((desk / "config/strategy.yaml").read_text())["horizon_minutes"]
    found = compare(desk, rules["window_days"], minutes)
    fills, bps = found.get("canary", (0, 0.0))
    base_fills, base_bps = found.get("base", (0, 0.0))
    if base_fills == 0:
        raise BadInput("no fill of the base strategy to compare with")
    edge = bps - base_bps
    judged = fills >= rules["min_fills"]
    off = judged and edge < rules["threshold_bps"]
    verdict = "too few fills" if not judged else "off" if off else "on"
    with sqlite3.connect(desk / "trading.sqlite", timeout=5) as connection:
        connection.execute(
            "INSERT INTO canary_results VALUES (?, ?, ?, ?, ?, ?)",
            (now.isoformat(), fills, round(bps, 6), base_fills, round(base_bps, 6), verdict),
        )
        if off:
            connection.execute(
                "UPDATE flags SET value = 'false', updated_at = ? "
                "WHERE key = 'canary_enabled' AND value <> 'false'",
                (now.isoformat(),),
            )
    connection.close()
    return f"{fills} fills, {edge:+.2f} bps against the base ({verdict})"


if __name__ == "__main__":
    sys.exit(command_line("canary", __doc__, run))
