"""Any cell of any row may be damaged: nothing fails, others are paged as ever, and it is said."""

from __future__ import annotations

import shutil
import sqlite3
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conftest import ME, START
from mechexo import watch
from mechexo.alerts import alert_rows, damage_records, overrides
from mechexo.alerts import operations as alerts
from mechexo.alerts.cells import Check
from mechexo.alerts.values import Observation
from mechexo.clock import VirtualClock
from mechexo.desk import Desk
from mechexo.desk_status import read_status

pytestmark = pytest.mark.slow

MINUTE = timedelta(minutes=1)
CONFIG = """
[desk]
name = "test"
mode = "paper"
zone = "UTC"
[quiet_hours]
enabled = false
[channels.box]
url = "file://box.jsonl"
[channels.second]
url = "file://second.jsonl"
[channels.bens]
url = "file://bens.jsonl"
[people.ada]
channels = ["box"]
[people.ben]
channels = ["bens"]
[oncall.schedules.primary]
layers = [{ people = ["ada"], every = "daily", handover = "09:00", since = "2026-01-05" }]
[escalation.default]
levels = [{ tell = ["box", "primary"] }, { after = "15m", tell = ["second"] }]
"""
TABLES = {
    "alert": "alert",
    "alert_event": "timeline line",
    "delivery": "message",
    "delivery_attempt": "attempt",
    "silence": "silence",
    "oncall_override": "override",
}
KEPT = {"id", "alert_id", "delivery_id", "made_at"}
"""What no row is known by without, and what only repeats something."""
NUMBERS = {
    *("count", "level", "pages", "climbs", "reminded", "suppressed_by"),
    *("page", "attempts", "number", "exact", "resend", "together", "after_event"),
}
SAID = {
    **{"first": "critical", "hushed": "critical", "known": "critical"},
    **{"high": "high", "last": "critical"},
}
JUNK = (None, b"\xff\x00", "junk", "2026-02-31T00:00:00.000000Z", "2026-03-02T14:30:00", -7)


def seen(key: str, severity: str) -> Observation:
    return Observation(key, True, severity, f"{key}_name", f"{key} is bad", "feed", {"of": key})


def opened(folder: Path, now: timedelta) -> Desk:
    return Desk.open(folder / "mechexo.toml", clock=VirtualClock(START + now), actor=ME)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A desk in the middle of its work, with something of everything."""
    folder = tmp_path_factory.mktemp("whole")
    (folder / "mechexo.toml").write_text(CONFIG)
    desk = opened(folder, -2 * MINUTE)
    end = START + timedelta(hours=9)
    overrides.override(desk, "primary", "ben", starts_at=START - 2 * MINUTE, ends_at=end)
    for _ in range(2):
        alerts.observe(desk, [seen("first", "critical"), seen("hushed", "critical")])
        alerts.observe(desk, [seen("known", "critical"), seen("high", "high")])
    for key in ("hushed", "high"):
        match = {"of": key} if key == "hushed" else {"of": "nothing"}
        alerts.silence(desk, matchers=match, duration=timedelta(hours=8), reason="work")
    alerts.acknowledge(desk, 3, note="on it")
    alerts.deliver_due(desk)
    alerts.observe(desk, [seen("last", "critical")])
    desk.state.close()
    return folder


@pytest.fixture(scope="module")
def expected(whole: Path, tmp_path_factory: pytest.TempPathFactory) -> Counter[tuple[int, str]]:
    folder = tmp_path_factory.mktemp("expected") / "desk"
    return paged(copied(whole, folder))


def copied(whole: Path, folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(whole, folder)
    return folder


def paged(folder: Path) -> Counter[tuple[int, str]]:
    """Works on for a while; which messages of which alert went where."""
    desk = opened(folder, 14 * MINUTE)
    alerts.observe(desk, [seen(key, severity) for key, severity in SAID.items()])
    report = watch.tick(desk, deadline_s=60.0)
    assert report.failed == ()
    sent = alerts.mailbox(desk)
    assert all(each.at is not None for each in sent)
    desk.state.close()
    return Counter((each.alert_id or 0, each.channel) for each in sent)


def damage(path: Path, sql: str, *values: object) -> None:
    """Edits the file as a disk would: none of its rules hold."""

    def rules(edit: str) -> None:
        with closing(sqlite3.connect(path, isolation_level=None)) as file:
            file.execute("PRAGMA writable_schema=ON")
            file.execute(edit)

    with closing(sqlite3.connect(path)) as file:
        kept = file.execute("SELECT name, sql FROM sqlite_master WHERE type = 'table'").fetchall()
    rules(
        "UPDATE sqlite_master SET sql = replace(replace(sql, 'NOT NULL', ''), ') STRICT', ')') "
        f"WHERE type = 'table' AND name IN {tuple(TABLES)}"
    )
    with closing(sqlite3.connect(path, isolation_level=None)) as file:
        file.execute("PRAGMA ignore_check_constraints=ON")
        file.execute(sql, values)
    with closing(sqlite3.connect(path, isolation_level=None)) as file:
        file.execute("PRAGMA writable_schema=ON")
        file.executemany("UPDATE sqlite_master SET sql = ?2 WHERE name = ?1", kept)


def cells_of(path: Path) -> list[tuple[str, int, str]]:
    """Every cell that can be damaged: its table, row and column."""
    found = []
    with closing(sqlite3.connect(path)) as file:
        for table in TABLES:
            columns = [row[1] for row in file.execute(f"PRAGMA table_info({table})")]
            for (number,) in file.execute(f"SELECT id FROM {table} ORDER BY id").fetchall():
                found += [(table, number, name) for name in columns if name not in KEPT]
    return found


def owner(path: Path, table: str, number: int) -> int | None:
    """The alert that a row is, or is of."""
    asked = {
        "alert": "SELECT id FROM alert WHERE id = ?",
        "alert_event": "SELECT alert_id FROM alert_event WHERE id = ?",
        "delivery": "SELECT alert_id FROM delivery WHERE id = ?",
        "delivery_attempt": "SELECT alert_id FROM delivery WHERE id = "
        "(SELECT delivery_id FROM delivery_attempt WHERE id = ?)",
    }
    if table not in asked:
        return None
    with closing(sqlite3.connect(path)) as file:
        (found,) = file.execute(asked[table], (number,)).fetchone()
    return int(found)


def checks_of(table: str) -> Mapping[str, Check]:
    """What each cell of a table's rows must be."""
    return {
        "alert": alert_rows.CHECKS,
        "alert_event": damage_records.EVENT,
        "delivery": damage_records.MESSAGE,
        "delivery_attempt": damage_records.ATTEMPT,
        "silence": damage_records.SILENCE,
        "oncall_override": damage_records.OVERRIDE,
    }[table]


