"""GitHub and GitLab through a stub server that replays their documented shapes (not captured)."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from conftest import START
from mechexo.clock import VirtualClock
from mechexo.desk import Desk
from mechexo.errors import ConfigError
from mechexo.flows.ci import operations as ci
from mechexo.flows.ci.github import runs_of
from mechexo.flows.ci.systems import CiQuestion, find_system
from mechexo.flows.ci.values import CiStanding, CiState
from mechexo.outside import Standing
from mechexo.outside.shaping import ShapeError
from support.ci_server import TOKEN, CiServer, ci_server, github_run, gitlab_pipeline

MakeDesk = Callable[..., Desk]


@pytest.fixture
def server() -> Iterator[CiServer]:
    with ci_server() as each:
        yield each


@pytest.fixture
def github(make_desk: MakeDesk, server: CiServer) -> Callable[..., Desk]:
    def make(more: str = "") -> Desk:
        return make_desk(
            f'[ci.strategies]\nrepository = "desk/strategies"\nbase_url = "{server.url}"\n{more}'
        )

    return make


@pytest.fixture
def gitlab(make_desk: MakeDesk, server: CiServer) -> Callable[..., Desk]:
    def make(more: str = "") -> Desk:
        return make_desk(
            f'[ci.strategies]\nkind = "gitlab"\nrepository = "desk/quant/strategies"\n'
            f'base_url = "{server.url}"\n{more}'
        )

    return make


def looked(desk: Desk, *, force: bool = True) -> CiStanding:
    (standing,) = ci.look(desk, deadline_s=20.0, force=force)
    return standing


def test_a_run_has_its_state_duration_commit_and_link(
    github: Callable[..., Desk], server: CiServer
) -> None:
    server.runs = [github_run(7, "failure")]
    (run,) = looked(github()).runs
    assert (run.state, run.status, run.conclusion) == (CiState.FAILED, "completed", "failure")
    assert (run.duration_s, run.commit, run.branch) == (114.0, f"{7:040x}", "main")
    assert run.link.endswith("/desk/strategies/actions/runs/7")
    assert (run.number, run.attempt, run.event, run.title) == (7, 1, "push", "change 7")


def test_the_shape_written_by_hand_from_the_documentation_is_read(tmp_path: Path) -> None:
    row = {
        "id": 30433642,
        "name": "ci",
        "head_branch": "main",
        "head_sha": "acb5820ced9479c074f688cc328bf03f341a511d",
        "run_number": 562,
        "status": "completed",
        "conclusion": "failure",
        "html_url": "https://github.com/o/r/actions/runs/30433642",
        "created_at": "2026-01-22T19:33:08Z",
        "updated_at": "2026-01-22T19:35:02Z",
        "run_started_at": "2026-01-22T19:33:08Z",
    }
    question = CiQuestion(tmp_path, START, 1.0)
    (run,) = runs_of({"total_count": 1, "workflow_runs": [row]}, question)
    assert (run.state, run.duration_s, run.workflow) == (CiState.FAILED, 114.0, "ci")


@pytest.mark.parametrize(
    ("status", "conclusion", "state"),
    [
        ("queued", None, CiState.WAITING),
        ("in_progress", None, CiState.RUNNING),
        ("completed", "success", CiState.PASSED),
        ("completed", "timed_out", CiState.FAILED),
        ("completed", "startup_failure", CiState.FAILED),
        ("completed", "cancelled", CiState.STOPPED),
        ("completed", "sparkling", CiState.UNKNOWN),
        ("completed", None, CiState.UNKNOWN),
        ("levitating", "success", CiState.UNKNOWN),
    ],
)
def test_a_word_that_is_not_known_is_never_taken_for_passed(
    github: Callable[..., Desk],
    server: CiServer,
    status: str,
    conclusion: str | None,
    state: CiState,
) -> None:
    server.runs = [github_run(1, conclusion, status=status)]
    (run,) = looked(github()).runs
    assert run.state is state


def test_what_did_not_change_is_answered_304_and_costs_no_rate_limit(
    github: Callable[..., Desk], server: CiServer
) -> None:
    server.runs = [github_run(1)]
    desk = github()
    first = looked(desk)
    second = looked(desk)
    assert (server.statuses, server.used) == ([200, 304], 1)
    assert (second.runs, second.badges, second.why) == (first.runs, first.badges, "")


def test_a_new_run_is_seen_after_a_304(github: Callable[..., Desk], server: CiServer) -> None:
    server.runs = [github_run(1)]
    desk = github()
    looked(desk)
    looked(desk)
    server.runs = [github_run(2, "failure"), github_run(1)]
    assert [run.number for run in looked(desk).runs] == [2, 1]
    assert server.statuses == [200, 304, 200]


def test_pages_are_followed_until_there_are_enough_runs(
    github: Callable[..., Desk], server: CiServer
) -> None:
    server.runs = [github_run(number) for number in range(20, 0, -1)]
    server.page_size = 4
    standing = looked(github("runs = 10\n"))
    assert [run.number for run in standing.runs] == list(range(20, 10, -1))
    assert len(server.requests) == 3


def test_each_page_is_asked_for_conditionally(
    github: Callable[..., Desk], server: CiServer
) -> None:
    server.runs = [github_run(number) for number in range(8, 0, -1)]
    server.page_size = 4
    desk = github()
    first = looked(desk)
    assert looked(desk).runs == first.runs
    assert server.statuses == [200, 200, 304, 304]


@pytest.mark.parametrize("spelt", ["https://LOCALHOST:{port}", "http://user@localhost:{port}"])
def test_a_next_page_at_the_same_host_otherwise_spelt_is_asked_for_at_the_configured_address(
    make_desk: MakeDesk, server: CiServer, spelt: str
) -> None:
    port = server.url.rpartition(":")[2]
    server.runs = [github_run(number) for number in range(4, 0, -1)]
    server.page_size, server.next_elsewhere = 2, spelt.format(port=port)
    desk = make_desk(
        f'[ci.strategies]\nrepository = "desk/strategies"\nbase_url = "http://localhost:{port}"\n'
    )
    standing = looked(desk)
    assert (standing.why, len(standing.runs)) == ("", 4)


def test_a_next_page_elsewhere_that_nobody_needs_is_no_trouble(
    github: Callable[..., Desk], server: CiServer
) -> None:
    server.runs = [github_run(2), github_run(1)]
    server.page_size, server.next_elsewhere = 1, "https://elsewhere.example.com:99999"
    desk = github("runs = 1\n")
    for _ in range(2):
        standing = looked(desk)
        assert (standing.why, len(standing.runs)) == ("", 1)


def test_the_token_goes_to_no_other_host(
    github: Callable[..., Desk], server: CiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI_TOKEN", TOKEN)
    with ci_server() as other:
        server.runs = [github_run(2), github_run(1)]
        server.page_size, server.next_elsewhere = 1, other.url
        standing = looked(github('token = "${env:CI_TOKEN}"\n'))
        assert standing.why == "its next page is at another place, which is not asked"
        assert other.requests == []


def test_a_used_up_rate_limit_is_obeyed_until_its_reset(
    github: Callable[..., Desk], server: CiServer, clock: VirtualClock
) -> None:
    server.runs, server.limit, server.used = [github_run(1)], 10, 10
    desk = github()
    standing = looked(desk)
    assert standing.standing is Standing.HELD
    assert standing.until is not None
    assert standing.until - clock.now() > timedelta(minutes=29)
    assert standing.why.startswith("answered 403: refused: a rate limit")
    clock.advance(timedelta(minutes=20))
    looked(desk)
    assert server.statuses == [403]
    server.used = 0
    clock.advance(timedelta(minutes=11))
    assert looked(desk).why == ""
    assert server.statuses == [403, 200]


def test_the_last_answer_that_a_limit_allows_is_kept_and_no_more_is_asked(
    github: Callable[..., Desk], server: CiServer
) -> None:
    server.runs, server.limit = [github_run(1)], 1
    desk = github()
    standing = looked(desk)
    assert (standing.why, len(standing.runs), standing.standing) == ("", 1, Standing.HELD)
    looked(desk)
    assert server.statuses == [200]


@pytest.mark.parametrize("status", [403, 429, 503])
def test_retry_after_is_obeyed(
    github: Callable[..., Desk], server: CiServer, clock: VirtualClock, status: int
) -> None:
    server.fault = (status, {"Retry-After": "90"}, b"{}")
    desk = github()
    assert looked(desk).until == clock.now() + timedelta(seconds=90)
    clock.advance(timedelta(seconds=60))
    looked(desk)
    assert len(server.requests) == 1


def test_repositories_with_one_token_share_its_limit(
    make_desk: MakeDesk, server: CiServer, clock: VirtualClock
) -> None:
    table = f'repository = "desk/strategies"\nbase_url = "{server.url}"\n'
    server.fault = (429, {"Retry-After": "600"}, b"{}")
    looked(make_desk(f"[ci.one]\n{table}"))
    desk = make_desk(f"[ci.one]\n{table}[ci.two]\n{table}")
    asked = len(server.requests)
    one, two = ci.look(desk, deadline_s=20.0, force=True)
    assert (one.standing, two.standing) == (Standing.HELD, Standing.HELD)
    assert len(server.requests) == asked


def test_a_server_error_keeps_the_last_good_runs_and_says_so(
    github: Callable[..., Desk], server: CiServer, clock: VirtualClock
) -> None:
    server.runs = [github_run(1)]
    desk = github()
    good = looked(desk)
    clock.advance(timedelta(minutes=5))
    server.fault = (502, {}, b"<html>Bad Gateway</html>")
    standing = looked(desk)
    assert (standing.runs, standing.good_at) == (good.runs, good.good_at)
    assert (standing.why, standing.failures) == ("answered 502", 1)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"<html>hello</html>", "the answer is not JSON"),
        (b"\xff\xfe\x00", "the answer is not JSON"),
        (b"[" * 100_000, "the answer is not JSON"),
        (b"[]", "the answer is no object, as documented, but list"),
        (b'{"workflow_runs": 3}', "its runs is no list, as documented, but int"),
        (b'{"workflow_runs": [{"id": 1}]}', "the status of a run is missing"),
    ],
)
def test_garbage_is_a_failure_and_never_an_empty_list(
    github: Callable[..., Desk], server: CiServer, body: bytes, why: str
) -> None:
    server.fault = (200, {}, body)
    standing = looked(github())
    assert (standing.why, standing.good_at) == (why, None)


def test_a_slow_answer_is_given_up_after_the_timeout(
    github: Callable[..., Desk], server: CiServer
) -> None:
    server.hangs.set()
    assert looked(github('timeout = "0.2s"\n')).why == "no complete answer within 0.2 s"


def test_the_token_is_sent_and_never_shown_kept_or_logged(
    github: Callable[..., Desk],
    server: CiServer,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("CI_TOKEN", TOKEN)
    server.token = TOKEN
    server.runs = [github_run(1, display_title=f"leak {TOKEN}", name=f"w {TOKEN}")]
    desk = github('token = "${env:CI_TOKEN}"\n')
    good = looked(desk)
    assert (good.why, good.runs[0].title) == ("", "leak ***")
    server.token = "another"
    refused = looked(desk)
    assert refused.why == "answered 401: the token is refused: Bad credentials ***"
    desk.state.close()
    folder = desk.state.path.parent
    files = b"".join(each.read_bytes() for each in folder.iterdir() if each.is_file())
    shown = repr((good, refused)) + caplog.text + "".join(capfd.readouterr())
    assert TOKEN.encode() not in files
    assert TOKEN not in shown


def test_a_token_in_plain_text_is_refused(github: Callable[..., Desk]) -> None:
    with pytest.raises(ConfigError, match=r"\[ci.strategies\] token holds a secret in plain text"):
        github('token = "abc"\n')


def test_a_token_that_cannot_be_found_is_its_sources_failure(github: Callable[..., Desk]) -> None:
    assert "CI_TOKEN" in looked(github('token = "${env:CI_TOKEN}"\n')).why


def test_a_fork_with_a_branch_of_the_same_name_is_another_branch(
    github: Callable[..., Desk], server: CiServer
) -> None:
    fork = github_run(2, "failure", head_repository={"full_name": "else/strategies"})
    server.runs = [fork, github_run(1)]
    assert [run.number for run in looked(github()).runs] == [1]


def test_a_pull_request_of_a_fork_that_was_deleted_is_left_out_as_well(
    github: Callable[..., Desk], server: CiServer
) -> None:
    of_a_fork = github_run(2, "failure", event="pull_request", head_repository=None)
    server.runs = [of_a_fork, github_run(1)]
    assert [run.number for run in looked(github()).runs] == [1]


def test_a_failed_workflow_is_not_forgotten_when_a_busy_one_fills_the_list(
    github: Callable[..., Desk], server: CiServer
) -> None:
    server.runs = [github_run(1, "failure", workflow="nightly")]
    desk = github("runs = 2\n")
    looked(desk)
    server.runs = [github_run(number) for number in (5, 4, 3)] + server.runs
    badges = {badge.workflow: badge.state for badge in looked(desk).badges}
    assert badges == {"nightly": CiState.FAILED, "tests": CiState.PASSED}


def test_two_workflows_of_one_name_are_two_and_neither_hides_the_other(
    github: Callable[..., Desk], server: CiServer
) -> None:
    server.runs = [
        github_run(2, workflow="lint", name="CI"),
        github_run(1, "failure", workflow="tests", name="CI"),
    ]
    found = {each.workflow: each.state for each in looked(github()).badges}
    assert found == {"CI (lint.yml)": CiState.PASSED, "CI (tests.yml)": CiState.FAILED}


def test_a_workflow_that_was_renamed_does_not_stay_failed_under_its_old_name(
    github: Callable[..., Desk], server: CiServer
) -> None:
    server.runs = [github_run(2, name="unit tests"), github_run(1, "failure", name="tests")]
    (badge,) = looked(github()).badges
    assert (badge.workflow, badge.state) == ("unit tests", CiState.PASSED)


def test_dependabots_runs_are_one_workflow_whatever_each_is_called(
    github: Callable[..., Desk], server: CiServer
) -> None:
    path = "dynamic/dependabot/dependabot-updates"
    server.runs = [
        github_run(2, name="pip in / - Update #12", path=path),
        github_run(1, "failure", name="pip in / - Update #11", path=path),
    ]
    (badge,) = looked(github()).badges
    assert badge.state is CiState.PASSED


def test_only_the_named_workflows_are_asked_for(
    github: Callable[..., Desk], server: CiServer
) -> None:
    server.runs = [github_run(2, workflow="lint"), github_run(1, workflow="tests")]
    standing = looked(github('workflows = ["tests.yml"]\n'))
    assert [run.workflow for run in standing.runs] == ["tests"]


def test_what_was_kept_for_another_repository_says_nothing_of_this_one(
    github: Callable[..., Desk], make_desk: MakeDesk, server: CiServer
) -> None:
    server.runs = [github_run(1)]
    looked(github())
    other = make_desk(f'[ci.strategies]\nrepository = "a/b"\nbase_url = "{server.url}"\n')
    (standing,) = ci.standings(other)
    assert (standing.good_at, standing.runs) == (None, ())


def test_gitlab_pipelines_are_read_conditionally_with_the_token_as_a_header(
    gitlab: Callable[..., Desk], server: CiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI_TOKEN", TOKEN)
    server.token = TOKEN
    server.runs = [gitlab_pipeline(3, "running"), gitlab_pipeline(2, "failed")]
    desk = gitlab('token = "${env:CI_TOKEN}"\n')
    standing = looked(desk)
    (badge,) = standing.badges
    assert (badge.state, badge.run.duration_s, badge.workflow) == (CiState.FAILED, 30.0, "pipeline")
    assert badge.under_way is not None
    assert badge.under_way.state is CiState.RUNNING
    assert looked(desk).runs == standing.runs
    assert server.statuses == [200, 304]
    assert server.requests[0][0].startswith("/api/v4/projects/desk%2Fquant%2Fstrategies/pipelines?")


def test_a_gitlab_limit_is_obeyed(gitlab: Callable[..., Desk], server: CiServer) -> None:
    server.limit, server.used = 1, 1
    assert looked(gitlab()).standing is Standing.HELD


def test_a_gitlab_status_that_is_not_known_is_unknown(
    gitlab: Callable[..., Desk], server: CiServer
) -> None:
    server.runs = [gitlab_pipeline(1, "dancing")]
    (badge,) = looked(gitlab()).badges
    assert badge.state is CiState.UNKNOWN


def test_a_run_cannot_steer_the_terminal(github: Callable[..., Desk], server: CiServer) -> None:
    evil = "a\x1b]8;;https://evil\x07b\nc\u202e"
    server.runs = [
        github_run(1, display_title=evil, name=evil, html_url="javascript:alert(1)"),
    ]
    (run,) = looked(github()).runs
    assert all(sign.isprintable() for sign in run.title + run.workflow)
    assert run.link == ""


def test_a_kind_that_does_not_exist_is_named_with_close_ones() -> None:
    with pytest.raises(ConfigError, match="did you mean github"):
        find_system("githb")


def test_an_answer_of_no_documented_shape_names_what_is_wrong(tmp_path: Path) -> None:
    question = CiQuestion(tmp_path, START, 1.0)
    bad = json.loads('{"workflow_runs": [{"id": 1, "status": "queued", "created_at": "soon"}]}')
    with pytest.raises(ShapeError, match="the start of a run is no moment: 'soon'"):
        runs_of(bad, question)


PLUG_IN = """
from datetime import UTC, datetime

