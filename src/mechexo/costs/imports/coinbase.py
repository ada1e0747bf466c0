"""Coinbase: fills as JSON, of Advanced Trade (`fills` in an object) or of Exchange (a list).

An Advanced Trade fill that was reversed comes once more, as REVERSAL under the same trade id;
what stands in for it is a CORRECTION.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mechexo.costs.imports.coins import known
from mechexo.costs.imports.content import Content
from mechexo.costs.imports.rows import amount, exact, moment, needed, parsed, tags_of, text
from mechexo.costs.imports.values import (
    ImportedFill,
    NoFill,
    Options,
    Parsed,
    RowError,
    TakenBack,
)

NAME = "coinbase"
TITLE = "Coinbase fills JSON"

_ADVANCED = (b'"trade_id"', b'"product_id"', b'"commission"')
_EXCHANGE = (b'"trade_id"', b'"product_id"', b'"liquidity"')
_LIQUIDITY = {"MAKER": "maker", "TAKER": "taker", "M": "maker", "T": "taker"}
_SIDES = {"BUY": "buy", "SELL": "sell"}


def recognises(content: Content) -> bool:
    """Whether it is a list of fills."""
    glance = content.glance
    return content.looks_like_json and any(
        all(mark in glance for mark in marks) for marks in (_ADVANCED, _EXCHANGE)
    )


def read(content: Content, options: Options) -> Parsed:
    """The fills.

    Raises:
        UsageError: the file is torn, or holds no list of them.
    """
    rows = content.json_rows("fills")
    return parsed(
        ((f"fill no. {place}", row) for place, row in enumerate(rows, 1)),
        lambda row: _read(row, options),
        options.tags,
    )


def _read(row: Any, options: Options) -> ImportedFill | TakenBack | NoFill:
    if not isinstance(row, Mapping):
        raise RowError("no fill")
    product = needed(row, "product_id", "symbol")
    fill_id = f"coinbase:{product}:{needed(row, 'trade_id', 'fill id')}"
    kind = (text(row.get("trade_type")) or "FILL").upper()
    if kind == "REVERSAL":
        return TakenBack(fill_id)
    if kind not in ("FILL", "CORRECTION"):
        return NoFill(f"trades of type {kind}")
    side = _SIDES.get(needed(row, "side", "side").upper())
    if side is None:
        raise RowError("the side is neither buy nor sell")
    price, quantity = exact(row.get("price"), "price"), exact(row.get("size"), "quantity")
    if row.get("size_in_quote") is True:
        if price == 0:
            raise RowError("the price is not above zero")
        quantity /= price
    currency = known(_currency(product))
    liquidity = text(row.get("liquidity_indicator")) or text(row.get("liquidity")) or ""
    return ImportedFill(
        # A correction has the id of what it corrects once more; it takes that one's place.
        fill_id=f"{fill_id}:corrected" if kind == "CORRECTION" else fill_id,
        at=moment(row.get("trade_time") or row.get("created_at")),
        symbol=product,
        side=side,
        quantity=quantity,
        price=price,
        commission=amount(row.get("commission", row.get("fee")), "commission"),
        commission_currency=currency,
        currency=currency,
        venue="Coinbase",
        broker="Coinbase",
        order_id=text(row.get("order_id")),
        liquidity=_LIQUIDITY.get(liquidity.upper()),
        replaces=fill_id if kind == "CORRECTION" else None,
        tags=tags_of(row, options.tags),
    )


def _currency(product: str) -> str | None:
    """What a product is priced in: BTC-USD in USD, and a perpetual in USDC."""
    if product.endswith("-INTX"):
        return "USDC"
    _, dash, quote = product.partition("-")
    return quote if dash and "-" not in quote else None
