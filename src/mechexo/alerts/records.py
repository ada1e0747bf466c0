"""The alert, event and silence tables. Every function works inside its caller's transaction."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any

from mechexo.alerts.values import (
    FIRED_AGAIN,
    NOTICE_SOURCE,
    SEVERITIES,
    Alert,
    AlertCounts,
    AlertState,
)
from mechexo.times import from_iso_z, iso_z

_COLUMNS = tuple(field.name for field in fields(Alert))
_MOMENTS = frozenset(
    {
        "started_at",
        "last_seen_at",
        "acknowledged_at",
        "resolved_at",
        "next_level_at",
        "held_until",
        "silenced_until",
        "escalating_since",
        "remind_at",
        "flapping_until",
        "began_at",
        "over_seen_at",
    }
)
_PLACES_OF_MOMENTS = tuple(place for place, name in enumerate(_COLUMNS) if name in _MOMENTS)
_PLACE_OF_LABELS = _COLUMNS.index("labels")
_PLACE_OF_STATE = _COLUMNS.index("state")
_read_labels = json.JSONDecoder().raw_decode
_STATES = {state.value: state for state in AlertState}
SELECT = f"SELECT {', '.join(_COLUMNS)} FROM alert"  # noqa: S608
_UPSERT = (
    f"INSERT INTO alert ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' * len(_COLUMNS))}) "  # noqa: S608
    "ON CONFLICT (id) DO UPDATE SET "
    + ", ".join(f"{name} = excluded.{name}" for name in _COLUMNS if name != "id")
)
_WORST_FIRST = (
    "CASE severity WHEN 'critical' THEN 0 WHEN 'high' THEN 1 WHEN 'medium' THEN 2 "
    "WHEN 'low' THEN 3 ELSE 4 END, started_at DESC, id DESC"
)
_FIRING_FIRST = "CASE state WHEN 'firing' THEN 0 WHEN 'acknowledged' THEN 1 ELSE 2 END"
_PRUNED_AT_ONCE = 500
LARGEST = 2**63 - 1
"""SQLite takes no larger whole number; nothing stored has one."""


def next_alert_id(connection: sqlite3.Connection) -> int:
    """The id of the next alert; ids are never used twice, also after pruning."""
    row = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'alert'").fetchone()
    return int(row[0]) + 1 if row else 1


def alert_by_id(connection: sqlite3.Connection, alert_id: int) -> Alert | None:
    """One alert, open or resolved."""
    if abs(alert_id) > LARGEST:
        return None
    row = connection.execute(f"{SELECT} WHERE id = ?", (alert_id,)).fetchone()
    return alert_of_row(row) if row else None


def alerts_by_id(connection: sqlite3.Connection, ids: Collection[int]) -> dict[int, Alert]:
    """These alerts, open or resolved; those that do not exist are not in it."""
    rows = connection.execute(
        f"{SELECT} WHERE id IN (SELECT value FROM json_each(?))",  # noqa: S608
        (json.dumps(list(ids)),),
    )
    return {alert.id: alert for alert in map(alert_of_row, rows)}


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which open alerts a step has to look at, beside those that are observed."""

    keys: Collection[str]
    ids: Collection[int]
    severities: Collection[str]
    """Of these an alert that never paged may page now."""
    now: datetime
    quiet_until: Collection[datetime]
    """An alert that quiet hours hold until another moment is looked at."""
    longest: timedelta
    """A deadline further ahead than this was set before the clock went back."""
    longest_acknowledged: timedelta
    longest_flapping: timedelta
    thorough: bool
    """Also all that is kept back by whatever still stands: the configuration may have changed."""


