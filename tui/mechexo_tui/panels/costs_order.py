"""What one order cost against its decision, above the list of its fills."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from mechexo_tui.panels.costs_fills import price, quantity
from mechexo_tui.widgets import format as shown_as
from mechexo_tui.widgets.lines import Line, wrapped

if TYPE_CHECKING:
    from mechexo.costs.values import OrderCost
    from mechexo_tui.widgets.format import Look

PARTS = {
    "delay": "delay",
    "drift": "drift",
    "spread": "half-spread",
    "beyond": "beyond",
    "opportunity": "opportunity",
    "fees": "fees",
}
"""The parts of a shortfall, in the order in which they came about, and what they are called."""

_TOGETHER = "\u00a0"
"""A blank at which no line is broken."""

BENCHMARKS = {"arrival": "arrival", "vwap": "VWAP", "twap": "TWAP", "close": "close"}


def order_lines(
    order: OrderCost | None, reason: str, currency: str, look: Look, *, tall: bool
) -> list[Line]:
    """The order's implementation shortfall and its parts, with room also its benchmarks; and why
    something is missing. Nothing when there is no order to speak of."""
    missing = reason if order is None else order.reason
    texts = [] if order is None else [_whole(order, currency, look), _parts(order, look)]
    if order is not None and tall:
        texts.append(_benchmarks(order, look))
    lines: list[Line] = [
        ((f"  {part.replace(_TOGETHER, ' ')}", ""),)
        for text in texts
        for part in wrapped(text, look.width - 3)
    ]
    if missing:
        first, *more = wrapped(missing, look.width - 6)
        lines.append(((f"  {look.glyphs.warning} ", "warning"), (first, "")))
        lines += [(("    ", ""), (part, "")) for part in more]
    return lines


def _whole(order: OrderCost, currency: str, look: Look) -> str:
    glyphs = look.glyphs
    average = "" if order.average_price is None else f" at {price(order.average_price)}"
    amount = shown_as.number(order.total_ccy, glyphs, decimals=2)
    return (
        f"order: {quantity(order.filled)} of {quantity(order.ordered)} filled{average}; shortfall "
        f"{shown_as.fine_bps(order.total_bps, glyphs)} bps of what was ordered, "
        f"{amount} {currency}"
    )


def _parts(order: OrderCost, look: Look) -> str:
    figures = {name: getattr(order, f"{part}_bps") for part, name in PARTS.items()}
    return f"of it {_listed(figures, look)}"


def _benchmarks(order: OrderCost, look: Look) -> str:
    slippage = {name: each.slippage_bps for name, each in order.benchmarks.items()}
    figures = {title: slippage.get(name) for name, title in BENCHMARKS.items()}
    return f"average price against {_listed(figures, look)}"


def _listed(figures: Mapping[str, float | None], look: Look) -> str:
    return "  ".join(
        f"{name}{_TOGETHER}{shown_as.fine_bps(value, look.glyphs)}"
        for name, value in figures.items()
    )
