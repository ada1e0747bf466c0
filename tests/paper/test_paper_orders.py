"""The orders behind the simulated fills."""

from __future__ import annotations

import random
from collections import defaultdict
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from mechexo.paper.market import UNIVERSE, Fill, simulate_session
from mechexo.paper.orders import LONGEST_S, MOST_FILLS, Order, orders_of

MIDS = {instrument.symbol: instrument.price for instrument in UNIVERSE}
SESSION = simulate_session("orders", MIDS)
LENGTH_S = 23_400.0


def made(seed: int, ends_s: float = LENGTH_S) -> tuple[dict[str, list[Fill]], dict[str, Order]]:
    fills, orders = orders_of(SESSION.fills, ends_s, random.Random(seed))
    by_order = defaultdict(list)
    for fill in fills:
        by_order[fill.order_id].append(fill)
    return by_order, {order.order_id: order for order in orders}


seeds = st.integers(0, 1_000)


@given(seeds)
def test_fills_keep_all_but_their_order(seed: int) -> None:
    fills, _ = orders_of(SESSION.fills, LENGTH_S, random.Random(seed))
    for before, after in zip(SESSION.fills, fills, strict=True):
        assert (before.offset_s, before.symbol, before.price, before.quantity) == (
            after.offset_s, after.symbol, after.price, after.quantity,
        )  # fmt: skip


@given(seeds)
def test_every_fill_is_of_an_order_of_its_symbol_side_and_strategy(seed: int) -> None:
    by_order, orders = made(seed)
    for order_id, fills in by_order.items():
        order = orders[order_id]
        assert {(each.symbol, each.side, each.strategy) for each in fills} == {
            (order.symbol, order.side, order.strategy)
        }
        assert len(fills) <= MOST_FILLS
        assert fills[-1].offset_s - fills[0].offset_s <= LONGEST_S


@given(seeds)
def test_no_more_is_filled_than_was_ordered_and_some_of_it_less(seed: int) -> None:
    by_order, orders = made(seed)
    left = [
        order.quantity - sum(fill.quantity for fill in by_order.get(order_id, ()))
        for order_id, order in orders.items()
    ]
    assert min(left) == 0
    assert 0.05 < sum(each > 0 for each in left) / len(left) < 0.4
    assert all(order.quantity % 10 == 0 for order in orders.values())


@given(seeds)
def test_an_order_is_decided_then_arrives_then_is_filled_and_ends(seed: int) -> None:
    by_order, orders = made(seed)
    for order_id, order in orders.items():
        moments = [fill.offset_s for fill in by_order.get(order_id, ())]
        times = [order.decided_s, order.arrival_s, *moments, order.ended_s]
        assert all(one <= other for one, other in pairwise(times))
        assert order.ended_s <= LENGTH_S


def test_some_orders_have_several_fills_and_some_none() -> None:
    by_order, orders = made(3)
    assert any(len(fills) > 1 for fills in by_order.values())
    assert orders.keys() > by_order.keys()


def test_the_same_chance_gives_the_same_orders() -> None:
    assert made(5) == made(5) != made(6)


def test_without_time_after_the_last_fill_nothing_ends_later() -> None:
    last = SESSION.fills[-1].offset_s
    _, orders = made(3, ends_s=last)
    assert max(order.ended_s for order in orders.values()) == last


def test_no_fills_are_no_orders() -> None:
    assert orders_of((), LENGTH_S, random.Random(1)) == ((), ())
