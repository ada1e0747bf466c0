"""`mechexo ci`, as scripts rely on it; the server is a stub of documented shapes."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from conftest import MakeDesk
from mechexo.desk import Desk
from support.ci_server import TOKEN, CiServer, ci_server, github_run
from support.program import environment, mechexo

pytestmark = pytest.mark.slow


@pytest.fixture
def server() -> Iterator[CiServer]:
    with ci_server() as each:
        yield each


@pytest.fixture
def configured(make_desk: MakeDesk, server: CiServer, monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setenv("CI_TOKEN", TOKEN)
    server.token = TOKEN
    at = f"{datetime.now(UTC) - timedelta(minutes=5):%Y-%m-%dT%H:%M:%SZ}"
    server.runs = [
        github_run(2, None, status="in_progress", run_started_at=at),
        github_run(1, "failure"),
    ]
    return make_desk(
        f'[ci.strategies]\nrepository = "desk/strategies"\nbase_url = "{server.url}"\n'
        'token = "${env:CI_TOKEN}"\n'
    )


def test_list_tells_a_person_the_badge_what_runs_now_and_how_it_is(configured: Desk) -> None:
    told = mechexo("ci", "list", "--refresh", config=configured.config_path)
    assert told.returncode == 0, told.stderr
    assert "✖ FAILED" in told.stdout
    assert "… RUNNING" in told.stdout
    assert "✖ CRITICAL  strategies (desk/strategies): tests failed on main" in told.stdout
    link = "  https://github.example.com/desk/strategies/actions/runs/1"
    assert link in told.stdout.splitlines()
    assert TOKEN not in told.stdout + told.stderr


def test_list_without_refresh_asks_nobody(configured: Desk, server: CiServer) -> None:
    told = mechexo("ci", "list", config=configured.config_path)
    assert "? UNKNOWN  strategies (desk/strategies): not asked yet" in told.stdout
    assert server.requests == []


def test_list_gives_scripts_one_document(configured: Desk) -> None:
    told = mechexo("ci", "list", "--refresh", "--json", config=configured.config_path)
    document = json.loads(told.stdout)
    assert document["schema"] == "mechexo.ci/1"
    (found,) = document["repositories"]
    assert (found["status"], found["error"]) == ("critical", "")
    assert found["breaker"] == {"standing": "closed", "until": None, "failures": 0}
    assert found["observed_at"] is not None
    assert [run["state"] for run in found["runs"]] == ["running", "failed"]
    (badge,) = found["badges"]
    assert (badge["state"], badge["run"]["commit"]) == ("failed", f"{1:040x}")


def test_a_server_that_is_down_is_said_with_the_last_that_was_known(
    configured: Desk, server: CiServer
) -> None:
    mechexo("ci", "list", "--refresh", config=configured.config_path)
    server.fault = (503, {}, b"")
    told = mechexo("ci", "list", "--refresh", config=configured.config_path)
    assert "✖ FAILED (as last told)" in told.stdout
    doubt = "? UNKNOWN  strategies (desk/strategies): answered 503; known "
    assert doubt in told.stdout
    assert told.returncode == 5
    runs = mechexo("ci", "runs", config=configured.config_path)
    assert doubt in runs.stdout
    document = json.loads(mechexo("ci", "runs", "--json", config=configured.config_path).stdout)
    (found,) = document["repositories"]
    assert (found["status"], found["error"]) == ("unknown", "answered 503")


def test_the_group_alone_lists_as_the_command_line_promises(configured: Desk) -> None:
    told = mechexo("ci", "--refresh", "--json", config=configured.config_path)
    assert told.returncode == 0, told.stderr
    assert json.loads(told.stdout)["schema"] == "mechexo.ci/1"
    assert "✖ FAILED" in mechexo("ci", config=configured.config_path).stdout
    misplaced = mechexo("ci", "--json", "runs", config=configured.config_path)
    assert misplaced.returncode == 2
    assert "ci runs --" in misplaced.stderr


def test_list_gives_csv_with_a_row_for_each_badge(configured: Desk) -> None:
    told = mechexo("ci", "list", "--refresh", "--csv", config=configured.config_path)
    header, row = told.stdout.splitlines()
    assert header.startswith("name,repository,branch,workflow,state,under_way,status")
    assert row.startswith("strategies,desk/strategies,main,tests,failed,running,completed,failure")


def test_runs_lists_the_newest_first_also_as_json_and_csv(configured: Desk) -> None:
    mechexo("ci", "list", "--refresh", config=configured.config_path)
    path = configured.config_path
    document = json.loads(mechexo("ci", "runs", "--json", config=path).stdout)
    assert [run["number"] for run in document["runs"]] == [2, 1]
    assert document["runs"][1]["duration_s"] == 114.0
    header, *rows = mechexo("ci", "runs", "strategies", "--csv", config=path).stdout.splitlines()
    assert header.startswith("name,repository,branch,workflow,number")
    assert len(rows) == 2
    assert "… RUNNING" in mechexo("ci", "runs", config=path).stdout


def test_runs_of_what_is_not_configured_names_what_is(configured: Desk) -> None:
    told = mechexo("ci", "runs", "strategy", config=configured.config_path)
    assert told.returncode == 2
    assert "there is no [ci.strategy]; did you mean strategies?" in told.stderr


def test_a_desk_without_ci_says_so(make_desk: MakeDesk) -> None:
    told = mechexo("ci", "list", config=make_desk().config_path)
    assert told.stdout == "CI: no repository is configured\n"


def test_reading_and_the_status_import_no_httpx(configured: Desk) -> None:
    mechexo("ci", "list", "--refresh", config=configured.config_path)
    for words in (["ci", "list"], ["status"]):
        argv = ["mechexo", "--config", str(configured.config_path), *words]
        script = (
            f"import sys; sys.argv = {argv!r}\n"
            "from mechexo.entry import main\n"
            "try:\n    main()\nexcept SystemExit:\n    pass\n"
            "print({'httpx', 'textual', 'polars', 'apprise', 'pydantic'} & set(sys.modules))"
        )
        told = subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, env=environment()
        )
        assert told.stdout.splitlines()[-1] == "set()", told.stdout + told.stderr
