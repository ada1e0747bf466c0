"""Ordering, keeping and measuring rows of priced fills, for screens: pure functions of frames."""

from __future__ import annotations

import re
from collections.abc import Sequence

import polars as pl

from mechexo.costs.aggregate import PARTS, PERCENTILES
from mechexo.costs.dimensions import NO_VALUE, Dimension
from mechexo.costs.views import FillsAsked, Histogram, Key, TableAsked

MOST_ROWS = 1000
"""The longest window."""

MOST_BINS = 500

FLAGS = ("suspect", "locked", "after_crossed", "after_wide")

_FIGURE = {**{part: f"{part}_bps" for part in PARTS}, "amount": "total_ccy", "value": "notional"}
"""Sorts to columns of fills and of groups."""


def groups_of(frame: pl.DataFrame, dimensions: Sequence[Dimension]) -> pl.DataFrame:
    """The groups of fills, in the order of their names: the codes of their dimensions (`code_` and
    the name), their texts (`name_` and the name), and the figures that rows are ordered by."""
    codes = [f"code_{each.name}" for each in dimensions]
    coded = frame.with_columns(
        each.code.alias(code) for each, code in zip(dimensions, codes, strict=True)
    )
    groups = coded.group_by(codes).agg(_group_figures()).sort(codes)
    return groups.with_columns(
        _as_text(groups[code], each).alias(f"name_{each.name}")
        for each, code in zip(dimensions, codes, strict=True)
    )


def order_groups(groups: pl.DataFrame, asked: TableAsked) -> pl.DataFrame:
    """Those of the groups that the words keep, in the order that is asked for."""
    groups = groups.filter(with_words(asked.words, [f"name_{name}" for name in asked.by]))
    if asked.sort == "key":
        return groups.reverse() if asked.turned else groups
    return groups.sort(
        _FIGURE.get(asked.sort, asked.sort),
        descending=not asked.turned,
        nulls_last=True,
        maintain_order=True,
    )


def order_fills(
    priced: pl.DataFrame, places: pl.Series | None, texts: Sequence[str], asked: FillsAsked
) -> pl.Series:
    """Those of the fills in `places` (of all when None) that the words keep, as places in the
    frame, in the order that is asked for. `texts` are the columns with words beside the usual."""
    if places is None:
        places = pl.int_range(len(priced), dtype=pl.UInt32, eager=True)
    if asked.words.strip(" !"):
        names = ("fill_id", "symbol", *texts, "ref_source", "reason")
        side = pl.when(pl.col("side") > 0).then(pl.lit("buy")).otherwise(pl.lit("sell"))
        searched = priced.select(
            *(name for name in names if name in priced.columns),
            side.alias("side"),
            *(pl.when(flag).then(pl.lit(flag)).alias(flag) for flag in FLAGS),
        )
        kept = searched.select(with_words(asked.words, searched.columns)).to_series()
        places = places.filter(kept.gather(places))
    if asked.sort == "key":
        return places.reverse() if asked.turned else places
    column = "quantity" if asked.sort == "fills" else _FIGURE[asked.sort]
    ordered = pl.DataFrame({"by": priced[column].gather(places), "place": places}).sort(
        "by", descending=not asked.turned, nulls_last=True, maintain_order=True
    )
    return ordered["place"]


def histogram(frame: pl.DataFrame, most_bins: int) -> Histogram | None:
    """The distribution of the priced fills' total_bps, of their slippage_bps when none has a total,
    from their 1st to their 99th percentile, in no more bins than twice the root of their number."""
    priced = frame.filter(pl.col("reason").is_null())
    own, of = priced["total_bps"].drop_nulls(), "total"
    if own.is_empty():
        own, of = priced["slippage_bps"].drop_nulls(), "slippage"
    if own.is_empty():
        return None
    low, high = (own.quantile(level, interpolation="linear") for level in (0.01, 0.99))
    assert low is not None
    assert high is not None
    bins = max(1, min(most_bins, MOST_BINS, round(2 * len(own) ** 0.5)))
    if not high > low:
        low, high, bins = low - 0.5, low + 0.5, 1
    width = (high - low) / bins
    inside = own.filter((own >= low) & (own <= high))
    counts = [0] * bins
    places = ((inside - low) / width).floor().clip(0, bins - 1).cast(pl.Int64)
    for place, count in places.alias("place").value_counts().iter_rows():
        counts[place] = count
    below, above = int((own < low).sum()), int((own > high).sum())
    return Histogram(low, width, tuple(counts), below, above, of)


