"""Case 41: a plan is approved by the signature of a second person, and by nothing else."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from mechexo.actor import Actor
from mechexo.clock import VirtualClock
from mechexo.desk import Desk
from mechexo.errors import (
    ConfigError,
    ConflictError,
    NotAllowedError,
    NotFoundError,
    UnreachableError,
    UsageError,
)
from mechexo.rollback import approval, approval_records, operations
from mechexo.rollback.approval import approve, judged, require_approval, signed_words
from mechexo.rollback.approval_records import Approval
from mechexo.rollback.values import Plan, RunState
from rollback.approvers import Approvers
from rollback.carrying import carry_out, tree_of
from rollback.histories import History, at

pytestmark = pytest.mark.slow

PATH = "limits.toml"
CONFIG = """
[rollback]
repository = "repo"
configs = ["limits.toml"]
signers = "approvers"
second_person = ["limits"]
[rollback.limits]
commits = 1
[access]
operator = ["ann", "bob", "eve"]
responder = ["rob"]
owner_is_admin = false
"""
ANN, BOB, ROB = Actor(4001, "ann"), Actor(4002, "bob"), Actor(4003, "rob")


@pytest.fixture
def people(tmp_path: Path) -> Approvers:
    found = Approvers.begin(tmp_path / "keys", tmp_path / "desk" / "approvers")
    found.allow("bob")
    return found


@pytest.fixture
def desk(make_desk: Callable[..., Desk], history: History, people: Approvers) -> Desk:
    history.commit({PATH: "a = 1\n"}, at(1))
    history.commit({PATH: "a = 2\n"}, at(2))
    history.commit({PATH: "a = 3\n"}, at(3))
    return make_desk(CONFIG, actor=ANN)


@pytest.fixture
def bobs(desk: Desk) -> Desk:
    return desk.acting_as(BOB)


@pytest.fixture
def plan(desk: Desk) -> Plan:
    """One that ann made."""
    return planned(desk)


def planned(desk: Desk) -> Plan:
    return operations.plan_config(desk, PATH, to=at(1, 12), overrides=("commits",))


def refused(desk: Desk, plan: Plan, words: str, **how: object) -> None:
    """The approval is refused with these words, and none is stored."""
    before = approval_records.of_plan(desk.state, plan.id)
    with pytest.raises(NotAllowedError, match=words):
        approve(desk, plan.id, plan.digest, **how)  # type: ignore[arg-type]
    assert approval_records.of_plan(desk.state, plan.id) == before


def put_in(desk: Desk, plan: Plan, signature: str, *, actor: str = "bob") -> None:
    """What somebody who can write the state file puts there by themselves."""
    with desk.state.write() as transaction:
        approval_records.insert(
            transaction,
            Approval(plan.id, plan.digest, desk.clock.now(), actor, "bob", signature),
        )


def test_a_second_persons_signature_lets_a_plan_be_applied(
    desk: Desk, bobs: Desk, plan: Plan, people: Approvers
) -> None:
    assert [guard.name for guard in plan.held_back] == ["second person"]
    with pytest.raises(NotAllowedError, match=f"approve with: mechexo rollback approve {plan.id}"):
        require_approval(desk, plan)
    made = approve(bobs, plan.id, plan.digest[:8], key=people.key("bob"))
    assert made.principal == "bob"
    assert require_approval(desk, plan) == made


def test_who_approved_of_what_is_in_the_audit_log(
    bobs: Desk, plan: Plan, people: Approvers
) -> None:
    approve(bobs, plan.id, plan.digest, key=people.key("bob"), reason="I looked")
    [entry] = bobs.audit_entries(only=("rollback.approve",))
    payload = json.loads(entry.payload)
    assert (entry.who, entry.target, entry.reason) == ("bob", plan.target, "I looked")
    assert (payload["plan"], payload["principal"]) == (plan.id, "bob")
    assert payload["digest"] == plan.digest


def test_approving_twice_is_once(bobs: Desk, plan: Plan, people: Approvers) -> None:
    first = approve(bobs, plan.id, plan.digest, key=people.key("bob"))
    assert approve(bobs, plan.id, plan.digest, key=people.key("bob")) == first
    assert approval_records.of_plan(bobs.state, plan.id) == (first,)
    assert len(bobs.audit_entries(only=("rollback.approve",))) == 1


def test_a_signature_made_on_another_machine_can_be_handed_in(
    bobs: Desk, plan: Plan, people: Approvers, tmp_path: Path
) -> None:
    command = approval.signing_command(plan).replace("KEY", os.fspath(people.key("bob")))
    subprocess.run(["sh", "-c", command], cwd=tmp_path, check=True, stderr=subprocess.DEVNULL)
    text = (tmp_path / "approval.sig").read_text()
    made = approve(bobs, plan.id, plan.digest, signature=text.replace("\n", "\r\n"))
    assert require_approval(bobs, plan) == made


def test_case_41_who_made_the_plan_does_not_approve_it(
    desk: Desk, plan: Plan, people: Approvers
) -> None:
    people.allow("ann")
    refused(desk, plan, "ann made plan", key=people.key("ann"))
    refused(desk, plan, "ann made plan", key=people.key("bob"))


@pytest.mark.parametrize("called", ["ann", "Ann", "ann@desk.example", "zoe,ann", "zoe,ann@a.b"])
def test_case_41_the_makers_own_key_does_not_approve_whoever_hands_it_in(
    bobs: Desk, plan: Plan, people: Approvers, called: str
) -> None:
    people.allow("ann", called=called)
    refused(bobs, plan, "the key is that of ann, who made the plan", key=people.key("ann"))


def test_case_41_a_second_name_does_not_make_the_makers_key_another_persons(
    bobs: Desk, plan: Plan, people: Approvers
) -> None:
    people.allow("ann", called="zoe")
    people.allow("ann")
    refused(bobs, plan, "the key is that of ann, who made the plan", key=people.key("ann"))


def test_case_41_a_key_that_stands_for_anybody_stands_for_nobody(
    bobs: Desk, plan: Plan, people: Approvers
) -> None:
    people.allow("zoe", called="*@desk.example")
    refused(bobs, plan, "names no one person", key=people.key("zoe"))


def test_case_41_a_key_that_is_not_in_the_file_approves_of_nothing(
    bobs: Desk, plan: Plan, people: Approvers
) -> None:
    refused(bobs, plan, "no key that approvers allows", key=people.key("eve"))


def test_case_41_an_approval_ends_with_its_key(
    desk: Desk, bobs: Desk, plan: Plan, people: Approvers
) -> None:
    approve(bobs, plan.id, plan.digest, key=people.key("bob"))
    people.forget("bob")
    with pytest.raises(NotAllowedError, match="no key that approvers allows made the signature"):
        require_approval(desk, plan)


def test_an_approval_ends_with_the_time_that_the_file_gives_its_key(
    desk: Desk, bobs: Desk, plan: Plan, people: Approvers
) -> None:
    people.allow("zoe", options='valid-before="20260302143500"')
    approve(bobs, plan.id, plan.digest, key=people.key("zoe"))
    assert require_approval(desk, plan).principal == "zoe"
    assert isinstance(desk.clock, VirtualClock)
    desk.clock.advance(timedelta(minutes=6))
    with pytest.raises(NotAllowedError, match="no key that approvers allows"):
        require_approval(desk, plan)


def test_case_41_a_signature_of_another_digest_is_refused(
    desk: Desk, bobs: Desk, plan: Plan, people: Approvers
) -> None:
    other = f"{plan.id} {'0' * 64}\n".encode()
    signature = people.signed("bob", other)
    refused(bobs, plan, "the signature of bob is not one of this plan", signature=signature)
    put_in(desk, plan, signature)
    with pytest.raises(NotAllowedError, match="the signature of bob is not one of this plan"):
        require_approval(desk, plan)


def test_case_41_the_approval_of_one_plan_is_none_of_its_twin(
    desk: Desk, bobs: Desk, plan: Plan, people: Approvers
) -> None:
    twin = planned(desk)
    assert (twin.digest, twin.id) != (plan.digest, plan.id)
    assert twin.digest == plan.digest
    signature = people.signed("bob", signed_words(plan))
    refused(bobs, twin, "is not one of this plan", signature=signature)
    approve(bobs, plan.id, plan.digest, signature=signature)
    with pytest.raises(NotAllowedError, match="needs a second person"):
        require_approval(desk, twin)


def test_case_41_a_signature_of_another_namespace_is_refused(
    desk: Desk, bobs: Desk, plan: Plan, people: Approvers
) -> None:
    signature = people.signed("bob", signed_words(plan), namespace="git")
    refused(bobs, plan, "was made for other ends", signature=signature)
    put_in(desk, plan, signature)
    with pytest.raises(NotAllowedError, match="was made for other ends"):
        require_approval(desk, plan)


def test_a_key_that_the_file_allows_for_other_ends_only_is_refused(
    bobs: Desk, plan: Plan, people: Approvers
) -> None:
    people.allow("zoe", options='namespaces="git"')
    refused(bobs, plan, "was made for other ends", key=people.key("zoe"))


def test_case_41_an_expired_plan_is_not_approved_and_its_approval_counts_no_more(
    desk: Desk, bobs: Desk, plan: Plan, people: Approvers
) -> None:
    approve(bobs, plan.id, plan.digest, key=people.key("bob"))
    assert isinstance(desk.clock, VirtualClock)
    desk.clock.advance(timedelta(minutes=15, seconds=1))
    with pytest.raises(ConflictError, match=f"plan {plan.id} expired 1s ago; make it again"):
        approve(bobs, plan.id, plan.digest, key=people.key("bob"))
    with pytest.raises(NotAllowedError, match="expired 1s ago"):
        require_approval(desk, plan)


def test_what_the_maker_put_into_the_state_file_does_not_count(
    desk: Desk, plan: Plan, people: Approvers
) -> None:
    people.allow("ann")
    put_in(desk, plan, people.signed("ann", signed_words(plan)))
    put_in(desk, plan, people.signed("bob", signed_words(plan)), actor="ann")
    put_in(desk, plan, "nonsense")
    assert [each.why_not for each in judged(desk, plan)] == [
        "the key is that of ann, who made the plan",
        "ann, who made the plan, handed it in",
        "no key that approvers allows made the signature",
    ]


def test_an_approval_is_never_changed_nor_deleted(
    bobs: Desk, plan: Plan, people: Approvers
) -> None:
    approve(bobs, plan.id, plan.digest, key=people.key("bob"))
    for change in ("UPDATE rollback_approval SET principal = 'x'", "DELETE FROM rollback_approval"):
        with pytest.raises(sqlite3.IntegrityError), bobs.state.write() as transaction:
            transaction.execute(change)


@pytest.mark.parametrize("digest", ["", "0" * 8, "{0:.7}", "{0}0"])
def test_a_digest_that_is_not_the_plans_approves_of_nothing(
    bobs: Desk, plan: Plan, people: Approvers, digest: str
) -> None:
    with pytest.raises(NotAllowedError, match="is not the digest of plan"):
        approve(bobs, plan.id, digest.format(plan.digest), key=people.key("bob"))


def test_a_responder_does_not_approve(desk: Desk, plan: Plan, people: Approvers) -> None:
    with pytest.raises(NotAllowedError, match=r"rollback\.approve needs the role operator"):
        approve(desk.acting_as(ROB), plan.id, plan.digest, key=people.key("bob"))


def test_a_live_desk_asks_for_a_reason_before_anything_is_signed(
    bobs: Desk, plan: Plan, tmp_path: Path
) -> None:
    settings = bobs.settings
    live = replace(bobs, settings=replace(settings, desk=replace(settings.desk, mode="live")))
    with pytest.raises(UsageError, match="needs a reason"):
        approve(live, plan.id, plan.digest, key=tmp_path / "no key is looked for")


def test_a_plan_that_is_not_there_is_said(bobs: Desk, people: Approvers) -> None:
    with pytest.raises(NotFoundError):
        approve(bobs, "ffff", "0" * 64, key=people.key("bob"))


def test_a_key_that_is_not_there_and_a_text_that_is_no_signature_are_said(
    bobs: Desk, plan: Plan, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match="there is no such file"):
        approve(bobs, plan.id, plan.digest, key=tmp_path / "none")
    for text in ("yes", "-----BEGIN SSH SIGNATURE-----" + "A" * 70_000):
        with pytest.raises(UsageError, match="this is no SSH signature"):
            approve(bobs, plan.id, plan.digest, signature=text)


def test_a_locked_key_without_anybody_to_ask_is_refused(
    bobs: Desk, plan: Plan, people: Approvers, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("DISPLAY", "SSH_ASKPASS"):
        monkeypatch.delenv(name, raising=False)
    locked = people.key("locked", passphrase="long enough")
    with pytest.raises(NotAllowedError, match="did not sign"):
        approve(bobs, plan.id, plan.digest, key=locked)


@pytest.mark.parametrize(
    ("mode", "words"), [(0o664, "mend it with: chmod go-w"), (0o646, "others may write")]
)
def test_a_signers_file_that_others_may_write_is_not_trusted(
    desk: Desk, bobs: Desk, plan: Plan, people: Approvers, mode: int, words: str
) -> None:
    approve(bobs, plan.id, plan.digest, key=people.key("bob"))
    people.signers.chmod(mode)
    for ask in (lambda: approve(bobs, plan.id, plan.digest), lambda: require_approval(desk, plan)):
        with pytest.raises(ConfigError, match=words):
            ask()


def test_without_a_signers_file_it_is_said_what_to_set(
    make_desk: Callable[..., Desk], desk: Desk, plan: Plan, people: Approvers
) -> None:
    people.signers.unlink()
    with pytest.raises(ConfigError, match="No such file"):
        approve(desk.acting_as(BOB), plan.id, plan.digest)
    bare = make_desk(CONFIG.replace('signers = "approvers"\n', ""), actor=BOB)
    with pytest.raises(ConfigError, match=r"\[rollback\] signers is not set"):
        approve(bare, plan.id, plan.digest)


def test_without_openssh_it_is_said_what_is_missing(
    desk: Desk, bobs: Desk, plan: Plan, people: Approvers, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = people.key("bob")
    approve(bobs, plan.id, plan.digest, key=key)
    monkeypatch.setenv("PATH", os.fspath(people.folder))
    with pytest.raises(UnreachableError, match="ssh-keygen is not installed"):
        approve(bobs, plan.id, plan.digest, key=key)
    with pytest.raises(UnreachableError, match="ssh-keygen is not installed"):
        require_approval(desk, plan)


def test_ones_own_key_is_found_where_openssh_keeps_it(
    bobs: Desk, plan: Plan, people: Approvers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    with pytest.raises(UsageError, match="no key to sign with"):
        approve(bobs, plan.id, plan.digest)
    home = Path("~/.ssh").expanduser()
    home.mkdir(mode=0o700)
    shutil.copy(people.key("bob"), home / "id_ed25519")
    assert approve(bobs, plan.id, plan.digest).principal == "bob"


@pytest.fixture
def agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A real agent, whose socket the environment names."""
    socket = tmp_path / "agent"
    running = subprocess.Popen(["ssh-agent", "-D", "-a", socket], stdout=subprocess.DEVNULL)
    monkeypatch.setenv("SSH_AUTH_SOCK", os.fspath(socket))
    try:
        yield
    finally:
        running.terminate()
        running.wait()


