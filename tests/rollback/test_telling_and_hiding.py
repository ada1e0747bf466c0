"""Cases 42 and 43: a secret is shown nowhere, and a chat that is down holds nothing up."""

from __future__ import annotations

import socket
import sqlite3
import stat
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mechexo import rolling_back
from mechexo.alerts.reading import deliveries, list_alerts
from mechexo.alerts.retry import LONGEST_DELAY
from mechexo.clock import VirtualClock
from mechexo.desk import Desk
from mechexo.rollback import operations as rollback
from mechexo.rollback.flags.store import open_store
from mechexo.rollback.restoring import NeedsPersonError
from mechexo.rollback.values import RunState
from mechexo.watch import tick
from rollback.carrying import around, carry_out
from rollback.failing_files import StopBefore, Stopped
from rollback.histories import History, at
from support.sinks import Sink

pytestmark = pytest.mark.slow

CONFIG = """
[quiet_hours]
enabled = false
[rollback]
repository = "repo"
configs = ["config/**"]
[rollback.limits]
age = "3650d"
"""
SECRET = "hunter2hunter2"


@pytest.fixture
def secretive(history: History) -> History:
    history.commit({"config/db.yaml": f"password: {SECRET}-old\nlimit: 1\n"}, at(1))
    history.commit({"config/db.yaml": f"password: {SECRET}-new\nlimit: 2\n"}, at(2))
    return history


def test_case_42_a_secret_in_the_diff_is_nowhere_but_in_the_files_themselves(
    make_desk: Callable[..., Desk], secretive: History
) -> None:
    desk = make_desk(f'{CONFIG}[channels.box]\nurl = "file://mailbox.jsonl"\n')
    plan = rollback.plan_config(desk, "config/db.yaml", to=at(1))
    assert "-password: ***" in plan.diff
    assert [(key.path, key.old, key.new) for key in plan.keys] == [
        ("password", "***", "***"),
        ("limit", "2", "1"),
    ]
    run = rolling_back.apply(desk, plan.id, confirm=plan.digest[:8], reason="test")
    undo = rollback.plan_by_id(desk, run.undo_plan)
    rolling_back.apply(desk, undo.id, confirm=undo.digest[:8], reason="test")
    tick(desk)
    desk.state.close()
    for place in desk.root.rglob("*"):
        if place.is_file() and secretive.root not in place.parents:
            assert SECRET.encode() not in place.read_bytes(), place
            if place.parent.name == "state":
                assert stat.S_IMODE(place.stat().st_mode) == 0o600, place
    assert (secretive.root / "config/db.yaml").read_text().startswith(f"password: {SECRET}-new")


def test_the_journal_is_for_its_owner_only(
    make_desk: Callable[..., Desk], secretive: History
) -> None:
    desk = make_desk(CONFIG)
    plan = rollback.plan_config(desk, "config/db.yaml", to=at(1))
    with pytest.raises(Stopped):
        carry_out(desk, plan, around(StopBefore("reached ref moved")))
    [journal] = desk.state.path.parent.glob("*.rollback")
    kept = [journal, *journal.rglob("*")]
    assert len(kept) > 3
    assert all(stat.S_IMODE(each.stat().st_mode) & 0o077 == 0 for each in kept if each.is_file())
    assert stat.S_IMODE(journal.stat().st_mode) == 0o700


