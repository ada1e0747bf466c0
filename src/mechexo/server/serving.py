"""What one server holds: built once, shared by its routes and its threads."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import field
from typing import TYPE_CHECKING

from mechexo.crash import kept_report
from mechexo.errors import MechexoError
from mechexo.security import operations as security
from mechexo.server.admission import Admission
from mechexo.server.ingest import Ingest
from mechexo.server.loop import Background, Loop
from mechexo.server.metrics import Metrics
from mechexo.server.notify import Notifier
from mechexo.server.work import Work
from mechexo.value_classes import dataclass

if TYPE_CHECKING:
    from mechexo.desk import Desk

NOTE_USED_S = 60.0


@dataclass(slots=True)
class _Unexpected:
    """Keeps one report per place of failure: a request that repeats shall fill no disk."""

    desk: Desk
    seen: dict[str, str] = field(default_factory=dict)

    def __call__(self, error: BaseException) -> str:
        trace = error.__traceback__
        while trace is not None and trace.tb_next is not None:
            trace = trace.tb_next
        place = f"{type(error).__name__} {trace.tb_frame.f_code.co_qualname if trace else ''}"
        if place not in self.seen:
            self.seen[place] = kept_report(error, self.desk.state.path)
            sys.stderr.write(f"mechexo: {self.seen[place]}\n")
        return self.seen[place]


class Serving:
    """The parts of a running server and their order of beginning and ending."""

    def __init__(
        self,
        desk: Desk,
        *,
        notifier: Notifier | None = None,
        background: Mapping[str, Background] | None = None,
        settled: Callable[[], None] = lambda: None,
    ) -> None:
        self.desk = desk
        self.notifier = notifier or Notifier.of(os.environ)
        self.unexpected: Callable[[BaseException], str] = _Unexpected(desk)
        self.admission = Admission(desk)
        # Apart, so that check-ins that wait for the disk do not hide how we are.
        self.work, self.writing = Work(), Work(threads=2)
        self.ingest = Ingest(desk, committed=lambda: self.loop.wake())
        self.metrics = Metrics(desk, lambda: self.ingest.waiting)
        self.loop = Loop(
            desk,
            metrics=self.metrics,
            notifier=self.notifier,
            background={"tokens": self._note_used, **(background or {})},
            unexpected=self.unexpected,
            settled=settled,
        )
        self._writer = threading.Thread(target=self.ingest.run, name="serve-ingest", daemon=True)

    def begin(self) -> None:
        """Starts the threads."""
        self._writer.start()
        self.loop.start()

    def end(self, within_s: float) -> bool:
        """Finishes what was accepted and ends the threads; False when one is left hanging."""
        self.ingest.end()
        self._writer.join(within_s / 2)
        self.loop.end(within_s / 2)
        self.work.end(within_s / 10)
        self.writing.end(within_s / 10)
        return not any(
            thread.name.startswith(("serve-", "tick-", "send-")) for thread in threading.enumerate()
        )

    def problems(self) -> list[str]:
        """Why requests had better go elsewhere; nothing when all is well."""
        found = self.loop.problems()
        if not self._writer.is_alive():
            found.append("the thread that takes alerts in has ended")
        if self.ingest.is_crowded:
            found.append(f"{self.ingest.waiting} requests wait for the disk")
        try:
            self.desk.state.data_version()
        except MechexoError as error:
            found.append(str(error))
        return found

    def _note_used(self, desk: Desk, stop: threading.Event) -> None:
        """Stores now and then when tokens were used, and once at the end."""
        while True:
            ending = stop.wait(NOTE_USED_S)
            used = self.admission.take_used()
            with suppress(MechexoError):  # the next use is noted again
                security.note_used(desk, used)
            if ending:
                return
