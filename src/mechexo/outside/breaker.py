"""The circuit breaker of a system outside: when it is asked, and when it is left alone. Pure.

Each failure is counted. From `open_after` failures in a row the breaker is open: the source is left
alone for a wait that doubles with each further failure, up to `longest_wait`. When the wait is over
the breaker is half-open: one question is allowed, whose answer closes it or opens it again.

A source may also say itself that it is not to be asked for a while (a rate limit). That holds it,
and is no failure of its own.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

from mechexo.value_classes import dataclass

LONGEST_HOLD = timedelta(hours=24)
"""A source that asks to be left alone for longer is asked again after this: the usual limits are
renewed within an hour."""


class Standing(StrEnum):
    """Whether a source may be asked: `closed` and `half-open` yes, `open` and `held` not yet."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"
    HELD = "held"


@dataclass(frozen=True, slots=True)
class Patience:
    """After how many failures in a row a source is left alone, and for how long."""

    open_after: int = 3
    first_wait: timedelta = timedelta(minutes=1)
    longest_wait: timedelta = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Breaker:
    """What is remembered of a source's failures between two questions."""

    failures: int = 0
    """Failures in a row."""
    open_until: datetime | None = None
    """Set exactly when it opened and no answer has closed it since."""
    held_until: datetime | None = None
    """The source itself asked not to be asked before."""


def standing(breaker: Breaker, now: datetime, patience: Patience) -> Standing:
    """How the breaker stands at a moment.

    An end that lies further away than any wait could be tells of a clock that was set back: it
    stands for nothing.
    """
    if _ahead(breaker.held_until, now, LONGEST_HOLD):
        return Standing.HELD
    if breaker.open_until is None:
        return Standing.CLOSED
    if _ahead(breaker.open_until, now, patience.longest_wait):
        return Standing.OPEN
    return Standing.HALF_OPEN


def may_ask(breaker: Breaker, now: datetime, patience: Patience) -> bool:
    """Whether the source may be asked now."""
    return standing(breaker, now, patience) in (Standing.CLOSED, Standing.HALF_OPEN)


def closed_until(breaker: Breaker, now: datetime, patience: Patience) -> datetime | None:
    """Until when nobody may ask; None when somebody may now."""
    match standing(breaker, now, patience):
        case Standing.HELD:
            return breaker.held_until
        case Standing.OPEN:
            return breaker.open_until
        case _:
            return None


def after_success(now: datetime, hold_until: datetime | None = None) -> Breaker:
    """The breaker after a good answer, which may say that it was the last for a while."""
    return Breaker(held_until=_hold(now, hold_until))


def after_hold(breaker: Breaker, now: datetime, hold_until: datetime) -> Breaker:
    """The breaker after the source refused to answer before a moment: it is well, and busy."""
    return Breaker(breaker.failures, breaker.open_until, _hold(now, hold_until))


def after_failure(breaker: Breaker, now: datetime, patience: Patience) -> Breaker:
    """The breaker after a question that brought no good answer."""
    failures = breaker.failures + 1
    if failures < patience.open_after and breaker.open_until is None:
        return Breaker(failures)
    return Breaker(failures, now + wait_after(failures, patience))


def wait_after(failures: int, patience: Patience) -> timedelta:
    """How long a source is left alone after so many failures in a row."""
    doublings = max(failures - patience.open_after, 0)
    # Past 2**20 of anything the longest wait has long been reached; a larger power overflows.
    wait: timedelta = patience.first_wait * 2 ** min(doublings, 20)
    return min(wait, patience.longest_wait)


def _hold(now: datetime, until: datetime | None) -> datetime | None:
    if until is None or until <= now:
        return None
    return min(until, now + LONGEST_HOLD)


def _ahead(until: datetime | None, now: datetime, longest: timedelta) -> bool:
    return until is not None and now < until <= now + longest
