"""The cells of a row of the state file, as they must be, and in words what is wrong with one.

A file that was edited by hand, or that a disk has damaged, may have anything in any cell. A row
that cannot be read is said, and hides no other.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from mechexo.alerts.text import clean
from mechexo.errors import StateError
from mechexo.times import from_iso_z

SHOWN = 60
"""Characters of a damaged cell that are shown."""

FIRST_YEAR, LAST_YEAR = "1970", "9998"
"""No moment is recorded outside these years: nobody could count on from there."""

MOST = 10**12
"""No number is as large: nobody could count on from there."""

NO_MOMENT = datetime.fromtimestamp(0, UTC)
"""Stands where a moment was and cannot be read any more."""

Check = Callable[[Any], str]
"""What is wrong with a cell, such as `is no time`; "" when nothing is."""


def rows(connection: sqlite3.Connection, sql: str, parameters: object = ()) -> list[sqlite3.Row]:
    """All rows of a query. A text that is no UTF-8 comes as the bytes it is, and fails nothing."""
    try:
        return connection.execute(sql, parameters).fetchall()  # type: ignore[arg-type]
    except (StateError, sqlite3.OperationalError) as error:
        if "decode to UTF-8" not in str(error):
            raise
    usual = connection.text_factory
    connection.text_factory = _text_or_bytes
    try:
        return connection.execute(sql, parameters).fetchall()  # type: ignore[arg-type]
    finally:
        connection.text_factory = usual


def _text_or_bytes(data: bytes) -> str | bytes:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data


def problems(row: sqlite3.Row, checks: Mapping[str, Check]) -> str:
    """What is wrong with the cells of a row, each in words; "" when nothing is."""
    said = []
    for name, check in checks.items():
        value = row[name]
        if wrong := check(value):
            said.append(f"{name} {wrong}" + ("" if value is None else f": {shown(value)}"))
    return "; ".join(said)


def plain_moment(name: str) -> str:
    """The condition of SQL under which a cell surely holds a moment; one that does not meet it may
    be one all the same: the last days of a month are left to `moment`."""
    digits, sixty = "[0-9]", "[0-5][0-9]"
    form = (
        f"[12]{digits * 3}-[01]{digits}-[0-2]{digits}T[0-2]{digits}:{sixty}:{sixty}.{digits * 6}Z"
    )
    return (
        f"({name} GLOB '{form}' AND {name} >= '{FIRST_YEAR}' "
        f"AND substr({name}, 6, 2) BETWEEN '01' AND '12' "
        f"AND substr({name}, 9, 2) BETWEEN '01' AND '28' AND substr({name}, 12, 2) <= '23')"
    )


def raw(row: sqlite3.Row, checks: Mapping[str, Check]) -> dict[str, object]:
    """The damaged cells of a row as they stand there, for the audit log."""
    return {
        name: row[name] if isinstance(row[name], str | int | None) else repr(row[name])
        for name, check in checks.items()
        if check(row[name])
    }


def emptied(row: sqlite3.Row, checks: Mapping[str, Check]) -> dict[str, object]:
    """For the damaged cells that have another type than their column, the empty values: SQLite lets
    nobody change a row otherwise."""
    found: dict[str, object] = {}
    for name, check in checks.items():
        value = row[name]
        if not check(value):
            continue
        number = check is whole
        if not check(None):
            found[name] = None
        elif not isinstance(value, int if number else str):
            found[name] = 0 if number else ""
    return found


def shown(value: object) -> str:
    """A damaged cell for people: short, and harmless."""
    if isinstance(value, bytes):
        return f"{len(value)} byte{'' if len(value) == 1 else 's'}"
    text = repr(clean(value)) if isinstance(value, str) else str(value)
    return text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"


def text(value: object) -> str:
    """A text, which may be empty."""
    return "" if isinstance(value, str) else _none_or("is no text", value)


def whole(value: object) -> str:
    """A number that something is counted by."""
    if isinstance(value, int) and 0 <= value < MOST:
        return ""
    return _none_or("is no count", value)


def moment(value: object) -> str:
    """A moment as `iso_z` writes it."""
    return "" if moment_or_none(value) else _none_or("is no time", value)


def pairs(value: object) -> str:
    """Labels, or what a silence matches: names and texts as JSON."""
    with suppress(ValueError, TypeError, RecursionError):
        read = json.loads(value)  # type: ignore[arg-type]
        if isinstance(read, dict):
            are_writable(read)
            return ""
    return _none_or("is no JSON of names and texts", value)


def are_writable(pairs: Mapping[str, str]) -> None:
    """Whether names and texts can be stored again. Half a surrogate, which JSON may have as an
    escape, cannot.

    Raises:
        TypeError, ValueError: no.
    """
    "".join((*pairs, *pairs.values())).encode()


def one_of(*words: str) -> Check:
    """One of these words."""

    def check(value: object) -> str:
        if isinstance(value, str) and value in words:
            return ""
        return _none_or(f"is none of {', '.join(filter(None, words))}", value)

    return check


def optional(check: Check) -> Check:
    """The same, or nothing at all."""
    return lambda value: "" if value is None else check(value)


def moment_or_none(value: object) -> datetime | None:
    """The moment that a cell holds; None when it holds none."""
    with suppress(ValueError, TypeError):
        read = from_iso_z(value)  # type: ignore[arg-type]
        if read.tzinfo is UTC and FIRST_YEAR <= str(value) <= LAST_YEAR:
            return read
    return None


def _none_or(words: str, value: object) -> str:
    return "is missing" if value is None else words
