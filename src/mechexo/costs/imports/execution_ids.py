"""The ids of FIX executions: 17 is unique only within a trading day, so a fill's id has the day.

    fix:2026-03-02:BROKER:E1                the fill E1 of a day
    fix:2026-03-03:BROKER:E1 of order O1    a fill E1 as a bust or a correction of a day names it
    fix:2026-03-03:BROKER:E1 before its day, buy AAA of order O1
                                            a fill E1 of an earlier day that one under its own id,
                                            of another day, corrects
    fix:BROKER:E1                           a fill as it was kept before ids had their day

A bust names an execution and not its day. What it means is found among the fills, in the file and
in those that are kept; until it is there the name is kept and waits for it.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from operator import attrgetter

import polars as pl

from mechexo.value_classes import dataclass

_DAY = r"^fix:(\d{4}-\d{2}-\d{2}):"
_NAMED = re.compile(_DAY + "(.+?) of order (.+)", re.DOTALL)
_BEFORE = re.compile("(.+?) before its day, (buy|sell) (.+)", re.DOTALL)
_WORDS_OF_NAMES = re.compile(" (?=of order( |$)|before its day,)")
HAS_DAY = pl.col("fill_id").str.contains(_DAY)
"""Whether a fill's id is one of a FIX execution, with its day."""
_DAYLESS_ID, _DATED_ID = "id without its day", "id with its day"


def fill_id(day: date, sender: str, execution: str) -> str:
    """The id of a fill."""
    return f"fix:{day.isoformat()}:{_unlike_names(sender)}:{_unlike_names(execution)}"


def _unlike_names(text: str) -> str:
    """The text without what could be taken for the words that a name is made of."""
    return _WORDS_OF_NAMES.sub("%20", text)


def waiting_name(day: date, sender: str, execution: str, order: str | None) -> str:
    """A fill as a message of that day names it; without an order only that day's can be meant."""
    found = fill_id(day, sender, execution)
    return f"{found} of order {order}" if order else found


def is_waiting_name(name: str) -> bool:
    """Whether it is the name of a fill whose day is not known, and no id."""
    return _NAMED.match(name) is not None


@dataclass(frozen=True, slots=True)
class _Named:
    """What a name says of the fill that is meant."""

    day: str
    execution: str
    """Its id without its day."""
    order: str
    of: tuple[str, str] | None
    """Side and symbol, where a fill of an earlier day is meant, corrected under its own id."""

    @property
    def own_id(self) -> str:
        """The id that a fill of the named day has."""
        return f"fix:{self.day}:{self.execution.removeprefix('fix:')}"


def _read_name(name: str) -> _Named:
    found = _NAMED.match(name)
    assert found is not None
    day, execution, order = found.groups()
    before = _BEFORE.fullmatch(execution)
    if before is None:
        return _Named(day, f"fix:{execution}", order, None)
    execution, side, symbol = before.groups()
    return _Named(day, f"fix:{execution}", order, (side, symbol))


def names_before(fills: pl.DataFrame, replaces: str) -> dict[str, str]:
    """For each correction under its own id the name of the fill that it corrects, should that be
    of an earlier day; and the id."""
    own = fills.filter(
        HAS_DAY
        & (
            (pl.col(replaces) == pl.col("fill_id"))
            | (pl.col(replaces).is_null() & pl.col("correction").is_not_null())
        )
    )
    rows = own.select("fill_id", "side", "symbol", "order_id").drop_nulls().iter_rows()
    return {
        f"{own_id} before its day, {side} {_unlike_names(symbol)} of order {order}": own_id
        for own_id, side, symbol, order in rows
    }


def of_own_day(names: Iterable[str], ids: Iterable[str]) -> dict[str, str]:
    """Those of the names of earlier days' fills whose own day has, among these ids, what is
    corrected after all; and its id."""
    known = set(ids)
    found = {name: _read_name(name) for name in names if is_waiting_name(name)}
    return {name: each.own_id for name, each in found.items() if each.of and each.own_id in known}


def is_dayless(name: str) -> bool:
    """Whether it is an id of before ids had their day."""
    return name.startswith("fix:") and re.match(_DAY, name) is None


def without_day(ids: pl.Series) -> pl.Series:
    """The ids without their day, as they were before they had one; others as they are."""
    return ids.str.replace(_DAY, "fix:")


