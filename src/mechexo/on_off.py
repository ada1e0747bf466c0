"""The one reading of a stored value as on or off: what a probe expects, what a flag is set to."""

from __future__ import annotations

PAIRS = (
    ("true", "false"),
    ("on", "off"),
    ("yes", "no"),
    ("enabled", "disabled"),
    ("1", "0"),
)
"""The spellings of on, each with its off."""
_ON = frozenset(on for on, _ in PAIRS)
_OFF = frozenset(off for _, off in PAIRS)


def is_on(stored: object) -> bool | None:
    """Whether a stored value says on; None when it says neither on nor off.

    Read are `true`, `on`, `yes`, `enabled`, 1 and their opposites, whatever their case; numbers
    also as 1.0 and 0.0, as SQL keeps them in a column of reals.
    """
    if isinstance(stored, int | float):
        return None if stored not in (0, 1) else bool(stored)
    if not isinstance(stored, str):
        return None
    text = stored.strip().lower()
    return True if text in _ON else False if text in _OFF else None


def spelled_like(on: bool, example: object) -> str | int | float | None:
    """On or off in the type, the words and the case of another such value; None when that one says
    neither."""
    if is_on(example) is None:
        return None
    if isinstance(example, bool | int | float):
        return type(example)(on)
    text = str(example).strip()
    pair = next(pair for pair in PAIRS if text.lower() in pair)
    word = pair[0] if on else pair[1]
    if text.isupper():
        return word.upper()
    return word.capitalize() if text[:1].isupper() else word
