"""What a screen asks of a period's priced fills, and what it gets: a window at a time.

Values only, without Polars, so that a console can hold them; `costs/viewing.py` makes the answers.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import field
from datetime import datetime
from typing import TYPE_CHECKING

from mechexo.costs.findings import CostException
from mechexo.costs.values import CostRow, FillCost, MarkoutPoint, OrderCost, Sensitivity
from mechexo.errors import UsageError
from mechexo.value_classes import dataclass

if TYPE_CHECKING:
    from mechexo.desk import Desk

Key = tuple[tuple[str, str], ...]
"""Values by dimension, in the order in which they were chosen; empty means all fills."""

PAGE = 100
"""How many rows a window has unless it says otherwise."""

SORTS = ("key", "total", "commission", "slippage", "spread", "beyond", "amount", "value", "fills")
"""What rows are ordered by: their name (fills: their time), the components in bps, the total in
cash, the reference notional, and how many fills they have (fills: their quantity)."""

GROUP_SORTS = (*SORTS, "p95")

_BETWEEN = re.compile(r"\s+to\s+|\s*\.\.\s*|\s*,\s*")


@dataclass(frozen=True, slots=True)
class Period:
    """A period as a person chose it: today and so many session days before, or from a text to a
    text."""

    days: int | None = 5
    words: str = ""
    """`2026-03-01 to 2026-03-05`, `-2d`; only without `days`."""

    @property
    def text(self) -> str:
        """What a screen calls it."""
        if self.days is None:
            return self.words
        return f"{self.days} days" if self.days else "today"


DEFAULT_PERIOD = Period()


def period_asked(text: str) -> Period:
    """The period that a person typed."""
    return Period(days=None, words=" to ".join(_BETWEEN.split(text.strip(), maxsplit=1)))


def moments_of(desk: Desk, period: Period) -> tuple[datetime, datetime]:
    """From when until when a period is at this moment, in UTC.

    Session days are counted as `costs.operations.last_days` does.

    Raises:
        UsageError: a text is no time, or the period is empty.
    """
    from mechexo.costs.operations import last_days
    from mechexo.costs.period import read_period

    if period.days is None:
        first, _, last = period.words.partition(" to ")
        start, end = read_period(desk, first or None, last or None)
        if start >= end:
            raise UsageError(f"{period.words!r} is empty: it must end after its start")
        return start, end
    return last_days(desk, period.days)


@dataclass(frozen=True, slots=True)
class TableAsked:
    """A window of the groups of some fills."""

    by: tuple[str, ...]
    """Dimensions, several at once when there are several."""
    among: Key = ()
    words: str = ""
    """Keeps the groups whose names have all of these words; a leading `!` the others."""
    sort: str = "key"
    """One of `GROUP_SORTS`."""
    turned: bool = False
    """Names and times begin with the first and figures with the largest, unless turned round."""
    offset: int = 0
    limit: int = PAGE
    find: Key = ()
    """The group whose place is wanted as well."""


@dataclass(frozen=True, slots=True)
class FillsAsked:
    """A window of some fills."""

    among: Key = ()
    words: str = ""
    """Keeps the fills that have all of these words in one of their texts; `!` the others."""
    sort: str = "key"
    """One of `SORTS`."""
    turned: bool = False
    offset: int = 0
    limit: int = PAGE
    find: str = ""
    """The id of the fill whose place is wanted as well."""


@dataclass(frozen=True, slots=True)
class FillAsked:
    """One fill with the quotes around it."""

    fill_id: str
    before: int = 4
    """How many rows of quotes before it."""
    after: int = 6


@dataclass(frozen=True, slots=True)
class PlotsAsked:
    """What can be drawn of some fills."""

    among: Key = ()
    bins: int = 48
    """Bars of the distribution, 1 to 500."""


@dataclass(frozen=True, slots=True)
class ExceptionsAsked:
    """A window of the fills that somebody should look at."""

    words: str = ""
    offset: int = 0
    limit: int = PAGE


Asked = TableAsked | FillsAsked | FillAsked | PlotsAsked | ExceptionsAsked


@dataclass(frozen=True, slots=True)
class TablePage:
    """A window of groups."""

    count: int
    """How many groups there are in all."""
    offset: int
    rows: tuple[CostRow, ...]
    totals: CostRow
    """Of all fills that were grouped, whatever the words."""
    most_bps: float = 0.0
    """The most that the positive components of a group add up to, among all groups."""
    least_bps: float = 0.0
    """The same of the negative ones: improvements and rebates, zero or less."""
    found_at: int | None = None
    """Where the group that was looked for is."""


@dataclass(frozen=True, slots=True)
class FillsPage:
    """A window of fills."""

    count: int
    offset: int
    fills: tuple[FillCost, ...]
    totals: CostRow
    """Of all fills listed, those that the words keep."""
    most_bps: float = 0.0
    least_bps: float = 0.0
    found_at: int | None = None
    order: OrderCost | None = None
    """The shortfall of the one order that these fills are of, when the desk's orders are known."""
    order_reason: str = ""
    """Why there is none, of one order's fills."""


