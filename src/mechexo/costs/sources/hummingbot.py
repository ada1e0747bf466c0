"""Fills of a Hummingbot: `hummingbot:///data/conf_strategy.sqlite`.

Prices, amounts and the fee in the quote coin are kept as whole millionths (as floats by versions
before 2022), times as milliseconds since 1970. The fee itself is kept as JSON: a share of the
notional, and amounts of coins.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Generator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path

import polars as pl

from mechexo.costs.sources.bot_database import FRAME, BotDatabase, selected
from mechexo.costs.sources.protocol import RawTable, Window
from mechexo.value_classes import dataclass

_NEEDED = ("market", "symbol", "timestamp", "order_id", "trade_type", "price", "amount",
           "exchange_trade_id", "trade_fee")  # fmt: skip
_COLUMNS = (*_NEEDED, "strategy", "base_asset", "quote_asset", "order_type", "trade_fee_in_quote")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MAKER = {"LIMIT_MAKER": "maker", "MARKET": "taker"}


@dataclass(frozen=True, slots=True)
class HummingbotSource:
    """One bot's fills."""

    database: BotDatabase
    in_our_names: bool = True

    @classmethod
    def parse(cls, text: str, setting: str, root: Path) -> HummingbotSource:
        """The source of `hummingbot:///path`; see `BotDatabase.parse`."""
        return cls(BotDatabase.parse(text, setting, root))

    def batches(
        self, window: Window, time_column: str | None
    ) -> Generator[Sequence[RawTable], None, None]:
        """See `Source.batches`."""
        rows = self.database.read(lambda connection: self._fills(connection, window))
        frame = pl.DataFrame(rows, schema=FRAME, orient="row")
        yield [RawTable(self.database.where, frame.lazy())]

    def _fills(self, connection: sqlite3.Connection, window: Window) -> list[tuple[object, ...]]:
        columns = self.database.columns(connection, "TradeFill", _NEEDED)
        query = (
            f"SELECT {selected('f', _COLUMNS, columns)} FROM TradeFill AS f "  # noqa: S608 (ours)
            "WHERE f.timestamp >= ? AND f.timestamp <= ? ORDER BY f.timestamp"
        )
        bounds = (_milliseconds(window.start), _milliseconds(window.end))
        scale = {name: -6 if "INT" in kind else 0 for name, kind in columns.items()}
        return [_fill(row, scale) for row in connection.execute(query, bounds)]


def _fill(row: sqlite3.Row, scale: dict[str, int]) -> tuple[object, ...]:
    def number(name: str) -> Decimal | None:
        value = _decimal(row[name])
        return None if value is None else value.scaleb(scale.get(name, 0))

    price, amount = number("price"), number("amount")
    commission, currency = _fee(row, price, amount, number("trade_fee_in_quote"))
    return (
        f"{row['market']}:{row['order_id']}:{row['exchange_trade_id']}",
        _EPOCH + timedelta(milliseconds=int(row["timestamp"])),
        row["symbol"],
        row["trade_type"],
        None if amount is None else float(amount),
        None if price is None else float(price),
        None if commission is None else float(commission),
        currency,
        row["quote_asset"],
        row["strategy"],
        row["market"],
        row["order_id"],
        row["order_type"],
        _MAKER.get(str(row["order_type"]).upper()),
    )


def _fee(
    row: sqlite3.Row, price: Decimal | None, amount: Decimal | None, in_quote: Decimal | None
) -> tuple[Decimal | None, str | None]:
    """The fee and its currency. The bot writes 0 for the fee in the quote coin also when it did
    not know a rate, so that figure is the last resort."""
    base, quote = row["base_asset"], row["quote_asset"]
    fee = _parsed(row["trade_fee"])
    if fee is None or price is None or amount is None:
        return (in_quote, quote) if in_quote else (None, None)
    percent, flat_fees = fee
    total = price * amount * percent
    others: dict[str, Decimal] = {}
    for token, value in flat_fees:
        if token == quote:
            total += value
        elif token == base:
            total += value * price
        else:
            others[token] = others.get(token, Decimal(0)) + value
    if not others:
        return total, quote
    if len(others) == 1 and not total:
        ((token, value),) = others.items()
        return value, token
    return (in_quote, quote) if in_quote else (None, None)


def _parsed(text: object) -> tuple[Decimal, list[tuple[str, Decimal]]] | None:
    """The share of the notional and the amounts of coins; None when they cannot be read."""
    try:
        fee = json.loads(str(text), parse_float=Decimal)
        flat_fees = [
            (each["token"], each["amount"]) if isinstance(each, dict) else each
            for each in fee.get("flat_fees") or []
        ]
        return Decimal(fee["percent"]), [
            (str(token), Decimal(amount)) for token, amount in flat_fees
        ]
    except (ValueError, KeyError, TypeError, AttributeError, InvalidOperation):
        return None


def _decimal(value: object) -> Decimal | None:
    if value is None:
        return None
    try:
        return Decimal(str(value))
    except InvalidOperation:
        return None


def _milliseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(milliseconds=1)
