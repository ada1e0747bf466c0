"""Two periods, or two values of a dimension, compared: what differs, and by how much for sure."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from mechexo.costs.aggregate import PARTS, totals, with_keys
from mechexo.costs.bootstrap import Sample, difference_interval
from mechexo.costs.dimensions import Grouping
from mechexo.costs.findings import Comparison, Difference, Resampling
from mechexo.costs.values import CostRow

ALIKE = 0.7
"""Below this overlap of what was traded, a difference may be the mix's and not the broker's."""
COVERED = 0.9
"""Below this share of notional with a reference, the rest may be what differs."""
COMPONENTS = ("total", "slippage", "spread", "beyond", "commission")


def compare(
    first: pl.DataFrame,
    second: pl.DataFrame,
    *,
    labels: tuple[str, str],
    grouping: Grouping,
    currency: str,
    quote_rule: str,
    resampling: Resampling = Resampling(),
) -> Comparison:
    """Second against first, both frames of `costs.kernel.price_fills`.

    The order of the fills does not matter; the same seed gives the same intervals.
    """
    rows = totals(first), totals(second)
    overlaps = {name: _overlap(first, second, name, grouping) for name in ("symbol", "size")}
    return Comparison(
        first_label=labels[0],
        second_label=labels[1],
        first=rows[0],
        second=rows[1],
        differences=tuple(_difference(name, first, second, resampling) for name in COMPONENTS),
        currency=currency,
        quote_rule=quote_rule,
        resampling=resampling,
        symbol_overlap=overlaps["symbol"],
        size_overlap=overlaps["size"],
        warnings=tuple(_warnings(labels, rows, overlaps)),
    )


def _difference(
    name: str, first: pl.DataFrame, second: pl.DataFrame, resampling: Resampling
) -> Difference:
    assert name in PARTS
    one, other = _sample(first, name), _sample(second, name)
    if one.bps is None or other.bps is None:
        return Difference(name, one.bps, other.bps, None, note="a side has no fill with it")
    interval = difference_interval(one, other, resampling)
    return Difference(
        component=name,
        first_bps=one.bps,
        second_bps=other.bps,
        difference_bps=other.bps - one.bps,
        low_bps=interval.low,
        high_bps=interval.high,
        method=interval.method,
        note=interval.note,
    )


def _sample(priced: pl.DataFrame, name: str) -> Sample:
    known = priced.filter(pl.col("reason").is_null() & pl.col(f"{name}_ccy").is_not_null()).sort(
        "fill_id"
    )
    return Sample(known[f"{name}_ccy"], known["notional"])


def _overlap(
    first: pl.DataFrame, second: pl.DataFrame, by: str, grouping: Grouping
) -> float | None:
    """The sum over groups of the smaller of the two shares of notional; None without fills."""
    shares: list[dict[str, float]] = []
    for priced in (first, second):
        known = with_keys(priced.filter(pl.col("reason").is_null()), [by], grouping)
        parts = known.group_by(f"key_{by}").agg(pl.col("notional").sum())
        whole = parts["notional"].sum()
        if not whole:
            return None
        shares.append({key: amount / whole for key, amount in parts.iter_rows()})
    return sum(min(share, shares[1].get(key, 0.0)) for key, share in sorted(shares[0].items()))


def _warnings(
    labels: tuple[str, str], rows: tuple[CostRow, CostRow], overlaps: dict[str, float | None]
) -> Iterator[str]:
    for name, what in (("symbol", "symbols"), ("size", "sizes")):
        overlap = overlaps[name]
        if overlap is not None and overlap < ALIKE:
            yield (
                f"they trade other {what}: only {overlap:.0%} of the notional overlaps, so the "
                "difference may be the mix's"
            )
    for label, row in zip(labels, rows, strict=True):
        if row.few:
            yield f"{label} has only {row.with_total} fills with a total"
        covered = sum(
            share.notional_share
            for name, share in row.sources.items()
            if name not in ("none", "suspect")
        )
        if row.fills and covered < COVERED:
            yield f"{label} has a reference for only {covered:.0%} of its notional"
