"""`mechexo rollback approve` and `approvals`: the second person at the command line."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from mechexo.actor import Actor, current_actor
from mechexo.cli import rollback_approve
from mechexo.cli.invocation import Invocation, command_group
from mechexo.clock import SystemClock
from mechexo.desk import Desk
from mechexo.errors import NotAllowedError, UsageError
from mechexo.rollback import approval, operations
from mechexo.rollback.values import Plan
from rollback.approvers import Approvers
from rollback.histories import History, at

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Case:
    """A plan that ann made, and people of whom `me` runs the command."""

    desk: Desk
    plan: Plan
    people: Approvers

    def run(self, *words: object, stdin: str = "") -> Result:
        app = command_group("rollback")
        rollback_approve.add_to(app)
        return CliRunner().invoke(
            app,
            [os.fspath(word) if isinstance(word, Path) else str(word) for word in words],
            obj=Invocation(self.desk.config_path),
            input=stdin,
            catch_exceptions=False,
        )


@pytest.fixture
def case(make_desk: Callable[..., Desk], tmp_path: Path) -> Case:
    people = Approvers.begin(tmp_path / "keys", tmp_path / "desk" / "approvers")
    people.allow("me", called=current_actor().name)
    history = History.begin(tmp_path / "desk" / "repo")
    for day in (1, 2, 3):
        history.commit({"limits.toml": f"a = {day}\n"}, at(day))
    desk = make_desk(
        '[rollback]\nrepository = "repo"\nconfigs = ["*.toml"]\nsigners = "approvers"\n'
        'second_person = ["limits"]\n[rollback.limits]\ncommits = 1\n',
        actor=Actor(4001, "ann"),
    )
    desk = replace(desk, clock=SystemClock())
    plan = operations.plan_config(desk, "limits.toml", to=at(1, 12), overrides=("commits", "age"))
    return Case(desk, plan, people)


def test_the_plan_is_shown_and_then_approved(case: Case) -> None:
    done = case.run("approve", case.plan.id, "--key", case.people.key("me"), "--yes")
    assert done.exit_code == 0
    assert "-a = 3\n+a = 1\n" in done.stdout
    assert done.stdout.endswith(f"Approved as {current_actor().name}: plan {case.plan.id}.\n")
    assert len(approval.valid_approvals(case.desk, case.plan)) == 1


def test_the_approval_is_one_document_in_json(case: Case) -> None:
    words = ("--key", case.people.key("me"), "--confirm", case.plan.digest[:8], "--json")
    found = json.loads(case.run("approve", case.plan.id, *words).stdout)
    assert found["schema"] == "mechexo.rollback_approval/1"
    assert found["approval"]["plan_id"] == case.plan.id
    assert found["approval"]["principal"] == current_actor().name


def test_without_a_terminal_nothing_counts_as_read(case: Case) -> None:
    with pytest.raises(NotAllowedError, match="is not the digest of plan"):
        case.run("approve", case.plan.id, "--key", case.people.key("me"))


def test_the_shown_command_makes_the_signature_that_is_handed_in(
    case: Case, tmp_path: Path
) -> None:
    shown = case.run("approvals", case.plan.id).stdout
    assert f"Nobody approved of plan {case.plan.id}." in shown
    command = next(line for line in shown.splitlines() if "ssh-keygen" in line)
    key = os.fspath(case.people.key("me"))
    subprocess.run(["sh", "-c", command.replace("KEY", key)], cwd=tmp_path, check=True)
    made = tmp_path / "approval.sig"
    assert case.run("approve", case.plan.id, "--signature", made, "--yes").exit_code == 0
    assert f"● OK      {current_actor().name}, " in case.run("approvals", case.plan.id).stdout


def test_a_signature_can_come_from_stdin(case: Case) -> None:
    made = case.people.signed("me", approval.signed_words(case.plan))
    done = case.run("approve", case.plan.id, "--signature", "-", "--yes", stdin=made)
    assert done.exit_code == 0


def test_an_approval_that_ended_is_listed_with_why(case: Case) -> None:
    case.run("approve", case.plan.id, "--key", case.people.key("me"), "--yes")
    case.people.forget("me")
    why = "no key that approvers allows made the signature"
    assert f": {why}" in case.run("approvals", case.plan.id).stdout
    assert "▲ WARNING" in case.run("approvals", case.plan.id).stdout
    found = json.loads(case.run("approvals", case.plan.id, "--json").stdout)
    assert [each["why_not"] for each in found["approvals"]] == [why]


@pytest.mark.parametrize("text", [None, "", "yes\n"])
def test_a_file_that_is_no_signature_is_said(case: Case, tmp_path: Path, text: str | None) -> None:
    place = tmp_path / "approval.sig"
    if text is not None:
        place.write_text(text)
    with pytest.raises(UsageError, match=r"no SSH signature|cannot be read"):
        case.run("approve", case.plan.id, "--signature", place, "--yes")
