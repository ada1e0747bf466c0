"""Changes of flags among what happened: by whatever hand, with their direction and way back."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mechexo.clock import SystemClock
from mechexo.desk import Desk
from mechexo.rollback import happened
from mechexo.rollback.flags.store import open_store
from mechexo.rollback.happenings import Gap, Happening, Kind, Watch
from mechexo.rollback.ranking import rank
from rollback.histories import History

TOML = """
[rollback]
repository = "repo"
configs = ["config/*"]
[rollback.flows.reweight]
paths = ["flows/reweight.py"]
flags = ["speed"]
[rollback.flags]
database = "sqlite:///flags.sqlite"
safer = { trading_enabled = "off", speed = "lower" }
"""


def by_hand(desk: Desk, statement: str) -> None:
    """As the sqlite3 shell would: mechexo is not asked."""
    connection = sqlite3.connect(desk.root / "flags.sqlite", isolation_level=None)
    try:
        connection.execute(statement)
    finally:
        connection.close()


@pytest.fixture
def desk(make_desk: Callable[..., Desk], tmp_path: Path) -> Desk:
    """Flags whose history is kept by the database's own clock."""
    History.begin(tmp_path / "desk" / "repo")
    made = replace(make_desk(TOML), clock=SystemClock())
    by_hand(made, "CREATE TABLE flags (key TEXT PRIMARY KEY, value)")
    by_hand(made, "INSERT INTO flags VALUES ('trading_enabled', 1), ('speed', 3), ('api_key', 'a')")
    return made


def look(desk: Desk) -> tuple[list[Happening], tuple[Gap, ...]]:
    now = datetime.now(UTC)
    hour = timedelta(hours=1)
    found = happened.happened(desk, Watch(now + hour), start=now - hour, end=now + hour)
    flags = [each for each in found.happenings if each.kind is Kind.FLAG]
    return sorted(flags, key=lambda each: (each.at, each.key)), found.gaps


def test_a_change_by_hand_is_told_with_both_values_its_flow_and_its_rollback(desk: Desk) -> None:
    open_store(desk).track()
    by_hand(desk, "UPDATE flags SET value = 5 WHERE key = 'speed'")
    (flag,), _ = look(desk)
    assert flag.what == "speed is 5, was 3"
    assert (flag.flags, flag.flows, flag.adds_risk) == (("speed",), ("reweight",), True)
    assert flag.remedy is not None
    assert (flag.remedy.kind, flag.remedy.name) == ("flags", "speed")
    assert flag.remedy.to is not None
    assert flag.at - flag.remedy.to == timedelta(microseconds=1)
    assert flag.remedy.command.startswith("mechexo rollback plan flags speed --to 2")


def test_replaced_new_and_removed_flags_are_told(desk: Desk) -> None:
    open_store(desk).track()
    by_hand(desk, "INSERT OR REPLACE INTO flags VALUES ('trading_enabled', 0)")
    by_hand(desk, "INSERT INTO flags VALUES ('fresh', 'x')")
    by_hand(desk, "DELETE FROM flags WHERE key = 'fresh'")
    flags, _ = look(desk)
    assert [(flag.what, flag.adds_risk, flag.remedy is None) for flag in flags] == [
        ("trading_enabled is 0, was 1", False, False),
        ("fresh is new: x", False, True),
        ("fresh is gone, was x", False, True),
    ]
    assert flags[1].no_remedy == "a rollback neither makes nor removes a flag"


def test_the_flag_that_an_alert_watches_is_suspected_for_it(desk: Desk) -> None:
    open_store(desk).track()
    by_hand(desk, "UPDATE flags SET value = 0 WHERE key = 'trading_enabled'")
    flags, _ = look(desk)
    watch = Watch(flags[0].at + timedelta(minutes=4), flags=("trading_enabled",))
    (first,) = rank(flags, watch)
    assert first.why == "is flag trading_enabled, which the alert watches, 4 min before"


def test_the_value_of_a_flag_that_is_named_like_a_secret_is_not_shown(desk: Desk) -> None:
    open_store(desk).track()
    by_hand(desk, "UPDATE flags SET value = 'hunter2hunter2' WHERE key = 'api_key'")
    (flag,), _ = look(desk)
    assert "hunter2" not in flag.what
    assert flag.what.startswith("api_key is ")


def test_without_a_history_it_is_unknown_and_said_how_to_keep_one(desk: Desk) -> None:
    _, gaps = look(desk)
    (gap,) = [gap for gap in gaps if gap.source == "flag changes"]
    assert gap.unknown
    assert gap.reason.endswith("keep one with: mechexo flags track")


def test_since_when_changes_are_known_is_noted(desk: Desk) -> None:
    open_store(desk).track()
    _, gaps = look(desk)
    (gap,) = [gap for gap in gaps if gap.source == "flag changes"]
    assert not gap.unknown
    assert gap.reason.startswith("known since ")
    now = datetime.now(UTC) + timedelta(hours=2)
    later = happened.happened(desk, Watch(now), start=now - timedelta(hours=1), end=now)
    assert not [gap for gap in later.gaps if gap.source == "flag changes"]


def test_a_database_that_is_gone_is_unknown_and_the_commits_are_there(
    desk: Desk, tmp_path: Path
) -> None:
    (tmp_path / "desk" / "flags.sqlite").unlink()
    history = History(tmp_path / "desk" / "repo")
    history.commit({"config/a.yaml": "1\n"}, datetime.now(UTC))
    now = datetime.now(UTC) + timedelta(minutes=1)
    found = happened.happened(desk, Watch(now), start=now - timedelta(hours=1), end=now)
    assert [each.kind for each in found.happenings] == [Kind.COMMIT]
    assert [(gap.source, gap.unknown) for gap in found.gaps] == [("flag changes", True)]


def test_without_configured_flags_there_is_nothing_to_say_of_them(
    make_desk: Callable[..., Desk], tmp_path: Path
) -> None:
    History.begin(tmp_path / "desk" / "repo")
    assert look(make_desk('[rollback]\nrepository = "repo"\n')) == ([], ())
