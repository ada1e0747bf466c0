"""A configured plot as a system outside that can be asked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from mechexo.errors import UnreachableError
from mechexo.fetching import Answer as HttpAnswer
from mechexo.fetching import fetch
from mechexo.outside import Answer, HeldError, Question, Source
from mechexo.outside.limits import hold_until
from mechexo.outside.resolving import Resolving
from mechexo.resources.plot_operations import PREFIX, identity
from mechexo.resources.plots import chosen_step, grid, read_answer, refusal, to_text
from mechexo.value_classes import dataclass

if TYPE_CHECKING:
    from mechexo.config import PlotSettings, PrometheusSettings, ResourceSettings

LARGEST_BYTES = 16_000_000
"""An answer of more bytes is not read: its query should aggregate."""


@dataclass(frozen=True, slots=True)
class PlotSource:
    """One `[resources.plots.NAME]`."""

    called: str
    resources: ResourceSettings
    prometheus: PrometheusSettings
    root: Path

    @property
    def plot(self) -> PlotSettings:
        """Its own table."""
        return self.resources.plots[self.called]

    @property
    def source(self) -> Source:
        """It, as `ask_all` takes it."""
        return Source(PREFIX + self.called, self.plot.every, self.prometheus.timeout, self.ask)

    def ask(self, question: Question) -> Answer:
        """Runs the query over the plot's range.

        Raises:
            HeldError: the server asks to be left alone until a moment.
            UnreachableError: there is no good answer; the text says why, in the server's own words
                where it gave any, and holds no secret.
        """
        asked = Resolving(self.root)
        with asked.tidied():
            return Answer(self._look(question, asked))

    def _look(self, question: Question, asked: Resolving) -> str:
        plot, server = self.plot, self.prometheus
        moments = grid(plot.range, chosen_step(plot, self.resources.plot_points), question.now)
        # The headers hold a token for that server, which no other one shall see.
        headers = {} if plot.url else server.headers
        answer = fetch(
            asked.resolve_address(plot.url or server.url).rstrip("/") + "/api/v1/query_range",
            timeout_s=question.within_s,
            max_body_bytes=LARGEST_BYTES,
            headers={name: asked.resolve(each) for name, each in headers.items()},
            parameters={
                "query": plot.query,
                "start": f"{moments.start.timestamp():.3f}",
                "end": f"{moments.end.timestamp():.3f}",
                "step": f"{moments.step.total_seconds():.3f}",
                "timeout": f"{question.within_s * 1000:.0f}ms",
            },
            ca_file=str(asked.file(server.ca_file)) if server.ca_file else "",
        )
        document = _document(answer, question)
        return to_text(
            identity(plot, self.prometheus, self.resources), read_answer(document, moments)
        )


def _document(answer: HttpAnswer, question: Question) -> object:
    if answer.is_cut:
        raise UnreachableError("the answer has too many series; aggregate in the query")
    document: object
    try:
        document = json.loads(answer.body)
    except (ValueError, RecursionError):
        document = None
    if answer.status_code == 200 and isinstance(document, dict):
        if document.get("status") == "success":
            return document
    elif (until := hold_until(answer.status_code, answer.headers, question.now)) is not None:
        raise HeldError(f"it answered {answer.status_code}: asked too often", until)
    if said := refusal(document):
        raise UnreachableError(f"Prometheus refused the query ({answer.status_code}): {said}")
    start = answer.body[:120].decode("utf-8", "replace")
    raise UnreachableError(f"it answered {answer.status_code}, not as Prometheus does: {start}")
