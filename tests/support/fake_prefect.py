"""A server on loopback that behaves like Prefect's API, seeded with real answers of one.

It keeps state: runs that are created, retried or cancelled and deployments that are paused are
answered so from then on. `failing` maps the end of a path to a way of failing.
"""

from __future__ import annotations

import base64
import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from copy import deepcopy
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from uuid import uuid4

SEED = Path(__file__).parents[1] / "data" / "prefect"
USER, PASSWORD = "admin", "canary-p4ss/with:signs"
TERMINAL = {"COMPLETED", "FAILED", "CANCELLED", "CRASHED"}
HANG_S = 30.0
CAPTURED = datetime(2026, 11, 23, 11, 49, 40, tzinfo=UTC)
"""When the answers were captured."""
MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?Z")


def seed(name: str) -> Any:
    """One of the captured answers."""
    return json.loads((SEED / f"{name}.json").read_text())


class FakePrefect:
    """The state of the server, and what was asked of it."""

    def __init__(self, *, token: str = "", open_: bool = False) -> None:
        self.deployments: list[dict[str, Any]] = seed("deployments_filter")
        self.flows: list[dict[str, Any]] = seed("flows_filter")
        self.runs: list[dict[str, Any]] = seed("flow_runs")
        self.logs: list[dict[str, Any]] = seed("logs_filter")
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.failing: dict[str, str] = {}
        self.failing_methods: dict[str, str] = {}
        self.busy_for = 0
        """So many requests are answered with 503, as the real server does while it is busy."""
        self.version = "3.8.8"
        self.ignores: set[str] = set()
        """Fields of a deployment that a PATCH leaves as they are."""
        self.does_before_failing = False
        self.ended = threading.Event()
        pair = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        self.entry = "" if open_ else f"Bearer {token}" if token else f"Basic {pair}"
        self.url = ""
        self.leave: Callable[[], None] = lambda: None
        """Ends the server; its port refuses from then on."""

    def asked_for(self, end: str) -> list[dict[str, Any]]:
        """The bodies of the requests whose path ends so."""
        return [body for path, body in self.asked if path.endswith(end)]

    def run(self, run_id: str) -> dict[str, Any]:
        return next(run for run in self.runs if run["id"] == run_id)

    def move_to_now(self) -> None:
        """Moves every moment of the answers as if they were captured now."""
        by = datetime.now(UTC) - CAPTURED
        for rows in (self.deployments, self.runs, self.logs):
            for row in rows:
                for key, value in row.items():
                    if isinstance(value, str) and MOMENT.fullmatch(value):
                        row[key] = (moment(value) + by).isoformat().replace("+00:00", "Z")

    def many_runs(self, number: int) -> None:
        """Makes the server's runs so many, all ended well, a second apart."""
        model = next(run for run in self.runs if run["state_type"] == "COMPLETED")
        self.runs = []
        for at in range(number):
            due = f"2026-11-23T{at // 3600:02}:{at // 60 % 60:02}:{at % 60:02}Z"
            fresh = {"id": str(uuid4()), "expected_start_time": due, "start_time": due}
            self.runs.append({**deepcopy(model), **fresh})

    def answer(self, method: str, path: str, body: dict[str, Any]) -> tuple[int, Any]:
        """Status and body, as the real server answers."""
        steps = path.removeprefix("/api/").split("/")
        if body.get("limit", 0) > 200:
            return 422, seed("flow_runs_filter_limit201")
        match method, steps:
            case "GET", ["admin", "version"]:
                return 200, self.version
            case "POST", [what, "filter"]:
                return self._filter(what, body)
            case "GET", ["flow_runs", run_id]:
                found = [run for run in self.runs if run["id"] == run_id]
                return (200, found[0]) if found else (404, {"detail": "Flow run not found"})
            case "POST", ["flow_runs", run_id, "set_state"]:
                return self._set_state(run_id, body)
            case "GET" | "PATCH", ["deployments", one]:
                return self._definition(method, one, body)
            case "POST", ["deployments", one, verb]:
                return self._deployment(one, verb, body)
            case _:
                return 404, {"detail": "Not Found"}

    def _filter(self, what: str, body: dict[str, Any]) -> tuple[int, Any]:
        rows = {
            "deployments": self.deployments,
            "flows": self.flows,
            "flow_runs": self.runs,
            "logs": self.logs,
        }[what]
        for kind, key in (("deployments", "deployment_id"), ("flows", "id")):
            if kind in body and what in ("flow_runs", "flows"):
                rows = [row for row in rows if row[key] in body[kind]["id"]["any_"]]
        wanted = body.get("flow_runs", {})
        if between := wanted.get("expected_start_time"):
            after, before = moment(between["after_"]), moment(between["before_"])
            rows = [row for row in rows if after <= moment(row["expected_start_time"]) <= before]
        if ids := wanted.get("id"):
            rows = [row for row in rows if row["id"] in ids["any_"]]
        if state := wanted.get("state"):
            rows = [row for row in rows if row["state_name"] in state["name"]["any_"]]
        if what == "logs":
            runs = body["logs"]["flow_run_id"]["any_"]
            rows = [row for row in rows if row["flow_run_id"] in runs]
        column, _, way = body.get("sort", "ID_DESC").rpartition("_")
        rows = sorted(rows, key=lambda row: row.get(column.lower()) or "", reverse=(way == "DESC"))
        start = body.get("offset", 0)
        return 200, rows[start : start + body.get("limit", 200)]

    def _definition(self, method: str, one: str, body: dict[str, Any]) -> tuple[int, Any]:
        found = next((each for each in self.deployments if each["id"] == one), None)
        if found is None:
            return 404, {"detail": "Deployment not found"}
        if method == "GET":
            return 200, found
        found.update({key: value for key, value in body.items() if key not in self.ignores})
        return 204, None

    def _deployment(self, one: str, verb: str, body: dict[str, Any]) -> tuple[int, Any]:
        found = next((each for each in self.deployments if each["id"] == one), None)
        if found is None:
            return 404, {"detail": "Deployment not found"}
        if verb == "create_flow_run":
            return self._create(found, body)
        found["paused"] = verb == "pause_deployment"
        return 200, None

    def _create(self, deployment: dict[str, Any], body: dict[str, Any]) -> tuple[int, Any]:
        key = body.get("idempotency_key")
        for run in self.runs:
            if key and run["idempotency_key"] == key:
                return 200, run
        model = next(run for run in self.runs if run["state_name"] == "Scheduled")
        at = "2026-11-23T11:49:30Z"
        run = {
            **deepcopy(model),
            **{"id": str(uuid4()), "deployment_id": deployment["id"], "idempotency_key": key},
            **{"expected_start_time": at, "next_scheduled_start_time": at},
            "auto_scheduled": False,
        }
        self.runs.append(run)
        return 201, run

    def _set_state(self, run_id: str, body: dict[str, Any]) -> tuple[int, Any]:
        found = next((run for run in self.runs if run["id"] == run_id), None)
        if found is None:
            return 404, {"detail": "Flow run not found"}
        wanted = body["state"]
        retry = wanted["type"] == "SCHEDULED"
        captured = "flow_run_retry_set_state" if retry else "flow_run_cancel_set_state"
        answer = seed(captured)["response"]
        if retry and found["state_type"] not in TERMINAL:
            reason = "This run cannot transition to this state."
            details = {"type": "reject_details", "reason": reason}
            return 200, {"state": found["state"], "status": "REJECT", "details": details}
        status = 201
        if not retry and found["infrastructure_pid"] is None:
            # As the real server does with a run that has no process.
            wanted = {**wanted, "type": "CANCELLED", "name": "Cancelled"}
            answer |= {"status": "REJECT", "details": {"type": "reject_details", "reason": "-"}}
            status = 200
        answer["state"] |= wanted
        found |= {"state_type": wanted["type"], "state_name": wanted["name"]}
        found["state"] = answer["state"]
        return status, answer


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


