"""The message of a hand-over: who comes on call and who goes is told, with what is open.

Each hand-over is told once: up to when they were told is stored with the messages, in one
transaction.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from mechexo.alerts import notices, oncall, records
from mechexo.alerts.configured import calendars_ahead
from mechexo.alerts.values import OPEN, SEVERITIES
from mechexo.times import iso_z

if TYPE_CHECKING:
    from mechexo.alerts.rotation import Handover
    from mechexo.alerts.values import Alert
    from mechexo.desk import Desk

LATEST = timedelta(hours=1)
"""One that lies further back is told no more: whoever came on call then knows by now."""

_NAMED = 10
"""How many open alerts are named."""


def wants_handovers(desk: Desk) -> bool:
    """Whether there is anything that could be handed over, and people want to hear of it."""
    return bool(desk.settings.oncall.schedules) and desk.settings.oncall.handover_message


def tell_handovers(desk: Desk) -> int:
    """Makes a message due for each moment of hand-over since the last look, to the channels of the
    people who come and go, also in quiet hours: it is their own turn. How many such moments.

    The first look of all tells nothing.

    Raises:
        BusyError, StateError: the state file cannot be written; the next look tells it.
    """
    calendars = calendars_ahead(desk)
    with desk.state.write() as transaction:
        connection, now = transaction.connection, desk.clock.now()
        told = notices.handovers_told(connection)
        if told is not None and now <= told <= now + LATEST:
            # The clock was set back a little: what comes again was told.
            return 0
        since = now if told is None else max(min(told, now), now - LATEST)
        found = oncall.handovers(desk, since, now, calendars)
        opened = records.alerts_in(connection, OPEN, None) if found else ()
        moments = sorted({each.at for each in found})
        for at in moments:
            changes = [each for each in found if each.at == at]
            if channels := _channels(desk, changes):
                notices.add_notice(
                    connection,
                    name="hand-over",
                    summary=_summary(changes, opened),
                    channels=channels,
                    now=now,
                )
        notices.set_handovers_told(connection, now)
    return len(moments)


def _channels(desk: Desk, changes: Collection[Handover]) -> list[str]:
    """The channels of everybody who comes or goes."""
    people = desk.settings.people
    return [
        channel
        for each in changes
        for person in (each.coming, each.leaving)
        if person in people
        for channel in people[person].channels
    ]


def _summary(changes: Sequence[Handover], opened: Sequence[Alert]) -> str:
    said = [
        f"{each.schedule}: {each.coming or 'nobody'} is on call now, "
        f"{each.leaving or 'nobody'} was until now."
        for each in changes
    ]
    return f"Hand-over at {iso_z(changes[0].at)}. {' '.join(said)} {_open(opened)}"


def _open(opened: Sequence[Alert]) -> str:
    """What is open, the worst first."""
    if not opened:
        return "No alert is open."
    counts = Counter(alert.severity for alert in opened)
    numbers = ", ".join(f"{counts[each]} {each}" for each in SEVERITIES if counts[each])
    named = "; ".join(
        f"{alert.id} {alert.severity} {alert.name}"
        + (f" ({alert.acknowledged_by} knows)" if alert.acknowledged_by else "")
        for alert in opened[:_NAMED]
    )
    more = len(opened) - _NAMED
    return f"Open: {numbers}: {named}{f'; and {more} more' if more > 0 else ''}."
