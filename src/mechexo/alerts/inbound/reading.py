"""Reading JSON that strangers sent: strictly, and saying where what is wrong."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import NoReturn

from mechexo.errors import UsageError, close_names

_LONGEST_SHOWN = 60
_KINDS = {
    dict: "a table",
    list: "a list",
    str: "a text",
    bool: "true or false",
    int: "a number",
    float: "a number",
    type(None): "null",
}


class BadPayloadError(UsageError):
    """What was sent cannot be read as what it should be."""


def read_json(body: bytes) -> object:
    """The one JSON value in the body.

    Raises:
        BadPayloadError: it is no UTF-8 or no JSON, a key is there twice, a number is not finite, or
            it is nested too deeply.
    """
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadPayloadError(f"the body is not UTF-8 (byte {error.start})") from None
    try:
        return json.loads(text, object_pairs_hook=_without_doubles, parse_constant=_not_finite)
    except json.JSONDecodeError as error:
        raise BadPayloadError(
            f"the body is not JSON: {error.msg} (line {error.lineno}, column {error.colno})"
        ) from None
    except RecursionError:
        raise BadPayloadError("the body is nested too deeply") from None
    except ValueError as error:
        # A number of thousands of digits.
        raise BadPayloadError(f"the body is not JSON: {error}") from None


def _without_doubles(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                raise BadPayloadError(f"the key {_shown(name)} is there twice in one table")
            seen.add(name)
    return found


def _not_finite(name: str) -> NoReturn:
    raise BadPayloadError(f"the body is not JSON: {name} is no number there")


def table(value: object, where: str) -> Mapping[str, object]:
    """The value, if it is a table. `where` is its place, for the error."""
    if not isinstance(value, dict):
        wrong(where, "a table", value)
    return value


def items(value: object, where: str) -> list[object]:
    """The value, if it is a list."""
    if not isinstance(value, list):
        wrong(where, "a list", value)
    return value


def texts(value: object, where: str) -> dict[str, str]:
    """The value, if it is a table of texts."""
    found: dict[str, str] = {}
    for name, each in table(value, where).items():
        if not name.strip():
            raise BadPayloadError(f"{where} has a name without letters")
        found[name] = text(each, f"{where}.{_plain(name)}")
    return found


def text(value: object, where: str) -> str:
    """The value, if it is a text."""
    if not isinstance(value, str):
        wrong(where, "a text", value)
    return value


def count(value: object, where: str) -> int:
    """The value, if it is a whole number that is not negative."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        wrong(where, "a whole number, 0 or more", value)
    return value


def moment(value: object, where: str) -> datetime:
    """The value as a moment in UTC: ISO 8601 with a zone, or seconds since 1970 began."""
    try:
        if isinstance(value, str):
            found = datetime.fromisoformat(value)
            if found.tzinfo is None:
                raise BadPayloadError(
                    f"{where}: {_shown(value)} has no zone; end it with Z or an offset"
                )
            return found.astimezone(UTC)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return datetime.fromtimestamp(value, UTC)
        wrong(where, "a time (ISO 8601 with a zone, or seconds since 1970 began)", value)
    except (ValueError, OverflowError, OSError):
        raise BadPayloadError(f"{where}: {_shown(str(value))} is not a time") from None


def known_keys(found: Mapping[str, object], known: Collection[str], where: str) -> None:
    """Refuses keys that nothing reads: a mistyped one would be lost without a word."""
    for name in found:
        if name not in known:
            place = f"{where}: " if where else ""
            raise BadPayloadError(
                f"{place}the key {_shown(name)} is not known; {close_names(name, list(known))}"
            )


def need(found: Mapping[str, object], name: str, where: str) -> object:
    """The value of a key that must be there."""
    if found.get(name) is None:
        raise BadPayloadError(f"{where}{name} is missing")
    return found[name]


def wrong(where: str, expected: str, value: object) -> NoReturn:
    """Says that something is of another kind than it should be."""
    raise BadPayloadError(f"{where or 'the body'}: expected {expected}, not {_KINDS[type(value)]}")


def _shown(name: str) -> str:
    cut = name if len(name) <= _LONGEST_SHOWN else f"{name[:_LONGEST_SHOWN]}…"
    return json.dumps(cut)


def _plain(name: str) -> str:
    return name if name.isidentifier() and len(name) <= _LONGEST_SHOWN else _shown(name)
