"""Who may set which flag how, and what stays on record of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from mechexo.clock import SystemClock
from mechexo.config.loading import load_settings
from mechexo.desk import Desk
from mechexo.errors import (
    BusyError,
    ConfigError,
    ConflictError,
    NotAllowedError,
    NotFoundError,
    UnreachableError,
    UsageError,
)
from mechexo.rollback.flags import operations, spool
from mechexo.rollback.flags.direction import direction
from mechexo.rollback.flags.operations import UnconfirmedError
from mechexo.rollback.flags.sqlite_store import SqliteStore
from mechexo.rollback.flags.values import Direction, kind
from mechexo.state import State
from rollback.flags.places import SETTINGS, between, flag_in, now_less, run

pytestmark = pytest.mark.slow

FlagDesk = Callable[..., Desk]
HALTED = "UPDATE flags SET value = 'false' WHERE key = 'trading_enabled'"


def entries(desk: Desk) -> list[tuple[str, str, str]]:
    return [(e.action, e.target, e.outcome) for e in desk.audit_entries(only=("flags.*",))]


def confirmed(desk: Desk, key: str, word: str, **more: str) -> operations.FlagSet:
    with pytest.raises(UnconfirmedError) as asked:
        operations.set_flag(desk, key, word, **more)
    return operations.set_flag(desk, key, word, confirmed=asked.value.change, **more)


def test_case_35_a_change_to_more_risk_says_so_and_asks(
    as_role: FlagDesk, flags_file: Path
) -> None:
    desk = as_role("operator")
    run(flags_file, HALTED)
    with pytest.raises(UnconfirmedError, match="trading_enabled: false -> true adds risk") as asked:
        operations.set_flag(desk, "trading_enabled", "on", reason="all clear")
    assert asked.value.exit_code == 3
    assert asked.value.change.direction is Direction.UP
    assert flag_in(flags_file) == "false"
    assert entries(desk) == []


def test_a_confirmed_change_is_made_and_on_record(as_role: FlagDesk, flags_file: Path) -> None:
    desk = as_role("operator")
    run(flags_file, HALTED)
    done = confirmed(desk, "trading_enabled", "on", reason="all clear")
    assert (done.changed, done.note, flag_in(flags_file)) == (True, "", "true")
    [entry] = desk.audit_entries(only=("flags.*",))
    said = json.loads(entry.payload)
    assert (entry.who, said["before"], said["after"], said["reason"], said["direction"]) == (
        "a-operator",
        "false",
        "true",
        "all clear",
        "up",
    )


def test_what_moved_since_it_was_confirmed_is_not_set(as_role: FlagDesk, flags_file: Path) -> None:
    desk = as_role("operator")
    with pytest.raises(UnconfirmedError) as asked:
        operations.set_flag(desk, "max_notional", "2000", reason="more")
    run(flags_file, "UPDATE flags SET value = '10' WHERE key = 'max_notional'")
    with pytest.raises(ConflictError, match="max_notional is 10 by now, not 1000"):
        operations.set_flag(
            desk, "max_notional", "2000", reason="more", confirmed=asked.value.change
        )
    assert flag_in(flags_file, "max_notional") == "10"
    assert entries(desk) == []


def test_a_confirmation_of_something_else_is_none(as_role: FlagDesk, flags_file: Path) -> None:
    desk = as_role("operator")
    with pytest.raises(UnconfirmedError) as asked:
        operations.set_flag(desk, "max_notional", "2000", reason="more")
    with pytest.raises(UnconfirmedError, match="1000 -> 9000"):
        operations.set_flag(
            desk, "max_notional", "9000", reason="more", confirmed=asked.value.change
        )


def test_a_flag_that_is_not_listed_may_add_risk(as_role: FlagDesk, flags_file: Path) -> None:
    desk = as_role("operator")
    with pytest.raises(UnconfirmedError, match="may add risk"):
        operations.set_flag(desk, "canary_enabled", "off", reason="quiet")


def test_a_neutral_flag_needs_no_confirmation(as_role: FlagDesk, flags_file: Path) -> None:
    desk = as_role("operator", 'canary_enabled = "neutral"\n')
    assert operations.set_flag(desk, "canary_enabled", "off", reason="quiet").changed
    assert flag_in(flags_file, "canary_enabled") == "off"


def test_more_risk_on_a_live_desk_needs_a_reason_and_less_does_not(
    as_role: FlagDesk, flags_file: Path
) -> None:
    desk = as_role("operator")
    assert operations.set_flag(desk, "trading_enabled", "off").changed
    with pytest.raises(UsageError, match="needs a reason"):
        confirmed(desk, "trading_enabled", "on")
    assert flag_in(flags_file) == "false"


@pytest.mark.parametrize(
    ("role", "may"), [("viewer", ""), ("responder", "down"), ("operator", "up"), ("admin", "up")]
)
def test_each_role_may_do_what_it_may(
    as_role: FlagDesk, flags_file: Path, role: str, may: str
) -> None:
    desk = as_role(role)
    assert len(operations.list_flags(desk).flags) == 3
    if may:
        assert operations.set_flag(desk, "trading_enabled", "off").changed
    else:
        with pytest.raises(NotAllowedError, match="needs the role responder"):
            operations.set_flag(desk, "trading_enabled", "off")
        run(flags_file, HALTED)
    if may == "up":
        assert confirmed(desk, "trading_enabled", "on", reason="all clear").changed
    elif may:
        with pytest.raises(NotAllowedError, match="needs the role operator"):
            operations.set_flag(desk, "trading_enabled", "on", reason="all clear")
        assert ("flags.set", "trading_enabled", "refused") in entries(desk)
        assert flag_in(flags_file) == "false"


@pytest.mark.parametrize("role", ["viewer", "responder", "operator"])
def test_only_an_admin_begins_or_ends_a_history(as_role: FlagDesk, role: str) -> None:
    for work in (operations.track, operations.untrack):
        with pytest.raises(NotAllowedError, match="needs the role admin"):
            work(as_role(role), reason="history")


def test_tracking_is_on_record_once(as_role: FlagDesk, flags_file: Path) -> None:
    desk = as_role()
    began, since = operations.track(desk, reason="history")
    assert began
    assert operations.track(desk, reason="again") == (False, since)
    assert entries(desk) == [("flags.track", "flags", "done")]
    assert operations.list_flags(desk).tracked_since == since
    assert operations.untrack(desk, reason="enough")
    assert operations.list_flags(desk).tracked_since is None
    assert len(entries(desk)) == 2


def test_the_list_says_who_changed_each_flag_last(as_role: FlagDesk, flags_file: Path) -> None:
    desk = as_role()
    operations.track(desk, reason="history")
    operations.set_flag(desk, "trading_enabled", "off")
    run(flags_file, "UPDATE flags SET value = '5' WHERE key = 'max_notional'")
    last = {flag.key: flag.last and flag.last.actor for flag in operations.list_flags(desk).flags}
    assert last == {"trading_enabled": "a-admin", "max_notional": "", "canary_enabled": None}


def test_the_history_of_a_flag_that_never_was_is_refused(
    as_role: FlagDesk, flags_file: Path
) -> None:
    desk = as_role()
    operations.track(desk, reason="history")
    assert len(operations.history(desk)) == 4
    with pytest.raises(NotFoundError, match="did you mean trading_enabled"):
        operations.history(desk, "trading_enable")
    run(flags_file, "DELETE FROM flags WHERE key = 'canary_enabled'")
    assert [event.how for event in operations.history(desk, "canary_enabled")] == ["delete", "seen"]


def test_a_word_that_the_flag_cannot_hold_is_refused(as_role: FlagDesk, flags_file: Path) -> None:
    run(
        flags_file,
        "DROP TABLE flags",
        "CREATE TABLE flags (key TEXT PRIMARY KEY, value, updated_at TEXT)",
        "INSERT INTO flags VALUES ('max_notional', 1000, '')",
    )
    with pytest.raises(UsageError, match="max_notional: the flag holds a number"):
        operations.set_flag(as_role(), "max_notional", "much")


def test_a_flag_that_was_set_is_on_record_also_when_the_audit_log_gave_way_meanwhile(
    as_role: FlagDesk, flags_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = as_role()
    with pytest.raises(UnconfirmedError) as asked:
        operations.set_flag(desk, "max_notional", "2000", reason="more")
    real = State.write

    def gives_way(state: State, *waiting: float):
        """As when the disk is full at the moment of the commit."""
        monkeypatch.setattr(State, "write", refuses)
        return real(state, *waiting)

    def refuses(state: State, *waiting: float):
        raise BusyError("no room")

    from mechexo.desk import Desk as DeskClass

    plain = DeskClass._append

    def fails(*arguments: object) -> None:
        plain(*arguments)  # type: ignore[arg-type]
        raise BusyError("no room")

    monkeypatch.setattr(State, "write", gives_way)
    monkeypatch.setattr(DeskClass, "_append", fails)
    done = operations.set_flag(
        desk, "max_notional", "2000", reason="more", confirmed=asked.value.change
    )
    monkeypatch.undo()
    assert flag_in(flags_file, "max_notional") == "2000"
    assert "its record waits in" in done.note
    assert spool.merge(desk) == 1
    assert entries(desk) == [("flags.set", "max_notional", "done")]


def test_case_37_the_store_says_what_is_unknown_and_what_changed_its_type(
    flags_file: Path,
) -> None:
    run(
        flags_file,
        "DROP TABLE flags",
        "CREATE TABLE flags (key TEXT PRIMARY KEY, value, updated_at TEXT)",
        "INSERT INTO flags VALUES ('gone', 1, ''), ('retyped', 1, '')",
    )
    store = SqliteStore(flags_file, SETTINGS, SystemClock())
    store.track()
    moment = between()
    run(
        flags_file,
        "DELETE FROM flags WHERE key = 'gone'",
        "INSERT INTO flags VALUES ('fresh', 1, '')",
        "UPDATE flags SET value = 'perhaps' WHERE key = 'retyped'",
    )
    then, now = store.at(moment), {flag.key: flag for flag in store.read()}
    assert then.of("fresh") is None
    assert "gone" not in now
    was = then.of("retyped")
    assert was is not None
    assert (kind(was.value), kind(now["retyped"].value)) == ("integer", "text")
    assert direction(now["retyped"].value, was.value, "off") is Direction.UNKNOWN
    with pytest.raises(UsageError, match="before the flags' history"):
        store.at(now_less(timedelta(days=1)))


@pytest.mark.parametrize(
    ("database", "said"),
    [
        ("", "database is not set"),
        ("mysql://host/desk", "neither sqlite:///path"),
    ],
)
def test_a_database_of_no_known_kind_is_a_mistake_of_the_configuration(
    make_desk: Callable[..., Desk], database: str, said: str
) -> None:
    desk = make_desk(f'[rollback.flags]\ndatabase = "{database}"\n')
    with pytest.raises(ConfigError, match=said):
        operations.list_flags(desk)


def test_a_database_that_is_not_there_is_unreachable_and_is_not_made(
    make_desk: Callable[..., Desk],
) -> None:
    desk = make_desk('[rollback.flags]\ndatabase = "nowhere.sqlite"\n')
    for work in (
        lambda: operations.list_flags(desk),
        lambda: operations.set_flag(desk, "x", "off"),
        lambda: operations.track(desk),
    ):
        with pytest.raises(UnreachableError, match=r"nowhere\.sqlite"):
            work()
    assert not desk.path("nowhere.sqlite").exists()


def test_a_password_in_the_address_is_refused(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk()
    text = desk.config_path.read_text()
    address = "postgresql://desk:hunter22@db/desk"
    desk.config_path.write_text(f'{text}[rollback.flags]\ndatabase = "{address}"\n')
    with pytest.raises(ConfigError, match=r"\[rollback.flags\] database holds a password") as said:
        load_settings(desk.config_path)
    assert "hunter22" not in str(said.value)
