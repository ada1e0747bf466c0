"""A plan that is applied does what it showed, all of it, and can be taken back exactly."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import pytest

from mechexo.desk import Desk
from mechexo.errors import ConflictError, NotAllowedError, UsageError
from mechexo.rollback import ledger
from mechexo.rollback import operations as rollback
from mechexo.rollback.carrying_out import apply
from mechexo.rollback.values import RunState
from rollback.carrying import around, carry_out, tree_of
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


def test_only_commits_that_changed_what_went_back_are_on_hold(
    desk: Desk, history: History, two_versions: datetime
) -> None:
    bad = history.head()
    history.commit({"README": "of something else\n"}, at(3))
    carry_out(desk, rollback.plan_flow(desk, "reweight", to=two_versions))
    assert [hold.commit for hold in rollback.holds(desk)] == [bad]


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
