"""The alert, event and silence tables. Every function works inside its caller's transaction."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from mechexo.alerts import cells
from mechexo.alerts.alert_rows import (
    PLAINLY_SOUND,
    SELECT,
    TEXTS,
    UPSERT,
    alert_of_row,
    as_json,
    readable,
    row_of,
    salvaged,
)
from mechexo.alerts.damage import Damaged
from mechexo.alerts.values import (
    SEVERITIES,
    Alert,
    AlertState,
)
from mechexo.times import iso_z
from mechexo.value_classes import dataclass

_WORST_FIRST = (
    "CASE severity WHEN 'critical' THEN 0 WHEN 'high' THEN 1 WHEN 'medium' THEN 2 "
    "WHEN 'low' THEN 3 ELSE 4 END, started_at DESC, id DESC"
)
_FIRING_FIRST = "CASE state WHEN 'firing' THEN 0 WHEN 'acknowledged' THEN 1 ELSE 2 END"
_PRUNED_AT_ONCE = 500
LIKE_A_MOMENT = (
    "GLOB '[12][0-9][0-9][0-9]-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9].*Z'"
)
LARGEST = 2**63 - 1
"""SQLite takes no larger whole number; nothing stored has one."""


def next_alert_id(connection: sqlite3.Connection) -> int:
    """The id of the next alert; ids are never used twice, also after pruning."""
    row = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'alert'").fetchone()
    return int(row[0]) + 1 if row else 1


def alert_by_id(connection: sqlite3.Connection, alert_id: int) -> Alert | None:
    """One alert, open or resolved.

    Raises:
        DamagedRowError: it cannot be read.
    """
    row = row_by_id(connection, alert_id)
    return alert_of_row(row) if row else None


def row_by_id(connection: sqlite3.Connection, alert_id: int) -> sqlite3.Row | None:
    """The row of one alert as it stands there, damaged or not."""
    if abs(alert_id) > LARGEST:
        return None
    found = cells.rows(connection, f"{SELECT} WHERE id = ?", (alert_id,))
    return found[0] if found else None


def alerts_by_id(connection: sqlite3.Connection, ids: Collection[int]) -> dict[int, Alert]:
    """These alerts, open or resolved; those that do not exist are not in it. Of one that cannot be
    read it has what can."""
    rows = cells.rows(
        connection,
        f"{SELECT} WHERE id IN (SELECT value FROM json_each(?))",  # noqa: S608
        (json.dumps(list(ids)),),
    )
    alerts, damaged = readable(rows)
    found = {alert.id: alert for alert in alerts}
    wrong = {each.id: each for each in damaged}
    for row in rows if damaged else ():
        if row["id"] in wrong:
            known = salvaged(row)
            said = f"{wrong[row['id']].words}. {known.summary}"
            found[known.id] = replace(known, summary=said.strip())
    return found


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
    "next_level_at IS NOT NULL AND escalating_since > :now",
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


Opened = tuple[dict[str, Alert], dict[str, int]]
"""Open alerts by key; and those that cannot be read, their ids by key where that can."""


def open_alerts(connection: sqlite3.Connection, wanted: Wanted) -> Opened:
    """The open alerts that a step has to look at."""
    rows = cells.rows(
        connection,
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
    return _by_key(rows)


def _by_key(rows: Iterable[sqlite3.Row]) -> Opened:
    alerts, damaged = readable(rows)
    found = {alert.key: alert for alert in alerts}
    return found, {each.key: each.id for each in damaged if each.key}


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
    rows = cells.rows(
        connection, f"{SELECT} WHERE state <> 'resolved' AND ({' OR '.join(conditions)})", values
    )
    return tuple(sorted(readable(rows)[0], key=lambda alert: alert.id))


def unsilenced_like(
    connection: sqlite3.Connection, likes: Iterable[Mapping[str, str]]
) -> tuple[int, ...]:
    """The ids of the open alerts that no silence keeps back and that one of these matchers may fit.

    Asked each second while a window of maintenance is open: in SQL alone, also about labels, so
    that the thousands that it does not concern, or covers already, are not read.
    """
    conditions: list[str] = []
    values: list[str | int] = []
    for matchers in likes:
        parts = []
        for name, wanted in matchers.items():
            prefix = wanted.endswith("*")
            if name in ("name", "source", "key", "severity"):
                parts.append(f"substr({name}, 1, ?) = ?" if prefix else f"{name} = ?")
                values += [len(wanted) - 1, wanted[:-1]] if prefix else [wanted]
            else:
                # As it stands among the labels of a row.
                pair = as_json({name: wanted[:-1] if prefix else wanted})[1:-1]
                parts.append("instr(labels, ?) > 0")
                values.append(pair[:-1] if prefix else pair)
        conditions.append(f"({' AND '.join(parts) or '1'})")
    if not conditions:
        return ()
    rows = cells.rows(
        connection,
        "SELECT id FROM alert WHERE state <> 'resolved' AND silenced_until IS NULL "  # noqa: S608
        f"AND ({' OR '.join(conditions)})",
        values,
    )
    return tuple(row["id"] for row in rows)


def all_open_alerts(connection: sqlite3.Connection) -> Opened:
    """Every open alert: for a silence, which may cover any of them."""
    return _by_key(cells.rows(connection, f"{SELECT} WHERE state <> 'resolved'"))


def damaged_open(connection: sqlite3.Connection) -> tuple[Damaged, ...]:
    """The open alerts that cannot be read, oldest first."""
    # Each status asks, also while thousands are open: only what is not plainly sound is read.
    looked = cells.rows(
        connection,
        f"SELECT id, {TEXTS} AS texts, {PLAINLY_SOUND} AS sound FROM alert "  # noqa: S608
        "WHERE state <> 'resolved'",
    )
    odd = [id_ for id_, texts, sound in looked if not sound or not isinstance(texts, str)]
    rows = cells.rows(
        connection,
        f"{SELECT} WHERE id IN (SELECT value FROM json_each(?))",  # noqa: S608
        (json.dumps(odd),),
    )
    return tuple(sorted(readable(rows)[1], key=lambda each: each.id)) if odd else ()


def alerts_in(
    connection: sqlite3.Connection, states: Collection[AlertState], limit: int | None
) -> tuple[Alert, ...]:
    """Alerts in any of the states, worst severity first, then newest; with the resolved ones, those
    that fire come before those that somebody knows, and those before the resolved. What cannot be
    read is not in it: `alerts_and_damage` tells of that too."""
    return alerts_and_damage(connection, states, limit)[0]


def alerts_and_damage(
    connection: sqlite3.Connection, states: Collection[AlertState], limit: int | None
) -> tuple[tuple[Alert, ...], tuple[Damaged, ...]]:
    """The same, and the rows among them that cannot be read."""
    marks = ", ".join("?" * len(states))
    wanted, left = [state.value for state in states], -1 if limit is None else min(limit, LARGEST)
    if AlertState.RESOLVED in states:
        rows = cells.rows(
            connection,
            f"{SELECT} WHERE state IN ({marks}) ORDER BY {_FIRING_FIRST}, {_WORST_FIRST} LIMIT ?",
            (*wanted, left),
        )
        return _told([*rows, *cells.rows(connection, _STRANGE)])
    # The index of the open alerts has each severity in this order already: nothing is sorted.
    of_one = (
        f"{SELECT} WHERE state <> 'resolved' AND state IN ({marks}) AND severity = ? "
        "ORDER BY started_at DESC, id DESC LIMIT ?"
    )
    found: list[sqlite3.Row] = []
    for severity in SEVERITIES:
        rest = left if left < 0 else left - len(found)
        found += cells.rows(connection, of_one, (*wanted, severity, rest))
    return _told([*found, *cells.rows(connection, _STRANGE)])


_STRANGE = (
    f"{SELECT} INDEXED BY alert_open WHERE state <> 'resolved' "
    "AND (state NOT IN ('firing', 'acknowledged') "
    "OR IFNULL(severity, '') NOT IN ('critical', 'high', 'medium', 'low', 'info'))"
)
"""The rows that no list by state and severity has."""


def _told(rows: Iterable[sqlite3.Row]) -> tuple[tuple[Alert, ...], tuple[Damaged, ...]]:
    alerts, damaged = readable(rows)
    return tuple(alerts), tuple(sorted({each.id: each for each in damaged}.values(), key=_number))


def _number(damaged: Damaged) -> int:
    return damaged.id


def save_alerts(connection: sqlite3.Connection, alerts: Iterable[Alert]) -> None:
    """Inserts or updates alerts, in the order given."""
    connection.executemany(UPSERT, [row_of(alert) for alert in alerts])


def take_key(connection: sqlite3.Connection, key: str, instead: str) -> None:
    """Gives the open alert of a key another one, which no open alert has."""
    connection.execute(
        "UPDATE alert SET key = ? WHERE key = ? AND state <> 'resolved'", (instead, key)
    )


def prune(connection: sqlite3.Connection, before: datetime) -> None:
    """Deletes a portion of the alerts resolved before `before`, with all that belongs to them,
    and the silences that ended then. One whose end cannot be read stays."""
    connection.execute(
        "DELETE FROM alert WHERE id IN (SELECT id FROM alert WHERE state = 'resolved' "  # noqa: S608
        f"AND resolved_at >= ? AND resolved_at < ? AND resolved_at {LIKE_A_MOMENT} "
        "ORDER BY resolved_at LIMIT ?)",
        (cells.FIRST_YEAR, iso_z(before), _PRUNED_AT_ONCE),
    )
    connection.execute(
        f"DELETE FROM silence WHERE ends_at < ? AND ends_at {LIKE_A_MOMENT}",  # noqa: S608
        (iso_z(before),),
    )


def failing_channels(connection: sqlite3.Connection) -> tuple[str, ...]:
    """The channels that an open alert says do not deliver."""
    rows = connection.execute(
        "SELECT substr(key, 9) FROM alert WHERE state <> 'resolved' "
        "AND key >= 'channel:' AND key < 'channel;' AND source = 'outbox'"
    )
    return tuple(row[0] for row in rows)
