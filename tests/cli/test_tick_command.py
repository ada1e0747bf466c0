"""`mechexo tick` as cron runs it."""

from __future__ import annotations

import fcntl
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from mechexo import tick_log
from mechexo.desk import Desk
from support.program import command, document, environment, mechexo, one_line

pytestmark = pytest.mark.slow


def test_it_says_what_it_did_in_one_line(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk('[probes.m]\nkind="host"\nmetric="memory_pct"\n')
    done = mechexo("tick", config=desk.config_path)
    assert done.returncode == 0
    assert done.stdout.startswith("ops_ok: 1 probe, 0 alerts changed, 0 messages, ")
    assert done.stdout.count("\n") == 1
    assert done.stderr == ""


def test_it_gives_a_document(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk('[probes.m]\nkind="host"\nmetric="memory_pct"\n')
    found = document(mechexo("tick", "--json", config=desk.config_path))
    assert found["schema"] == "mechexo.tick/1"
    assert found["ops_ok"] is True
    assert [probe["name"] for probe in found["probes"]] == ["m"]
    names = [stage["name"] for stage in found["stages"]]
    # Beside the others: it is told when it ends.
    names.remove("resources")
    assert names == [
        *("probes", "flows", "uptime", "calls", "alerts", "deliveries", "history", "record")
    ]


def test_a_desk_that_is_not_well_is_no_failure_of_the_tick(
    make_desk: Callable[..., Desk],
) -> None:
    desk = make_desk(
        '[probes.m]\nkind="host"\nmetric="memory_pct"\nseverity="critical"\nfail_after=1\n'
        "critical_above=-1\n"
    )
    done = mechexo("tick", config=desk.config_path)
    assert done.returncode == 0
    assert done.stdout.startswith("not ops_ok: 1 probe, 1 alert changed")


def test_overlapping_ticks_exclude_each_other(desk: Desk) -> None:
    with Path(f"{desk.state.path}.tick").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = mechexo("tick", config=desk.config_path)
    assert done.returncode == 4
    one_line(done, "another tick is running")


def test_a_part_that_fails_is_one_line_and_exit_1(desk: Desk) -> None:
    with desk.state.write() as writing:
        writing.execute("DROP TABLE health_check_in")
    done = mechexo("tick", config=desk.config_path)
    assert done.returncode == 1
    one_line(done, "could not do its probes", "no such table: health_check_in")


def test_a_probe_that_does_not_fit_is_unknown_in_the_status_after(
    make_desk: Callable[..., Desk],
) -> None:
    desk = make_desk('[probes.m]\nkind="host"\nmetric="memory"\nseverity="critical"\n')
    assert mechexo("tick", config=desk.config_path).returncode == 0
    done = mechexo("status", config=desk.config_path)
    assert done.returncode == 1
    assert "m (system) is unknown: [probes.m] metric = 'memory': expected" in done.stdout


@pytest.fixture
def silent_server() -> socket.socket:
    """Takes connections and never answers."""
    server = socket.create_server(("127.0.0.1", 0), backlog=16)
    yield server
    server.close()


def hanging(make_desk: Callable[..., Desk], server: socket.socket) -> Desk:
    """A desk whose probe waits for longer than a tick may take, with a channel that does too."""
    port = server.getsockname()[1]
    return make_desk(
        f'[probes.slow]\nkind="http"\nurl="http://127.0.0.1:{port}/"\ntimeout="5s"\n'
        'severity="critical"\nfail_after=1\n'
        '[probes.m]\nkind="host"\nmetric="memory_pct"\nseverity="critical"\nfail_after=1\n'
        "critical_above=-1\n"
        f'[channels.slow]\nurl="json://127.0.0.1:{port}/"\ntimeout="10s"\n'
    )


@pytest.mark.slow
def test_it_ends_within_12_s_when_a_probe_and_a_channel_hang(
    make_desk: Callable[..., Desk], silent_server: socket.socket
) -> None:
    desk = hanging(make_desk, silent_server)
    done = mechexo("tick", "--json", config=desk.config_path, timeout_s=12.0)
    found = document(done)
    assert found["stages"][-1]["name"] == "record"
    assert {probe["name"]: probe["status"] for probe in found["probes"]}["m"] == "critical"
    assert tick_log.last(desk.state) is not None


@pytest.mark.slow
def test_an_interrupt_is_one_line_exit_130_and_nothing_half_written(
    make_desk: Callable[..., Desk], silent_server: socket.socket
) -> None:
    desk = hanging(make_desk, silent_server)
    with subprocess.Popen(
        command("tick", config=desk.config_path),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
    ) as running:
        # The probe's connection says that the tick is under way.
        silent_server.settimeout(30)
        connection, _ = silent_server.accept()
        began = time.monotonic()
        running.send_signal(signal.SIGINT)
        out, err = running.communicate(timeout=10)
        connection.close()
    assert time.monotonic() - began < 3
    assert running.returncode == 130
    assert out == ""
    assert err.count("\n") == 1
    assert "interrupted" in err
    assert tick_log.last(desk.state) is None
    assert desk.verify_audit().problems == ()
    desk.config_path.write_text('[desk]\nname = "test"\n')
    assert mechexo("tick", config=desk.config_path).returncode == 0


@pytest.mark.slow
def test_a_tick_that_is_killed_leaves_the_next_one_free(
    make_desk: Callable[..., Desk], silent_server: socket.socket
) -> None:
    desk = hanging(make_desk, silent_server)
    with subprocess.Popen(
        command("tick", config=desk.config_path), stdout=subprocess.PIPE, env=environment()
    ) as running:
        silent_server.settimeout(30)
        connection, _ = silent_server.accept()
        running.kill()
        running.communicate(timeout=10)
        connection.close()
    desk.config_path.write_text('[desk]\nname = "test"\n')
    assert mechexo("tick", config=desk.config_path).returncode == 0


def test_a_tick_that_nothing_else_can_end_is_ended_by_force() -> None:
    program = (
        "import time; from mechexo.cli import tick\ntick._end_by_force_after(0.2)\ntime.sleep(60)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=30
    )
    assert done.returncode == 5
    one_line(done, "did not end within")