_CONDITIONS = (
    "key IN (SELECT value FROM json_each(:keys))",
    "id IN (SELECT value FROM json_each(:ids))",
    "silenced_until IS NOT NULL AND (:thorough OR silenced_until <= :now)",
    "suppressed_by IS NOT NULL AND (:thorough OR NOT EXISTS (SELECT 1 FROM alert AS cause "
    "WHERE cause.id = alert.suppressed_by AND cause.state <> 'resolved'))",
    "held_until IS NOT NULL "
    "AND (:thorough OR held_until NOT IN (SELECT value FROM json_each(:quiet_until)))",
    "next_level_at IS NOT NULL AND (next_level_at <= :now OR next_level_at > :far)",
    "remind_at IS NOT NULL AND (remind_at <= :now OR remind_at > :far_acknowledged)",
    "flapping_until IS NOT NULL AND (flapping_until <= :now OR flapping_until > :far_flapping)",
    "state = 'firing' AND pages = 0 AND held_until IS NULL AND silenced_until IS NULL "
    "AND suppressed_by IS NULL AND flapping_until IS NULL "
    "AND severity IN (SELECT value FROM json_each(:severities))",
)


# Each condition repeats that of its index, which would not be used without it.
_OPEN_ALERTS = (
    f"{SELECT} WHERE id IN ("  # noqa: S608
    + " UNION ALL ".join(
        f"SELECT id FROM alert WHERE state <> 'resolved' AND {each}"  # noqa: S608
        for each in _CONDITIONS
    )
    + ")"
)


def open_alerts(connection: sqlite3.Connection, wanted: Wanted) -> dict[str, Alert]:
    """The open alerts that a step has to look at, by key."""
    rows = connection.execute(
        _OPEN_ALERTS,
        {
            "keys": json.dumps(list(wanted.keys)),
            "ids": json.dumps(list(wanted.ids)),
            "severities": json.dumps(list(wanted.severities)),
            "now": iso_z(wanted.now),
            "quiet_until": json.dumps([iso_z(each) for each in wanted.quiet_until]),
            "far": iso_z(wanted.now + wanted.longest),
            "far_acknowledged": iso_z(wanted.now + wanted.longest_acknowledged),
            "far_flapping": iso_z(wanted.now + wanted.longest_flapping),
            "thorough": int(wanted.thorough),
        },
    )
    return {alert.key: alert for alert in map(alert_of_row, rows)}


def open_with_one_of(
    connection: sqlite3.Connection, likes: Iterable[Mapping[str, str]]
) -> tuple[Alert, ...]:
    """The open alerts whose own words (`name`, `source`, `key`, `severity`) may fit one of these
    matchers; what they say of labels is not looked at."""
    conditions: list[str] = []
    values: list[str] = []
    for matchers in likes:
        own = [name for name in ("name", "source", "key", "severity") if name in matchers]
        parts = []
        for name in own:
            wanted = matchers[name]
            if wanted.endswith("*"):
                parts.append(f"substr({name}, 1, {len(wanted) - 1}) = ?")
                values.append(wanted[:-1])
            else:
                parts.append(f"{name} = ?")
                values.append(wanted)
        conditions.append(f"({' AND '.join(parts) or '1'})")
    if not conditions:
        return ()
    rows = connection.execute(
        f"{SELECT} WHERE state <> 'resolved' AND ({' OR '.join(conditions)})", values
    )
    return tuple(sorted(map(alert_of_row, rows), key=lambda alert: alert.id))


def openings(
    connection: sqlite3.Connection, keys: Collection[str], since: datetime, now: datetime
) -> dict[str, tuple[int, str]]:
    """How often an alert of each of these keys opened since then, up to `now`, and the worst
    severity at which one of them paged ("" when none did)."""
    rows = connection.execute(
        "SELECT key, COUNT(*), MIN(CASE WHEN pages > 0 THEN CASE paged_severity "
        "WHEN 'critical' THEN 0 WHEN 'high' THEN 1 WHEN 'medium' THEN 2 WHEN 'low' THEN 3 "
        "ELSE 4 END END) FROM alert "
        "WHERE key IN (SELECT value FROM json_each(?)) AND started_at > ? AND started_at <= ? "
        "GROUP BY key",
        (json.dumps(list(keys)), iso_z(since), iso_z(now)),
    )
    return {key: (count, "" if worst is None else SEVERITIES[worst]) for key, count, worst in rows}


