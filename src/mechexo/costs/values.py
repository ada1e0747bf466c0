"""What the costs wing says. Cost is positive when it hurts; bps are of the reference notional.

Definitions, per fill: side s (+1 buy, -1 sell), quantity q, price P, multiplier k, rate X to the
base currency, reference quote (bid, ask) with mid M. Reference notional N = q k M X.

- `slippage`, the effective half-spread E = s q k X (P - M)
- `spread`, the quoted half-spread S = q k X (ask - bid) / 2: a part of E, never added to it
- `beyond`, slippage beyond the touch I = E - S; negative is price improvement
- `commission`, explicit costs C; a rebate is negative
- `total` T = E + C = S + I + C
- with the mid M' of a horizon after the fill: `realised` R = s q k X (P - M'), the realised
  half-spread, and `impact` G = s q k X (M' - M); E = R + G. A markout is -R: positive is good

A group's bps are 1e4 sum(Y) / sum(N) over the priced fills that have Y, so that groups add up with
their notional as weight. What a comparison, an exception or a fit says is in `costs/findings.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from datetime import datetime

from mechexo.value_classes import dataclass

FEW = 20
"""With fewer fills than this, outer percentiles are shown with a mark: they are a fill or two."""


@dataclass(frozen=True, slots=True)
class SourceShare:
    """How much of a group one source of reference prices carries."""

    fills: int
    fills_share: float
    """Of the group's accepted fills, 0 to 1."""
    notional_share: float
    """Of the group's notional, 0 to 1; each fill at its own price, as some have no mid."""


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
    """Percentiles of the fills' own total_bps, each fill counting once (type 7, linear). Those of
    components do not add up."""
    p95_bps: float | None
    p99_bps: float | None
    commission_ccy: float | None
    slippage_ccy: float | None
    total_ccy: float | None
    spread_ccy: float | None = None
    beyond_bps: float | None = None
    commission_all_ccy: float | None = None
    """Commission of all accepted fills, unpriced and suspect ones included."""
    beyond_ccy: float | None = None
    with_total: int = 0
    """Fills with a total_bps: the n of the statistics below and of the percentiles above."""
    few: bool = False
    """Whether `with_total` is under `FEW`: the percentiles are then shown with a mark."""
    mean_bps: float | None = None
    """Simple mean of the fills' total_bps; the headline beside it is weighted by notional."""
    sd_bps: float | None = None
    """Their standard deviation (n - 1); None with fewer than two."""
    se_bps: float | None = None
    """Standard error of the simple mean, sd / sqrt(n)."""
    min_bps: float | None = None
    p5_bps: float | None = None
    p25_bps: float | None = None
    p75_bps: float | None = None
    max_bps: float | None = None
    weighted_p50_bps: float | None = None
    """The smallest total_bps with a cumulative notional of at least half of the whole."""
    weighted_p95_bps: float | None = None
    winsorised_mean_bps: float | None = None
    """Simple mean with the values beyond p1 and p99 drawn in to them; no fill is deleted."""
    component_notional: Mapping[str, float] = field(default_factory=dict)
    """The notional behind each component's bps (commission, spread, beyond, slippage, total): less
    than `notional` where some priced fills lack that component."""
    sources: Mapping[str, SourceShare] = field(default_factory=dict)
    """The coverage: a share for each ref_source, with `suspect` and `none` apart; they add to 1."""
    realised_bps: Mapping[str, float | None] | None = None
    """Realised half-spread by horizon label (`1s`, `5m`); None without markouts."""
    impact_bps: Mapping[str, float | None] | None = None
    """Price impact by horizon label; None without markouts."""
    markout_fills: Mapping[str, int] | None = None
    """By horizon label, the priced fills whose market was known then: those behind both; None
    without markouts."""
    slippage_statistics: Mapping[str, float | None] | None = None
    """With no commission known at all there is no total_bps to speak of: then the same statistics
    (`mean_bps`, `p50_bps` and so on) of the `priced` fills' own slippage_bps; else None."""


@dataclass(frozen=True, slots=True)
class UnpricedFill:
    """A fill without a usable reference quote, or one that was set apart, with the reason."""

    fill_id: str
    at: datetime | None
    """None for a rejected row whose time is missing or cannot be read."""
    symbol: str
    reason: str


def not_read(what: str, count: int) -> str:
    """What to say of rows that could not be read."""
    rows = f"{count} row" if count == 1 else f"{count:,} rows"
    return f"{rows} of {what} could not be read: without a time, a symbol or a number; left out"


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
    unrated: tuple[UnpricedFill, ...] = ()
    """Those of `without_commission` whose commission is stated, in a currency without a rate."""
    unrated_count: int = 0
    unrated_by_currency: Mapping[str, int] = field(default_factory=dict)
    """How many of them there are, by that currency."""
    unreadable: Mapping[str, int] = field(default_factory=dict)
    """Rows of the market's data that could not be read for want of a time, a symbol or a number, by
    what they are of (`quotes`, `trades`, `bars`, `rates`); no key where there is none. They are
    those of the fills' symbols and of none, on the days that the period needs; one without a time
    is of every day, and counts once."""


