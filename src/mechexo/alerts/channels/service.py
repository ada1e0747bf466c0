"""One HTTP interface with JSON answers, asked from a sending process. Imports httpx when used.

What went wrong is told apart by one question: may the message have gone out?
"""

from __future__ import annotations

import json
import logging
import socket
import ssl
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mechexo.value_classes import dataclass

if TYPE_CHECKING:
    import httpx

_LONGEST_ANSWER_BYTES = 4_000_000
_CONNECT_S = 4.0
_KEPT_BACK_S = 0.3
"""The parent ends a process by force at the limit; an answer in words shall come before."""


class FailedError(Exception):
    """No usable answer. `outcome` is `refused` when nothing went out, else `unanswered`."""

    def __init__(self, outcome: str, words: str) -> None:
        super().__init__(words)
        self.outcome = outcome


@dataclass(frozen=True, slots=True)
class Said:
    """An answer: its status, and its JSON object ({} when it is none)."""

    status: int
    body: Mapping[str, Any]
    retry_after_s: float | None

    @property
    def ok(self) -> bool:
        """Whether the service took the request."""
        return 200 <= self.status < 300


class Service:
    """The interface at `base`; `login` is a user and a password."""

    def __init__(self, base: str, limit_s: float, login: tuple[str, str] | None = None) -> None:
        import httpx

        for name in ("httpx", "httpcore"):
            # They log addresses, and a token may be part of one.
            logging.getLogger(name).setLevel(logging.WARNING)
        self._base = base.rstrip("/")
        self._limit_s = limit_s
        # The system's certificates, as everywhere else in mechexo.
        trust = ssl.create_default_context() if base.lower().startswith("https:") else False
        self._client = httpx.Client(verify=trust, auth=login, follow_redirects=False)

    def ask(
        self,
        method: str,
        path: str,
        *,
        document: Mapping[str, Any] | None = None,
        form: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
        limit_s: float | None = None,
    ) -> Said:
        """One exchange; each of its steps takes at most `limit_s` seconds.

        Raises:
            FailedError: no answer came, or half of one.
        """
        import httpx

        whole_s = self._limit_s if limit_s is None else limit_s
        step_s = max(whole_s - _KEPT_BACK_S, 0.2)
        try:
            with self._client.stream(
                method,
                f"{self._base}{path}",
                json=document,
                data=form,
                params=query,
                timeout=httpx.Timeout(step_s, connect=min(step_s, _CONNECT_S)),
            ) as response:
                body = bytearray()
                for chunk in response.iter_bytes():
                    body += chunk
                    if len(body) > _LONGEST_ANSWER_BYTES:
                        raise FailedError("unanswered", "its answer does not end")
                return _said(response.status_code, bytes(body), response.headers)
        except (httpx.InvalidURL, httpx.UnsupportedProtocol):
            # The error's own words repeat the address.
            raise FailedError("refused", "the address `api` cannot be used") from None
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise FailedError("refused", f"could not connect: {_cause(error)}") from None
        except httpx.TimeoutException:
            raise FailedError("unanswered", f"connected, but no answer in {step_s:.1f} s") from None
        except (httpx.TransportError, httpx.DecodingError) as error:
            raise FailedError("unanswered", f"connected, but {_cause(error)}") from None


def _said(status: int, body: bytes, headers: httpx.Headers) -> Said:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        if 200 <= status < 300:
            raise FailedError("unanswered", "accepted, but its answer cannot be read")
        found = {}
    return Said(status, found, _seconds(headers.get("Retry-After")))


def _seconds(text: str | None) -> float | None:
    return float(text) if text and text.isascii() and text.isdigit() and len(text) < 7 else None


def _cause(error: BaseException) -> str:
    """What lies behind an error, without an address."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, socket.gaierror):
            return f"its name cannot be resolved ({cause.strerror})"
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"its certificate is refused ({cause.verify_message})"
        if isinstance(cause, ssl.SSLError):
            return f"no secure connection ({cause.reason or 'TLS error'})"
        if isinstance(cause, ConnectionRefusedError):
            return "connection refused"
        if isinstance(cause, ConnectionResetError | BrokenPipeError):
            return "the connection was reset"
        if isinstance(cause, TimeoutError):
            return "no connection in time"
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror
        cause = cause.__cause__ or cause.__context__
    words = {"ConnectTimeout": "no connection in time", "RemoteProtocolError": "half an answer"}
    return words.get(type(error).__name__, type(error).__name__)
