"""Taking JSON answers apart without trusting them: each value is of its type, or missing.

A value that is missing or null is None (or ""); one of the wrong type is `GarbledError`: it must
not pass for a missing one.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from mechexo.flows.orchestrators.exchange import Exchange
from mechexo.output_tail import last_words
from mechexo.value_classes import dataclass


@dataclass(frozen=True, slots=True)
class Fields:
    """One JSON object of an answer. `what` is what it should be, for the words of an error."""

    exchange: Exchange
    what: str
    table: dict[str, Any]

    @classmethod
    def of(cls, exchange: Exchange, what: str, found: object) -> Fields:
        """The object, when it is one."""
        if not isinstance(found, dict):
            raise exchange.garbled(f"answered {_kind(found)} where {what} should be")
        return cls(exchange, what, found)

    def id(self, key: str) -> str:
        """A text that must be there."""
        if not (found := self.text(key)):
            raise self._wrong(key, None, "a text")
        return found

    def text(self, key: str) -> str:
        """A text on one line, secrets hidden; "" when it is missing."""
        return " ".join(self.block(key).split())

    def block(self, key: str) -> str:
        """A text as plain lines, secrets hidden; "" when it is missing."""
        found = self.table.get(key)
        if found is None:
            return ""
        if not isinstance(found, str):
            raise self._wrong(key, found, "a text")
        return self.exchange.hidden(found)

    def line(self, key: str) -> str:
        """The last line of a text that says something."""
        return last_words(self.block(key))

    def flag(self, key: str) -> bool | None:
        """True, false, or None when it is missing."""
        found = self.table.get(key)
        if found is not None and not isinstance(found, bool):
            raise self._wrong(key, found, "true or false")
        return found

    def number(self, key: str) -> float | None:
        """A finite number; None when it is missing."""
        found = self.table.get(key)
        if found is None:
            return None
        if isinstance(found, bool) or not isinstance(found, int | float):
            raise self._wrong(key, found, "a number")
        try:
            number = float(found)
        except OverflowError:
            raise self._wrong(key, found, "a number") from None
        if not math.isfinite(number):
            raise self._wrong(key, found, "a number")
        return number

    def moment(self, key: str) -> datetime | None:
        """An ISO 8601 moment in UTC; None when it is missing."""
        found = self.table.get(key)
        if found is None:
            return None
        try:
            moment = datetime.fromisoformat(found)
            if moment.tzinfo is None:
                raise ValueError
            return moment.astimezone(UTC)
        except (TypeError, ValueError, OverflowError):
            raise self._wrong(key, found, "a moment with its zone") from None

    def epoch(self, key: str) -> datetime | None:
        """A moment given as seconds since 1970; None when it is missing."""
        seconds = self.number(key)
        if seconds is None:
            return None
        try:
            return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
        except OverflowError:
            raise self._wrong(key, seconds, "a moment") from None

    def inner(self, key: str, what: str) -> Fields:
        """An object inside; an empty one when it is missing."""
        found = self.table.get(key)
        return Fields.of(self.exchange, what, {} if found is None else found)

    def each(self, key: str, what: str) -> Iterator[Fields]:
        """The objects of a list inside; none when it is missing."""
        found = self.table.get(key)
        return each(self.exchange, what, [] if found is None else found)

    def _wrong(self, key: str, found: object, expected: str) -> Exception:
        got = "nothing" if found is None else _kind(found)
        return self.exchange.garbled(f"{self.what} has {got} as {key} where {expected} should be")


def each(exchange: Exchange, what: str, found: object) -> Iterator[Fields]:
    """The objects of a list that was answered."""
    if not isinstance(found, list):
        raise exchange.garbled(f"answered {_kind(found)} where a list of {what} should be")
    return (Fields.of(exchange, what, item) for item in found)


def _kind(found: object) -> str:
    match found:
        case None:
            return "null"
        case bool():
            return "true or false"
        case str():
            return "a text"
        case int() | float():
            return "a number"
        case list():
            return "a list"
        case _:
            return "an object"
