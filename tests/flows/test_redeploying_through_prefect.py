"""Putting an earlier version of a deployment back through Prefect."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from copy import deepcopy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mechexo.actor import Actor, Role
from mechexo.desk import Desk
from mechexo.errors import ConflictError, NotAllowedError, NotFoundError, UsageError
from mechexo.flows.orchestrators import redeploying, versions
from mechexo.flows.orchestrators.protocol import (
    MissingError,
    OutcomeUnknownError,
    RefusedError,
    SourceError,
)
from mechexo.flows.orchestrators.versions import Definition, changed_fields
from support.fake_prefect import CAPTURED, FakePrefect
from support.orchestrated_desk import desk_with
from support.redeployed import (
    BAD,
    SECRET,
    TCA,
    deployed,
    gone_bad,
    look,
    numbers,
    put_back,
)

pytestmark = pytest.mark.slow


@pytest.fixture
def desk(
    make_desk: Callable[..., Desk], monkeypatch: pytest.MonkeyPatch, prefect: FakePrefect
) -> Desk:
    return desk_with(make_desk, monkeypatch, prefect)


def outcomes(desk: Desk) -> list[str]:
    return [each.outcome for each in desk.audit_entries(only=["flows.redeploy"])]


def test_a_dry_run_says_what_would_change_shows_no_secret_and_changes_nothing(
    desk: Desk, prefect: FakePrefect
) -> None:
    gone_bad(desk, prefect)
    plan = redeploying.plan_redeploy(desk, "prefect", TCA, number=1)
    assert set(plan.changed) == set(BAD)
    assert '-  "entrypoint": "flows.py:tca_hourly"' in plan.diff
    assert '+  "entrypoint": "flows.py:tca_daily"' in plan.diff
    assert SECRET not in plan.diff
    assert deployed(prefect)["version"] == "1.1.0"
    assert outcomes(desk) == []


def test_a_change_of_a_secret_alone_is_said_without_it(desk: Desk, prefect: FakePrefect) -> None:
    deployed(prefect)["job_variables"] = {"env": {"API_KEY": SECRET}}
    look(desk)
    deployed(prefect)["job_variables"] = {"env": {"API_KEY": f"{SECRET}-2"}}
    plan = redeploying.plan_redeploy(desk, "prefect", TCA, number=1)
    assert plan.diff == "  job_variables: differs only in secrets, which are not shown"


def test_a_redeploy_puts_back_every_field_of_the_definition_and_leaves_the_rest(
    desk: Desk, prefect: FakePrefect
) -> None:
    before = gone_bad(desk, prefect)
    deployed(prefect)["paused"] = True
    put_back(desk)
    assert deployed(prefect) == before | {"paused": True}
    assert numbers(desk) == [3, 2, 1]
    kept = versions.versions(desk, "prefect", TCA)
    assert kept[0].definition == kept[2].definition


def test_a_redeploy_sends_only_what_differs_and_a_work_queue_with_its_pool(
    desk: Desk, prefect: FakePrefect
) -> None:
    look(desk)
    deployed(prefect).update(work_queue_name="slow")
    put_back(desk)
    (sent,) = [
        body for path, body in prefect.asked if path.endswith(deployed(prefect)["id"]) and body
    ]
    assert sent == {"work_pool_name": "ops", "work_queue_name": "default"}


def test_it_is_on_record_before_and_after_with_the_digests_and_no_definition(
    desk: Desk, prefect: FakePrefect
) -> None:
    gone_bad(desk, prefect)
    put_back(desk, reason="n is wrong")
    asked, done = desk.audit_entries(only=["flows.redeploy"])
    assert (asked.outcome, done.outcome) == ("asked", "done")
    assert asked.target == f"prefect: {TCA}"
    bad, good = versions.versions(desk, "prefect", TCA)[1:]
    first, last = json.loads(asked.payload), json.loads(done.payload)
    assert (first["before"], first["wanted"]) == (bad.digest, good.digest)
    assert (last["after"], last["reason"]) == (good.digest, "n is wrong")
    assert SECRET not in asked.payload + done.payload


def test_what_no_tick_saw_is_kept_before_it_is_replaced(desk: Desk, prefect: FakePrefect) -> None:
    look(desk)
    deployed(prefect).update(deepcopy(BAD))
    put_back(desk)
    newest, replaced, first = versions.versions(desk, "prefect", TCA)
    assert replaced.fields["parameters"] == BAD["parameters"]
    assert newest.digest == first.digest


def test_one_that_is_defined_so_already_is_left_alone(desk: Desk, prefect: FakePrefect) -> None:
    look(desk)
    done = put_back(desk)
    assert done.plan.changed == ()
    assert outcomes(desk) == []


def test_one_that_was_deployed_anew_since_the_plan_is_left_alone(
    desk: Desk, prefect: FakePrefect
) -> None:
    gone_bad(desk, prefect)
    plan = redeploying.plan_redeploy(desk, "prefect", TCA, number=1)
    deployed(prefect).update(version="1.2.0")
    with pytest.raises(ConflictError, match="look again"):
        redeploying.redeploy(desk, plan)
    assert deployed(prefect)["version"] == "1.2.0"
    assert outcomes(desk) == []


def test_a_server_that_says_yes_and_leaves_a_field_is_found_out(
    desk: Desk, prefect: FakePrefect
) -> None:
    gone_bad(desk, prefect)
    prefect.ignores = {"parameters"}
    with pytest.raises(OutcomeUnknownError, match="is defined otherwise: parameters"):
        put_back(desk)
    assert outcomes(desk) == ["asked", "unknown"]


@pytest.mark.parametrize(
    ("how", "error", "outcome"),
    [
        ("422", RefusedError, "refused"),
        ("401", RefusedError, "refused"),
        ("404", MissingError, "refused"),
        ("500", OutcomeUnknownError, "unknown"),
        ("hang", OutcomeUnknownError, "unknown"),
        ("cut", OutcomeUnknownError, "unknown"),
    ],
)
def test_a_redeploy_that_goes_wrong_says_whether_it_was_done(
    make_desk: Callable[..., Desk],
    monkeypatch: pytest.MonkeyPatch,
    prefect: FakePrefect,
    how: str,
    error: type[Exception],
    outcome: str,
) -> None:
    desk = desk_with(make_desk, monkeypatch, prefect, 'timeout = "2s"\n')
    gone_bad(desk, prefect)
    prefect.failing_methods = {"PATCH": how}
    with pytest.raises(error):
        put_back(desk)
    assert outcomes(desk) == ["asked", outcome]


def test_a_server_that_is_away_is_asked_nothing(desk: Desk, prefect: FakePrefect) -> None:
    gone_bad(desk, prefect)
    prefect.leave()
    with pytest.raises(SourceError):
        put_back(desk)
    assert outcomes(desk) == []


def test_a_viewer_may_look_and_not_redeploy(desk: Desk, prefect: FakePrefect) -> None:
    gone_bad(desk, prefect)
    viewer = Actor(os.getuid(), "watcher", granted=Role.VIEWER)
    theirs = Desk.open(desk.config_path, clock=desk.clock, actor=viewer)
    plan = redeploying.plan_redeploy(theirs, "prefect", TCA, number=1)
    with pytest.raises(NotAllowedError):
        redeploying.redeploy(theirs, plan)
    assert deployed(prefect)["version"] == "1.1.0"
    assert outcomes(desk) == ["refused"]


def test_a_live_desk_needs_a_reason(
    make_desk: Callable[..., Desk], monkeypatch: pytest.MonkeyPatch, prefect: FakePrefect
) -> None:
    live = desk_with(make_desk, monkeypatch, prefect, mode="live")
    gone_bad(live, prefect)
    with pytest.raises(UsageError, match="needs a reason"):
        put_back(live)
    put_back(live, reason="bad parameters")
    assert deployed(prefect)["version"] == "1.0.0"


def test_a_number_that_is_not_kept_is_told_with_those_that_are(
    desk: Desk, prefect: FakePrefect
) -> None:
    gone_bad(desk, prefect)
    with pytest.raises(NotFoundError, match="has no version 9; kept: 2, 1"):
        redeploying.plan_redeploy(desk, "prefect", TCA, number=9)
    with pytest.raises(UsageError, match="say which version"):
        redeploying.plan_redeploy(desk, "prefect", TCA)


@given(
    st.dictionaries(st.sampled_from("abcd"), st.integers(0, 2)),
    st.dictionaries(st.sampled_from("abcd"), st.integers(0, 2)),
)
def test_what_is_sent_makes_one_definition_into_the_other_and_touches_no_more(
    now: dict[str, int], then: dict[str, int]
) -> None:
    sent = redeploying._to_send(now, then)
    after = now | sent
    assert {name: after[name] for name in then} == then
    assert all(name not in now or now[name] != value for name, value in sent.items())
    assert changed_fields(after, then) == ()


def test_one_that_takes_no_definition_back_says_so(
    make_desk: Callable[..., Desk], monkeypatch: pytest.MonkeyPatch, prefect: FakePrefect
) -> None:
    air = '[orchestrators.air]\nkind = "airflow"\nurl = "http://127.0.0.1:1"\n'
    desk = desk_with(make_desk, monkeypatch, prefect, air)
    kept = [Definition.of("dag", "", {"a": 1})]
    versions.keep(desk, "air", kept, {"dag": "dag"}, seen_at=CAPTURED)
    with pytest.raises(UsageError, match="is of kind airflow, which takes no earlier definition"):
        redeploying.plan_redeploy(desk, "air", "dag", number=1)