def last_ends(
    connection: sqlite3.Connection, keys: Collection[str]
) -> dict[str, tuple[int, datetime]]:
    """The last alert of each of these keys and when its source saw it end, where it did."""
    if not keys:
        return {}
    rows = connection.execute(
        "SELECT key, id, over_seen_at FROM alert WHERE over_seen_at IS NOT NULL AND id IN ("
        "SELECT (SELECT id FROM alert WHERE key = each.value ORDER BY started_at DESC, id DESC "
        "LIMIT 1) FROM json_each(?) AS each)",
        (json.dumps(list(keys)),),
    )
    return {key: (alert_id, from_iso_z(seen_at)) for key, alert_id, seen_at in rows}


def all_open_alerts(connection: sqlite3.Connection) -> dict[str, Alert]:
    """Every open alert by its key: for a silence, which may cover any of them."""
    rows = connection.execute(f"{SELECT} WHERE state <> 'resolved'")
    return {alert.key: alert for alert in map(alert_of_row, rows)}


def alerts_in(
    connection: sqlite3.Connection, states: Collection[AlertState], limit: int | None
) -> tuple[Alert, ...]:
    """Alerts in any of the states, worst severity first, then newest; with the resolved ones, those
    that fire come before those that somebody knows, and those before the resolved."""
    marks = ", ".join("?" * len(states))
    wanted, left = [state.value for state in states], -1 if limit is None else min(limit, LARGEST)
    if AlertState.RESOLVED in states:
        rows = connection.execute(
            f"{SELECT} WHERE state IN ({marks}) ORDER BY {_FIRING_FIRST}, {_WORST_FIRST} LIMIT ?",
            (*wanted, left),
        )
        return tuple(map(alert_of_row, rows.fetchall()))
    # The index of the open alerts has each severity in this order already: nothing is sorted.
    of_one = (
        f"{SELECT} WHERE state <> 'resolved' AND state IN ({marks}) AND severity = ? "
        "ORDER BY started_at DESC, id DESC LIMIT ?"
    )
    found: list[Alert] = []
    for severity in SEVERITIES:
        rest = left if left < 0 else left - len(found)
        rows = connection.execute(of_one, (*wanted, severity, rest))
        found += map(alert_of_row, rows.fetchall())
    return tuple(found)


def save_alerts(connection: sqlite3.Connection, alerts: Iterable[Alert]) -> None:
    """Inserts or updates alerts, in the order given."""
    connection.executemany(_UPSERT, [_row(alert) for alert in alerts])


def label_names(connection: sqlite3.Connection) -> frozenset[str]:
    """The names of all labels that any alert has, open or resolved."""
    rows = connection.execute(
        "SELECT DISTINCT each.key FROM alert, json_each(alert.labels) AS each"
    )
    return frozenset(row[0] for row in rows)


def prune(connection: sqlite3.Connection, before: datetime) -> None:
    """Deletes a portion of the alerts resolved before `before`, with all that belongs to them,
    and the silences that ended then."""
    connection.execute(
        "DELETE FROM alert WHERE id IN (SELECT id FROM alert WHERE state = 'resolved' "
        "AND resolved_at < ? ORDER BY resolved_at LIMIT ?)",
        (iso_z(before), _PRUNED_AT_ONCE),
    )
    connection.execute("DELETE FROM silence WHERE ends_at < ?", (iso_z(before),))


def counts(connection: sqlite3.Connection, now: datetime) -> AlertCounts:
    """The open alerts in numbers."""
    rows = connection.execute(
        "SELECT severity, COUNT(*) AS alerts, SUM(state = 'firing') AS firing, "
        "MIN(started_at) AS oldest, "
        "SUM(state = 'firing' AND silenced_until > :now) AS silenced, "
        "SUM(state = 'firing' AND suppressed_by IS NOT NULL) AS caused, "
        "SUM(state = 'firing' AND held_until > :now) AS held, "
        "SUM(state = 'firing' AND flapping_until > :now AND held_until IS NULL) AS flapping "
        "FROM alert WHERE state <> 'resolved' GROUP BY severity",
        {"now": iso_z(now)},
    ).fetchall()
    kept_back = {
        reason: sum(row[reason] or 0 for row in rows)
        for reason in ("silenced", "caused", "held", "flapping")
    }
    oldest = min((row["oldest"] for row in rows), default=None)
    return AlertCounts(
        open=sum(row["alerts"] for row in rows),
        unacknowledged=sum(row["firing"] for row in rows),
        by_severity={row["severity"]: row["alerts"] for row in rows},
        oldest_s=None if oldest is None else max((now - from_iso_z(oldest)).total_seconds(), 0.0),
        kept_back={reason: count for reason, count in kept_back.items() if count},
    )


