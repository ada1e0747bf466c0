"""`mechexo doctor` on the second person: whether there is one, and whether one would be enough."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from mechexo.actor import current_actor
from mechexo.desk import Desk
from mechexo.doctor import Finding, examine
from mechexo.health.values import Status
from rollback.approvers import Approvers

pytestmark = pytest.mark.slow

SIGNERS = '[rollback]\nsigners = "approvers"\nsecond_person = ["limits", "rate"]\n'
MakeDesk = Callable[..., Desk]


@pytest.fixture
def people(tmp_path: Path) -> Approvers:
    return Approvers.begin(tmp_path / "keys", tmp_path / "desk" / "approvers")


def found(desk: Desk) -> list[Finding]:
    desk.state.close()
    return [each for each in examine(desk.config_path) if each.check == "second person"]


def only(desk: Desk) -> Finding:
    (finding,) = found(desk)
    return finding


def test_two_people_who_may_approve_are_named(make_desk: MakeDesk, people: Approvers) -> None:
    people.allow("ann")
    people.allow("bob", options='valid-before="20300101"')
    finding = only(make_desk(SIGNERS))
    assert finding.status is Status.OK
    assert finding.detail.endswith("approvers: ann, bob may approve")


def test_without_either_there_is_nothing_to_say(make_desk: MakeDesk) -> None:
    assert found(make_desk()) == []


def test_a_second_person_who_is_asked_for_and_nobody_is_wrong(make_desk: MakeDesk) -> None:
    finding = only(make_desk('[rollback]\nsecond_person = ["market"]\n'))
    assert finding.status is Status.CRITICAL
    assert finding.detail == "market need a second person, and nobody is one"


@pytest.mark.parametrize("mode", [None, 0o664])
def test_a_file_that_is_not_there_or_open_is_wrong(
    make_desk: MakeDesk, people: Approvers, mode: int | None
) -> None:
    if mode is None:
        people.signers.unlink()
    else:
        people.signers.chmod(mode)
    finding = only(make_desk(SIGNERS))
    assert finding.status is Status.CRITICAL
    assert "approvers" in finding.detail


def test_one_person_alone_cannot_approve_of_their_own(
    make_desk: MakeDesk, people: Approvers
) -> None:
    people.allow("ann")
    people.allow("ann2", called="ann")
    finding = only(make_desk(SIGNERS))
    assert finding.status is Status.WARNING
    assert "ann only, who cannot approve of their own plans" in finding.detail


def test_nobody_and_a_pattern_are_said(make_desk: MakeDesk, people: Approvers) -> None:
    people.signers.write_text("# nobody yet\n")
    assert "names nobody" in only(make_desk(SIGNERS)).detail
    people.allow("ann", called="*@desk.example")
    pattern, nobody = found(make_desk(SIGNERS))
    assert "names *@desk.example, which is no one person" in pattern.detail
    assert nobody.status is Status.CRITICAL


def test_a_folder_in_which_others_may_replace_the_file_is_said(
    make_desk: MakeDesk, people: Approvers
) -> None:
    people.allow("ann")
    people.allow("bob")
    people.signers.parent.chmod(0o775)
    finding = only(make_desk(SIGNERS))
    assert finding.status is Status.WARNING
    assert "and so put another file in the place of" in finding.detail


def test_an_operator_who_owns_the_file_is_said(make_desk: MakeDesk, people: Approvers) -> None:
    people.allow("ann")
    people.allow("bob")
    me = current_actor().name
    access = f'[access]\noperator = ["{me}"]\nowner_is_admin = false\n'
    finding = only(make_desk(SIGNERS + access))
    assert f"is {me}'s, who could so approve of their own plans" in finding.detail
    assert only(make_desk(SIGNERS)).status is Status.OK


def test_without_openssh_nothing_can_be_approved(
    make_desk: MakeDesk, people: Approvers, monkeypatch: pytest.MonkeyPatch
) -> None:
    people.allow("ann")
    monkeypatch.setenv("PATH", os.fspath(people.folder))
    finding = only(make_desk(SIGNERS))
    assert (finding.status, finding.mend) == (Status.CRITICAL, "install OpenSSH")
