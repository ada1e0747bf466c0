"""Asking an HTTP API for lists of runs, page by page: conditionally, within one deadline, and no
more than its rate limit allows.

A page whose ETag still holds is answered 304, which costs nothing of GitHub's limit, and stands as
it was kept. The next page comes from the Link header, and only from under the same address: the
token goes nowhere else. What is kept names the paths below that address, which may hold a secret.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, urljoin, urlsplit

from mechexo.errors import ConfigError, UnreachableError
from mechexo.fetching import Answer, NoAnswerError, fetch
from mechexo.flows.ci.values import CiPage, CiRun
from mechexo.outside import HeldError
from mechexo.outside.limits import hold_until
from mechexo.outside.shaping import ShapeError, text
from mechexo.value_classes import dataclass

if TYPE_CHECKING:
    from mechexo.config import CiSettings
    from mechexo.flows.ci.systems import CiQuestion

MOST_PAGES = 10
"""Pages of one list that a look asks for."""
LARGEST_BYTES = 8_000_000
"""A hundred of GitHub's runs are about 2 MB."""
MOST_RUNS = 400
"""Runs that are kept of one repository, over all its lists."""
LONGEST_ETAG = 200
LONGEST_URL = 1_000
ELSEWHERE = "elsewhere"
"""Stands for a next page that is not at the same address; no path is like it."""

_NEXT = re.compile(r"<([^<>]*)>((?:\s*;\s*[^,;]+)*)")
_IS_NEXT = re.compile(r";\s*rel\s*=\s*\"?[^\"]*\bnext\b", re.IGNORECASE)

ReadRuns = Callable[[Any], list[CiRun]]
"""What makes runs of a page's document; raises ShapeError."""


