"""Running the server: its socket, its beginning, and an end that loses nothing and takes no longer
than 12 s."""

from __future__ import annotations

import contextlib
import errno
import ipaddress
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

import uvicorn

from mechexo import hearing
from mechexo.errors import UnreachableError, UsageError
from mechexo.garbage import leave_alone_what_is_there
from mechexo.security import operations as security
from mechexo.server.app import make_app
from mechexo.server.loop import Background
from mechexo.server.protocol import protocol
from mechexo.server.serving import Serving

if TYPE_CHECKING:
    from types import FrameType

    from mechexo.desk import Desk

END_LIMIT_S = 11.5
"""From the signal to the end, whatever hangs."""
_REQUESTS_END_S = 4
_THREADS_END_S = 5.0
_CONNECTIONS = 500
_BACKLOG = 1024


def serve(
    desk: Desk,
    *,
    host: str,
    port: int,
    announce: Callable[[str], None],
    background: Mapping[str, Background] | None = None,
) -> bool:
    """Serves until SIGTERM or SIGINT; `announce` is given the line that says where, once requests
    are accepted. Returns whether every thread ended.

    Raises:
        UsageError: it would listen beyond this machine, and no token is in use.
        UnreachableError: the address cannot be listened on.
    """
    listening = _listen(desk, host, port)
    with listening:
        serving = Serving(
            desk,
            background={**_hearing(desk), **(background or {})},
            settled=leave_alone_what_is_there,
        )
        name, number = listening.getsockname()[:2]
        shown = f"[{name}]" if ":" in name else name
        address = f"http://{shown}:{number}"
        server = _Server(
            _configuration(desk, serving), serving, lambda: announce(f"listening on {address}")
        )
        serving.begin()
        try:
            server.run(sockets=[listening])
        finally:
            ended = serving.end(_THREADS_END_S)
            server.forget_limit()
    return ended


def _hearing(desk: Desk) -> dict[str, Background]:
    """What listens to the people who answer, as far as the configuration lets anybody answer."""
    found: dict[str, Background] = {}
    if hearing.anybody_can_answer(desk):
        found["answers"] = lambda desk, stop: hearing.listen(desk, stop, _told)
    if any(channel.kind == "phone" for channel in desk.settings.channels.values()):
        found["calls"] = hearing.follow_calls
    return found


def _told(problem: str) -> None:
    sys.stderr.write(f"mechexo: answers: {problem or 'can be asked for again'}\n")


def _configuration(desk: Desk, serving: Serving) -> uvicorn.Config:
    timeout_s = desk.settings.server.request_timeout.total_seconds()
    return uvicorn.Config(
        make_app(serving),
        http=protocol(timeout_s),
        loop="asyncio",
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="error",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        limit_concurrency=_CONNECTIONS,
        backlog=_BACKLOG,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=_REQUESTS_END_S,
    )


class _Server(uvicorn.Server):
    """uvicorn's, ending by our rules: a signal is the usual way and no failure."""

    def __init__(
        self, config: uvicorn.Config, serving: Serving, announce: Callable[[], None]
    ) -> None:
        super().__init__(config)
        self._serving, self._announce = serving, announce
        self._limit: threading.Timer | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._announce()
        self._serving.notifier.ready("accepts requests")

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        before = {
            number: signal.signal(number, self._told_to_end)
            for number in (signal.SIGTERM, signal.SIGINT)
        }
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _told_to_end(self, number: int, frame: FrameType | None) -> None:
        if self.should_exit:
            return
        self.should_exit = True
        self._limit = _end_by_force_after(END_LIMIT_S)
        self._serving.notifier.stopping()

    def forget_limit(self) -> None:
        """The end was reached."""
        if self._limit is not None:
            self._limit.cancel()
            self._limit.join()


def _end_by_force_after(limit_s: float) -> threading.Timer:
    """A last resort for what no thread can bound, such as a dead disk."""

    def end() -> None:
        os.write(2, f"mechexo: the server did not end within {limit_s:.0f} s\n".encode())
        os._exit(5)

    timer = threading.Timer(limit_s, end)
    timer.daemon = True
    timer.name = "end-limit"
    timer.start()
    return timer


def _listen(desk: Desk, host: str, port: int) -> socket.socket:
    try:
        found = socket.getaddrinfo(
            host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
    except (OSError, UnicodeError) as error:
        said = getattr(error, "strerror", None) or str(error)
        raise UnreachableError(f"the host {host!r} is not known: {said}") from error
    if not all(_is_loopback(str(each[4][0])) for each in found) and not security.in_use(desk):
        raise UsageError(
            f"{host!r} can be reached from other machines, and no token is in use: make one with "
            "mechexo access token create NAME --scope alerts, or listen on 127.0.0.1"
        )
    family, _, _, _, address = found[0]
    # The protocol by name: without it asyncio leaves Nagle's algorithm on, which holds the body of
    # each answer back for 40 ms.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(_BACKLOG)
    except OSError as error:
        listening.close()
        why = {
            errno.EADDRINUSE: "it is in use; is mechexo serve running already?",
            errno.EACCES: "this user may not; use a port above 1023",
        }.get(error.errno or 0, error.strerror)
        raise UnreachableError(f"cannot listen on {host} port {port}: {why}") from error
    return listening


def _is_loopback(address: str) -> bool:
    return ipaddress.ip_address(address.partition("%")[0]).is_loopback