from mechexo.flows.ci.systems import CiAnswer
from mechexo.flows.ci.values import CiLook, CiPage, CiRun, CiState


def look(settings, question):
    at = datetime(2026, 3, 2, tzinfo=UTC)
    run = CiRun("1", "own", "main", CiState.FAILED, "x", "x", "", "", "", "", 1, 1, at, at)
    if question.resolve(settings.token) == "breaks":
        raise RuntimeError("sent breaks to the server")
    return CiAnswer(CiLook((CiPage("/", "", (run,)),)))
"""


def plugged_in(folder: Path, monkeypatch: pytest.MonkeyPatch, module: str) -> None:
    """A package with an entry point, as pip leaves it."""
    made = folder / "plugged_ci-1.0.dist-info"
    made.mkdir(parents=True)
    (made / "METADATA").write_text("Metadata-Version: 2.1\nName: plugged-ci\nVersion: 1.0\n")
    (made / "entry_points.txt").write_text("[mechexo.ci_sources]\nown_ci = plugged_ci\n")
    (folder / "plugged_ci.py").write_text(module)
    monkeypatch.syspath_prepend(folder)
    monkeypatch.delitem(sys.modules, "plugged_ci", raising=False)


OWN = '[ci.strategies]\nkind = "own_ci"\nrepository = "x"\ntoken = "${env:CI_TOKEN}"\n'


def test_another_package_can_add_a_kind(
    make_desk: MakeDesk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plugged_in(tmp_path / "site", monkeypatch, PLUG_IN)
    monkeypatch.setenv("CI_TOKEN", "fine")
    (badge,) = looked(make_desk(OWN)).badges
    assert (badge.workflow, badge.state) == ("own", CiState.FAILED)


def test_a_plug_in_that_breaks_is_its_sources_failure_and_shows_no_token(
    make_desk: MakeDesk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plugged_in(tmp_path / "site", monkeypatch, PLUG_IN)
    monkeypatch.setenv("CI_TOKEN", "breaks")
    assert looked(make_desk(OWN)).why == "RuntimeError: sent *** to the server"


def test_a_plug_in_that_cannot_be_loaded_is_named(
    make_desk: MakeDesk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plugged_in(tmp_path / "site", monkeypatch, "import nothing_of_this_name")
    why = looked(make_desk(OWN)).why
    assert why.startswith("the CI system 'own_ci' of plugged-ci cannot be loaded (plugged_ci)")


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("branches = []", "branches is empty: nothing would be looked at"),
        ('base_url = "ci.example.com"', "base_url is no address"),
        ('workflows = [""]', "has a branch or workflow without a name"),
        (f"branches = {[f'b{n}' for n in range(21)]}", "asks for 21 lists of runs at a time"),
    ],
)
def test_a_table_that_makes_no_sense_is_refused(make_desk: MakeDesk, line: str, why: str) -> None:
    with pytest.raises(ConfigError, match=rf"\[ci.strategies\] {why}"):
        make_desk(f'[ci.strategies]\nrepository = "desk/strategies"\n{line}\n')


def test_the_largest_look_there_can_be_fits_into_the_state_file(
    make_desk: MakeDesk, server: CiServer
) -> None:
    branches = [f"b{number}" for number in range(20)]
    server.runs = [
        github_run(
            number % 60,
            branch=branch,
            id=number * 100 + at,
            name="w" * 500 + str(number),
            display_title="é" * 500,
            html_url="https://github.example.com/" + "x" * 270,
        )
        for at, branch in enumerate(branches)
        for number in range(60)
    ]
    desk = make_desk(
        f'[ci.strategies]\nrepository = "d/s"\nbase_url = "{server.url}"\nruns = 200\n'
        f"branches = {branches}\n"
    )
    standing = looked(desk)
    assert (standing.why, len(standing.runs)) == ("", 400)
