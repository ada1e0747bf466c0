"""What fills earned, marked at the price of the last one. Pure.

    earned = what was received - what was paid - fees + quantity after x last price
             - quantity before x last price before

It is the whole P&L of the time, realised or not; times that follow each other add up.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal, localcontext

from mechexo.value_classes import dataclass

_PRECISION = 60


@dataclass(frozen=True, slots=True)
class Fill:
    """One fill: what it added to the position, at which price, and its fee in the quote currency
    (positive when paid)."""

    quantity: Decimal
    """Below zero when sold."""
    price: Decimal
    fee: Decimal


@dataclass(frozen=True, slots=True)
class Held:
    """What is held after some fills, and the price of the last one."""

    quantity: Decimal = Decimal(0)
    price: Decimal = Decimal(0)

    @property
    def value(self) -> Decimal:
        """Its exposure, in the quote currency."""
        return self.quantity * self.price


def book(before: Held, fills: Iterable[Fill]) -> tuple[Held, Decimal]:
    """What is held after these fills, in their order, and what they earned."""
    with localcontext(prec=_PRECISION):
        quantity, price, cash = before.quantity, before.price, Decimal(0)
        for fill in fills:
            cash -= fill.quantity * fill.price + fill.fee
            quantity, price = quantity + fill.quantity, fill.price
        return Held(quantity, price), cash + quantity * price - before.value
