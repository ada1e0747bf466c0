"""Whether a change of a flag adds risk. Pure."""

from __future__ import annotations

import re
from decimal import Decimal

from mechexo.config.rollback import Safer
from mechexo.on_off import is_on, spelled_like
from mechexo.rollback.flags.values import Direction, Scalar, same

_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,4})?|[+-]?inf", re.ASCII)


def direction(old: Scalar, new: Scalar, safer: Safer | None) -> Direction:
    """Which way a change goes, by what `[rollback.flags.safer]` says of the flag (None: nothing).

    A value is read as on or off as probes do. From a value that cannot be read to the safe end is
    down, because nothing lies beyond that end; any other step from or to such a value is unknown.
    """
    if safer is None:
        return Direction.UNKNOWN
    if safer == "neutral" or same(old, new):
        return Direction.NEUTRAL
    if safer in ("on", "off"):
        return _of_switch(is_on(old), is_on(new), safe=safer == "on")
    was, becomes = number(old), number(new)
    if was is None or becomes is None:
        return Direction.UNKNOWN
    if was == becomes:
        return Direction.NEUTRAL
    return Direction.DOWN if (becomes < was) == (safer == "lower") else Direction.UP


def _of_switch(was: bool | None, becomes: bool | None, *, safe: bool) -> Direction:
    if becomes is None:
        return Direction.UNKNOWN
    if was == becomes:
        return Direction.NEUTRAL
    if becomes == safe:
        return Direction.DOWN
    return Direction.UNKNOWN if was is None else Direction.UP


def number(value: Scalar) -> Decimal | None:
    """A value as an exact number; None when it is none."""
    if isinstance(value, bool | bytes) or value is None:
        return None
    text = str(value).strip()
    return Decimal(text) if _NUMBER.fullmatch(text) else None


def fitted(word: str, current: Scalar, safer: Safer | None) -> Scalar:
    """What somebody typed, as the value that the flag would hold.

    On and off are spelled as the flag spells them (`false` becomes 0 where 1 stands); a number
    stays a number; text stays text.

    Raises:
        ValueError: the flag holds a number, and this is none; or it is a switch, and this is
            neither on nor off.
    """
    held = _held(word, current, safer)
    # A misspelt halt must not pass as one: the desk would read it as it pleases.
    if safer in ("on", "off") and is_on(held) is None:
        raise ValueError(f"{word!r} is neither on nor off")
    return held


def _held(word: str, current: Scalar, safer: Safer | None) -> Scalar:
    on = is_on(word)
    if on is not None and (alike := spelled_like(on, current)) is not None:
        return alike
    if isinstance(current, bool):
        raise ValueError(f"{word!r} is neither on nor off")
    if not isinstance(current, int | float):
        return word
    read = number(word)
    if read is None:
        # A switch that holds neither 0 nor 1 must still be one that can be thrown.
        if on is not None and safer in ("on", "off"):
            return type(current)(on)
        raise ValueError(f"the flag holds a number, and {word!r} is none")
    whole = read.is_finite() and read == read.to_integral_value()
    if isinstance(current, int) and whole:
        return int(read)
    return float(read)
