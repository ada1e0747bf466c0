"""The routes. Each is: admit, read, call an operation, answer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Send
from starlette.types import Scope as Asked

from mechexo.alerts.inbound import generic, hooks
from mechexo.alerts.inbound.hooks import ALERTMANAGER, GRAFANA, Hook
from mechexo.alerts.inbound.reading import read_json
from mechexo.errors import MechexoError, UsageError
from mechexo.security import operations as security
from mechexo.security.values import Scope, TokenSpentError
from mechexo.server import answers, pings, reading
from mechexo.server.answers import RequestError
from mechexo.server.body import check_json, read_body
from mechexo.server.bridge import Bridge

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from prometheus_client import Counter

    from mechexo.alerts.values import Observation
    from mechexo.desk import Desk
    from mechexo.server.ingest import Taken
    from mechexo.server.serving import Serving

Handler = Callable[[Request], Awaitable[Response]]
Reader = Callable[[object, datetime], "tuple[Observation, ...]"]

_CHECK_IN = "/ping/"
_SMALL_BYTES = 16 * 1024
"""A body up to this is read in the answering thread: handing it over would take longer."""


class _Application(Starlette):
    """Starlette's, with a short way for what many send at once: looking through the routes and
    the layers that catch errors takes as long as all the rest of the answering."""

    def __init__(self, routes: list[Route], taking_in: Collection[Route]) -> None:
        super().__init__(
            routes=[*routes, *taking_in], exception_handlers={HTTPException: _unrouted}
        )
        # A redirection counts as success for curl and others who do not follow it, and nothing of
        # what they sent would be taken.
        self.router.redirect_slashes = False
        self._taking_in: dict[str, Handler] = {each.path: each.endpoint for each in taking_in}

    async def __call__(self, scope: Asked, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].endswith("/"):
            scope["path"] = _without_slash(scope["path"])
        if scope["type"] == "http" and scope["method"] == "POST":
            handler = self._taking_in.get(scope["path"])
            if handler is not None:
                answer = await handler(Request(scope, receive))
                return await answer(scope, receive, send)
        return await super().__call__(scope, receive, send)


def make_app(serving: Serving) -> Starlette:
    """The application over what a server holds."""
    routes = _Routes(serving)
    return _Application(
        routes=[
            routes.get("/livez", routes.livez),
            routes.get("/readyz", routes.readyz),
            routes.get("/healthz", routes.healthz),
            routes.get("/metrics", routes.metrics),
            routes.get("/api/v1/status", routes.status),
            routes.get("/api/v1/alerts", routes.alerts),
            routes.get("/api/v1/costs", routes.costs),
            routes.route("/ping/{job}", routes.ping, "GET", "POST"),
            routes.route("/ping/{job}/{what}", routes.ping, "GET", "POST"),
        ],
        taking_in=[
            routes.post("/api/v1/alerts", routes.take_generic),
            routes.post("/hooks/alertmanager", routes.take_alertmanager),
            routes.post("/hooks/grafana", routes.take_grafana),
        ],
    )


def _without_slash(path: str) -> str:
    """The path that was meant by one that ends in a slash. Not of a check-in: `/ping/backup/$?`
    without the `$?` would say that the job ended well."""
    return path if path.startswith(_CHECK_IN) else path.rstrip("/")


async def _unrouted(request: Request, error: Exception) -> Response:
    """What starlette itself refuses: an unknown path, a method that a path does not have."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    said = {404: "there is no such path", 405: f"{request.method} is not for this path"}
    words = said.get(status, str(error))
    if status == 404 and request.scope["path"].startswith(_CHECK_IN):
        words += (
            ", and nothing was taken; after /ping/JOB comes nothing, or /start, /fail or a code"
        )
    answer = answers.refusal(RequestError(status, words))
    if isinstance(error, HTTPException):
        answer.headers.update(error.headers or {})
    return answer


