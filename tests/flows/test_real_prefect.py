"""Against a real Prefect server, where there is one to start: see docs/orchestrators.md."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from mechexo.clock import SystemClock
from mechexo.desk import Desk
from mechexo.doctor.orchestrator_checks import orchestrators
from mechexo.flows.orchestrators import acting, operations
from mechexo.flows.orchestrators.rules import Trouble
from mechexo.flows.orchestrators.values import Action, Phase
from mechexo.health.values import Status
from support.real_prefect import (
    DEPLOYED,
    MISSING,
    PASSWORD,
    RealPrefect,
    prefects_own,
    real_prefect,
    wait_for,
)

pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(MISSING), reason=MISSING)]


@pytest.fixture(scope="module")
def prefect(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealPrefect]:
    with real_prefect(tmp_path_factory.mktemp("prefect")) as one:
        yield one


@pytest.fixture
def desk(
    make_desk: Callable[..., Desk], monkeypatch: pytest.MonkeyPatch, prefect: RealPrefect
) -> Desk:
    monkeypatch.setenv("PASSWORD", PASSWORD)
    made = make_desk(
        f'[orchestrators.p]\nkind = "prefect"\nurl = "{prefect.url}"\nuser = "admin"\n'
        'password = "${env:PASSWORD}"\nlate_after = "1s"\nstuck_after = "1s"\ntimeout = "20s"\n'
    )
    desk = Desk.open(made.config_path, clock=SystemClock(), actor=made.actor)
    wait_for(lambda: _all_deployed(desk), "the deployments")
    return desk


def _all_deployed(desk: Desk) -> bool | None:
    names = {one.deployment.name for one in operations.standing(desk, "p").deployments}
    return names >= DEPLOYED or None


def do(desk: Desk, action: Action, target: str) -> str:
    # A server that is busy for longer answers 503, of which nobody knows whether it was done.
    return wait_for(
        lambda: acting.act(desk, acting.propose(desk, "p", action, target)).accepted.run_id,
        f"{action} of {target}",
    )


def reaches(desk: Desk, run_id: str, *phases: Phase) -> operations.SourceRun:
    def look() -> operations.SourceRun | None:
        found = {each.run.id: each for each in operations.runs(desk, "p").runs}
        one = found.get(run_id)
        return one if one and one.run.phase in phases else None

    return wait_for(look, f"a run that is {' or '.join(phases)}")


def says(desk: Desk, deployment: str, trouble: Trouble) -> str:
    def look() -> str | None:
        for said in operations.standing(desk, "p").observations:
            if (said.deployment, said.trouble) == (deployment, trouble):
                return said.why
        return None

    return wait_for(look, f"{deployment} {trouble}")


def test_a_run_that_is_begun_ends_well_and_is_seen_in_prefect(
    desk: Desk, prefect: RealPrefect
) -> None:
    run = reaches(desk, do(desk, Action.RUN_NOW, "good/prod"), Phase.COMPLETED).run
    assert prefects_own(prefect, f"/flow_runs/{run.id}")["state_name"] == "Completed"
    assert run.duration_s is not None

    def logged() -> bool | None:
        # Prefect sends its log in batches, also after the end.
        return "loaded" in [line.text for line in operations.log_tail(desk, "p", run.id)] or None

    assert wait_for(logged, "its log")


def test_a_run_that_fails_says_why_and_can_be_retried(desk: Desk, prefect: RealPrefect) -> None:
    run_id = do(desk, Action.RUN_NOW, "bad/prod")
    assert "no quotes for 2025-01-03" in reaches(desk, run_id, Phase.FAILED).run.reason
    assert "no quotes" in says(desk, "bad/prod", Trouble.FAILING)
    do(desk, Action.RETRY, run_id)

    def tried_again() -> bool | None:
        [run] = [each.run for each in operations.runs(desk, "p").runs if each.run.id == run_id]
        return True if run.phase is Phase.FAILED and run.retries else None

    assert wait_for(tried_again, "a second try that failed as well")
    assert prefects_own(prefect, f"/flow_runs/{run_id}")["run_count"] == 2


def test_a_run_that_does_not_end_is_stuck_and_can_be_cancelled(desk: Desk) -> None:
    run_id = do(desk, Action.RUN_NOW, "slow/prod")
    reaches(desk, run_id, Phase.RUNNING)
    assert "what is usual is not known" in says(desk, "slow/prod", Trouble.STUCK)
    do(desk, Action.CANCEL, run_id)
    reaches(desk, run_id, Phase.CANCELLED)


def test_a_run_that_nobody_takes_on_is_late_and_is_cancelled_at_once(desk: Desk) -> None:
    run_id = do(desk, Action.RUN_NOW, "idle/prod")
    assert "late" in says(desk, "idle/prod", Trouble.LATE)
    do(desk, Action.CANCEL, run_id)
    reaches(desk, run_id, Phase.CANCELLED)


def test_a_schedule_can_be_paused_and_resumed(desk: Desk, prefect: RealPrefect) -> None:
    def good() -> operations.DeploymentStanding:
        found = operations.standing(desk, "p").deployments
        return next(one for one in found if one.deployment.name == "good/prod")

    do(desk, Action.PAUSE, "good/prod")
    assert good().deployment.paused
    assert prefects_own(prefect, "/deployments/name/good/prod")["paused"] is True
    do(desk, Action.RESUME, "good/prod")
    assert not good().deployment.paused
    assert wait_for(lambda: good().deployment.next_run_at, "a planned run")


def test_the_doctor_is_let_in_and_told_the_version(desk: Desk, prefect: RealPrefect) -> None:
    (finding,) = orchestrators(desk)
    assert finding.status is Status.OK
    assert finding.detail.startswith("prefect 3.")
