"""Costs of groups as rows, from what parts of the fills add up to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar

import polars as pl

from mechexo.costs.aggregate import PARTS, own_statistics
from mechexo.costs.buckets import FINE, bucket, coarser
from mechexo.costs.dimensions import NO_VALUE, SOURCES, Dimension
from mechexo.costs.engine import in_turn
from mechexo.costs.group_keys import By, keys_of
from mechexo.costs.merging import (
    OF_SLIPPAGE,
    Partial,
    Question,
    class_of,
    merged_buckets,
    merging_sums,
)
from mechexo.costs.percentiles import Buckets, approximate, exact, located
from mechexo.costs.plain_ledger import PlainLedger
from mechexo.costs.plain_looks import plain_seen
from mechexo.costs.values import FEW, CostRow, MarkoutPoint, SourceShare

Ledger = TypeVar("Ledger", pl.DataFrame, PlainLedger)

Second = Callable[[Buckets], pl.DataFrame]
"""Looks at the fills again: gives keys, total_bps and notional of those in the wanted buckets."""

_AMOUNTS = {part: "commission" if part == "commission" else f"{part}_ccy" for part in PARTS}
"""The column that each part is added up in."""
_ROWS_AT_ONCE = 400_000
_MANY = 500
"""From so many buckets on, rows are left out by one number before they are joined."""


def rows_after_second_look(
    partial: Partial,
    question: Question,
    dimensions: Mapping[str, Dimension],
    ledgers: Iterable[pl.DataFrame],
    plain: Iterable[PlainLedger] = (),
    workers: int = 1,
) -> dict[By, tuple[CostRow, ...]]:
    """The costs of each group of every grouping of a question, and of all fills together.

    Args:
        partial: all parts merged.
        question: what the parts were asked.
        dimensions: the question's, by name.
        ledgers: those of the parts; looked at once, each for all groupings.
        plain: those of plain fills (`costs.plain_sums`), likewise.
        workers: how many at once.
    """

    def located_of(by: By) -> Buckets:
        return _located(partial, by, question)

    places = dict(zip(question.all, in_turn(located_of, question.all, workers), strict=True))
    wanted = {by: buckets.wanted for by, buckets in places.items()}
    # Groups that are counted finely want few buckets, and many of them the same.
    rough = [by for by in wanted if question.fineness(by) == FINE]
    common = pl.concat([wanted[by]["bucket"] for by in rough] or [pl.Series([], dtype=pl.Int32)])
    few = common.unique().implode()

    def looked_at(ledger: pl.DataFrame) -> dict[By, pl.DataFrame]:
        fine = ledger.with_columns(bucket=bucket(pl.col("total_bps"), FINE))
        near = fine.filter(pl.col("bucket").is_in(few))
        return {
            by: _seen(near if by in rough else fine, buckets, question.fineness(by))
            for by, buckets in wanted.items()
        }

    def looked_at_plain(ledger: PlainLedger) -> dict[By, pl.DataFrame]:
        return plain_seen(ledger, wanted, {by: question.fineness(by) for by in wanted})

    seen = list(in_turn(looked_at, _together(ledgers, len, pl.concat), workers))
    together = _together(plain, lambda each: len(each.rows), PlainLedger.of)
    seen += in_turn(looked_at_plain, together, workers)
    rows = {}
    for by in question.all:
        values = pl.concat([each.pop(by) for each in seen])
        rows[by] = _rows(partial, by, question, dimensions, exact(places[by], values))
    return rows


def _together(
    ledgers: Iterable[Ledger],
    rows_of: Callable[[Ledger], int],
    as_one: Callable[[list[Ledger]], Ledger],
) -> Iterator[Ledger]:
    """The same rows in fewer ledgers: many small ones would each be set out for."""
    waiting: list[Ledger] = []
    for ledger in ledgers:
        waiting.append(ledger)
        if sum(map(rows_of, waiting)) >= _ROWS_AT_ONCE:
            yield as_one(waiting)
            waiting = []
    if waiting:
        yield as_one(waiting)


def _seen(rows: pl.DataFrame, buckets: pl.DataFrame, per_octave: int) -> pl.DataFrame:
    """The rows of a ledger, with their fine buckets, that lie in some buckets of their groups."""
    if not rows[OF_SLIPPAGE].any():
        buckets = buckets.filter(~pl.col(OF_SLIPPAGE)).drop(OF_SLIPPAGE)
    keys = [name for name in buckets.columns if name != "bucket"]
    own = coarser(pl.col("bucket"), per_octave) if per_octave != FINE else pl.col("bucket")
    placed = rows.select(*keys, "total_bps", "notional", own)
    if len(buckets) > _MANY and keys:
        # One number each, by which most are left out; the few of another group with the same
        # number are left out below.
        among = buckets.select(_mixed(keys)).to_series().implode()
        placed = placed.filter(_mixed(keys).is_in(among))
    found = placed.join(buckets, on=[*keys, "bucket"], how="semi", nulls_equal=True)
    return found.drop("bucket", OF_SLIPPAGE, strict=False)


def _mixed(keys: list[str]) -> pl.Expr:
    mixed = pl.col("bucket").cast(pl.Int64)
    for name in keys:
        mixed = mixed + pl.col(name).to_physical().hash().reinterpret(signed=True)
    return mixed


def _located(partial: Partial, by: By, question: Question) -> Buckets:
    kept = question.buckets_of(by)
    own = partial.buckets[kept]
    if kept != by:
        own = merged_buckets(own, by)
    return located(_alike(own, by), by, question.fineness(by))


def _alike(buckets: pl.DataFrame, by: By) -> pl.DataFrame:
    """The buckets without those of slippages, but in groups where no fill has a total."""
    if not buckets[OF_SLIPPAGE].any():
        return buckets
    none = pl.col(OF_SLIPPAGE).all()
    return buckets.filter(~pl.col(OF_SLIPPAGE) | (none.over(keys_of(by)) if by else none))


def rows_of(
    partial: Partial,
    by: By,
    question: Question,
    dimensions: Mapping[str, Dimension],
    second: Second | None,
) -> tuple[tuple[CostRow, ...], float]:
    """The costs of each group of a grouping, ordered by their values.

    Args:
        partial: all parts merged.
        by: one of the question's groupings, or none for all fills together.
        question: what the parts were asked.
        dimensions: the question's, by name.
        second: the second look; without one percentiles are those of buckets.

    Returns:
        The rows, as `costs.aggregate.grouped` gives them; and how far, in bps, percentiles and the
        winsorised mean may be off: 0.0 after a second look.
    """
    buckets = _located(partial, by, question)
    figures = approximate(buckets) if second is None else exact(buckets, second(buckets))
    error = figures["error_bps"].max()
    rows = _rows(partial, by, question, dimensions, figures)
    return rows, float(error) if isinstance(error, float) else 0.0


def _rows(
    partial: Partial,
    by: By,
    question: Question,
    dimensions: Mapping[str, Dimension],
    figures: pl.DataFrame,
) -> tuple[CostRow, ...]:
    sums = partial.sums[question.sums_of(by)]
    keys = keys_of(by)
    statistics = {tuple(row[key] for key in keys): row for row in figures.iter_rows(named=True)}
    rows = []
    for codes, group in _groups(sums, by, question).items():
        named = {
            name: NO_VALUE if code is None else dimensions[name].text(code)
            for name, code in zip(by, codes, strict=True)
        }
        rows.append(_row(named, group, statistics.get(codes, {}), question.horizons))
    return tuple(rows)


def _groups(
    sums: pl.DataFrame, by: By, question: Question
) -> dict[tuple[Any, ...], list[dict[str, Any]]]:
    """The sums of each group, by what decides which figures a fill has, in the groups' order."""
    keys = keys_of(by)
    classes = [*keys, "class"]
    merged = sums.group_by(classes).agg(merging_sums(question.horizons)).sort(classes)
    found: dict[tuple[Any, ...], list[dict[str, Any]]] = {} if by else {(): []}
    for row in merged.iter_rows(named=True):
        row["class"] = class_of(row["class"])
        found.setdefault(tuple(row[key] for key in keys), []).append(row)
    return found