class _Routes:
    def __init__(self, serving: Serving) -> None:
        self._serving = serving
        self._desk = serving.desk
        self._settings = serving.desk.settings.server
        self._bridge: Bridge[tuple[Taken, ...]] = Bridge()

    def get(self, path: str, handler: Handler) -> Route:
        return self.route(path, handler, "GET")

    def post(self, path: str, handler: Handler) -> Route:
        return self.route(path, handler, "POST")

    def route(self, path: str, handler: Handler, *methods: str) -> Route:
        """The route, with every failure answered and every answer counted."""

        counted: dict[int, Counter] = {}

        async def answered(request: Request) -> Response:
            try:
                answer = await handler(request)
            except MechexoError as error:
                answer = answers.refusal(error)
            except Exception as error:  # noqa: BLE001 - told, and answered without its inside
                self._serving.unexpected(error)
                answer = answers.failure()
            code = answer.status_code
            if code not in counted:
                counted[code] = self._serving.metrics.requests.labels(path, str(code))
            counted[code].inc()
            return answer

        route = Route(path, answered, methods=list(methods))
        if "POST" in methods:
            # Starlette answers HEAD where it answers GET; but a look is no check-in.
            route.methods = set(methods)
        return route

    # Health

    async def livez(self, request: Request) -> Response:
        self._admit_reader(request)
        return answers.document("live", self._desk.clock.now(), {"live": True})

    async def readyz(self, request: Request) -> Response:
        self._admit_reader(request)
        found = await self._serving.work.shared("ready", self._serving.problems)
        body = {"ready": not found, "reasons": found}
        return answers.document("ready", self._desk.clock.now(), body, 503 if found else 200)

    async def healthz(self, request: Request) -> Response:
        self._admit_reader(request)
        at, body = await self._status()
        return answers.document("status", at, body, 200 if body["ops_ok"] else 503)

    async def metrics(self, request: Request) -> Response:
        self._admit_reader(request)
        accept = request.headers.get("accept", "")
        text, kind = await self._serving.work.shared(
            f"metrics {accept}", lambda: self._serving.metrics.page(accept)
        )
        return Response(text, headers={"content-type": kind, "cache-control": "no-store"})

    # Reading

    async def status(self, request: Request) -> Response:
        self._admit(request, Scope.READ)
        at, body = await self._status()
        return answers.document("status", at, body)

    async def alerts(self, request: Request) -> Response:
        self._admit(request, Scope.READ)
        wanted = reading.alerts_wanted(request.query_params)
        found = await self._serving.work.run(lambda: reading.alerts(self._desk, wanted))
        return answers.document("alerts", self._desk.clock.now(), found)

    async def costs(self, request: Request) -> Response:
        self._admit(request, Scope.READ)
        found = await self._serving.work.run(lambda: reading.saved_costs(self._desk))
        return answers.document("costs", self._desk.clock.now(), found)

    async def _status(self) -> tuple[datetime, dict[str, object]]:
        return await self._serving.work.shared("status", lambda: reading.status(self._desk))

    # Taking in

    async def take_generic(self, request: Request) -> Response:
        desk = await self._admit_sender(request, "a sender of alerts")
        return await self._take_in(request, generic.observations, desk)

    async def take_alertmanager(self, request: Request) -> Response:
        return await self._take_hook(request, ALERTMANAGER)

    async def take_grafana(self, request: Request) -> Response:
        return await self._take_hook(request, GRAFANA)

    async def ping(self, request: Request) -> Response:
        desk = self._admit(request, Scope.PING)
        job, what = request.path_params["job"], request.path_params.get("what", "")
        ping = pings.read_ping(desk, job, what)
        body = await self._body(request)
        done = await self._serving.writing.run(lambda: pings.take(desk, ping, body))
        return answers.document("ping", self._desk.clock.now(), done)

    async def _take_hook(self, request: Request, hook: Hook) -> Response:
        try:
            desk = await self._admit_sender(request, hook.title)
            try:
                return await self._take_in(
                    request, lambda document, _: hooks.observations(document, hook), desk
                )
            except (UsageError, RequestError) as error:
                if isinstance(error, UsageError) or error.status in (413, 415):
                    # It is not sent again, so somebody has to know.
                    lost = hooks.refused(hook, desk.actor.name, str(error))
                    await self._bridge.result(self._serving.ingest.submit((lost,)))
                raise
        except RequestError as error:
            if error.status in (408, 429):
                # These systems come again after a 5xx; any 4xx is their last word.
                raise RequestError(503, str(error), retry_after_s=error.retry_after_s) from error
            raise

    async def _take_in(self, request: Request, read: Reader, acting: Desk) -> Response:
        began_s = time.perf_counter()
        check_json(request)
        body = await self._body(request)
        now = self._desk.clock.now()

        def read_it() -> tuple[Observation, ...]:
            return hooks.told_by(read(read_json(body), now), acting.actor.name)

        if len(body) <= _SMALL_BYTES:
            said: Sequence[Observation] = read_it()
        else:
            said = await self._serving.work.run(read_it)
        soon = asyncio.get_running_loop().call_soon
        taken = await self._bridge.result(self._serving.ingest.submit(said, soon=soon))
        self._serving.metrics.ingest_s.observe(time.perf_counter() - began_s)
        return answers.taken(now, reading.taken(said, taken))

    async def _body(self, request: Request) -> bytes:
        return await read_body(
            request,
            limit_bytes=self._settings.body_limit_kb * 1024,
            timeout_s=self._settings.request_timeout.total_seconds(),
        )

    def _admit(self, request: Request, scope: Scope) -> Desk:
        return self._serving.admission.admit(request, scope)

    async def _admit_sender(self, request: Request, title: str) -> Desk:
        """As `_admit`, for what brings alerts: what is refused here is lost, and most senders tell
        nobody. A token that the desk does not know says nothing, or anybody could raise alerts."""
        try:
            return self._admit(request, Scope.ALERTS)
        except TokenSpentError as error:
            spent, admission = error.token, self._serving.admission
            if Scope.ALERTS in spent.scopes and admission.begin_saying(spent):
                lost = hooks.spent(title, security.actor_name(spent), str(error))
                try:
                    await self._bridge.result(self._serving.ingest.submit((lost,)))
                except BaseException:
                    admission.could_not_say(spent)
                    raise
            raise

    def _admit_reader(self, request: Request) -> None:
        if not self._settings.open_reading:
            self._admit(request, Scope.READ)
