"""What changed, which change is the suspect, and who may run git."""

from __future__ import annotations

import re
import subprocess
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from mechexo.desk import Desk
from mechexo.errors import ConfigError
from mechexo.rollback import globs, happened
from mechexo.rollback import operations as rollback
from mechexo.rollback.happenings import Watch
from mechexo.rollback.ranking import Suspect
from mechexo.rollback.values import Change
from rollback.histories import History, at

PATH = "config/risk.yaml"


def changes(desk: Desk, *, start: datetime, end: datetime) -> tuple[Change, ...]:
    found = happened.happened(desk, Watch(end), start=start, end=end)
    assert not found.gaps
    return found.commits


def suspect(desk: Desk, *, at: datetime, hint: str = "") -> Suspect | None:
    found, gaps = happened.suspect(desk, Watch(at, (hint,) if hint else ()))
    assert not gaps
    return found


def path_of(found: Suspect | None) -> str:
    assert found is not None
    assert found.happening.remedy is not None
    return found.happening.remedy.name


def test_changes_are_the_commits_that_touched_watched_files_newest_first(
    repo_desk: Desk, history: History
) -> None:
    history.commit({PATH: "a\n"}, at(1), "first")
    history.commit({"README": "x\n"}, at(2), "not watched")
    history.commit({PATH: "b\n", "README": "y\n"}, at(3), "limit raised")
    history.commit({"flows/canary.py": "pass\n"}, at(4), "flow changed")
    found = changes(repo_desk, start=at(2), end=at(4))
    assert [(c.subject, c.paths) for c in found] == [
        ("flow changed", ("flows/canary.py",)),
        ("limit raised", (PATH,)),
    ]
    assert found[0].author == "Ann"
    assert found[0].at == at(4)


def test_a_merge_counts_once_with_what_it_brought_to_the_deployed_line(
    repo_desk: Desk, history: History
) -> None:
    history.commit({PATH: "a\n"}, at(1))
    history.git("switch", "--quiet", "-c", "side")
    history.commit({"config/new.yaml": "n\n"}, at(2))
    history.git("switch", "--quiet", "main")
    history.git("merge", "--quiet", "--no-ff", "-m", "merge side", "side", when=at(5))
    found = changes(repo_desk, start=at(2), end=at(6))
    assert [(c.subject, c.paths) for c in found] == [("merge side", ("config/new.yaml",))]


def test_a_file_named_like_a_commit_hides_nothing(repo_desk: Desk, history: History) -> None:
    first = history.commit({PATH: "a\n"}, at(1))
    history.commit({first: "x\n", "z.py": "pass\n"}, at(2))
    found = changes(repo_desk, start=at(1), end=at(3))
    assert [c.paths for c in found] == [("z.py",), (PATH,)]


def test_the_suspect_is_the_newest_change_of_a_configured_file_at_or_before_the_moment(
    repo_desk: Desk, history: History
) -> None:
    history.commit({PATH: "a\n"}, at(1))
    history.commit({PATH: "b\n"}, at(2))
    history.commit({"flows/canary.py": "pass\n"}, at(2, 6))
    history.commit({"limits.toml": "later\n"}, at(3))
    found = suspect(repo_desk, at=at(2, 12))
    assert found is not None
    assert path_of(found) == PATH
    assert found.happening.at == at(2)
    assert "12h before" in found.why
    assert found.happening.remedy is not None
    assert found.happening.remedy.to == at(2) - timedelta(seconds=1)
    plan = rollback.plan_remedy(repo_desk, found.happening.remedy)
    assert "-b\n+a\n" in plan.diff


def test_a_hint_comes_before_a_newer_change_of_another_file(
    repo_desk: Desk, history: History
) -> None:
    history.commit({PATH: "a\n"}, at(1))
    history.commit({"limits.toml": "b\n"}, at(2))
    assert path_of(suspect(repo_desk, at=at(2), hint=PATH)) == PATH
    assert path_of(suspect(repo_desk, at=at(2), hint="not/configured")) == "limits.toml"


def test_a_hinted_file_that_changed_long_ago_is_found_when_nothing_else_changed(
    repo_desk: Desk, history: History
) -> None:
    history.commit({PATH: "a\n"}, at(1))
    assert suspect(repo_desk, at=at(20)) is None
    found = suspect(repo_desk, at=at(20), hint=PATH)
    assert found is not None
    assert found.happening.at == at(1)


def test_without_a_repository_nobody_can_say_what_changed(desk: Desk) -> None:
    with pytest.raises(ConfigError, match="repository is not set"):
        suspect(desk, at=at(1))
    found = happened.happened(desk, Watch(at(2)), start=at(1), end=at(2))
    assert found.happenings == ()
    assert [(gap.source, gap.exit_code) for gap in found.gaps] == [
        ("commits and edits not in git", 2)
    ]
    assert "repository is not set" in found.gaps[0].reason


@pytest.mark.parametrize(
    ("path", "glob", "fits"),
    [
        ("config/a.yaml", "config/*.yaml", True),
        ("config/b/a.yaml", "config/*.yaml", False),
        ("config/b/a.yaml", "config/**/*.yaml", True),
        ("config/a.yaml", "config/**/*.yaml", True),
        ("config/a.yaml", "config/**", True),
        ("a.yaml", "**/*.yaml", True),
        ("config/a.yaml", "./config/?.yaml", True),
        ("config/a.yaml", "config/[ab].yaml", True),
        ("config/a.yaml", "config/[!ab].yaml", False),
        ("config/a+yaml", "config/a.yaml", False),
        ("xconfig/a.yaml", "config/a.yaml", False),
    ],
)
def test_globs_mean_what_they_say(path: str, glob: str, fits: bool) -> None:
    assert bool(globs.matching(path, [glob])) is fits


def test_gitpython_is_imported_in_one_module_only() -> None:
    top = Path(__file__).parents[2]
    imports = re.compile(
        r"^\s*(?:import|from) git\b|(?:import_module|__import__)\(\s*[\"']git\b", re.MULTILINE
    )
    users = {
        str(source.relative_to(top))
        for folder in ("src", "tui")
        for source in (top / folder).rglob("*.py")
        if imports.search(source.read_text(encoding="utf-8"))
    }
    assert users == {"src/mechexo/rollback/git.py"}


def test_a_long_history_is_walked_as_far_as_needed(repo_desk: Desk, history: History) -> None:
    stream = bytearray()
    for number in range(1300):
        # One commit with a wrong date among the newest does not hide those before it.
        when = int(at(1).timestamp()) + (number if number != 1290 else -10_000_000)
        stream += b"commit refs/heads/main\ncommitter A <a@b> %d +0000\ndata 1\nx\n" % when
        stream += b"M 100644 inline %s\ndata 5\n%05d\n" % (PATH.encode(), number)
    subprocess.run(["git", "fast-import", "--quiet"], cwd=history.root, input=stream, check=True)
    newest = at(1) + timedelta(seconds=1299)
    few = changes(repo_desk, start=newest - timedelta(seconds=19), end=newest)
    assert len(few) == 19
    assert len(changes(repo_desk, start=at(1), end=newest)) == 1299
