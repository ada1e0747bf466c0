"""What the costs wing says. Cost is positive when it hurts; bps are of the reference notional.

Definitions, per fill: side s (+1 buy, -1 sell), quantity q, price P, multiplier k, rate X to the
base currency, reference quote (bid, ask) with mid M. Reference notional N = q k M X.

- `slippage`, the effective half-spread E = s q k X (P - M)
- `spread`, the quoted half-spread S = q k X (ask - bid) / 2: a part of E, never added to it
- `beyond`, slippage beyond the touch I = E - S; negative is price improvement
- `commission`, explicit costs C; a rebate is negative
- `total` T = E + C = S + I + C

A group's bps are 1e4 sum(Y) / sum(N) over the priced fills that have Y.
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
    """Fills with a reference price and not suspect: the ones behind every figure, the notional
    and the commission included, so that the parts add up to the total."""
    notional: float
    """Of the priced fills, in the base currency; 0.0 when none is priced."""
    commission_bps: float | None
    spread_bps: float | None
    slippage_bps: float | None
    total_bps: float | None
    p50_bps: float | None
    """Percentiles of the fills' own total_bps, each fill counting once (type 7, linear)."""
    p95_bps: float | None
    p99_bps: float | None
    commission_ccy: float | None
    slippage_ccy: float | None
    total_ccy: float | None
    spread_ccy: float | None = None
    beyond_bps: float | None = None
    commission_all_ccy: float | None = None
    """Commission of all accepted fills, unpriced and suspect ones included."""


@dataclass(frozen=True, slots=True)
class UnpricedFill:
    """A fill without a usable reference quote, or one that was set apart, with the reason."""

    fill_id: str
    at: datetime | None
    """None for a rejected row whose time is missing or cannot be read."""
    symbol: str
    reason: str


@dataclass(frozen=True, slots=True)
class Coverage:
    """How much of the input stands behind the figures.

    `fills` = `priced` + `unpriced_count` + `suspect_count`; the rows read are those and the
    rejected ones. The tuples list the first `costs.coverage.LISTED` of each; the counts are whole.
    """

    fills: int
    priced: int
    by_benchmark: Mapping[str, int]
    """Fills by the source of their reference price, `none` included."""
    unpriced: tuple[UnpricedFill, ...]
    suspects: tuple[UnpricedFill, ...]
    rejected: tuple[UnpricedFill, ...]
    unpriced_count: int = 0
    suspect_count: int = 0
    rejected_count: int = 0
    without_commission: int = 0
    """Priced fills whose commission is unknown: in the slippage, not in the total."""
    reasons: Mapping[str, int] | None = None
    """Fills and rows outside the figures, by reason."""


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
    residual_bps: float | None
    """The largest |E - (S + I)| or |T - (S + I + C)| of any fill: the self-check. None when no
    fill has a reference."""
    newest_fill_at: datetime | None = None
    """The time of the newest fill read, None without fills: how fresh the answer is."""
    newest_quote_at: datetime | None = None
    """The time of the newest quote read for these fills."""


@dataclass(frozen=True, slots=True)
class FillCost:
    """One accepted fill with its reference quote and costs; a figure it lacks is None."""

    fill_id: str
    at: datetime
    symbol: str
    side: str
    quantity: float
    price: float
    bid: float | None
    ask: float | None
    quote_age_s: float | None
    ref_source: str
    """`quote`, `stale` or `none`."""
    flags: str
    """`suspect`, `locked`, `after_crossed`, `after_wide`, in that order, separated by spaces."""
    reason: str
    """Why it is outside the figures; empty for a priced fill."""
    notional: float | None
    commission_bps: float | None
    spread_bps: float | None
    beyond_bps: float | None
    slippage_bps: float | None
    total_bps: float | None
    commission_ccy: float | None
    slippage_ccy: float | None
    total_ccy: float | None
    strategy: str | None = None
    venue: str | None = None
    order_id: str | None = None
    liquidity: str | None = None


@dataclass(frozen=True, slots=True)
class FillList:
    """Per-fill costs of a period, oldest first, and how many there are in all."""

    start: datetime
    end: datetime
    currency: str
    quote_rule: str
    fills: tuple[FillCost, ...]
    count: int
