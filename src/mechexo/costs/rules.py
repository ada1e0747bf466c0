"""The rule by which a fill finds its reference quote."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from mechexo.times import format_duration

STALE_FACTOR = 5
"""A valid quote up to this many times `max_age` old is still used, and flagged stale."""

WIDE_FACTOR = 50.0
"""A spread above this many times its symbol-day's median is no reference."""


@dataclass(frozen=True, slots=True)
class QuoteRule:
    """Which quote is a fill's reference."""

    max_age: timedelta = timedelta(seconds=60)
    """The oldest fresh quote; an age of exactly this much is still fresh."""
    strictly_before: bool = True
    """Whether a quote of the fill's own microsecond is too late to be its reference."""
    suspect_pct: float = 5.0
    """A fill further than this from the mid is set apart."""
    zone: str = "UTC"
    """The exchange's zone: the day of a symbol-day's median spread."""

    @property
    def max_age_us(self) -> int:
        """The oldest fresh quote, in microseconds."""
        return self.max_age // timedelta(microseconds=1)

    @property
    def usable_age(self) -> timedelta:
        """The oldest quote that is used at all, as stale."""
        return self.max_age * STALE_FACTOR

    @property
    def usable_age_us(self) -> int:
        """The oldest quote that is used at all, in microseconds."""
        return self.max_age_us * STALE_FACTOR

    def __str__(self) -> str:
        when = "strictly before" if self.strictly_before else "at or before"
        fresh, usable = format_duration(self.max_age), format_duration(self.usable_age)
        return (
            f"mid of the last valid quote {when} the fill, at most {fresh} old (stale to {usable})"
        )