def _group_figures() -> list[pl.Expr]:
    """What groups are ordered by: as `costs.aggregate` defines it."""
    counts = pl.col("reason").is_null()
    figures = [pl.len().alias("fills")]
    for part in PARTS:
        amount = pl.when(counts).then(pl.col(f"{part}_ccy"))
        weight = pl.when(amount.is_not_null()).then(pl.col("notional"))
        figures.append(
            pl.when(amount.count() > 0).then(1e4 * amount.sum() / weight.sum()).alias(f"{part}_bps")
        )
    total = pl.when(counts).then(pl.col("total_ccy"))
    value = pl.when(counts).then(pl.col("notional"))
    own = [pl.when(counts).then(pl.col(f"{part}_bps")) for part in ("total", "slippage")]
    p95, p95_of_slippage = (
        each.quantile(PERCENTILES["p95"], interpolation="linear") for each in own
    )
    return [
        *figures,
        pl.when(own[0].count() > 0).then(p95).otherwise(p95_of_slippage).alias("p95"),
        pl.when(total.count() > 0).then(total.sum()).alias("total_ccy"),
        pl.when(value.count() > 0).then(value.sum()).alias("notional"),
    ]


def reaches(frame: pl.DataFrame) -> tuple[float, float]:
    """How far bars of the rows reach to the right and to the left of zero, bps (the latter is zero
    or less). A few rows far beyond all others do not make these invisible: their bars are cut.

    Needed columns: commission_bps, spread_bps, beyond_bps, slippage_bps.
    """
    split = pl.col("spread_bps").is_not_null() & pl.col("beyond_bps").is_not_null()
    pieces = [
        pl.col("commission_bps"),
        pl.when(split).then(pl.col("spread_bps")).otherwise(pl.col("slippage_bps")),
        pl.when(split).then(pl.col("beyond_bps")),
    ]
    right = frame.select(pl.sum_horizontal(p.clip(lower_bound=0) for p in pieces)).to_series()
    left = frame.select(pl.sum_horizontal(p.clip(upper_bound=0) for p in pieces)).to_series()
    return _reach(right), -_reach(-left)


def _reach(lengths: pl.Series) -> float:
    known = lengths.drop_nulls()
    longest = known.max()
    if not isinstance(longest, float) or longest <= 0:
        return 0.0
    usual = known.quantile(0.9, interpolation="linear") or 0.0
    return 2 * usual if 0 < usual < longest / 4 else longest


def _as_text(codes: pl.Series, dimension: Dimension) -> pl.Series:
    """A dimension's codes as its texts."""
    if codes.dtype == pl.String:
        return codes
    known = codes.unique().drop_nulls().to_list()
    return codes.replace_strict(
        known, [dimension.text(code) for code in known], default=NO_VALUE, return_dtype=pl.String
    )


def has_key(key: Key) -> pl.Expr:
    """Whether a row with names has these values of its dimensions."""
    return pl.all_horizontal(pl.col(f"name_{name}") == value for name, value in key)


def with_words(words: str, columns: Sequence[str]) -> pl.Expr:
    """Whether all words stand somewhere in the columns; a leading `!` turns it round."""
    wanted = words.strip()
    terms = wanted.lstrip("!").split()
    if not terms:
        return pl.lit(True)
    having = pl.all_horizontal(
        pl.any_horizontal(
            pl.col(name).str.contains(f"(?i){re.escape(term)}").fill_null(False) for name in columns
        )
        for term in terms
    )
    return ~having if wanted.startswith("!") else having


def keeps(text: str, words: str) -> bool:
    """The same of one text in lower case."""
    wanted = words.strip().lower()
    having = all(term in text for term in wanted.lstrip("!").split())
    return having is not wanted.startswith("!")


def limited(asked: int) -> int:
    """A window no longer than windows are."""
    return max(0, min(asked, MOST_ROWS))