def dayless_ids_named(names: Iterable[str]) -> pl.Series:
    """The bare ids of what is named."""
    return pl.Series([_read_name(name).execution for name in names], dtype=pl.String)


def fills_meant(names: Sequence[str], tables: Iterable[pl.DataFrame]) -> dict[str, str]:
    """The ids of the fills that are meant, where they are in one of the tables.

    A fill of the day itself, or else the last one before, or else one of that day's evening whose
    session is the next one's; never one that happened on a later day. Its order must be the one
    that is named: another order's fill of that number is another day's namesake.
    """
    if not names:
        return {}
    wanted = dayless_ids_named(names).implode()
    happened = pl.col("ts").dt.strftime("%Y-%m-%d")
    days = pl.coalesce(pl.col("fill_id").str.extract(_DAY), happened)
    candidates: defaultdict[tuple[str, str], list[_Candidate]] = defaultdict(list)
    for table in tables:
        found = table.with_columns(without_day(table["fill_id"]).alias(_DAYLESS_ID))
        rows = found.filter(pl.col(_DAYLESS_ID).is_in(wanted)).select(
            _DAYLESS_ID,
            "order_id",
            days.alias("day"),
            "fill_id",
            happened.alias("on"),
            "side",
            "symbol",
        )
        for execution, order, *rest in rows.iter_rows():
            candidates[execution, order].append(_Candidate(*rest))
    answer = {}
    for name in names:
        what = _read_name(name)
        of_order = candidates[what.execution, what.order]
        chosen = _earlier(what, of_order) if what.of else _last_until(what.day, of_order)
        if chosen is not None:
            answer[name] = chosen.fill_id
    return answer


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A fill that may be meant."""

    day: str
    fill_id: str
    happened: str
    side: str | None
    symbol: str | None


def _last_until(day: str, of_order: list[_Candidate]) -> _Candidate | None:
    key = attrgetter("day", "fill_id")
    before = max((each for each in of_order if each.day <= day), key=key, default=None)
    return before or min((each for each in of_order if each.happened <= day), key=key, default=None)


def _earlier(what: _Named, of_order: list[_Candidate]) -> _Candidate | None:
    """The last fill of an earlier day, of the same side and symbol."""
    alike = (
        each
        for each in of_order
        if each.day < what.day
        and each.symbol is not None
        and (each.side, _unlike_names(each.symbol)) == what.of
    )
    return max(alike, key=attrgetter("day", "fill_id"), default=None)


def under_dated_ids(kept: pl.DataFrame, incoming: pl.DataFrame) -> pl.DataFrame:
    """The kept fills, those from before ids had their day under the id with which they come in
    again: a fill of the same moment and order is the same one."""
    same = ("ts", "order_id")
    present = _with_days(incoming).unique([_DAYLESS_ID, *same], keep="first", maintain_order=True)
    if present.is_empty() or kept.is_empty():
        return kept
    joined = kept.join(
        present.select(
            pl.col("fill_id").alias(_DATED_ID), pl.col(_DAYLESS_ID).alias("fill_id"), *same
        ),
        on=["fill_id", *same],
        how="left",
        nulls_equal=True,
        maintain_order="left",
    )
    return joined.with_columns(fill_id=pl.coalesce(_DATED_ID, "fill_id")).drop(_DATED_ID)


def with_days(gone: Mapping[str, str], fills: pl.DataFrame, known: Iterable[str]) -> dict[str, str]:
    """The ids that are gone, those from before ids had their day with the day of the fill that they
    mean: one of `known`, or else the first of `fills`.

    Such an id meant one fill, of a day that it does not say. To keep every later day's away as
    well would lose fills without end.
    """
    without = [each for each in gone if is_dayless(each)]
    if not without:
        return dict(gone)
    first = _with_days(fills).sort("ts").unique(_DAYLESS_ID, keep="first")
    days = dict(first.select(_DAYLESS_ID, "fill_id").iter_rows())
    known = list(known)
    days |= dict(zip(without_day(pl.Series(known, dtype=pl.String)), known, strict=True))
    return {days.get(each, each) if is_dayless(each) else each: gone[each] for each in gone}


def _with_days(fills: pl.DataFrame) -> pl.DataFrame:
    """Those of the fills whose ids have a day, and their ids without it."""
    found = fills.with_columns(without_day(fills["fill_id"]).alias(_DAYLESS_ID))
    return found.filter(pl.col(_DAYLESS_ID) != pl.col("fill_id"))
