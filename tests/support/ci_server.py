"""A CI server on loopback that replays the documented shapes of GitHub and GitLab, with state.

A stub, written from the documentation: ETags and 304, pages by Link header, rate limits that count
what is not a 304, and faults. Its shapes were not captured from a live server.
"""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

TOKEN = "ghp_canary0Token1That2Nobody3May4See"


class CiServer:
    """`runs` are GitHub's run documents or GitLab's pipelines, newest first."""

    def __init__(self) -> None:
        self.runs: list[dict[str, Any]] = []
        self.requests: list[tuple[str, int, dict[str, str]]] = []
        """Path, the status answered, the headers that came."""
        self.token = ""
        self.limit = 5000
        self.used = 0
        self.reset_at = 0
        self.fault: tuple[int, dict[str, str], bytes] | None = None
        """Answered instead: status, headers, body."""
        self.page_size: int | None = None
        self.next_elsewhere = ""
        self.hangs = threading.Event()
        self.ending = threading.Event()
        self._lock = threading.Lock()
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                server._answer(self)

            def log_message(self, format: str, *args: object) -> None:
                """Tests are silent."""

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"
        threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def statuses(self) -> list[int]:
        return [status for _, status, _ in self.requests]

    def end(self) -> None:
        self.ending.set()
        self._http.shutdown()
        self._http.server_close()

    def _answer(self, handler: BaseHTTPRequestHandler) -> None:
        if self.hangs.is_set():
            self.ending.wait(60)
            return
        came = {name.lower(): value for name, value in handler.headers.items()}
        with self._lock:
            status, headers, body = self._decide(handler.path, came)
            self.requests.append((handler.path, status, came))
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name, value)
        if status != 304:
            handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        if status != 304:
            handler.wfile.write(body)

    def _decide(self, path: str, came: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        if self.fault is not None:
            return self.fault
        prefix = "ratelimit" if path.startswith("/api/v4") else "x-ratelimit"
        sent = came.get("private-token") or came.get("authorization", "").removeprefix("Bearer ")
        if self.token and sent != self.token:
            return 401, {}, json.dumps({"message": f"Bad credentials {sent}"}).encode()
        if self.used >= self.limit:
            reset = {f"{prefix}-remaining": "0", f"{prefix}-reset": str(self.reset_at)}
            return 403, reset, b'{"message": "API rate limit exceeded"}'
        document, headers = self._listed(path)
        body = json.dumps(document).encode()
        etag = f'W/"{hashlib.sha256(body).hexdigest()}"'
        unchanged = came.get("if-none-match") == etag
        self.used += 0 if unchanged else 1
        headers |= {
            "ETag": etag,
            f"{prefix}-remaining": str(self.limit - self.used),
            f"{prefix}-reset": str(self.reset_at),
        }
        return (304, headers, b"") if unchanged else (200, headers, body)

    def _listed(self, path: str) -> tuple[Any, dict[str, str]]:
        parts = urlsplit(path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        is_gitlab = parts.path.startswith("/api/v4")
        runs = self.runs
        if is_gitlab:
            runs = [run for run in runs if run["ref"] == query["ref"]]
        else:
            runs = [run for run in runs if run["head_branch"] == query["branch"]]
            if "/workflows/" in parts.path:
                file = unquote(parts.path.split("/workflows/")[1].split("/")[0])
                runs = [run for run in runs if run["path"].endswith(f"/{file}")]
        size, page = self.page_size or int(query["per_page"]), int(query.get("page", 1))
        listed = runs[(page - 1) * size : page * size]
        headers = {}
        if page * size < len(runs):
            rest = "&".join(f"{k}={v}" for k, v in query.items() if k != "page")
            target = f"{self.next_elsewhere or self.url}{parts.path}?{rest}&page={page + 1}"
            headers["Link"] = f'<{target}>; rel="next", <{target}>; rel="last"'
        document = listed if is_gitlab else {"total_count": len(runs), "workflow_runs": listed}
        return document, headers


def github_run(
    number: int,
    conclusion: str | None = "success",
    *,
    status: str = "completed",
    branch: str = "main",
    workflow: str = "tests",
    **more: Any,
) -> dict[str, Any]:
    """A run as GitHub documents it; each later number began a minute later and took 114 s."""
    at = f"2026-03-02T{13 + number // 60:02}:{number % 60:02}"
    end = f"2026-03-02T{13 + (number + 1) // 60:02}:{(number + 1) % 60:02}"
    return {
        "id": 30433642 + number,
        "name": workflow,
        "display_title": f"change {number}",
        "head_branch": branch,
        "head_sha": f"{number:040x}",
        "path": f".github/workflows/{workflow}.yml",
        "run_number": number,
        "run_attempt": 1,
        "event": "push",
        "status": status,
        "conclusion": conclusion,
        "html_url": f"https://github.example.com/desk/strategies/actions/runs/{number}",
        "created_at": f"{at}:00Z",
        "run_started_at": f"{at}:00Z",
        "updated_at": f"{end}:54Z",
        "repository": {"full_name": "desk/strategies"},
        "head_repository": {"full_name": "desk/strategies"},
        **more,
    }


def gitlab_pipeline(
    number: int, status: str = "success", *, ref: str = "main", **more: Any
) -> dict[str, Any]:
    """A pipeline as GitLab documents it in the list."""
    return {
        "id": 47 + number,
        "iid": number,
        "project_id": 1,
        "status": status,
        "source": "push",
        "ref": ref,
        "sha": f"{number:040x}",
        "name": None,
        "web_url": f"https://gitlab.example.com/desk/strategies/pipelines/{number}",
        "created_at": f"2026-03-02T14:{number:02}:00.000Z",
        "updated_at": f"2026-03-02T14:{number:02}:30.000Z",
        **more,
    }


@contextmanager
def ci_server() -> Iterator[CiServer]:
    """A server for the time of a block."""
    server = CiServer()
    server.reset_at = int(time.time()) + 1800
    try:
        yield server
    finally:
        server.end()