@pytest.mark.usefixtures("agent")
def test_the_agents_key_that_the_file_names_signs_without_its_private_part_here(
    bobs: Desk, plan: Plan, people: Approvers
) -> None:
    until_s = time.monotonic() + 30
    for person in ("eve", "bob"):
        add = ["ssh-add", "-q", people.key(person)]
        while subprocess.run(add, check=False, stderr=subprocess.DEVNULL).returncode != 0:
            assert time.monotonic() < until_s, "the agent does not listen"
            time.sleep(0.02)
    people.key("bob").unlink()
    assert approve(bobs, plan.id, plan.digest).principal == "bob"


def test_case_41_a_plan_is_applied_with_the_second_persons_approval_only(
    desk: Desk, bobs: Desk, plan: Plan, people: Approvers, history: History
) -> None:
    before, head = tree_of(history.root), history.head()
    with pytest.raises(NotAllowedError, match="needs a second person"):
        carry_out(desk, plan)
    approve(bobs, plan.id, plan.digest, key=people.key("bob"))
    people.forget("bob")
    with pytest.raises(NotAllowedError, match="needs a second person"):
        carry_out(desk, plan)
    assert (tree_of(history.root), history.head()) == (before, head)
    people.allow("bob")
    assert carry_out(desk, plan).state is RunState.APPLIED
    assert (history.root / PATH).read_text() == "a = 1\n"
