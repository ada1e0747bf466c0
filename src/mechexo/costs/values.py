"""What the costs wing says. Cost is positive when it hurts; bps are of the reference notional.

Definitions: effective half-spread E (`slippage`, against the mid) = quoted half-spread S
(`spread`) + slippage beyond the touch I; total T = E + explicit costs C (`commission`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class CostRow:
    """One group's costs. A figure is None when no fill of the group has it; never zero for that.

    `key` holds the group's values by dimension, e.g. {"day": "2026-03-02"}; empty for the totals.
    """

    key: Mapping[str, str]
    fills: int
    priced: int
    """Fills with a reference price: the ones behind every figure but the commission."""
    notional: float
    commission_bps: float | None
    spread_bps: float | None
    slippage_bps: float | None
    total_bps: float | None
    p50_bps: float | None
    p95_bps: float | None
    p99_bps: float | None
    commission_ccy: float | None
    slippage_ccy: float | None
    total_ccy: float | None


@dataclass(frozen=True, slots=True)
class UnpricedFill:
    """A fill without a usable reference quote, or one that was set apart, with the reason."""

    fill_id: str
    at: datetime
    symbol: str
    reason: str


@dataclass(frozen=True, slots=True)
class Coverage:
    """How much of the input stands behind the figures."""

    fills: int
    priced: int
    by_benchmark: Mapping[str, int]
    """Fills by the source of their reference price, `none` included."""
    unpriced: tuple[UnpricedFill, ...]
    suspects: tuple[UnpricedFill, ...]
    rejected: tuple[UnpricedFill, ...]


@dataclass(frozen=True, slots=True)
class CostReport:
    """Costs of a period. `by` maps a dimension name to its rows in order."""

    start: datetime
    end: datetime
    currency: str
    zone: str
    quote_rule: str
    totals: CostRow
    by: Mapping[str, tuple[CostRow, ...]]
    coverage: Coverage
    residual_bps: float
    """The largest |E - (S + I)| or |T - (E + C)| of any fill: the self-check."""
