"""What the costs wing finds in its figures: differences, exceptions, expectations, judgements.

Costs and their signs are those of `costs/values.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from datetime import datetime

from mechexo.costs.values import CostRow
from mechexo.value_classes import dataclass


@dataclass(frozen=True, slots=True)
class Resampling:
    """How the intervals of a comparison are found."""

    confidence: float = 0.95
    """Of the intervals, 0 to 1."""
    resamples: int = 2_000
    """How often the fills of a side are drawn again."""
    seed: int = 1
    """Of the draws: the same seed gives the same intervals."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One component of two samples, second minus first: positive when the second costs more."""

    component: str
    """`total`, `slippage`, `spread`, `beyond` or `commission`."""
    first_bps: float | None
    """Notional-weighted."""
    second_bps: float | None
    difference_bps: float | None
    low_bps: float | None = None
    """The interval of the difference at the comparison's confidence; None when it has none."""
    high_bps: float | None = None
    method: str = ""
    """How the interval was found: `BCa` or `percentile` bootstrap; empty without one."""
    note: str = ""
    """Why there is no interval, or why it is not BCa."""

    @property
    def told_apart(self) -> bool:
        """Whether the interval leaves zero out."""
        return (
            self.low_bps is not None
            and self.high_bps is not None
            and not (self.low_bps <= 0 <= self.high_bps)
        )


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two periods, or two values of a dimension, side by side."""

    first_label: str
    second_label: str
    first: CostRow
    second: CostRow
    differences: tuple[Difference, ...]
    currency: str
    quote_rule: str
    resampling: Resampling
    symbol_overlap: float | None
    """Share of notional that both trade in the same symbols: the sum over symbols of the smaller of
    the two shares, 0 to 1. None when a side has no priced fill."""
    size_overlap: float | None
    """The same over size buckets."""
    warnings: tuple[str, ...] = ()
    """What makes the two hard to compare: another mix, few fills, poor coverage."""


@dataclass(frozen=True, slots=True)
class CostException:
    """One fill, or rejected row, that somebody should look at, and why."""

    fill_id: str
    kind: str
    """One of `costs.exceptions.KINDS`."""
    reason: str
    at: datetime | None
    symbol: str
    side: str
    """`buy`, `sell`, or empty for a rejected row."""
    score: float
    """How far out it is within its kind; larger is worse."""
    notional: float | None = None
    """At the reference; at its own price when it has none."""
    total_bps: float | None = None
    total_ccy: float | None = None
    commission_bps: float | None = None
    ref_source: str = ""
    strategy: str | None = None
    venue: str | None = None
    broker: str | None = None
    order_id: str | None = None
    acknowledged_at: datetime | None = None
    acknowledged_by: str | None = None
    note: str = ""
    """Of whoever acknowledged it."""


@dataclass(frozen=True, slots=True)
class ExceptionList:
    """The exceptions of a period, the open ones first, the worst of each kind before the others."""

    start: datetime
    end: datetime
    currency: str
    quote_rule: str
    fills: int
    """Accepted fills looked at."""
    rejected: int
    exceptions: tuple[CostException, ...]
    by_kind: Mapping[str, int] = field(default_factory=dict)
    """How many of each kind, acknowledged ones included."""
    acknowledged: int = 0


@dataclass(frozen=True, slots=True)
class ImpactFit:
    """The square-root model on the desk's own orders: E - S = Y sigma (Q / ADV) ** exponent."""

    orders: int
    """Behind the fit."""
    left_out: Mapping[str, int]
    """Orders without a place in it, by reason."""
    y: float | None
    """Least squares through the origin at exponent 1/2; None when `why_not` says why."""
    y_se: float | None
    """Its standard error, robust to unequal variance (HC1)."""
    r_squared: float | None
    """1 - residual / total sum of squares about zero."""
    exponent: float | None
    """Of the free fit; None when `exponent_why_not` says why."""
    exponent_se: float | None
    free_y: float | None
    """Y of the free fit."""
    why_not: str = ""
    exponent_why_not: str = ""
    remarks: tuple[str, ...] = ()
    """What speaks against the model: an exponent far from 1/2, a Y not told apart from zero."""


@dataclass(frozen=True, slots=True)
class ExpectedCost:
    """What an order was expected to cost, and what it did. All bps are of its notional."""

    order_id: str
    symbol: str
    quantity: float
    participation: float | None
    """Q / ADV, after the cap."""
    capped: bool
    """Whether the participation was cut to the cap: the model says nothing beyond it."""
    sigma_bps: float | None
    """Daily volatility of the symbol."""
    spread_bps: float | None
    """The expected half-spread S_exp."""
    impact_bps: float | None
    """Y sigma sqrt(Q / ADV)."""
    expected_bps: float | None
    actual_bps: float | None
    """Slippage of the order against its reference, commission left out."""
    residual_bps: float | None
    """Actual minus expected; positive is worse than expected."""
    reason: str = ""
    """Why figures are missing."""


@dataclass(frozen=True, slots=True)
class ImpactReport:
    """What a period's orders were expected to cost, what they did, and the model behind it."""

    start: datetime
    end: datetime
    quote_rule: str
    market: str
    """What volatility and volume were read from: `bars` or `trades`."""
    fit: ImpactFit
    y_used: float
    """Of the expectations: the fitted one, or the default."""
    orders: tuple[ExpectedCost, ...]
    """The one that cost most above its expectation first; those without one last."""


@dataclass(frozen=True, slots=True)
class DaySummary:
    """One session day of the desk, as cost alerts judge it."""

    day: str
    """ISO date."""
    fills: int
    unpriced: int
    """Fills without a reference."""
    total_bps: float | None
    slippage_bps: float | None
    computed_at: datetime | None = None
    """When these figures were computed last."""


@dataclass(frozen=True, slots=True)
class CostObservation:
    """What a judgement says to the alerts wing: plain values for its `Observation`."""

    key: str
    firing: bool
    severity: str
    name: str
    summary: str
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CostJudgement:
    """The observations of a day, and the limits that could not be judged, each with its reason.

    What is not judged is neither raised nor resolved.
    """

    day: str | None
    observations: tuple[CostObservation, ...] = ()
    not_judged: Mapping[str, str] = field(default_factory=dict)
