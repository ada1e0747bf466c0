"""The history of flags in a real SQLite file sees every change, whoever makes it, however."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from mechexo.clock import SystemClock
from mechexo.errors import ConfigError
from mechexo.rollback.flags.sqlite_store import SqliteStore
from mechexo.rollback.flags.values import FlagEvent
from rollback.flags.places import SETTINGS, TABLE, run, sqlite_flags

SHELL = shutil.which("sqlite3")


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return sqlite_flags(tmp_path / "desk.sqlite")


@pytest.fixture
def store(database: Path) -> SqliteStore:
    store = SqliteStore(database, SETTINGS, SystemClock())
    assert store.track()
    return store


def told(events: tuple[FlagEvent, ...]) -> list[tuple[object, ...]]:
    """What the changes since tracking began were, oldest first."""
    return [
        (event.key, event.old, event.new, event.how)
        for event in reversed(events)
        if event.how not in ("begin", "seen", "end")
    ]


def by_python(database: Path, sql: str) -> None:
    run(database, sql)


def by_shell(database: Path, sql: str) -> None:
    assert SHELL is not None
    subprocess.run([SHELL, str(database), sql], check=True, capture_output=True)


WRITERS = [
    by_python,
    pytest.param(
        by_shell,
        marks=[
            pytest.mark.slow,
            pytest.mark.skipif(SHELL is None, reason="no sqlite3 shell is installed"),
        ],
    ),
]


@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize(
    ("sql", "rows"),
    [
        (
            "UPDATE flags SET value = 'false' WHERE key = 'trading_enabled'",
            [("trading_enabled", "true", "false", "update")],
        ),
        (
            "INSERT OR REPLACE INTO flags (key, value) VALUES ('trading_enabled', 'false')",
            [("trading_enabled", "true", "false", "replace")],
        ),
        (
            "REPLACE INTO flags (key, value) VALUES ('fresh', '1')",
            [("fresh", None, "1", "insert")],
        ),
        (
            "PRAGMA recursive_triggers = ON; "
            "INSERT OR REPLACE INTO flags (key, value) VALUES ('trading_enabled', 'false')",
            [
                ("trading_enabled", "true", None, "delete"),
                ("trading_enabled", None, "false", "insert"),
            ],
        ),
        (
            "INSERT INTO flags (key, value) VALUES ('trading_enabled', 'false') "
            "ON CONFLICT (key) DO UPDATE SET value = excluded.value",
            [("trading_enabled", "true", "false", "update")],
        ),
        ("INSERT OR IGNORE INTO flags (key, value) VALUES ('trading_enabled', 'false')", []),
        ("UPDATE flags SET updated_at = 'now'", []),
        ("UPDATE flags SET value = value", []),
        (
            "DELETE FROM flags",
            [
                ("canary_enabled", "on", None, "delete"),
                ("max_notional", "1000", None, "delete"),
                ("trading_enabled", "true", None, "delete"),
            ],
        ),
        (
            "UPDATE flags SET key = 'halted' WHERE key = 'trading_enabled'",
            [("trading_enabled", "true", None, "delete"), ("halted", None, "true", "insert")],
        ),
        (
            "UPDATE OR REPLACE flags SET key = 'trading_enabled' WHERE key = 'canary_enabled'",
            [
                ("canary_enabled", "on", None, "delete"),
                ("trading_enabled", "true", "on", "replace"),
            ],
        ),
        (
            "BEGIN; UPDATE flags SET value = 'false'; ROLLBACK",
            [],
        ),
    ],
)
def test_case_38_every_way_of_changing_a_flag_by_hand_is_in_the_history(
    database: Path, store: SqliteStore, write, sql: str, rows: list[tuple[object, ...]]
) -> None:
    if write is by_python:
        with closing(sqlite3.connect(database, isolation_level=None)) as connection:
            connection.executescript(sql)
    else:
        write(database, sql)
    assert sorted(map(str, told(store.history()))) == sorted(map(str, rows))
    assert all(event.actor == "" for event in store.history())


def test_case_38_a_row_pushed_out_by_another_unique_column_is_in_the_history(
    tmp_path: Path,
) -> None:
    table = "CREATE TABLE flags (id INTEGER PRIMARY KEY, key TEXT UNIQUE, value TEXT, updated_at)"
    database = sqlite_flags(tmp_path / "desk.sqlite", table)
    store = SqliteStore(database, SETTINGS, SystemClock())
    store.track()
    run(database, "INSERT OR REPLACE INTO flags (id, key, value) VALUES (1, 'other', 'x')")
    assert told(store.history()) == [
        ("other", None, "x", "insert"),
        ("trading_enabled", "true", None, "delete"),
    ]


def test_the_type_of_a_value_is_kept(tmp_path: Path) -> None:
    table = "CREATE TABLE flags (key TEXT PRIMARY KEY, value, updated_at)"
    database = sqlite_flags(tmp_path / "desk.sqlite", table)
    store = SqliteStore(database, SETTINGS, SystemClock())
    store.track()
    key = "trading_enabled"
    for value in ("1", "'1'", "1.0", "NULL", "x'00ff'"):
        run(database, f"UPDATE flags SET value = {value} WHERE key = '{key}'")
    news = [event.new for event in reversed(store.history(key))]
    assert [(type(new), new) for new in news] == [
        (str, "true"),
        (int, 1),
        (str, "1"),
        (float, 1.0),
        (type(None), None),
        (bytes, b"\x00\xff"),
    ]


@pytest.mark.parametrize(
    ("column", "old", "new"),
    [("value", 1, 1.0), ("value COLLATE NOCASE", "true", "TRUE"), ("value TEXT", "1", "1.0")],
)
def test_values_that_only_compare_as_equal_are_a_change(
    tmp_path: Path, column: str, old: object, new: object
) -> None:
    database = tmp_path / "desk.sqlite"
    run(database, f"CREATE TABLE flags (key TEXT PRIMARY KEY, {column}, updated_at)")
    run(database, f"INSERT INTO flags VALUES ('one', {old!r}, '')")
    store = SqliteStore(database, SETTINGS, SystemClock())
    store.track()
    run(database, f"UPDATE flags SET value = {new!r}")
    assert told(store.history()) == [("one", old, new, "update")]
    assert type(store.history(limit=1)[0].new) is type(new)


def test_tracking_twice_is_tracking_once(database: Path, store: SqliteStore) -> None:
    before = store.history()
    since = store.tracked()
    assert since is not None
    assert not store.track()
    assert store.history() == before
    assert store.tracked() == since


def test_a_trigger_that_was_taken_away_is_noticed_and_put_back(
    database: Path, store: SqliteStore
) -> None:
    run(database, "DROP TRIGGER mechexo_flag_insert")
    assert store.tracked() is None
    assert store.track()
    assert store.tracked() is not None
    assert [event.how for event in store.history()].count("begin") == 2


def test_a_table_that_was_made_anew_is_not_tracked(database: Path, store: SqliteStore) -> None:
    run(database, "DROP TABLE flags", TABLE)
    assert store.tracked() is None


def test_untracking_leaves_the_table_as_it_was_and_the_history(
    database: Path, store: SqliteStore
) -> None:
    before = store.history()
    assert store.untrack()
    assert not store.untrack()
    assert store.tracked() is None
    run(database, "UPDATE flags SET value = 'false'")
    assert store.history()[1:] == before
    assert store.history()[0].how == "end"


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("CREATE TABLE flags (key TEXT, value TEXT)", "not unique"),
        ("CREATE TABLE flags (key TEXT PRIMARY KEY COLLATE NOCASE, value TEXT)", "collation"),
        ("CREATE TABLE flags (key TEXT, value TEXT, PRIMARY KEY (key, value))", "not unique"),
        ("CREATE TABLE flags (key TEXT PRIMARY KEY, worth TEXT)", "no column value"),
        ("CREATE VIEW flags AS SELECT 'a' AS key, 1 AS value", "a view"),
        ("CREATE TABLE other (key TEXT)", "no table flags"),
    ],
)
def test_a_table_that_cannot_be_followed_is_refused_with_the_reason(
    tmp_path: Path, table: str, said: str
) -> None:
    database = tmp_path / "desk.sqlite"
    run(database, table)
    store = SqliteStore(database, SETTINGS, SystemClock())
    with pytest.raises(ConfigError, match=said):
        store.track()
    with closing(sqlite3.connect(database)) as connection:
        names = connection.execute("SELECT name FROM sqlite_master WHERE name LIKE 'mechexo%'")
        assert names.fetchall() == []


def test_a_key_that_is_unique_by_an_index_of_its_own_can_be_followed(tmp_path: Path) -> None:
    database = tmp_path / "desk.sqlite"
    run(
        database,
        "CREATE TABLE flags (key TEXT, value TEXT)",
        "CREATE UNIQUE INDEX k ON flags (key)",
    )
    assert SqliteStore(database, SETTINGS, SystemClock()).track()
