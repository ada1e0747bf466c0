"""A flag of the desk that must have a value: a row of a table in a SQLite database."""

from __future__ import annotations

from typing import Any, Self

from pydantic import StrictBool, field_validator, model_validator

from mechexo.errors import UnreachableError
from mechexo.health.context import Context
from mechexo.health.options import ProbeOptions
from mechexo.health.read_only import A_FILE, identifier, names_no_file, read
from mechexo.health.values import Outcome, Status
from mechexo.on_off import is_on


class Options(ProbeOptions):
    """`kind = "flag"`."""

    database: str
    """`sqlite:///path` or a path; opened read-only."""
    table: str
    key_column: str = "name"
    value_column: str = "value"
    key: str
    """Which flag."""
    expect: Any
    """What it must be: true or false (1/0, on/off, yes/no are read as such), a number or a text."""

    halts_trading: StrictBool = False
    """Whether trading is halted while it fails; see `mechexo.desk_status.judge`."""

    @field_validator("expect")
    @classmethod
    def _plain(cls, value: object) -> object:
        if not isinstance(value, bool | int | float | str):
            raise ValueError("true, false, a number or a text")
        return value

    @model_validator(mode="after")
    def _a_file(self) -> Self:
        # Of the whole table, because an address is not to be repeated.
        if names_no_file(self.database) and not self.database.startswith("${"):
            raise ValueError(f"database as {A_FILE}")
        return self


def run(options: Options, context: Context) -> Outcome:
    """Reads the flag; one that is not there, NULL or unreadable is unknown."""
    key = identifier(options.table, options.key_column)
    value = identifier(options.table, options.value_column)
    query = f"SELECT {value} FROM {identifier(options.table)} WHERE {key} = ? LIMIT 2"  # noqa: S608
    try:
        rows = read(
            options.database, context, lambda db: db.execute(query, (options.key,)).fetchall()
        )
    except UnreachableError as error:
        return Outcome(Status.UNKNOWN, str(error))
    if not rows:
        return Outcome(Status.UNKNOWN, f"{options.table} has no flag {options.key}")
    if len(rows) > 1:
        return Outcome(Status.UNKNOWN, f"{options.table} has the flag {options.key} twice")
    stored = rows[0][0]
    if stored is None:
        return Outcome(Status.UNKNOWN, f"{options.key} is NULL")
    try:
        actual = _read_as(stored, options.expect)
    except ValueError:
        wanted = "on or off" if isinstance(options.expect, bool) else "a number"
        return Outcome(Status.UNKNOWN, f"{options.key} is {stored!r}, which is not {wanted}")
    said = f"{options.key} is {_shown(actual)}"
    if actual == options.expect:
        return Outcome(Status.OK, said, _shown(actual))
    return Outcome(Status.CRITICAL, f"{said}, expected {_shown(options.expect)}", _shown(actual))


def _read_as(stored: object, expected: object) -> object:
    """The stored value in the type of what is expected."""
    if isinstance(expected, bool):
        on = is_on(stored)
        if on is None:
            raise ValueError(stored)
        return on
    return float(str(stored)) if isinstance(expected, int | float) else str(stored)


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"{value:g}" if isinstance(value, int | float) else str(value)
