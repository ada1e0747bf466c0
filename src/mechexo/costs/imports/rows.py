"""From a file's rows to a frame: exact numbers, moments, and a reason for each row left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import TypeVar
from zoneinfo import ZoneInfo

import polars as pl

from mechexo.costs.imports.values import (
    ImportedFill,
    NoFill,
    Parsed,
    Rejected,
    RowError,
    TakenBack,
)
from mechexo.costs.sources.columns import FILL_COLUMNS, dtypes

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
REPLACES = "replaces"
"""The column with the id of the fill that a row corrects."""
_OURS = frozenset({*FILL_COLUMNS.kinds, REPLACES})
"""What is not among these is a tag of the desk's own."""

Row = TypeVar("Row")
Read = ImportedFill | TakenBack | NoFill


def schema(tags: Sequence[str]) -> dict[str, pl.DataType]:
    """The columns of imported fills and their types: all of ours, the tags, and `replaces`."""
    return {**dtypes(FILL_COLUMNS.with_tags(tags)), REPLACES: pl.String()}


def parsed(
    rows: Iterable[tuple[str, Row]],
    read: Callable[[Row], Read],
    tags: Sequence[str],
    notes: Sequence[str] = (),
) -> Parsed:
    """Reads each row; one that cannot be taken is rejected with its reason, none is lost.

    `rows` are where each is in its file, and what it says. A moment that no calendar has is a
    reason like any other.
    """
    fills: list[ImportedFill] = []
    taken_back: list[str] = []
    rejected: list[Rejected] = []
    no_fills: Counter[str] = Counter()
    count = 0
    for where, row in rows:
        count += 1
        try:
            found = read(row)
        except RowError as error:
            rejected.append(Rejected(where, str(error)))
            continue
        if isinstance(found, ImportedFill):
            fills.append(found)
        elif isinstance(found, TakenBack):
            taken_back.append(found.fill_id)
        else:
            no_fills[found.what] += 1
    return Parsed(
        count, frame_of(fills, tags), tuple(taken_back), tuple(rejected), no_fills, tuple(notes)
    )


def frame_of(fills: Sequence[ImportedFill], tags: Sequence[str]) -> pl.DataFrame:
    """The fills as a frame: here exact amounts become floats, once."""
    names = schema(tags)
    return pl.DataFrame(
        [[_cell(fill, name) for name in names] for fill in fills], schema=names, orient="row"
    )


def _cell(fill: ImportedFill, name: str) -> object:
    if name not in _OURS:
        return fill.tags.get(name)
    value = fill.at if name == "ts" else getattr(fill, name, None)
    return float(value) if isinstance(value, Decimal) else value


def exact(value: object, what: str) -> Decimal:
    """A number, exactly as it is written.

    Raises:
        RowError: it is none, or none that can be counted with.
    """
    found = amount(value, what)
    if found is None:
        raise RowError(f"no {what}")
    return found


def amount(value: object, what: str) -> Decimal | None:
    """As `exact`; None where nothing is written."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    if isinstance(value, bool):
        raise RowError(f"no readable {what}")
    try:
        found = Decimal(value.strip() if isinstance(value, str) else str(value))
    except InvalidOperation:
        raise RowError(f"no readable {what}") from None
    if not found.is_finite():
        raise RowError(f"the {what} is not finite")
    return found


def text(value: object) -> str | None:
    """A text without its blanks; None where nothing is written."""
    stripped = "" if value is None else str(value).strip()
    return stripped or None


def needed(row: Mapping[str, object], name: str, what: str) -> str:
    """A text that a row must have.

    Raises:
        RowError: it is not there.
    """
    found = text(row.get(name))
    if found is None:
        raise RowError(f"no {what}")
    return found


def tags_of(row: Mapping[str, object], tags: Sequence[str]) -> dict[str, str]:
    """The desk's own tags that a row has a field for."""
    return {tag: found for tag in tags if (found := text(row.get(tag))) is not None}


def moment(value: object) -> datetime:
    """A moment written as ISO 8601 with its zone; what is finer than a microsecond is cut off.

    Raises:
        RowError: it is no such moment, or only a date.
    """
    words = text(value)
    if words is None:
        raise RowError("no time")
    try:
        found = datetime.fromisoformat(words)
    except ValueError:
        raise RowError("no readable time") from None
    if len(words) <= len("2026-03-02"):
        raise RowError("a date without a time cannot be matched with quotes")
    if found.tzinfo is None:
        raise RowError("a time without a zone")
    return found.astimezone(UTC)


def since_epoch(value: object, unit: timedelta) -> datetime:
    """A moment counted in `unit` since 1970 began.

    Raises:
        RowError: it is no number, or lies outside the calendar.
    """
    count = exact(value, "time")
    microseconds = count * (unit // timedelta(microseconds=1))
    try:
        return EPOCH + timedelta(microseconds=int(microseconds))
    except OverflowError:
        raise RowError("no readable time") from None


def localised(naive: datetime, zone: ZoneInfo) -> datetime:
    """A local time in UTC.

    Raises:
        RowError: a change of clocks skips it, or has it happen twice.
    """
    first = naive.replace(tzinfo=zone, fold=0).astimezone(UTC)
    second = naive.replace(tzinfo=zone, fold=1).astimezone(UTC)
    if first == second:
        return first
    if first.astimezone(zone).replace(tzinfo=None) == naive:
        raise RowError("its local time happens twice (the clocks change)")
    raise RowError("its local time does not exist (the clocks change)")
