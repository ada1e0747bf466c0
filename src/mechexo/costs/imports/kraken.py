"""Kraken: `TradesHistory` of the spot exchange and `fills` of the futures exchange, as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from mechexo.costs.imports.coins import known, own_name, quote_of
from mechexo.costs.imports.content import Content
from mechexo.costs.imports.rows import (
    amount,
    exact,
    moment,
    needed,
    parsed,
    since_epoch,
    tags_of,
    text,
)
from mechexo.costs.imports.values import ImportedFill, Options, Parsed, RowError
from mechexo.errors import UsageError

NAME = "kraken"
TITLE = "Kraken trades JSON"

_SPOT = (b'"ordertxid"', b'"vol"', b'"pair"')
_FUTURES = (b'"fill_id"', b'"fillTime"')
_SIDES = ("buy", "sell")
_LINEAR = ("PF_", "FF_")
_INVERSE = ("PI_", "FI_")


def recognises(content: Content) -> bool:
    """Whether it is a list of an account's trades."""
    glance = content.glance
    return content.looks_like_json and any(
        all(mark in glance for mark in marks) for marks in (_SPOT, _FUTURES)
    )


def read(content: Content, options: Options) -> Parsed:
    """The trades.

    Raises:
        UsageError: the answer of the exchange is an error, or holds no trades.
    """
    found = content.json
    fills = found.get("fills") if isinstance(found, dict) else None
    if isinstance(fills, list):
        rows = ((f"fill no. {place}", row) for place, row in enumerate(fills, 1))
        return parsed(rows, lambda row: _future(row, options), options.tags)
    result = found.get("result", found) if isinstance(found, dict) else {}
    trades = result.get("trades", result) if isinstance(result, dict) else {}
    if not isinstance(trades, dict) or not trades:
        raise UsageError(f"{content.path} holds no trades of Kraken's")
    return parsed(
        ((f"trade {txid}", (txid, row)) for txid, row in trades.items()),
        lambda row: _spot(*row, options),
        options.tags,
    )


def _spot(txid: str, row: Any, options: Options) -> ImportedFill:
    if not isinstance(row, Mapping):
        raise RowError("no trade")
    pair = needed(row, "pair", "symbol")
    # ETH/XBT and XETHXXBT are priced in the same coin; the symbol stays as Kraken writes it.
    written = pair.partition("/")[2]
    quote = known(own_name(written) if written else quote_of(pair))
    makes = row.get("maker")
    return ImportedFill(
        fill_id=f"kraken:{txid}",
        at=since_epoch(row.get("time"), timedelta(seconds=1)),
        symbol=pair,
        side=_side(row.get("type")),
        quantity=exact(row.get("vol"), "quantity"),
        price=exact(row.get("price"), "price"),
        commission=amount(row.get("fee"), "commission"),
        commission_currency=quote,
        currency=quote,
        venue="Kraken",
        broker="Kraken",
        order_id=text(row.get("ordertxid")),
        order_type=text(row.get("ordertype")),
        liquidity=("maker" if makes else "taker") if isinstance(makes, bool) else None,
        tags=tags_of(row, options.tags),
    )


def _future(row: Any, options: Options) -> ImportedFill:
    if not isinstance(row, Mapping):
        raise RowError("no fill")
    symbol = needed(row, "symbol", "symbol")
    if symbol.upper().startswith(_INVERSE):
        raise RowError("an inverse contract: its size is in contracts, not in coins")
    if not symbol.upper().startswith(_LINEAR):
        raise RowError("a contract of a kind that is not known")
    return ImportedFill(
        fill_id=f"kraken:{needed(row, 'fill_id', 'fill id')}",
        at=moment(row.get("fillTime")),
        symbol=symbol,
        side=_side(row.get("side")),
        quantity=exact(row.get("size"), "quantity"),
        price=exact(row.get("price"), "price"),
        currency="USD",
        venue="Kraken Futures",
        broker="Kraken",
        order_id=text(row.get("order_id")),
        liquidity={"maker": "maker", "taker": "taker"}.get(text(row.get("fillType")) or ""),
        tags=tags_of(row, options.tags),
    )


def _side(value: object) -> str:
    side = (text(value) or "").lower()
    if side not in _SIDES:
        raise RowError("the side is neither buy nor sell")
    return side
