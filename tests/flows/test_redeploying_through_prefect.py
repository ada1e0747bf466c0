"""Versions of a deployment, kept as ticks see them, and putting one back."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from copy import deepcopy
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mechexo import what_changed
from mechexo.actor import Actor, Role
from mechexo.clock import VirtualClock
from mechexo.desk import Desk
from mechexo.errors import ConflictError, NotAllowedError, NotFoundError, UsageError
from mechexo.flows.orchestrators import looking, records, redeploying, versions
from mechexo.flows.orchestrators.protocol import (
    MissingError,
    OutcomeUnknownError,
    RefusedError,
    SourceError,
)
from mechexo.flows.orchestrators.versions import Definition, changed_fields
from support.fake_prefect import CAPTURED, FakePrefect, fake_prefect
from support.orchestrated_desk import desk_with

pytestmark = pytest.mark.slow

TCA = "tca-daily/prod"
MINUTE = timedelta(minutes=1)
SECRET = "canary-of-a-job"
BAD = {
    "version": "1.1.0",
    "entrypoint": "flows.py:tca_hourly",
    "parameters": {"n": 7, "venue": "XLON"},
    "job_variables": {"image": "desk:1.1", "env": {"API_KEY": SECRET}},
    "tags": ["tca", "new"],
    "work_queue_name": "slow",
    "pull_steps": None,
}


@pytest.fixture
def prefect() -> Iterator[FakePrefect]:
    with fake_prefect() as fake:
        yield fake


@pytest.fixture
def desk(
    make_desk: Callable[..., Desk], monkeypatch: pytest.MonkeyPatch, prefect: FakePrefect
) -> Desk:
    return desk_with(make_desk, monkeypatch, prefect)


def later(desk: Desk) -> datetime:
    assert isinstance(desk.clock, VirtualClock)
    desk.clock.advance(MINUTE)
    return desk.clock.now()


def look(desk: Desk) -> looking.Known:
    (known,) = looking.look(desk, deadline_s=60.0, force=True)
    return known


def deployed(prefect: FakePrefect) -> dict[str, Any]:
    return prefect.deployments[0]


def numbers(desk: Desk) -> list[int]:
    return [one.number for one in versions.versions(desk, "prefect", TCA)]


def put_back(desk: Desk, number: int = 1, *, reason: str = "") -> redeploying.Redeployed:
    plan = redeploying.plan_redeploy(desk, "prefect", TCA, number=number)
    return redeploying.redeploy(desk, plan, reason=reason)


def gone_bad(desk: Desk, prefect: FakePrefect) -> dict[str, Any]:
    """A look saw the deployment, somebody deployed it anew, a look saw that. What it was before."""
    look(desk)
    before = deepcopy(deployed(prefect))
    deployed(prefect).update(deepcopy(BAD))
    later(desk)
    look(desk)
    return before


def outcomes(desk: Desk) -> list[str]:
    return [each.outcome for each in desk.audit_entries(only=["flows.redeploy"])]


def test_each_look_keeps_the_definitions_that_changed_and_no_other(
    desk: Desk, prefect: FakePrefect
) -> None:
    look(desk)
    later(desk)
    look(desk)
    assert numbers(desk) == [1]
    deployed(prefect).update(version="1.1.0")
    seen = later(desk)
    look(desk)
    newest, first = versions.versions(desk, "prefect", TCA)
    assert (newest.number, newest.told, newest.seen_at) == (2, "1.1.0", seen)
    assert (first.number, first.told, first.seen_at) == (1, "1.0.0", CAPTURED)
    assert versions.what_changed(newest, first) == ("version",)


def test_what_is_no_part_of_a_definition_makes_no_version(desk: Desk, prefect: FakePrefect) -> None:
    look(desk)
    deployed(prefect).update(last_polled=None, paused=True, status="NOT_READY", schedules=[])
    look(desk)
    assert numbers(desk) == [1]


def test_a_deployment_can_be_named_by_its_flow(desk: Desk) -> None:
    look(desk)
    assert versions.versions(desk, "prefect", "tca")[0].deployment == TCA


def test_a_deployment_that_no_look_saw_has_no_versions(desk: Desk) -> None:
    with pytest.raises(NotFoundError, match="a tick keeps them"):
        versions.versions(desk, "prefect", TCA)
    look(desk)
    with pytest.raises(NotFoundError, match="did you mean tca-daily/prod"):
        versions.versions(desk, "prefect", "tca-daily/prd")


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


def test_an_answer_that_is_older_than_a_redeployment_makes_no_version(
    desk: Desk, prefect: FakePrefect
) -> None:
    gone_bad(desk, prefect)
    asked_at, answer = (
        desk.clock.now(),
        Definition.of(deployed(prefect)["id"], "", {"version": "x"}),
    )
    later(desk)
    put_back(desk)
    assert numbers(desk) == [3, 2, 1]
    versions.keep(desk, "prefect", [answer], {}, seen_at=asked_at)
    assert numbers(desk) == [3, 2, 1]


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


def test_the_version_that_stood_at_a_moment_can_be_named_by_it(
    desk: Desk, prefect: FakePrefect
) -> None:
    gone_bad(desk, prefect)
    kept = versions.versions(desk, "prefect", TCA)

    def at(moment: datetime) -> int:
        return versions.chosen(kept, as_of=moment).number

    assert at(CAPTURED) == at(CAPTURED + MINUTE - timedelta(seconds=1)) == 1
    assert at(CAPTURED + MINUTE) == at(CAPTURED + timedelta(days=30)) == 2
    with pytest.raises(NotFoundError, match="the oldest that is kept was seen first at"):
        at(CAPTURED - timedelta(seconds=1))


def test_a_number_that_is_not_kept_is_told_with_those_that_are(
    desk: Desk, prefect: FakePrefect
) -> None:
    gone_bad(desk, prefect)
    with pytest.raises(NotFoundError, match="has no version 9; kept: 2, 1"):
        redeploying.plan_redeploy(desk, "prefect", TCA, number=9)
    with pytest.raises(UsageError, match="say which version"):
        redeploying.plan_redeploy(desk, "prefect", TCA)


def test_of_one_deployment_only_the_newest_versions_are_kept(
    desk: Desk, prefect: FakePrefect
) -> None:
    number = records.MOST_OF_ONE + 5
    for at in range(number):
        deployed(prefect)["version"] = f"1.{at}.0"
        later(desk)
        look(desk)
    assert numbers(desk) == list(range(number, 5, -1))


def test_of_all_together_no_more_than_so_many_characters_are_kept_the_newest_of_each_first(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records, "MOST_CHARACTERS", 500)
    for at in range(3):
        later(desk)
        kept = [Definition.of(one, str(at), {"x": "y" * 90, "at": at}) for one in ("a", "b", "c")]
        versions.keep(desk, "prefect", kept, {}, seen_at=desk.clock.now())
    found = records.versions_of(desk.state, "prefect")
    assert sum(len(one.definition) for one in found) <= 500
    assert {one.deployment_id for one in found if one.number == 3} == {"a", "b", "c"}


def test_a_definition_that_is_too_long_to_keep_is_said_on_the_card_and_alerts_work(
    desk: Desk, prefect: FakePrefect
) -> None:
    deployed(prefect)["parameters"] = {"n": "x" * versions.LONGEST}
    known = look(desk)
    assert known.look is not None
    assert known.look.note == f"too long to keep: the definition of {TCA}"
    assert known.look.standing.observations
    with pytest.raises(NotFoundError):
        versions.versions(desk, "prefect", TCA)


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


def test_a_changed_definition_is_in_the_time_line_of_an_alert_and_suspected(
    desk: Desk, prefect: FakePrefect
) -> None:
    from mechexo.alerts import operations as alerts
    from mechexo.alerts.values import Observation

    gone_bad(desk, prefect)
    later(desk)
    labels = {"card": "orchestrators", "flow": "tca"}
    alerts.observe(
        desk, [Observation("o", True, "high", "prefect_failing", "it fails", "test", labels)]
    )
    (alert,) = alerts.list_alerts(desk)
    found = what_changed.around_alert(desk, alert.id)
    (row,) = [each for each in found.rows if each.happening.key.startswith("definition:")]
    assert row.happening.what.startswith(f"{TCA} on prefect became version 2 (1.1.0): ")
    assert SECRET not in row.happening.what
    assert row.happening.flows == ("tca",)
    assert row.suspect is not None
    assert row.happening.no_remedy.endswith(f"mechexo flows redeploy {TCA} --source prefect --to 1")
    # The first that was seen of each of the others is no change.
    assert len([each for each in found.rows if each.happening.kind.value == "deployment"]) == 1
