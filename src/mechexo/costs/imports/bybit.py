"""Bybit: the executions of an account as JSON (`/v5/execution/list`)."""

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
from mechexo.costs.imports.values import ImportedFill, NoFill, Options, Parsed, RowError

NAME = "bybit"
TITLE = "Bybit executions JSON"

_MARKS = (b'"execId"', b'"execPrice"', b'"execQty"')


def recognises(content: Content) -> bool:
    """Whether it is a list of executions."""
    return content.looks_like_json and all(mark in content.glance for mark in _MARKS)


def read(content: Content, options: Options) -> Parsed:
    """The executions.

    Raises:
        UsageError: the file is torn, or holds no list of them.
    """
    rows = content.json_rows("result", "list")
    result = content.json["result"] if isinstance(content.json, dict) else {}
    category = text(result.get("category")) if isinstance(result, dict) else None
    return parsed(
        ((f"execution no. {place}", row) for place, row in enumerate(rows, 1)),
        lambda row: _read(row, category, options),
        options.tags,
    )


def _read(row: Any, category: str | None, options: Options) -> ImportedFill | NoFill:
    if not isinstance(row, Mapping):
        raise RowError("no execution")
    kind = text(row.get("execType")) or "Trade"
    if kind != "Trade":
        return NoFill(f"executions of type {kind}")
    pair = needed(row, "symbol", "symbol")
    quote = known(_quote(pair))
    if category == "inverse" or (category is None and quote == "USD"):
        raise RowError("an inverse contract: its size is in dollars, not in coins")
    side = needed(row, "side", "side").lower()
    if side not in ("buy", "sell"):
        raise RowError("the side is neither buy nor sell")
    price = exact(row.get("execPrice"), "price")
    commission, currency = fee_in(
        amount(row.get("execFee"), "commission"), text(row.get("feeCurrency")), pair, quote, price
    )
    makes = row.get("isMaker")
    return ImportedFill(
        fill_id=f"bybit:{needed(row, 'execId', 'fill id')}",
        at=since_epoch(row.get("execTime"), timedelta(milliseconds=1)),
        symbol=pair,
        side=side,
        quantity=exact(row.get("execQty"), "quantity"),
        price=price,
        commission=commission,
        commission_currency=currency,
        currency=quote,
        venue="Bybit",
        broker="Bybit",
        order_id=text(row.get("orderId")),
        order_type=(text(row.get("orderType")) or "").lower() or None,
        liquidity=("maker" if makes else "taker") if isinstance(makes, bool) else None,
        tags=tags_of(row, options.tags),
    )


def _quote(pair: str) -> str | None:
    """What a pair is priced in; contracts like BTCPERP and BTC-26MAR26-60000-C in USDC."""
    if pair.endswith("-USDT"):
        return "USDT"
    name, dash, _ = pair.partition("-")
    found = quote_of(name)
    return "USDC" if found is None and (dash or name.endswith("PERP")) else found
