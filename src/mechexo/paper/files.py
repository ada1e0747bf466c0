"""The paper desk's Parquet files: one a day, replaced in one step so that no reader sees half."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from mechexo.paper.market import Fill, Quote, at
from mechexo.paper.orders import Order

if TYPE_CHECKING:
    import polars as pl

QUOTES = Path("data/quotes")
FILLS = Path("data/fills")
ORDERS = Path("data/orders")
BARS = Path("data/bars")
MINUTES = Path("data/minutes")
SCRATCH = Path("data/scratch")


def day_file(folder: Path, kind: Path, day: date) -> Path:
    """The file of a day (in the exchange's zone), e.g. `data/quotes/2026-03-02.parquet`."""
    return folder / kind / f"{day.isoformat()}.parquet"


def quotes_frame(quotes: Sequence[Quote], start: datetime, first_seq: int = 0) -> pl.DataFrame:
    """Quotes as they are stored: ts in UTC microseconds, numbered in order."""
    import polars as pl

    return pl.DataFrame(
        {
            "ts": [at(start, quote.offset_s) for quote in quotes],
            "symbol": [quote.symbol for quote in quotes],
            "bid": [quote.bid for quote in quotes],
            "ask": [quote.ask for quote in quotes],
            "bid_size": [quote.bid_size for quote in quotes],
            "ask_size": [quote.ask_size for quote in quotes],
            "seq": range(first_seq, first_seq + len(quotes)),
        },
        schema={
            "ts": pl.Datetime("us", "UTC"),
            "symbol": pl.String,
            "bid": pl.Float64,
            "ask": pl.Float64,
            "bid_size": pl.Int64,
            "ask_size": pl.Int64,
            "seq": pl.Int64,
        },
    )


def fills_frame(
    fills: Sequence[Fill], start: datetime, day: date, first_number: int = 0
) -> pl.DataFrame:
    """Fills as they are stored; ids carry the day and a number."""
    import polars as pl

    return pl.DataFrame(
        {
            "fill_id": [
                f"{day:%Y%m%d}-{number:06d}" for number, _ in enumerate(fills, start=first_number)
            ],
            "ts": [at(start, fill.offset_s) for fill in fills],
            "symbol": [fill.symbol for fill in fills],
            "side": [fill.side for fill in fills],
            "quantity": [fill.quantity for fill in fills],
            "price": [fill.price for fill in fills],
            "commission": [fill.commission for fill in fills],
            "strategy": [fill.strategy for fill in fills],
            "venue": [fill.venue for fill in fills],
            "order_id": [fill.order_id for fill in fills],
            "liquidity": [fill.liquidity for fill in fills],
        },
        schema={
            "fill_id": pl.String,
            "ts": pl.Datetime("us", "UTC"),
            "symbol": pl.String,
            "side": pl.String,
            "quantity": pl.Int64,
            "price": pl.Float64,
            "commission": pl.Float64,
            "strategy": pl.String,
            "venue": pl.String,
            "order_id": pl.String,
            "liquidity": pl.String,
        },
    )


def orders_frame(orders: Sequence[Order], start: datetime) -> pl.DataFrame:
    """Orders as they are stored."""
    import polars as pl

    moment = pl.Datetime("us", "UTC")
    return pl.DataFrame(
        {
            "order_id": [order.order_id for order in orders],
            "symbol": [order.symbol for order in orders],
            "side": [order.side for order in orders],
            "quantity": [order.quantity for order in orders],
            "decision_at": [at(start, order.decided_s) for order in orders],
            "arrival_at": [at(start, order.arrival_s) for order in orders],
            "end_at": [at(start, order.ended_s) for order in orders],
            "strategy": [order.strategy for order in orders],
        },
        schema={
            "order_id": pl.String,
            "symbol": pl.String,
            "side": pl.String,
            "quantity": pl.Int64,
            "decision_at": moment,
            "arrival_at": moment,
            "end_at": moment,
            "strategy": pl.String,
        },
    )


def replace_parquet(frame: pl.DataFrame, path: Path) -> None:
    """Writes beside the file and renames: a reader has the old rows or the new ones."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        frame.write_parquet(beside, compression="zstd", statistics=True)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def append_parquet(frame: pl.DataFrame, path: Path) -> None:
    """Adds rows to the end of a file, which need not exist yet."""
    import polars as pl

    whole = pl.concat([pl.read_parquet(path), frame]) if path.exists() else frame
    replace_parquet(whole, path)


def bytes_used(folder: Path) -> int:
    """The apparent size of everything under the desk's `data` folder, in bytes."""
    total = 0
    for entry in (folder / "data").rglob("*"):
        try:
            if entry.is_file():
                total += entry.stat().st_size
        except FileNotFoundError:  # a file that was replaced between listing and looking
            continue
    return total
