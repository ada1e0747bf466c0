"""Fills of a Freqtrade bot: `freqtrade:///tradesv3.sqlite`.

Freqtrade keeps orders, not single fills: an order that filled is one fill at its average price.
Times are UTC without saying so. A trade's fees are kept as a rate and, of its first order on each
side, as an amount; a fee that was taken in the base coin is kept with the order.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Generator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl

from mechexo.costs.sources.bot_database import FRAME, BotDatabase, selected
from mechexo.costs.sources.protocol import RawTable, Window
from mechexo.value_classes import dataclass

_ORDERS = ("ft_trade_id", "ft_order_side", "ft_pair", "order_id", "filled", "order_filled_date",
           "average", "price", "order_type", "side", "ft_fee_base")  # fmt: skip
_TRADES = ("exchange", "strategy", "is_short", "stake_currency", "fee_open", "fee_open_cost",
           "fee_open_currency", "fee_close", "fee_close_cost", "fee_close_currency")  # fmt: skip


@dataclass(frozen=True, slots=True)
class FreqtradeSource:
    """One bot's filled orders."""

    database: BotDatabase
    in_our_names: bool = True

    @classmethod
    def parse(cls, text: str, setting: str, root: Path) -> FreqtradeSource:
        """The source of `freqtrade:///path`; see `BotDatabase.parse`."""
        return cls(BotDatabase.parse(text, setting, root))

    def batches(
        self, window: Window, time_column: str | None
    ) -> Generator[Sequence[RawTable], None, None]:
        """See `Source.batches`."""
        orders = self.database.read(lambda connection: self._orders(connection, window))
        rows = [_fill(row) for row in orders]
        frame = pl.DataFrame(rows, schema=FRAME, orient="row")
        yield [RawTable(self.database.where, frame.lazy())]

    def _orders(self, connection: sqlite3.Connection, window: Window) -> list[sqlite3.Row]:
        orders = self.database.columns(connection, "orders", _ORDERS[:8])
        trades = self.database.columns(connection, "trades", ("id", "exchange", "fee_open"))
        # Text in ISO order; a day to both sides spares thinking about fractions of a second.
        bounds = (
            (window.start - timedelta(days=1)).date().isoformat(),
            (window.end + timedelta(days=2)).date().isoformat(),
        )
        entry = (
            "CASE WHEN t.is_short THEN 'sell' ELSE 'buy' END" if "is_short" in trades else "'buy'"
        )
        query = f"""
            SELECT {selected("o", _ORDERS, orders)}, {selected("t", _TRADES, trades)},
                   (SELECT count(*) FROM orders AS other
                    WHERE other.ft_trade_id = o.ft_trade_id AND other.filled > 0
                      AND (other.ft_order_side = {entry}) = (o.ft_order_side = {entry})
                   ) AS orders_of_side
            FROM orders AS o JOIN trades AS t ON t.id = o.ft_trade_id
            WHERE o.filled > 0 AND (o.order_filled_date IS NULL
                  OR (o.order_filled_date >= ? AND o.order_filled_date < ?))
            ORDER BY o.id
        """  # noqa: S608 (names of our own)
        return connection.execute(query, bounds).fetchall()


def _fill(row: sqlite3.Row) -> tuple[object, ...]:
    pair = str(row["ft_pair"])
    quote = row["stake_currency"] or pair.rpartition("/")[2].partition(":")[0]
    is_entry, side = _side(row)
    price = row["average"] or row["price"]
    commission, currency = _fee(row, price, is_entry, str(quote))
    return (
        f"{pair}:{row['order_id']}",
        _moment(row["order_filled_date"]),
        pair,
        side,
        row["filled"],
        price,
        commission,
        currency,
        quote,
        row["strategy"],
        row["exchange"],
        str(row["order_id"]),
        row["order_type"],
        None,
    )


def _side(row: sqlite3.Row) -> tuple[bool, str]:
    """Whether the order opened its trade, and its side; a stop loss closes it."""
    entry, exit_ = ("sell", "buy") if row["is_short"] else ("buy", "sell")
    side = row["ft_order_side"] if row["ft_order_side"] in ("buy", "sell") else exit_
    return side == entry, side


def _fee(
    row: sqlite3.Row, price: float | None, is_entry: bool, quote: str
) -> tuple[float | None, str | None]:
    if row["ft_fee_base"] and price:
        return row["ft_fee_base"] * price, quote
    name = "fee_open" if is_entry else "fee_close"
    cost, rate = row[f"{name}_cost"], row[name]
    if cost is not None and row["orders_of_side"] == 1:
        return cost, row[f"{name}_currency"] or quote
    if rate is not None and price:
        return rate * row["filled"] * price, quote
    return None, None


def _moment(text: object) -> datetime | None:
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
