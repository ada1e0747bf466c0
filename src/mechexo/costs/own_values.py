"""How the fills' own costs behind a row are spread: their totals; without any commission, their
slippages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from mechexo.costs.values import FEW
from mechexo.value_classes import dataclass

if TYPE_CHECKING:
    from mechexo.costs.values import CostRow

STATISTICS = (
    *("mean_bps", "sd_bps", "se_bps", "min_bps", "max_bps", "winsorised_mean_bps"),
    *("p5_bps", "p25_bps", "p50_bps", "p75_bps", "p95_bps", "p99_bps"),
    *("weighted_p50_bps", "weighted_p95_bps"),
)
"""Fields of a row that stand on the fills' own total_bps, and keys of its slippage_statistics."""


@dataclass(frozen=True, slots=True)
class OwnValues:
    """The statistics of one component of the fills."""

    of: str
    """`total` or `slippage`."""
    fills: int
    """How many fills have it."""
    figures: Mapping[str, float | None]
    """By the names of `STATISTICS`; each None when no fill has it."""
    few: bool
    """Whether outer percentiles are a fill or two, and shown with a mark."""


def own_values(row: CostRow, of: str = "") -> OwnValues:
    """The statistics of a row: of what it has, or of the component `of`, `total` or `slippage`."""
    found = of or component_of([row])
    if found == "total":
        figures = {name: getattr(row, name) for name in STATISTICS}
        return OwnValues(found, row.with_total, figures, row.few)
    none = dict.fromkeys(STATISTICS)
    if row.slippage_statistics is None:
        return OwnValues(found, 0, none, few=True)
    return OwnValues(found, row.priced, {**none, **row.slippage_statistics}, row.priced < FEW)


def component_of(rows: Sequence[CostRow]) -> str:
    """What the statistics in a table of rows are of: `slippage` when no row has a total and some
    have slippages, else `total`."""
    lacking = any(row.slippage_statistics is not None for row in rows)
    return "slippage" if lacking and not any(row.with_total for row in rows) else "total"


def slippage_figures(row: CostRow) -> dict[str, float | None]:
    """The statistics of the slippages by their names in files, `slippage_p50_bps` and so on; None
    where those of the totals stand."""
    known = row.slippage_statistics or {}
    return {f"slippage_{name}": known.get(name) for name in STATISTICS}
