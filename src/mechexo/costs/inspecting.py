"""What a person or a screen can ask when a figure needs looking into: comparisons."""

from __future__ import annotations

import difflib
from datetime import datetime
from typing import TYPE_CHECKING

from mechexo.costs.dimensions import check_dimensions
from mechexo.costs.findings import Comparison, Resampling
from mechexo.costs.running import grouping, price_period
from mechexo.desk import Desk
from mechexo.errors import UsageError

if TYPE_CHECKING:
    import polars as pl

Period = tuple[datetime, datetime]
"""start <= time < end."""


def compare_periods(
    desk: Desk,
    first: Period,
    second: Period,
    *,
    labels: tuple[str, str],
    resampling: Resampling = Resampling(),
) -> Comparison:
    """The fills of the second period against those of the first.

    Raises:
        UsageError: a period is empty, or the numbers for the intervals are out of range.
        ConfigError: no source is configured, or it does not fit its mapping.
        UnreachableError: a source cannot be read.
    """
    _check(resampling)
    from mechexo.costs.compare import compare

    one, other = price_period(desk, *first), price_period(desk, *second)
    return compare(
        one.priced,
        other.priced,
        labels=labels,
        grouping=grouping(desk),
        currency=desk.settings.costs.currency,
        quote_rule=str(one.rule),
        resampling=resampling,
    )


def compare_values(
    desk: Desk,
    period: Period,
    dimension: str,
    values: tuple[str, str],
    *,
    resampling: Resampling = Resampling(),
) -> Comparison:
    """The fills with the second value of a dimension against those with the first.

    Raises:
        UsageError: the dimension or a value of it is unknown, or as `compare_periods`.
        ConfigError, UnreachableError: as `compare_periods`.
    """
    check_dimensions([dimension], desk.settings.costs.tags)
    if values[0] == values[1]:
        raise UsageError(f"a comparison needs two values of {dimension}, not {values[0]} twice")
    _check(resampling)
    from mechexo.costs.aggregate import with_keys
    from mechexo.costs.compare import compare

    rules = grouping(desk)
    run = price_period(desk, *period)
    keyed = with_keys(run.priced, [dimension], rules)
    sides = [_with_value(keyed, dimension, value) for value in values]
    return compare(
        sides[0],
        sides[1],
        labels=values,
        grouping=rules,
        currency=desk.settings.costs.currency,
        quote_rule=str(run.rule),
        resampling=resampling,
    )


def _check(how: Resampling) -> None:
    if not 0.5 <= how.confidence < 1:
        raise UsageError(
            f"the confidence is a share from 0.5 to below 1, like 0.95, not {how.confidence}"
        )
    if not 100 <= how.resamples <= 100_000:
        raise UsageError(f"the resamples are a number from 100 to 100000, not {how.resamples}")


def _with_value(keyed: pl.DataFrame, dimension: str, value: str) -> pl.DataFrame:
    column = keyed[f"key_{dimension}"]
    found = keyed.filter(column == value)
    if found.is_empty():
        known = column.unique().sort().to_list()
        near = difflib.get_close_matches(value, known, n=1)
        hint = f"did you mean {near[0]}?" if near else "there are: " + ", ".join(known[:10])
        hint = hint if known else "there are no fills"
        raise UsageError(f"no fill of the period has the {dimension} {value!r}; {hint}")
    return found
