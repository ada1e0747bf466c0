"""Acting through an orchestrator: who may, what is on record, and what is said when it went
wrong."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import Any

import pytest

from mechexo.actor import Actor, Role
from mechexo.desk import Desk
from mechexo.errors import ConflictError, MechexoError, NotAllowedError, UsageError
from mechexo.flows.orchestrators import acting
from mechexo.flows.orchestrators.protocol import (
    MissingError,
    OutcomeUnknownError,
    RefusedError,
    SourceError,
)
from mechexo.flows.orchestrators.values import Action
from support.fake_prefect import PASSWORD, FakePrefect
from support.orchestrated_desk import COMPLETED, FAILED, LATE, NOBODY, RUNNING, desk_with

FAST = 'timeout = "0.5s"\n'
TCA = "tca-daily/prod"


@pytest.fixture
def desk(
    make_desk: Callable[..., Desk], monkeypatch: pytest.MonkeyPatch, prefect: FakePrefect
) -> Desk:
    return desk_with(make_desk, monkeypatch, prefect, FAST)


def do(desk: Desk, action: Action, target: str, *, reason: str = "") -> acting.Done:
    proposal = acting.propose(desk, "prefect", action, target, reason=reason)
    return acting.act(desk, proposal, reason=reason)


def outcomes(desk: Desk) -> list[tuple[str, str, str]]:
    return [
        (each.action, each.target, each.outcome) for each in desk.audit_entries(only=["flows.*"])
    ]


def test_run_now_begins_a_run(desk: Desk, prefect: FakePrefect) -> None:
    done = do(desk, Action.RUN_NOW, TCA)
    run = prefect.run(done.accepted.run_id)
    assert run["deployment_id"] == done.proposal.target_id
    assert done.accepted.state == "Scheduled"


def test_a_flow_of_the_configuration_can_be_run_by_its_own_name(
    desk: Desk, prefect: FakePrefect
) -> None:
    assert do(desk, Action.RUN_NOW, "tca").proposal.name == TCA


def test_retry_schedules_a_failed_run_once_more_and_says_why(
    desk: Desk, prefect: FakePrefect
) -> None:
    done = do(desk, Action.RETRY, FAILED, reason="quotes are there now")
    assert done.accepted.state == "AwaitingRetry"
    assert prefect.run(FAILED)["state"]["message"].startswith("quotes are there now (by ")


def test_cancel_ends_a_run_under_way(desk: Desk, prefect: FakePrefect) -> None:
    assert do(desk, Action.CANCEL, RUNNING).accepted.state == "Cancelling"
    assert prefect.run(RUNNING)["state_type"] == "CANCELLING"


def test_a_run_without_a_process_is_cancelled_at_once(desk: Desk, prefect: FakePrefect) -> None:
    assert do(desk, Action.CANCEL, LATE).accepted.state == "Cancelled"


def test_pause_and_resume_are_seen_in_prefect(desk: Desk, prefect: FakePrefect) -> None:
    do(desk, Action.PAUSE, "recon-nightly/prod")
    assert [each["paused"] for each in prefect.deployments].count(True) == 1
    do(desk, Action.RESUME, "recon-nightly/prod")
    assert [each["paused"] for each in prefect.deployments].count(True) == 0


def test_an_action_is_on_record_before_it_is_sent_and_after_its_answer(desk: Desk) -> None:
    done = do(desk, Action.RETRY, FAILED)
    name = f"prefect: {done.proposal.name}"
    assert outcomes(desk) == [("flows.retry", name, "asked"), ("flows.retry", name, "done")]
    [_, after] = desk.audit_entries(only=["flows.*"])
    said = json.loads(after.payload)
    assert (said["before"], said["after"]) == ("Failed", "AwaitingRetry")
    assert desk.verify_audit().problems == ()


@pytest.mark.parametrize(
    ("action", "target", "words"),
    [
        (Action.RETRY, COMPLETED, "only one that failed or was cancelled is retried"),
        (Action.RETRY, RUNNING, "only one that failed or was cancelled is retried"),
        (Action.CANCEL, FAILED, "it has ended already"),
        (Action.RESUME, TCA, "is active already"),
    ],
)
def test_what_cannot_be_done_is_not_asked_for(
    desk: Desk, prefect: FakePrefect, action: Action, target: str, words: str
) -> None:
    with pytest.raises(ConflictError, match=words):
        do(desk, action, target)
    assert outcomes(desk) == []
    assert prefect.asked_for("set_state") == []


def test_a_run_that_moved_since_it_was_proposed_is_left_alone(
    desk: Desk, prefect: FakePrefect
) -> None:
    proposal = acting.propose(desk, "prefect", Action.CANCEL, LATE)
    prefect.run(LATE).update(state_type="RUNNING", state_name="Running")
    with pytest.raises(ConflictError, match="is Running now, no longer Late"):
        acting.act(desk, proposal)
    assert prefect.asked_for("set_state") == []


@pytest.mark.parametrize("role", [Role.VIEWER, Role.RESPONDER])
def test_who_is_no_operator_may_not_and_the_refusal_is_on_record(
    make_desk: Callable[..., Desk],
    monkeypatch: pytest.MonkeyPatch,
    prefect: FakePrefect,
    role: Role,
) -> None:
    somebody = Actor(os.getuid(), "tester", granted=role)
    desk = desk_with(make_desk, monkeypatch, prefect, actor=somebody)
    with pytest.raises(NotAllowedError, match="needs the role operator"):
        do(desk, Action.RUN_NOW, TCA)
    assert outcomes(desk) == [("flows.run_now", f"prefect: {TCA}", "refused")]
    assert prefect.asked == []


def test_a_live_desk_needs_a_reason(
    make_desk: Callable[..., Desk], monkeypatch: pytest.MonkeyPatch, prefect: FakePrefect
) -> None:
    desk = desk_with(make_desk, monkeypatch, prefect, mode="live")
    with pytest.raises(UsageError, match="needs a reason: add --reason"):
        do(desk, Action.PAUSE, TCA, reason=" ")
    assert prefect.asked == []
    do(desk, Action.PAUSE, TCA, reason="bad quotes")
    assert [
        json.loads(each.payload)["reason"] for each in desk.audit_entries(only=["flows.*"])
    ] == [
        "bad quotes",
        "bad quotes",
    ]


@pytest.mark.parametrize("how", ["500", "502", "html", "{}", "7.5", "cut"])
@pytest.mark.parametrize("was_done", [True, False])
def test_an_answer_that_says_nothing_leaves_the_outcome_unknown(
    desk: Desk, prefect: FakePrefect, how: str, was_done: bool
) -> None:
    prefect.failing["create_flow_run"] = how
    prefect.does_before_failing = was_done
    with pytest.raises(
        OutcomeUnknownError, match=r"may have been done.*mechexo flows runs --source prefect"
    ):
        do(desk, Action.RUN_NOW, TCA)
    assert [outcome for *_, outcome in outcomes(desk)] == ["asked", "unknown"]


@pytest.mark.slow
def test_no_answer_in_time_leaves_the_outcome_unknown(desk: Desk, prefect: FakePrefect) -> None:
    prefect.failing["pause_deployment"] = "hang"
    with pytest.raises(OutcomeUnknownError, match="mechexo flows deployments --source prefect"):
        do(desk, Action.PAUSE, TCA)
    assert [outcome for *_, outcome in outcomes(desk)] == ["asked", "unknown"]


@pytest.mark.parametrize(
    ("how", "kind"),
    [("401", RefusedError), ("422", RefusedError), ("409", RefusedError), ("404", MissingError)],
)
def test_a_refusal_changed_nothing_and_is_on_record(
    desk: Desk, prefect: FakePrefect, how: str, kind: type[MechexoError]
) -> None:
    prefect.failing["create_flow_run"] = how
    with pytest.raises(kind, match="nothing changed"):
        do(desk, Action.RUN_NOW, TCA)
    assert [outcome for *_, outcome in outcomes(desk)] == ["asked", "refused"]


def test_a_change_of_state_that_prefect_rejects_is_a_refusal(
    desk: Desk, prefect: FakePrefect, monkeypatch: pytest.MonkeyPatch
) -> None:
    proposal = acting.propose(desk, "prefect", Action.RETRY, FAILED)
    answer = prefect.answer

    def moves_between(method: str, path: str, body: dict[str, object]) -> tuple[int, object]:
        # Somebody else was faster, after we looked.
        if path.endswith("set_state"):
            prefect.run(FAILED).update(state_type="RUNNING", state_name="Running")
        return answer(method, path, body)

    monkeypatch.setattr(prefect, "answer", moves_between)
    with pytest.raises(RefusedError, match="answered REJECT"):
        acting.act(desk, proposal)
    assert [outcome for *_, outcome in outcomes(desk)] == ["asked", "refused"]


def test_a_run_that_is_not_there_is_told(desk: Desk) -> None:
    with pytest.raises(MissingError):
        do(desk, Action.CANCEL, NOBODY)


def test_a_server_that_is_gone_was_asked_nothing(desk: Desk, prefect: FakePrefect) -> None:
    proposal = acting.propose(desk, "prefect", Action.RUN_NOW, TCA)
    answered = acting.known
    try:
        # It dies between the last look and the action.
        def dies(*arguments: object, **more: object) -> object:
            found = answered(*arguments, **more)  # type: ignore[arg-type]
            prefect.leave()
            return found

        acting.known = dies  # type: ignore[assignment]
        with pytest.raises(SourceError, match="nothing was asked"):
            acting.act(desk, proposal)
    finally:
        acting.known = answered
    assert [outcome for *_, outcome in outcomes(desk)] == ["asked", "not sent"]


def test_no_secret_is_in_the_audit_log(desk: Desk, prefect: FakePrefect) -> None:
    prefect.failing["create_flow_run"] = "500"
    with pytest.raises(OutcomeUnknownError) as caught:
        do(desk, Action.RUN_NOW, TCA)
    prefect.failing.clear()
    do(desk, Action.RUN_NOW, TCA)
    said = f"{caught.value} {desk.audit_entries()}"
    basic = prefect.entry.removeprefix("Basic ")
    assert basic not in said
    assert PASSWORD not in said
    assert all(
        secret.encode() not in file.read_bytes()
        for secret in (basic, PASSWORD)
        for file in desk.state.path.parent.iterdir()
        if file.is_file()
    )


@pytest.fixture
def busy_when_sent(monkeypatch: pytest.MonkeyPatch, prefect: FakePrefect) -> None:
    """The server is busy for two requests from the action itself on."""
    send = acting._send

    def sent_to_a_busy_one(*words: Any) -> Any:
        prefect.busy_for = 2
        return send(*words)

    monkeypatch.setattr(acting, "_send", sent_to_a_busy_one)


@pytest.mark.usefixtures("busy_when_sent")
def test_a_server_that_is_busy_for_a_moment_is_asked_again_and_begins_one_run(
    desk: Desk, prefect: FakePrefect
) -> None:
    before = len(prefect.runs)
    do(desk, Action.RUN_NOW, TCA)
    assert len(prefect.runs) == before + 1
    keys = {body["idempotency_key"] for body in prefect.asked_for("create_flow_run")}
    assert (len(prefect.asked_for("create_flow_run")), len(keys)) == (3, 1)


@pytest.mark.usefixtures("busy_when_sent")
def test_a_retry_is_not_asked_for_again_for_it_may_have_been_done(
    desk: Desk, prefect: FakePrefect
) -> None:
    with pytest.raises(OutcomeUnknownError):
        do(desk, Action.RETRY, FAILED)
    assert len(prefect.asked_for("set_state")) == 1


def test_looking_at_a_server_that_is_busy_for_a_moment_is_looking(
    desk: Desk, prefect: FakePrefect
) -> None:
    prefect.busy_for = 2
    assert do(desk, Action.PAUSE, TCA).accepted.state == "paused"
