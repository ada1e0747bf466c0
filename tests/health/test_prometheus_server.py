"""The `prometheus` kind against a real Prometheus that scrapes itself and a closed port."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from mechexo.health.values import Outcome, Status

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("prometheus") is None, reason="prometheus is not installed"),
]
Look = Callable[..., Outcome]

CONFIGURATION = """
global: {{scrape_interval: 1s, scrape_timeout: 1s}}
scrape_configs:
  - job_name: itself
    static_configs: [{{targets: ['127.0.0.1:{port}']}}]
  - job_name: gateway
    static_configs: [{{targets: ['127.0.0.1:1']}}]
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server that has scraped both of its targets."""
    folder: Path = tmp_path_factory.mktemp("prometheus")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    (folder / "prometheus.yml").write_text(CONFIGURATION.format(port=port))
    process = subprocess.Popen(
        [
            "prometheus",
            f"--config.file={folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(300):
            try:
                found = httpx.get(f"{address}/api/v1/query", params={"query": "up"}).json()
                if len(found["data"]["result"]) == 2:
                    break
            except (httpx.HTTPError, ValueError):
                pass  # it is still starting
            time.sleep(0.1)
        yield address
    finally:
        process.terminate()
        process.wait(10)


def test_a_target_that_is_down_is_critical_and_named(look_with: Look, server: str) -> None:
    outcome = look_with("prometheus", url=server, query="up", critical_below=1)
    assert (outcome.status, outcome.value) == (Status.CRITICAL, 0.0)
    assert 'job="gateway"' in outcome.detail


def test_a_target_that_is_up_is_ok(look_with: Look, server: str) -> None:
    outcome = look_with("prometheus", url=server, query='up{job="itself"}', critical_below=1)
    assert (outcome.status, outcome.value) == (Status.OK, 1.0)


def test_a_scalar_is_judged(look_with: Look, server: str) -> None:
    outcome = look_with("prometheus", url=server, query="scalar(vector(3))", warn_above=2)
    assert (outcome.status, outcome.value) == (Status.WARNING, 3.0)


@pytest.mark.parametrize(
    ("query", "said"),
    [("nothing_like_this", "no series"), ("up{", "400"), ("0 / 0", "is not a number")],
)
def test_no_number_is_unknown(look_with: Look, server: str, query: str, said: str) -> None:
    outcome = look_with("prometheus", url=server, query=query, critical_below=1)
    assert outcome.status is Status.UNKNOWN
    assert said in outcome.detail
