"""Flags go back with their flow in a safe order, and never towards more risk: 35, 37, 39."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mechexo.clock import VirtualClock
from mechexo.desk import Desk
from mechexo.errors import ConflictError, NotAllowedError
from mechexo.rollback import operations as rollback
from mechexo.rollback.applying import FailedError, NotPutBackError
from mechexo.rollback.flags.store import open_store
from mechexo.rollback.recovering import recover
from mechexo.rollback.restoring import NeedsPersonError
from mechexo.rollback.values import Plan, RunState
from rollback.carrying import around, carry_out, tree_of
from rollback.failing_files import FailingFiles, StopBefore, Stopped
from rollback.histories import History
from support.program import mechexo

pytestmark = pytest.mark.slow

CONFIG = """
[rollback]
repository = "repo"
[rollback.flows.reweight]
paths = ["**"]
flags = ["trading_enabled", "canary", "label", "size", "unlisted"]
[rollback.flags]
database = "trading.sqlite"
[rollback.flags.safer]
trading_enabled = "off"
canary = "off"
label = "neutral"
size = "lower"
"""
THEN = {"trading_enabled": 1, "canary": 0, "label": "old", "size": 5, "unlisted": "a"}
NOW = {"trading_enabled": 0, "canary": 1, "label": "new", "size": 9, "unlisted": "b"}


class Flags:
    """The desk's table of flags, changed by hand."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("CREATE TABLE flags (key TEXT PRIMARY KEY, value)")
            connection.commit()

    def set(self, **values: object) -> None:
        with closing(sqlite3.connect(self.path)) as connection:
            connection.executemany(
                "INSERT INTO flags VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value",
                list(values.items()),
            )
            connection.commit()

    def read(self) -> dict[str, object]:
        with closing(sqlite3.connect(self.path)) as connection:
            return dict(connection.execute("SELECT key, value FROM flags"))


@pytest.fixture
def desk(make_desk: Callable[..., Desk]) -> Desk:
    # The history of the flags goes by the machine's clock, so this desk's begins there too.
    return replace(make_desk(CONFIG), clock=VirtualClock(datetime.now(UTC)))


@pytest.fixture
def flags(desk: Desk) -> Flags:
    flags = Flags(desk.root / "trading.sqlite")
    flags.set(**THEN)
    return flags


@pytest.fixture
def deployed(desk: Desk, history: History, flags: Flags) -> datetime:
    """A deployment of code and flags together; the moment before it."""
    clock = desk.clock
    assert isinstance(clock, VirtualClock)
    history.commit({"code.py": "version = 1\n"}, clock.now() - timedelta(hours=1))
    open_store(desk).track()
    # A stamp of the history has milliseconds: the next one must be another.
    before = datetime.now(UTC)
    while datetime.now(UTC) - before < timedelta(milliseconds=2):
        pass
    flags.set(**NOW)
    history.commit({"code.py": "version = 2\n"}, clock.now() + timedelta(seconds=60))
    history.forget_reflog()
    clock.advance(timedelta(seconds=120))
    return before


def plan(desk: Desk, moment: datetime) -> Plan:
    return rollback.plan_flow(desk, "reweight", to=moment)


def test_case_35_what_adds_risk_is_not_restored_and_a_plan_of_its_own_offers_it(
    desk: Desk, history: History, flags: Flags, deployed: datetime
) -> None:
    made = plan(desk, deployed)
    assert {flag.name: (flag.direction, flag.when) for flag in made.flags} == {
        "trading_enabled": ("up", "re-arm"),
        "canary": ("down", "first"),
        "label": ("neutral", "after"),
        "size": ("down", "first"),
        "unlisted": ("unknown", "re-arm"),
    }
    run = carry_out(desk, made)
    assert flags.read() == {**THEN, "trading_enabled": 0, "unlisted": "b"}
    rearm = rollback.plan_rearm(desk, run.id)
    assert [flag.name for flag in rearm.flags] == ["trading_enabled", "unlisted"]
    carry_out(desk, rearm)
    assert flags.read() == THEN


def test_case_37_what_is_not_known_then_or_now_or_has_another_type_is_a_conflict(
    desk: Desk, history: History, flags: Flags, deployed: datetime
) -> None:
    flags.set(size="nine", label=None)
    with closing(sqlite3.connect(flags.path)) as connection:
        connection.execute("DELETE FROM flags WHERE key = 'canary'")
        connection.commit()
    made = plan(desk, deployed)
    [guard] = made.held_back
    assert guard.name == "flags known"
    for words in ("canary: it is not known now", "label: it is NULL now", "size: it is text now"):
        assert words in guard.detail
    with pytest.raises(NotAllowedError, match="flags known"):
        carry_out(desk, made)
    assert flags.read()["trading_enabled"] == 0


