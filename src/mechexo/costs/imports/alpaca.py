"""Alpaca: account activities as JSON. A fill is an activity of type FILL; it has no commission."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mechexo.costs.imports.content import Content
from mechexo.costs.imports.rows import exact, moment, needed, parsed, tags_of, text
from mechexo.costs.imports.values import ImportedFill, NoFill, Options, Parsed, RowError

NAME = "alpaca"
TITLE = "Alpaca account activities JSON"

_SIDES = {"buy": "buy", "sell": "sell", "sell_short": "sell"}


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
    return ImportedFill(
        fill_id=f"alpaca:{needed(row, 'id', 'fill id')}",
        at=moment(row.get("transaction_time")),
        symbol=needed(row, "symbol", "symbol"),
        side=side,
        quantity=exact(row.get("qty"), "quantity"),
        price=exact(row.get("price"), "price"),
        currency="USD",
        broker="Alpaca",
        order_id=text(row.get("order_id")),
        tags=tags_of(row, options.tags),
    )
