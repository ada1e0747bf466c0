"""What the last delivery of a channel means to the card of the channels.

The meeting place of the alerts and health wings, which know nothing of each other. Pure.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from mechexo.health.values import CHANNEL_KIND, ProbeState, Status
from mechexo.times import format_duration

CARD = "channels"
"""The card that every channel of the configuration feeds."""

STALE_AFTER = timedelta(days=7)
"""A channel that delivered nothing for this long may have died unnoticed."""

CLOCK_TOLERANCE = timedelta(minutes=1)

PROVE = "prove it: mechexo oncall drill"


def as_probe(channel: str, proven_at: datetime | None, now: datetime) -> ProbeState:
    """A channel as its card shows it: unknown until it has delivered something, a warning when that
    was long ago. It is as of now: nobody has to look."""
    status, detail = verdict(channel, proven_at, now)
    return ProbeState(
        name=channel,
        kind=CHANNEL_KIND,
        card=CARD,
        severity="medium",
        status=status,
        detail=detail,
        observed_at=now if proven_at else None,
        since=proven_at,
    )


def verdict(channel: str, proven_at: datetime | None, now: datetime) -> tuple[Status, str]:
    """How a channel is, and in words how long ago it was proven."""
    if proven_at is None:
        return Status.UNKNOWN, f"has not delivered anything yet; {PROVE} {channel}"
    age = now - proven_at
    if age < -CLOCK_TOLERANCE:
        return Status.UNKNOWN, f"its last delivery lies in the future; {PROVE} {channel}"
    said = f"last delivered {format_duration(max(age, timedelta(0)))} ago"
    if age > STALE_AFTER:
        return Status.WARNING, f"{said}; {PROVE} {channel}"
    return Status.OK, said
