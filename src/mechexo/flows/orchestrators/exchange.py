"""Asking an orchestrator's API for JSON: one exchange, its errors in words, no secret in them."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Mapping
from dataclasses import field
from typing import Any
from urllib.parse import quote

from mechexo.config.addresses import credentials, forms
from mechexo.config.secrets import redact
from mechexo.flows.orchestrators.protocol import (
    Access,
    GarbledError,
    MissingError,
    OutcomeUnknownError,
    RefusedError,
    RefusedForNowError,
    SourceError,
)
from mechexo.output_tail import last_words, plain_lines
from mechexo.value_classes import dataclass

LARGEST_ANSWER = 16 * 1024 * 1024
_LONGEST_SAID = 200
PAUSES_S = (0.2, 0.6)
"""Between tries of what may be asked again, when a server is busy for a moment: a Prefect that
keeps its records in SQLite answers 503 while another of its own parts writes."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """The door to one orchestrator."""

    access: Access
    headers: Mapping[str, str] = field(repr=False)
    """Those that let us in."""
    secrets: tuple[str, ...] = field(repr=False)
    """What must not be repeated, in every form in which it may be."""

    @classmethod
    def of(cls, access: Access, headers: Mapping[str, str]) -> Exchange:
        """The door to the orchestrator at an address, with the headers that let in."""
        return cls(access, headers, _secrets(access, headers))

    def read(
        self,
        method: str,
        path: str,
        body: object = None,
        parameters: Mapping[str, str] | None = None,
        *,
        wanted: str = "",
    ) -> Any:
        """The JSON answer to a question that changes nothing. `wanted` names what a person asked
        for, such as `run 17`: when it is not there, 404 says that, and not that the url is wrong.

        Raises:
            MissingError: what was wanted is not there.
            GarbledError: the answer is not JSON, or too large.
            RefusedForNowError: it is not to be asked now.
            SourceError: there was no answer, or it was a refusal or a failure.
        """
        from mechexo.fetching import NoAnswerError

        try:
            status, content, headers = self._patiently(method, path, body, parameters)
        except NoAnswerError as error:
            raise SourceError(self._words(f"{error}; {_look(error)}")) from error
        if status == 404 and wanted:
            raise MissingError(self._words(f"knows no {wanted} (404)"))
        if status == 404:
            raise SourceError(
                self._words(f"knows nothing at {path} (404); is url that of its API?")
            )
        if not 200 <= status < 300:
            words = self._words(_why_not(status, content))
            if status in (429, 503):
                raise RefusedForNowError(words, status, headers)
            raise SourceError(words)
        return self._json(content)

    def change(
        self, method: str, path: str, body: object = None, *, repeatable: bool = False
    ) -> tuple[int, Any]:
        """Status and JSON answer (None when empty) to a request that changes something.
        `repeatable`: asked twice it does no more than once, so that a busy server is asked again.

        Raises:
            MissingError: answered with 404: nothing changed.
            RefusedError: it was refused: nothing changed.
            SourceError: it was never sent.
            OutcomeUnknownError: no usable answer came, so that it may have been done.
        """
        from mechexo.fetching import NoAnswerError

        try:
            ask = self._patiently if repeatable else self._exchange
            status, content, _ = ask(method, path, body, None)
        except NoAnswerError as error:
            if not error.was_sent:
                raise SourceError(
                    self._words(f"{error}: nothing was asked; {_look(error)}")
                ) from error
            raise OutcomeUnknownError(self._words(f"{error}: it may have been done")) from error
        if status == 404:
            raise MissingError(self._words("knows no such target (404): nothing changed"))
        if status >= 500:
            raise OutcomeUnknownError(
                self._words(f"{_why_not(status, content)}: it may have been done")
            )
        if not 200 <= status < 300:
            raise RefusedError(self._words(f"{_why_not(status, content)}: nothing changed"))
        if not content.strip():
            return status, None
        try:
            return status, self._json(content)
        except GarbledError as error:
            raise OutcomeUnknownError(f"{error}: it may have been done") from error

    def garbled(self, what: str) -> GarbledError:
        """The error of an answer that is not of its documented shape."""
        return GarbledError(
            self._words(f"{what}; is url that of its API, and its version one that is supported?")
        )

    def refused(self, what: str) -> RefusedError:
        """The error of an action that was answered, and not done."""
        return RefusedError(self._words(what))

    def hidden(self, text: str) -> str:
        """Foreign text as plain lines, with what we know to be secret hidden in it."""
        return redact(plain_lines(text.encode("utf-8", "replace")), self.secrets)

    def _patiently(
        self, method: str, path: str, body: object, parameters: Mapping[str, str] | None
    ) -> tuple[int, bytes, Mapping[str, str]]:
        """The answer, asked for again while it is 503 and does not say how long to wait."""
        for pause_s in PAUSES_S:
            answer = self._exchange(method, path, body, parameters)
            if answer[0] != 503 or "retry-after" in answer[2]:
                return answer
            time.sleep(pause_s)
        return self._exchange(method, path, body, parameters)

    def _exchange(
        self, method: str, path: str, body: object, parameters: Mapping[str, str] | None
    ) -> tuple[int, bytes, Mapping[str, str]]:
        from mechexo.fetching import NoAnswerError, fetch

        headers = {"Accept": "application/json", **self.headers}
        content = None
        if body is not None:
            headers["Content-Type"] = "application/json"
            content = json.dumps(body).encode()
        if not all(value.isascii() and value.isprintable() for value in headers.values()):
            # Before the client sees it: what it says of such a header repeats it.
            raise NoAnswerError(
                "its token or password holds signs that no header can carry",
                is_theirs=False,
                was_sent=False,
            )
        answer = fetch(
            self.access.url + path,
            timeout_s=self._within_s(),
            max_body_bytes=LARGEST_ANSWER,
            method=method,
            headers=headers,
            parameters=parameters,
            content=content,
            ca_file=str(self.access.ca_file or ""),
        )
        if answer.is_cut:
            raise NoAnswerError(f"the answer is larger than {LARGEST_ANSWER:,} B", is_theirs=True)
        return answer.status_code, answer.body, answer.headers

    def _within_s(self) -> float:
        """How long an exchange that begins now may take."""
        from mechexo.fetching import NoAnswerError

        longest_s = self.access.timeout.total_seconds()
        if self.access.ends_at_s is None:
            return longest_s
        left_s = self.access.ends_at_s - time.monotonic()
        if left_s <= 0:
            raise NoAnswerError(
                "the time for a look at it is over", is_theirs=False, was_sent=False
            )
        return min(left_s, longest_s)

    def _json(self, content: bytes) -> Any:
        try:
            return json.loads(content)
        except (ValueError, RecursionError):
            raise self.garbled("answered something that is no JSON") from None

    def _words(self, what: str) -> str:
        return f"orchestrator {self.access.name}: {self.hidden(what)}"


def _secrets(access: Access, headers: Mapping[str, str]) -> tuple[str, ...]:
    own = [access.token, access.password]
    own += [value.partition(" ")[2] or value for value in headers.values()]
    known = {form for each in own if each for form in (each, quote(each, safe=""), _json(each))}
    # The API's own path is no secret, and part of what we say.
    path = access.url.partition("://")[2].partition("/")[2]
    return tuple(known | forms(each for each in credentials(access.url) if each != path))


def entering(access: Access, *, token_header: str = "Authorization") -> dict[str, str]:
    """The header that lets in: a token, or a user with a password; none when neither is given."""
    if access.token:
        bearer = "Bearer " if token_header == "Authorization" else ""
        return {token_header: f"{bearer}{access.token}"}
    if access.user:
        pair = base64.b64encode(f"{access.user}:{access.password}".encode()).decode()
        return {"Authorization": f"Basic {pair}"}
    return {}


def _json(text: str) -> str:
    return json.dumps(text)[1:-1]


def _look(error: object) -> str:
    return (
        "is it running, and its url right?"
        if getattr(error, "is_theirs", False)
        else ("check its url")
    )


def _why_not(status: int, content: bytes) -> str:
    said = _said(content)
    tail = f": {said}" if said else ""
    match status:
        case 401 | 403:
            return f"does not let us in ({status}){tail}; check its token, or user and password"
        case 429:
            return f"asks us to wait (429){tail}; look less often"
        case 422 | 400:
            return f"does not understand the request ({status}){tail}"
        case _ if 300 <= status < 400:
            return f"leads elsewhere ({status}); write the address that it leads to as url"
        case _ if status >= 500:
            return f"failed ({status}){tail}; look at its own log"
        case _:
            return f"answered {status}{tail}"


def _said(content: bytes) -> str:
    """What an error's body says, in one line."""
    try:
        body = json.loads(content)
    except (ValueError, RecursionError):
        return ""
    if not isinstance(body, dict):
        return ""
    found = next(
        (body[key] for key in ("detail", "exception_detail", "message", "title") if body.get(key)),
        "",
    )
    if isinstance(found, list) and found and isinstance(found[0], dict):
        found = found[0].get("msg", "")
    words = last_words(found) if isinstance(found, str) else ""
    return words if len(words) <= _LONGEST_SAID else words[: _LONGEST_SAID - 1] + "…"
