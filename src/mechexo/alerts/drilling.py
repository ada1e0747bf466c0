"""A message that a person asked for, now: a drill through each channel, or news for one."""

from __future__ import annotations

import time
from collections.abc import Collection
from typing import TYPE_CHECKING

from mechexo.actor import Role
from mechexo.alerts import notices, outbox_reading
from mechexo.alerts.text import clean
from mechexo.errors import NotFoundError, close_names
from mechexo.value_classes import dataclass

if TYPE_CHECKING:
    from mechexo.alerts.values import Delivery
    from mechexo.desk import Desk

LIMIT_S = 12.0
"""How long a drill waits for all its messages. No attempt takes longer than 10 s."""

_LOOK_S = 0.1
_DONE = ("sent", "failed", "cancelled")


@dataclass(frozen=True, slots=True)
class Drilled:
    """What became of a channel's message."""

    channel: str
    sent: bool
    detail: str
    """What the service said, or why it was not tried."""
    alert_id: int
    """Of the notice, for `mechexo alerts why`."""


def drill(desk: Desk, channels: Collection[str] = (), *, reason: str = "") -> tuple[Drilled, ...]:
    """Sends a message through each of these channels, or through all, now: whatever its severities,
    its limits and the quiet hours say. Each is tried once.

    The same outbox and sending processes as for a page, so that it proves the whole way. A
    telephone gets a text message.

    Raises:
        NotFoundError: there is no such channel, or none at all.
    """
    return send_now(
        desk,
        channels or tuple(desk.settings.channels),
        action="oncall.drill",
        name="channel drill",
        summary=f"A test by {desk.actor.name}: this channel works, and nothing is the matter.",
        reason=reason,
    )


def send_now(
    desk: Desk,
    channels: Collection[str],
    *,
    action: str,
    name: str,
    summary: str,
    reason: str = "",
) -> tuple[Drilled, ...]:
    """Sends a notice through each of these channels and waits for what becomes of it. A person asks
    for it, so severities, limits and quiet hours do not hold it; each channel is tried once.

    Raises:
        NotFoundError: there is no such channel, or none at all.
        NotAllowedError: the role is below responder.
        UsageError: a live desk was given no reason.
    """
    from mechexo.alerts.sender import deliver_these

    wanted = _configured(desk, channels)
    with desk.operation(
        action, ", ".join(wanted), needs=Role.RESPONDER, reason=clean(reason)
    ) as operation:
        made = notices.add_notice(
            operation.transaction.connection,
            name=name,
            summary=summary,
            channels=wanted,
            now=desk.clock.now(),
            actor=desk.actor.name,
        )
        operation.after = {"alert": made[0].alert_id, "channels": list(wanted)}
    until_s = time.monotonic() + LIMIT_S
    deliver_these(desk, made, deadline_s=LIMIT_S)
    _wait(desk, made, until_s)
    with desk.state.write() as transaction:
        connection, now = transaction.connection, desk.clock.now()
        why = f"not tried within {LIMIT_S:.0f} s: the channel was busy"
        notices.give_up(connection, [each.id for each in made], why, now)
        ended = [outbox_reading.delivery(connection, each.id) for each in made]
    return tuple(
        Drilled(each.channel, each.state == "sent", _words(each), each.alert_id) for each in ended
    )


def _configured(desk: Desk, channels: Collection[str]) -> tuple[str, ...]:
    known = desk.settings.channels
    wanted = tuple(dict.fromkeys(channels))
    for name in wanted:
        if name not in known:
            said = close_names(name, sorted(known)) if known else "none is configured"
            raise NotFoundError(f"there is no channel {name!r}; {said}")
    if not wanted:
        raise NotFoundError("no channel is configured; add a table like [channels.mail]")
    return wanted


def _wait(desk: Desk, made: Collection[Delivery], until_s: float) -> None:
    """Another process that sends may have taken a message first."""
    while time.monotonic() < until_s:
        found = [outbox_reading.delivery(desk.state.reader(), each.id) for each in made]
        if all(each.state in _DONE or _was_tried(each) for each in found):
            return
        time.sleep(_LOOK_S)


def _was_tried(delivery: Delivery) -> bool:
    return delivery.state == "due" and delivery.attempts > 0


def _words(delivery: Delivery) -> str:
    if delivery.state == "sending":
        return "no answer yet: another process is sending it"
    return delivery.detail or delivery.state
