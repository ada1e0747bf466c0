"""What an import does to the fills that are kept: a pure rule on frames."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from datetime import date

import polars as pl

from mechexo.costs.imports import execution_ids
from mechexo.costs.imports.rows import REPLACES
from mechexo.costs.imports.values import Changes
from mechexo.costs.sources.corrections import BUST, CORRECT
from mechexo.value_classes import dataclass

_OTHER = " as it stands"


@dataclass(frozen=True, slots=True)
class Kept:
    """What is kept already, of the days that an import may touch."""

    days: Mapping[date, pl.DataFrame]
    gone: Mapping[str, str]
    """Ids of fills that were taken back (`bust`) or corrected under another id (`correct`)."""
    named: Mapping[str, str] = field(default_factory=dict)
    """The ids of those in `gone` that are named without their day, where they have been found."""


@dataclass(frozen=True, slots=True)
class Merged:
    """What is kept afterwards."""

    days: Mapping[date, pl.DataFrame]
    """Only the days whose fills are others now; an empty frame is a day without any."""
    gone: Mapping[str, str]
    named: Mapping[str, str]
    gone_changed: bool
    """Whether `gone` or `named` are others now."""
    changes: Changes


def merged(kept: Kept, fills: pl.DataFrame, taken_back: tuple[str, ...]) -> Merged:
    """Upserts `fills` by fill_id and takes fills back, whatever the order in which files come.

    What was taken back, or corrected under another id, stays away also when its first report
    comes (again) later. A correction under the same id outlasts the plain fill. A fill whose
    correction is on another UTC day leaves its old one. A fill that is named without its day
    (`execution_ids`) is sought among those kept and those that come.
    """
    before = _together(kept.days)
    present = execution_ids.under_dated_ids(before, fills)
    gone = _gone(kept, present, fills, taken_back)
    incoming = _marked(fills)
    left_out = incoming["fill_id"].is_in(gone.away.implode())
    incoming = incoming.filter(~left_out)
    if len(before):
        corrected = present.filter(pl.col("correction") == CORRECT)["fill_id"]
        outlasted = incoming["fill_id"].is_in(corrected.implode()) & (
            incoming["correction"].is_null()
        )
        incoming = incoming.filter(~outlasted)
        unchanged_by_rule = int(outlasted.sum())
    else:
        unchanged_by_rule = 0
    removed = present.filter(pl.col("fill_id").is_in(gone.away.implode()))
    standing = present.filter(~pl.col("fill_id").is_in(gone.away.implode()))
    # What was kept under an id without its day is replaced: the same fill under another id.
    same = _same(before, incoming)
    known = incoming["fill_id"].is_in(standing["fill_id"].implode())
    after = pl.concat(
        [standing.filter(~pl.col("fill_id").is_in(incoming["fill_id"].implode())), incoming],
        how="diagonal_relaxed",
    )
    days = _changed_days(before, after)
    return Merged(
        days,
        gone.ids,
        gone.named,
        gone.ids.keys() != kept.gone.keys() or gone.named != kept.named,
        Changes(
            added=int((~known).sum()),
            replaced=int(known.sum()) - same,
            reused=_reused(standing, incoming),
            unchanged=same + unchanged_by_rule,
            removed=len(removed),
            left_out=int(left_out.sum()),
            unmatched=gone.unmatched,
            days=tuple(days),
        ),
    )


@dataclass(frozen=True, slots=True)
class _Gone:
    """The fills that are gone with what came in now."""

    ids: Mapping[str, str]
    named: Mapping[str, str]
    away: pl.Series
    """The ids of all of them."""
    unmatched: int
    """How many are gone since now that were never here."""


def _gone(
    kept: Kept, present: pl.DataFrame, fills: pl.DataFrame, taken_back: tuple[str, ...]
) -> _Gone:
    ids = _told_gone(kept, fills, taken_back)
    own_day = _of_own_day(ids, present, fills)
    ids, known = _without_earlier_days(kept, ids, own_day)
    waiting = [each for each in ids if execution_ids.is_waiting_name(each) and each not in known]
    meant = execution_ids.fills_meant(waiting, (present, fills))
    # One that is kept without its day leaves now; its name waits for it to come with its day.
    named = {name: one for name, one in meant.items() if not execution_ids.is_dayless(one)}
    ids |= {one: ids[name] for name, one in named.items()}
    ids = execution_ids.with_days(ids, fills, named.values())
    away = pl.Series(sorted({*ids, *meant.values()}), dtype=pl.String)
    here = pl.concat([present["fill_id"], fills["fill_id"]])
    reported = {*here.filter(here.is_in(away.implode())), *meant, *own_day}
    unmatched = sum(each not in reported for each in ids if each not in kept.gone)
    return _Gone(ids, {**known, **named}, away, unmatched)


def _told_gone(kept: Kept, fills: pl.DataFrame, taken_back: tuple[str, ...]) -> dict[str, str]:
    """The ids and names of all that was said to be gone, until now and now."""
    corrected = fills.filter(pl.col(REPLACES) != pl.col("fill_id"))[REPLACES].drop_nulls()
    return {
        **kept.gone,
        **dict.fromkeys(corrected, CORRECT),
        **dict.fromkeys(execution_ids.names_before(fills, REPLACES), CORRECT),
        **dict.fromkeys(taken_back, BUST),
    }


def _of_own_day(
    ids: Mapping[str, str], present: pl.DataFrame, fills: pl.DataFrame
) -> dict[str, str]:
    """The corrections under their own id of a fill of their own day: no earlier one is meant."""
    plain = present.filter(pl.col("correction").is_null())["fill_id"]
    # Of a correction and its fill in one file only the correction is left; it names none.
    came = fills.filter(pl.col(REPLACES).is_null())["fill_id"]
    return execution_ids.of_own_day(ids, [*plain, *came])


def _without_earlier_days(
    kept: Kept, ids: dict[str, str], own_day: Mapping[str, str]
) -> tuple[dict[str, str], dict[str, str]]:
    """What is gone and what names mean, without the earlier days' fills that were taken to be
    corrected until a fill of the correction's own day came."""
    known = {**kept.named, **own_day}
    wrong = {kept.named[name] for name in own_day if name in kept.named} - {*known.values()}
    return {each: kind for each, kind in ids.items() if each not in wrong or kind == BUST}, known


