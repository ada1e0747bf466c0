"""One HTTP exchange with a total deadline and a cap on the answer's size."""

from __future__ import annotations

import errno
import logging
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from mechexo.errors import UnreachableError
from mechexo.value_classes import dataclass

if TYPE_CHECKING:
    import httpx


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. `body` is as sent, uncompressed, and cut at the cap."""

    status_code: int
    body: bytes
    is_cut: bool
    latency_ms: float
    certificate_expires_at: datetime | None
    headers: Mapping[str, str] = field(default_factory=dict)
    """The answer's headers, names in lower case; of one sent twice the values joined by commas."""


class NoAnswerError(UnreachableError):
    """There was no usable answer. `is_theirs`: the other side failed, not our looking. `was_sent`:
    the request may have reached it, and been acted upon."""

    def __init__(self, text: str, *, is_theirs: bool, was_sent: bool = True) -> None:
        super().__init__(text)
        self.is_theirs = is_theirs
        self.was_sent = was_sent


def fetch(
    url: str,
    *,
    timeout_s: float,
    max_body_bytes: int,
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
    parameters: Mapping[str, str] | None = None,
    content: bytes | None = None,
    ca_file: str = "",
) -> Answer:
    """Asks `url` and reads the answer, all within `timeout_s` seconds.

    It goes straight to the host: no proxy and no `.netrc` of whoever runs it, and no redirect.

    Raises:
        NoAnswerError: no complete answer came.
    """
    import httpx

    # They log addresses and headers, and these may hold a secret.
    for talkative in ("httpx", "httpcore"):
        logging.getLogger(talkative).setLevel(logging.WARNING)
    trust = _trust(ca_file) if url.lower().startswith("https:") else False
    sent = {"User-Agent": "mechexo", "Accept-Encoding": "identity", **(headers or {})}
    with (
        _Cutter(timeout_s) as cutter,
        _explained(cutter, timeout_s),
        httpx.Client(verify=trust, timeout=timeout_s, trust_env=False) as client,
    ):
        began = time.perf_counter()
        with client.stream(
            method,
            url,
            headers=sent,
            params=dict(parameters) if parameters else None,
            content=content,
            extensions={"trace": cutter.trace},
        ) as response:
            # Once the body is read the connection, and its certificate, is gone.
            expires_at = _expiry(response)
            body = bytearray()
            for chunk in response.iter_raw():
                body += chunk
                if len(body) > max_body_bytes or cutter.is_late:
                    break
            cutter.check()
            return Answer(
                response.status_code,
                bytes(body[:max_body_bytes]),
                len(body) > max_body_bytes,
                (time.perf_counter() - began) * 1000.0,
                expires_at,
                {name.lower(): value for name, value in response.headers.items()},
            )


def _trust(ca_file: str) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca_file or None)
    except OSError as error:
        raise NoAnswerError(
            f"ca_file {ca_file} cannot be read: {error}", is_theirs=False, was_sent=False
        ) from error


class _TooLateError(Exception):
    """The exchange's time is up."""


class _Cutter:
    """Cuts the connection when the time is up, wherever the exchange stands.

    httpx limits each single read, so that a server sending a byte a second is never late. A
    duplicate of the socket is shut down instead, which ends a handshake or a header as well.
    """

    def __init__(self, seconds: float) -> None:
        self._deadline = time.monotonic() + seconds
        self._lock = threading.Lock()
        self._sockets: list[socket.socket] = []
        self._timer = threading.Timer(seconds, self._cut)
        self._timer.daemon = True

    @property
    def is_late(self) -> bool:
        return time.monotonic() >= self._deadline

    def check(self) -> None:
        if self.is_late:
            raise _TooLateError

    def trace(self, event: str, info: Mapping[str, Any]) -> None:
        """httpx tells here what it does."""
        if event == "connection.connect_tcp.complete":
            with self._lock:
                self._sockets.append(info["return_value"].get_extra_info("socket").dup())
            self.check()

    def _cut(self) -> None:
        with self._lock, suppress(OSError):
            for connection in self._sockets:
                connection.shutdown(socket.SHUT_RDWR)

    def __enter__(self) -> _Cutter:
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        with self._lock:
            for connection in self._sockets:
                connection.close()
            self._sockets.clear()


@contextmanager
def _explained(cutter: _Cutter, timeout_s: float) -> Iterator[None]:
    import httpx

    late = f"no complete answer within {timeout_s:g} s"
    try:
        yield
    except _TooLateError:
        raise NoAnswerError(late, is_theirs=True) from None
    except httpx.TimeoutException as error:
        was_sent = not isinstance(error, httpx.ConnectTimeout)
        raise NoAnswerError(late, is_theirs=True, was_sent=was_sent) from error
    except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
        raise NoAnswerError(
            f"the address cannot be used: {error}", is_theirs=False, was_sent=False
        ) from error
    except httpx.TransportError as error:
        was_sent = not isinstance(error, httpx.ConnectError)
        if cutter.is_late:
            raise NoAnswerError(late, is_theirs=True, was_sent=was_sent) from error
        found = _no_answer(error)
        found.was_sent = was_sent
        raise found from error


def _no_answer(error: httpx.TransportError) -> NoAnswerError:
    """What lies behind a transport error, in words."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, socket.gaierror):
            return NoAnswerError(f"the name cannot be resolved: {cause.strerror}", is_theirs=False)
        if isinstance(cause, ssl.SSLCertVerificationError):
            return NoAnswerError(
                f"the certificate is refused: {cause.verify_message}", is_theirs=True
            )
        if isinstance(cause, ConnectionRefusedError):
            return NoAnswerError("connection refused", is_theirs=True)
        if isinstance(cause, ConnectionResetError):
            return NoAnswerError("the connection was reset", is_theirs=True)
        if isinstance(cause, OSError) and cause.errno == errno.ENETUNREACH:
            return NoAnswerError("there is no route to its network", is_theirs=False)
        cause = cause.__cause__ or cause.__context__
    return NoAnswerError(str(error) or type(error).__name__, is_theirs=True)


def _expiry(response: httpx.Response) -> datetime | None:
    stream = response.extensions.get("network_stream")
    secured = stream.get_extra_info("ssl_object") if stream else None
    certificate = secured.getpeercert() if secured else None
    if not certificate:
        return None
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(certificate["notAfter"]), UTC)
