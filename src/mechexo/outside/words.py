"""How it is said that a system outside cannot be asked now."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Protocol

from mechexo.outside.breaker import Standing
from mechexo.times import format_duration


class Asked(Protocol):
    """What is known of the asking: a `Reading`, or a wing's own value with the same."""

    @property
    def standing(self) -> Standing:
        """How its breaker stands."""
        ...

    @property
    def until(self) -> datetime | None:
        """While open or held: until when it is not asked."""
        ...

    @property
    def failures(self) -> int:
        """Failures in a row."""
        ...


def asking_words(asked: Asked, now: datetime) -> str:
    """Why it is not asked now, and for how long; "" when it may be."""
    left = format_duration(max((asked.until or now) - now, timedelta(0)))
    match asked.standing:
        case Standing.OPEN:
            return f"left alone for {left} after {asked.failures} failures in a row"
        case Standing.HELD:
            return f"asked again in {left}: its rate limit"
        case Standing.HALF_OPEN:
            return f"to be tried again after {asked.failures} failures in a row"
        case _:
            return ""


def age_words(good_at: datetime, now: datetime) -> str:
    """How old what is known is, as in `as of 4m`."""
    return f"as of {format_duration(max(now - good_at, timedelta(0)))}"
