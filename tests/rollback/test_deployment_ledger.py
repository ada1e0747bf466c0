"""The deployment ledger: what it is told, by whom, and that nothing in it changes again."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from mechexo.actor import Actor
from mechexo.clock import VirtualClock
from mechexo.desk import Desk
from mechexo.errors import NotAllowedError, NotFoundError, UsageError
from mechexo.rollback import ledger, run_records
from mechexo.rollback import operations as rollback
from mechexo.rollback.ledger import Deployment
from mechexo.rollback.ledger_operations import checkout_moved, deployed
from rollback.carrying import carry_out
from rollback.histories import History, at

pytestmark = pytest.mark.slow

PATH = "config/risk.yaml"
CONFIG = """
[rollback]
repository = "repo"
configs = ["config/**"]
[rollback.limits]
age = "3650d"
[rollback.flows.reweight]
paths = ["config/**"]
[flows.bars]
"""


@pytest.fixture
def desk(make_desk: Callable[..., Desk]) -> Desk:
    return make_desk(CONFIG)


def rows(desk: Desk, history: History, **which: str) -> tuple[Deployment, ...]:
    return ledger.read(desk.state, str(history.root), **which)


@pytest.mark.parametrize("flow", ["reweight", "bars"])
def test_a_flow_that_is_said_to_be_deployed_is_on_record_with_what_is_checked_out(
    desk: Desk, history: History, clock: VirtualClock, flow: str
) -> None:
    head = history.commit({PATH: "a\n"}, at(1))
    told = deployed(desk, flow)
    assert rows(desk, history, flow=flow) == (told.deployment,)
    row = told.deployment
    assert (row.oid, row.flow, row.how, row.ref) == (head, flow, "command", "refs/heads/main")
    assert (row.at, row.actor) == (clock.now(), "tester")
    [entry] = desk.audit_entries(only=["flows.deployed"])
    assert (entry.target, entry.outcome) == (flow, "done")
    assert head in entry.payload


def test_what_one_flow_runs_says_nothing_of_the_others(desk: Desk, history: History) -> None:
    history.commit({PATH: "a\n"}, at(1))
    deployed(desk, "bars")
    assert rows(desk, history, flow="reweight") == ()
    assert rows(desk, history) == ()


def test_an_older_commit_is_named_by_the_beginning_of_its_id(desk: Desk, history: History) -> None:
    first = history.commit({PATH: "a\n"}, at(1))
    history.commit({PATH: "b\n"}, at(2))
    assert deployed(desk, "reweight", first[:9]).deployment.oid == first


def test_a_flow_that_nobody_configured_is_refused_with_close_names(
    desk: Desk, history: History
) -> None:
    history.commit({PATH: "a\n"}, at(1))
    with pytest.raises(NotFoundError, match="did you mean reweight"):
        deployed(desk, "rewieght")
    assert desk.audit_entries(only=["flows.deployed"]) == ()


def test_a_commit_that_git_has_cleared_away_cannot_have_been_deployed(
    desk: Desk, history: History
) -> None:
    history.commit({PATH: "a\n"}, at(1))
    lost = history.commit({PATH: "b\n"}, at(2))
    deployed(desk, "reweight")
    history.git("reset", "--quiet", "--hard", "HEAD~1")
    history.forget_reflog()
    history.git("gc", "--quiet", "--prune=now")
    with pytest.raises(UsageError, match="cleared it away"):
        deployed(desk, "reweight", lost)


def test_a_viewer_cannot_say_what_was_deployed(desk: Desk, history: History) -> None:
    history.commit({PATH: "a\n"}, at(1))
    viewer = desk.acting_as(Actor(desk.actor.uid + 1, "guest"))
    with pytest.raises(NotAllowedError, match="operator"):
        deployed(viewer, "reweight")
    assert rows(desk, history, flow="reweight") == ()


def test_on_a_live_desk_a_deployment_needs_a_reason(
    make_desk: Callable[..., Desk], history: History
) -> None:
    live = make_desk(CONFIG, mode="live")
    history.commit({PATH: "a\n"}, at(1))
    with pytest.raises(UsageError, match="--reason"):
        deployed(live, "reweight")
    deployed(live, "reweight", reason="release 7")
    checkout_moved(live)


def test_a_commit_on_hold_is_deployed_again_only_when_it_is_released(
    desk: Desk, history: History
) -> None:
    history.commit({PATH: "a\n"}, at(1))
    bad = history.commit({PATH: "b\n"}, at(2))
    carry_out(desk, rollback.plan_config(desk, PATH, to=at(1)))
    with pytest.raises(NotAllowedError, match="--release-hold"):
        deployed(desk, "reweight", bad)
    told = deployed(desk, "reweight", bad, release_hold=True)
    assert told.released
    assert run_records.holds(desk.state) == ()


def test_the_hook_tells_each_move_of_the_checkout_once(
    desk: Desk, history: History, clock: VirtualClock
) -> None:
    assert checkout_moved(desk) is None
    first = history.commit({PATH: "a\n"}, at(1))
    checkout_moved(desk)
    assert checkout_moved(desk) is None
    clock.advance(timedelta(minutes=1))
    history.git("switch", "--quiet", "-c", "try")
    checkout_moved(desk)
    history.git("switch", "--quiet", "--detach")
    checkout_moved(desk)
    assert [(row.oid, row.ref, row.how) for row in rows(desk, history)] == [
        (first, "refs/heads/main", "hook"),
        (first, "refs/heads/try", "hook"),
        (first, "", "hook"),
    ]
    assert len(rows(desk, history, ref="refs/heads/try")) == 1


def test_the_hook_of_somebody_who_may_only_look_is_believed_for_git_itself_is_asked(
    desk: Desk, history: History
) -> None:
    head = history.commit({PATH: "a\n"}, at(1))
    told = checkout_moved(desk.acting_as(Actor(desk.actor.uid + 1, "guest")))
    assert told is not None
    assert (told.deployment.oid, told.deployment.actor) == (head, "guest")


def test_the_hook_says_of_a_commit_that_it_is_on_hold_and_records_it_all_the_same(
    desk: Desk, history: History
) -> None:
    history.commit({PATH: "a\n"}, at(1))
    bad = history.commit({PATH: "b\n"}, at(2))
    carry_out(desk, rollback.plan_config(desk, PATH, to=at(1)))
    history.git("reset", "--quiet", "--hard", bad)
    told = checkout_moved(desk)
    assert told is not None
    assert "on hold" in told.on_hold
    assert rows(desk, history)[-1].oid == bad


def test_what_the_ledger_says_of_a_time_is_told_newest_first_with_what_was_before(
    desk: Desk, history: History, clock: VirtualClock
) -> None:
    start = clock.now()
    told = []
    for text in ("a\n", "b\n", "c\n"):
        history.commit({PATH: text}, at(1))
        told.append(deployed(desk, "reweight").deployment)
        clock.advance(timedelta(hours=1))
    found = ledger.within(
        desk.state, str(history.root), start=start, end=start + timedelta(hours=1)
    )
    assert found == (told[1], told[0])
    assert ledger.before(desk.state, told[1]) == told[0]
    assert ledger.before(desk.state, told[0]) is None


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE deployment SET oid = 'x'",
        "DELETE FROM deployment",
        "INSERT OR REPLACE INTO deployment SELECT seq, at, repository, ref, 'x', flow, how, actor,"
        " plan_id FROM deployment",
    ],
)
def test_the_ledger_cannot_be_changed_also_not_by_the_shell(
    desk: Desk, history: History, statement: str
) -> None:
    history.commit({PATH: "a\n"}, at(1))
    deployed(desk, "reweight")
    before = rows(desk, history, flow="reweight")
    with (
        pytest.raises(sqlite3.IntegrityError, match="append-only"),
        sqlite3.connect(desk.state.path) as shell,
    ):
        shell.execute(statement)
    assert rows(desk, history, flow="reweight") == before


def test_each_working_tree_has_its_own_rows(
    make_desk: Callable[..., Desk], desk: Desk, history: History, tmp_path: Path
) -> None:
    history.commit({PATH: "a\n"}, at(1))
    history.git("worktree", "add", "--quiet", "-b", "second", str(tmp_path / "second"))
    other = make_desk(CONFIG.replace('"repo"', f'"{tmp_path / "second"}"'))
    checkout_moved(replace(other, state=desk.state))
    assert rows(desk, history) == ()
    [row] = ledger.read(desk.state, str(tmp_path / "second"))
    assert row.ref == "refs/heads/second"


def test_a_rollback_and_its_undo_are_deployments_too(
    desk: Desk, history: History, clock: VirtualClock
) -> None:
    history.commit({PATH: "a\n"}, at(1))
    history.commit({PATH: "b\n"}, at(2))
    run = carry_out(desk, rollback.plan_flow(desk, "reweight", to=at(1)))
    rolled_back = history.head()
    between = clock.now()
    clock.advance(timedelta(hours=1))
    undone = carry_out(desk, rollback.plan_undo(desk, run.id))
    assert [(row.how, row.oid, row.plan_id) for row in rows(desk, history)] == [
        ("rollback", rolled_back, run.id),
        ("undo", history.head(), undone.id),
    ]
    clock.advance(timedelta(hours=1))
    plan = rollback.plan_flow(desk, "reweight", to=between, overrides=["rate"])
    assert (plan.commit, plan.source) == (rolled_back, "deployment ledger")
    assert [guard.name for guard in plan.guards if not guard.ok] == []
