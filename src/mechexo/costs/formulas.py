"""What a fill costs, once: for Polars' expressions and for NumPy's arrays, which count alike.

Symbols and signs: `costs/values.py`. A value is an expression, an array, or a number that is the
same for all fills.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Value = Any
"""A `polars.Expr`, a NumPy array of floats, or a float."""

TOLERANCE = 1e-9
"""The largest residual of an identity, in bps, or relative to the total where that is larger."""

RESIDUALS = 4
"""How many identities `residuals` looks at."""


def middle(bid: Value, ask: Value) -> Value:
    """M = (b + a) / 2."""
    return (bid + ask) / 2


def is_suspect(price: Value, mid: Value, suspect_pct: float) -> Value:
    """Whether a price is so far from the mid that something is wrong with one of them."""
    return abs(price - mid) > suspect_pct / 100 * mid


def in_cash(
    *,
    side: Value,
    size: Value,
    price: Value,
    commission: Value,
    bid: Value,
    ask: Value,
    mid: Value,
    touch: Value,
) -> dict[str, Value]:
    """The reference notional and the parts of the cost in the base currency.

    Args:
        side: +1 for a buy, -1 for a sale.
        size: quantity x multiplier x rate to the base currency.
        price: of the fill.
        commission: all explicit costs, base currency.
        bid: of the reference.
        ask: of the reference.
        mid: of the reference.
        touch: the ask for a buy, the bid for a sale.
    """
    slippage = size * side * (price - mid)
    return {
        "notional": size * mid,
        "slippage_ccy": slippage,
        "spread_ccy": size * (ask - bid) / 2,
        "beyond_ccy": size * side * (price - touch),
        "commission_ccy": commission,
        "total_ccy": slippage + commission,
    }


def in_bps(
    *,
    side: Value,
    price: Value,
    commission: Value,
    notional: Value,
    bid: Value,
    ask: Value,
    mid: Value,
    touch: Value,
) -> dict[str, Value]:
    """The same parts in basis points of the notional, each by its own formula."""
    per_mid = 1e4 / mid
    slippage = side * (price - mid) * per_mid
    commissions = 1e4 * commission / notional
    return {
        "slippage_bps": slippage,
        "spread_bps": (ask - bid) / 2 * per_mid,
        "beyond_bps": side * (price - touch) * per_mid,
        "commission_bps": commissions,
        "total_bps": slippage + commissions,
    }


def residuals(cost: Mapping[str, Value]) -> tuple[Value, ...]:
    """How far the parts are from adding up, in bps: E against its cash, E against S + I, T against
    S + I + C, T against E + C in cash. The first is known wherever another one is."""
    parts = cost["spread_bps"] + cost["beyond_bps"]
    cash = 1e4 * (cost["slippage_ccy"] + cost["commission_ccy"]) / cost["notional"]
    own = 1e4 * cost["slippage_ccy"] / cost["notional"]
    return (
        abs(cost["slippage_bps"] - own),
        abs(cost["slippage_bps"] - parts),
        abs(cost["total_bps"] - (parts + cost["commission_bps"])),
        abs(cost["total_bps"] - cash),
    )


def after_horizon(
    *, side: Value, size: Value, price: Value, mid: Value, notional: Value, after: Value
) -> dict[str, Value]:
    """Realised half-spread R and impact G, in cash and bps; `after` is the mid a horizon later."""
    realised = size * side * (price - after)
    impact = size * side * (after - mid)
    return {
        "realised_ccy": realised,
        "realised_bps": 1e4 * realised / notional,
        "impact_ccy": impact,
        "impact_bps": 1e4 * impact / notional,
    }


def horizon_residual(slippage_bps: Value, later: Mapping[str, Value]) -> Value:
    """How far R and G are from adding up to E, in bps."""
    return abs(slippage_bps - (later["realised_bps"] + later["impact_bps"]))
