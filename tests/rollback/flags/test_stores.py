"""What every store of flags can do, on a real SQLite file and on a real PostgreSQL server."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from mechexo.clock import SystemClock
from mechexo.config.rollback import FlagSettings
from mechexo.errors import ConflictError, NotFoundError, UnreachableError, UsageError
from mechexo.rollback.flags.postgres_store import PostgresStore
from mechexo.rollback.flags.sqlite_store import SqliteStore
from mechexo.rollback.flags.values import Direction, FlagChange, FlagValue, Scalar
from rollback.flags.places import (
    A_TICK,
    FLAGS,
    SETTINGS,
    Place,
    between,
    now_less,
    run,
    sqlite_flags,
)
from support.postgresql import running_server, server_programs

PROGRAMS = server_programs()


@contextmanager
def in_sqlite(folder: Path) -> Iterator[Place]:
    path = sqlite_flags(folder / "desk.sqlite")

    def stamp(key: str) -> datetime:
        with closing(sqlite3.connect(path)) as connection:
            query = "SELECT updated_at FROM flags WHERE key = ?"
            return datetime.fromisoformat(connection.execute(query, (key,)).fetchone()[0])

    yield Place(SqliteStore(path, SETTINGS, SystemClock()), lambda *sql: run(path, *sql), stamp)


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    assert PROGRAMS is not None
    with running_server(PROGRAMS) as address:
        yield address


@contextmanager
def in_postgresql(server: str) -> Iterator[Place]:
    schema = f"desk_{uuid4().hex[:8]}"

    def by_hand(*statements: str) -> None:
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(f"SET search_path = {schema}")
            for statement in statements:
                connection.execute(statement)

    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {schema}")
    by_hand("CREATE TABLE flags (key text PRIMARY KEY, value text, updated_at timestamptz)")
    by_hand(*(f"INSERT INTO flags VALUES ('{key}', '{value}')" for key, value in FLAGS.items()))

    def stamp(key: str) -> datetime:
        with psycopg.connect(server) as connection:
            query = f"SELECT updated_at FROM {schema}.flags WHERE key = %s"
            return connection.execute(query, (key,)).fetchone()[0]

    store = PostgresStore(server, replace(SETTINGS, table=f"{schema}.flags"))
    yield Place(store, by_hand, stamp)


@pytest.fixture(
    params=[
        "SQLite",
        pytest.param(
            "PostgreSQL",
            marks=[
                pytest.mark.slow,
                pytest.mark.skipif(PROGRAMS is None, reason="no PostgreSQL server is installed"),
            ],
        ),
    ]
)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    if request.param == "SQLite":
        with in_sqlite(tmp_path) as found:
            yield found
    else:
        with in_postgresql(request.getfixturevalue("server")) as found:
            yield found


def value_of(place: Place, key: str) -> FlagValue:
    return next(flag for flag in place.store.read() if flag.key == key)


def to(flag: FlagValue, new: Scalar) -> FlagChange:
    return FlagChange(flag.key, flag, new, Direction.DOWN)


def test_flags_are_read_in_order_with_their_values(place: Place) -> None:
    assert [(flag.key, flag.value, flag.version) for flag in place.store.read()] == [
        ("canary_enabled", "on", 0),
        ("max_notional", "1000", 0),
        ("trading_enabled", "true", 0),
    ]
    assert place.store.tracked() is None
    assert place.store.history() == ()


def test_tracking_begins_with_the_values_of_now(place: Place) -> None:
    before = now_less(A_TICK)
    assert place.store.track()
    assert not place.store.track()
    since = place.store.tracked()
    assert since is not None
    assert before <= since <= now_less()
    seen = {event.key: event.new for event in place.store.history() if event.how == "seen"}
    assert seen == FLAGS
    assert all(flag.version > 0 for flag in place.store.read())


def test_a_change_is_made_where_nothing_moved(place: Place) -> None:
    place.store.track()
    flag = value_of(place, "trading_enabled")
    place.store.change([to(flag, "false")], actor="tester")
    now = value_of(place, "trading_enabled")
    assert now.value == "false"
    assert now.version > flag.version
    [event] = place.store.history("trading_enabled", 1)
    assert (event.old, event.new, event.how, event.actor) == ("true", "false", "update", "tester")
    assert event.seq == now.version


def test_a_change_works_without_a_history(place: Place) -> None:
    place.store.change([to(value_of(place, "trading_enabled"), "false")], actor="tester")
    assert value_of(place, "trading_enabled") == FlagValue("trading_enabled", "false", 0)


def test_a_change_by_hand_has_no_actor_even_after_one_of_ours(place: Place) -> None:
    place.store.track()
    place.store.change([to(value_of(place, "canary_enabled"), "off")], actor="tester")
    place.by_hand("UPDATE flags SET value = 'on' WHERE key = 'canary_enabled'")
    actors = [event.actor for event in place.store.history("canary_enabled", 2)]
    assert actors == ["", "tester"]


def test_a_flag_that_moved_meanwhile_keeps_all_changes_from_being_made(place: Place) -> None:
    place.store.track()
    wanted = [to(value_of(place, key), "x") for key in ("canary_enabled", "trading_enabled")]
    place.by_hand("UPDATE flags SET value = 'moved' WHERE key = 'trading_enabled'")
    before, history = place.store.read(), place.store.history()
    with pytest.raises(ConflictError, match="trading_enabled is moved by now, not true"):
        place.store.change(wanted, actor="tester")
    assert place.store.read() == before
    assert place.store.history() == history


def test_a_flag_that_was_changed_and_set_back_is_another_one(place: Place) -> None:
    place.store.track()
    wanted = to(value_of(place, "trading_enabled"), "false")
    for value in ("false", "true"):
        place.by_hand(f"UPDATE flags SET value = '{value}' WHERE key = 'trading_enabled'")
    with pytest.raises(ConflictError, match="set back meanwhile"):
        place.store.change([wanted], actor="tester")


def test_a_flag_that_went_meanwhile_is_said(place: Place) -> None:
    wanted = to(value_of(place, "trading_enabled"), "false")
    place.by_hand("DELETE FROM flags WHERE key = 'trading_enabled'")
    with pytest.raises(ConflictError, match="not there any more"):
        place.store.change([wanted], actor="tester")


def test_of_two_who_change_the_same_flag_one_is_refused(place: Place) -> None:
    place.store.track()
    wanted = [to(value_of(place, "trading_enabled"), new) for new in ("one", "two")]
    outcomes: list[str] = []

    def change(each: FlagChange) -> None:
        try:
            place.store.change([each], actor="tester")
            outcomes.append("done")
        except ConflictError:
            outcomes.append("refused")

    threads = [threading.Thread(target=change, args=(each,)) for each in wanted]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["done", "refused"]
    assert len(place.store.history("trading_enabled")) == 2


def test_flags_at_a_moment_are_what_they_were(place: Place) -> None:
    place.store.track()
    begun = between()
    place.by_hand("UPDATE flags SET value = 'false' WHERE key = 'trading_enabled'")
    halted = between()
    place.by_hand(
        "DELETE FROM flags WHERE key = 'canary_enabled'",
        "INSERT INTO flags (key, value) VALUES ('fresh', '1')",
    )
    now = between()
    found = {
        moment: {key: flag.value for key, flag in place.store.at(moment).flags.items()}
        for moment in (begun, halted, now)
    }
    assert found == {
        begun: FLAGS,
        halted: {**FLAGS, "trading_enabled": "false"},
        now: {"trading_enabled": "false", "max_notional": "1000", "fresh": "1"},
    }
    assert place.store.at(begun).of("fresh") is None


def test_a_moment_before_tracking_began_is_refused(place: Place) -> None:
    with pytest.raises(UsageError, match="not tracked yet"):
        place.store.at(now_less())
    place.store.track()
    with pytest.raises(UsageError, match="before the flags' history"):
        place.store.at(now_less(timedelta(days=1)))


def test_a_moment_in_a_gap_of_tracking_is_refused(place: Place) -> None:
    place.store.track()
    tracked = between()
    place.store.untrack()
    in_the_gap = between()
    place.by_hand("UPDATE flags SET value = 'false' WHERE key = 'trading_enabled'")
    place.store.track()
    now = between()
    with pytest.raises(UsageError, match="not tracked"):
        place.store.at(in_the_gap)
    then = place.store.at(tracked).of("trading_enabled")
    today = place.store.at(now).of("trading_enabled")
    assert then is not None
    assert today is not None
    assert (then.value, today.value) == ("true", "false")


def test_a_clock_that_was_set_back_makes_the_past_unknown(place: Place) -> None:
    place.store.track()
    place.by_hand(
        "INSERT INTO mechexo_flag_history (at, key, new, how, actor)"
        " VALUES ('2999-01-01T00:00:00.000000Z', 'max_notional', '5', 'update', '')",
        "UPDATE flags SET value = 'false' WHERE key = 'trading_enabled'",
    )
    with pytest.raises(UsageError, match="set back after 2999"):
        place.store.at(now_less())


def test_what_is_halted_is_halted_whatever_stood_there(place: Place) -> None:
    place.store.track()
    place.by_hand("UPDATE flags SET value = NULL WHERE key = 'trading_enabled'")
    [change] = place.store.replace_now(
        "trading_enabled", lambda flag: to(flag, "false"), actor="tester"
    )
    assert (change.old.value, change.new) == (None, "false")
    assert value_of(place, "trading_enabled").value == "false"


def test_what_the_choice_raises_changes_nothing(place: Place) -> None:
    def choose(flag: FlagValue) -> FlagChange:
        raise UsageError(f"not {flag.value}")

    with pytest.raises(UsageError, match="not true"):
        place.store.replace_now("trading_enabled", choose, actor="tester")
    assert value_of(place, "trading_enabled").value == "true"


def test_an_unknown_flag_is_named_with_what_is_close(place: Place) -> None:
    with pytest.raises(NotFoundError, match="did you mean trading_enabled"):
        place.store.replace_now("trading_enable", lambda flag: to(flag, "x"), actor="tester")


def test_the_history_can_be_asked_for_a_part(place: Place) -> None:
    place.store.track()
    start = between()
    for value in ("1", "2", "3"):
        place.by_hand(f"UPDATE flags SET value = '{value}' WHERE key = 'max_notional'")
    end = between()
    place.by_hand("UPDATE flags SET value = '4' WHERE key = 'max_notional'")
    assert [event.new for event in place.store.history("max_notional", 2)] == ["4", "3"]
    assert [e.new for e in place.store.history(start=start, end=end)] == ["3", "2", "1"]
    assert place.store.history("trading_enabled", start=start) == ()


def test_the_time_column_says_when_a_flag_was_set(place: Place) -> None:
    before = now_less(A_TICK)
    place.store.change([to(value_of(place, "trading_enabled"), "false")], actor="tester")
    assert before.timestamp() <= place.stamp("trading_enabled").timestamp()
    assert place.stamp("trading_enabled") <= now_less()


def test_a_table_that_is_not_there_is_said(place: Place) -> None:
    place.by_hand("DROP TABLE flags")
    with pytest.raises(UnreachableError, match="flags"):
        place.store.read()


@pytest.mark.slow
@pytest.mark.skipif(PROGRAMS is None, reason="no PostgreSQL server is installed")
class TestPostgreSQL:
    """What only PostgreSQL has: typed columns, TRUNCATE, rights."""

    @pytest.mark.parametrize(
        ("column", "first", "second", "read"),
        [
            ("boolean", "true", "false", False),
            ("integer", "1", "0", 0),
            ("double precision", "0.1", "0.25", 0.25),
            ("numeric(8,2)", "1.00", "2.50", "2.50"),
            ("jsonb", "'{\"a\": 1}'", "'[1, 2]'", "[1, 2]"),
            ("text", "'1'", "'1 '", "1 "),
        ],
    )
    def test_a_value_keeps_the_type_of_its_column(
        self, server: str, column: str, first: str, second: str, read: Scalar
    ) -> None:
        with in_postgresql(server) as place:
            place.by_hand(
                "DROP TABLE flags",
                "CREATE TABLE flags "
                f"(key text PRIMARY KEY, value {column}, updated_at timestamptz)",
                f"INSERT INTO flags VALUES ('one', {first})",
            )
            place.store.track()
            old = value_of(place, "one")
            place.by_hand(f"UPDATE flags SET value = {second}")
            now = value_of(place, "one")
            assert (type(now.value), now.value) == (type(read), read)
            place.store.change([to(now, old.value)], actor="tester")
            assert value_of(place, "one").value == old.value
            news = [event.new for event in place.store.history("one")]
            assert news == [old.value, now.value, old.value]
            assert place.store.at(between()).flags["one"].value == old.value

    def test_what_truncate_took_is_in_the_history(self, server: str) -> None:
        with in_postgresql(server) as place:
            place.store.track()
            place.by_hand("TRUNCATE flags")
            gone = {event.key: event.old for event in place.store.history(limit=3)}
            assert gone == FLAGS
            assert place.store.at(between()).flags == {}

    def test_a_trigger_that_is_off_is_noticed_and_put_back(self, server: str) -> None:
        with in_postgresql(server) as place:
            place.store.track()
            place.by_hand("ALTER TABLE flags DISABLE TRIGGER ALL")
            assert place.store.tracked() is None
            assert place.store.track()
            assert place.store.tracked() is not None

    def test_whoever_may_change_a_flag_needs_no_right_to_the_history(self, server: str) -> None:
        role = f"flow_{uuid4().hex[:8]}"
        with in_postgresql(server) as place:
            place.store.track()
            place.by_hand(
                f"CREATE ROLE {role} LOGIN",
                f"GRANT SELECT, UPDATE ON flags TO {role}",
                f"DO $$ BEGIN EXECUTE format('GRANT USAGE ON SCHEMA %I TO {role}', "
                "current_schema()); END $$",
                f"SET ROLE {role}",
                "UPDATE flags SET value = 'false' WHERE key = 'trading_enabled'",
            )
            assert place.store.history(limit=1)[0].new == "false"

    def test_a_server_that_is_not_there_is_unreachable(self) -> None:
        store = PostgresStore("postgresql://desk@127.0.0.1:1/desk", FlagSettings())
        with pytest.raises(UnreachableError, match="PostgreSQL"):
            store.read()

    def test_a_password_is_in_no_message(self) -> None:
        store = PostgresStore("postgresql://desk:hunter22@127.0.0.1:1/desk", FlagSettings())
        with pytest.raises(UnreachableError) as raised:
            store.track()
        assert "hunter22" not in str(raised.value)
