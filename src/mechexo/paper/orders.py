"""The orders behind simulated fills: what was decided and sent, and how much was filled. Pure.

A strategy works one order in a symbol at a time: its fills there, one soon after the other and on
one side, are those of one order. Some orders are cancelled before they are filled whole, a few
before anything is.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import replace

from mechexo.paper.market import Fill
from mechexo.value_classes import dataclass

LONGEST_S = 2700.0
"""How long after its first fill an order may have others."""
MOST_FILLS = 6
CANCELLED = 0.15
"""The share of orders that end with something left."""
UNFILLED = 0.03
"""How many orders nobody fills come to one that is."""


@dataclass(frozen=True, slots=True)
class Order:
    """An order of the desk. Offsets count from the session's start; below zero is before it."""

    order_id: str
    symbol: str
    side: str
    quantity: int
    """As decided: at least what was filled."""
    decided_s: float
    arrival_s: float
    """When it reached the market."""
    ended_s: float
    """When it was filled whole, or cancelled."""
    strategy: str


def orders_of(
    fills: Sequence[Fill], ends_s: float, draw: random.Random
) -> tuple[tuple[Fill, ...], tuple[Order, ...]]:
    """The fills, each with its order's id, and their orders by arrival.

    Args:
        fills: in time order.
        ends_s: when what is known ends: no order is cancelled after it.
        draw: where chance comes from.
    """
    placed = list(fills)
    orders: list[Order] = []
    for places in _worked(fills):
        own = [fills[place] for place in places]
        order = _order(own, ends_s, draw)
        orders.append(order)
        for place in places:
            placed[place] = replace(fills[place], order_id=order.order_id)
        if draw.random() < UNFILLED:
            orders += _unfilled(own[-1], ends_s, draw)
    return tuple(placed), tuple(sorted(orders, key=lambda order: (order.arrival_s, order.order_id)))


def _worked(fills: Sequence[Fill]) -> Iterator[list[int]]:
    """The places of the fills of each order, by its first fill."""
    found: list[list[int]] = []
    open_: dict[tuple[str, str], list[int]] = {}
    for place, fill in enumerate(fills):
        key = (fill.symbol, fill.strategy)
        own = open_.get(key)
        if own is None or not _goes_on(fills[own[0]], fill) or len(own) >= MOST_FILLS:
            own = open_[key] = []
            found.append(own)
        own.append(place)
    yield from found


def _goes_on(first: Fill, fill: Fill) -> bool:
    return fill.side == first.side and fill.offset_s - first.offset_s <= LONGEST_S


def _order(own: Sequence[Fill], ends_s: float, draw: random.Random) -> Order:
    first, last = own[0], own[-1]
    arrival = first.offset_s - draw.uniform(0.5, 20.0)
    filled = sum(fill.quantity for fill in own)
    ordered, ended = filled, last.offset_s
    if draw.random() < CANCELLED:
        ordered += 10 * max(1, round(filled / 10 * draw.uniform(0.1, 0.6)))
        ended = max(ended, min(ended + draw.uniform(20.0, 240.0), ends_s))
    return Order(
        first.order_id,
        first.symbol,
        first.side,
        ordered,
        arrival - draw.uniform(1.0, 30.0),
        arrival,
        ended,
        first.strategy,
    )


def _unfilled(after: Fill, ends_s: float, draw: random.Random) -> list[Order]:
    """An order that is cancelled without a fill; none where there is no time for one."""
    arrival = after.offset_s + draw.uniform(1.0, 60.0)
    ended = arrival + draw.uniform(30.0, 300.0)
    order_id = f"{draw.getrandbits(48):012x}"
    if ended > ends_s:
        return []
    return [
        Order(
            order_id,
            after.symbol,
            after.side,
            10 * max(1, round(draw.lognormvariate(2.3, 0.7))),
            arrival - draw.uniform(1.0, 30.0),
            arrival,
            ended,
            after.strategy,
        )
    ]
