"""When a message that could not be delivered is tried again. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

FIRST_DELAYS = (timedelta(seconds=10), timedelta(seconds=60), timedelta(seconds=300))
LATER_DELAY = timedelta(minutes=15)
LONGEST_DELAY = max(*FIRST_DELAYS, LATER_DELAY)
GIVE_UP_AFTER = timedelta(days=1)


def next_try_of_rejected(now: datetime) -> datetime:
    """When to try again what the channel's address made impossible: never given up, because only
    a person can mend the address, and the message is still worth sending then."""
    return now + LATER_DELAY


def asked_to_wait(now: datetime, seconds: float) -> datetime:
    """Until when to leave a service alone that asked for it; never longer than any delay."""
    return now + min(timedelta(seconds=seconds), LONGEST_DELAY)


def next_try(attempt: int, first_due_at: datetime, now: datetime) -> datetime | None:
    """When to try again after failed attempt number `attempt` (from 1); None to give up.

    It gives up a day after the message was first due, but never before `FIRST_DELAYS` are used
    up: a machine that was off for two days still gets its chances.
    """
    if attempt <= len(FIRST_DELAYS):
        return now + FIRST_DELAYS[attempt - 1]
    due_at = now + LATER_DELAY
    return due_at if due_at <= first_due_at + GIVE_UP_AFTER else None