@dataclass(frozen=True, slots=True)
class QuoteRow:
    """A row of quotes, and the quote that stood after it."""

    at: datetime
    kind: str
    """`used`, `withdrawn`, `crossed` or `wide`."""
    bid: float | None
    """Of the quote that stood after this row, None when none did."""
    ask: float | None
    stood_at: datetime | None
    """When that quote came: earlier than `at` after a crossed or wide one."""
    reference: bool = False
    """Whether the fill was measured against it."""


@dataclass(frozen=True, slots=True)
class FillDetail:
    """One fill in full."""

    fill: FillCost
    multiplier: float
    fx: float
    """Rate to the base currency."""
    mids: Mapping[str, float | None]
    """The mid by horizon label."""
    before: tuple[QuoteRow, ...]
    """The rows of quotes that were known before it, oldest first."""
    after: tuple[QuoteRow, ...]
    """Those that came with it or after it."""


@dataclass(frozen=True, slots=True)
class Histogram:
    """How the fills' own total_bps, or slippage_bps, are spread, each counting once."""

    low: float
    """Left edge of the first bin, bps."""
    width: float
    """Of a bin, bps."""
    counts: tuple[int, ...]
    below: int
    """Fills left of the first bin."""
    above: int
    of: str = "total"
    """`total`; `slippage` when no fill has a total."""


@dataclass(frozen=True, slots=True)
class Plots:
    """What can be drawn: rows in order of time, a histogram, the markout curve."""

    totals: CostRow
    days: tuple[CostRow, ...]
    times: tuple[CostRow, ...]
    """By half hour, exchange time."""
    histogram: Histogram | None
    """None when no fill has a total."""
    markouts: tuple[MarkoutPoint, ...]
    sensitivity: tuple[Sensitivity, ...] = ()
    """What the slippage of these fills would be by other rules for the reference."""


@dataclass(frozen=True, slots=True)
class ExceptionsPage:
    """A window of exceptions, open ones first."""

    count: int
    offset: int
    rows: tuple[CostException, ...]
    by_kind: Mapping[str, int]
    """All of each kind, acknowledged and unlisted ones too."""
    acknowledged: int


View = TablePage | FillsPage | FillDetail | Plots | ExceptionsPage


@dataclass(frozen=True, slots=True)
class Exported:
    """A file that was written."""

    path: str
    rows: int


@dataclass(frozen=True, slots=True)
class RunHead:
    """What stands beside every view of a run: its period, its rule, what is behind it."""

    start: datetime
    end: datetime
    currency: str
    zone: str
    """The exchange's zone, of days and hours."""
    quote_rule: str
    fills: int
    priced: int
    unpriced: int
    suspect: int
    rejected: int
    """Rows that could not be taken as fills."""
    without_commission: int
    """Priced fills whose commission is unknown: in the slippage, not in the total."""
    by_source: Mapping[str, int]
    """Fills by the source of their reference price."""
    newest_fill_at: datetime | None
    newest_quote_at: datetime | None
    unrated_by_currency: Mapping[str, int] = field(default_factory=dict)
    """Of `without_commission`, those whose commission is stated, in a currency without a rate."""
    unreadable: Mapping[str, int] = field(default_factory=dict)
    """Rows of the market's data that could not be read, by what they are of."""
    dimensions: tuple[str, ...] = field(default=())
    """The dimensions in which these fills differ or at least have a value, plain ones first."""
