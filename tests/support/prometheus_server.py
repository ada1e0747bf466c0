"""A real Prometheus and a real node exporter on loopback ports, started and ended by a test."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

INSTALLED = all(map(shutil.which, ("prometheus", "prometheus-node-exporter")))
PATIENCE_S = 90.0

CONFIGURATION = """
global: {{scrape_interval: 1s, scrape_timeout: 1s}}
scrape_configs:
  - job_name: node
    static_configs: [{{targets: ['127.0.0.1:{node}']}}]
  - job_name: itself
    static_configs: [{{targets: ['127.0.0.1:{port}']}}]
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Monitored:
    """Both programs; what they store is in `folder`."""

    folder: Path
    port: int = field(default_factory=free_port)
    node_port: int = field(default_factory=free_port)
    _prometheus: subprocess.Popen[bytes] | None = None
    _node: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Starts what does not run, and waits until the server knows of the machine."""
        if self._node is None:
            listen = f"--web.listen-address=127.0.0.1:{self.node_port}"
            self._node = self._run("prometheus-node-exporter", listen)
        if self._prometheus is None:
            file = self.folder / "prometheus.yml"
            file.write_text(CONFIGURATION.format(port=self.port, node=self.node_port))
            self._prometheus = self._run(
                "prometheus",
                f"--config.file={file}",
                f"--storage.tsdb.path={self.folder / 'data'}",
                f"--web.listen-address=127.0.0.1:{self.port}",
            )
        # Scraped more than once: a plot's last moment may lie a second back.
        self.wait_for("count_over_time(node_load1[10s]) > 3")

    def stop_prometheus(self) -> None:
        """Ends the server as systemd would; what it knows stays on the disk."""
        if self._prometheus is not None:
            self._prometheus.terminate()
            self._prometheus.wait(60)
            self._prometheus = None

    def stop_node(self) -> None:
        """Ends the node exporter, as a crash of it would."""
        if self._node is not None:
            self._node.kill()
            self._node.wait(60)
            self._node = None

    def stop(self) -> None:
        """Ends both."""
        self.stop_prometheus()
        self.stop_node()

    def wait_for(self, query: str, holds: Callable[[Any], bool] = bool) -> Any:
        """Waits until the answer to an instant query holds (is not empty), and returns it."""
        ends_at, found = time.monotonic() + PATIENCE_S, None
        while time.monotonic() < ends_at:
            try:
                answer = httpx.get(f"{self.url}/api/v1/query", params={"query": query})
                found = json.loads(answer.text)["data"]["result"]
                if holds(found):
                    return found
            except (httpx.HTTPError, ValueError, KeyError):
                pass  # it is still starting
            time.sleep(0.1)
        raise AssertionError(f"Prometheus still says {found!r} to {query}")

    def _run(self, *command: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
