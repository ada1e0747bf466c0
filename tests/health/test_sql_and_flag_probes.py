"""The `sql` and `flag` kinds against real SQLite databases."""

from __future__ import annotations

import sqlite3
import sys
import threading

import pytest

from mechexo.health.values import Status

DATABASE = "sqlite:///desk.sqlite"


@pytest.fixture
def database(tmp_path):
    path = tmp_path / "desk.sqlite"
    with sqlite3.connect(path) as connection:
        connection.executescript(
            "CREATE TABLE risk (name TEXT, used REAL);"
            "INSERT INTO risk VALUES ('gross', 0.83), ('net', NULL), ('word', 'high');"
            "CREATE TABLE flags (name TEXT, value);"
            "INSERT INTO flags VALUES ('halted', 1), ('canary', 'off'), ('size', '0.50'),"
            "('mode', 'live'), ('empty', NULL), ('odd', 'maybe'), ('twice', 1), ('twice', 0);"
        )
    connection.close()
    return path


def ask(look_with, query: str, **more):
    return look_with("sql", database=DATABASE, query=query, **more)


@pytest.mark.parametrize(
    ("limits", "status"),
    [
        ({}, Status.OK),
        ({"warn_above": 0.8, "critical_above": 0.9}, Status.WARNING),
        ({"critical_above": 0.8}, Status.CRITICAL),
        ({"critical_above": 0.83}, Status.OK),
        ({"warn_below": 1}, Status.WARNING),
        ({"critical_below": 1}, Status.CRITICAL),
    ],
)
def test_a_number_is_held_to_its_limits(look_with, database, limits, status):
    outcome = ask(look_with, "SELECT used FROM risk WHERE name = 'gross'", **limits)
    assert (outcome.status, outcome.value) == (status, 0.83)


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("SELECT used FROM risk WHERE name = 'net'", "the query's answer is NULL"),
        ("SELECT used FROM risk WHERE name = 'none'", "the query found no row"),
        ("SELECT used FROM risk WHERE name = 'word'", "'high' is not a number"),
        ("SELECT used FROM", "incomplete input"),
        ("SELECT used FROM nowhere", "no such table"),
        ("DELETE FROM risk", "attempt to write a readonly database"),
        ("ATTACH '{folder}/made.sqlite' AS other", "too many attached databases"),
        ("VACUUM INTO '{folder}/made.sqlite'", "too many attached databases"),
    ],
)
def test_what_gives_no_number_is_unknown_with_the_reason(look_with, database, query, said):
    query = query.format(folder=database.parent)
    outcome = ask(look_with, query, critical_above=1)
    assert outcome.status == Status.UNKNOWN
    assert outcome.value is None
    assert said in outcome.detail
    assert not (database.parent / "made.sqlite").exists()
    with sqlite3.connect(database) as connection:
        assert connection.execute("SELECT count(*) FROM risk").fetchone() == (3,)
    connection.close()


@pytest.mark.parametrize(
    "query",
    [
        "PRAGMA user_version",
        "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check <> 'ok'",
        "SELECT count(*) FROM risk, json_each('[]')",
        "WITH few AS (SELECT 1 WHERE 0) SELECT count(*) FROM few",
    ],
)
def test_a_query_may_use_what_reads(look_with, database, query):
    assert ask(look_with, query).value == 0.0


def test_a_missing_database_is_unknown_and_is_not_made(look_with, tmp_path):
    outcome = ask(look_with, "SELECT 1")
    assert outcome.status == Status.UNKNOWN
    assert outcome.detail.startswith("there is no database")
    assert not (tmp_path / "desk.sqlite").exists()


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("sql", {"query": "SELECT count(*) FROM flags"}),
        ("flag", {"table": "flags", "key": "mode", "expect": "live"}),
        ("freshness", {"table": "flags", "column": "value", "max_age": "1h"}),
    ],
)
def test_a_look_at_a_database_in_wal_mode_makes_no_file_beside_it(
    look_with, database, kind, options
):
    with sqlite3.connect(database) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
    connection.close()
    look_with(kind, database=DATABASE, **options)
    assert [file.name for file in database.parent.glob("desk.*")] == ["desk.sqlite"]


def test_a_damaged_database_is_unknown(look_with, tmp_path):
    (tmp_path / "desk.sqlite").write_bytes(b"no database at all" * 100)
    outcome = ask(look_with, "SELECT * FROM risk")
    assert outcome.status == Status.UNKNOWN
    assert "file is not a database" in outcome.detail


def test_a_query_that_does_not_end_is_cut_off(look_with, database):
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n"
    outcome = ask(look_with, endless, timeout_s=0.3)
    assert outcome.status == Status.UNKNOWN
    assert outcome.detail == "desk.sqlite cannot be read: no answer in time"
    assert not [each for each in threading.enumerate() if each.name.startswith("look ")]


def test_a_locked_database_is_unknown(look_with, database):
    holder = sqlite3.connect(database, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    outcome = ask(look_with, "SELECT used FROM risk", timeout_s=0.2)
    holder.close()
    assert outcome.status == Status.UNKNOWN
    assert "locked" in outcome.detail


def test_postgresql_without_its_extra_names_the_extra(look_with, monkeypatch):
    monkeypatch.setitem(sys.modules, "psycopg", None)
    outcome = look_with("sql", database="postgresql://reader@127.0.0.1/desk", query="SELECT 1")
    assert outcome.status == Status.UNKNOWN
    assert 'pip install "mechexo[postgresql]"' in outcome.detail


def flag(look_with, key: str, expect: object):
    return look_with("flag", database="desk.sqlite", table="flags", key=key, expect=expect)


@pytest.mark.parametrize(
    ("key", "expect", "status", "detail"),
    [
        ("halted", False, Status.CRITICAL, "halted is on, expected off"),
        ("halted", True, Status.OK, "halted is on"),
        ("canary", False, Status.OK, "canary is off"),
        ("size", 0.5, Status.OK, "size is 0.5"),
        ("size", 1, Status.CRITICAL, "size is 0.5, expected 1"),
        ("mode", "live", Status.OK, "mode is live"),
        ("mode", "paper", Status.CRITICAL, "mode is live, expected paper"),
        ("empty", False, Status.UNKNOWN, "empty is NULL"),
        ("missing", False, Status.UNKNOWN, "flags has no flag missing"),
        ("odd", False, Status.UNKNOWN, "odd is 'maybe', which is not on or off"),
        ("odd", 3, Status.UNKNOWN, "odd is 'maybe', which is not a number"),
        ("twice", True, Status.UNKNOWN, "flags has the flag twice twice"),
    ],
)
def test_a_flag_must_have_its_value(look_with, database, key, expect, status, detail):
    outcome = flag(look_with, key, expect)
    assert (outcome.status, outcome.detail) == (status, detail)


def test_a_flag_table_that_cannot_be_read_is_unknown(look_with, database):
    outcome = look_with("flag", database="desk.sqlite", table='no"pe', key="a", expect=True)
    assert outcome.status == Status.UNKNOWN
    assert "no such table" in outcome.detail
