"""A real Prefect server in real ticks: alerts, versions, and a server that stops and comes back."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from mechexo import watch
from mechexo.alerts import operations as alerts
from mechexo.clock import SystemClock
from mechexo.desk import Desk
from mechexo.desk_status import read_status
from mechexo.flows.orchestrators import acting, looking, redeploying, versions
from mechexo.flows.orchestrators.values import Action
from mechexo.health.values import Card, Status
from mechexo.watch import TickReport, tick
from support.real_prefect import (
    DEPLOYED,
    IDLE,
    MISSING,
    PASSWORD,
    RealPrefect,
    prefects_own,
    real_prefect,
    wait_for,
)

pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(MISSING), reason=MISSING)]

# Planned by Prefect's scheduler each hour, and run by nobody.
HOURLY = """
import asyncio
from datetime import timedelta
from prefect import flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import DeploymentScheduleCreate
from prefect.client.schemas.schedules import IntervalSchedule

@flow
def hourly():
    pass

async def main():
    every = DeploymentScheduleCreate(schedule=IntervalSchedule(interval=timedelta(hours=1)))
    async with get_client() as client:
        one = await client.create_flow(hourly)
        await client.create_deployment(one, name="prod", schedules=[every])

asyncio.run(main())
"""
NO_PLANS = """
import asyncio
from prefect.client.orchestration import get_client

async def main():
    async with get_client() as client:
        for run in await client.read_flow_runs():
            if run.state_name == "Scheduled":
                await client.delete_flow_run(run.id)