def _marked(fills: pl.DataFrame) -> pl.DataFrame:
    """The fills as they are kept: what stands in for another says so."""
    corrects = pl.col(REPLACES).is_not_null() | (pl.col("correction") == CORRECT).fill_null(False)
    return fills.with_columns(correction=pl.when(corrects).then(pl.lit(CORRECT))).drop(REPLACES)


def _together(days: Mapping[date, pl.DataFrame]) -> pl.DataFrame:
    """The days as one table; what the rule looks at is there even if no fill has it."""
    texts = ("fill_id", "correction", "order_id", "side", "symbol")
    always = {**dict.fromkeys(texts, pl.String()), "ts": pl.Datetime("us", "UTC")}
    return pl.concat([pl.DataFrame(schema=always), *days.values()], how="diagonal_relaxed")


def _same(standing: pl.DataFrame, incoming: pl.DataFrame) -> int:
    """How many fills come again just as they stand; a column that one side lacks is empty."""
    if standing.is_empty() or incoming.is_empty():
        return 0
    names = pl.concat([standing.head(0), incoming.head(0)], how="diagonal_relaxed").columns
    pairs = _complete(incoming, names).join(
        _complete(standing, names), on="fill_id", how="inner", suffix=_OTHER
    )
    alike = (pl.col(name).eq_missing(pl.col(name + _OTHER)) for name in names if name != "fill_id")
    return int(pairs.select(pl.all_horizontal(alike).sum()).item())


def _reused(standing: pl.DataFrame, incoming: pl.DataFrame) -> int:
    """How many plain fills have the id of a plain fill of another moment or another order.

    An order that only one side names is no other one: a column may have been mapped since.
    """
    plain = (
        _complete(frame, ("fill_id", "ts", "order_id", "correction")).filter(
            pl.col("correction").is_null()
        )
        for frame in (incoming, standing)
    )
    pairs = next(plain).join(next(plain), on="fill_id", how="inner", suffix=_OTHER)
    moved = pl.col("ts") != pl.col("ts" + _OTHER)
    of_another = pl.col("order_id") != pl.col("order_id" + _OTHER)
    return int(pairs.select((moved | of_another).fill_null(False).sum()).item())


def _complete(frame: pl.DataFrame, names: Sequence[str]) -> pl.DataFrame:
    """The frame with these columns; one that it lacks is empty."""
    missing = (pl.lit(None).alias(name) for name in names if name not in frame.columns)
    return frame.with_columns(missing).select(names)


def _changed_days(before: pl.DataFrame, after: pl.DataFrame) -> dict[date, pl.DataFrame]:
    """The days whose fills differ, in order, each sorted by time and id."""
    found = {}
    days = pl.concat([before["ts"], after["ts"]]).dt.date().unique().sort()
    for day in days:
        old, new = (
            frame.filter(pl.col("ts").dt.date() == day).sort("ts", "fill_id")
            for frame in (before, after)
        )
        if len(old) != len(new) or (len(new) and _same(old, new) != len(new)):
            found[day] = new
    return found