def runs_per_list(settings: CiSettings) -> int:
    """How many runs of each list are kept, so that all of them fit into the state file."""
    lists = len(settings.branches) * max(len(settings.workflows), 1)
    return max(min(settings.runs, MOST_RUNS // lists), 1)


@dataclass(slots=True)
class Api:
    """The API of one repository during one look."""

    question: CiQuestion
    base_url: str
    headers: Mapping[str, str]
    ca_file: str
    known: Mapping[str, CiPage]
    hold_until: datetime | None = None
    """Set when an answer said that it was the last for a while."""
    _ends_at_s: float = field(init=False)

    def __post_init__(self) -> None:
        self._ends_at_s = time.monotonic() + self.question.within_s

    @classmethod
    def of(
        cls,
        settings: CiSettings,
        question: CiQuestion,
        *,
        public: str,
        headers: Callable[[str], Mapping[str, str]],
    ) -> Api:
        """The API that a table of the configuration names, else the public one; `headers` makes of
        a token what is sent with each request.

        Raises:
            ConfigError: a reference cannot be resolved, or is no token.
        """
        token = question.resolve(settings.token) if settings.token else ""
        if not token.isascii() or not (token.isprintable() or not token):
            raise ConfigError("the token has signs that no token has, such as an end of line")
        base_url = question.resolve_address(settings.base_url or public).rstrip("/")
        ca_file = str(question.file(settings.ca_file)) if settings.ca_file else ""
        pages = question.before.pages if question.before else ()
        return cls(question, base_url, headers(token), ca_file, {page.path: page for page in pages})

    def list_runs(
        self, path: str, read: ReadRuns, most: int, *, keep: Callable[[CiRun], bool]
    ) -> list[CiPage]:
        """The pages of one list, from `path` under the base on, until `most` runs that are to be
        kept are there.

        Raises:
            HeldError: the system asks not to be asked.
            UnreachableError: there is no good answer.
        """
        pages: list[CiPage] = []
        url, count = self.base_url + path, 0
        while len(pages) < MOST_PAGES:
            page = self._page(url, read, keep)
            page = replace(page, runs=page.runs[: most - count])
            pages.append(page)
            count += len(page.runs)
            if not page.next or count >= most:
                break
            if page.next == ELSEWHERE:
                raise ShapeError("its next page is at another place, which is not asked")
            url = self.base_url + page.next
        return pages

    def _page(self, url: str, read: ReadRuns, keep: Callable[[CiRun], bool]) -> CiPage:
        path = url.removeprefix(self.base_url)
        known = self.known.get(path)
        answer = self._get(url, known.etag if known else "")
        if answer.status_code == 304:
            if known is None:
                raise ShapeError("answered 304 (not modified) to what was never asked before")
            return known
        if answer.is_cut:
            raise ShapeError(f"the answer is longer than {LARGEST_BYTES:,} bytes")
        try:
            document = json.loads(answer.body)
        except (ValueError, RecursionError):
            raise ShapeError("the answer is not JSON") from None
        etag = answer.headers.get("etag", "")
        return CiPage(
            path,
            etag if len(etag) <= LONGEST_ETAG and etag.isascii() else "",
            tuple(run for run in read(document) if keep(run)),
            self._next(url, answer.headers.get("link", "")),
        )

    def _get(self, url: str, etag: str) -> Answer:
        if self.hold_until is not None:
            raise HeldError("its rate limit is used up", self.hold_until)
        left_s = self._ends_at_s - time.monotonic()
        if left_s <= 0:
            raise UnreachableError(f"no complete answer within {self.question.within_s:.3g} s")
        conditional = {"If-None-Match": etag} if etag else {}
        try:
            answer = fetch(
                url,
                timeout_s=left_s,
                max_body_bytes=LARGEST_BYTES,
                headers={**self.headers, **conditional},
                ca_file=self.ca_file,
            )
        except NoAnswerError as error:
            said = self.question.tidy(str(error))
            if time.monotonic() >= self._ends_at_s:
                said = f"no complete answer within {self.question.within_s:.3g} s"
            raise UnreachableError(said) from None
        held = hold_until(answer.status_code, answer.headers, self.question.now)
        if answer.status_code not in (200, 304):
            said = self._refusal(answer)
            raise HeldError(said, held) if held else UnreachableError(said)
        self.hold_until = held
        return answer

    def _refusal(self, answer: Answer) -> str:
        """What an answer that is neither 200 nor 304 means, with the system's own words."""
        code = answer.status_code
        meaning = {
            401: "the token is refused",
            403: "refused: a rate limit, or the token lacks a right",
            404: "not found, or the token may not see it",
            429: "asked too often",
        }.get(code)
        if 300 <= code < 400:
            meaning = "it has moved; write its new name into the configuration"
        try:
            said = json.loads(answer.body)
        except (ValueError, RecursionError):
            said = None
        words = said.get("message") or said.get("error") if isinstance(said, dict) else ""
        parts = [f"answered {code}", meaning or "", self.question.tidy(text(words))]
        return ": ".join(part for part in parts if part)

    def _next(self, url: str, header: str) -> str:
        for target, parameters in _NEXT.findall(header):
            if _IS_NEXT.search(parameters):
                try:
                    return self._below_base(str(urljoin(url, target)))
                except ValueError:  # such as a port that is none
                    return ELSEWHERE
        return ""

    def _below_base(self, following: str) -> str:
        """The path of an address below the base, however it spells the same host: one behind a
        proxy says http for https. It is asked for at the base itself."""
        parts, base = urlsplit(following), urlsplit(self.base_url)
        under = base.path + "/"
        if (
            _place(parts) != _place(base)
            or not parts.path.startswith(under)
            or len(following) > LONGEST_URL
        ):
            return ELSEWHERE
        path = parts.path.removeprefix(base.path)
        return f"{path}?{parts.query}" if parts.query else path


def _place(parts: SplitResult) -> tuple[str, int | None]:
    port = None if parts.port in (80, 443) else parts.port
    return parts.hostname or "", port
