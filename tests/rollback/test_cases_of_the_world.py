"""Cases 10 to 14, 18, 19, 29, 30, 33 and 34: the world moves, or stands in the way."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mechexo.clock import VirtualClock
from mechexo.desk import Desk
from mechexo.errors import (
    BusyError,
    ConfigError,
    ConflictError,
    MechexoError,
    NotAllowedError,
    UnreachableError,
    UsageError,
)
from mechexo.rollback import operations as rollback
from mechexo.rollback.applying import FailedError
from mechexo.rollback.recovering import leave, pending, recover
from mechexo.rollback.restoring import NeedsPersonError
from mechexo.rollback.values import Plan, RunState
from rollback.carrying import around, carry_out, tree_of
from rollback.failing_files import FailingFiles, StopBefore, Stopped
from rollback.histories import History, at

pytestmark = pytest.mark.slow

PATH = "config/risk.yaml"
CONFIG = """
[rollback]
repository = "repo"
configs = ["config/**"]
[rollback.limits]
age = "3650d"
[rollback.flows.all]
paths = ["**"]
[rollback.flows.checked]
paths = ["config/**"]
check = ["{python}", "{script}"]
check_timeout = "3s"
"""


@pytest.fixture
def script(tmp_path: Path) -> Path:
    return tmp_path / "check.py"


@pytest.fixture
def desk(make_desk: Callable[..., Desk], script: Path) -> Desk:
    return make_desk(CONFIG.format(python=sys.executable, script=script))


@pytest.fixture
def plan(desk: Desk, history: History) -> Plan:
    history.commit({PATH: "limit: 1\n", "other": "a\n"}, at(1))
    history.commit({PATH: "limit: 2\n", "other": "b\n"}, at(2))
    return rollback.plan_config(desk, PATH, to=at(1))


def refused(desk: Desk, plan: Plan, history: History, words: str) -> None:
    before, head = tree_of(history.root), history.head()
    with pytest.raises(ConflictError, match=words):
        carry_out(desk, plan)
    assert (tree_of(history.root), history.head()) == (before, head)


def test_case_10_one_byte_of_a_planned_file_changed_is_refused_by_name(
    desk: Desk, history: History, plan: Plan
) -> None:
    history.write(PATH, "limit: 3\n")
    refused(desk, plan, history, f"{PATH} was changed: its content is another")


def test_case_11_a_change_that_was_taken_back_is_none(
    desk: Desk, history: History, plan: Plan
) -> None:
    history.write(PATH, "limit: 3\n")
    history.write(PATH, "limit: 2\n")
    assert carry_out(desk, plan).state is RunState.APPLIED


def test_case_12_head_moves(desk: Desk, history: History, plan: Plan) -> None:
    history.commit({"other": "c\n"}, at(3))
    refused(desk, plan, history, "HEAD moved")


def test_case_12_the_ref_moves(desk: Desk, history: History, plan: Plan) -> None:
    history.git("switch", "--quiet", "-c", "elsewhere")
    refused(desk, plan, history, "another branch is checked out")


def test_case_12_the_index_changes(desk: Desk, history: History, plan: Plan) -> None:
    history.write("other", "staged\n")
    history.git("add", "other")
    refused(desk, plan, history, "the index changed")


def test_case_12_a_mode_changes(desk: Desk, history: History, plan: Plan) -> None:
    (history.root / PATH).chmod(0o600)
    refused(desk, plan, history, f"{PATH} was changed: its permissions are 600, were 644")


def test_that_git_only_looked_again_does_not_make_a_plan_stale(
    desk: Desk, history: History, plan: Plan
) -> None:
    os.utime(history.root / "other", (1, 1))
    before = (history.root / ".git" / "index").read_bytes()
    history.git("status")
    assert (history.root / ".git" / "index").read_bytes() != before
    assert carry_out(desk, plan).state is RunState.APPLIED


def test_case_13_a_plan_is_applied_once(desk: Desk, history: History, plan: Plan) -> None:
    carry_out(desk, plan)
    with pytest.raises(ConflictError, match="was used already, by"):
        carry_out(desk, plan)


def test_case_13_a_plan_that_failed_is_used_too(desk: Desk, history: History, plan: Plan) -> None:
    with pytest.raises(FailedError):
        carry_out(desk, plan, around(worse=lambda: ("a probe fails",)))
    with pytest.raises(ConflictError, match="was used already"):
        carry_out(desk, plan)


def test_case_13_an_expired_plan_is_refused_and_stays_to_be_looked_at(
    desk: Desk, history: History, plan: Plan
) -> None:
    assert isinstance(desk.clock, VirtualClock)
    desk.clock.advance(timedelta(minutes=15, seconds=1))
    refused(desk, plan, history, "expired 1s ago")
    assert rollback.plan_by_id(desk, plan.id).diff == plan.diff


def test_case_13_a_plan_of_another_repository_is_refused(
    desk: Desk, history: History, plan: Plan
) -> None:
    subprocess.run(["cp", "-a", history.root, history.root.with_name("copy")], check=True)
    settings = replace(desk.settings.rollback, repository="copy")
    moved = replace(desk, settings=replace(desk.settings, rollback=settings))
    refused(moved, plan, history, "another repository")


def test_case_13_a_plan_of_another_host_is_refused(
    desk: Desk, history: History, plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = os.uname()
    monkeypatch.setattr("os.uname", lambda: os.uname_result(("Linux", "elsewhere", *here[2:])))
    refused(desk, plan, history, "another machine")


def test_case_14_of_two_at_once_exactly_one_applies_and_the_other_hears_who_does(
    desk: Desk, history: History, plan: Plan
) -> None:
    other = rollback.plan_config(desk, PATH, to=at(1))
    heard: list[str] = []

    def second() -> tuple[str, ...]:
        with pytest.raises(BusyError) as refusal:
            carry_out(desk, other)
        heard.append(str(refusal.value))
        return ()

    assert carry_out(desk, plan, around(worse=second)).state is RunState.APPLIED
    assert f"plan {plan.id} by {desk.actor.name}" in heard[0]
    assert len(rollback.runs(desk)) == 1


def test_case_18_a_check_that_fails_undoes_everything(
    desk: Desk, history: History, plan: Plan, script: Path
) -> None:
    script.write_text("import sys; print('weights do not add up'); sys.exit(3)\n")
    before = tree_of(history.root)
    flow = rollback.plan_flow(desk, "checked", to=at(1))
    with pytest.raises(FailedError, match="weights do not add up"):
        carry_out(desk, flow)
    assert tree_of(history.root) == before
    [run] = rollback.runs(desk)
    assert run.state is RunState.UNDONE
    assert [entry.action for entry in desk.audit_entries()][-1] == "rollback.result"


def test_case_18_a_check_that_hangs_undoes_everything(
    desk: Desk, history: History, plan: Plan, script: Path
) -> None:
    script.write_text("import time; time.sleep(600)\n")
    before = tree_of(history.root)
    with pytest.raises(FailedError, match="3s"):
        carry_out(desk, rollback.plan_flow(desk, "checked", to=at(1)))
    assert tree_of(history.root) == before
    assert history.git("status", "--porcelain") == ""


def test_a_check_sees_the_files_as_they_would_be(
    desk: Desk, history: History, plan: Plan, script: Path
) -> None:
    script.write_text(f"assert open({PATH!r}).read() == 'limit: 1\\n'\n")
    assert carry_out(desk, rollback.plan_flow(desk, "checked", to=at(1))).state is RunState.APPLIED


def cut_off(desk: Desk, plan: Plan, at_change: str) -> None:
    with pytest.raises(Stopped):
        carry_out(desk, plan, around(StopBefore(at_change)))


def test_case_19_what_was_changed_meanwhile_is_never_overwritten_by_a_recovery(
    desk: Desk, history: History, plan: Plan
) -> None:
    cut_off(desk, plan, "reached ref moved")
    history.write(PATH, "limit: 7\n")
    for _ in range(2):
        with pytest.raises(NeedsPersonError, match=PATH):
            recover(desk, around())
    assert (history.root / PATH).read_text() == "limit: 7\n"
    [run] = rollback.runs(desk)
    assert run.state is RunState.NEEDS_HUMAN
    assert pending(desk, around()) == (run.id,)
    # The person puts the plan's content there: then it can be put back.
    history.write(PATH, "limit: 1\n")
    (history.root / PATH).chmod(0o644)
    [ended] = recover(desk, around())
    assert ended.state is RunState.UNDONE
    assert (history.root / PATH).read_text() == "limit: 2\n"


def test_case_19_a_person_can_leave_it_as_it_stands(
    desk: Desk, history: History, plan: Plan
) -> None:
    cut_off(desk, plan, "reached ref moved")
    history.write(PATH, "limit: 7\n")
    with pytest.raises(UsageError, match="needs a reason"):
        leave(desk, plan.id, around(), reason="")
    left = leave(desk, plan.id, around(), reason="7 is right")
    assert left.state is RunState.NEEDS_HUMAN
    assert pending(desk, around()) == ()
    assert (history.root / PATH).read_text() == "limit: 7\n"
    assert recover(desk, around()) == ()


def state_of_git(history: History, operation: str) -> None:
    """Leaves the repository in the middle of an operation."""
    git = history.root / ".git"
    match operation:
        case "a merge":
            history.git("branch", "side", "HEAD~1")
            history.git("switch", "--quiet", "side")
            history.commit({"other": "side\n"}, at(3))
            history.git("switch", "--quiet", "main")
            identity = ("-c", "user.name=Ann", "-c", "user.email=ann@desk.example")
            subprocess.run(
                ["git", *identity, "merge", "side"], cwd=history.root, capture_output=True
            )
            assert (git / "MERGE_HEAD").exists()
        case "a rebase":
            (git / "rebase-merge").mkdir()
        case "a cherry-pick":
            (git / "CHERRY_PICK_HEAD").write_text(history.head() + "\n")
        case "a bisection":
            history.git("bisect", "start")
        case _:
            (git / "index.lock").write_text("")


@pytest.mark.parametrize(
    "operation", ["a merge", "a rebase", "a cherry-pick", "a bisection", "another git command"]
)
def test_case_29_an_operation_under_way_is_named_and_its_lock_never_deleted(
    desk: Desk, history: History, plan: Plan, operation: str
) -> None:
    state_of_git(history, operation)
    later = rollback.plan_config(desk, PATH, to=at(1))
    guard = next(each for each in later.held_back if each.name == "repository at rest")
    assert operation in guard.detail
    with pytest.raises(NotAllowedError, match="repository at rest"):
        carry_out(desk, later)
    if operation == "another git command":
        assert (history.root / ".git/index.lock").exists()


def test_a_git_command_that_begins_at_the_last_moment_is_waited_for_by_nobody(
    desk: Desk, history: History, plan: Plan
) -> None:
    class Late(FailingFiles):
        def link(self, folder: int, old: str, new: str) -> None:
            (history.root / ".git/index.lock").write_text("theirs")
            super().link(folder, old, new)

    before = tree_of(history.root)
    with pytest.raises(FailedError, match="another git command is under way"):
        carry_out(desk, plan, around(Late()))
    assert tree_of(history.root) == before
    assert (history.root / ".git/index.lock").read_text() == "theirs"
    assert not list((history.root / ".git").glob("index.mechexo-*"))


def test_case_30_a_detached_head_is_refused_with_a_hint(
    desk: Desk, history: History, plan: Plan
) -> None:
    history.git("switch", "--quiet", "--detach", "HEAD")
    detached = rollback.plan_config(desk, PATH, to=at(1))
    with pytest.raises(NotAllowedError, match="git switch BRANCH"):
        carry_out(desk, detached)


def test_case_30_an_unborn_branch_and_a_bare_repository_are_refused_with_a_hint(
    make_desk: Callable[..., Desk], tmp_path: Path
) -> None:
    desk = make_desk('[rollback]\nrepository = "new"\nconfigs = ["config/**"]\n')
    History.begin(desk.root / "new")
    with pytest.raises(UsageError, match="no commit yet"):
        rollback.plan_config(desk, PATH, to=at(1))
    bare = make_desk('[rollback]\nrepository = "bare"\nconfigs = ["config/**"]\n')
    History.begin(bare.root / "bare", "--bare")
    with pytest.raises(ConfigError, match="is bare"):
        rollback.plan_config(bare, PATH, to=at(1))


def test_case_30_a_linked_worktree_works(
    make_desk: Callable[..., Desk], history: History, plan: Plan
) -> None:
    linked = History(history.root.with_name("linked"))
    history.git("worktree", "add", "--quiet", str(linked.root), "-b", "live")
    desk = make_desk(
        '[rollback]\nrepository = "linked"\nconfigs = ["config/**"]\n'
        '[rollback.limits]\nage = "3650d"\n'
    )
    linked.forget_reflog()
    (history.root / ".git/logs/refs/heads/live").unlink()
    run = carry_out(desk, rollback.plan_config(desk, PATH, to=at(1)))
    assert run.state is RunState.APPLIED
    assert (linked.root / PATH).read_text() == "limit: 1\n"
    assert (history.root / PATH).read_text() == "limit: 2\n"
    assert linked.git("status", "--porcelain") == ""
    assert linked.git("symbolic-ref", "HEAD") == "refs/heads/live"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_case_30_a_repository_of_another_user_is_refused_with_a_hint(
    desk: Desk, history: History, plan: Plan, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for place in (history.root, history.root / ".git"):
        os.chown(place, 65534, 65534)
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(UnreachableError, match="as its owner"):
        rollback.plan_config(desk, PATH, to=at(1))


def test_case_33_nothing_to_do_makes_no_commit_and_is_on_record(
    desk: Desk, history: History, plan: Plan
) -> None:
    head = history.head()
    nothing = rollback.plan_config(desk, PATH, to=at(2))
    assert nothing.empty
    assert carry_out(desk, nothing).new_commit == ""
    assert history.head() == head
    [*_, entry] = desk.audit_entries()
    assert entry.action == "rollback.apply"
    assert "nothing_to_do" in entry.payload


@pytest.mark.parametrize(
    ("limit", "guard"),
    [
        ("files = 1", "files"),
        ("deletes = 0", "deletions"),
        ("bytes = 5", "bytes"),
        ("commits = 1", "commits"),
        ('age = "1d"', "age"),
    ],
)
def test_case_34_more_than_a_limit_is_blocked_by_its_name_and_goes_when_it_is_named(
    make_desk: Callable[..., Desk], history: History, limit: str, guard: str
) -> None:
    age = "" if "age" in limit else 'age = "3650d"\n'
    desk = make_desk(
        f'[rollback]\nrepository = "repo"\n[rollback.limits]\n{limit}\n{age}'
        '[rollback.flows.all]\npaths = ["**"]\n'
    )
    history.commit({"a": "one\n", "b": "one\n"}, at(1))
    history.commit({"a": "two\n", "b": "two\n"}, at(2))
    history.commit({"c": "new\n"}, at(3))
    plan = rollback.plan_flow(desk, "all", to=at(1))
    assert [each.name for each in plan.held_back] == [guard]
    with pytest.raises(NotAllowedError, match=f"cannot be applied: {guard}: "):
        carry_out(desk, plan)
    aside = rollback.plan_flow(desk, "all", to=at(1), overrides=[guard])
    assert [each.name for each in aside.guards if each.overridden] == [guard]
    assert carry_out(desk, aside).state is RunState.APPLIED


def test_case_34_a_file_of_the_deny_list_is_never_rolled_back(desk: Desk, history: History) -> None:
    history.commit({".env": "KEY=1\n", "a": "1\n"}, at(1))
    history.commit({".env": "KEY=2\n", "a": "2\n"}, at(2))
    plan = rollback.plan_flow(desk, "all", to=at(1))
    [guard] = [each for each in plan.held_back if each.name == "deny list"]
    assert ".env" in guard.detail
    with pytest.raises(MechexoError, match="deny list"):
        carry_out(desk, plan)
    with pytest.raises(UsageError, match="deny list"):
        rollback.plan_flow(desk, "all", to=at(1), overrides=["deny list"])


@pytest.mark.parametrize(
    ("mode", "market", "holds"),
    [
        ("live", "", False),
        ("live", '[market]\ncalendar = "NYSE"\n', False),
        ("live", '[market]\ncalendar = "NYSE"\ndays = ["sun"]\n', True),
        ("paper", "", True),
    ],
)
def test_while_the_market_is_open_or_unknown_a_live_desk_changes_code_only_by_name(
    make_desk: Callable[..., Desk],
    history: History,
    monkeypatch: pytest.MonkeyPatch,
    mode: str,
    market: str,
    holds: bool,
) -> None:
    monkeypatch.setattr("mechexo.rollback.market_hours.clock_problem", lambda: "")
    # A Tuesday, eleven in the morning in New York.
    clock = VirtualClock(datetime(2026, 3, 3, 16, 0, tzinfo=UTC))
    toml = f'{market}[rollback]\nrepository = "repo"\nconfigs = ["config/**"]\n'
    desk = replace(make_desk(toml, mode=mode), clock=clock)
    history.commit({PATH: "limit: 1\n"}, at(26))
    history.commit({PATH: "limit: 2\n"}, at(27))
    plan = rollback.plan_config(desk, PATH, to=at(26))
    assert [guard.name for guard in plan.held_back] == ([] if holds else ["market hours"])
    aside = rollback.plan_config(desk, PATH, to=at(26), overrides=["market hours"])
    assert carry_out(desk, aside).state is RunState.APPLIED


def test_what_is_left_as_it_stands_leaves_git_free(
    desk: Desk, history: History, plan: Plan
) -> None:
    with pytest.raises(Stopped):
        carry_out(desk, plan, around(StopBefore("reached ref moved")))
    assert (history.root / ".git/index.lock").exists()
    history.write(PATH, "limit: 7\n")
    with pytest.raises(NeedsPersonError):
        recover(desk, around())
    leave(desk, plan.id, around(), reason="7 is right")
    assert not list((history.root / ".git").glob("index.*"))
    history.commit({"other": "goes on\n"}, at(3))


def test_case_14_two_desks_on_one_repository_do_not_work_in_it_at_once(
    make_desk: Callable[..., Desk], desk: Desk, history: History, plan: Plan
) -> None:
    toml = desk.config_path.read_text().replace("[desk]", '[desk]\nstate = "other.sqlite"', 1)
    other_path = desk.root / "other.toml"
    other_path.write_text(toml)
    other = Desk.open(other_path, clock=desk.clock, actor=desk.actor)
    theirs = rollback.plan_config(other, PATH, to=at(1))
    heard: list[str] = []

    def second() -> tuple[str, ...]:
        with pytest.raises(BusyError, match="of another desk") as refusal:
            carry_out(other, theirs)
        heard.append(str(refusal.value))
        return ()

    assert carry_out(desk, plan, around(worse=second)).state is RunState.APPLIED
    assert len(heard) == 1
    with pytest.raises(ConflictError, match="HEAD moved"):
        carry_out(other, theirs)
