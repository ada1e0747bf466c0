"""Which of a channel's due messages go out next, and which together: storm control. Pure.

A few messages go out one by one. When there are many, or the channel's limit is near, what is not
critical goes out together, at most once a minute; a critical one still goes alone while half of the
minute's messages are left for it. Nothing is dropped: what may not go now waits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

MINUTE = timedelta(minutes=1)

ALONE_AT_MOST = 5
"""When more messages than this are due, they go out together."""

TOGETHER_AT_MOST = 2_000
"""Deliveries in one message: what a claim looks at in one transaction."""


@dataclass(frozen=True, slots=True)
class Limit:
    """What a channel takes. `per_minute` None means as much as there is."""

    per_minute: int | None
    gap: timedelta = timedelta(0)
    """The least time between two messages."""
    together: bool = False
    """Whether all that is due goes out as one: nobody wants a call for each of three alerts."""


@dataclass(frozen=True, slots=True)
class Due:
    """A message that could go out now."""

    delivery_id: int
    critical: bool
    page: bool
    """Whether it says that something is the matter, not that it is over or known."""
    together: bool
    """Whether it was kept for one message with its like."""


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
    half_used = limit.per_minute is not None and len(lately) >= max(limit.per_minute // 2, 1)
    crowded = len(alone) > ALONE_AT_MOST or half_used
    first = alone[0] if alone else None
    if first is not None and (not crowded or not lately):
        return (first.delivery_id,)
    if first is not None and first.critical and first.page and not half_used:
        return (first.delivery_id,)
    bundles = [each.at for each in lately if each.deliveries > 1]
    if bundles and limit.per_minute is not None:
        return Wait(max(bundles) + MINUTE)
    if crowded:
        return tuple(each.delivery_id for each in due)[:TOGETHER_AT_MOST]
    return kept[:TOGETHER_AT_MOST]
