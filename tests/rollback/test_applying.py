"""A plan that is applied does what it showed, all of it, and can be taken back exactly."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import pytest

from mechexo.desk import Desk
from mechexo.errors import ConflictError, NotAllowedError, UsageError
from mechexo.rollback import ledger
from mechexo.rollback import operations as rollback
from mechexo.rollback.applying import FailedError
from mechexo.rollback.carrying_out import apply
from mechexo.rollback.values import RunState
from rollback.carrying import around, carry_out, tree_of
from rollback.failing_files import FailingFiles
from rollback.histories import History, at

pytestmark = pytest.mark.slow

FLOW = """
[rollback]
repository = "repo"
configs = ["config/**"]
[rollback.limits]
age = "3650d"
[rollback.flows.reweight]
paths = ["flows/**", "config/weights.yaml"]
"""


@pytest.fixture
def desk(make_desk: Callable[..., Desk]) -> Desk:
    return make_desk(FLOW)


@pytest.fixture
def two_versions(history: History) -> datetime:
    """A flow of two versions: one file changed, one gone, one new. The moment of the first."""
    history.commit(
        {
            "flows/reweight.py": "print(1)\n",
            "flows/old.py": "x = 1\n",
            "config/weights.yaml": "a: 1\n",
            "README": "r\n",
        },
        at(1),
    )
    history.commit(
        {
            "flows/reweight.py": "print(2)\n",
            "flows/old.py": None,
            "flows/sub/new.py": "y = 1\n",
            "config/weights.yaml": "a: 2\n",
            "README": "other\n",
        },
        at(2),
    )
    return at(1)


def test_a_flow_goes_back_whole_in_a_new_commit(
    desk: Desk, history: History, two_versions: datetime
) -> None:
    head = history.head()
    plan = rollback.plan_flow(desk, "reweight", to=two_versions)
    assert [(change.action, change.path) for change in plan.changes] == [
        ("revert", "config/weights.yaml"),
        ("restore", "flows/old.py"),
        ("revert", "flows/reweight.py"),
        ("delete", "flows/sub/new.py"),
    ]
    run = carry_out(desk, plan)
    assert run.state is RunState.APPLIED
    assert history.head() == run.new_commit
    assert history.git("rev-parse", "HEAD^") == head
    assert history.git("status", "--porcelain") == ""
    assert (history.root / "flows/reweight.py").read_text() == "print(1)\n"
    assert (history.root / "README").read_text() == "other\n"
    assert "Mechexo-Digest: " + plan.digest in history.git("log", "-1", "--format=%B")
    assert history.git("diff", "--name-only", "HEAD~2", "HEAD") == "README"


def test_undo_and_its_undo_bring_back_every_byte_and_mode(
    desk: Desk, history: History, two_versions: datetime
) -> None:
    (history.root / "flows/reweight.py").chmod(0o600)
    before = tree_of(history.root)
    run = carry_out(desk, rollback.plan_flow(desk, "reweight", to=two_versions))
    after = tree_of(history.root)
    assert after != before
    undone = carry_out(desk, rollback.plan_undo(desk, run.id))
    assert tree_of(history.root) == before
    carry_out(desk, rollback.plan_undo(desk, undone.id, overrides=["rate"]))
    assert tree_of(history.root) == after
    assert history.git("status", "--porcelain") == ""
    assert history.git("rev-list", "--count", "HEAD") == "5"


def test_the_plan_that_takes_a_run_back_is_at_hand(
    desk: Desk, history: History, two_versions: datetime
) -> None:
    before = tree_of(history.root)
    run = carry_out(desk, rollback.plan_flow(desk, "reweight", to=two_versions))
    carry_out(desk, rollback.plan_by_id(desk, run.undo_plan))
    assert tree_of(history.root) == before


def test_a_plan_is_confirmed_by_its_digest_only(
    desk: Desk, history: History, two_versions: datetime
) -> None:
    plan = rollback.plan_flow(desk, "reweight", to=two_versions)
    before = tree_of(history.root)
    with pytest.raises(NotAllowedError, match="not confirmed"):
        apply(desk, plan.id, confirm="y", around=around())
    assert tree_of(history.root) == before


def test_what_others_staged_stays_staged_and_out_of_the_commit(
    desk: Desk, history: History, two_versions: datetime
) -> None:
    history.write("README", "staged\n")
    history.git("add", "README")
    run = carry_out(desk, rollback.plan_flow(desk, "reweight", to=two_versions))
    assert history.git("status", "--porcelain") == "M  README"
    assert history.show(run.new_commit, "README") == b"other\n"


def test_an_undo_after_later_deployments_names_each_conflict_and_overwrites_nothing(
    desk: Desk, history: History, two_versions: datetime
) -> None:
    run = carry_out(desk, rollback.plan_flow(desk, "reweight", to=two_versions))
    history.commit({"flows/reweight.py": "print(3)\n"}, datetime.now().astimezone())
    plan = rollback.plan_undo(desk, run.id)
    [guard] = plan.held_back
    assert guard.name == "no later change"
    assert "flows/reweight.py" in guard.detail
    with pytest.raises(NotAllowedError, match="no later change"):
        carry_out(desk, plan)
    assert (history.root / "flows/reweight.py").read_text() == "print(3)\n"


def test_what_was_rolled_back_is_on_hold_until_it_is_released(
    desk: Desk, history: History, two_versions: datetime
) -> None:
    bad = history.head()
    carry_out(desk, rollback.plan_flow(desk, "reweight", to=two_versions))
    assert [hold.commit for hold in rollback.holds(desk)] == [bad]
    history.forget_reflog()
    plan = rollback.plan_flow(desk, "reweight", to=at(2))
    assert [guard.name for guard in plan.held_back] == ["not on hold"]
    rollback.release(desk, bad[:12], reason="mended")
    assert rollback.holds(desk) == ()
    assert rollback.plan_flow(desk, "reweight", to=at(2)).held_back == ()


def test_every_commit_that_has_what_was_taken_back_is_on_hold_for_just_that(
    desk: Desk, history: History, two_versions: datetime
) -> None:
    bad = history.head()
    later = history.commit({"README": "of something else\n", "config/other.yaml": "a: 1\n"}, at(3))
    history.commit({"config/other.yaml": "a: 2\n"}, at(4))
    carry_out(desk, rollback.plan_flow(desk, "reweight", to=two_versions))
    assert {bad, later} <= {hold.commit for hold in rollback.holds(desk)}
    again = rollback.plan_flow(desk, "reweight", commit=later)
    assert "not on hold" in [guard.name for guard in again.held_back]
    other = rollback.plan_config(desk, "config/other.yaml", commit=later)
    assert other.held_back == ()


def test_the_undo_of_an_undo_puts_on_hold_again(
    desk: Desk, history: History, two_versions: datetime
) -> None:
    run = carry_out(desk, rollback.plan_flow(desk, "reweight", to=two_versions))
    held = rollback.holds(desk)
    undone = carry_out(desk, rollback.plan_undo(desk, run.id))
    assert rollback.holds(desk) == ()
    carry_out(desk, rollback.plan_undo(desk, undone.id, overrides=["rate"]))
    assert rollback.holds(desk) == held


def test_an_edit_made_while_the_flow_was_waited_for_is_never_overwritten(
    desk: Desk, history: History, two_versions: datetime
) -> None:
    head, place = history.head(), history.root / "flows/reweight.py"
    plan = rollback.plan_flow(desk, "reweight", to=two_versions)

    def under_way(_flow: str) -> tuple[str, ...]:
        place.write_text("edited while it waited\n")
        return ()

    with pytest.raises(FailedError, match=r"flows/reweight\.py was changed; no file was changed"):
        carry_out(desk, plan, around(under_way=under_way))
    assert place.read_text() == "edited while it waited\n"
    assert (history.root / "config/weights.yaml").read_text() == "a: 2\n"
    assert history.head() == head
    assert not list((history.root / ".git").glob("index.*"))


def test_a_commit_made_while_the_flow_was_waited_for_is_kept_and_nothing_is_half_done(
    desk: Desk, history: History, two_versions: datetime
) -> None:
    plan = rollback.plan_flow(desk, "reweight", to=two_versions)

    def under_way(_flow: str) -> tuple[str, ...]:
        if history.git("log", "-1", "--format=%s") != "meanwhile":
            history.commit({"README": "meanwhile\n"}, at(3), "meanwhile")
        return ()

    with pytest.raises(FailedError, match="HEAD moved"):
        carry_out(desk, plan, around(under_way=under_way))
    assert history.git("status", "--porcelain") == ""
    assert history.git("log", "-1", "--format=%s") == "meanwhile"
    [run] = rollback.runs(desk)
    assert run.state is RunState.UNDONE


def test_an_edit_at_the_very_moment_of_writing_is_left_and_the_rest_put_back(
    desk: Desk, history: History, two_versions: datetime
) -> None:
    before, last = tree_of(history.root), "flows/sub/new.py"

    class Editing(FailingFiles):
        def rename(self, folder: int, old: str, new: str) -> None:
            super().rename(folder, old, new)
            if new == "weights.yaml":
                (history.root / last).write_text("edited at the last moment\n")

    with pytest.raises(FailedError, match="at this very moment"):
        carry_out(desk, rollback.plan_flow(desk, "reweight", to=two_versions), around(Editing()))
    after = tree_of(history.root)
    assert after.pop(last)[1] == b"edited at the last moment\n"
    before.pop(last)
    assert after == before
    assert history.git("status", "--porcelain") == f"M {last}"


def test_a_named_commit_that_left_the_line_holds_only_what_it_does_not_lead_to(
    desk: Desk, history: History, two_versions: datetime
) -> None:
    first, old = history.git("rev-parse", "HEAD^"), history.head()
    history.write("flows/reweight.py", "print(3)\n")
    history.git("commit", "--quiet", "--all", "--amend", "-m", "amended", when=at(3))
    carry_out(desk, rollback.plan_flow(desk, "reweight", commit=old))
    held = {hold.commit for hold in rollback.holds(desk)}
    assert first not in held
    assert len(held) == 1


def test_a_commit_can_be_named_instead_of_a_moment(
    desk: Desk, history: History, two_versions: datetime
) -> None:
    first = history.git("rev-parse", "HEAD^")
    plan = rollback.plan_flow(desk, "reweight", commit=first[:10])
    assert plan.commit == first
    assert carry_out(desk, plan).state is RunState.APPLIED
    with pytest.raises(UsageError, match="a moment to go back to is needed"):
        rollback.plan_flow(desk, "reweight")


def test_each_application_is_a_deployment_of_the_ledger(
    desk: Desk, history: History, two_versions: datetime
) -> None:
    run = carry_out(desk, rollback.plan_flow(desk, "reweight", to=two_versions))
    undone = carry_out(desk, rollback.plan_undo(desk, run.id))
    told = ledger.read(desk.state, str(history.root))
    assert [(each.how, each.flow, each.oid, each.plan_id) for each in told] == [
        ("rollback", "reweight", run.new_commit, run.id),
        ("undo", "reweight", undone.new_commit, undone.id),
    ]
    assert told[0].ref == "refs/heads/main"


def test_an_undo_releases_what_its_run_put_on_hold(
    desk: Desk, history: History, two_versions: datetime
) -> None:
    run = carry_out(desk, rollback.plan_flow(desk, "reweight", to=two_versions))
    carry_out(desk, rollback.plan_undo(desk, run.id))
    assert rollback.holds(desk) == ()


def test_a_plan_of_another_world_is_refused_with_what_moved(
    desk: Desk, history: History, two_versions: datetime
) -> None:
    plan = rollback.plan_flow(desk, "reweight", to=two_versions)
    history.commit({"README": "more\n"}, at(3))
    with pytest.raises(ConflictError, match="HEAD moved"):
        carry_out(desk, plan)
