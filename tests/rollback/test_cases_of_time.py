"""Cases 1 to 9 and 32: what a moment, or a commit that somebody names, stands for."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from mechexo.cli import app
from mechexo.clock import VirtualClock
from mechexo.desk import Desk
from mechexo.errors import NotAllowedError, UsageError
from mechexo.rollback import ledger
from mechexo.rollback import operations as rollback
from mechexo.rollback.values import Plan, RunState
from rollback.carrying import carry_out
from rollback.histories import History, at, fingerprint
from support.program import mechexo, one_line

pytestmark = pytest.mark.slow

PATH = "config/risk.yaml"
TABLES = """
[rollback]
repository = "repo"
configs = ["config/**"]
[rollback.limits]
age = "3650d"
[rollback.flows.reweight]
paths = ["config/**"]
"""


@pytest.fixture
def desk(make_desk: Callable[..., Desk]) -> Desk:
    return make_desk(TABLES)


def plan(desk: Desk, to: datetime | None = None, commit: str = "") -> Plan:
    return rollback.plan_config(desk, PATH, to=to, commit=commit)


def tell(
    desk: Desk, history: History, oid: str, when: datetime, *, how: str = "hook", flow: str = ""
) -> None:
    """A row of the ledger, as it was written at a moment."""
    with desk.state.write() as transaction:
        ledger.append(
            transaction,
            at=when,
            repository=str(history.root),
            ref="refs/heads/main",
            oid=oid,
            how=how,  # type: ignore[arg-type]
            actor="tester",
            flow=flow,
        )


def disagreement(made: Plan) -> str:
    [guard] = [guard for guard in made.guards if guard.name == "records agree"]
    return "" if guard.ok else guard.detail


# Case 1: what is no moment


@pytest.fixture
def git_calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file in which each call of git leaves a line; it is not there before the first."""
    real = shutil.which("git")
    log, folder = tmp_path / "git calls", tmp_path / "bin"
    folder.mkdir()
    shim = folder / "git"
    shim.write_text(f'#!/bin/sh\necho "$*" >>"{log}"\nexec {real} "$@"\n')
    shim.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return log


def asked(desk: Desk, *words: str) -> Result:
    """What the command line makes of `rollback plan config`."""
    start = ("--config", str(desk.config_path), "rollback", "plan", "config", PATH)
    return CliRunner().invoke(app, [*start, *words])


@pytest.mark.parametrize(
    "text",
    [
        *("not a date", "", " ", "2026-13-45", "2026-02-30T12:00", "2026-02-30", "tea", "never"),
        *("2026-01-04", "yesterday", "2 hours ago", "1767500000", "@1767500000", "HEAD@{1}"),
        *("2026-01-04T25:00", "2026-01-04T12:00+99:00", "--output=/tmp/x", "2026-W02-3T10:00"),
    ],
)
def test_case_01_what_is_no_moment_is_a_usage_error_and_git_is_not_even_started(
    desk: Desk, history: History, git_calls: Path, text: str
) -> None:
    history.commit({PATH: "a\n"}, at(1))
    git_calls.unlink()
    done = asked(desk, f"--to={text}")
    assert isinstance(done.exception, UsageError)
    assert len(str(done.exception).splitlines()) == 1
    assert done.stdout == ""
    assert not git_calls.exists()


def test_case_01_the_program_ends_with_2_and_one_line(desk: Desk, history: History) -> None:
    history.commit({PATH: "a\n"}, at(1))
    done = mechexo(
        *("rollback", "plan", "config", PATH, "--to", "not a date"), config=desk.config_path
    )
    assert (done.returncode, done.stdout) == (2, "")
    one_line(done, "'not a date' is not a time")


def test_case_01_a_moment_does_start_git_which_never_sees_its_text(
    desk: Desk, history: History, git_calls: Path
) -> None:
    history.commit({PATH: "a\n"}, at(1))
    git_calls.unlink()
    done = asked(desk, "--to=2026-02-01T00:00Z", "--json")
    assert json.loads(done.stdout)["to"].startswith("2026-02-01T00:00:00")
    assert "rev-list" in git_calls.read_text()
    assert "2026-02-01" not in git_calls.read_text()


