"""What the HTML report shows, aggregated: its size does not depend on the number of fills."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from mechexo.costs.findings import ExceptionList
from mechexo.costs.provenance import Provenance
from mechexo.costs.values import CostReport, CostRow
from mechexo.value_classes import dataclass

if TYPE_CHECKING:
    import polars as pl

BINS = 50
"""About how many bars the distribution has."""

SHOWN = (0.01, 0.99)
"""The percentiles between which the distribution's bars lie."""

AVERAGED_DAYS = 5
"""How many days with fills the moving average is over."""

_NICE = (1.0, 2.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True, slots=True)
class Bin:
    """One bar of the distribution: fills with low <= total_bps < high."""

    low_bps: float | None
    """None for the first bar: everything below the others."""
    high_bps: float | None
    """None for the last bar: everything above the others."""
    fills: int
    notional: float
    """Reference notional of these fills, base currency."""


@dataclass(frozen=True, slots=True)
class Part:
    """One step from zero to the total. The parts of a row add up to `whole_bps` of it."""

    name: str
    """`commission`, `spread`, `beyond`, or `rest`: what could not be parted."""
    ccy: float
    bps: float
    """Of the notional behind the total."""


@dataclass(frozen=True, slots=True)
class ReportData:
    """Everything that the report shows. Rendering it needs nothing else."""

    desk: str
    mode: str
    """`paper` or `live`."""
    report: CostReport
    """Grouped by day, symbol and hour at least."""
    distribution: tuple[Bin, ...]
    provenance: Provenance
    exceptions: ExceptionList | None = None
    """None when nobody looked for any."""


def parts(row: CostRow) -> tuple[Part, ...]:
    """The decomposition of a row's total; of its slippage when no commission is known; empty when
    nothing is priced.

    Fills without a quote (measured against a trade, a bar) have a slippage that is not parted, and
    fills without a commission have no total: what that leaves open is the part `rest`.
    """
    known = [("spread", row.spread_ccy), ("beyond", row.beyond_ccy)]
    if row.total_ccy is not None:
        whole, weight = row.total_ccy, row.component_notional.get("total", 0.0)
        known.insert(0, ("commission", row.commission_ccy))
    elif row.slippage_ccy is not None:
        whole, weight = row.slippage_ccy, row.component_notional.get("slippage", 0.0)
    else:
        return ()
    if not weight:
        return ()
    found = [Part(name, ccy, 1e4 * ccy / weight) for name, ccy in known if ccy is not None]
    rest = whole - math.fsum(part.ccy for part in found)
    scale = max([abs(whole), *(abs(part.ccy) for part in found)])
    if abs(rest) > 1e-9 * scale:
        found.append(Part("rest", rest, 1e4 * rest / weight))
    return tuple(found)


def whole_bps(row: CostRow) -> float | None:
    """What the parts of a row add up to."""
    return row.slippage_bps if row.total_bps is None else row.total_bps


def moving_average(days: Sequence[CostRow], length: int = AVERAGED_DAYS) -> list[float | None]:
    """For each day the notional-weighted total of it and the days before it, `length` in all; None
    while there are fewer, and where none of them has a total."""
    found: list[float | None] = []
    for place in range(len(days)):
        window = [
            (row.total_ccy, row.component_notional.get("total", 0.0))
            for row in days[max(0, place - length + 1) : place + 1]
            if row.total_ccy is not None
        ]
        weight = math.fsum(notional for _, notional in window)
        whole = place + 1 >= length and weight > 0
        found.append(1e4 * math.fsum(ccy for ccy, _ in window) / weight if whole else None)
    return found


def distribution(priced: pl.DataFrame) -> tuple[Bin, ...]:
    """The priced fills' own totals in about `BINS` bars of one round width from p1 to p99, and a
    bar for what lies beyond them on each side, where there is any.

    Counts what `CostRow.with_total` counts.
    """
    import polars as pl

    own = priced.filter(pl.col("reason").is_null() & pl.col("total_bps").is_not_null()).select(
        "total_bps", "notional"
    )
    if own.is_empty():
        return ()
    low, high = (
        float(own["total_bps"].quantile(level, interpolation="linear") or 0.0) for level in SHOWN
    )
    return bins(low, high, [own])


def bins(low: float, high: float, parts: Iterable[pl.DataFrame]) -> tuple[Bin, ...]:
    """The bars from `low` to `high`, and those beyond them, of total_bps with their notional."""
    import polars as pl

    width = _round_width((high - low) / BINS, scale=max(abs(low), abs(high)))
    first, last = math.floor(low / width), math.floor(high / width)
    place = (pl.col("total_bps") / width).floor().clip(first - 1, last + 1).cast(pl.Int64)
    found: dict[int, tuple[int, float]] = {}
    for part in parts:
        sums = pl.len(), pl.col("notional").sum()
        for at, count, notional in part.group_by(place.alias("place")).agg(sums).iter_rows():
            known = found.get(at, (0, 0.0))
            found[at] = (known[0] + count, known[1] + notional)
    bars = [
        Bin(at * width, (at + 1) * width, *found.get(at, (0, 0.0))) for at in range(first, last + 1)
    ]
    if first - 1 in found:
        bars.insert(0, Bin(None, first * width, *found[first - 1]))
    if last + 1 in found:
        bars.append(Bin((last + 1) * width, None, *found[last + 1]))
    return tuple(bars)


def _round_width(width: float, *, scale: float) -> float:
    """The next round width, and one that the numbers on the axis can still tell apart."""
    wanted = max(width, 1e-6 * scale, 1e-6)
    size = 10.0 ** math.floor(math.log10(wanted))
    return next(size * nice for nice in _NICE if size * nice >= wanted * (1 - 1e-12))