def is_wrong(table: str, column: str, value: object) -> bool:
    """Whether the value surely is none that the column may have."""
    if (table, column, value) == ("alert", "state", None):
        return False  # No index has it; `mechexo doctor` says that the file is not whole.
    checks = checks_of(table)
    if isinstance(value, int) and column not in NUMBERS:
        return bool(checks[column](str(value)))  # SQLite makes a text of it.
    return bool(checks[column](value))


def test_every_column_has_its_check(whole: Path) -> None:
    with closing(sqlite3.connect(whole / "state" / "mechexo.sqlite")) as file:
        for table in TABLES:
            columns = {row[1] for row in file.execute(f"PRAGMA table_info({table})")}
            assert columns - KEPT == set(checks_of(table)) - KEPT


@settings(
    max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(data=st.data())
def test_any_damaged_cell_costs_no_other_alert_its_pages_and_is_said(
    whole: Path, expected: Counter[tuple[int, str]], tmp_path: Path, data: st.DataObject
) -> None:
    folder = copied(whole, tmp_path / "desk")
    file = folder / "state" / "mechexo.sqlite"
    table, number, column = data.draw(st.sampled_from(cells_of(file)))
    value = data.draw(st.sampled_from([v for v in JUNK if is_wrong(table, column, v)] or [0]))
    whose = owner(file, table, number)
    damage(file, f"UPDATE {table} SET {column} = ? WHERE id = ?", value, number)

    desk = opened(folder, -MINUTE)
    said = {(each.what, each.id) for each in alerts.damaged(desk)}
    in_force = bool(said)
    if whose is not None:
        said |= {(each.what, each.id) for each in alerts.damage_of(desk, whose)}
    if value != 0:
        assert said == {(TABLES[table], number)}
    assert not in_force or not read_status(desk).ops_ok
    desk.state.close()

    told = paged(folder)
    listed = alerts.list_alerts(desk)
    own = {each.id for each in listed if each.source == "state-file"}
    assert bool(own) is in_force
    beside = {each.id for each in listed if each.id > len(SAID)} - own
    if table == "alert" and column != "key" and value != 0:
        # Its source goes on telling of the trouble: that pages beside it, unless it is silenced.
        assert [(each, "box") in told for each in beside] == [number != 2]

    # A damaged silence hides nothing, and a damaged override puts nobody on call.
    of: Callable[[tuple[int, str]], object] = lambda each: each  # noqa: E731
    if table == "oncall_override":
        of = lambda each: each[0]  # noqa: E731
    exempt = {whose, *own, *beside} | ({2} if table == "silence" else set())
    others = Counter(of(each) for each in told.elements() if each[0] not in exempt)
    assert others == Counter(of(each) for each in expected.elements() if each[0] not in exempt)
    if table == "alert":
        assert any(each in told for each in ((one, "box") for one in own))
    desk.state.close()


@pytest.mark.parametrize("column", ["channel", "reference", "shown", "resend", "together"])
def test_a_message_with_a_cell_of_another_type_is_said_and_keeps_no_other_back(
    whole: Path, expected: Counter[tuple[int, str]], tmp_path: Path, column: str
) -> None:
    folder = copied(whole, tmp_path / "desk")
    file = folder / "state" / "mechexo.sqlite"
    with closing(sqlite3.connect(file)) as state:
        (number,) = state.execute("SELECT MAX(id) FROM delivery WHERE state = 'due'").fetchone()
    whose = owner(file, "delivery", number)
    damage(file, f"UPDATE delivery SET {column} = ? WHERE id = ?", b"box", number)
    desk = opened(folder, -MINUTE)
    assert [(each.what, each.id) for each in alerts.damaged(desk)] == [("message", number)]
    desk.state.close()
    told = paged(folder)
    assert {key for key in expected if key[0] != whose} <= set(told)