def test_case_39_the_flag_that_lowers_the_risk_is_off_before_any_file_is_written(
    desk: Desk, history: History, flags: Flags, deployed: datetime
) -> None:
    files = FailingFiles()
    carry_out(desk, plan(desk, deployed), around(files))
    written = next(i for i, what in enumerate(files.done) if what.startswith("create .mechexo-"))
    assert files.done.index("reached risk lowered") < written
    assert files.done.index("reached intent recorded") < files.done.index("reached risk lowered")


def test_a_run_of_the_flow_is_waited_for_after_the_risk_is_lowered(
    desk: Desk, history: History, flags: Flags, deployed: datetime
) -> None:
    seen: list[object] = []

    def under_way(flow: str) -> tuple[str, ...]:
        seen.append((flow, flags.read()["canary"], (history.root / "code.py").read_text()))
        return ("a run of reweight",) if len(seen) == 1 else ()

    carry_out(desk, plan(desk, deployed), around(under_way=under_way))
    assert seen == [("reweight", 0, "version = 2\n")] * 2


def test_a_flow_that_does_not_come_to_rest_leaves_the_files_and_the_flags_low(
    desk: Desk,
    history: History,
    flags: Flags,
    deployed: datetime,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("mechexo.rollback.applying.QUIET_WITHIN_S", 0.0)
    with pytest.raises(FailedError, match="still under way"):
        carry_out(desk, plan(desk, deployed), around(under_way=lambda _: ("a run",)))
    assert (history.root / "code.py").read_text() == "version = 2\n"
    assert flags.read() == {**NOW, "canary": 0, "size": 5}


def test_a_flag_changed_after_the_plan_refuses_it(
    desk: Desk, history: History, flags: Flags, deployed: datetime
) -> None:
    made = plan(desk, deployed)
    flags.set(label="newer")
    with pytest.raises(ConflictError, match="the flag label was changed"):
        carry_out(desk, made)
    # Also there and back: its version is another.
    flags.set(label="new")
    with pytest.raises(ConflictError, match="the flag label was changed"):
        carry_out(desk, made)


def test_undo_brings_neutral_flags_back_and_leaves_the_risk_low(
    desk: Desk, history: History, flags: Flags, deployed: datetime
) -> None:
    before = tree_of(history.root)
    run = carry_out(desk, plan(desk, deployed))
    undo = rollback.plan_undo(desk, run.id)
    undone = carry_out(desk, undo)
    assert tree_of(history.root) == before
    assert flags.read() == {**NOW, "canary": 0, "size": 5}
    carry_out(desk, rollback.plan_rearm(desk, undone.id, overrides=["rate"]))
    assert flags.read() == NOW


def test_a_flag_set_since_is_a_conflict_of_the_undo(
    desk: Desk, history: History, flags: Flags, deployed: datetime
) -> None:
    run = carry_out(desk, plan(desk, deployed))
    flags.set(label="newest")
    [guard] = rollback.plan_undo(desk, run.id).held_back
    assert guard.detail == "label: it was changed since"


def test_a_run_cut_off_at_any_step_leaves_neutral_flags_and_files_together(
    desk: Desk, history: History, flags: Flags, deployed: datetime
) -> None:
    before = tree_of(history.root)
    for change in range(1000):
        made = rollback.plan_flow(desk, "reweight", to=deployed, overrides=["rate"])
        files = FailingFiles(at=change)
        try:
            run = carry_out(desk, made, around(files))
        except Stopped:
            recover(desk, around())
            found = flags.read()
            assert found["label"] == ("new" if tree_of(history.root) == before else "old")
            assert found["trading_enabled"] == 0
            if tree_of(history.root) == before:
                continue
            run = rollback.run_by_id(desk, made.id)
        assert run.state is RunState.APPLIED
        assert flags.read()["label"] == "old"
        if change > 0 and not files.dead:
            break
        carry_out(desk, rollback.plan_undo(desk, run.id, overrides=["rate"]))


def test_a_neutral_flag_that_somebody_changed_after_a_cut_needs_a_person(
    desk: Desk, history: History, flags: Flags, deployed: datetime
) -> None:
    with pytest.raises(Stopped):
        carry_out(desk, plan(desk, deployed), around(StopBefore("reached flags set")))
    flags.set(label="third")
    code = (history.root / "code.py").read_text()
    with pytest.raises(NeedsPersonError, match="label is third"):
        recover(desk, around())
    assert (history.root / "code.py").read_text() == code
    flags.set(label="old")
    recover(desk, around())
    assert flags.read()["label"] == "new"


def test_flags_alone_go_back_without_a_repository(
    make_desk: Callable[..., Desk], desk: Desk, flags: Flags, deployed: datetime
) -> None:
    made = rollback.plan_flags(desk, "label", to=deployed)
    run = carry_out(desk, made)
    assert run.state is RunState.APPLIED
    assert flags.read() == {**NOW, "label": "old"}
    carry_out(desk, rollback.plan_undo(desk, run.id))
    assert flags.read() == NOW


def test_what_cannot_be_put_back_yet_stays_under_way_and_is_put_back_later(
    desk: Desk, history: History, flags: Flags, deployed: datetime
) -> None:
    before, aside = tree_of(history.root), flags.path.with_name("away")

    class Vanishing(FailingFiles):
        def reached(self, step: str) -> None:
            super().reached(step)
            if step == "ref moved":
                flags.path.rename(aside)

    with pytest.raises(NotPutBackError, match="could not be put back yet"):
        carry_out(desk, plan(desk, deployed), around(Vanishing()))
    [run] = rollback.runs(desk)
    assert run.state is RunState.UNDER_WAY
    aside.rename(flags.path)
    [ended] = recover(desk, around())
    assert ended.state is RunState.UNDONE
    assert tree_of(history.root) == before
    assert flags.read()["label"] == "new"


def test_flags_that_an_undone_rollback_lowered_are_named_and_can_be_set_again(
    desk: Desk, history: History, flags: Flags, deployed: datetime
) -> None:
    with pytest.raises(FailedError, match="canary, size stays low"):
        carry_out(desk, plan(desk, deployed), around(worse=lambda: ("a probe fails",)))
    [run] = rollback.runs(desk)
    rearm = rollback.plan_rearm(desk, run.id)
    assert [(flag.name, flag.new) for flag in rearm.flags] == [("canary", "1"), ("size", "9")]
    carry_out(desk, rearm)
    assert flags.read() == NOW


def test_flags_alone_need_no_repository_to_go_back_or_to_be_undone(
    make_desk: Callable[..., Desk],
) -> None:
    toml = CONFIG.replace('repository = "repo"\n', "")
    desk = replace(make_desk(toml), clock=VirtualClock(datetime.now(UTC)))
    flags = Flags(desk.root / "trading.sqlite")
    flags.set(label="old")
    open_store(desk).track()
    before = datetime.now(UTC)
    while datetime.now(UTC) - before < timedelta(milliseconds=2):
        pass
    flags.set(label="new")
    assert isinstance(desk.clock, VirtualClock)
    desk.clock.advance(timedelta(seconds=30))
    run = carry_out(desk, rollback.plan_flags(desk, "label", to=before))
    assert flags.read() == {"label": "old"}
    assert run.undo_plan
    carry_out(desk, rollback.plan_by_id(desk, run.undo_plan))
    assert flags.read() == {"label": "new"}


def test_a_flag_named_like_a_secret_is_neither_shown_nor_set(
    desk: Desk, history: History, flags: Flags, deployed: datetime
) -> None:
    flags.set(broker_api_key="hunter2-one")
    moment = datetime.now(UTC)
    while datetime.now(UTC) - moment < timedelta(milliseconds=2):
        pass
    flags.set(broker_api_key="hunter2-two")
    made = rollback.plan_flags(desk, "broker_api_key", to=moment)
    assert made.flags == ()
    [guard] = made.held_back
    assert "named like a secret" in guard.detail
    desk.state.close()
    assert b"hunter2" not in desk.state.path.read_bytes()


def test_a_secret_flag_is_set_without_its_value_being_shown_or_recorded(
    desk: Desk, history: History, flags: Flags, deployed: datetime
) -> None:
    flags.set(api_token="hunter2-old")
    for words in (
        ["set", "api_token", "hunter2-new", "--yes"],
        ["set", "api_token", "hunter2-new", "--yes", "--json"],
        *(["list"], ["list", "--json"], ["list", "--csv"]),
        *(["history"], ["history", "--json"], ["history", "--csv"]),
    ):
        done = mechexo("flags", *words, config=desk.config_path)
        assert done.returncode == 0, done.stderr
        told = done.stdout + done.stderr
        assert "api_token" in told
        assert "hunter2" not in told, words
    assert flags.read()["api_token"] == "hunter2-new"
    assert not [e for e in desk.audit_entries() if "hunter2" in str(e.payload)]