@contextmanager
def fake_prefect(**how: Any) -> Iterator[FakePrefect]:
    """Such a server on a port of its own, ended with the test."""
    fake = FakePrefect(**how)

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            """Tests read what was asked from `asked`."""

        def do_GET(self) -> None:
            self._serve("GET")

        def do_POST(self) -> None:
            self._serve("POST")

        def do_PATCH(self) -> None:
            self._serve("PATCH")

        def _serve(self, method: str) -> None:
            raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            body = json.loads(raw) if raw else {}
            fake.asked.append((self.path, body))
            if fake.entry and self.headers.get("Authorization") != fake.entry:
                return self._send(401, b'{"exception_message":"Unauthorized"}')
            how = next((how for end, how in fake.failing.items() if self.path.endswith(end)), "")
            how = how or fake.failing_methods.get(method, "")
            if fake.busy_for > 0:
                fake.busy_for -= 1
                return self._send(503, b'{"exception_message":"Service Unavailable"}')
            if how and fake.does_before_failing:
                fake.answer(method, self.path, body)
            if how:
                return self._fail(how)
            status, content = fake.answer(method, self.path, body)
            return self._send(status, b"" if status == 204 else json.dumps(content).encode())

        def _fail(self, how: str) -> None:
            match how:
                case "hang":
                    fake.ended.wait(HANG_S)
                case "drip":
                    self.wfile.write(b"HTTP/1.1 200 OK\r\n")
                    for _ in range(600):
                        if fake.ended.wait(0.05):
                            return
                        self.wfile.write(b"X-Slow: 1\r\n")
                case "cut":
                    self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n[")
                case "html":
                    self._send(200, b"<!doctype html><title>Prefect</title>")
                case "badstate":
                    self._send(422, json.dumps(seed("flow_runs_filter_badstate")).encode())
                case "429 for a while":
                    self._send(429, b"{}", {"Retry-After": "120"})
                case _ if how.isdigit():
                    said = {"detail": f"seen: {self.headers.get('Authorization')}"}
                    self._send(int(how), json.dumps(said).encode())
                case _:
                    self._send(200, how.encode())

        def _send(
            self, status: int, content: bytes, headers: Mapping[str, str] | None = None
        ) -> None:
            self.send_response(status)
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def handle(self) -> None:
            # Its clients leave early where they are meant to.
            with suppress(OSError):
                super().handle()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    fake.url = f"http://127.0.0.1:{server.server_port}/api"

    def leave() -> None:
        fake.ended.set()
        server.shutdown()
        server.server_close()

    fake.leave = leave
    try:
        yield fake
    finally:
        leave()
