"""When something became the deployed one: a pull brings old commits at a new moment."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from mechexo.desk import Desk
from mechexo.rollback import happened, ledger
from mechexo.rollback.happenings import Gap, Happening, Kind, Watch
from rollback.histories import History, at

RISK = "config/risk.yaml"


def look(
    desk: Desk, *, start: datetime = at(1), end: datetime = at(9)
) -> tuple[list[Happening], tuple[Gap, ...]]:
    found = happened.happened(desk, Watch(end), start=start, end=end)
    return sorted(found.happenings, key=lambda each: each.at), found.gaps


def kinds(found: list[Happening]) -> list[tuple[Kind, datetime]]:
    return [(each.kind, each.at) for each in found]


def test_a_commit_that_was_made_here_is_told_once(repo_desk: Desk, history: History) -> None:
    history.commit({RISK: "a\n"}, at(1))
    history.commit({RISK: "b\n"}, at(2))
    found, gaps = look(repo_desk)
    assert not gaps
    assert kinds(found) == [(Kind.COMMIT, at(1)), (Kind.COMMIT, at(2))]


def test_a_pull_is_a_deployment_of_all_that_it_brought_when_it_came(
    repo_desk: Desk, history: History
) -> None:
    first = history.commit({RISK: "a\n"}, at(1))
    history.git("switch", "--quiet", "-c", "upstream")
    history.commit({RISK: "b\n"}, at(2))
    last = history.commit({"limits.toml": "b\n", "README": "x\n"}, at(3))
    history.git("switch", "--quiet", "main")
    history.git("merge", "--quiet", "--ff-only", "upstream", when=at(5))
    found, gaps = look(repo_desk)
    assert not gaps
    (deployed,) = [each for each in found if each.kind is Kind.DEPLOYMENT]
    assert deployed.at == at(5)
    assert deployed.paths == (RISK, "limits.toml")
    assert deployed.size == 3
    assert deployed.what == f"checkout at {last[:12]}, before {first[:12]} (reflog)"
    assert deployed.remedy is not None
    assert deployed.remedy.to == at(5) - timedelta(seconds=1)
    assert [each.at for each in found if each.kind is Kind.COMMIT] == [at(1), at(2), at(3)]


def test_going_back_to_an_older_commit_is_a_deployment(repo_desk: Desk, history: History) -> None:
    first = history.commit({RISK: "a\n"}, at(1))
    history.commit({RISK: "b\n"}, at(2))
    history.git("reset", "--quiet", "--hard", first, when=at(4))
    found, _ = look(repo_desk)
    assert kinds(found) == [
        (Kind.COMMIT, at(1)),
        (Kind.DEPLOYMENT, at(2)),
        (Kind.DEPLOYMENT, at(4)),
    ]
    assert found[-1].paths == (RISK,)


def test_a_pull_that_touched_nothing_watched_is_not_told(repo_desk: Desk, history: History) -> None:
    history.commit({RISK: "a\n"}, at(1))
    history.git("switch", "--quiet", "-c", "upstream")
    history.commit({"README": "x\n"}, at(2))
    history.git("switch", "--quiet", "main")
    history.git("merge", "--quiet", "--ff-only", "upstream", when=at(5))
    found, _ = look(repo_desk)
    assert kinds(found) == [(Kind.COMMIT, at(1))]


def test_what_git_has_cleared_away_is_said_not_to_be_known(
    repo_desk: Desk, history: History
) -> None:
    first = history.commit({RISK: "a\n"}, at(1))
    history.commit({RISK: "b\n"}, at(2))
    history.git("reset", "--quiet", "--hard", first, when=at(4))
    log = history.root / ".git/logs/refs/heads/main"
    kept = log.read_text()
    history.git("reflog", "expire", "--expire=all", "--all")
    history.git("gc", "--quiet", "--prune=now")
    log.write_text(kept)
    found, gaps = look(repo_desk)
    assert not gaps
    lost = [each for each in found if each.kind is Kind.DEPLOYMENT]
    assert [each.at for each in lost] == [at(2), at(4)]
    assert all("git no longer knows what that changed" in each.what for each in lost)
    assert all(each.remedy is None and each.no_remedy for each in lost)


def test_a_log_whose_times_go_back_is_no_witness_and_that_is_said(
    repo_desk: Desk, history: History
) -> None:
    history.commit({RISK: "a\n"}, at(3))
    history.commit({RISK: "b\n"}, at(2))
    _, gaps = look(repo_desk)
    assert [(gap.source, gap.unknown) for gap in gaps] == [("deployments", True)]
    assert "go back" in gaps[0].reason


def test_without_a_log_nothing_is_said_of_deployments(repo_desk: Desk, history: History) -> None:
    history.commit({RISK: "a\n"}, at(1))
    history.forget_reflog()
    found, gaps = look(repo_desk)
    assert not gaps
    assert kinds(found) == [(Kind.COMMIT, at(1))]


@pytest.mark.slow
def test_of_many_deployments_the_nearest_are_told_and_the_rest_is_counted(
    repo_desk: Desk, history: History
) -> None:
    first = history.commit({RISK: "a\n"}, at(1))
    second = history.commit({RISK: "b\n"}, at(1, 1))
    for number in range(30):
        target = first if number % 2 == 0 else second
        history.git("reset", "--quiet", "--hard", target, when=at(2, 0, number))
    found, gaps = look(repo_desk)
    deployed = [each.at for each in found if each.kind is Kind.DEPLOYMENT]
    assert deployed == [at(2, 0, number) for number in range(10, 30)]
    assert [(gap.reason, gap.unknown) for gap in gaps] == [("10 more are not listed", False)]


@pytest.mark.slow
def test_who_seldom_commits_here_is_said_to(repo_desk: Desk, history: History) -> None:
    for number in range(30):
        history.commit({RISK: f"{number}\n"}, at(1, 0, number))
    history.write(RISK, "strange\n")
    words = ("commit", "--quiet", "-a", "-m", "quick fix", "--author=Zoe <z@desk.example>")
    history.git(*words, when=at(2))
    found, _ = look(repo_desk)
    assert found[-1].who == "Zoe"
    assert found[-1].seldom == "Zoe seldom commits here (1 of 31)"
    assert not any(each.seldom for each in found[:-1])


def test_secrets_and_control_codes_of_a_subject_are_not_shown(
    repo_desk: Desk, history: History
) -> None:
    subject = "set api_key: hunter2hunter2 \x1b[2J"
    history.commit({RISK: "a\n"}, at(1), subject)
    found, _ = look(repo_desk)
    assert "hunter2" not in found[0].what
    assert found[0].what.isprintable()


LEDGER = """
[rollback]
repository = "repo"
configs = ["config/**"]
[rollback.flows.reweight]
paths = ["flows/reweight.py"]
"""


def tell(desk: Desk, history: History, when: datetime, how: ledger.How, **more: str) -> None:
    """Puts the present commit into the deployment ledger."""
    with desk.state.write() as transaction:
        ledger.append(
            transaction, at=when, repository=str(history.root), ref="refs/heads/main",
            oid=history.head(), how=how, actor="ada", **more,
        )  # fmt: skip


def test_a_flow_that_was_deployed_is_told_with_what_came_since_the_last_time(
    make_desk: Callable[..., Desk], history: History
) -> None:
    desk = make_desk(LEDGER)
    history.commit({"flows/reweight.py": "1\n"}, at(1))
    tell(desk, history, at(1, 1), "command", flow="reweight")
    first = history.head()
    history.commit({"flows/reweight.py": "2\n"}, at(2))
    history.commit({RISK: "b\n"}, at(3))
    tell(desk, history, at(5), "command", flow="reweight")
    found, gaps = look(desk)
    assert not gaps
    begun, deployed = [each for each in found if each.kind is Kind.DEPLOYMENT]
    assert "the first on record (ledger)" in begun.what
    assert deployed.what == f"reweight at {history.head()[:12]}, before {first[:12]} (ledger)"
    assert (deployed.who, deployed.flows) == ("ada", ("reweight",))
    assert deployed.paths == (RISK, "flows/reweight.py")
    assert deployed.remedy is not None
    assert deployed.remedy.command == (
        "mechexo rollback plan flow reweight --to 2026-02-04T23:59:59Z"
    )


def test_what_ledger_and_log_both_saw_is_told_once_in_the_ledgers_words(
    make_desk: Callable[..., Desk], history: History
) -> None:
    desk = make_desk(LEDGER)
    first = history.commit({RISK: "a\n"}, at(1))
    history.git("switch", "--quiet", "-c", "upstream")
    last = history.commit({RISK: "b\n"}, at(2))
    history.git("switch", "--quiet", "main")
    history.git("merge", "--quiet", "--ff-only", "upstream", when=at(5))
    tell(desk, history, at(5, 0, 1), "hook")
    found, _ = look(desk)
    (deployed,) = [each for each in found if each.kind is Kind.DEPLOYMENT]
    assert deployed.at == at(5, 0, 1)
    assert deployed.what == f"checkout at {last[:12]}, before {first[:12]} (ledger)"


def test_a_commit_that_the_hook_told_of_is_told_once(
    make_desk: Callable[..., Desk], history: History
) -> None:
    desk = make_desk(LEDGER)
    history.commit({RISK: "a\n"}, at(1))
    history.commit({RISK: "b\n"}, at(2))
    tell(desk, history, at(2, 0, 0, 1), "hook")
    history.commit({RISK: "c\n"}, at(3))
    tell(desk, history, at(3, 0, 0, 1), "hook")
    found, _ = look(desk)
    assert kinds(found) == [(Kind.COMMIT, at(1)), (Kind.COMMIT, at(2)), (Kind.COMMIT, at(3))]
