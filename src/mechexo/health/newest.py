"""Finding the newest: file of a glob, value of a SQLite or Parquet column, and when that was."""

from __future__ import annotations

import glob
from datetime import UTC, date, datetime, time
from pathlib import Path
from zoneinfo import ZoneInfo

from mechexo.access import barrier, glob_start
from mechexo.errors import MechexoError, UnreachableError
from mechexo.health.context import Context
from mechexo.health.read_only import identifier, read

_PER_SECOND = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}


class NothingFoundError(MechexoError):
    """It could be looked at, and there is nothing there."""


def modification(pattern: str, context: Context) -> datetime:
    """When the newest file of the glob was modified.

    Raises:
        NothingFoundError: no file matches.
    """
    return datetime.fromtimestamp(_files(pattern, context)[0][0], UTC)


def sqlite_value(database: str, table: str, column: str, context: Context) -> object:
    """The greatest value of the column. Of texts the last in the alphabet: write them alike.

    Raises:
        NothingFoundError: no row has a value.
        UnreachableError: the database cannot be read.
    """
    query = f"SELECT max({identifier(table, column)}) FROM {identifier(table)}"  # noqa: S608
    value = read(database, context, lambda connection: connection.execute(query).fetchone()[0])
    if value is None:
        raise NothingFoundError(f"{table} has no row with a value in {column}")
    return value


def parquet_value(pattern: str, column: str, newest_files: int, context: Context) -> object:
    """The greatest value of the column in the files modified last.

    Raises:
        NothingFoundError: no file matches, or none has a value.
        UnreachableError: a file cannot be read.
    """
    import polars as pl

    values = []
    for _, path in _files(pattern, context)[:newest_files]:
        try:
            frame = pl.scan_parquet(path, glob=False).select(pl.col(column).max()).collect()
        except (pl.exceptions.PolarsError, OSError) as error:
            said = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise UnreachableError(f"{path.name} cannot be read: {said}") from error
        value = frame.item()
        if value is not None:
            values.append(value)
    if not values:
        raise NothingFoundError(f"the newest files of {pattern} have no value in {column}")
    try:
        return max(values)
    except TypeError as error:
        raise UnreachableError(f"{column} has different types in different files") from error


def as_moment(value: object, naive_zone: str | None, number_unit: str | None) -> datetime:
    """The moment that a stored value means.

    Raises:
        UnreachableError: it cannot be known: no zone, no unit, or no time at all.
    """
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value.strip())
        except ValueError:
            raise UnreachableError(f"the newest value {value!r} is no ISO 8601 time") from None
    if isinstance(value, datetime):
        return _with_zone(value, naive_zone)
    if isinstance(value, date):
        return _with_zone(datetime.combine(value, time()), naive_zone)
    if isinstance(value, int | float):
        if number_unit is None:
            raise UnreachableError(
                f"the newest value {value!r} is a number: set number_unit to s, ms, us or ns"
            )
        try:
            return datetime.fromtimestamp(value / _PER_SECOND[number_unit], UTC)
        except (ValueError, OverflowError, OSError):
            raise UnreachableError(f"{value!r} {number_unit} is no time since 1970") from None
    raise UnreachableError(f"the newest value {value!r} is no time")


def _with_zone(moment: datetime, naive_zone: str | None) -> datetime:
    if moment.tzinfo is None:
        if naive_zone is None:
            raise UnreachableError(
                f"the newest value {moment.isoformat()} carries no time zone: set naive_zone"
            )
        # Where the clocks change this is the earlier of two readings: never too fresh.
        moment = moment.replace(tzinfo=ZoneInfo(naive_zone))
    return moment.astimezone(UTC)


def _files(pattern: str, context: Context) -> list[tuple[float, Path]]:
    """The files of a glob with their modification times in seconds, the newest first."""
    found = []
    whole = str(context.path(pattern))
    for name in glob.iglob(whole, recursive=True):  # noqa: PTH207
        path = Path(name)
        try:
            if path.is_file():
                found.append((path.stat().st_mtime, path))
        except FileNotFoundError:
            continue  # Gone since it was listed.
        except OSError as error:
            raise UnreachableError(f"{path.name} cannot be looked at: {error.strerror}") from error
    if not found and (barred := barrier(glob_start(whole))):
        raise UnreachableError(f"{pattern} cannot be looked for: {barred}")
    if not found:
        raise NothingFoundError(f"nothing matches {pattern}")
    return sorted(found, key=lambda each: (each[0], str(each[1])), reverse=True)
