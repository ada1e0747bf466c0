"""A real Prometheus sees a target go and come; a real Alertmanager tells us of both."""

from __future__ import annotations

import shutil
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from mechexo.actor import current_actor
from mechexo.alerts import operations as alerts
from mechexo.alerts.values import Alert, AlertState
from mechexo.clock import SystemClock
from mechexo.desk import Desk
from support.serving import Server, token, until

PROGRAMS = ("prometheus", "prometheus-alertmanager")
MISSING = [name for name in PROGRAMS if shutil.which(name) is None]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)}"),
]

PROMETHEUS = """
global: {{scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}}
rule_files: [rules.yml]
alerting:
  alertmanagers: [{{static_configs: [{{targets: ['127.0.0.1:{alertmanager}']}}]}}]
scrape_configs:
  - job_name: gateway
    static_configs: [{{targets: ['127.0.0.1:{target}']}}]
"""
RULES = """
groups:
  - name: desk
    rules:
      - alert: TargetDown
        expr: up == 0
        labels: {severity: critical}
        annotations:
          summary: '{{ $labels.job }} on {{ $labels.instance }} is down'
          runbook: gateway-down
"""
ALERTMANAGER = """
route: {{receiver: mechexo, group_by: [alertname], group_wait: 1s, group_interval: 1s,
         repeat_interval: 1h}}
receivers:
  - name: mechexo
    webhook_configs:
      - url: {address}/hooks/alertmanager
        send_resolved: true
        http_config: {{authorization: {{credentials: {token}}}}}
"""
PAGES = '[channels.box]\nurl="file://box.jsonl"\n[quiet_hours]\nenabled = false\n'


class _Metrics(BaseHTTPRequestHandler):
    """A gateway with one metric."""

    def do_GET(self) -> None:
        body = b"orders_total 3\n"
        self.send_response(200)
        self.send_header("content-type", "text/plain; version=0.0.4")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *words: object) -> None:
        """Says nothing."""


@contextmanager
def gateway(port: int) -> Iterator[None]:
    server = ThreadingHTTPServer(("127.0.0.1", port), _Metrics)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def program(folder: Path, *words: str) -> Iterator[None]:
    with (folder / f"{words[0]}.log").open("w") as log:
        process = subprocess.Popen(words, cwd=folder, stdout=log, stderr=log)
        try:
            yield
        finally:
            process.terminate()
            process.wait(30)


def free_ports(number: int) -> list[int]:
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(number)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def test_a_target_that_goes_and_comes_is_an_alert_that_opens_pages_and_resolves(
    make_desk: Callable[..., Desk], tmp_path: Path
) -> None:
    path = make_desk(PAGES).config_path
    desk = Desk.open(path, clock=SystemClock(), actor=current_actor())
    shown = token(desk, "alerts", name="alertmanager")
    folder = tmp_path / "monitoring"
    folder.mkdir()
    target, alertmanager, prometheus = free_ports(3)

    def found() -> Alert | None:
        every = alerts.list_alerts(desk, states=tuple(AlertState))
        return next((each for each in every if each.name == "TargetDown"), None)

    with ExitStack() as running:
        server = running.enter_context(Server(desk.config_path))
        told = ALERTMANAGER.format(address=server.address, token=shown)
        (folder / "alertmanager.yml").write_text(told)
        (folder / "rules.yml").write_text(RULES)
        told = PROMETHEUS.format(alertmanager=alertmanager, target=target)
        (folder / "prometheus.yml").write_text(told)
        running.enter_context(
            program(
                folder,
                "prometheus-alertmanager",
                "--config.file=alertmanager.yml",
                "--storage.path=silences",
                f"--web.listen-address=127.0.0.1:{alertmanager}",
                "--cluster.listen-address=",
            )
        )
        running.enter_context(
            program(
                folder,
                "prometheus",
                "--config.file=prometheus.yml",
                "--storage.tsdb.path=data",
                f"--web.listen-address=127.0.0.1:{prometheus}",
            )
        )
        fired = until(found, "the alert", 120)
        assert (fired.state, fired.severity) == (AlertState.FIRING, "critical")
        assert fired.summary == f"gateway on 127.0.0.1:{target} is down"
        assert fired.runbook == "gateway-down"
        assert fired.key.startswith("alertmanager/")
        assert fired.labels["told_by"] == "token:alertmanager"
        box = desk.root / "box.jsonl"
        until(lambda: box.exists() and "TargetDown" in box.read_text(), "the page")
        running.enter_context(gateway(target))
        over = until(lambda: (a := found()) and not a.is_open and a, "the resolution", 120)
    assert over.id == fired.id
    said = [event.detail for event in alerts.timeline(desk, over.id) if event.kind == "resolved"]
    assert said[0].startswith("resolved by Alertmanager at ")


def test_a_message_that_comes_too_early_is_sent_again_and_not_lost(
    make_desk: Callable[..., Desk], tmp_path: Path
) -> None:
    """Alertmanager drops what is answered 429: it has to hear 503."""
    limited = "[server]\nper_minute = 12\n"
    path = make_desk(limited).config_path
    desk = Desk.open(path, clock=SystemClock(), actor=current_actor())
    shown = token(desk, "alerts", "read", name="alertmanager")
    (port,) = free_ports(1)
    with ExitStack() as running:
        server = running.enter_context(Server(desk.config_path))
        told = ALERTMANAGER.format(address=server.address, token=shown)
        (tmp_path / "alertmanager.yml").write_text(told)
        running.enter_context(
            program(
                tmp_path,
                "prometheus-alertmanager",
                "--config.file=alertmanager.yml",
                "--storage.path=silences",
                f"--web.listen-address=127.0.0.1:{port}",
                "--cluster.listen-address=",
            )
        )
        address = f"http://127.0.0.1:{port}/api/v2/alerts"
        with server.client(shown) as client:
            while client.get("/api/v1/alerts").status_code == 200:
                pass  # until the token has used up what it may
        told_it = until(lambda: _told(address), "Alertmanager")
        assert told_it
        said = "mechexo_http_requests_total"
        refused = f'{said}{{code="503",route="/hooks/alertmanager"}}'
        with server.client() as client:
            until(lambda: refused in client.get("/metrics").text, "a refused message")
        until(lambda: alerts.list_alerts(desk), "the alert")


def _told(address: str) -> bool:
    try:
        return httpx.post(address, json=[{"labels": {"alertname": "Late"}}]).status_code == 200
    except httpx.HTTPError:
        return False
