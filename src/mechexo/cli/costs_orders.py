"""`mechexo costs orders`: implementation shortfall and benchmarks of the desk's orders."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from mechexo.cli import render
from mechexo.cli.costs_options import one_answer
from mechexo.cli.costs_tables import bps
from mechexo.cli.invocation import open_desk

if TYPE_CHECKING:
    from mechexo.costs.values import OrderCost

PARTS = ("delay", "drift", "spread", "beyond", "opportunity", "fees", "total")
BENCHMARKS = ("arrival", "vwap", "twap", "close", "given")
COLUMNS = (
    *("order_id", "symbol", "side", "ordered", "filled", "fills", "unpriced_fills"),
    *("decided_at", "arrival_at", "ended_at", "strategy", "broker", "order_type"),
    *("decision_price", "arrival_price", "average_price", "end_price", "notional"),
    *(f"{part}_{unit}" for unit in ("ccy", "bps") for part in (*PARTS, "slippage")),
    *("residual_ccy", "reason"),
)


def orders(
    ctx: typer.Context,
    start: Annotated[str | None, typer.Option("--from", help="A time, -2d, or a date.")] = None,
    end: Annotated[
        str | None, typer.Option("--to", help="Until; a date is included. Default: now.")
    ] = None,
    json_: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
    csv: Annotated[bool, typer.Option("--csv", help="CSV.")] = False,
) -> None:
    """Each order's implementation shortfall: what the desk got against what it decided on.

    Delay, drift, spread, beyond the touch, opportunity and fees add up to the total; all in bps of
    the ordered quantity at the decision's mid. A part that cannot be known is a dash, and why is
    said.
    """
    from mechexo.costs.operations import orders as list_orders
    from mechexo.costs.period import read_period

    one_answer(json_=json_, csv=csv)
    desk = open_desk(ctx)
    first, last = read_period(desk, start, end)
    found = list_orders(desk, start=first, end=last)
    if json_:
        body = {
            "from": first,
            "to": last,
            "currency": desk.settings.costs.currency,
            "orders": found,
        }
        return render.json_document("cost_orders", desk.clock.now(), body)
    if csv:
        columns = (*COLUMNS, *(f"{name}_slippage_bps" for name in BENCHMARKS))
        return render.csv_rows(columns, (_cells(order) for order in found))
    return _print(found)


def _cells(order: OrderCost) -> list[object]:
    against = [order.benchmarks.get(name) for name in BENCHMARKS]
    slippage = [each.slippage_bps if each else None for each in against]
    return [*(getattr(order, name) for name in COLUMNS), *slippage]


def _print(found: Sequence[OrderCost]) -> None:
    render.table(
        "Implementation shortfall, in bps of the ordered notional, positive hurts",
        ("order", "symbol", "side", ">ordered", ">filled", *(f">{part}" for part in PARTS)),
        [
            (
                order.order_id,
                order.symbol,
                order.side,
                f"{order.ordered:g}",
                f"{order.filled:g}",
                *(bps(getattr(order, f"{part}_bps")) for part in PARTS),
            )
            for order in found
        ],
        empty="no orders",
    )
    if not found:
        return
    render.table(
        "Average price against benchmarks, in bps, positive hurts",
        ("order", ">average", *(f">{name}" for name in BENCHMARKS)),
        [
            (
                order.order_id,
                None if order.average_price is None else f"{order.average_price:g}",
                *(
                    bps(each.slippage_bps) if (each := order.benchmarks.get(name)) else None
                    for name in BENCHMARKS
                ),
            )
            for order in found
        ],
    )
    for order in found:
        if order.reason:
            render.text(f"▲ {order.order_id}: {order.reason}")
