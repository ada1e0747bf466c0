"""What a window's cost against its baseline says. Signs and formulas: `costs/values.py`.

Of a symbol s let C and N be the cost and notional of its fills in the window, c and n those of its
fills in the baseline. Its extra cost is C - N c / n: what these fills cost beyond what as much of
the symbol usually costs at this time of the week. The window's extra cost is the sum over symbols,
so another mix of symbols is no cost.
"""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum

from mechexo.costs.findings import Resampling
from mechexo.costs.incident_window_spans import Span
from mechexo.value_classes import dataclass

MATCHED = "symbol, weekday and time of day (exchange clock)"
"""What a baseline has in common with its window."""
NOT_MATCHED = ("side", "size", "half_hour")
"""Dimensions that are not matched: how much of them overlaps is told instead."""

FEWEST_FILLS = 20
"""With fewer fills on a side no interval is claimed."""
FEWEST_ORDERS = 10
"""Nor with fewer orders: they are what is drawn. A fill without an order is one of its own."""
FEWEST_OF_A_SYMBOL = 2
"""A symbol with fewer orders in the baseline has none: how much it varies is not known."""


class Verdict(StrEnum):
    """What can be said of the extra cost."""

    MORE = "cost more"
    LESS = "cost less"
    NOT_TOLD_APART = "not told apart"
    """The interval holds zero."""
    TOO_FEW = "too few fills"
    """No interval is claimed; `why_not` says what is lacking."""


@dataclass(frozen=True, slots=True)
class SideFills:
    """The fills of the window, or of its baseline, whether they are in the figures or not."""

    fills: int
    """Accepted; of the baseline only those of the window's symbols."""
    priced: int
    """With a reference price and not suspect."""
    unpriced: int
    suspects: int
    rejected: int
    """Rows that could not be taken as fills; in none of the other counts."""
    measured: int
    """Priced ones whose cost is known: those behind the figures."""
    orders: int
    """Their orders."""
    notional: float
    """Theirs, base currency."""
    cost_ccy: float | None
    """Theirs; None without any."""
    cost_bps: float | None


@dataclass(frozen=True, slots=True)
class SymbolCost:
    """One symbol of the window against its baseline."""

    symbol: str
    fills: int
    """Measured, as all counts here."""
    orders: int
    notional: float
    cost_ccy: float
    cost_bps: float
    baseline_fills: int
    baseline_orders: int
    baseline_bps: float | None
    """None with fewer than `FEWEST_OF_A_SYMBOL` orders: it is then not in the difference."""
    difference_bps: float | None
    difference_ccy: float | None


@dataclass(frozen=True, slots=True)
class BaselineDay:
    """One day of the baseline: how much days differ when nothing is the matter."""

    day: date
    """Of the exchange's calendar."""
    fills: int
    measured: int
    cost_bps: float | None


@dataclass(frozen=True, slots=True)
class Matched:
    """The symbols that have a baseline, put together with the window's notional as weight."""

    symbols: int
    fills: int
    orders: int
    notional: float
    share: float
    """Of the window's measured notional, 0 to 1."""
    baseline_fills: int
    baseline_orders: int
    window_bps: float
    baseline_bps: float
    """What the same notional of each symbol usually costs."""
    difference_bps: float
    difference_ccy: float


@dataclass(frozen=True, slots=True)
class Likely:
    """Where the extra cost lies, by a bootstrap that draws whole orders."""

    low_bps: float
    high_bps: float
    low_ccy: float
    high_ccy: float
    method: str
    """`BCa` or `percentile`; empty where every draw is the same."""


@dataclass(frozen=True, slots=True)
class WindowCost:
    """What the fills of a window cost beyond the usual; positive hurts."""

    start: datetime
    end: datetime
    weeks: int
    """How many weeks before were looked at."""
    currency: str
    zone: str
    """Whose clock and calendar are matched."""
    quote_rule: str
    measure: str
    """`total`, or `slippage` where one of the sides has no known commission at all."""
    window: SideFills
    baseline: SideFills
    spans: tuple[Span, ...]
    """Where the baseline was looked for."""
    left_out: tuple[date, ...]
    """Days that match but belong to another incident."""
    days: tuple[BaselineDay, ...]
    symbols: tuple[SymbolCost, ...]
    """Those with a measured fill in the window, the largest extra cost first, those without a
    baseline last."""
    matched: Matched | None
    """None when no symbol has a baseline: then nothing is compared."""
    likely: Likely | None
    """None when there is too little for an interval."""
    verdict: Verdict
    why_not: str
    """What is lacking for a verdict; empty when there is one."""
    warnings: tuple[str, ...]
    resampling: Resampling
