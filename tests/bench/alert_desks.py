"""Desks for measuring: open alerts made by the rules themselves, history written straight in."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

from mechexo.alerts import operations as alerts
from mechexo.alerts.values import Observation
from mechexo.desk import Desk
from mechexo.times import iso_z

EVENTS, DELIVERIES, ATTEMPTS = 5, 3, 2
"""Rows of history that each past alert has: ten, without its own."""
_DAYS = 80
"""Shorter than `[alerts] keep_resolved`: nothing of it is pruned while we measure."""

MAILBOX = "mailbox.jsonl"

_SETTINGS = """
[quiet_hours]
enabled = false

[refresh]
tick = "1h"

[server]
per_minute = 10000000
"""

_LATER_LEVELS = """
[[escalation.default.levels]]
after = "15m"
tell = ["mail"]

[[escalation.default.levels]]
after = "30m"
tell = ["phone"]
"""


def make_desk(
    folder: Path, url: str, *, per_minute: int = 60, mailbox: bool = False, probes: int = 0
) -> Desk:
    """A desk with a ladder of three levels, all of them at `url`; with `mailbox` the first one
    also writes `MAILBOX`. Each of its probes waits for a job that never comes."""
    folder.mkdir()
    told = ["chat", "mailbox"] if mailbox else ["chat"]
    words = [
        '[desk]\nname = "bench"\n',
        *(
            f'[channels.{name}]\nurl = "{url}"\nper_minute = {per_minute}\n'
            for name in ("chat", "mail", "phone")
        ),
        f'[channels.mailbox]\nurl = "file://{MAILBOX}"\n',
        *(
            f'[probes.job{number}]\nkind = "heartbeat"\ncard = "data"\nevery_expected = "1h"\n'
            for number in range(probes)
        ),
        _SETTINGS,
        f"[[escalation.default.levels]]\ntell = {json.dumps(told)}\n",
        _LATER_LEVELS,
    ]
    config = folder / "mechexo.toml"
    config.write_text("".join(words))
    return Desk.open(config)


def observation(key: str) -> Observation:
    """The same trouble as `http_load.alert` tells."""
    return Observation(
        key=f"bench/{key}",
        firing=True,
        severity="high",
        name="gross_exposure",
        summary=f"the limit of {key} is reached",
        source="bench",
        labels={"book": "stat-arb", "venue": "XNYS"},
    )


def open_alerts(desk: Desk, count: int, overdue: int) -> None:
    """Opens so many alerts and takes their first pages for sent; `overdue` of them wait for their
    next level since a minute ago."""
    alerts.observe(desk, [observation(f"open{number:06}") for number in range(count)])
    then = iso_z(desk.clock.now() - timedelta(minutes=16))
    next_level = iso_z(desk.clock.now() - timedelta(minutes=1))
    with desk.state.write() as transaction:
        transaction.execute(
            "UPDATE alert SET started_at = ?, last_seen_at = ?, escalating_since = ?, "
            "next_level_at = ? WHERE id IN (SELECT id FROM alert "
            "WHERE next_level_at IS NOT NULL ORDER BY id LIMIT ?)",
            (then, then, then, next_level, overdue),
        )
    settle(desk)


def settle(desk: Desk) -> None:
    """Takes what is due for sent."""
    with desk.state.write() as transaction:
        transaction.execute(
            "INSERT INTO delivery_attempt (delivery_id, number, at, outcome, detail) "
            "SELECT id, attempts + 1, due_at, 'sent', '' FROM delivery WHERE state = 'due'"
        )
        transaction.execute(
            "UPDATE delivery SET state = 'sent', attempts = attempts + 1, finished_at = due_at "
            "WHERE state = 'due'"
        )


def add_history(state: Path, rows: int, now: datetime) -> None:
    """Adds past alerts with their timelines, messages and attempts, `rows` rows in all beside
    their own: paged at three levels, acknowledged, resolved."""
    count = rows // (EVENTS + DELIVERIES + ATTEMPTS)
    with closing(sqlite3.connect(state, isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous=OFF")
        connection.execute("BEGIN IMMEDIATE")
        first = _next(connection, "alert")
        first_delivery = _next(connection, "delivery")
        connection.executemany(
            "INSERT INTO alert (id, key, severity, state, name, summary, source, labels, runbook, "
            "count, started_at, last_seen_at, acknowledged_by, acknowledged_at, resolved_at, "
            "level, pages, paged_severity) "
            "VALUES (?, ?, ?, 'resolved', ?, ?, 'bench', ?, '', 1, ?, ?, 'ada', ?, ?, 3, 1, ?)",
            _past_alerts(first, count, now),
        )
        connection.executemany(
            "INSERT INTO alert_event (alert_id, at, kind, detail, actor) VALUES (?, ?, ?, ?, ?)",
            _past_events(first, count, now),
        )
        connection.executemany(
            "INSERT INTO delivery (id, alert_id, page, level, channel, kind, state, first_due_at, "
            "due_at, attempts, detail, finished_at) VALUES (?, ?, 1, ?, ?, 'page', 'sent', ?, ?, "
            "1, '', ?)",
            _past_deliveries(first, first_delivery, count, now),
        )
        connection.executemany(
            "INSERT INTO delivery_attempt (delivery_id, number, at, outcome, detail) "
            "VALUES (?, 1, ?, 'sent', '')",
            _past_attempts(first_delivery, count, now),
        )
        connection.execute("COMMIT")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def copied(desk: Desk, folder: Path) -> Desk:
    """The same desk in another folder, which must not be there yet."""
    with closing(sqlite3.connect(desk.state.path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    for path in (desk.config_path, desk.state.path):
        copy = folder / path.relative_to(desk.root)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, copy)
    return Desk.open(folder / desk.config_path.name)


def _next(connection: sqlite3.Connection, table: str) -> int:
    row = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = ?", (table,)).fetchone()
    return int(row[0]) + 1 if row else 1


def _started(number: int, count: int, now: datetime) -> datetime:
    return now - timedelta(days=_DAYS) * (1 - number / count) - timedelta(hours=2)


def _past_alerts(first: int, count: int, now: datetime) -> Iterator[tuple[object, ...]]:
    for number in range(count):
        at = _started(number, count, now)
        severity = ("high", "medium", "critical", "high")[number % 4]
        end = iso_z(at + timedelta(minutes=50))
        yield (
            *(first + number, f"bench/past{number % 2000:06}", severity),
            *(f"exposure_{number % 40}", "the limit of the book is reached"),
            '{"book":"stat-arb","venue":"XNYS"}',
            *(iso_z(at), end, iso_z(at + timedelta(minutes=40)), end, severity),
        )


def _past_events(first: int, count: int, now: datetime) -> Iterator[tuple[object, ...]]:
    told = (
        (0, "opened", "high: the limit of the book is reached", ""),
        (0, "paged", "first page: level 1: chat", ""),
        (15, "escalated", "nobody acknowledged: level 2: mail", ""),
        (40, "acknowledged", "flattening the book", "ada"),
        (50, "resolved", "back below the limit", ""),
    )
    for number in range(count):
        at = _started(number, count, now)
        for minutes, kind, detail, actor in told:
            yield first + number, iso_z(at + timedelta(minutes=minutes)), kind, detail, actor


def _past_deliveries(
    first: int, first_delivery: int, count: int, now: datetime
) -> Iterator[tuple[object, ...]]:
    for number in range(count):
        at = _started(number, count, now)
        for place, channel in enumerate(("chat", "mail", "mailbox")):
            due = iso_z(at + timedelta(minutes=15 * place))
            end = iso_z(at + timedelta(minutes=15 * place, seconds=1))
            delivery = first_delivery + number * DELIVERIES + place
            yield delivery, first + number, place + 1, channel, due, due, end


def _past_attempts(first_delivery: int, count: int, now: datetime) -> Iterator[tuple[object, ...]]:
    for number in range(count):
        at = iso_z(_started(number, count, now) + timedelta(seconds=1))
        for place in range(ATTEMPTS):
            yield first_delivery + number * DELIVERIES + place, at