@dataclass(frozen=True, slots=True)
class MarkoutPoint:
    """One horizon of the markout curve, over the priced fills whose market was known then.

    All figures stand on those fills alone, so slippage_bps = realised_bps + impact_bps.
    """

    label: str
    """The horizon as in the columns: `50ms`, `1s`, `5m`."""
    horizon_s: float
    fills: int
    notional: float
    """Reference notional of these fills, base currency."""
    slippage_bps: float | None
    realised_bps: float | None
    impact_bps: float | None
    markout_bps: float | None
    """-realised_bps: what the fills had earned by then; positive is good."""
    se_bps: float | None = None
    """Standard error of the simple mean of the fills' realised_bps."""


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """The slippage of the same fills under another rule for the reference quote."""

    quote_rule: str
    priced: int
    slippage_bps: float | None


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
    markouts: tuple[MarkoutPoint, ...] = ()
    """The markout curve of all priced fills, shortest horizon first."""
    sensitivity: tuple[Sensitivity, ...] = ()
    """What the slippage would be under other reference rules."""


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
    """`quote`, `stale`, `trade`, `bar`, `arrival`, `auction` or `none`."""
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
    broker: str | None = None
    order_type: str | None = None
    mid: float | None = None
    """The reference price: the mid, or what stood in for it (`ref_source`)."""
    spread_ccy: float | None = None
    beyond_ccy: float | None = None
    residual_bps: float | None = None
    realised_bps: Mapping[str, float | None] | None = None
    """Realised half-spread by horizon label; None without markouts."""
    impact_bps: Mapping[str, float | None] | None = None
    tags: Mapping[str, str | None] = field(default_factory=dict)
    """The desk's own tags, `[costs] tags`."""


@dataclass(frozen=True, slots=True)
class FillList:
    """Per-fill costs of a period, oldest first, and how many there are in all."""

    start: datetime
    end: datetime
    currency: str
    quote_rule: str
    fills: tuple[FillCost, ...]
    count: int


@dataclass(frozen=True, slots=True)
class BenchmarkCost:
    """An order's average price against one benchmark price.

    slippage_bps = 1e4 s (average_price - price) / price.
    """

    price: float | None
    slippage_bps: float | None
    note: str = ""
    """Why there is none, or what it leaves out."""


@dataclass(frozen=True, slots=True)
class OrderCost:
    """One order's implementation shortfall, the paper portfolio at the decision against the actual.

    With ordered quantity Q, filled F, decision mid D, arrival mid A, mid M_i at fill i, mid Me at
    the end, s, k and X as above:

        total = delay s F (A - D) + drift sum s q_i (M_i - A) + slippage sum E_i
                + opportunity s (Q - F) (Me - D) + fees sum C_i          (all times k X)

    and slippage = spread sum S_i + beyond sum I_i. It is exact; `residual_ccy` is the check. (Where
    Wagner counts delay on Q and opportunity from A, the total is the same.) All bps are of Q k D X.
    A part that cannot be known is None, and so is the total then.
    """

    order_id: str
    symbol: str
    side: str
    ordered: float
    """Q, in units."""
    filled: float
    """F, in units."""
    fills: int
    unpriced_fills: int
    """Fills without a reference: with any, or with a suspect one, drift and slippage are None."""
    decided_at: datetime | None
    """None when no decision time is known: then D is A, and the delay is None, not zero."""
    arrival_at: datetime | None
    ended_at: datetime | None
    decision_price: float | None
    arrival_price: float | None
    average_price: float | None
    """Of the fills, by quantity; None without any."""
    end_price: float | None
    notional: float | None
    """Q k D X in the base currency: the denominator of every bps here."""
    delay_ccy: float | None = None
    drift_ccy: float | None = None
    slippage_ccy: float | None = None
    spread_ccy: float | None = None
    """None when a fill's reference has no spread (`trade`, `bar`, `arrival`); so is beyond."""
    beyond_ccy: float | None = None
    opportunity_ccy: float | None = None
    fees_ccy: float | None = None
    total_ccy: float | None = None
    delay_bps: float | None = None
    drift_bps: float | None = None
    slippage_bps: float | None = None
    spread_bps: float | None = None
    beyond_bps: float | None = None
    opportunity_bps: float | None = None
    fees_bps: float | None = None
    total_bps: float | None = None
    residual_ccy: float | None = None
    """Paper minus actual, less the sum of the parts: the self-check."""
    benchmarks: Mapping[str, BenchmarkCost] = field(default_factory=dict)
    """By name: `arrival`, `vwap`, `twap`, `close`, and those that the order carries."""
    reason: str = ""
    """Why figures are missing; empty for a whole one."""
    strategy: str | None = None
    broker: str | None = None
    order_type: str | None = None
    sources: Mapping[str, int] = field(default_factory=dict)
    """Its fills by where the reference came from; a suspect one is `suspect`."""
