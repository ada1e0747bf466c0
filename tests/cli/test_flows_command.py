"""`mechexo flows`, as scripts rely on it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta

import pytest
from typer.testing import CliRunner

from mechexo.cli import app
from mechexo.clock import SystemClock
from mechexo.desk import Desk
from mechexo.flows import operations as flows
from mechexo.flows import records
from mechexo.flows.values import FlowRun, RunState
from mechexo.health.records import check_ins
from mechexo.processes import this_process
from support.program import mechexo, one_line

pytestmark = pytest.mark.slow


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


def store_run(desk: Desk, flow: str, *, took_s: float) -> None:
    """A run on record that ended well and took so long, however fast this machine is."""
    ended_at = desk.clock.now()
    started_at = ended_at - timedelta(seconds=took_s)
    stored = FlowRun(0, flow, RunState.COMPLETED, started_at, ended_at, took_s, 0, "")
    with desk.state.write() as transaction:
        records.insert(transaction, stored, this_process())


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
    assert lines[0] == "flow,started_at,ended_at,state,exit_code,duration_s,last_line"
    assert len(lines) == 3
    text = run(busy_desk, "runs")
    assert "✖ FAILED" in text
    assert "● COMPLETED" in text


@pytest.mark.parametrize(
    ("name", "said"),
    [
        (
            "data_pipelnie",
            "mechexo: nothing expects a job data_pipelnie; did you mean data_pipeline?\n",
        ),
        ("data_pipeline", ""),
        ("fx_import", ""),
        ("backup", ""),
    ],
)
def test_a_job_whose_name_is_likely_a_slip_is_remarked_on_and_runs_as_it_would_alone(
    make_desk: Callable[..., Desk], name: str, said: str
) -> None:
    beat = 'kind = "heartbeat"\nevery_expected = "1h"\njob = "fx_import"\n'
    desk = make_desk(f"[flows.data_pipeline]\n[flows.fx_imports]\n[probes.fx]\n{beat}")
    job = ["sh", "-c", "echo out; echo err >&2; exit 7"]
    done = mechexo("flows", "exec", name, "--", *job, config=desk.config_path)
    assert (done.returncode, done.stdout, done.stderr) == (7, "out\n", f"err\n{said}")


def test_runs_show_the_last_line_of_what_a_failed_one_said(desk: Desk) -> None:
    flows.execute(desk, "bars", ["sh", "-c", "echo reading; echo no quotes; exit 1"])
    flows.execute(desk, "weights", ["sh", "-c", "echo all is well"])
    text = run(desk, "runs")
    assert "no quotes" in text
    assert "reading" not in text
    assert "all is well" not in text
    (_, failed) = json.loads(run(desk, "runs", "--json"))["runs"]
    assert failed["last_line"] == "no quotes"
    assert run(desk, "runs", "--flow", "bars", "--csv").splitlines()[1].endswith(",no quotes")


def test_list_in_every_form(busy_desk: Desk) -> None:
    document = json.loads(run(busy_desk, "list", "--json"))
    assert [flow["flow"] for flow in document["flows"]] == ["bars", "weights"]
    assert document["flows"][0]["success_pct"] == 100
    assert run(busy_desk, "list", "--csv").startswith("flow,label,days,runs,failed,")
    assert "100.0 %" in run(busy_desk, "list")


def test_a_flow_that_was_never_run_is_listed_as_such(make_desk: Callable[..., Desk]) -> None:
    assert "never ran" in run(make_desk("[flows.bars]\n"), "list")


def test_a_slow_flow_is_called_slow(make_desk: Callable[..., Desk]) -> None:
    made = make_desk('[flows.bars]\nusual = "10s"\n[flows.weights]\nusual = "10s"\n')
    # On the real clock, as the command line is.
    desk = Desk.open(made.config_path)
    store_run(desk, "bars", took_s=10.001)
    store_run(desk, "weights", took_s=10.0)
    slow, usual = (line for line in run(desk, "list").splitlines() if "COMPLETED" in line)
    assert slow.split()[0] == "bars"
    assert "▲ SLOW" in slow
    assert "SLOW" not in usual
    found = json.loads(run(desk, "list", "--json"))["flows"]
    assert [flow["slow"] for flow in found] == [True, False]
    _, first, second = run(desk, "list", "--csv").splitlines()
    assert first.endswith(",True")
    assert second.endswith(",False")


def test_a_ping_is_a_check_in(busy_desk: Desk) -> None:
    began_at = SystemClock().now()
    run(busy_desk, "ping", "bars")
    well = check_ins(busy_desk.state)["bars"]
    assert (well.ok, well.detail) == (True, "")
    assert began_at <= well.at <= SystemClock().now()
    run(busy_desk, "ping", "bars", "--fail", "--detail", "no data")
    failed = check_ins(busy_desk.state)["bars"]
    assert (failed.ok, failed.detail) == (False, "no data")
    assert failed.at > well.at


@pytest.mark.parametrize(
    ("job", "hint"),
    [("bar", "did you mean bars?"), ("import-fx", "did you mean fx_import?"), ("?", "known: bars")],
)
def test_a_ping_that_nothing_expects_is_on_record_and_said_with_close_names(
    make_desk: Callable[..., Desk], job: str, hint: str
) -> None:
    heartbeat = 'kind = "heartbeat"\nevery_expected = "1h"\n'
    desk = make_desk(f'[flows.bars]\n[probes.fx]\n{heartbeat}job = "fx_import"\n')
    done = mechexo("flows", "ping", job, "--fail", config=desk.config_path)
    assert (done.returncode, done.stdout) == (1, "")
    one_line(done, f"no flow of {desk.config_path} expects the job {job}; {hint}")
    assert not check_ins(desk.state)[job].ok
    assert [(e.action, e.target) for e in desk.audit_entries()] == [("flows.ping", job)]


def test_a_ping_where_nothing_is_expected_says_what_would_expect_it(desk: Desk) -> None:
    done = mechexo("flows", "ping", "bars", config=desk.config_path)
    assert done.returncode == 1
    one_line(done, "give it a probe of the kind heartbeat")


@pytest.mark.parametrize("job", ["bars", "fx_import", "backup", " backup "])
def test_a_ping_of_a_job_that_a_flow_or_a_heartbeat_probe_knows_is_silent(
    make_desk: Callable[..., Desk], job: str
) -> None:
    heartbeat = 'kind = "heartbeat"\nevery_expected = "1h"\n'
    desk = make_desk(
        f'[flows.bars]\n[probes.fx]\n{heartbeat}job = "fx_import"\n[probes.backup]\n{heartbeat}'
    )
    done = mechexo("flows", "ping", job, config=desk.config_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_name_of_a_probe_that_watches_another_job_is_not_expected(
    make_desk: Callable[..., Desk],
) -> None:
    desk = make_desk(
        '[probes.fx]\nkind = "heartbeat"\nevery_expected = "1h"\njob = "fx_import"\n'
        '[probes.web]\nkind = "tcp"\nhost = "127.0.0.1"\nport = 1\n'
    )
    for probe in ("fx", "web"):
        assert mechexo("flows", "ping", probe, config=desk.config_path).returncode == 1


def test_exec_needs_a_command(busy_desk: Desk) -> None:
    words = ["--config", str(busy_desk.config_path), "flows", "exec", "bars"]
    assert CliRunner().invoke(app, words).exit_code == 2


@pytest.mark.parametrize("words", [("sh", "-c", "true"), ("bars.py", "--fast")])
def test_exec_without_dashes_says_where_they_belong(
    busy_desk: Desk, words: tuple[str, ...]
) -> None:
    begin = ["--config", str(busy_desk.config_path), "flows", "exec", "bars"]
    done = CliRunner().invoke(app, [*begin, *words])
    assert done.exit_code == 2
    assert f"{words[1]} is no option of exec; put -- before the command" in done.output


def test_exec_does_not_speak_of_dashes_to_one_who_set_them(busy_desk: Desk) -> None:
    words = ["--config", str(busy_desk.config_path), "flows", "exec", "bars", "--bogus", "--", "x"]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 2
    assert "No such option: --bogus" in done.output


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


@pytest.mark.parametrize("before", [(), ("--no-color",)])
def test_exec_takes_its_options_by_either_way_of_reading_them(
    desk: Desk, before: tuple[str, ...]
) -> None:
    # With an option before it, it is Typer that reads the words.
    options = ("--lock", "--lock-wait", "1s", "--expect-every", "1d", "--grace", "15m")
    done = mechexo(
        *(*before, "flows", "exec", "bars", *options, "--timeout", "1m", "--"),
        *("sh", "-c", "echo ran; exit 3"),
        config=desk.config_path,
    )
    assert (done.returncode, done.stdout, done.stderr) == (3, "ran\n", "")
    [expected] = records.expectations(desk.state).values()
    assert (expected.expect_every, expected.grace) == (timedelta(days=1), timedelta(minutes=15))


@pytest.mark.parametrize("before", [(), ("--no-color",)])
@pytest.mark.parametrize(
    ("options", "word"),
    [
        (("--timeout", "soon"), "'soon' is not a duration"),
        (("--grace", "5m"), "--grace says how much later"),
        (("--lock-wait", "5m"), "add --lock"),
        (("--expect-every", "0s"), "is no time at all"),
    ],
)
def test_exec_refuses_options_that_say_nothing_and_runs_nothing(
    desk: Desk, before: tuple[str, ...], options: tuple[str, ...], word: str
) -> None:
    done = mechexo(
        *(*before, "flows", "exec", "bars", *options, "--", "echo", "ran"), config=desk.config_path
    )
    assert (done.returncode, done.stdout) == (2, "")
    one_line(done, word)


def test_a_skipped_run_is_listed_as_such(desk: Desk) -> None:
    with desk.state.write() as transaction:
        records.skip(transaction, "bars", desk.clock.now(), "another run holds its lock")
    assert "○ SKIPPED" in run(desk, "runs")
    document = json.loads(run(desk, "runs", "--json"))
    [newest] = document["runs"]
    assert (newest["state"], newest["exit_code"], newest["last_line"]) == (
        "skipped",
        None,
        "another run holds its lock",
    )


def test_a_flow_is_forgotten_by_its_name(desk: Desk) -> None:
    mechexo("flows", "exec", "bars", "--expect-every", "36h", "--", "true", config=desk.config_path)
    assert "bars is no longer expected every 1d12h" in run(desk, "forget", "bars")
    done = mechexo("flows", "forget", "bars", config=desk.config_path)
    assert done.returncode == 2
    one_line(done, "no job bars ever said how often it is due")
    assert "none is known" in done.stderr
