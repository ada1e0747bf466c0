"""Alpaca: account activities as JSON. A fill is an activity of type FILL; it has no commission.

Stocks and options are in dollars; a pair of coins is in what stands after its slash.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from mechexo.costs.imports.coins import known
from mechexo.costs.imports.content import Content
from mechexo.costs.imports.rows import amount, exact, moment, needed, parsed, tags_of, text
from mechexo.costs.imports.values import ImportedFill, NoFill, Options, Parsed, RowError

NAME = "alpaca"
TITLE = "Alpaca account activities JSON"

_SIDES = {"buy": "buy", "sell": "sell", "sell_short": "sell"}
_OPTION = re.compile(r"[A-Z]{1,6}\d?\d{6}[CP]\d{8}", re.ASCII)
"""An option's symbol as the OCC writes it: root, day of expiry, call or put, strike."""


def recognises(content: Content) -> bool:
    """Whether it is a list of activities."""
    return b'"activity_type"' in content.glance and content.looks_like_json


def read(content: Content, options: Options) -> Parsed:
    """The fills among the activities.

    Raises:
        UsageError: the file is torn, or holds no list of them.
    """
    rows = content.json_rows("activities")
    notes = ["Alpaca reports fees by day, not by fill: commissions stay unknown"]
    return parsed(
        ((f"activity no. {place}", row) for place, row in enumerate(rows, 1)),
        lambda row: _read(row, options),
        options.tags,
        notes,
    )


def _read(row: Any, options: Options) -> ImportedFill | NoFill:
    if not isinstance(row, Mapping):
        raise RowError("no activity")
    kind = text(row.get("activity_type"))
    if kind != "FILL":
        return NoFill(f"activities of type {kind}")
    side = _SIDES.get(needed(row, "side", "side").lower())
    if side is None:
        raise RowError("the side is neither buy nor sell")
    symbol = needed(row, "symbol", "symbol")
    return ImportedFill(
        fill_id=f"alpaca:{needed(row, 'id', 'fill id')}",
        at=moment(row.get("transaction_time")),
        symbol=symbol,
        side=side,
        quantity=exact(row.get("qty"), "quantity"),
        price=exact(row.get("price"), "price"),
        multiplier=_multiplier(row, symbol),
        currency=_currency(symbol),
        broker="Alpaca",
        order_id=text(row.get("order_id")),
        tags=tags_of(row, options.tags),
    )


def _currency(symbol: str) -> str:
    _, slash, quote = symbol.partition("/")
    return known(quote or None) if slash else "USD"


def _multiplier(row: Mapping[str, object], symbol: str) -> Decimal:
    """How many units one of it is.

    An activity does not say how much an option delivers. It is 100 shares by convention only: after
    a split, a merger or a special dividend it is another number, under a symbol that need not show
    it. A cost that is wrong by that factor would look like any other, so it is asked for, as it is
    of Interactive Brokers' and FIX's options.
    """
    found = amount(row.get("multiplier"), "multiplier")
    if found is None and _OPTION.fullmatch(symbol):
        raise RowError(
            "an option without its multiplier (add the contract's size to the activity, "
            'like "multiplier": "100")'
        )
    return Decimal(1) if found is None else found
