"""The rule by which a fill finds its reference price."""

from __future__ import annotations

from datetime import timedelta

from mechexo.times import format_duration
from mechexo.value_classes import dataclass

STALE_FACTOR = 5
"""A valid quote up to this many times `max_age` old is still used, and flagged stale."""

_US = timedelta(microseconds=1)


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
    lag_us: int = 0
    """How much later than its stamp a quote could be known, in microseconds."""
    wide_factor: float = 50.0
    """A spread above this many times its symbol-day's median is no reference."""
    venue_expiry: timedelta | None = None
    """How long a venue's quote stands; None when the quotes are one consolidated stream."""

    @property
    def max_age_us(self) -> int:
        """The oldest fresh quote, in microseconds."""
        return self.max_age // _US

    @property
    def usable_age(self) -> timedelta:
        """The oldest quote that is used at all, as stale."""
        return self.max_age * STALE_FACTOR

    @property
    def usable_age_us(self) -> int:
        """The oldest quote that is used at all, in microseconds."""
        return self.max_age_us * STALE_FACTOR

    @property
    def reach(self) -> timedelta:
        """How long before a fill quotes can matter: the oldest that is used, and the venues' quotes
        that stood with it. Whoever reads fewer prices some fills by where the period was cut."""
        return self.usable_age + self.lag_us * _US + (self.venue_expiry or timedelta(0))

    def __str__(self) -> str:
        when = "strictly before" if self.strictly_before else "at or before"
        fresh, usable = format_duration(self.max_age), format_duration(self.usable_age)
        lag = f", known {self.lag_us / 1000:g} ms after its stamp" if self.lag_us else ""
        venues = ""
        if self.venue_expiry is not None:
            venues = f" of the venues together, each for {self.venue_expiry.total_seconds():g}s"
        return (
            f"mid of the last valid quote{venues} {when} the fill{lag}, at most {fresh} old "
            f"(stale to {usable})"
        )
