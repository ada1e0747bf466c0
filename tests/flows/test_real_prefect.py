"""Against a real Prefect server, where there is one to start: see docs/orchestrators.md.

`MECHEXO_TEST_PREFECT` names the Python of a virtual environment that has Prefect.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import pytest

from mechexo.clock import SystemClock
from mechexo.desk import Desk
from mechexo.errors import MechexoError
from mechexo.flows.orchestrators import acting, operations
from mechexo.flows.orchestrators.rules import Trouble
from mechexo.flows.orchestrators.values import Action, Phase

PYTHON = os.environ.get("MECHEXO_TEST_PREFECT", "")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not PYTHON, reason="MECHEXO_TEST_PREFECT names no Python with Prefect"),
]

PATIENCE_S = 180.0
PASSWORD = "canary-of-a-real-one"
FLOWS = """
import time
from prefect import flow, get_run_logger, serve

@flow
def good():
    get_run_logger().info("loaded")

@flow
def bad():
    raise ValueError("no quotes for 2025-01-03")

@flow
def slow():
    time.sleep(3600)

# Each run imports this file again.
if __name__ == "__main__":
    hourly = good.to_deployment("prod", interval=3600)
    serve(hourly, bad.to_deployment("prod"), slow.to_deployment("prod"))
"""
# Nobody runs this one, so that its runs stay late.
IDLE = """
from prefect import flow
from prefect.client.orchestration import get_client
import asyncio

@flow
def idle():
    pass

async def main():
    async with get_client() as client:
        one = await client.create_flow(idle)
        await client.create_deployment(one, name="prod")

asyncio.run(main())
"""
T = TypeVar("T")


def wait_for(look: Callable[[], T | None], what: str) -> T:
    """What `look` finds, as soon as it finds something."""
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        with suppress(MechexoError):
            if (found := look()) is not None:
                return found
        time.sleep(0.5)
    raise AssertionError(f"never came: {what}")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server with flows that are run, and its address; ended with all that it started."""
    home = tmp_path_factory.mktemp("prefect")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}/api"
    environment = {
        **os.environ,
        **{"PREFECT_HOME": str(home), "HOME": str(home), "PREFECT_API_URL": url},
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_API_AUTH_STRING": f"admin:{PASSWORD}",
        "PREFECT_API_AUTH_STRING": f"admin:{PASSWORD}",
    }
    for name, source in (("desk_flows.py", FLOWS), ("idle.py", IDLE)):
        (home / name).write_text(source)
    log = (home / "log").open("w")
    started: list[subprocess.Popen[bytes]] = []

    def start(*words: str) -> None:
        started.append(
            subprocess.Popen(
                words, cwd=home, env=environment, stdout=log, stderr=log, start_new_session=True
            )
        )

    try:
        prefect = str(Path(PYTHON).parent / "prefect")
        start(prefect, "server", "start", "--host", "127.0.0.1", "--port", str(port), "--no-ui")
        wait_for(lambda: _answers(port), "the server")
        subprocess.run([PYTHON, "idle.py"], cwd=home, env=environment, check=True, stdout=log)
        start(PYTHON, "desk_flows.py")
        yield url
    finally:
        for process in reversed(started):
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
        for process in started:
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        log.close()


def _answers(port: int) -> bool | None:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return None


@pytest.fixture
def desk(make_desk: Callable[..., Desk], monkeypatch: pytest.MonkeyPatch, server: str) -> Desk:
    monkeypatch.setenv("PASSWORD", PASSWORD)
    made = make_desk(
        f'[orchestrators.p]\nkind = "prefect"\nurl = "{server}"\nuser = "admin"\n'
        'password = "${env:PASSWORD}"\nlate_after = "1s"\nstuck_after = "1s"\ntimeout = "20s"\n'
    )
    desk = Desk.open(made.config_path, clock=SystemClock(), actor=made.actor)
    wait_for(lambda: _all_deployed(desk), "the deployments")
    return desk


def _all_deployed(desk: Desk) -> bool | None:
    names = {one.deployment.name for one in operations.standing(desk, "p").deployments}
    return names >= {"good/prod", "bad/prod", "slow/prod", "idle/prod"} or None


def do(desk: Desk, action: Action, target: str) -> str:
    return acting.act(desk, acting.propose(desk, "p", action, target)).accepted.run_id


def reaches(desk: Desk, run_id: str, *phases: Phase) -> operations.SourceRun:
    def look() -> operations.SourceRun | None:
        found = {each.run.id: each for each in operations.runs(desk, "p").runs}
        one = found.get(run_id)
        return one if one and one.run.phase in phases else None

    return wait_for(look, f"a run that is {' or '.join(phases)}")


def says(desk: Desk, deployment: str, trouble: Trouble) -> str:
    def look() -> str | None:
        for said in operations.standing(desk, "p").observations:
            if (said.deployment, said.trouble) == (deployment, trouble):
                return said.why
        return None

    return wait_for(look, f"{deployment} {trouble}")


def test_a_run_that_is_begun_ends_well(desk: Desk) -> None:
    run = reaches(desk, do(desk, Action.RUN_NOW, "good/prod"), Phase.COMPLETED).run
    assert run.duration_s is not None

    def logged() -> bool | None:
        # Prefect sends its log in batches, also after the end.
        return "loaded" in [line.text for line in operations.log_tail(desk, "p", run.id)] or None

    assert wait_for(logged, "its log")


def test_a_run_that_fails_says_why_and_can_be_retried(desk: Desk) -> None:
    run_id = do(desk, Action.RUN_NOW, "bad/prod")
    assert "no quotes for 2025-01-03" in reaches(desk, run_id, Phase.FAILED).run.reason
    assert "no quotes" in says(desk, "bad/prod", Trouble.FAILING)
    do(desk, Action.RETRY, run_id)

    def tried_again() -> bool | None:
        [run] = [each.run for each in operations.runs(desk, "p").runs if each.run.id == run_id]
        return True if run.phase is Phase.FAILED and run.retries else None

    assert wait_for(tried_again, "a second try that failed as well")


def test_a_run_that_does_not_end_is_stuck_and_can_be_cancelled(desk: Desk) -> None:
    run_id = do(desk, Action.RUN_NOW, "slow/prod")
    reaches(desk, run_id, Phase.RUNNING)
    assert "what is usual is not known" in says(desk, "slow/prod", Trouble.STUCK)
    do(desk, Action.CANCEL, run_id)
    reaches(desk, run_id, Phase.CANCELLED)


def test_a_run_that_nobody_takes_on_is_late_and_is_cancelled_at_once(desk: Desk) -> None:
    run_id = do(desk, Action.RUN_NOW, "idle/prod")
    assert "late" in says(desk, "idle/prod", Trouble.LATE)
    do(desk, Action.CANCEL, run_id)
    reaches(desk, run_id, Phase.CANCELLED)


def test_a_schedule_can_be_paused_and_resumed(desk: Desk) -> None:
    def good() -> operations.DeploymentStanding:
        found = operations.standing(desk, "p").deployments
        return next(one for one in found if one.deployment.name == "good/prod")

    do(desk, Action.PAUSE, "good/prod")
    assert good().deployment.paused
    do(desk, Action.RESUME, "good/prod")
    assert not good().deployment.paused
    assert wait_for(lambda: good().deployment.next_run_at, "a planned run")