# Case 2: moments outside what is known


def test_case_02_the_future_is_refused_with_the_time_of_now(
    desk: Desk, history: History, clock: VirtualClock
) -> None:
    history.commit({PATH: "a\n"}, at(1))
    with pytest.raises(UsageError, match=r"lies in the future; now is 2026-03-02 14:30:00 UTC"):
        plan(desk, clock.now() + timedelta(seconds=1))


def test_case_02_before_the_first_commit_it_says_so(desk: Desk, history: History) -> None:
    first = history.commit({PATH: "a\n"}, at(2))
    with pytest.raises(UsageError, match=f"before the first commit .{first[:12]}"):
        plan(desk, at(1))


def test_case_02_before_everything_it_says_where_the_ledger_begins_too(
    desk: Desk, history: History
) -> None:
    first = history.commit({PATH: "a\n"}, at(2))
    tell(desk, history, first, at(3))
    with pytest.raises(UsageError, match="the deployment ledger begins at 2026-02-03") as refused:
        plan(desk, at(1))
    assert "before the first commit" in str(refused.value)


def test_case_02_before_the_ledger_begins_git_is_asked_and_named(
    desk: Desk, history: History
) -> None:
    first = history.commit({PATH: "a\n"}, at(1))
    second = history.commit({PATH: "b\n"}, at(3))
    tell(desk, history, second, at(4))
    made = plan(desk, at(2))
    assert (made.commit, made.source) == (first, "reflog")


# Case 3: local times that are two moments, or none


@pytest.mark.parametrize(
    ("text", "what", "readings"),
    [
        ("2025-11-02T01:30", "happens twice", ("2025-11-02T05:30", "2025-11-02T06:30")),
        ("2025-03-09T02:30", "does not exist", ("2025-03-09T06:30", "2025-03-09T07:30")),
    ],
)
def test_case_03_both_readings_of_a_doubtful_local_time_are_offered_and_each_is_taken(
    make_desk: Callable[..., Desk],
    history: History,
    text: str,
    what: str,
    readings: tuple[str, str],
) -> None:
    desk = make_desk(TABLES, zone="America/New_York")
    history.commit({PATH: "a\n"}, datetime(2025, 1, 1, tzinfo=UTC))
    done = asked(desk, f"--to={text}")
    assert isinstance(done.exception, UsageError)
    assert what in str(done.exception)
    for reading in readings:
        assert reading in str(done.exception)
        again = asked(desk, f"--to={reading}Z", "--json")
        assert json.loads(again.stdout)["to"].startswith(reading)


# Case 4: a moment is inclusive, whichever record speaks


@pytest.mark.parametrize("source", ["commit times", "reflog", "deployment ledger"])
def test_case_04_a_moment_includes_what_happened_in_that_second(
    desk: Desk, history: History, source: str
) -> None:
    first = history.commit({PATH: "a\n"}, at(1))
    second = history.commit({PATH: "b\n"}, at(2))
    if source == "commit times":
        history.forget_reflog()
    if source == "deployment ledger":
        tell(desk, history, first, at(1) + timedelta(microseconds=300_000))
        tell(desk, history, second, at(2) + timedelta(microseconds=300_000))
    made = plan(desk, at(2))
    assert (made.commit, made.source, disagreement(made)) == (second, source, "")
    made = plan(desk, at(2) - timedelta(seconds=1))
    assert (made.commit, made.source, disagreement(made)) == (first, source, "")


# Case 5: side branches


