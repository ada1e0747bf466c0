"""What a key's earlier alerts say of one that opens: how often it did, when the last one ended."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from mechexo.alerts import cells
from mechexo.alerts.effects import Recent
from mechexo.alerts.values import SEVERITIES
from mechexo.times import iso_z

if TYPE_CHECKING:
    from mechexo.alerts.policy import Policy

_LEAST = timedelta(microseconds=1)
_TOLD = "delivery.alert_id = alert.id AND kind = 'page' AND delivery.state IN ('sent', 'sending')"


def openings(
    connection: sqlite3.Connection, keys: Collection[str], now: datetime, policy: Policy
) -> dict[str, Recent]:
    """How often each of these keys opened within the flapping window up to `now`, and whether it
    flaps; a key that did neither is not there."""
    rows = connection.execute(
        "SELECT key, COUNT(*) FROM alert "  # noqa: S608
        "WHERE key IN (SELECT value FROM json_each(?)) AND started_at > ? AND started_at <= ? "
        f"AND EXISTS (SELECT 1 FROM delivery WHERE {_TOLD}) GROUP BY key",
        (json.dumps(list(keys)), iso_z(now - policy.flapping_window), iso_z(now)),
    )
    found = {row[0]: Recent(row[1]) for row in rows}
    for key, (severity, lately) in _flapping(connection, keys, now, policy).items():
        found[key] = replace(found.get(key, Recent()), flapping=severity, told_lately=lately)
    return found


def _flapping(
    connection: sqlite3.Connection, keys: Collection[str], now: datetime, policy: Policy
) -> dict[str, tuple[str, bool]]:
    """What of a key that flaps was told at worst, and whether it was lately."""
    window, again = policy.flapping_window, policy.flapping_again
    rows = cells.rows(
        connection,
        "SELECT key, started_at, resolved_at, flaps, "  # noqa: S608
        f"(SELECT json_group_array(DISTINCT shown) FROM delivery WHERE {_TOLD}) AS shown, "
        "EXISTS (SELECT 1 FROM alert AS before JOIN delivery ON delivery.alert_id = before.id "
        "WHERE before.key = alert.key AND before.started_at >= :begun "
        "AND kind = 'page' AND delivery.state IN ('sent', 'sending') "
        "AND first_due_at BETWEEN :lately AND :ahead) AS lately "
        "FROM alert WHERE flaps IS NOT NULL AND id IN (SELECT (SELECT MAX(id) FROM alert "
        "WHERE key = each.value AND started_at BETWEEN :first AND :last) "
        "FROM json_each(:keys) AS each)",
        {
            "keys": json.dumps(list(keys)),
            # What began at another time has stood still since. The last one is not the latest
            # where the clock was set back.
            "first": iso_z(now - 2 * window),
            "last": iso_z(now + window),
            # What flaps stands for less than the window.
            "begun": iso_z(now - again - window),
            "lately": iso_z(now - again + _LEAST),
            "ahead": iso_z(now + again - _LEAST),
        },
    )
    found = {}
    for row in rows:
        started = cells.moment_or_none(row["started_at"])
        # What is open still ends now: only then another one of its key opens.
        ended = cells.moment_or_none(row["resolved_at"]) or now
        stood = started is None or ended - started >= window or abs(now - ended) >= window
        told = [each for each in (row["flaps"], *json.loads(row["shown"])) if each in SEVERITIES]
        if told and not stood:
            found[row["key"]] = min(told, key=SEVERITIES.index), bool(row["lately"])
    return found


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
    return {
        key: (alert_id, at)
        for key, alert_id, seen_at in rows
        if (at := cells.moment_or_none(seen_at)) is not None
    }
