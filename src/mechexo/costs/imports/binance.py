"""Binance: the trades of an account as JSON, spot (`myTrades`) or USD-margined futures
(`userTrades`). A trade's number is unique within its symbol."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from mechexo.costs.imports.coins import fee_in, known, quote_of
from mechexo.costs.imports.content import Content
from mechexo.costs.imports.rows import (
    amount,
    exact,
    needed,
    parsed,
    since_epoch,
    tags_of,
    text,
)
from mechexo.costs.imports.values import ImportedFill, Options, Parsed, RowError

NAME = "binance"
TITLE = "Binance account trades JSON"

_MARKS = (b'"commissionAsset"', b'"qty"', b'"time"')


def recognises(content: Content) -> bool:
    """Whether it is a list of an account's trades."""
    return content.looks_like_json and all(mark in content.glance for mark in _MARKS)


def read(content: Content, options: Options) -> Parsed:
    """The trades.

    Raises:
        UsageError: the file is torn, or holds no list of them.
    """
    rows = content.json_rows("data")
    return parsed(
        ((f"trade no. {place}", row) for place, row in enumerate(rows, 1)),
        lambda row: _read(row, options),
        options.tags,
    )


def _read(row: Any, options: Options) -> ImportedFill:
    if not isinstance(row, Mapping):
        raise RowError("no trade")
    if "baseQty" in row:
        raise RowError("an inverse contract: its size is in contracts, not in coins")
    pair = needed(row, "symbol", "symbol")
    is_future = "buyer" in row or "positionSide" in row
    buys, makes = (row.get("buyer"), row.get("maker")) if is_future else (
        row.get("isBuyer"), row.get("isMaker"),
    )  # fmt: skip
    if not isinstance(buys, bool):
        raise RowError("the side is neither buy nor sell")
    price = exact(row.get("price"), "price")
    quote = known(quote_of(pair))
    commission, currency = fee_in(
        amount(row.get("commission"), "commission"),
        text(row.get("commissionAsset")),
        pair,
        quote,
        price,
    )
    return ImportedFill(
        fill_id=f"binance:{'futures:' if is_future else ''}{pair}:{needed(row, 'id', 'fill id')}",
        at=since_epoch(row.get("time"), timedelta(milliseconds=1)),
        symbol=pair,
        side="buy" if buys else "sell",
        quantity=exact(row.get("qty"), "quantity"),
        price=price,
        commission=commission,
        commission_currency=currency,
        currency=quote,
        venue="Binance",
        broker="Binance",
        order_id=text(row.get("orderId")),
        liquidity={True: "maker", False: "taker"}.get(makes) if isinstance(makes, bool) else None,
        tags=tags_of(row, options.tags),
    )