@pytest.mark.parametrize("with_reflog", [True, False])
def test_case_05_a_side_branch_is_never_chosen(
    desk: Desk, history: History, with_reflog: bool
) -> None:
    history.commit({PATH: "a\n"}, at(1))
    history.git("branch", "side")
    on_main = history.commit({PATH: "b\n"}, at(3))
    history.git("switch", "--quiet", "side", when=at(4))
    history.commit({"config/other.yaml": "side\n"}, at(4))
    history.git("switch", "--quiet", "main", when=at(4))
    history.git("merge", "--quiet", "--no-ff", "-m", "merge", "side", when=at(8))
    if not with_reflog:
        history.forget_reflog()
    made = plan(desk, at(7))
    assert (made.commit, disagreement(made)) == (on_main, "")


# Case 6: the line was rewritten by a foxtrot merge


@pytest.fixture
def foxtrot(history: History) -> str:
    """main merged into a branch, then main moved onto it; the commit that was live until then is
    no longer on the first-parent line."""
    history.commit({PATH: "a\n"}, at(1))
    history.git("branch", "side")
    deployed = history.commit({PATH: "b\n"}, at(3))
    history.git("switch", "--quiet", "side", when=at(4))
    history.commit({"config/other.yaml": "side\n"}, at(4))
    history.git("merge", "--quiet", "--no-ff", "-m", "main into side", "main", when=at(5))
    history.git("switch", "--quiet", "main", when=at(6))
    history.git("merge", "--quiet", "--ff-only", "side", when=at(6))
    return deployed


def test_case_06_the_ledger_names_what_was_live_and_the_difference_to_git_is_shown(
    desk: Desk, history: History, foxtrot: str
) -> None:
    tell(desk, history, foxtrot, at(3, 1))
    history.forget_reflog()
    made = plan(desk, at(3, 12))
    assert (made.commit, made.source) == (foxtrot, "deployment ledger")
    said = disagreement(made)
    git_says = history.git("rev-parse", "HEAD~2")
    assert f"the deployment ledger says {foxtrot[:12]}" in said
    assert f"the commit times says {git_says[:12]}" not in said
    assert f"the commit times say {git_says[:12]}" in said
    assert "name the one you mean with --commit" in said


def test_case_06_it_stops_there_until_a_person_names_the_commit(
    desk: Desk, history: History, foxtrot: str
) -> None:
    tell(desk, history, foxtrot, at(3, 1))
    history.write(PATH, "c\n")
    history.commit({}, at(7))
    before = fingerprint(history.root)
    with pytest.raises(NotAllowedError, match="records agree"):
        carry_out(desk, plan(desk, at(3, 12)))
    assert fingerprint(history.root) == before
    named = plan(desk, at(3, 12), commit=foxtrot[:10])
    assert (named.commit, disagreement(named)) == (foxtrot, "")
    assert carry_out(desk, named).state is RunState.APPLIED
    assert (history.root / PATH).read_bytes() == b"b\n"


# Case 7: clocks that were wrong


@pytest.mark.parametrize(
    "odd", [datetime(2025, 6, 1, tzinfo=UTC), datetime(2027, 6, 1, tzinfo=UTC)]
)
@pytest.mark.parametrize("with_reflog", [True, False])
def test_case_07_commit_times_that_go_back_are_refused_and_a_named_commit_is_taken(
    desk: Desk, history: History, odd: datetime, with_reflog: bool
) -> None:
    first = history.commit({PATH: "a\n"}, at(1))
    wrong = history.commit({PATH: "b\n"}, odd)
    history.commit({PATH: "c\n"}, at(3))
    if not with_reflog:
        history.forget_reflog()
    with pytest.raises(UsageError, match="go back") as refused:
        plan(desk, at(2))
    assert str(refused.value).endswith("name the one you mean with --commit")
    for oid in (first, wrong):
        assert plan(desk, commit=oid).commit == oid


def test_case_07_a_reflog_whose_times_go_back_confirms_nothing(
    desk: Desk, history: History
) -> None:
    first = history.commit({PATH: "a\n"}, at(1))
    history.commit({PATH: "b\n"}, at(5))
    log = history.root / ".git" / "logs" / "refs" / "heads" / "main"
    lines = log.read_text().splitlines()
    log.write_text("\n".join((lines[0], lines[1], lines[0])) + "\n")
    made = plan(desk, at(2))
    assert (made.commit, made.source) == (first, "commit times")
    assert "the times of the reflog go back" in disagreement(made)