def _row(
    key: dict[str, str],
    classes: list[dict[str, Any]],
    statistics: Mapping[str, Any],
    horizons: tuple[str, ...],
) -> CostRow:
    counting = [each for each in classes if each["class"].counts]
    paying = [each for each in counting if each["class"].commission]
    spreading = [each for each in counting if each["class"].spread]
    # Without any total, what was added up as such are the slippages.
    own_of = paying or counting
    own = _moments(own_of, "total")
    found = {
        **statistics,
        "mean_bps": own.mean,
        "sd_bps": own.sd,
        "se_bps": own.se,
        "min_bps": min((each["min_bps"] for each in own_of), default=None),
        "max_bps": max((each["max_bps"] for each in own_of), default=None),
    }
    priced = sum(each["fills"] for each in counting)
    with_total = sum(each["fills"] for each in paying)
    notional = float(sum(each["notional"] for each in counting))
    having = {"commission": paying, "total": paying, "slippage": counting}
    having |= {"spread": spreading, "beyond": spreading}
    weights = {part: sum(each["notional"] for each in having[part]) for part in PARTS}
    cash = {
        part: sum(each[_AMOUNTS[part]] for each in having[part]) if having[part] else None
        for part in PARTS
    }
    figures: dict[str, Any] = {
        **{f"{part}_bps": _bps(cash[part], weights[part]) for part in PARTS},
        **{f"{part}_ccy": cash[part] for part in PARTS},
        **own_statistics(found, with_total=with_total, priced=priced),
    }
    paid = [each["commission"] for each in classes if each["class"].commission]
    return CostRow(
        key=key,
        fills=sum(each["fills"] for each in classes),
        priced=priced,
        notional=notional,
        **figures,
        commission_all_ccy=sum(paid) if paid else None,
        with_total=with_total,
        few=with_total < FEW,
        component_notional={part: float(weights[part]) for part in PARTS},
        sources=_sources(classes),
        realised_bps=_by_horizon(counting, "realised", horizons) if horizons else None,
        impact_bps=_by_horizon(counting, "impact", horizons) if horizons else None,
        markout_fills={label: sum(each[f"{label}_n"] for each in counting) for label in horizons}
        if horizons
        else None,
    )


