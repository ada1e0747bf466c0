"""Something that must keep coming: newest file of a glob, newest value of a column."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, Self

from pydantic import Field, ValidationInfo, field_validator, model_validator

from mechexo.config.fields import Duration, Zone
from mechexo.errors import UnreachableError
from mechexo.health import newest
from mechexo.health.context import Context
from mechexo.health.options import ProbeOptions
from mechexo.health.read_only import A_FILE, names_no_file
from mechexo.health.staleness import CLOCK_TOLERANCE
from mechexo.health.values import Outcome, Status
from mechexo.times import format_duration


class Options(ProbeOptions):
    """`kind = "freshness"`: one of `glob`, `database` and `parquet`."""

    glob: str = ""
    """Files, like `data/quotes/**/*.parquet`: the newest modification counts."""
    database: str = ""
    """`sqlite:///path` or a path, with `table` and `column`: the newest value counts."""
    table: str = ""
    parquet: str = ""
    """Parquet files, as a glob, with `column`: the newest value counts."""
    column: str = ""
    newest_files: int = Field(default=4, ge=1)
    """How many of the newest Parquet files are read."""
    max_age: Duration
    """Older is a failure."""
    warn_age: Duration | None = None
    """Older is a warning."""
    naive_zone: Zone | None = None
    """The zone of values that carry none; without it they are unknown."""
    number_unit: Literal["s", "ms", "us", "ns"] | None = None
    """What a number counts since 1970 began; without it numbers are unknown."""

    @field_validator("warn_age")
    @classmethod
    def _below_max(cls, value: Duration | None, info: ValidationInfo) -> Duration | None:
        if value is not None and "max_age" in info.data and value > info.data["max_age"]:
            raise ValueError("a duration not longer than max_age")
        return value

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if sum(map(bool, (self.glob, self.database, self.parquet))) != 1:
            raise ValueError("one of glob, database and parquet")
        # Of the whole table, because an address is not to be repeated.
        if names_no_file(self.database) and not self.database.startswith("${"):
            raise ValueError(f"database as {A_FILE}")
        if self.database and not (self.table and self.column):
            raise ValueError("table and column beside database")
        if self.parquet and not self.column:
            raise ValueError("column beside parquet")
        return self


def run(options: Options, context: Context) -> Outcome:
    """Finds the newest and judges its age. Nothing there at all is a failure that says so."""
    try:
        moment = _newest(options, context)
    except newest.NothingFoundError as error:
        return Outcome(Status.CRITICAL, str(error))
    except UnreachableError as error:
        return Outcome(Status.UNKNOWN, str(error))
    age = context.now - moment
    age_s = max(age.total_seconds(), 0.0)
    if age < -CLOCK_TOLERANCE:
        return Outcome(
            Status.UNKNOWN,
            f"the newest lies {format_duration(-age)} in the future: a clock or its zone is wrong",
        )
    said = f"the newest is {format_duration(age_s)} old"
    if age > options.max_age:
        limit = format_duration(options.max_age)
        return Outcome(Status.CRITICAL, f"{said}, older than {limit}", age_s, "s")
    if options.warn_age is not None and age > options.warn_age:
        limit = format_duration(options.warn_age)
        return Outcome(Status.WARNING, f"{said}, older than {limit}", age_s, "s")
    return Outcome(Status.OK, said, age_s, "s")


def _newest(options: Options, context: Context) -> datetime:
    if options.glob:
        return newest.modification(options.glob, context)
    if options.database:
        value = newest.sqlite_value(options.database, options.table, options.column, context)
    else:
        value = newest.parquet_value(options.parquet, options.column, options.newest_files, context)
    return newest.as_moment(value, options.naive_zone, options.number_unit)
