"""A Prefect that does not answer as it should: said in one line, with what to do, and no secret."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from mechexo.desk import Desk
from mechexo.errors import MechexoError
from mechexo.flows.orchestrators import operations
from mechexo.flows.orchestrators.kinds import connect
from mechexo.flows.orchestrators.protocol import GarbledError, SourceError
from support.fake_prefect import PASSWORD, FakePrefect, seed
from support.orchestrated_desk import desk_with

FAST = 'timeout = "0.5s"\n'


@pytest.fixture
def desk(
    make_desk: Callable[..., Desk], monkeypatch: pytest.MonkeyPatch, prefect: FakePrefect
) -> Desk:
    return desk_with(make_desk, monkeypatch, prefect, FAST)


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("401", "check its token, or user and password"),
        ("403", "check its token, or user and password"),
        ("404", "knows nothing at /deployments/filter"),
        ("429", "asks us to wait"),
        ("500", "look at its own log"),
        ("503", "look at its own log"),
        ("302", "write the address that it leads to as url"),
        ("badstate", "Input should be 'SCHEDULED', 'PENDING'"),
        ("html", "no JSON"),
        ("", "no JSON"),
        ("[1, 2", "no JSON"),
        ("[" * 100_000, "no JSON"),
        ("7.5", "a number where a list"),
        ("{}", "an object where a list"),
        ("null", "null where a list"),
        ('["x"]', "a text where"),
        ('[{"name": "prod"}]', "nothing as id"),
        ('[{"id": 7}]', "a number as id"),
    ],
)
def test_each_way_of_failing_is_told_in_one_line(
    desk: Desk, prefect: FakePrefect, how: str, words: str
) -> None:
    prefect.failing["/deployments/filter"] = how or " "
    with pytest.raises(SourceError) as caught:
        operations.standing(desk, "prefect")
    said = str(caught.value)
    assert said.startswith("orchestrator prefect: ")
    assert words in said
    assert "\n" not in said


@pytest.mark.slow
@pytest.mark.parametrize("how", ["hang", "drip"])
def test_a_server_that_is_slow_is_left_after_the_time_it_has(
    desk: Desk, prefect: FakePrefect, how: str
) -> None:
    prefect.failing["/deployments/filter"] = how
    with pytest.raises(SourceError, match=r"no complete answer within 0\.5 s"):
        operations.standing(desk, "prefect")


def test_an_answer_that_breaks_off_is_told(desk: Desk, prefect: FakePrefect) -> None:
    prefect.failing["/flow_runs/filter"] = "cut"
    with pytest.raises(SourceError, match="orchestrator prefect: "):
        operations.standing(desk, "prefect")


def test_a_server_that_is_not_there_is_told(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk('[orchestrators.p]\nkind = "prefect"\nurl = "http://127.0.0.1:9/api"\n')
    with pytest.raises(SourceError, match=r"connection refused.*is it running"):
        operations.standing(desk, "p")


BROKEN = {
    "start_time": ["yesterday", 7, "2026-11-23T11:48:04", True],
    "total_run_time": ["long", True, float("nan"), float("inf"), 10**400],
    "run_count": ["one", [], float("nan")],
    "state": ["Failed", []],
    "state_name": [7, {}],
    "deployment_id": [{}, 7],
    "expected_start_time": ["", "9999-99-99T00:00:00Z"],
}


@pytest.mark.parametrize(
    ("key", "value"), [(key, value) for key, values in BROKEN.items() for value in values]
)
def test_a_value_of_the_wrong_type_is_no_missing_value(
    desk: Desk, prefect: FakePrefect, key: str, value: object
) -> None:
    run = {**seed("flow_runs")[-1], key: value}
    prefect.failing["/flow_runs/filter"] = json.dumps([run])
    with pytest.raises(GarbledError, match="where"):
        operations.runs(desk, "prefect")


def test_a_page_that_comes_again_and_again_is_given_up(desk: Desk, prefect: FakePrefect) -> None:
    model = seed("flow_runs")[-1]
    page = [{**model, "id": f"{at}"} for at in range(200)]
    prefect.failing["/flow_runs/filter"] = json.dumps(page)
    with pytest.raises(GarbledError, match="the same page of flow runs"):
        operations.runs(desk, "prefect", limit=201)


def everything_said(desk: Desk) -> str:
    """What a caller can get to see: the error with its causes, the values, their repr."""
    said = []
    try:
        said.append(repr(operations.standing(desk, "prefect")))
    except MechexoError as error:
        cause: BaseException | None = error
        while cause is not None:
            said += [str(cause), repr(cause)]
            cause = cause.__cause__
    return " ".join([*said, repr(connect(desk, "prefect"))])


@pytest.mark.parametrize("how", ["none", "401", "500", "422", "html", "cut"])
def test_no_secret_is_ever_said(desk: Desk, prefect: FakePrefect, how: str) -> None:
    if how != "none":
        prefect.failing["/deployments/filter"] = how
    prefect.deployments[0]["version"] = f"built with {PASSWORD}"
    said = everything_said(desk)
    basic = prefect.entry.removeprefix("Basic ")
    assert "prefect" in said
    assert PASSWORD not in said
    assert "canary" not in said
    assert basic not in said


def test_a_password_that_no_header_can_carry_is_told_without_it(
    make_desk: Callable[..., Desk], monkeypatch: pytest.MonkeyPatch, prefect: FakePrefect
) -> None:
    monkeypatch.setenv("KEY", "canary\nX-Evil: 1")
    desk = make_desk(
        f'[orchestrators.prefect]\nkind = "prefect"\nurl = "{prefect.url}"\n'
        'token = "${env:KEY}"\n'
    )
    said = everything_said(desk)
    assert "canary" not in said
    assert "orchestrator prefect: " in said