@pytest.mark.parametrize(
    "odd", [datetime(2025, 6, 1, tzinfo=UTC), datetime(2027, 6, 1, tzinfo=UTC)]
)
def test_case_07_a_ledger_that_a_wrong_clock_wrote_does_not_tell(
    desk: Desk, history: History, odd: datetime
) -> None:
    first = history.commit({PATH: "a\n"}, at(1))
    second = history.commit({PATH: "b\n"}, at(3))
    tell(desk, history, first, at(1))
    tell(desk, history, second, odd)
    tell(desk, history, second, at(4))
    with pytest.raises(UsageError, match="the times of the deployment ledger go back"):
        plan(desk, at(2))
    assert plan(desk, commit=first).commit == first


# Case 8: author times


def test_case_08_a_rebased_commit_counts_from_its_commit_time(desk: Desk, history: History) -> None:
    first = history.commit({PATH: "a\n"}, at(1))
    second = history.commit({PATH: "b\n"}, at(10), author=at(2))
    history.forget_reflog()
    assert plan(desk, at(9)).commit == first
    assert plan(desk, at(10)).commit == second


# Case 9: a shallow clone


def test_case_09_below_the_boundary_of_a_shallow_clone_nothing_is_planned(
    desk: Desk, history: History, tmp_path: Path
) -> None:
    whole = History.begin(tmp_path / "whole")
    for day in (1, 2, 3):
        whole.commit({PATH: f"{day}\n"}, at(day))
    shutil.rmtree(history.root)
    subprocess.run(
        ["git", "clone", "--quiet", "--depth=2", whole.root.as_uri(), history.root], check=True
    )
    assert plan(desk, at(2)).commit == whole.git("rev-parse", "HEAD~1")
    with pytest.raises(UsageError, match="shallow clone is cut off"):
        plan(desk, at(1, 12))


# Case 32: whatever git would understand, a commit is only named by its id


@pytest.mark.parametrize(
    "text",
    [
        *(
            "--output=/tmp/mechexo-must-not-be",
            "-n1",
            "@{u}",
            "HEAD^{/x}",
            "HEAD",
            "main",
            "HEAD~1",
        ),
        *("refs/heads/main", ":/change", "abc", "0123456", "f" * 40, "f" * 65, "main@{1}", "🙂"),
    ],
)
def test_case_32_what_is_no_deployed_commit_s_id_never_reaches_git(
    desk: Desk, history: History, git_calls: Path, text: str
) -> None:
    history.commit({PATH: "a\n"}, at(1))
    history.commit({PATH: "b\n"}, at(2))
    before = fingerprint(history.root)
    git_calls.unlink()
    done = asked(desk, f"--commit={text}")
    assert isinstance(done.exception, UsageError)
    assert str(done.exception).startswith("--commit ")
    # HEAD is a word of our own.
    assert text == "HEAD" or text not in git_calls.read_text()
    assert not Path("/tmp/mechexo-must-not-be").exists()
    assert fingerprint(history.root) == before


def test_case_32_a_commit_that_was_never_deployed_is_refused_although_git_has_it(
    desk: Desk, history: History
) -> None:
    history.commit({PATH: "a\n"}, at(1))
    history.git("switch", "--quiet", "-c", "side")
    on_side = history.commit({PATH: "side\n"}, at(2))
    history.git("switch", "--quiet", "main")
    with pytest.raises(UsageError, match="was never deployed here"):
        plan(desk, commit=on_side)
    tell(desk, history, on_side, at(3))
    assert plan(desk, commit=on_side).commit == on_side


# The ledger beside git