def unacknowledged_since(connection: sqlite3.Connection, severity: str) -> datetime | None:
    """Since when the longest unacknowledged alert of a severity waits for somebody: since it
    started, or since it got worse than what was acknowledged."""
    row = connection.execute(
        "SELECT MIN(COALESCE((SELECT MAX(at) FROM alert_event "
        "WHERE alert_id = alert.id AND kind = ?), started_at)) FROM alert "
        "WHERE state <> 'resolved' AND state = 'firing' AND severity = ?",
        (FIRED_AGAIN, severity),
    ).fetchone()
    return from_iso_z(row[0]) if row[0] else None


def failing_channels(connection: sqlite3.Connection) -> tuple[str, ...]:
    """The channels that an open alert says do not deliver."""
    rows = connection.execute(
        "SELECT substr(key, 9) FROM alert WHERE state <> 'resolved' "
        "AND key >= 'channel:' AND key < 'channel;' AND source = 'outbox'"
    )
    return tuple(row[0] for row in rows)


def untold(connection: sqlite3.Connection) -> tuple[sqlite3.Row, ...]:
    """The open, unacknowledged, unsilenced critical and high alerts whose newest page reached
    nobody and is not on its way: `id`, `severity`, `name`, and `why` a message of it was given up
    or cancelled (None when there was none), worst first, then oldest."""
    rows = connection.execute(
        """
        SELECT id, severity, name,
               (SELECT detail FROM delivery
                WHERE alert_id = alert.id AND page = alert.pages AND kind = 'page'
                ORDER BY state <> 'failed', id DESC LIMIT 1) AS why
        FROM alert
        WHERE state <> 'resolved' AND state = 'firing' AND severity IN ('critical', 'high')
          AND silenced_until IS NULL AND held_until IS NULL AND suppressed_by IS NULL
          AND flapping_until IS NULL
          AND NOT EXISTS (SELECT 1 FROM delivery
                          WHERE alert_id = alert.id AND page = alert.pages AND kind = 'page'
                            AND state IN ('sent', 'due', 'sending'))
        ORDER BY severity, started_at, id
        """
    )
    return tuple(rows)


def started_between(
    connection: sqlite3.Connection, start: datetime, end: datetime, limit: int, *, last: bool
) -> tuple[Alert, ...]:
    """The first, or `last`, alerts that started from `start` to `end`, oldest first; notices are
    none."""
    order = "DESC" if last else "ASC"
    rows = connection.execute(
        f"{SELECT} WHERE started_at BETWEEN ? AND ? AND source <> ? "
        f"ORDER BY started_at {order}, id {order} LIMIT ?",
        (iso_z(start), iso_z(end), NOTICE_SOURCE, limit),
    )
    return tuple(sorted(map(alert_of_row, rows), key=lambda alert: (alert.started_at, alert.id)))


def as_json(value: Mapping[str, str]) -> str:
    """Labels or matchers as they are stored."""
    return json.dumps(dict(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _row(alert: Alert) -> tuple[Any, ...]:
    def stored(name: str) -> Any:
        value = getattr(alert, name)
        if name == "labels":
            return as_json(value)
        if name == "state":
            return alert.state.value
        return iso_z(value) if name in _MOMENTS and value is not None else value

    return tuple(map(stored, _COLUMNS))


def alert_of_row(row: sqlite3.Row) -> Alert:
    """A row of `SELECT`."""
    # By position: a list of thousands of alerts shall be on the screen at once.
    values: list[Any] = [*row]
    for place in _PLACES_OF_MOMENTS:
        if values[place] is not None:
            values[place] = from_iso_z(values[place])
    values[_PLACE_OF_LABELS] = _read_labels(values[_PLACE_OF_LABELS])[0]
    values[_PLACE_OF_STATE] = _STATES[values[_PLACE_OF_STATE]]
    return Alert(*values)
