"""Case 45: a long history costs a plan a walk, not a process for each file or commit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from mechexo.desk import Desk
from mechexo.rollback import git
from mechexo.rollback import operations as rollback
from rollback.histories import History, at

pytestmark = pytest.mark.slow

COMMITS = 26_000
FILES = 20


def test_case_45_a_plan_over_26000_commits_asks_git_as_often_as_over_two(
    make_desk: Callable[..., Desk], history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    history.commit({f"flow/{n}.py": "version = 1\n" for n in range(FILES)}, at(1))
    long_line(history)
    history.commit({f"flow/{n}.py": "version = 2\n" for n in range(FILES)}, at(20))
    history.forget_reflog()
    desk = make_desk('[rollback]\nrepository = "repo"\n[rollback.flows.f]\npaths = ["flow/**"]\n')
    asked: list[str] = []
    run = git._run

    def counted(folder: Any, words: Any, **how: Any) -> Any:
        asked.append(words[0])
        return run(folder, words, **how)

    monkeypatch.setattr(git, "_run", counted)
    plan = rollback.plan_flow(desk, "f", to=at(19))
    assert len(plan.changes) == FILES
    assert plan.commit == history.git("rev-parse", "HEAD^")
    assert asked.count("rev-list") <= 2
    assert len(asked) <= 14


def long_line(history: History) -> None:
    """Thousands of commits after the first, in one call."""
    start = int(at(2).timestamp())
    stream = [f"reset refs/heads/main\nfrom {history.head()}\n\n"]
    for number in range(COMMITS):
        when = f"{start + number * 10} +0000"
        stream.append(
            f"commit refs/heads/main\ncommitter Ann <ann@desk.example> {when}\n"
            f"data 1\nx\nM 100644 inline counter\ndata {len(str(number))}\n{number}\n\n"
        )
    history.feed("".join(stream).encode(), "fast-import", "--quiet", "--force")
    history.git("reset", "--quiet", "--hard", "main")