def test_what_a_flow_was_said_to_run_counts_for_that_flow_only(
    desk: Desk, history: History
) -> None:
    first = history.commit({PATH: "a\n"}, at(1))
    second = history.commit({PATH: "b\n"}, at(3))
    tell(desk, history, first, at(4), how="command", flow="reweight")
    of_flow = rollback.plan_flow(desk, "reweight", to=at(5))
    assert (of_flow.commit, of_flow.source) == (first, "deployment ledger")
    assert f"the reflog says {second[:12]}" in disagreement(of_flow)
    assert plan(desk, at(5)).commit == second


def test_a_checkout_does_not_move_what_somebody_said_a_flow_runs_but_is_shown_beside_it(
    desk: Desk, history: History
) -> None:
    first = history.commit({PATH: "a\n"}, at(1))
    tell(desk, history, first, at(2), how="command", flow="reweight")
    second = history.commit({PATH: "b\n"}, at(3))
    history.forget_reflog()
    tell(desk, history, second, at(3))
    made = rollback.plan_flow(desk, "reweight", to=at(4))
    assert (made.commit, made.source) == (first, "deployment ledger")
    assert f"the git hook says {second[:12]}" in disagreement(made)
    tell(desk, history, second, at(5), how="command", flow="reweight")
    made = rollback.plan_flow(desk, "reweight", to=at(6))
    assert (made.commit, disagreement(made)) == (second, "")


def test_a_move_that_the_ledger_was_not_told_of_is_told_by_the_reflog(
    desk: Desk, history: History
) -> None:
    first = history.commit({PATH: "a\n"}, at(1))
    tell(desk, history, first, at(1))
    second = history.commit({PATH: "b\n"}, at(3))
    made = plan(desk, at(4))
    assert (made.commit, made.source, disagreement(made)) == (second, "reflog", "")


def test_a_pull_that_came_long_after_the_commit_is_a_difference_that_stops(
    desk: Desk, history: History
) -> None:
    first = history.commit({PATH: "a\n"}, at(1))
    tell(desk, history, first, at(1))
    second = history.commit({PATH: "b\n"}, at(2))
    history.forget_reflog()
    tell(desk, history, second, at(4))
    made = plan(desk, at(3))
    assert made.commit == first
    assert f"the commit times say {second[:12]}" in disagreement(made)


@pytest.mark.parametrize("with_reflog", [True, False])
@pytest.mark.parametrize(("apart_s", "differ"), [(20, False), (200, True)])
def test_seconds_between_a_commit_and_its_hook_are_no_difference_minutes_are(
    desk: Desk, history: History, with_reflog: bool, apart_s: int, differ: bool
) -> None:
    first = history.commit({PATH: "a\n"}, at(1))
    tell(desk, history, first, at(1))
    second = history.commit({PATH: "b\n"}, at(2))
    if not with_reflog:
        history.forget_reflog()
    tell(desk, history, second, at(2) + timedelta(seconds=apart_s))
    made = plan(desk, at(2) + timedelta(seconds=apart_s // 2))
    # What git saw here is not waited for by the ledger.
    assert made.commit == (second if with_reflog else first)
    assert bool(disagreement(made)) == (differ and not with_reflog)


def test_an_entry_of_the_ledger_that_is_yet_to_come_makes_its_times_doubtful(
    desk: Desk, history: History, clock: VirtualClock
) -> None:
    first = history.commit({PATH: "a\n"}, at(1))
    tell(desk, history, first, at(1))
    tell(desk, history, first, clock.now() + timedelta(hours=1))
    with pytest.raises(UsageError, match="which is yet to come"):
        plan(desk, at(2))


def test_a_commit_of_the_ledger_that_git_has_cleared_away_is_said_to_be_gone(
    desk: Desk, history: History
) -> None:
    first = history.commit({PATH: "a\n"}, at(1))
    lost = history.commit({PATH: "b\n"}, at(2))
    tell(desk, history, lost, at(2))
    history.git("reset", "--quiet", "--hard", first)
    history.forget_reflog()
    history.git("gc", "--quiet", "--prune=now")
    with pytest.raises(UsageError, match=f"{lost[:12]} .*git has cleared it away"):
        plan(desk, at(3))
