"""Airflow's REST API v2 as documented. Its answers here are written by hand, not captured."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest

from mechexo.desk import Desk
from mechexo.flows.orchestrators import acting, operations
from mechexo.flows.orchestrators.kinds import connect
from mechexo.flows.orchestrators.protocol import (
    GarbledError,
    MissingError,
    RefusedError,
    SourceError,
)
from mechexo.flows.orchestrators.rules import Trouble
from mechexo.flows.orchestrators.values import Action, Phase
from support.scripted_http import Request, Scripted, scripted_http

# The desk's clock stands at 2026-03-02T14:30Z.
DAGS = [
    {
        **{"dag_id": "bars", "is_paused": False, "timetable_summary": "0 * * * *"},
        **{"next_dagrun_run_after": "2026-03-02T15:00:00Z", "has_import_errors": False},
    },
    {"dag_id": "by.hand", "is_paused": True, "timetable_summary": None},
]


def dag_run(number: int, state: str, **changes: Any) -> dict[str, Any]:
    return {
        **{"dag_id": "bars", "dag_run_id": f"scheduled__{number:02}+00:00", "state": state},
        **{"run_after": f"2026-03-02T{number:02}:00:00Z", "logical_date": None, "note": None},
        **{"start_date": f"2026-03-02T{number:02}:00:05Z"},
        **{"end_date": f"2026-03-02T{number:02}:03:00Z"},
        **changes,
    }


RUNS = [
    dag_run(14, "running", end_date=None),
    dag_run(13, "failed", note="no quotes\nfor Monday"),
    dag_run(12, "success"),
    dag_run(11, "dreaming"),
    dag_run(10, "queued", start_date=None, end_date=None),
]


def answer(request: Request) -> tuple[int, Any]:
    path = request.path.removeprefix("/api/v2")
    if request.path == "/auth/token":
        good = request.body == {"username": "ada", "password": "canary"}
        return (201, {"access_token": "jwt-canary"}) if good else (401, {"detail": "no"})
    if request.headers.get("Authorization") != "Bearer jwt-canary":
        return 401, {"detail": "Unauthorized"}
    match request.method, path:
        case "GET", "/version":
            return 200, {"version": "3.1.0", "git_version": None}
        case "GET", "/dags":
            start = int(request.query.get("offset", 0))
            return 200, {"dags": DAGS[start : start + 1], "total_entries": len(DAGS)}
        case "GET", "/dags/~/dagRuns" | "/dags/bars/dagRuns":
            return 200, {"dag_runs": RUNS, "total_entries": len(RUNS)}
        case "GET", "/dags/bars/dagRuns/scheduled__13%2B00%3A00":
            return 200, RUNS[1]
        case "GET", "/dags/bars/dagRuns/scheduled__14%2B00%3A00":
            return 200, RUNS[0]
        case "GET", "/dags/bars/dagRuns/scheduled__13%2B00%3A00/taskInstances":
            tasks = [
                {
                    "task_id": "a",
                    "state": "success",
                    "try_number": 1,
                    "start_date": "2",
                    "map_index": -1,
                },
                {
                    "task_id": "b",
                    "state": "failed",
                    "try_number": 2,
                    "start_date": "1",
                    "map_index": -1,
                },
                {"task_id": "c", "state": None, "try_number": 0, "start_date": None},
            ]
            return 200, {"task_instances": tasks, "total_entries": 3}
        case "GET", "/dags/bars/dagRuns/scheduled__13%2B00%3A00/taskInstances/b/logs/2":
            return 200, {"content": [{"timestamp": None, "event": "x", "level": "error"}] * 3}
        case "POST", "/dags/bars/dagRuns":
            return 200, dag_run(14, "queued", dag_run_id=request.body["dag_run_id"])
        case "POST", "/dags/bars/dagRuns/scheduled__13%2B00%3A00/clear":
            return 200, {"task_instances": [], "total_entries": 0}
        case "PATCH", "/dags/bars/dagRuns/scheduled__14%2B00%3A00":
            return 200, dag_run(14, request.body["state"])
        case "PATCH", "/dags/bars":
            return 200, {**DAGS[0], **request.body}
    return 404, {"detail": "not found"}


Serve = Callable[..., AbstractContextManager[tuple[Desk, Scripted]]]


@pytest.fixture
def serve(make_desk: Callable[..., Desk], monkeypatch: pytest.MonkeyPatch) -> Serve:
    monkeypatch.setenv("AIRFLOW_PASSWORD", "canary")

    @contextmanager
    def serving(by: Callable[[Request], tuple[int, Any]] = answer) -> Iterator[Any]:
        with scripted_http(by) as server:
            desk = make_desk(
                f'[orchestrators.air]\nkind = "airflow"\nurl = "{server.url}"\nuser = "ada"\n'
                'password = "${env:AIRFLOW_PASSWORD}"\n'
            )
            yield desk, server

    return serving


def test_its_version_is_told_to_one_who_is_let_in(serve: Serve) -> None:
    with serve() as (desk, _):
        assert connect(desk, "air").version() == "3.1.0"


def test_dags_are_read_page_by_page_with_their_schedules(serve: Serve) -> None:
    with serve() as (desk, _):
        bars, by_hand = [each.deployment for each in operations.standing(desk, "air").deployments]
    assert (bars.name, bars.schedules[0].text, bars.paused) == ("bars", "0 * * * *", False)
    assert (by_hand.schedules, by_hand.paused) == ((), True)


def test_runs_have_their_states_and_an_unknown_one_is_said(serve: Serve) -> None:
    with serve() as (desk, _):
        found = [each.run for each in operations.runs(desk, "air").runs]
    assert [run.phase for run in found] == [
        *(Phase.RUNNING, Phase.FAILED, Phase.COMPLETED, Phase.UNKNOWN, Phase.SCHEDULED)
    ]
    assert (found[1].reason, found[1].duration_s, found[1].late_s) == ("for Monday", 175.0, 5.0)
    assert found[3].state == "dreaming"


def test_a_dag_that_fails_and_is_late_is_said(serve: Serve) -> None:
    with serve() as (desk, _):
        said = {each.trouble for each in operations.standing(desk, "air").observations}
    assert said == {Trouble.FAILING, Trouble.LATE}


def test_the_log_is_that_of_the_task_that_failed(serve: Serve) -> None:
    with serve() as (desk, _):
        lines = operations.log_tail(desk, "air", "bars/scheduled__13+00:00", lines=2)
    assert [(line.level, line.text) for line in lines] == [("ERROR", "x")] * 2


@pytest.mark.parametrize(
    ("action", "target", "state"),
    [
        (Action.RUN_NOW, "bars", "queued"),
        (Action.RETRY, "bars/scheduled__13+00:00", "cleared"),
        (Action.CANCEL, "bars/scheduled__14+00:00", "failed"),
        (Action.PAUSE, "bars", "paused"),
    ],
)
def test_each_action_is_taken_on(serve: Serve, action: Action, target: str, state: str) -> None:
    with serve() as (desk, _):
        proposal = acting.propose(desk, "air", action, target)
        assert acting.act(desk, proposal).accepted.state == state


def test_a_run_has_the_id_that_stands_in_the_audit_log(serve: Serve) -> None:
    with serve() as (desk, _):
        done = acting.act(desk, acting.propose(desk, "air", Action.RUN_NOW, "bars"))
    [asked, _] = desk.audit_entries(only=["flows.*"])
    assert done.accepted.run_id.removeprefix("bars/") in asked.payload


def test_a_run_id_without_its_dag_is_told(serve: Serve) -> None:
    with serve() as (desk, _), pytest.raises(MissingError, match="DAG/RUN"):
        operations.log_tail(desk, "air", "scheduled__13")


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (200, {}, GarbledError),
        (200, {"dags": {}}, GarbledError),
        (200, {"dags": [{"dag_id": 7}]}, GarbledError),
        (200, [], GarbledError),
        (403, {"detail": "jwt-canary"}, SourceError),
        (500, {}, SourceError),
    ],
)
def test_answers_of_another_shape_are_told_and_hold_no_secret(
    serve: Serve, status: int, body: Any, kind: type[SourceError]
) -> None:
    def by(request: Request) -> tuple[int, Any]:
        return answer(request) if request.path == "/auth/token" else (status, body)

    with serve(by) as (desk, _), pytest.raises(kind) as caught:
        operations.standing(desk, "air")
    assert "canary" not in str(caught.value)


def test_a_dag_that_stays_as_it_was_is_a_refusal(serve: Serve) -> None:
    def by(request: Request) -> tuple[int, Any]:
        return (200, DAGS[0]) if request.method == "PATCH" else answer(request)

    with serve(by) as (desk, _), pytest.raises(RefusedError, match="left the DAG as it was"):
        acting.act(desk, acting.propose(desk, "air", Action.PAUSE, "bars"))
