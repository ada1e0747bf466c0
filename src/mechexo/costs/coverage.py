"""What stands behind the figures, and what stands outside them with its reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import polars as pl

from mechexo.costs.fills import Fills
from mechexo.costs.values import Coverage, UnpricedFill

SOURCES = ("quote", "stale", "auction", "trade", "bar", "arrival", "suspect", "none")
"""Where fills stand by the source of their reference price, best first."""

LISTED = 1000
"""How many fills of each kind are listed; the counts are always whole."""


def coverage(
    fills: Fills, priced: pl.DataFrame, unreadable: Mapping[str, int] | None = None
) -> Coverage:
    """Counts every row read once: priced, unpriced, suspect or rejected.

    Args:
        fills: the rows that were read.
        priced: those of them that are fills.
        unreadable: rows of the market's data that could not be read, by what they are of.
    """
    mix = priced.lazy().group_by("suspect", "ref_source").len().collect(engine="streaming")
    sources: Counter[str] = Counter()
    for suspect, source, count in mix.iter_rows():
        sources["suspect" if suspect else source] += count
    lacking = pl.col("reason").is_null() & pl.col("commission").is_null()
    named = priced.select("fill_id", "ts", "symbol", "reason", "suspect")
    outside = named.filter(pl.col("reason").is_not_null())
    return covered(
        sources,
        priced.select(lacking.sum()).item(),
        outside,
        fills.rejected,
        unrated_among(priced, pl.col("reason").is_null()),
        unreadable,
    )


def unrated_among(fills: pl.DataFrame, inside: pl.Expr | bool = True) -> pl.DataFrame:
    """Those of the fills whose commission is in a currency without a rate: fill_id, ts, symbol and
    unrated_currency. `inside` says which fills count."""
    names = ("fill_id", "ts", "symbol", "unrated_currency")
    if fills["unrated_currency"].null_count() == len(fills):
        return fills.clear().select(names)
    marked = pl.col("unrated_currency").is_not_null() & inside
    return fills.lazy().filter(marked).select(names).collect(engine="in-memory")


def no_rate(currency: str) -> str:
    """Why a commission that is stated is not known, and what to do about it."""
    return (
        f"its commission is in {currency}, which has no rate: give {currency} one in [costs] rates "
        "of mechexo.toml"
    )


def covered(
    sources: Mapping[str, int],
    without_commission: int,
    outside: pl.DataFrame,
    rejected: pl.DataFrame,
    unrated: pl.DataFrame,
    unreadable: Mapping[str, int] | None = None,
) -> Coverage:
    """The coverage of accepted fills that were counted.

    Args:
        sources: how many have each source, suspect ones apart.
        without_commission: how many in the figures have none.
        outside: fill_id, ts, symbol, reason and suspect of those outside the figures.
        rejected: fill_id, ts, symbol and reason of the rows that are no fills.
        unrated: as `unrated_among` gives them, of those in the figures.
        unreadable: rows of the market's data that could not be read, by what they are of.
    """
    unpriced = suspects = outside
    if not outside.is_empty():
        unpriced = outside.filter(~pl.col("suspect"))
        suspects = outside.filter(pl.col("suspect"))
    counts = {name: sources.get(name, 0) for name in SOURCES}
    fills = sum(counts.values())
    unrated_by = _counted(unrated["unrated_currency"])
    said = unrated.rename({"unrated_currency": "reason"})
    if unrated_by:
        words = {name: no_rate(name) for name in unrated_by}
        said = said.with_columns(pl.col("reason").replace_strict(words, return_dtype=pl.String))
    return Coverage(
        fills=fills,
        priced=fills - counts["suspect"] - counts["none"],
        by_benchmark={
            name: count for name, count in counts.items() if count or name in ("quote", "none")
        },
        unpriced=_listed(unpriced),
        suspects=_listed(suspects),
        rejected=_listed(rejected),
        unpriced_count=len(unpriced),
        suspect_count=len(suspects),
        rejected_count=len(rejected),
        without_commission=without_commission,
        reasons=_counted(pl.concat([outside["reason"], rejected["reason"]])),
        unrated=_listed(said),
        unrated_count=len(unrated),
        unrated_by_currency=unrated_by,
        unreadable=dict(unreadable or {}),
    )


def merged_coverage(parts: Sequence[Coverage]) -> Coverage:
    """The coverage of all parts together, in their order."""
    reasons: Counter[str] = Counter()
    sources: Counter[str] = Counter()
    unrated: Counter[str] = Counter()
    unreadable: Counter[str] = Counter()
    for part in parts:
        unreadable.update(part.unreadable)
        reasons.update(part.reasons or {})
        unrated.update(part.unrated_by_currency)
        sources.update(part.by_benchmark)

    def listed(name: str) -> tuple[UnpricedFill, ...]:
        return tuple(each for part in parts for each in getattr(part, name))[:LISTED]

    def count(name: str) -> int:
        return sum(getattr(part, name) for part in parts)

    return Coverage(
        fills=count("fills"),
        priced=count("priced"),
        by_benchmark={
            name: sources[name] for name in SOURCES if sources[name] or name in ("quote", "none")
        },
        unpriced=listed("unpriced"),
        suspects=listed("suspects"),
        rejected=listed("rejected"),
        unpriced_count=count("unpriced_count"),
        suspect_count=count("suspect_count"),
        rejected_count=count("rejected_count"),
        without_commission=count("without_commission"),
        reasons=_largest_first(reasons),
        unrated=listed("unrated"),
        unrated_count=count("unrated_count"),
        unrated_by_currency=_largest_first(unrated),
        unreadable=dict(unreadable),
    )


def _largest_first(counts: Counter[str]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _listed(rows: pl.DataFrame) -> tuple[UnpricedFill, ...]:
    if rows.is_empty():  # as on most days
        return ()
    columns = rows.head(LISTED).select("fill_id", "ts", "symbol", "reason")
    return tuple(
        UnpricedFill(fill_id or "", at, symbol or "", reason)
        for fill_id, at, symbol, reason in columns.iter_rows()
    )


def _counted(texts: pl.Series) -> dict[str, int]:
    if texts.is_empty():
        return {}
    counted = texts.alias("text").value_counts().sort(["count", "text"], descending=[True, False])
    return dict(counted.iter_rows())
