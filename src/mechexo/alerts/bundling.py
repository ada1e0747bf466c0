"""Which of a channel's due messages go out next, and which together: storm control. Pure.

A few messages go out one by one. When there are many, what is not critical goes out together, at
most once a minute, and takes less than half of what the channel takes in a minute: the other
half is kept for critical ones, which go alone unless they are many too. For these what is left of
the minute is spread, and the newest alert goes first, so that in a storm of critical ones, too, a
new one is told within seconds; the others are named by the next message of many, within the minute.
Nothing is dropped: what may not go now waits.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from mechexo.value_classes import dataclass

MINUTE = timedelta(minutes=1)

ALONE_AT_MOST = 5
"""When more messages than this are due, they go out together."""

TOGETHER_AT_MOST = 2_000
"""Deliveries in one message: what a claim looks at in one transaction."""


SPREAD = timedelta(seconds=5)
"""How often at least a critical page can go alone while the minute lasts, if the limit allows."""


@dataclass(frozen=True, slots=True)
class Limit:
    """What a channel takes. `per_minute` None means as much as there is."""

    per_minute: int | None
    gap: timedelta = timedelta(0)
    """The least time between two messages."""
    together: bool = False
    """Whether all that is due goes out as one: nobody wants a call for each of three alerts."""

    @property
    def takes_all(self) -> bool:
        """Whether nothing ever waits for it."""
        return self.per_minute is None and not self.gap


@dataclass(frozen=True, slots=True)
class Due:
    """A message that could go out now."""

    delivery_id: int
    critical: bool
    page: bool
    """Whether it says that something is the matter, not that it is over or known."""
    together: bool
    """Whether it was kept for one message with its like."""
    alert_id: int = 0
    """The newer the alert, the higher."""


@dataclass(frozen=True, slots=True)
class Spoken:
    """A message that the channel was handed lately, of so many deliveries."""

    at: datetime
    deliveries: int


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing may go out before this moment."""

    until: datetime


def next_bundle(
    due: Sequence[Due], spoken: Sequence[Spoken], limit: Limit, now: datetime
) -> tuple[int, ...] | Wait | None:
    """The deliveries, by id, of the next message; or how long to wait; None when none is due.

    `due` is in the order of urgency. `spoken` are the messages of the last minute, in any order;
    those in the future (the clock was set back) do not count.
    """
    if not due:
        return None
    lately = [each for each in spoken if now - MINUTE < each.at <= now]
    if lately and limit.gap:
        free_at = max(each.at for each in lately) + limit.gap
        if free_at > now:
            return Wait(free_at)
    if limit.per_minute is not None and len(lately) >= limit.per_minute:
        return Wait(min(each.at for each in lately) + MINUTE)
    if limit.together:
        return tuple(each.delivery_id for each in due)[:TOGETHER_AT_MOST]
    kept = tuple(each.delivery_id for each in due if each.together)
    alone = [each for each in due if not each.together]
    half = limit.per_minute and max(limit.per_minute // 2 - 1, 1)
    half_used = half is not None and len(lately) >= half
    crowded = len(alone) > ALONE_AT_MOST or half_used
    bundles = [each.at for each in lately if each.deliveries > 1]
    urgent = [each for each in alone if each.critical and each.page]
    if alone and (not crowded or not lately):
        return (alone[0].delivery_id,)
    many = len(urgent) > ALONE_AT_MOST
    if urgent:
        scarce_until = _scarce_until(lately, limit)
        free_at = min(scarce_until, max(each.at for each in lately) + SPREAD)
        if free_at > now:
            return Wait(free_at)
        if not many and scarce_until <= now:
            # Half of the minute is kept for these.
            return (urgent[0].delivery_id,)
        if bundles or half is None or not many:
            return (max(urgent, key=lambda each: each.alert_id).delivery_id,)
    if bundles and limit.per_minute is not None:
        return Wait(max(bundles) + MINUTE)
    if half is not None and half_used and not urgent:
        return Wait(sorted(each.at for each in lately)[len(lately) - half] + MINUTE)
    if crowded:
        return tuple(each.delivery_id for each in due)[:TOGETHER_AT_MOST]
    return kept[:TOGETHER_AT_MOST]


def crowd_waits(spoken: Sequence[Spoken], limit: Limit, now: datetime) -> Wait | None:
    """Until when a crowd (more than `ALONE_AT_MOST` messages that were not kept for one with their
    like, no critical page among them) waits, whatever the messages are: `next_bundle` says the same
    of it. None when some of them go out now."""
    crowd = [
        Due(number, critical=False, page=True, together=False)
        for number in range(ALONE_AT_MOST + 1)
    ]
    found = next_bundle(crowd, spoken, limit, now)
    return found if isinstance(found, Wait) else None


def _scarce_until(lately: Sequence[Spoken], limit: Limit) -> datetime:
    """Until when so little is left of the minute that it has to be spread: until its oldest message
    counts no more there is less than one for each `SPREAD`."""
    oldest = min(each.at for each in lately)
    if limit.per_minute is None:
        return oldest
    return oldest + MINUTE - (limit.per_minute - len(lately)) * SPREAD
