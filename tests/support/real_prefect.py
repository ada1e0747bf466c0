"""A real Prefect server with flows, where there is a Python that has Prefect: see
docs/orchestrators.md.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
import urllib.request
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, TypeVar

from mechexo.errors import MechexoError

OWN = Path(__file__).parents[2] / ".venv-prefect" / "bin" / "python"
"""What `scripts/prefect-env` makes."""
PYTHON = os.environ.get("MECHEXO_TEST_PREFECT") or (str(OWN) if OWN.exists() else "")
MISSING = (
    ""
    if PYTHON
    else "no Prefect: make .venv-prefect with scripts/prefect-env, or name a Python "
    "that has it in MECHEXO_TEST_PREFECT"
)
"""Why tests that need one are skipped."""
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
import asyncio
from prefect import flow
from prefect.client.orchestration import get_client

@flow
def idle():
    pass

async def main():
    async with get_client() as client:
        one = await client.create_flow(idle)
        await client.create_deployment(
            one, name="prod", version="1.0.0", parameters={"n": 3}, tags=["good"],
            entrypoint="flows.py:idle", job_variables={"env": {"DESK": "a"}},
        )

asyncio.run(main())
"""
DEPLOYED = frozenset({"good/prod", "bad/prod", "slow/prod", "idle/prod"})
Found = TypeVar("Found")


def wait_for(look: Callable[[], Found | None], what: str) -> Found:
    """What `look` finds, as soon as it finds something."""
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        with suppress(MechexoError):
            if (found := look()) is not None:
                return found
        time.sleep(0.5)
    raise AssertionError(f"never came: {what}")


@dataclass
class RealPrefect:
    """The server's home, address and processes."""

    home: Path
    port: int
    log: IO[str]
    server: subprocess.Popen[bytes] | None = None
    runner: subprocess.Popen[bytes] | None = None
    more: Mapping[str, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """Of its API."""
        return f"http://127.0.0.1:{self.port}/api"

    def start(self) -> None:
        """Starts the server, and waits until it answers."""
        prefect = str(Path(PYTHON).parent / "prefect")
        self.server = self._begin(
            *(prefect, "server", "start", "--host", "127.0.0.1", "--port", str(self.port)),
            "--no-ui",
        )
        wait_for(lambda: _answers(self.port), "the server")

    def stop(self) -> None:
        """Ends the server, and nothing that it keeps."""
        _end(self.server)
        self.server = None

    def freeze(self) -> None:
        """Lets the server take connections and answer none."""
        assert self.server is not None
        os.killpg(self.server.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Lets it answer again."""
        assert self.server is not None
        os.killpg(self.server.pid, signal.SIGCONT)

    def serve_flows(self) -> None:
        """Deploys the flows, and runs those that somebody runs."""
        self.deploy("idle.py", IDLE)
        (self.home / "desk_flows.py").write_text(FLOWS)
        self.runner = self._begin(PYTHON, "desk_flows.py")

    def deploy(self, name: str, source: str) -> None:
        """Runs a script to its end, as the server's user."""
        (self.home / name).write_text(source)
        subprocess.run(
            [PYTHON, name], cwd=self.home, env=self._environment(), check=True, stdout=self.log
        )

    def end(self) -> None:
        """Ends all that was started."""
        for process in (self.runner, self.server):
            _end(process)

    def _begin(self, *words: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            words,
            cwd=self.home,
            env=self._environment(),
            stdout=self.log,
            stderr=self.log,
            start_new_session=True,
        )

    def _environment(self) -> dict[str, str]:
        home = str(self.home)
        return {
            **os.environ,
            **{"PREFECT_HOME": home, "HOME": home, "PREFECT_API_URL": self.url},
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "PREFECT_SERVER_API_AUTH_STRING": f"admin:{PASSWORD}",
            "PREFECT_API_AUTH_STRING": f"admin:{PASSWORD}",
            **self.more,
        }


@contextmanager
def real_prefect(home: Path) -> Iterator[RealPrefect]:
    """A server with flows that are run; ended with all that it started."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with (home / "log").open("w") as log:
        one = RealPrefect(home, port, log)
        try:
            one.start()
            one.serve_flows()
            yield one
        finally:
            one.end()


def prefects_own(prefect: RealPrefect, path: str) -> Any:
    """What Prefect itself says, asked without a line of ours."""
    entry = b64encode(f"admin:{PASSWORD}".encode()).decode()
    request = urllib.request.Request(
        prefect.url + path, headers={"Authorization": f"Basic {entry}"}
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


def _answers(port: int) -> bool | None:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return None


def _end(process: subprocess.Popen[bytes] | None) -> None:
    if process is None:
        return
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGCONT)
        os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
