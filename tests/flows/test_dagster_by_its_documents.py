"""Dagster's GraphQL API as documented. Its answers here are written by hand, not captured."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

from mechexo.desk import Desk
from mechexo.flows.orchestrators import acting, operations
from mechexo.flows.orchestrators.kinds import connect
from mechexo.flows.orchestrators.protocol import (
    GarbledError,
    MissingError,
    OutcomeUnknownError,
    RefusedError,
)
from mechexo.flows.orchestrators.values import Action, Phase
from support.scripted_http import Request, Scripted, scripted_http

AT = datetime(2026, 3, 2, 14, 0, tzinfo=UTC).timestamp()
JOB = "desk/__repository__/bars"


def a_run(run_id: str, status: str, **changes: Any) -> dict[str, Any]:
    return {
        **{"__typename": "Run", "runId": run_id, "jobName": "bars", "status": status},
        **{"creationTime": AT, "startTime": AT + 4, "endTime": AT + 64},
        "repositoryOrigin": {
            "repositoryName": "__repository__",
            "repositoryLocationName": "desk",
        },
        **changes,
    }


RUNS = [
    a_run("r4", "STARTED", endTime=None),
    a_run("r3", "FAILURE"),
    a_run("r2", "SUCCESS"),
    a_run("r1", "PONDERING"),
]


def schedule(name: str, status: str) -> dict[str, Any]:
    return {
        **{"id": f"id-{name}", "name": name, "pipelineName": "bars"},
        **{"cronSchedule": "0 * * * *", "executionTimezone": "UTC"},
        "scheduleState": {"id": f"state-{name}", "status": status},
        "futureTicks": {"results": [{"timestamp": AT + 3600}]},
    }


SCHEDULES = [schedule("hourly", "RUNNING"), schedule("nightly", "RUNNING")]


def data(request: Request) -> dict[str, Any]:
    words, variables = request.body["query"], request.body.get("variables", {})
    if words == "{ version }":
        return {"version": "1.12.0"}
    launched = {"__typename": "LaunchRunSuccess", "run": {"runId": "new", "status": "QUEUED"}}
    changed = {"__typename": "ScheduleStateResult", "scheduleState": {"status": "x"}}
    if "repositoriesOrError" in words:
        repository = {
            **{"name": "__repository__", "location": {"name": "desk"}, "schedules": SCHEDULES},
            "jobs": [{"name": "bars"}, {"name": "__ASSET_JOB"}],
        }
        found = {"__typename": "RepositoryConnection", "nodes": [repository]}
        return {"repositoriesOrError": found}
    if "runsOrError" in words:
        return {"runsOrError": {"__typename": "Runs", "results": RUNS}}
    if "runOrError" in words:
        one = [run for run in RUNS if run["runId"] == variables["runId"]]
        missing = {"__typename": "RunNotFoundError", "message": "gone"}
        return {"runOrError": one[0] if one else missing}
    if "logsForRun" in words:
        second = variables["cursor"] == "c1"
        events = [
            {"message": "two" if second else "one", "timestamp": "1772460000000", "level": "INFO"},
            {},
        ]
        page = {"__typename": "EventConnection", "cursor": "c2" if second else "c1"}
        return {"logsForRun": {**page, "hasMore": not second, "events": events}}
    if "launchRunReexecution" in words:
        return {"launchRunReexecution": launched}
    if "launchRun" in words:
        return {"launchRun": launched}
    if "terminateRun" in words:
        run = {"runId": variables["runId"], "status": "CANCELING"}
        return {"terminateRun": {"__typename": "TerminateRunSuccess", "run": run}}
    return {"stopRunningSchedule": changed, "startSchedule": changed}


def answer(request: Request) -> tuple[int, Any]:
    if request.headers.get("Dagster-Cloud-Api-Token") != "canary":
        return 401, {}
    return 200, {"data": data(request)}


Serve = Callable[..., AbstractContextManager[tuple[Desk, Scripted]]]


@pytest.fixture
def serve(make_desk: Callable[..., Desk], monkeypatch: pytest.MonkeyPatch) -> Serve:
    monkeypatch.setenv("DAGSTER_TOKEN", "canary")

    @contextmanager
    def serving(by: Callable[[Request], tuple[int, Any]] = answer) -> Iterator[Any]:
        with scripted_http(by) as server:
            desk = make_desk(
                f'[orchestrators.dag]\nkind = "dagster"\nurl = "{server.url}"\n'
                'token = "${env:DAGSTER_TOKEN}"\n'
            )
            yield desk, server

    return serving


def changing(**answers: Any) -> Callable[[Request], tuple[int, Any]]:
    """Answers mutations of these names so, and all else as usual."""

    def by(request: Request) -> tuple[int, Any]:
        for name, found in answers.items():
            if f"{name}(" in request.body["query"] and "mutation" in request.body["query"]:
                return 200, found
        return answer(request)

    return by


def test_its_version_is_told_to_one_who_is_let_in(serve: Serve) -> None:
    with serve() as (desk, _):
        assert connect(desk, "dag").version() == "1.12.0"


def test_jobs_have_their_schedules_and_their_next_tick(serve: Serve) -> None:
    with serve() as (desk, _):
        [bars] = [each.deployment for each in operations.standing(desk, "dag").deployments]
    assert (bars.name, bars.paused, len(bars.schedules)) == (JOB, False, 2)
    assert bars.next_run_at == datetime.fromtimestamp(AT + 3600, UTC)


def test_runs_have_their_states_and_an_unknown_one_is_said(serve: Serve) -> None:
    with serve() as (desk, _):
        found = [each.run for each in operations.runs(desk, "dag", deployment=JOB).runs]
    assert [run.phase for run in found] == [
        *(Phase.RUNNING, Phase.FAILED, Phase.COMPLETED, Phase.UNKNOWN)
    ]
    assert (found[1].duration_s, found[1].late_s, found[3].state) == (60.0, 4.0, "PONDERING")


def test_a_log_is_read_to_its_end(serve: Serve) -> None:
    with serve() as (desk, _):
        lines = operations.log_tail(desk, "dag", "r3", lines=1)
    assert [line.text for line in lines] == ["two"]


def test_a_run_that_is_not_there_is_told(serve: Serve) -> None:
    with serve() as (desk, _), pytest.raises(MissingError, match="no such run"):
        operations.log_tail(desk, "dag", "r9")


@pytest.mark.parametrize(
    ("action", "target", "run_id"),
    [
        (Action.RUN_NOW, JOB, "new"),
        (Action.RETRY, "r3", "new"),
        (Action.CANCEL, "r4", "r4"),
        (Action.PAUSE, JOB, ""),
    ],
)
def test_each_action_is_taken_on(serve: Serve, action: Action, target: str, run_id: str) -> None:
    with serve() as (desk, _):
        done = acting.act(desk, acting.propose(desk, "dag", action, target))
    assert done.accepted.run_id == run_id


def test_pausing_a_job_stops_each_of_its_schedules(serve: Serve) -> None:
    with serve() as (desk, server):
        acting.act(desk, acting.propose(desk, "dag", Action.PAUSE, JOB))
        stopped = [
            each.body["variables"]["id"]
            for each in server.asked
            if "stopRunningSchedule" in each.body["query"]
        ]
    assert stopped == ["state-hourly", "state-nightly"]


def test_a_job_paused_by_half_is_told_as_that(serve: Serve) -> None:
    done = []

    def by(request: Request) -> tuple[int, Any]:
        if "stopRunningSchedule" in request.body["query"]:
            done.append(1)
            if len(done) == 2:
                return 500, {}
        return answer(request)

    with serve(by) as (desk, _), pytest.raises(OutcomeUnknownError, match="1 of 2 schedules"):
        acting.act(desk, acting.propose(desk, "dag", Action.PAUSE, JOB))


def test_a_refused_launch_changed_nothing(serve: Serve) -> None:
    refused = {"data": {"launchRun": {"__typename": "UnauthorizedError", "message": "not you"}}}
    by = changing(launchRun=refused)
    with serve(by) as (desk, _), pytest.raises(RefusedError, match="UnauthorizedError: not you"):
        acting.act(desk, acting.propose(desk, "dag", Action.RUN_NOW, JOB))


@pytest.mark.parametrize(
    "said",
    [
        {"errors": [{"message": "broke in the middle"}], "data": None},
        {"data": {"launchRun": {"__typename": "PythonError", "message": "broke in the middle"}}},
        {"data": {}},
        {},
    ],
)
def test_a_launch_that_broke_leaves_the_outcome_unknown(serve: Serve, said: Any) -> None:
    with (
        serve(changing(launchRun=said)) as (desk, _),
        pytest.raises(OutcomeUnknownError, match="may have been done"),
    ):
        acting.act(desk, acting.propose(desk, "dag", Action.RUN_NOW, JOB))


@pytest.mark.parametrize(
    "said",
    [
        {"data": {"repositoriesOrError": {"__typename": "PythonError", "message": "no canary"}}},
        {"errors": [{"message": "Cannot query field"}]},
        {"data": {"repositoriesOrError": {"__typename": "RepositoryConnection", "nodes": 7}}},
        {},
        [],
    ],
)
def test_answers_of_another_shape_are_told_and_hold_no_secret(serve: Serve, said: Any) -> None:
    with serve(lambda _: (200, said)) as (desk, _), pytest.raises(GarbledError) as caught:
        operations.standing(desk, "dag")
    assert "canary" not in str(caught.value)
