"""The application over a real desk, its writer running, without a process or the loop."""

from __future__ import annotations

import threading

import httpx

from mechexo.desk import Desk
from mechexo.server.app import make_app
from mechexo.server.serving import Serving
from support.serving import bearer, token

Client = httpx.AsyncClient


class Application:
    """A desk's application: `client(token)` talks to it."""

    def __init__(self, desk: Desk) -> None:
        self.desk, self.serving = desk, Serving(desk)
        self.app = make_app(self.serving)
        self.writer = threading.Thread(target=self.serving.ingest.run, daemon=True)
        self.writer.start()

    def client(self, *scopes: str, name: str = "test") -> Client:
        """A client with a new token of these scopes, all unless said otherwise."""
        return self.anonymous(bearer(token(self.desk, *scopes, name=name)))

    def anonymous(self, headers: dict[str, str] | None = None) -> Client:
        """A client that shows no token."""
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=True)
        return Client(transport=transport, base_url="http://test", headers=headers)

    def end(self) -> None:
        self.serving.ingest.end()
        self.writer.join()
        self.serving.work.end(5.0)
        self.serving.writing.end(5.0)
