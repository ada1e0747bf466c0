"""Fills outside every figure, set aside until those of many days are together.

A fill without a usable quote, where nothing lower can take its place, and a suspect one add to no
figure: they are counted, and listed with their reasons. A day has a few of them, and to say that of
a few takes as long as of many.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import polars as pl

from mechexo.costs.coverage import covered
from mechexo.costs.fills import TAGS
from mechexo.costs.kernel import price_matched
from mechexo.costs.merging import Partial, Question, class_of, later_columns, partial_of
from mechexo.costs.plain_fills import PlainFills
from mechexo.costs.quotes import Quotes
from mechexo.costs.rules import QuoteRule
from mechexo.costs.values import Coverage

MANY = 50_000
"""So many fills of one day are not set aside."""
NEEDED = (
    *("ts", "symbol", "side", "quantity", "price", "commission", "multiplier", "fx"),
    *("arrival_price", "auction", "auction_price", "adv"),
)
"""Columns that a fill's figures are made of."""
TEXTS = frozenset({"symbol", *TAGS}) - {"order_id"}
"""Columns of few texts again and again."""
NONE_UNRATED = pl.DataFrame(
    schema={
        "fill_id": pl.String(),
        "ts": pl.Datetime("us", "UTC"),
        "symbol": pl.String(),
        "unrated_currency": pl.String(),
    }
)


def never_count(fills: pl.DataFrame) -> bool:
    """Whether fills that are not plain are outside the figures for certain, where the market's
    trades and bars are not known."""
    nulls = fills.select("arrival_price", "auction", "commission").null_count().row(0)
    return nulls == (len(fills), len(fills), 0)


def set_aside(
    fills: pl.DataFrame, plain: PlainFills, quotes: Quotes, question: Question
) -> pl.DataFrame:
    """The fills that are not plain, as `costs.kernel.match_quotes` gives them, with their ids, and
    whether their symbols have quotes (`seen`)."""
    asked = {*NEEDED, *question.dimensions}
    rows = fills[plain.others].select(
        "fill_id",
        *(
            pl.col(name).cast(pl.Categorical) if name in TEXTS else name
            for name in fills.columns
            if name in asked
        ),
    )
    known = pl.Series(plain.other_references)
    place = known.set(known < 0, None)
    seen = quotes.has(pl.Series(plain.other_numbers))
    found = quotes.frame.select(pl.col("ref_ts", "bid", "ask", "kind").gather(place))
    return rows.with_columns(seen.alias("seen"), *found)


def sums_aside(
    matched: pl.DataFrame, rule: QuoteRule, question: Question
) -> tuple[Partial, Coverage]:
    """What fills that were set aside add up to, and their coverage."""
    priced = price_matched(matched, rule, seen=lambda: pl.col("seen")).with_columns(
        pl.lit(None, pl.Float64).alias(name) for name in later_columns(question.horizons)
    )
    partial, _ = partial_of(priced, question)
    outside = priced.select("fill_id", "ts", pl.col("symbol").cast(pl.String), "reason", "suspect")
    rejected = outside.clear().select("fill_id", "ts", "symbol", "reason")
    sources, lacking = counted([partial], question)
    return partial, covered(sources, lacking, outside, rejected, NONE_UNRATED)


def counted(partials: Sequence[Partial], question: Question) -> tuple[Counter[str], int]:
    """The fills by source of their reference, and how many in the figures lack a commission."""
    sources: Counter[str] = Counter()
    lacking = 0
    for partial in partials:
        sums = partial.sums[question.sums_of(())]
        for code, count in sums.group_by("class").agg(pl.col("fills").sum()).iter_rows():
            kind = class_of(code)
            sources[kind.source] += count
            lacking += count if kind.counts and not kind.commission else 0
    return sources, lacking
