"""What the last delivery of a channel, and the end of a token, mean to the card of the channels.

The meeting place of the alerts, security and health wings, which know nothing of each other. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta

from mechexo.health.values import CHANNEL_KIND, TOKEN_KIND, ProbeState, Status
from mechexo.security import ending
from mechexo.security.values import Scope, Token
from mechexo.times import format_duration

CARD = "paging"
"""The card that every channel of the configuration feeds."""

STALE_AFTER = timedelta(days=7)
"""A channel that delivered nothing for this long may have died unnoticed."""

CLOCK_TOLERANCE = timedelta(minutes=1)

PROVE = "prove it: mechexo oncall drill"


Failure = tuple[datetime, str, bool]
"""When it failed, with which words, and whether the message was given up."""


def as_probe(
    channel: str, proven_at: datetime | None, now: datetime, failure: Failure | None = None
) -> ProbeState:
    """A channel as its card shows it: unknown until it has delivered something, a warning when that
    was long ago, or when it has failed since. It is as of now: nobody has to look."""
    status, detail = verdict(channel, proven_at, now, failure)
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


def of_tokens(
    tokens: Iterable[Token], unreadable: Iterable[int], now: datetime
) -> Iterator[ProbeState]:
    """The tokens that end, as the card shows them: by them alerts come in. Those that only read
    bring nothing; of one that cannot be read nobody knows."""
    for number in unreadable:
        lost = "it cannot be read, and what is sent with it is lost"
        yield _token_probe(str(number), Status.UNKNOWN, lost, now)
    for token in tokens:
        if set(token.scopes) & {Scope.ALERTS, Scope.PING}:
            said = ending.words(token, now)
            yield _token_probe(token.name, Status.WARNING, said, now, token.last_used_at)


def _token_probe(
    name: str, status: Status, said: str, now: datetime, since: datetime | None = None
) -> ProbeState:
    return ProbeState(
        name=f"token {name}",
        kind=TOKEN_KIND,
        card=CARD,
        severity="medium",
        status=status,
        detail=f"{said}; see: mechexo doctor",
        observed_at=now,
        since=since,
    )


def given_up(failures: Mapping[str, Failure]) -> list[str]:
    """A sentence for each channel whose last message, a drill's too, was given up."""
    return [
        f"{channel} does not deliver: {words}"
        for channel, (_, words, final) in failures.items()
        if final
    ]


def verdict(
    channel: str, proven_at: datetime | None, now: datetime, failure: Failure | None = None
) -> tuple[Status, str]:
    """How a channel is, and in words how long ago it was proven, or failed."""
    if failure is not None:
        ago = format_duration(max(now - failure[0], timedelta(0)))
        return Status.WARNING, f"failed {ago} ago: {failure[1]}"
    if proven_at is None:
        return Status.UNKNOWN, f"has not delivered anything yet; {PROVE} {channel}"
    age = now - proven_at
    if age < -CLOCK_TOLERANCE:
        return Status.UNKNOWN, f"its last delivery lies in the future; {PROVE} {channel}"
    said = f"last delivered {format_duration(max(age, timedelta(0)))} ago"
    if age > STALE_AFTER:
        return Status.WARNING, f"{said}; {PROVE} {channel}"
    return Status.OK, said
