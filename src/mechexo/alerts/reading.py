"""What can be read of alerts: the list, the timelines, the counts, who was not told.

Apart from the acting half, so that a command that only reads does not load how alerts are stepped
and sent.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from mechexo.alerts import (
    course_records,
    outbox_reading,
    records,
    standing_records,
    timeline_records,
)
from mechexo.alerts.values import OPEN, Alert, AlertState
from mechexo.errors import NotFoundError
from mechexo.times import stamps_in_zone

if TYPE_CHECKING:
    from mechexo.alerts.damage import Damaged
    from mechexo.alerts.escalation import Outlook
    from mechexo.alerts.values import AlertCounts, AlertEvent, Delivery
    from mechexo.desk import Desk

NAMES_AT_ONCE = 200
"""So many names are looked up in the runbook within some hundredths of a second."""
NEAR_NAMED = 8
"""How many open alerts, the newest, are named beside a number that is none."""

UNTOLD_NAMED = 5
"""How many alerts `undelivered` names: every tick records what it says."""


def list_alerts(
    desk: Desk, *, states: Collection[AlertState] = OPEN, limit: int | None = None
) -> tuple[Alert, ...]:
    """The alerts in these states, worst severity first, then newest; when the resolved are among
    them, the firing come first and the resolved last."""
    now = desk.clock.now()
    found = records.alerts_in(desk.state.reader(), states, limit)
    return tuple(as_of(alert, now) for alert in found)


def list_with_damage(
    desk: Desk, *, states: Collection[AlertState] = OPEN, limit: int | None = None
) -> tuple[tuple[Alert, ...], tuple[Damaged, ...]]:
    """The same, and the alerts that cannot be read, oldest first; whatever the states, those that
    are not surely resolved are among them."""
    now = desk.clock.now()
    found, damaged = records.alerts_and_damage(desk.state.reader(), states, limit)
    return tuple(as_of(alert, now) for alert in found), damaged


def get_alert(desk: Desk, alert_id: int) -> Alert:
    """One alert, open or resolved.

    Raises:
        NotFoundError: there is no alert with this id.
        DamagedRowError: it cannot be read.
    """
    found = records.alert_by_id(desk.state.reader(), alert_id)
    return as_of(known(found, alert_id, desk), desk.clock.now())


def started_around(
    desk: Desk, moment: datetime, *, start: datetime, end: datetime, most: int
) -> tuple[tuple[Alert, ...], tuple[Damaged, ...], bool]:
    """The alerts that started from `start` to `end`, oldest first: the last `most` up to a moment
    between and the first `most` after it; what of them cannot be read; and whether there were
    more."""
    connection, now = desk.state.reader(), desk.clock.now()
    before, wrong = course_records.started_between(connection, start, moment, most + 1, last=True)
    # Microseconds are the smallest that is recorded.
    later = moment + timedelta.resolution
    after, bad = course_records.started_between(connection, later, end, most + 1, last=False)
    found = (*before[-most:], *after[:most])
    more = max(len(before) + len(wrong), len(after) + len(bad)) > most
    return tuple(as_of(alert, now) for alert in found), (*wrong, *bad), more


def timeline(desk: Desk, alert_id: int) -> tuple[AlertEvent, ...]:
    """Why somebody was, or was not, told: everything that happened to the alert, oldest first. What
    of it cannot be read is not in it: `damage_of` tells of that.

    Raises:
        NotFoundError: there is no alert with this id.
    """
    if records.row_by_id(desk.state.reader(), alert_id) is None:
        known(None, alert_id, desk)
    return timeline_records.timeline_of(desk.state.reader(), alert_id)


def deliveries(desk: Desk, alert_id: int | None = None, limit: int = 50) -> tuple[Delivery, ...]:
    """The newest messages, of one alert or of all, newest first."""
    return outbox_reading.deliveries(desk.state.reader(), alert_id, limit)


def acknowledgement_notes(desk: Desk, alert_ids: Collection[int]) -> dict[int, str]:
    """What was said with the acknowledgement of each of these alerts; those without words, or
    whose acknowledgement no longer stands, are not in it."""
    return timeline_records.acknowledgement_notes(desk.state.reader(), alert_ids)


def without_entry(desk: Desk) -> tuple[str, ...]:
    """The names of the alerts that a message is due for and that name no runbook entry, at most
    `NAMES_AT_ONCE`: when more wait, messages go out together, and those point at none."""
    return outbox_reading.without_entry(desk.state.reader(), desk.clock.now())[:NAMES_AT_ONCE]


def oldest_due_s(desk: Desk) -> float | None:
    """For how long the oldest unfinished message has been due, in seconds; None when none is."""
    now = desk.clock.now()
    since = outbox_reading.oldest_due(desk.state.reader(), now)
    return None if since is None else (now - since).total_seconds()


def last_proven(desk: Desk) -> dict[str, datetime | None]:
    """When each channel of the configuration last delivered anything, a page or a drill; None when
    that is not known."""
    connection = desk.state.reader()
    return {name: outbox_reading.last_sent(connection, name) for name in desk.settings.channels}


def last_failures(desk: Desk) -> dict[str, tuple[datetime, str, bool]]:
    """When each channel of the configuration last failed to deliver, with which words, and whether
    the message was given up. Those that have delivered since are not in it."""
    connection, proven = desk.state.reader(), last_proven(desk)
    found = {name: outbox_reading.last_failure(connection, name) for name in proven}
    return {
        name: failure
        for name, failure in found.items()
        if failure is not None and ((last := proven[name]) is None or failure[0] > last)
    }


def counts(desk: Desk) -> AlertCounts:
    """The open alerts in numbers."""
    return standing_records.counts(desk.state.reader(), desk.clock.now())


def unacknowledged_critical_since(desk: Desk) -> datetime | None:
    """Since when the longest unacknowledged critical alert waits: since it started, or got worse
    than what was acknowledged. None when there is none."""
    return standing_records.unacknowledged_since(desk.state.reader(), "critical")


def undelivered(desk: Desk) -> tuple[str, ...]:
    """A sentence for each open, unacknowledged critical or high alert that nobody was told about,
    nor will be: no channel takes it, or its messages were given up. Worst first, then oldest;
    those beyond the first `UNTOLD_NAMED` are a number in one last sentence."""
    found = standing_records.untold(desk.state.reader())
    named = found[:UNTOLD_NAMED]
    gaps = _gaps(desk, [row["id"] for row in named if not row["why"]])
    said = [
        f"nobody was told about alert {row['id']} ({row['severity']} {row['name']}): "
        + (f"could not be delivered: {row['why']}" if row["why"] else gaps.get(row["id"], ""))
        for row in named
    ]
    if more := len(found) - len(said):
        said.append(f"nobody was told about {more} more alerts; see: mechexo alerts list")
    return tuple(said)


def _gaps(desk: Desk, alert_ids: Collection[int]) -> dict[int, str]:
    """Why no level has somebody for each of these alerts."""
    if not alert_ids:
        return {}
    from mechexo.alerts.configured import policy_of

    policy = policy_of(desk, desk.clock.now())
    found = records.alerts_by_id(desk.state.reader(), alert_ids)
    why = {}
    for alert_id, alert in found.items():
        ladder = policy.route(alert).ladder
        in_a_gap = any(level.gaps for level in ladder.levels)
        said = ladder.why_nobody(alert.severity) if in_a_gap else "no channel takes it"
        why[alert_id] = stamps_in_zone(said, desk.zone)
    return why


def outlooks(desk: Desk, alerts: Collection[Alert]) -> dict[int, Outlook]:
    """What happens next to each of these alerts by itself, by id: who is told, and when."""
    from mechexo.alerts.configured import policy_of
    from mechexo.alerts.escalation import outlook

    policy = policy_of(desk, desk.clock.now())
    return {alert.id: outlook(alert, policy) for alert in alerts}


def as_of(alert: Alert, now: datetime) -> Alert:
    """The alert without a suppression that ended since the last step."""
    if not (alert.held_until or alert.silenced_until or alert.flapping_until):
        return alert
    held = alert.held_until if alert.held_until and alert.held_until > now else None
    silenced = alert.silenced_until if alert.silenced_until and alert.silenced_until > now else None
    flapping = alert.flapping_until if alert.flapping_until and alert.flapping_until > now else None
    return replace(alert, held_until=held, silenced_until=silenced, flapping_until=flapping)


def known(alert: Alert | None, alert_id: int, desk: Desk) -> Alert:
    if alert is not None:
        return alert
    found = sorted(each.id for each in records.alerts_in(desk.state.reader(), OPEN, None))
    near = ", ".join(map(str, found[-NEAR_NAMED:]))
    more = f"…, {near}" if len(found) > NEAR_NAMED else near
    raise NotFoundError(f"there is no alert {alert_id}; open: {more or 'none'}")
