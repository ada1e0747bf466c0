"""What a Prefect server answers, as we say it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import pytest

from mechexo.desk import Desk
from mechexo.errors import ConfigError, NotFoundError
from mechexo.flows.orchestrators import operations
from mechexo.flows.orchestrators.protocol import MissingError
from mechexo.flows.orchestrators.rules import Trouble
from mechexo.flows.orchestrators.values import Phase
from support.fake_prefect import FakePrefect, fake_prefect
from support.orchestrated_desk import (
    COMPLETED,
    FAILED,
    FAILED_BEFORE,
    LATE,
    NOBODY,
    RUNNING,
    desk_with,
)


@pytest.fixture
def desk(
    make_desk: Callable[..., Desk], monkeypatch: pytest.MonkeyPatch, prefect: FakePrefect
) -> Desk:
    return desk_with(make_desk, monkeypatch, prefect)


def runs_of(desk: Desk) -> dict[str, operations.SourceRun]:
    return {each.run.id: each for each in operations.runs(desk, "prefect").runs}


def test_deployments_are_called_as_prefects_own_commands_call_them(desk: Desk) -> None:
    found = operations.standing(desk, "prefect")
    names = [one.deployment.name for one in found.deployments]
    assert names == [
        "quote-ingest/prod",
        "recon-nightly/prod",
        "slow-report/prod",
        "tca-daily/prod",
    ]


def test_a_deployment_has_its_schedule_and_its_next_run(desk: Desk) -> None:
    found = operations.standing(desk, "prefect").deployments
    [recon] = [one.deployment for one in found if one.deployment.schedules]
    [schedule] = recon.schedules
    assert (recon.name, schedule.text, schedule.zone) == ("recon-nightly/prod", "every 20s", "UTC")
    assert recon.next_run_at == datetime.fromisoformat("2026-11-23T11:49:34.424675Z")
    assert recon.runs_by_itself


def test_a_deployment_is_the_flow_that_the_configuration_says(desk: Desk) -> None:
    flows = {
        one.deployment.name: one.deployment.flow
        for one in operations.standing(desk, "prefect").deployments
    }
    assert flows["tca-daily/prod"] == "tca"
    assert flows["slow-report/prod"] == ""


def test_runs_whose_time_has_not_come_are_not_listed(desk: Desk) -> None:
    assert all(each.run.due_at <= desk.clock.now() for each in runs_of(desk).values())


def test_runs_have_their_states(desk: Desk) -> None:
    runs = runs_of(desk)
    assert {one: runs[one].run.phase for one in (LATE, RUNNING, FAILED, COMPLETED)} == {
        LATE: Phase.LATE,
        RUNNING: Phase.RUNNING,
        FAILED: Phase.FAILED,
        COMPLETED: Phase.COMPLETED,
    }


def test_a_failed_run_says_why_how_long_and_how_late(desk: Desk) -> None:
    run = runs_of(desk)[FAILED].run
    assert run.reason.endswith("ValueError: no quotes for 2025-01-03")
    assert (run.duration_s, run.late_s, run.retries) == (2.063163, 4.156408, 0)


def test_a_run_under_way_has_taken_so_long_so_far(desk: Desk) -> None:
    run = runs_of(desk)[RUNNING].run
    assert (run.duration_s, run.ended_at) == (238.244088, None)


def test_a_run_that_has_not_started_has_no_duration(desk: Desk) -> None:
    run = runs_of(desk)[LATE].run
    assert (run.duration_s, run.started_at, run.late_s) == (None, None, 111.932269)


def test_a_state_that_is_not_known_is_shown_by_its_own_name(
    desk: Desk, prefect: FakePrefect
) -> None:
    prefect.run(COMPLETED).update(state_type="HIBERNATED", state_name="Hibernated")
    run = runs_of(desk)[COMPLETED].run
    assert (run.phase, run.state) == (Phase.UNKNOWN, "Hibernated")
    tca = operations.standing(desk, "prefect").deployments[-1]
    [said] = tca.troubles
    assert said.trouble is Trouble.UNKNOWN_STATE
    assert "Hibernated" in said.why


def test_a_run_without_a_state_is_unknown_and_not_well(desk: Desk, prefect: FakePrefect) -> None:
    prefect.run(COMPLETED).update(state_type=None, state_name=None, state=None)
    run = runs_of(desk)[COMPLETED].run
    assert (run.phase, run.state) == (Phase.UNKNOWN, "no state")


def test_what_is_late_stuck_and_failing_is_said(desk: Desk) -> None:
    said = {
        (each.deployment, each.trouble): each
        for each in operations.standing(desk, "prefect").observations
    }
    assert set(said) == {
        ("quote-ingest/prod", Trouble.FAILING),
        ("recon-nightly/prod", Trouble.LATE),
        ("slow-report/prod", Trouble.STUCK),
    }
    assert said["recon-nightly/prod", Trouble.LATE].run_id == LATE
    assert said["slow-report/prod", Trouble.STUCK].run_id == RUNNING
    assert said["quote-ingest/prod", Trouble.FAILING].why.startswith("the last 2 runs failed: ")


def test_the_runs_of_one_deployment_can_be_asked_for_by_the_name_of_its_flow(desk: Desk) -> None:
    found = operations.runs(desk, "prefect", deployment="tca")
    assert {each.deployment for each in found.runs} == {"tca-daily/prod"}


def test_a_deployment_that_is_not_there_is_told_with_close_names(desk: Desk) -> None:
    with pytest.raises(NotFoundError, match="did you mean tca-daily/prod"):
        operations.runs(desk, "prefect", deployment="tca-dayly/prod")


def test_an_orchestrator_that_is_not_configured_is_told_with_close_names(desk: Desk) -> None:
    with pytest.raises(NotFoundError, match="did you mean prefect"):
        operations.standing(desk, "perfect")


def test_a_kind_that_does_not_exist_is_told_with_close_names(
    make_desk: Callable[..., Desk],
) -> None:
    desk = make_desk('[orchestrators.x]\nkind = "prefekt"\nurl = "http://127.0.0.1:1"\n')
    with pytest.raises(ConfigError, match=r"\[orchestrators\.x\].*did you mean prefect"):
        operations.standing(desk, "x")


def test_all_pages_are_read(desk: Desk, prefect: FakePrefect) -> None:
    prefect.many_runs(450)
    found = operations.runs(desk, "prefect", limit=1000)
    assert (len(found.runs), found.is_cut) == (450, False)
    offsets = [body["offset"] for body in prefect.asked_for("/flow_runs/filter")]
    assert offsets == [0, 200, 400]


def test_no_more_pages_are_read_than_are_wanted(desk: Desk, prefect: FakePrefect) -> None:
    prefect.many_runs(450)
    found = operations.runs(desk, "prefect", limit=150)
    assert (len(found.runs), found.is_cut) == (150, True)
    assert len(prefect.asked_for("/flow_runs/filter")) == 1


def test_exactly_as_many_runs_as_were_asked_for_are_not_cut(
    desk: Desk, prefect: FakePrefect
) -> None:
    prefect.many_runs(200)
    found = operations.runs(desk, "prefect", limit=200)
    assert (len(found.runs), found.is_cut) == (200, False)


def test_the_newest_runs_come_first(desk: Desk, prefect: FakePrefect) -> None:
    prefect.many_runs(30)
    due = [each.run.due_at for each in operations.runs(desk, "prefect").runs]
    assert due == sorted(due, reverse=True)


def test_the_end_of_a_log_is_oldest_first(desk: Desk) -> None:
    lines = operations.log_tail(desk, "prefect", FAILED_BEFORE, lines=5)
    assert [line.at for line in lines] == sorted(line.at for line in lines)
    assert lines[-1].level == "ERROR"


def test_a_log_hides_what_looks_like_a_secret_and_holds_no_control_codes(
    desk: Desk, prefect: FakePrefect
) -> None:
    prefect.logs[0]["message"] = "\x1b[31mtoken=canary-in-a-log\x1b[0m\x07 refused"
    texts = [line.text for line in operations.log_tail(desk, "prefect", FAILED_BEFORE)]
    assert "token=*** refused" in texts


@pytest.mark.parametrize("run_id", [NOBODY, "../../admin", "x" * 3000, ""])
def test_a_run_that_is_not_there_has_no_log(desk: Desk, run_id: str) -> None:
    with pytest.raises(MissingError):
        operations.log_tail(desk, "prefect", run_id)


def test_prefect_cloud_is_entered_with_a_bearer_token(
    make_desk: Callable[..., Desk], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREFECT_KEY", "pnu_canary")
    with fake_prefect(token="pnu_canary") as fake:
        desk = make_desk(
            f'[orchestrators.cloud]\nkind = "prefect"\nurl = "{fake.url}/"\n'
            'token = "${env:PREFECT_KEY}"\n'
        )
        assert len(operations.standing(desk, "cloud").deployments) == 4


def test_an_open_server_is_sent_no_credentials(make_desk: Callable[..., Desk]) -> None:
    with fake_prefect(open_=True) as fake:
        desk = make_desk(f'[orchestrators.own]\nkind = "prefect"\nurl = "{fake.url}"\n')
        assert len(operations.standing(desk, "own").deployments) == 4
