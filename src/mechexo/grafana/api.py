"""Grafana's HTTP API for the time of one question: addresses, token, deadline, refusals in words.

From the HTTP API documentation of Grafana 9 to 12. Tested against a server that answers in those
shapes, not against a live Grafana.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from mechexo.config.addresses import fill_address, forms, secrets_of_references
from mechexo.config.secrets import redact, resolve_references
from mechexo.errors import ConfigError, UnreachableError
from mechexo.fetching import Answer, NoAnswerError, fetch
from mechexo.outside import HeldError
from mechexo.outside.limits import hold_until
from mechexo.outside.shaping import ShapeError, text
from mechexo.value_classes import dataclass

if TYPE_CHECKING:
    from mechexo.config import GrafanaSettings

LARGEST_BYTES = 8_000_000

_MEANINGS = {
    400: "what was asked is not understood",
    401: "the token is refused",
    403: "the token lacks a right",
    404: "not found",
    412: "it was changed meanwhile",
    429: "asked too often",
}


class RefusedError(UnreachableError):
    """Grafana answered, and said no. `is_of_this_request`: Grafana itself refuses just this; else
    it is the token, a proxy, or Grafana that fails, and any request would go the same way."""

    def __init__(self, said: str, code: int, *, is_own: bool) -> None:
        super().__init__(said)
        self.code = code
        self.is_of_this_request = is_own and 400 <= code < 500 and code not in (401, 403)


class UnansweredError(UnreachableError):
    """No complete answer came. `was_sent`: Grafana may have done it all the same."""

    def __init__(self, said: str, *, was_sent: bool) -> None:
        super().__init__(said)
        self.was_sent = was_sent


@dataclass(slots=True)
class Api:
    """One desk's Grafana during one question."""

    base_url: str
    token: str
    ca_file: str
    now: datetime
    within_s: float
    secrets: frozenset[str] = frozenset()
    _ends_at_s: float = field(init=False)

    def __post_init__(self) -> None:
        self._ends_at_s = time.monotonic() + self.within_s

    @classmethod
    def of(cls, settings: GrafanaSettings, root: Path, now: datetime, within_s: float) -> Api:
        """The API that the table names; `root` is the desk's folder.

        Raises:
            ConfigError: there is none, a reference cannot be resolved, or is no token.
        """
        if not settings.url:
            raise ConfigError("this desk has no Grafana: write a table [grafana] with its url")
        token = resolve_references(settings.token, root) if settings.token else ""
        if not token.isascii() or not (token.isprintable() or not token):
            raise ConfigError("the token has signs that no token has, such as an end of line")
        written = (settings.url, settings.token)
        hidden = forms(each for one in written for each in secrets_of_references(one, root))
        ca_file = str(root / Path(settings.ca_file).expanduser()) if settings.ca_file else ""
        base_url = fill_address(settings.url, root).rstrip("/")
        return cls(base_url, token, ca_file, now, within_s, frozenset(hidden))

    def tidy(self, said: str) -> str:
        """The text without the desk's secrets, and without what looks like one."""
        return redact(said, tuple(self.secrets))

    def get(self, path: str, query: Mapping[str, Any] | None = None) -> Any:
        """The JSON document at a path under the base.

        Raises:
            HeldError, RefusedError, UnansweredError, ShapeError: there is no good answer.
        """
        return self._document(self.exchange("GET", path, query=query))

    def send(self, method: str, path: str, body: Mapping[str, Any]) -> Any:
        """The answer to a JSON body, as `get`."""
        content = json.dumps(body, ensure_ascii=False).encode()
        return self._document(self.exchange(method, path, content=content))

    def exchange(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        content: bytes | None = None,
        largest_bytes: int = LARGEST_BYTES,
        accept: str = "application/json",
    ) -> Answer:
        """One exchange that ended well: status 200.

        Raises:
            HeldError, RefusedError, UnansweredError: it did not.
        """
        late = f"no complete answer within {self.within_s:.3g} s"
        left_s = self._ends_at_s - time.monotonic()
        if left_s <= 0:
            raise UnansweredError(late, was_sent=False)
        headers = {"Accept": accept}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        if content is not None:
            headers["Content-Type"] = "application/json"
        asked = f"?{urlencode(query, doseq=True)}" if query else ""
        try:
            answer = fetch(
                f"{self.base_url}{path}{asked}",
                method=method,
                timeout_s=left_s,
                max_body_bytes=largest_bytes,
                headers=headers,
                content=content,
                ca_file=self.ca_file,
            )
        except NoAnswerError as error:
            is_late = time.monotonic() >= self._ends_at_s
            said = late if is_late else self.tidy(str(error))
            raise UnansweredError(said, was_sent=error.was_sent) from None
        if answer.status_code == 200:
            return answer
        words = self._own_words(answer)
        said = self._refusal(answer.status_code, words)
        held = hold_until(answer.status_code, answer.headers, self.now)
        if held is not None:
            raise HeldError(said, held)
        raise RefusedError(said, answer.status_code, is_own=bool(words))

    def _document(self, answer: Answer) -> Any:
        if answer.is_cut:
            raise ShapeError(f"the answer is longer than {LARGEST_BYTES:,} bytes")
        try:
            return json.loads(answer.body)
        except (ValueError, RecursionError):
            raise ShapeError("the answer is not JSON: is this address a Grafana's?") from None

    def _own_words(self, answer: Answer) -> str:
        """What Grafana says of its refusal; "" when nothing, or when that is no Grafana."""
        try:
            said = json.loads(answer.body)
        except (ValueError, RecursionError):
            return ""
        return self.tidy(text(said.get("message"))) if isinstance(said, dict) else ""

    def _refusal(self, code: int, words: str) -> str:
        meaning = _MEANINGS.get(code, "")
        if 300 <= code < 400:
            meaning = "it sends elsewhere: a log-in page, or another address; write that into url"
        return ": ".join(part for part in (f"answered {code}", meaning, words) if part)
