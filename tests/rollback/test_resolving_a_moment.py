"""Which commit was deployed at a moment."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mechexo.clock import VirtualClock
from mechexo.desk import Desk
from mechexo.errors import ConfigError, UsageError
from mechexo.rollback import operations as rollback
from mechexo.rollback.git import Repository
from mechexo.rollback.resolving import resolve
from rollback.histories import History, at

pytestmark = pytest.mark.slow

PATH = "config/risk.yaml"
NOW = at(28)


def plan_commit(desk: Desk, to: datetime) -> str:
    return rollback.plan_config(desk, PATH, to=to).commit


def test_a_moment_equal_to_a_commit_time_includes_that_commit(
    repo_desk: Desk, history: History
) -> None:
    first = history.commit({PATH: "a\n"}, at(1))
    second = history.commit({PATH: "b\n"}, at(2))
    assert plan_commit(repo_desk, at(2)) == second
    assert plan_commit(repo_desk, at(2) - timedelta(seconds=1)) == first


def test_a_moment_in_the_future_is_refused(
    repo_desk: Desk, history: History, clock: VirtualClock
) -> None:
    history.commit({PATH: "a\n"}, at(1))
    with pytest.raises(UsageError, match="lies in the future"):
        plan_commit(repo_desk, clock.now() + timedelta(seconds=1))


def test_a_moment_before_the_first_commit_is_refused(repo_desk: Desk, history: History) -> None:
    history.commit({PATH: "a\n"}, at(2))
    with pytest.raises(UsageError, match="before the first commit") as refused:
        plan_commit(repo_desk, at(1))
    said = str(refused.value)
    assert "give a later time with --to" in said
    assert said.endswith("mechexo changes --window 14d")


def test_a_moment_is_refused_in_the_words_of_the_desk_s_zone(
    make_desk: Callable[..., Desk], tmp_path: Path
) -> None:
    table = '[rollback]\nrepository = "repo"\nconfigs = ["config/*"]\n'
    desk = make_desk(table, zone="America/New_York")
    History.begin(tmp_path / "desk" / "repo").commit({PATH: "a\n"}, at(2))
    with pytest.raises(UsageError, match="before the first commit") as refused:
        plan_commit(desk, at(1))
    said = str(refused.value)
    assert said.count(" EST") == 2
    assert "Z" not in said


@pytest.mark.parametrize("side_day", [2, 6])
def test_a_side_branch_is_never_chosen_be_it_older_or_newer(
    repo_desk: Desk, history: History, side_day: int
) -> None:
    history.commit({PATH: "a\n"}, at(1))
    history.git("branch", "side")
    on_main = history.commit({PATH: "b\n"}, at(3))
    history.git("switch", "--quiet", "side")
    history.commit({"config/other.yaml": "side\n"}, at(side_day))
    history.git("switch", "--quiet", "main")
    history.git("merge", "--quiet", "--no-ff", "-m", "merge", "side", when=at(8))
    history.forget_reflog()
    plan = rollback.plan_config(repo_desk, PATH, to=at(7))
    assert plan.commit == on_main
    assert plan.source == "commit times"


def test_after_a_foxtrot_merge_the_reflog_names_what_really_was_deployed(
    repo_desk: Desk, history: History
) -> None:
    history.commit({PATH: "a\n"}, at(1))
    history.git("branch", "side")
    deployed = history.commit({PATH: "b\n"}, at(3))
    history.git("switch", "--quiet", "side", when=at(4))
    history.commit({"config/other.yaml": "side\n"}, at(4))
    history.git("merge", "--quiet", "--no-ff", "-m", "merge main into side", "main", when=at(5))
    history.git("switch", "--quiet", "main", when=at(6))
    history.git("merge", "--quiet", "--ff-only", "side", when=at(6))
    plan = rollback.plan_config(repo_desk, PATH, to=at(3, 12))
    assert plan.commit == deployed
    assert plan.source == "reflog"
    [agree] = [guard for guard in plan.guards if guard.name == "records agree"]
    assert not agree.ok
    assert deployed[:12] in agree.detail


def test_a_rebased_commit_counts_from_its_commit_time_not_its_authors(
    repo_desk: Desk, history: History
) -> None:
    first = history.commit({PATH: "a\n"}, at(1))
    history.commit({PATH: "b\n"}, at(10), author=at(2))
    assert plan_commit(repo_desk, at(5)) == first


@pytest.mark.parametrize("odd", [datetime(2025, 2, 1).astimezone(), at(20)])
def test_commit_times_that_go_back_are_refused(
    repo_desk: Desk, history: History, odd: datetime
) -> None:
    history.commit({PATH: "a\n"}, at(1))
    history.commit({PATH: "b\n"}, odd)
    history.commit({PATH: "c\n"}, at(3))
    with pytest.raises(UsageError, match="go back"):
        plan_commit(repo_desk, at(2))


def test_a_shallow_clone_is_refused_below_its_boundary(
    repo_desk: Desk, history: History, tmp_path: Path
) -> None:
    whole = History.begin(tmp_path / "whole")
    for day in (1, 2, 3):
        whole.commit({PATH: f"{day}\n"}, at(day))
    subprocess.run(["rm", "-rf", history.root], check=True)
    subprocess.run(
        ["git", "clone", "--quiet", "--depth=1", whole.root.as_uri(), history.root], check=True
    )
    assert plan_commit(repo_desk, at(4)) == whole.head()
    with pytest.raises(UsageError, match="shallow clone"):
        plan_commit(repo_desk, at(2))


def test_an_unborn_branch_has_nothing_to_go_back_to(repo_desk: Desk, history: History) -> None:
    with pytest.raises(UsageError, match="no commit yet"):
        plan_commit(repo_desk, at(2))


def test_a_bare_repository_is_refused_with_a_hint(repo_desk: Desk, tmp_path: Path) -> None:
    History.begin(tmp_path / "desk" / "repo", "--bare")
    with pytest.raises(ConfigError, match="is bare; name the checkout"):
        plan_commit(repo_desk, at(2))


def test_a_folder_inside_another_repository_is_not_taken_for_one(
    repo_desk: Desk, tmp_path: Path
) -> None:
    History.begin(tmp_path / "desk" / "repo")
    subprocess.run(["mv", ".git", ".."], cwd=tmp_path / "desk" / "repo", check=True)
    with pytest.raises(ConfigError, match="lies inside a repository"):
        plan_commit(repo_desk, at(2))


def test_a_folder_without_git_is_refused(repo_desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "desk" / "repo").mkdir()
    with pytest.raises(ConfigError, match="is no git repository"):
        plan_commit(repo_desk, at(2))


def test_a_detached_head_is_planned_with_a_warning(repo_desk: Desk, history: History) -> None:
    history.commit({PATH: "a\n"}, at(1))
    history.commit({PATH: "b\n"}, at(2))
    history.git("switch", "--quiet", "--detach", "main")
    plan = rollback.plan_config(repo_desk, PATH, to=at(1))
    [guard] = [guard for guard in plan.guards if guard.name == "on a branch"]
    assert not guard.ok
    assert "git switch" in guard.detail


def test_a_linked_worktree_is_planned_like_any_other(repo_desk: Desk, tmp_path: Path) -> None:
    origin = History.begin(tmp_path / "origin")
    first = origin.commit({PATH: "a\n"}, at(1))
    origin.commit({PATH: "b\n"}, at(2))
    origin.git("worktree", "add", "--quiet", "-b", "deployed", str(tmp_path / "desk" / "repo"))
    assert plan_commit(repo_desk, at(1)) == first


OIDS = [f"{number:040x}" for number in range(12)]


@given(st.lists(st.integers(1000, 1100), min_size=1, max_size=12), st.integers(990, 1110))
def test_an_answer_by_commit_times_is_the_newest_commit_at_or_before_the_moment(
    times: list[int], moment: int
) -> None:
    chain = list(zip(OIDS, times, strict=False))
    to = datetime.fromtimestamp(moment, NOW.tzinfo)
    try:
        found = resolve(chain, (), to, now=NOW, shallow=False)
    except UsageError:
        # Refused only for a reason: nothing so old, or times that go back somewhere.
        assert moment < times[-1] or times != sorted(times, reverse=True)
        return
    deployed = [oid for oid, time in chain if time <= moment]
    later = [oid for oid, time in chain if time > moment]
    assert found.oid == deployed[0]
    assert [oid for oid, _ in chain] == later + deployed


@given(
    st.lists(st.integers(1000, 1100), min_size=1, max_size=12).map(sorted),
    st.integers(1000, 1110),
)
def test_a_reflog_that_reaches_back_far_enough_speaks_first(times: list[int], moment: int) -> None:
    reflog = list(zip(OIDS, times, strict=False))
    to = datetime.fromtimestamp(moment, NOW.tzinfo)
    found = resolve([("f" * 40, 900)], reflog, to, now=NOW, shallow=False)
    if times[0] > moment:
        assert found.source == "commit times"
    else:
        assert found.source == "reflog"
        assert found.oid == [oid for oid, time in reflog if time <= moment][-1]
        assert found.disagreement


@st.composite
def histories(draw: st.DrawFn) -> list[tuple[int, list[int]]]:
    """Commits as (seconds, parents by position), the first without a parent, merges among them."""
    commits: list[tuple[int, list[int]]] = [(draw(st.integers(0, 50)), [])]
    for position in range(1, draw(st.integers(1, 12))):
        parents = draw(
            st.lists(
                st.integers(max(0, position - 4), position - 1), min_size=1, max_size=2, unique=True
            )
        )
        commits.append((draw(st.integers(0, 50)), parents))
    return commits


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(histories())
def test_the_deployed_line_is_the_one_git_log_shows(
    tmp_path_factory: pytest.TempPathFactory, commits: list[tuple[int, list[int]]]
) -> None:
    history = History.begin(tmp_path_factory.mktemp("history") / "repo")
    start = int(at(1).timestamp())
    stream = bytearray()
    for position, (seconds, parents) in enumerate(commits):
        stream += b"commit refs/heads/main\nmark :%d\n" % (position + 1)
        stream += b"committer A <a@b> %d +0000\ndata 1\nx\n" % (start + seconds)
        for word, parent in zip((b"from", b"merge"), parents, strict=False):
            stream += b"%s :%d\n" % (word, parent + 1)
        stream += b"M 100644 inline f\ndata 3\n%03d\n" % position
    subprocess.run(
        ["git", "fast-import", "--quiet", "--force"], cwd=history.root, input=stream, check=True
    )
    repository = Repository.open(history.root)
    head = repository.head()
    assert head is not None
    shown = history.git("log", "--first-parent", "--format=%H %ct").splitlines()
    assert [f"{oid} {epoch_s}" for oid, epoch_s in repository.chain(head.oid)] == shown
