"""The keys by which fills fall into groups, as columns."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import polars as pl

from mechexo.costs.dimensions import NO_VALUE, Dimension, Grouping, dimensions_of

By = tuple[str, ...]
"""A grouping: the names of its dimensions; none for all fills together."""


def key(name: str) -> str:
    """The column of a dimension."""
    return f"key_{name}"


def keys_of(by: By) -> list[str]:
    """The columns of a grouping's dimensions."""
    return [key(name) for name in by]


def keys_of_fills(fills: pl.DataFrame, names: By, rules: Grouping) -> pl.DataFrame:
    """The keys of some dimensions, a row for each fill.

    Raises:
        UsageError: a dimension is unknown.
    """
    moment = pl.col("ts")
    clock = _offset(fills["ts"], names, rules.zone)
    if clock is not None:
        # With clocks that go evenly, those of the zone are those of UTC, put forward.
        rules = replace(rules, zone="UTC")
        moment = moment + clock
    return fills.with_columns(moment).select(
        _key(each, fills.schema.get(each.name))
        for each in dimensions_of(names, rules, fills.columns)
    )


def _key(dimension: Dimension, kind: pl.DataType | None) -> pl.Expr:
    """The value of a dimension. Few texts again and again, but an order's id: as a number each,
    they are told apart faster."""
    if kind == pl.Categorical:
        return pl.col(dimension.name).fill_null(NO_VALUE).alias(key(dimension.name))
    text = kind == pl.String and dimension.name != "order_id"
    code = dimension.code.cast(pl.Categorical) if text else dimension.code
    return code.alias(key(dimension.name))


def _offset(moments: pl.Series, names: By, zone: str) -> timedelta | None:
    """How far the clocks of the zone are ahead of UTC when that is the same for all moments."""
    first, last = moments.min(), moments.max()
    if "hour_utc" in names or zone == "UTC":
        return None
    if not isinstance(first, datetime) or not isinstance(last, datetime):
        return None
    # No zone changes its clocks twice in so few days.
    place = ZoneInfo(zone)
    ahead, later = first.astimezone(place).utcoffset(), last.astimezone(place).utcoffset()
    return ahead if ahead == later and last - first < timedelta(days=7) else None