def test_case_43_the_rollback_succeeds_with_the_chat_down_and_the_message_comes_once(
    make_desk: Callable[..., Desk], history: History
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    clock = VirtualClock(datetime.now(UTC))
    desk = replace(
        make_desk(f'{CONFIG}[channels.chat]\nurl = "json://127.0.0.1:{port}/hook"\n'), clock=clock
    )
    history.commit({"config/a.yaml": "limit: 1\n"}, at(1))
    history.commit({"config/a.yaml": "limit: 2\n"}, at(2))
    plan = rollback.plan_config(desk, "config/a.yaml", to=at(1))
    run = rolling_back.apply(desk, plan.id, confirm=plan.digest[:8])
    assert run.state is RunState.APPLIED
    tick(desk)
    assert [each.state for each in deliveries(desk)] == ["due"]
    assert deliveries(desk)[0].detail
    with Sink(port) as chat:
        for _ in range(4):
            clock.advance(LONGEST_DELAY + timedelta(seconds=1))
            tick(desk)
        [said] = [str(each) for each in chat.got if f"Rollback {run.id}" in str(each)]
    assert "applied" in said


def test_a_rollback_that_needs_a_person_raises_a_critical_alert_until_it_is_settled(
    make_desk: Callable[..., Desk], history: History
) -> None:
    desk = make_desk(CONFIG)
    history.commit({"config/a.yaml": "limit: 1\n"}, at(1))
    history.commit({"config/a.yaml": "limit: 2\n"}, at(2))
    plan = rollback.plan_config(desk, "config/a.yaml", to=at(1))
    with pytest.raises(Stopped):
        carry_out(desk, plan, around(StopBefore("reached ref moved")))
    place = history.write("config/a.yaml", "limit: 7\n")
    tick(desk)
    [alert] = [each for each in list_alerts(desk) if each.key == "tick:rollback"]
    assert alert.severity == "critical"
    assert "config/a.yaml" in alert.summary
    with pytest.raises(NeedsPersonError, match=r"config/a\.yaml"):
        carry_out(desk, plan)
    place.write_text("limit: 1\n")
    tick(desk)
    tick(desk)
    assert place.read_text() == "limit: 2\n"
    assert [each for each in list_alerts(desk) if each.key == "tick:rollback"] == []


def test_the_tick_finishes_what_was_cut_off(
    make_desk: Callable[..., Desk], history: History, tmp_path: Path
) -> None:
    desk = make_desk(CONFIG)
    history.commit({"config/a.yaml": "limit: 1\n"}, at(1))
    history.commit({"config/a.yaml": "limit: 2\n"}, at(2))
    plan = rollback.plan_config(desk, "config/a.yaml", to=at(1))
    with pytest.raises(Stopped):
        carry_out(desk, plan, around(StopBefore("reached ref moved")))
    assert (history.root / "config/a.yaml").read_text() == "limit: 1\n"
    tick(desk)
    assert (history.root / "config/a.yaml").read_text() == "limit: 2\n"
    assert rollback.run_by_id(desk, plan.id).state is RunState.UNDONE


def test_a_halt_that_the_rollback_itself_brings_about_is_no_damage(
    make_desk: Callable[..., Desk], history: History
) -> None:
    desk = make_desk(
        f"{CONFIG}"
        '[rollback.flows.trade]\npaths = ["**"]\nflags = ["trading_enabled"]\n'
        '[rollback.flags]\ndatabase = "trading.sqlite"\n'
        '[rollback.flags.safer]\ntrading_enabled = "off"\n'
        '[probes.halt]\nkind = "flag"\ncard = "trading"\nseverity = "critical"\nfail_after = 1\n'
        'halts_trading = true\ndatabase = "trading.sqlite"\ntable = "flags"\nkey_column = "key"\n'
        'key = "trading_enabled"\nexpect = true\nevery = "1s"\n',
        mode="live",
    )
    clock = VirtualClock(datetime.now(UTC))
    desk = replace(desk, clock=clock)
    with closing(sqlite3.connect(desk.root / "trading.sqlite")) as connection:
        connection.execute("CREATE TABLE flags (key TEXT PRIMARY KEY, value)")
        connection.execute("INSERT INTO flags VALUES ('trading_enabled', 0)")
        connection.commit()
        open_store(desk).track()
        before = clock.now() + timedelta(seconds=1)
        history.commit({"code.py": "version = 1\n"}, before)
        history.commit({"code.py": "version = 2\n"}, before + timedelta(seconds=5))
        history.forget_reflog()
        clock.advance(timedelta(seconds=10))
        tick_until_on(desk, connection)
        plan = rollback.plan_flow(desk, "trade", to=before, overrides=["market hours"])
        assert [(flag.name, flag.when) for flag in plan.flags] == [("trading_enabled", "first")]
        run = rolling_back.apply(desk, plan.id, confirm=plan.digest[:8], reason="halt it")
        assert run.state is RunState.APPLIED
        [[value]] = connection.execute("SELECT value FROM flags")
        assert value == 0


def tick_until_on(desk: Desk, connection: sqlite3.Connection) -> None:
    """Switches trading on and lets a tick see it, so that a halt is something new."""
    connection.execute("UPDATE flags SET value = 1")
    connection.execute(
        "UPDATE mechexo_flag_history SET at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '+6 seconds') "
        "WHERE seq = (SELECT max(seq) FROM mechexo_flag_history)"
    )
    connection.commit()
    tick(desk)
    assert isinstance(desk.clock, VirtualClock)
    desk.clock.advance(timedelta(seconds=30))
