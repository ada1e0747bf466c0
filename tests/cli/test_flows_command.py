"""`mechexo flows`, as scripts rely on it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable

import pytest
from typer.testing import CliRunner

from mechexo.cli import app
from mechexo.desk import Desk
from mechexo.flows import operations as flows


@pytest.fixture
def busy_desk(make_desk: Callable[..., Desk]) -> Desk:
    desk = make_desk(
        '[flows.bars]\nexpect_every = "1h"\n'
        '[probes.bars]\nkind = "heartbeat"\ncard = "flows"\nexpect_every = "1h"\n'
    )
    # On the real clock, as the command line is.
    desk = Desk.open(desk.config_path)
    flows.execute(desk, "bars", ["true"])
    flows.execute(desk, "weights", ["false"])
    return desk


def run(desk: Desk, *words: str) -> str:
    arguments = ["--config", str(desk.config_path), "flows", *words]
    done = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def test_runs_in_json_have_the_keys_of_the_contract(busy_desk: Desk) -> None:
    document = json.loads(run(busy_desk, "runs", "--json"))
    assert document["schema"] == "mechexo.flows_runs/1"
    newest = document["runs"][0]
    assert {"flow", "started_at", "ended_at", "state", "exit_code", "duration_s"} <= newest.keys()
    assert (newest["flow"], newest["state"], newest["exit_code"]) == ("weights", "failed", 1)
    only = json.loads(run(busy_desk, "runs", "--flow", "bars", "--limit", "1", "--json"))
    assert [each["state"] for each in only["runs"]] == ["completed"]


def test_runs_in_other_forms(busy_desk: Desk) -> None:
    lines = run(busy_desk, "runs", "--csv").splitlines()
    assert lines[0] == "flow,started_at,ended_at,state,exit_code,duration_s"
    assert len(lines) == 3
    text = run(busy_desk, "runs")
    assert "✖ FAILED" in text
    assert "● COMPLETED" in text


def test_list_in_every_form(busy_desk: Desk) -> None:
    document = json.loads(run(busy_desk, "list", "--json"))
    assert [flow["flow"] for flow in document["flows"]] == ["bars", "weights"]
    assert document["flows"][0]["success_pct"] == 100
    assert run(busy_desk, "list", "--csv").startswith("flow,label,days,runs,failed,")
    assert "100.0 %" in run(busy_desk, "list")


def test_a_flow_that_was_never_run_is_listed_as_such(make_desk: Callable[..., Desk]) -> None:
    assert "never ran" in run(make_desk("[flows.bars]\n"), "list")


def test_a_slow_flow_is_called_slow(make_desk: Callable[..., Desk]) -> None:
    desk = Desk.open(make_desk('[flows.bars]\nusual = "0.01s"\n').config_path)
    flows.execute(desk, "bars", ["sleep", "0.05"])
    assert "▲ SLOW" in run(desk, "list")
    assert json.loads(run(desk, "list", "--json"))["flows"][0]["slow"] is True
    assert run(desk, "list", "--csv").splitlines()[1].endswith(",True")


def test_a_ping_is_a_check_in(busy_desk: Desk) -> None:
    run(busy_desk, "ping", "bars")
    run(busy_desk, "ping", "bars", "--fail", "--detail", "no data")


def test_exec_needs_a_command(busy_desk: Desk) -> None:
    words = ["--config", str(busy_desk.config_path), "flows", "exec", "bars"]
    assert CliRunner().invoke(app, words).exit_code == 2


def test_exec_loads_nothing_heavy(busy_desk: Desk) -> None:
    script = (
        "import sys\n"
        "from mechexo.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print(*sys.modules)"
    )
    words = ["--config", str(busy_desk.config_path), "flows", "exec", "bars", "--", "true"]
    # Settings validated by the first run are there for the second.
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-c", script, *words], capture_output=True, text=True, check=True
        )
    loaded = set(done.stdout.split())
    assert not loaded & {"polars", "textual", "apprise", "httpx", "git", "rich", "pydantic"}