def _bps(amount: float | None, weight: float) -> float | None:
    return None if amount is None else 1e4 * amount / weight


class _Moments:
    """How many values there are, their mean and their spread."""

    def __init__(self, count: int, mean: float | None, deviations: float) -> None:
        self.count, self.mean = count, mean
        self.sd = (deviations / (count - 1)) ** 0.5 if count > 1 else None
        self.se = None if self.sd is None else self.sd / count**0.5


def _moments(classes: list[dict[str, Any]], name: str) -> _Moments:
    known = [each for each in classes if each[f"{name}_n"]]
    count = sum(each[f"{name}_n"] for each in known)
    if not count:
        return _Moments(0, None, 0.0)
    mean = sum(each[f"{name}_n"] * each[f"{name}_mean"] for each in known) / count
    deviations = sum(
        each[f"{name}_m2"] + each[f"{name}_n"] * (each[f"{name}_mean"] - mean) ** 2
        for each in known
    )
    return _Moments(count, mean, deviations)


def _sources(classes: list[dict[str, Any]]) -> dict[str, SourceShare]:
    by_source: dict[str, list[dict[str, Any]]] = {}
    for each in classes:
        by_source.setdefault(each["class"].source, []).append(each)
    fills = sum(each["fills"] for each in classes)
    value = sum(each["traded_value"] for each in classes)
    return {
        name: SourceShare(
            count := sum(each["fills"] for each in by_source[name]),
            count / fills,
            sum(each["traded_value"] for each in by_source[name]) / value,
        )
        for name in SOURCES
        if name in by_source
    }


def _by_horizon(
    counting: list[dict[str, Any]], name: str, horizons: tuple[str, ...]
) -> dict[str, float | None]:
    found: dict[str, float | None] = {}
    for label in horizons:
        known = [each for each in counting if each[f"{label}_n"]]
        weight = sum(each[f"notional_{label}_known"] for each in known)
        amount = sum(each[f"{name}_{label}_ccy"] for each in known)
        found[label] = 1e4 * amount / weight if known else None
    return found


def markout_points(
    partial: Partial, question: Question, horizons: Mapping[str, float]
) -> tuple[MarkoutPoint, ...]:
    """The markout curve of all priced fills, as `costs.running.markout_curve` gives it.

    Args:
        partial: all parts merged.
        question: what the parts were asked.
        horizons: seconds by label, shortest first.
    """
    classes = _groups(partial.sums[question.sums_of(())], (), question)[()]
    points = []
    for label, seconds in horizons.items():
        known = [each for each in classes if each["class"].counts and each[f"{label}_n"]]
        realised = _moments(known, label)
        notional = float(sum(each[f"notional_{label}_known"] for each in known))

        def share(
            name: str, known: list[dict[str, Any]] = known, whole: float = notional
        ) -> float | None:
            return 1e4 * sum(each[name] for each in known) / whole if known else None

        markout = share(f"realised_{label}_ccy")
        points.append(
            MarkoutPoint(
                label=label,
                horizon_s=seconds,
                fills=realised.count,
                notional=notional,
                slippage_bps=share(f"slippage_ccy_{label}_known"),
                realised_bps=markout,
                impact_bps=share(f"impact_{label}_ccy"),
                markout_bps=None if markout is None else -markout,
                se_bps=realised.se,
            )
        )
    return tuple(points)
