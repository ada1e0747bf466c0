"""Reading a foreign JSON document: what is not of the documented shape is said, never guessed."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from mechexo.errors import UnreachableError

LONGEST_TEXT = 120
LONGEST_LINK = 300


class ShapeError(UnreachableError):
    """The answer is not of the documented shape."""


def table(value: object, what: str) -> Mapping[str, Any]:
    """A JSON object.

    Raises:
        ShapeError: it is something else.
    """
    if not isinstance(value, dict):
        raise ShapeError(f"{what} is no object, as documented, but {type(value).__name__}")
    return value


def rows(value: object, what: str) -> list[Any]:
    """A JSON list.

    Raises:
        ShapeError: it is something else.
    """
    if not isinstance(value, list):
        raise ShapeError(f"{what} is no list, as documented, but {type(value).__name__}")
    return value


def text(value: object, *, longest: int = LONGEST_TEXT) -> str:
    """A text as one line that steers no terminal; "" for anything but a text or a whole number."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        return ""
    calm = "".join(" " if unicodedata.category(sign)[0] == "C" else sign for sign in value[:5000])
    line = " ".join(calm.split())
    return line if len(line) <= longest else line[: longest - 1] + "…"


def needed(value: object, what: str) -> str:
    """A text that must be there.

    Raises:
        ShapeError: it is not.
    """
    said = text(value)
    if not said:
        raise ShapeError(f"{what} is missing")
    return said


def number(value: object) -> int | None:
    """A whole number of reasonable size, or None."""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**62:
        return value
    return None


def moment(value: object, what: str) -> datetime:
    """A moment in ISO 8601, in UTC.

    Raises:
        ShapeError: it is none.
    """
    try:
        at = datetime.fromisoformat(value if isinstance(value, str) else "")
        return (at.replace(tzinfo=UTC) if at.tzinfo is None else at).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ShapeError(f"{what} is no moment: {text(value)!r}") from None


def link(value: object) -> str:
    """An http(s) address that may be shown as a link; "" for anything else."""
    if not isinstance(value, str) or len(value) > LONGEST_LINK:
        return ""
    plain = value.isascii() and value.isprintable() and not any(sign in value for sign in ' "<>\\')
    return value if plain and value.startswith(("https://", "http://")) else ""
