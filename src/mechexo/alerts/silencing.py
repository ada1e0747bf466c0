"""Silences: keeping matching alerts quiet for a while, never for ever."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from mechexo.actor import Role
from mechexo.alerts import cells, course_records, records, rules, silence_records
from mechexo.alerts.book import apply_step
from mechexo.alerts.configured import calendars_ahead
from mechexo.alerts.damage import DamagedRowError
from mechexo.alerts.damage_records import SILENCE, change
from mechexo.alerts.maintenance import windows_at
from mechexo.alerts.text import clean, clean_key, clean_pairs
from mechexo.alerts.values import OPEN, Silence
from mechexo.errors import NotFoundError, UsageError, close_names
from mechexo.times import iso_z

if TYPE_CHECKING:
    from mechexo.alerts.values import Alert
    from mechexo.desk import Desk, Operation


OWN_NAMES = frozenset({"name", "source", "key", "severity"})
"""What a silence may match by beside labels: every alert has these."""


def silence(
    desk: Desk,
    *,
    matchers: Mapping[str, str],
    duration: timedelta,
    reason: str,
    exact: bool = False,
) -> Silence:
    """Keeps every alert quiet whose labels or `name`, `source`, `key`, `severity` all match; unless
    `exact`, a `*` at the end of one stands for any further text.

    The alerts stay on the list. Those still firing when it ends page then.

    Raises:
        UsageError: no matcher, no reason, or no positive duration.
    """
    if not matchers or not all(name.strip() for name in matchers):
        raise UsageError("a silence needs at least one match, like name=feed_stale")
    if not reason.strip():
        raise UsageError("a silence needs a reason, for whoever looks next")
    now = desk.clock.now()
    ends_at = silence_end(now, duration)
    wanted = clean_pairs(matchers)
    if "key" in matchers:
        wanted["key"] = clean_key(matchers["key"])
    calendars = calendars_ahead(desk)
    with desk.operation(
        "alerts.silence", _in_words(wanted), needs=Role.RESPONDER, reason=clean(reason)
    ) as operation:
        made = silence_records.add_silence(
            operation.transaction.connection,
            matchers=wanted,
            author=desk.actor.name,
            reason=clean(reason),
            starts_at=now,
            ends_at=ends_at,
            exact=exact,
        )
        apply_step(desk, operation.transaction, now, (), calendars=calendars, whole=True)
        operation.after = {"silence": made.id, "matchers": wanted, "ends_at": iso_z(ends_at)}
    return made


def silence_end(start: datetime, duration: timedelta) -> datetime:
    """When a silence of this length ends.

    Raises:
        UsageError: it would end at once, or never.
    """
    if duration <= timedelta(0):
        raise UsageError("a silence needs an end: how long, like 2h")
    try:
        return start + duration
    except OverflowError:
        raise UsageError("this silence would never end; give a shorter time") from None


def unsilence(desk: Desk, silence_id: int, *, reason: str = "") -> Silence:
    """Ends a silence now; what it covered and still fires pages.

    One that has ended stays as it is, without an entry in the audit log. One that cannot be read
    ends now; what stood there goes into the audit log.

    Raises:
        NotFoundError: there is no silence with this id.
    """
    calendars = calendars_ahead(desk)
    with desk.operation(
        "alerts.unsilence",
        str(silence_id),
        needs=Role.RESPONDER,
        reason=clean(reason) or "ended by hand",
    ) as operation:
        # Only now, when the others have had their turn: one of them may have ended it meanwhile.
        now, connection = desk.clock.now(), operation.transaction.connection
        try:
            known = silence_records.silence_by_id(connection, silence_id)
        except DamagedRowError:
            return _end_damaged(operation, silence_id, now)
        if known is None:
            active = ", ".join(
                str(each.id) for each in silence_records.active_silences(connection, now)
            )
            raise NotFoundError(f"there is no silence {silence_id}; active: {active or 'none'}")
        if known.ends_at <= now:
            operation.unchanged = True
            return known
        ended = replace(known, ends_at=now)
        operation.before, operation.after = iso_z(known.ends_at), iso_z(ended.ends_at)
        silence_records.end_silence(connection, silence_id, ended.ends_at)
        apply_step(desk, operation.transaction, now, (), calendars=calendars, whole=True)
    return ended


def _end_damaged(operation: Operation, silence_id: int, now: datetime) -> Silence:
    """Ends a silence that cannot be read, and so covers nothing; what stood there goes into the
    audit log."""
    connection = operation.transaction.connection
    row = silence_records.row_by_id(connection, silence_id)
    assert row is not None
    operation.before = {"damaged": cells.raw(row, SILENCE)}
    operation.after = iso_z(now)
    over = {**cells.emptied(row, SILENCE), "ends_at": iso_z(now)}
    change(connection, "silence", silence_id, over)
    author, reason = (row[n] if isinstance(row[n], str) else "" for n in ("author", "reason"))
    return Silence(silence_id, {}, author, reason, now, now)


def silences(desk: Desk) -> tuple[Silence, ...]:
    """The silences that have not ended, soonest end first."""
    return silence_records.active_silences(desk.state.reader(), desk.clock.now())


def maintenance_now(desk: Desk) -> tuple[Silence, ...]:
    """The windows of the configuration that are open now, as silences with ids below zero, soonest
    end first."""
    now = desk.clock.now()
    windows = windows_at(desk.settings.maintenance, desk.zone, now)
    return tuple(sorted(windows, key=lambda window: window.ends_at))


def covered(desk: Desk, silence: Silence) -> tuple[Alert, ...]:
    """The open alerts that a silence covers now, worst severity first, then newest."""
    now = desk.clock.now()
    alerts = records.alerts_in(desk.state.reader(), OPEN, None)
    return tuple(alert for alert in alerts if rules.matching(alert, (silence,), now))


def never_seen(desk: Desk, silence: Silence) -> dict[str, str]:
    """The names a silence matches by that no alert has, each with the names close to it: as a rule
    a slip of the keys. Not wrong: such an alert may come."""
    known = course_records.label_names(desk.state.reader()) | OWN_NAMES
    return {
        name: close_names(name, sorted(known)) for name in silence.matchers if name not in known
    }


def _in_words(matchers: Mapping[str, str]) -> str:
    return " ".join(f"{name}={value}" for name, value in matchers.items())
