"""The rules applied to the state file: load, step, store, inside one transaction."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from mechexo.alerts import (
    cause_records,
    ladder_records,
    ladders,
    opening_records,
    outbox,
    outbox_reading,
    records,
    silence_records,
    timeline_records,
)
from mechexo.alerts.configured import policy_of
from mechexo.alerts.damage import key_beside
from mechexo.alerts.effects import AlertsState, Effects, Recent
from mechexo.alerts.maintenance import windows_at
from mechexo.alerts.records import Wanted
from mechexo.alerts.rules import step

if TYPE_CHECKING:
    import sqlite3

    from mechexo.alerts.calendars import Calendars
    from mechexo.alerts.effects import Hearing, Stranded, Unreached
    from mechexo.alerts.policy import Policy
    from mechexo.alerts.records import Opened
    from mechexo.alerts.values import Alert, Observation
    from mechexo.desk import Desk
    from mechexo.state import Transaction


def apply_step(
    desk: Desk,
    transaction: Transaction,
    now: datetime,
    observations: Collection[Observation],
    *,
    calendars: Calendars,
    whole: bool = False,
    thorough: bool = True,
    outbox_too: bool = True,
) -> Effects:
    """One step of the rules from and to the state file. The `calendars` were read before it was
    locked (`configured.calendars_ahead`).

    `whole` looks at every open alert, and so does a `thorough` one when the ladders have changed.
    Otherwise only at those for which something may have changed; without `thorough` not at those
    whose silence or cause still stands, which only another configuration could wake. Without
    `outbox_too` not at those whose messages have reached nobody, nor at those over which a window
    of maintenance has opened: finding them takes a look at every alert that climbs, or is open.
    """
    connection = transaction.connection
    policy = policy_of(desk, now, calendars)
    stranded: dict[int, Stranded] = {}
    unreached: dict[int, Unreached] = {}
    if thorough and not whole:
        # What waits for no level may have more of its ladder before it, or another one.
        whole = ladder_records.note_whether_new(connection, ladders.mark(desk.settings))
    windows = tuple(windows_at(desk.settings.maintenance, desk.zone, now))
    newly_covered: tuple[int, ...] = ()
    if outbox_too:
        stranded = outbox_reading.stranded(connection, desk.settings.channels)
        unreached = outbox_reading.unreached(connection, now, desk.settings.alerts.fallback_after)
        if not whole:
            newly_covered = records.unsilenced_like(connection, (each.matchers for each in windows))
    possible = _possible_causes(connection, policy)
    hearing, loose = _hearing(connection, possible, now, desk.settings.alerts.fallback_after)

    def opened(said: Collection[Observation]) -> Opened:
        if whole:
            return records.all_open_alerts(connection)
        return records.open_alerts(
            connection,
            Wanted(
                keys=[each.key for each in said],
                ids=[*stranded, *unreached, *newly_covered, *loose],
                severities=policy.wanted,
                now=now,
                quiet_until=policy.all_quiet_until(now),
                longest=policy.longest,
                longest_acknowledged=policy.forgotten_after,
                longest_flapping=policy.flapping_window,
                thorough=thorough,
            ),
        )

    alerts, damaged = opened(observations)
    beside: dict[str, str] = {}
    if damaged and any(each.key in damaged for each in observations):
        observations, beside = _told_beside(observations, damaged)
        alerts, _ = opened(observations)
    silences = silence_records.active_silences(connection, now)
    state = AlertsState(
        policy=policy,
        next_id=records.next_alert_id(connection),
        open=alerts,
        causes=tuple(alert for alert in possible if alert.key not in alerts),
        silences=(*silences, *windows),
        stranded=stranded,
        unreached=unreached,
        hearing=hearing,
        recent=_recent(connection, observations, alerts, policy, now),
    )
    _, effects = step(state, now, observations)
    store(transaction, effects, now)
    return _as_observed(effects, beside) if beside else effects


def _told_beside(
    observations: Collection[Observation], damaged: Mapping[str, int]
) -> tuple[list[Observation], dict[str, str]]:
    """What is said of trouble whose open alert cannot be read goes to an alert beside that one, so
    that it pages, rises and ends like any other; and what its key was, by the key beside."""
    said, keys = [], {}
    for each in observations:
        if each.key in damaged:
            key = key_beside(each.key, damaged[each.key])
            keys[key] = each.key
            each = replace(each, key=key)
        said.append(each)
    return said, keys


def _as_observed(effects: Effects, keys: Mapping[str, str]) -> Effects:
    """The effects as who observed knows them: with the key that they said."""
    alerts = (replace(each, key=keys.get(each.key, each.key)) for each in effects.alerts)
    return replace(effects, alerts=tuple(alerts))


def _recent(
    connection: sqlite3.Connection,
    observations: Collection[Observation],
    known: Mapping[str, Alert],
    policy: Policy,
    now: datetime,
) -> dict[str, Recent]:
    """What was open before under the keys that fire."""
    firing = [each.key for each in observations if each.firing]
    # Only what tells when it looked can be late.
    dated = {
        each.key
        for each in observations
        if each.firing and each.observed_at is not None and each.key not in known
    }
    found = opening_records.openings(connection, firing, now, policy)
    for key, (over_id, seen_at) in opening_records.last_ends(connection, dated).items():
        found[key] = replace(found.get(key, Recent()), over_id=over_id, over_seen_at=seen_at)
    return found


def _possible_causes(connection: sqlite3.Connection, policy: Policy) -> tuple[Alert, ...]:
    """The open alerts that may suppress others."""
    rules = policy.suppressions
    if not rules:
        return ()
    found = records.open_with_one_of(connection, [rule.cause for rule in rules])
    return tuple(each for each in found if policy.may_suppress(each))


def _hearing(
    connection: sqlite3.Connection,
    possible: Collection[Alert],
    now: datetime,
    patience: timedelta,
) -> tuple[dict[int, Hearing], list[int]]:
    """Whether somebody has heard of each possible cause, and the alerts that no cause may keep back
    any more: they page now, and not at the next thorough look."""
    if not possible:
        return {}, []
    paged = [alert.id for alert in possible if alert.pages]
    hearing = cause_records.hearing(connection, paged, now, patience)
    untold = [each for each, known in hearing.items() if not known.is_told]
    return hearing, cause_records.kept_back_no_more(connection, untold)


def store(transaction: Transaction, effects: Effects, now: datetime) -> None:
    """Writes what the rules said, all in the caller's transaction."""
    connection = transaction.connection
    records.save_alerts(connection, effects.alerts)
    timeline_records.append_events(connection, effects.events)
    outbox.add_closings(connection, effects.closings)
    outbox.add_pages(connection, effects.pages)
    outbox.cancel(connection, effects.cancellations, now)