asyncio.run(main())
"""


@pytest.fixture(scope="module")
def prefect(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealPrefect]:
    with real_prefect(tmp_path_factory.mktemp("prefect")) as one:
        yield one


@pytest.fixture
def desk(
    make_desk: Callable[..., Desk], monkeypatch: pytest.MonkeyPatch, prefect: RealPrefect
) -> Desk:
    """A desk whose ticks have seen all that is deployed."""
    monkeypatch.setenv("PASSWORD", PASSWORD)
    # However slow the machine is, a server that answers is waited for.
    monkeypatch.setattr(watch, "ASK_S", 60.0)
    made = make_desk(
        f'[orchestrators.p]\nkind = "prefect"\nurl = "{prefect.url}"\nuser = "admin"\n'
        'password = "${env:PASSWORD}"\nlate_after = "5s"\nstuck_after = "1s"\nevery = "1s"\n'
    )
    desk = Desk.open(made.config_path, clock=SystemClock(), actor=made.actor)
    until(desk, lambda: set(seen(desk).values()) >= DEPLOYED or None, "the deployments")
    return desk


def until(desk: Desk, look: Callable[[], bool | None], what: str) -> None:
    """Ticks until it is so, whatever was open to the breaker before."""

    def ticked() -> bool | None:
        assert tick(desk, deadline_s=30.0).failed == ()
        looking.look(desk, deadline_s=20.0, force=True)
        return look()

    wait_for(ticked, what)


def seen(desk: Desk) -> dict[str, str]:
    (known,) = looking.known(desk)
    return known.look.standing.names if known.look else {}


def card(desk: Desk) -> Card:
    return next(each for each in read_status(desk).cards if each.name == "orchestrators")


def troubles(desk: Desk) -> set[str]:
    begin = "orchestrators:p:"
    found = [each.key for each in alerts.list_alerts(desk) if each.key.startswith(begin)]
    return {key.removeprefix(begin) for key in found}


def do(desk: Desk, action: Action, target: str) -> str:
    # A server that is busy for longer answers 503, of which nobody knows whether it was done.
    return wait_for(
        lambda: acting.act(desk, acting.propose(desk, "p", action, target)).accepted.run_id,
        f"{action} of {target}",
    )


def test_a_flow_that_fails_is_late_or_stuck_alerts_and_one_that_succeeds_does_not(
    desk: Desk,
) -> None:
    good = do(desk, Action.RUN_NOW, "good/prod")
    bad = do(desk, Action.RUN_NOW, "bad/prod")
    slow = do(desk, Action.RUN_NOW, "slow/prod")
    late = do(desk, Action.RUN_NOW, "idle/prod")
    wanted = {"bad/prod:failing", "slow/prod:stuck", "idle/prod:late"}

    def all_three() -> bool | None:
        states = {each.id: each.state for each in looking.known_of(desk, "p").look.runs}
        return (states.get(good) == "Completed" and troubles(desk) >= wanted) or None

    until(desk, all_three, "the three alerts, and the good run's end")
    assert not {key for key in troubles(desk) if key.startswith("good/prod")}
    by_key = {each.key: each for each in alerts.list_alerts(desk)}
    assert by_key["orchestrators:p:bad/prod:failing"].labels["run"] == bad
    assert "no quotes for 2025-01-03" in by_key["orchestrators:p:bad/prod:failing"].summary
    assert card(desk).status is Status.CRITICAL
    do(desk, Action.CANCEL, slow)
    do(desk, Action.CANCEL, late)
    gone = {"slow/prod:stuck", "idle/prod:late"}
    until(desk, lambda: not troubles(desk) & gone or None, "the end of the two that were cancelled")
    assert "bad/prod:failing" in troubles(desk)


def test_a_deployment_that_was_changed_can_be_put_back(desk: Desk, prefect: RealPrefect) -> None:
    place = "/deployments/name/idle/prod"
    before = prefects_own(prefect, place)
    changed = IDLE.replace('"1.0.0"', '"2.0.0"').replace('{"n": 3}', '{"n": 9, "extra": [1]}')
    changed = changed.replace('tags=["good"]', 'tags=["bad"]').replace('"a"', '"b"')
    prefect.deploy("idle.py", changed)

    def newest() -> str:
        return versions.versions(desk, "p", "idle/prod")[0].told

    until(desk, lambda: newest() == "2.0.0" or None, "the version that was deployed anew")
    good = next(one for one in versions.versions(desk, "p", "idle/prod") if one.told == "1.0.0")
    plan = redeploying.plan_redeploy(desk, "p", "idle/prod", number=good.number)
    assert {"version", "parameters", "tags", "job_variables"} <= set(plan.changed)
    redeploying.redeploy(desk, plan)
    after = prefects_own(prefect, place)
    moving = ("updated", "last_polled", "status", "updated_by")
    for name in moving:
        before.pop(name, None)
        after.pop(name, None)
    assert after == before
    # What was put back runs: Prefect takes its parameters.
    do(desk, Action.CANCEL, do(desk, Action.RUN_NOW, "idle/prod"))


def test_a_server_that_hangs_is_unknown_as_of_before_and_known_again_when_it_answers(
    desk: Desk, prefect: RealPrefect, monkeypatch: pytest.MonkeyPatch
) -> None:
    until(desk, lambda: card(desk).status is not Status.UNKNOWN or None, "a good look")
    prefect.freeze()
    try:
        monkeypatch.setattr(watch, "ASK_S", 0.1)

        def asked_in_vain() -> TickReport | None:
            report = tick(desk, deadline_s=30.0)
            return report if "not reachable" in card(desk).summary else None

        # The first tick may come before it is due again.
        report = wait_for(asked_in_vain, "a tick that asked")
        assert report.failed == ()
        names = [stage.name for stage in report.stages]
        assert names.index("deliveries") < names.index("orchestrators")
        assert card(desk).status is Status.UNKNOWN
    finally:
        prefect.thaw()
    until(desk, lambda: card(desk).status is not Status.UNKNOWN or None, "an answer")


def test_a_restart_resolves_nothing_and_a_scheduler_that_is_off_alerts_though_health_is_well(
    desk: Desk, prefect: RealPrefect
) -> None:
    prefect.deploy("hourly.py", HOURLY)

    def planned() -> bool | None:
        (known,) = looking.known(desk)
        assert known.look is not None
        found = [one.deployment for one in known.look.standing.deployments]
        return any(each.name == "hourly/prod" and each.next_run_at for each in found) or None

    until(desk, planned, "a planned run")
    assert "hourly/prod:unplanned" not in troubles(desk)
    before = troubles(desk)
    prefect.stop()

    def asked_in_vain() -> bool | None:
        tick(desk, deadline_s=30.0)
        return "not reachable" in card(desk).summary or None

    wait_for(asked_in_vain, "a tick that asked")
    assert before <= troubles(desk)
    prefect.more = {"PREFECT_SERVER_SERVICES_SCHEDULER_ENABLED": "false"}
    prefect.start()
    prefect.deploy("no_plans.py", NO_PLANS)
    until(
        desk, lambda: "hourly/prod:unplanned" in troubles(desk) or None, "that nothing is planned"
    )
    assert prefects_own(prefect, "/health") is True
    prefect.stop()
    prefect.more = {}
    prefect.start()
    until(desk, lambda: "hourly/prod:unplanned" not in troubles(desk) or None, "a plan again")
