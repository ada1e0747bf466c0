"""A rollback of a flow whose deployment goes back with it, through an orchestrator."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import datetime

import pytest

from mechexo.clock import VirtualClock
from mechexo.desk import Desk
from mechexo.flows.orchestrators import looking
from mechexo.rollback import operations as rollback
from mechexo.rollback.values import RunState
from rollback.carrying import around, carry_out
from rollback.histories import History, at
from support.fake_prefect import PASSWORD, FakePrefect
from support.orchestrated_desk import table

pytestmark = pytest.mark.slow


@pytest.fixture
def desk(
    make_desk: Callable[..., Desk],
    monkeypatch: pytest.MonkeyPatch,
    prefect: FakePrefect,
    history: History,
) -> Desk:
    """A flow of two versions, each deployed when it was committed, and seen so by a look."""
    monkeypatch.setenv("PREFECT_PASSWORD", PASSWORD)
    program = f'"{sys.executable}", "-m", "mechexo"'
    desk = make_desk(
        table(prefect) + '[rollback]\nrepository = "repo"\n[rollback.limits]\nage = "3650d"\n'
        '[rollback.flows.tca]\npaths = ["flows/**"]\n'
        f'redeploy = [{program}, "flows", "redeploy", "tca", "--source", "prefect", '
        '"--as-of", "{to}", "--reason", "rollback {plan}", "--yes"]\n'
    )
    history.commit({"flows/tca.py": "print(1)\n"}, at(1))
    seen(desk, at(1))
    history.commit({"flows/tca.py": "print(2)\n"}, at(2))
    prefect.deployments[0].update(version="1.1.0", parameters={"n": 7})
    seen(desk, at(2))
    return desk


def seen(desk: Desk, moment: datetime) -> None:
    then = Desk.open(desk.config_path, clock=VirtualClock(moment), actor=desk.actor)
    looking.look(then, deadline_s=60.0, force=True)


def defined(prefect: FakePrefect) -> tuple[str, object]:
    return prefect.deployments[0]["version"], prefect.deployments[0]["parameters"]


def test_the_definition_goes_back_with_the_files_and_so_it_does_when_that_is_undone(
    desk: Desk, history: History, prefect: FakePrefect
) -> None:
    run = carry_out(desk, rollback.plan_flow(desk, "tca", to=at(1)))
    assert run.state is RunState.APPLIED
    assert (history.root / "flows/tca.py").read_text() == "print(1)\n"
    assert defined(prefect) == ("1.0.0", {"n": 3})
    asked, done = desk.audit_entries(only=["flows.redeploy"])
    assert (asked.outcome, done.outcome) == ("asked", "done")
    assert asked.reason == f"rollback {run.id}"
    undone = carry_out(desk, rollback.plan_undo(desk, run.id))
    assert undone.state is RunState.APPLIED
    assert defined(prefect) == ("1.1.0", {"n": 7})


def test_a_server_that_is_away_leaves_the_rollback_standing_until_it_can_be_told(
    desk: Desk, history: History, prefect: FakePrefect
) -> None:
    from mechexo.rollback import recovering

    prefect.failing["deployments/" + prefect.deployments[0]["id"]] = "500"
    run = carry_out(desk, rollback.plan_flow(desk, "tca", to=at(1)))
    assert run.state is RunState.REDEPLOY_FAILED
    assert (history.root / "flows/tca.py").read_text() == "print(1)\n"
    prefect.failing.clear()
    again = recovering.redeploy_run(desk, run.id, around())
    assert again.state is RunState.APPLIED
    assert defined(prefect) == ("1.0.0", {"n": 3})


def test_a_commit_that_was_named_has_no_moment_and_the_definition_stays(
    desk: Desk, history: History, prefect: FakePrefect
) -> None:
    first = history.git("rev-parse", "HEAD~1")
    run = carry_out(desk, rollback.plan_flow(desk, "tca", commit=first))
    assert run.state is RunState.REDEPLOY_FAILED
    assert any("a commit was named" in step.detail for step in run.steps)
    assert defined(prefect) == ("1.1.0", {"n": 7})


def test_a_moment_of_which_no_version_is_known_is_said(
    desk: Desk, history: History, prefect: FakePrefect
) -> None:
    history.commit({"flows/tca.py": "print(3)\n"}, at(3))
    desk.state.close()
    with desk.state.write() as transaction:
        transaction.execute("DELETE FROM deployment_version WHERE number = 1")
    run = carry_out(desk, rollback.plan_flow(desk, "tca", to=at(1)))
    assert run.state is RunState.REDEPLOY_FAILED
    assert any("the oldest that is kept was seen first at" in step.detail for step in run.steps)
    assert defined(prefect) == ("1.1.0", {"n": 7})
