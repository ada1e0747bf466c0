"""What the sources that read a bot's own records have in common. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import TYPE_CHECKING

from mechexo.risk.values import NOT_TOLD, Amount

if TYPE_CHECKING:
    from mechexo.config import RiskSettings


def added_up(amounts: Iterable[Amount]) -> tuple[Amount, ...]:
    """The sum of each currency, by name; none of none."""
    sums: dict[str, Decimal] = {}
    for each in amounts:
        sums[each.currency] = sums.get(each.currency, Decimal(0)) + each.value
    return tuple(Amount(value, currency) for currency, value in sorted(sums.items()))


def configured_capital(settings: RiskSettings) -> tuple[Amount, ...] | None:
    """The capital that the configuration names, if it does."""
    if settings.capital is None:
        return None
    return (Amount(Decimal(str(settings.capital)), settings.currency),)


def not_told(*parts: str) -> dict[str, str]:
    """Why these parts are not known: the source does not keep them."""
    return dict.fromkeys(parts, NOT_TOLD)
