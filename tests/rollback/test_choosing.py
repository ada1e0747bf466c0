"""What a person can choose to go back to: targets, and the states that each was in."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mechexo.clock import VirtualClock
from mechexo.desk import Desk
from mechexo.errors import NotFoundError, UsageError
from mechexo.rollback import operations as rollback
from mechexo.rollback.choosing import choices, flag_states, states
from mechexo.rollback.flags.values import FlagEvent
from mechexo.rollback.git_values import CommitNote
from mechexo.rollback.replanning import can_be_set_aside, plan_again, plan_to
from mechexo.rollback.suspects import Move, Touching
from rollback.carrying import carry_out
from rollback.histories import History, at

SECOND = timedelta(seconds=1)
PATHS = ("config/a.yaml", "config/b.yaml", "flows/f.py")


def oid_of(number: int) -> str:
    return f"{number:040x}"


@st.composite
def lines(draw: st.DrawFn) -> list[Touching]:
    """A deployed line, newest first, each commit some minutes after the one before."""
    count = draw(st.integers(0, 8))
    found, epoch_s = [], 1_770_000_000
    for number in range(1, count + 1):
        epoch_s += draw(st.integers(1, 600))
        touched = draw(st.sets(st.sampled_from(PATHS), min_size=1))
        note = CommitNote(oid_of(number), epoch_s, "Ann", f"commit {number}")
        parent = oid_of(number - 1) if number > 1 or draw(st.booleans()) else None
        found.append(Touching(note, parent, tuple(sorted(touched)), len(touched)))
    return found[::-1]


def in_force(line: list[Touching], path: str, moment: datetime) -> str:
    """The commit that had last touched a file at a moment; slowly, from the beginning."""
    last = ""
    for each in reversed(line):
        if path in each.paths and each.at <= moment:
            last = each.note.oid
    return last


@given(line=lines(), path=st.sampled_from(PATHS))
def test_the_moment_of_a_state_is_the_last_one_at_which_it_was_in_force(
    line: list[Touching], path: str
) -> None:
    found = states((), line, (), path=path)
    touching = [each.note.oid for each in line if path in each.paths]
    assert [each.commit for each in found if each.how == "commit"] == touching
    for moment in found:
        if moment.to is not None:
            assert in_force(line, path, moment.to) == moment.commit
            later = in_force(line, path, moment.to + SECOND)
            assert later != moment.commit, "one second later it was another"
            parents = {each.note.oid: each.parent for each in line}
            assert moment.last_commit == parents[later]
    assert [each.to for each in found[:1]] == [None for _ in found[:1]], "the state of now"


@given(line=lines(), path=st.sampled_from(PATHS))
def test_what_was_before_all_is_offered_where_something_was(
    line: list[Touching], path: str
) -> None:
    found = states((), line, (), path=path)
    oldest = next((each for each in reversed(line) if path in each.paths), None)
    offered = [each for each in found if each.how == "before"]
    assert len(offered) == (oldest is not None and oldest.parent is not None)
    assert all(each is found[-1] for each in offered)


def test_a_deployment_from_elsewhere_is_a_state_of_its_own() -> None:
    note = CommitNote(oid_of(2), 1_770_000_000, "Ann", "made long before")
    line = [Touching(note, oid_of(1), ("config/a.yaml",), 1)]
    moved = datetime.fromtimestamp(1_770_009_000, UTC)
    move = Move(moved, oid_of(2), oid_of(1), "reflog")
    first, second, third = states((), line, (move,), path="config/a.yaml")
    assert (first.how, first.since, first.to) == ("reflog", moved, None)
    assert (second.how, second.to) == ("commit", moved - SECOND)
    assert second.last_commit == oid_of(1)
    assert third.how == "before"


def test_the_states_of_a_flag_are_told_by_its_history_and_of_all_by_everyones() -> None:
    events = [
        FlagEvent(4, at(4), "canary", 0, 1, "update"),
        FlagEvent(3, at(3), "label", "old", "new", "update", "ann"),
        FlagEvent(2, at(2), "canary", None, 0, "seen"),
        FlagEvent(1, at(1), "", None, None, "begin"),
    ]
    assert [each.what for each in flag_states("canary", events)] == [
        "canary: 0 -> 1",
        "canary: nothing -> 0",
    ]
    every = flag_states("", events)
    assert [each.to for each in every] == [None, at(4) - SECOND, at(3) - SECOND]


TOML = """
[rollback]
repository = "repo"
configs = ["config/**"]
[rollback.limits]
age = "3650d"
[rollback.flows.reweight]
paths = ["flows/**"]
"""


@pytest.fixture
def desk(make_desk: Callable[..., Desk]) -> Desk:
    return make_desk(TOML)


@pytest.mark.slow
def test_the_plan_of_each_row_brings_back_what_that_commit_left(
    desk: Desk, history: History
) -> None:
    path = "config/a.yaml"
    for day, text in enumerate(("a: 1\n", "a: 2\n", None, "a: 4\n"), 1):
        history.commit({path: text}, at(day, 9))
        # What changes elsewhere in between is no state of this file.
        history.commit({"flows/f.py": f"x = {day}\n"}, at(day, 12), "elsewhere")
    (target,) = [each for each in choices(desk).targets if each.name == path]
    assert len(target.moments) == 4
    for moment in target.moments:
        plan = plan_to(desk, "config", path, moment)
        then = history.git("ls-tree", moment.commit, path)
        assert plan.empty == (moment is target.moments[0])
        if not plan.empty:
            (change,) = plan.changes
            assert (change.new_blob or "") == (then.split()[2] if then else "")
            assert plan.commit == moment.last_commit


@pytest.mark.slow
def test_targets_are_those_of_the_configuration_the_last_changed_first(
    desk: Desk, history: History
) -> None:
    history.commit({"config/a.yaml": "a: 1\n", "config/b.yaml": "b: 1\n", "x": "x"}, at(1))
    history.commit({"flows/f.py": "x = 1\n"}, at(2))
    history.commit({"config/b.yaml": None}, at(3))
    found = choices(desk)
    assert [each.key for each in found.targets] == [
        "config:config/b.yaml",
        "flow:reweight",
        "config:config/a.yaml",
    ], "a file that went can come back; x may not be rolled back"
    assert found.gaps == ()


@pytest.mark.slow
def test_what_cannot_be_read_is_a_gap_and_its_targets_stay(desk: Desk) -> None:
    found = choices(desk)
    assert [each.key for each in found.targets] == ["flow:reweight"]
    assert [gap.source for gap in found.gaps] == ["commits and deployments"]
    assert "repo" in found.gaps[0].reason


@pytest.mark.slow
def test_a_plan_is_made_again_for_what_was_asked_with_what_was_set_aside(
    make_desk: Callable[..., Desk], history: History, clock: VirtualClock
) -> None:
    limits = 'age = "1d"\ncommits = 1'
    desk = make_desk(TOML.replace('age = "3650d"', limits))
    for day in (1, 2, 3):
        history.commit({"config/a.yaml": f"a: {day}\n"}, at(day))
    plan = rollback.plan_config(desk, "config/a.yaml", to=at(1))
    assert can_be_set_aside(plan) == ("commits", "age")
    once = plan_again(desk, plan.id, set_aside=("age",))
    assert can_be_set_aside(once) == ("commits",)
    twice = plan_again(desk, once.id, set_aside=("commits",))
    assert can_be_set_aside(twice) == ()
    assert (twice.to, twice.commit) == (plan.to, plan.commit)
    carry_out(desk, twice)
    assert (history.root / "config/a.yaml").read_text() == "a: 1\n"


@pytest.mark.slow
def test_a_guard_that_cannot_be_set_aside_is_refused(desk: Desk, history: History) -> None:
    history.commit({"config/a.yaml": "a: 1\n"}, at(1))
    plan = rollback.plan_config(desk, "config/a.yaml", to=at(2))
    with pytest.raises(UsageError, match="deny list"):
        plan_again(desk, plan.id, set_aside=("deny list",))
    with pytest.raises(NotFoundError):
        plan_again(desk, "ffffffff")
