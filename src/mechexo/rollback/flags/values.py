"""What the store of flags says: a flag, a change of one, what happened to one, all at a moment."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

from mechexo.config.secrets import HIDDEN
from mechexo.masking import masked
from mechexo.value_classes import dataclass

Scalar = str | int | float | bytes | None
"""A value as the database holds it, with its type: "1", 1 and 1.0 are three values; None is NULL.
Of PostgreSQL a truth value is a `bool`, and what is neither text nor a whole or a binary floating
point number is the text that the server writes for it."""


class Direction(StrEnum):
    """Whether a change adds risk."""

    UP = "up"
    DOWN = "down"
    NEUTRAL = "neutral"
    UNKNOWN = "unknown"
    """The configuration does not say, or a value cannot be read."""


@dataclass(frozen=True, slots=True)
class FlagValue:
    """One flag as it is, or was."""

    key: str
    value: Scalar
    version: int
    """The number (`seq`) of its last change in the history; 0 when it was never tracked."""


@dataclass(frozen=True, slots=True)
class FlagChange:
    """A change of one flag, to be made or made."""

    key: str
    old: FlagValue
    new: Scalar
    direction: Direction


@dataclass(frozen=True, slots=True)
class FlagEvent:
    """One row of the history."""

    seq: int
    at: datetime
    key: str
    """Empty of `begin` and `end`, which are of the history as a whole."""
    old: Scalar
    """None when it was not there (insert, seen), and also when it was NULL."""
    new: Scalar
    how: str
    """insert, update, replace, delete; seen (as tracking began); begin, end (of tracking)."""
    actor: str = ""
    """Who changed it through mechexo; empty when somebody else's program did."""


@dataclass(frozen=True, slots=True)
class FlagsThen:
    """All flags as they were at a moment."""

    moment: datetime
    seq: int
    """The number of the last change before it."""
    flags: Mapping[str, FlagValue]
    """Those that were there; any other did not exist then."""
    began: datetime
    """Since when the history that knew of them runs without a gap."""

    def of(self, key: str) -> FlagValue | None:
        """The flag as it was; None when it is not known, because it was not there."""
        return self.flags.get(key)


def shown(value: Scalar) -> str:
    """A value for people: text as it is, NULL for none. Different values can look alike."""
    if value is None:
        return "NULL"
    if isinstance(value, bytes):
        return f"x'{value.hex()}'"
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def kind(value: Scalar) -> str:
    """The type of a value in a word."""
    names = {str: "text", bool: "truth value", int: "integer", float: "real", bytes: "blob"}
    return "NULL" if value is None else names[type(value)]


def same(one: Scalar, other: Scalar) -> bool:
    """Whether two values are one value of one type."""
    return type(one) is type(other) and (one == other or (one != one and other != other))


def written(value: Scalar) -> str:
    """A value as JSON text that `from_written` reads back as the same value of the same type."""
    return json.dumps({"blob": value.hex()} if isinstance(value, bytes) else value)


def from_written(text: str) -> Scalar:
    """Reads what `written` wrote.

    Raises:
        ValueError: it is nothing of the kind.
    """
    value = json.loads(text)
    if isinstance(value, dict) and set(value) == {"blob"}:
        return bytes.fromhex(value["blob"])
    if value is None or isinstance(value, str | int | float):
        return value
    raise ValueError(f"{text} is no value of a flag")


def named_like_a_secret(key: str) -> bool:
    """Whether the name of a flag says that its value is a secret."""
    line = [f"{key}: value"]
    return masked(line) != line


def guarded(key: str, value: Scalar) -> Scalar:
    """A flag's value as it may be shown and recorded: a secret's may not."""
    return HIDDEN if value is not None and named_like_a_secret(key) else value


def moved(change: FlagChange, now: Scalar, version: int) -> str:
    """What to say of a change whose flag has another value or version by now."""
    if same(now, change.old.value):
        return (
            f"the flag {change.key} was changed and set back meanwhile (change {version} of the "
            "history); nothing was changed"
        )
    types = "" if kind(now) == kind(change.old.value) else f" ({kind(now)})"
    return (
        f"the flag {change.key} is {shown(guarded(change.key, now))}{types} by now, not "
        f"{shown(guarded(change.key, change.old.value))}; "
        "nothing was changed"
    )
