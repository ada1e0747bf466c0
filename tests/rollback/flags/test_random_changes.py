"""Whatever is done to the flags, by whom and how: the history adds up to what is there."""

from __future__ import annotations

import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mechexo.clock import SystemClock
from mechexo.errors import ConflictError
from mechexo.rollback.flags.sqlite_store import SqliteStore
from mechexo.rollback.flags.values import Direction, FlagChange, FlagValue, Scalar, same
from rollback.flags.places import SETTINGS, sqlite_flags

pytestmark = pytest.mark.slow

TABLES = (
    "CREATE TABLE flags (key TEXT PRIMARY KEY, value, updated_at)",
    "CREATE TABLE flags (key TEXT PRIMARY KEY, value, updated_at) WITHOUT ROWID",
    "CREATE TABLE flags (id INTEGER PRIMARY KEY, key TEXT UNIQUE NOT NULL, value, updated_at)",
    "CREATE TABLE flags (key TEXT PRIMARY KEY, value, updated_at UNIQUE)",
)
keys = st.sampled_from(["a", "b", "trading_enabled"])
values = st.sampled_from(["1", "'1'", "1.0", "NULL", "'true'", "'True'", "x'31'", "2"])
statements = st.one_of(
    st.builds("INSERT OR IGNORE INTO flags (key, value) VALUES ('{}', {})".format, keys, values),
    st.builds("INSERT OR REPLACE INTO flags (key, value) VALUES ('{}', {})".format, keys, values),
    st.builds(
        "INSERT INTO flags (key, value) VALUES ('{}', {}) "
        "ON CONFLICT (key) DO UPDATE SET value = excluded.value".format,
        keys,
        values,
    ),
    st.builds("INSERT INTO flags (key, value) VALUES ('{}', {})".format, keys, values),
    st.builds("UPDATE flags SET value = {} WHERE key = '{}'".format, values, keys),
    st.builds("UPDATE OR IGNORE flags SET key = '{}' WHERE key = '{}'".format, keys, keys),
    st.builds("UPDATE OR REPLACE flags SET key = '{}' WHERE key = '{}'".format, keys, keys),
    st.builds("UPDATE OR REPLACE flags SET updated_at = {} WHERE key = '{}'".format, values, keys),
    st.builds("DELETE FROM flags WHERE key = '{}'".format, keys),
    st.just("DELETE FROM flags"),
    st.just("PRAGMA recursive_triggers = ON"),
    st.just("PRAGMA recursive_triggers = OFF"),
    st.just("PRAGMA trusted_schema = OFF"),
    st.sampled_from(["BEGIN", "COMMIT", "ROLLBACK"]),
    st.tuples(st.just("mechexo"), keys, st.sampled_from(["x", 1, None])),
)


@given(st.sampled_from(TABLES), st.lists(statements, max_size=12))
def test_the_history_of_any_changes_adds_up_to_what_is_there(table: str, work: list) -> None:
    with TemporaryDirectory() as folder:
        path = sqlite_flags(Path(folder) / "desk.sqlite", table)
        store = SqliteStore(path, SETTINGS, SystemClock())
        store.track()
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            for each in work:
                if isinstance(each, tuple):
                    if not connection.in_transaction:
                        _by_mechexo(store, *each[1:])
                    continue
                # A constraint, or no transaction to end: nothing was changed.
                with suppress(sqlite3.Error):
                    connection.execute(each)
            if connection.in_transaction:
                connection.execute("COMMIT")
        _adds_up(store)


def _by_mechexo(store: SqliteStore, key: str, new: Scalar) -> None:
    old = next((flag for flag in store.read() if flag.key == key), None)
    change = FlagChange(key, old or FlagValue(key, None, 0), new, Direction.UNKNOWN)
    try:
        store.change([change], actor="tester")
    except ConflictError:
        assert old is None


def _adds_up(store: SqliteStore) -> None:
    there: dict[str, Scalar] = {}
    for event in reversed(store.history()):
        if event.how == "begin":
            there.clear()
        elif event.how in ("seen", "insert"):
            assert event.key not in there
        else:
            assert same(there[event.key], event.old), event
        if event.how == "delete":
            del there[event.key]
        elif event.key:
            there[event.key] = event.new
    now = {flag.key: flag.value for flag in store.read()}
    assert now.keys() == there.keys()
    assert all(same(now[key], there[key]) for key in now)
