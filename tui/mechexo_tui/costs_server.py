"""The process that works out costs for the console (`costs_apart.py` is the console's end of it).

It prices periods and writes files in one thread and answers questions in another, so that looking
around goes on meanwhile. It ends with the console, and by itself when nothing is asked.
"""

from __future__ import annotations

import contextlib
import os
import select
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING

from mechexo.clock import VirtualClock
from mechexo.costs.views import DEFAULT_PERIOD, ExceptionsAsked, Period, moments_of
from mechexo.desk import Desk
from mechexo.errors import MechexoError
from mechexo.value_classes import dataclass
from mechexo_tui.costs_apart import (
    Done,
    IncidentCosted,
    Job,
    Looked,
    Priced,
    Reported,
    Seen,
    Written,
    receive,
    send,
)

if TYPE_CHECKING:
    from mechexo.costs.running import Run
    from mechexo.costs.values import CostReport
    from mechexo.costs.viewing import Viewer

REPORTED_BY = ("day", "symbol", "hour")

_KINDER = 5
"""Keys come before costs where the two share a core."""

_DISPENSABLE = "500"
"""Where memory runs out, this process is to go, not the console."""


@dataclass(frozen=True, slots=True)
class Held:
    """A priced period."""

    period: Period
    viewer: Viewer
    number: int
    priced_at: datetime
    complaint: str = ""


class Server:
    """Does jobs. It holds the run of one period: the one that was looked at last."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._held: Held | None = None
        self._wanted = DEFAULT_PERIOD
        self._count = 0

    def do(self, job: Job) -> Done:
        """What comes of a job. A failure is a value too."""
        desk = replace(self._desk, clock=VirtualClock(job.now))
        try:
            match job.what:
                case Reported():
                    return Done(job.number, self._report(desk))
                case Priced(period, anew):
                    self._wanted = period
                    self._price(desk, period, anew=anew)
                    return Done(job.number)
                case IncidentCosted(number, in_brief):
                    return Done(job.number, _incident(desk, number, in_brief=in_brief))
                case Looked() | Written():
                    return self._answer(desk, job.number, job.what)
        except MechexoError as error:
            return Done(job.number, failure=str(error))
        except BaseException as error:  # noqa: BLE001 - Polars' panics are no Exception
            text = f"a defect in mechexo: {type(error).__name__}: {error}"
            return Done(job.number, failure=text)

    def _report(self, desk: Desk) -> CostReport:
        from mechexo.costs.operations import report_of

        run = self._run(desk, DEFAULT_PERIOD)
        start, end = moments_of(desk, DEFAULT_PERIOD)
        return report_of(desk, run, start=start, end=end, by=REPORTED_BY)

    def _price(self, desk: Desk, period: Period, *, anew: bool) -> None:
        held = self._held
        if held is not None and held.period == period and not anew:
            return
        try:
            self._run(desk, period)
        except MechexoError:
            # What was priced before is still there, and says what is wrong since.
            if self._held is None or self._held.period != period:
                raise

    def _run(self, desk: Desk, period: Period) -> Run:
        """Prices a period; it is held if it is the one that is looked at."""
        from mechexo.costs.running import grouping, price_period
        from mechexo.costs.viewing import Viewer
        from mechexo.costs.viewing_beside import beside

        start, end = moments_of(desk, period)
        try:
            run = price_period(desk, start, end)
        except MechexoError as error:
            if self._held is not None and self._held.period == period:
                self._held = replace(self._held, complaint=str(error))
            raise
        if period == self._wanted:
            more = beside(desk, start, end)
            viewer = Viewer(run, desk.settings.costs, grouping(desk), start, end, more)
            self._count += 1
            self._held = Held(period, viewer, self._count, desk.clock.now())
        return run

    def _answer(self, desk: Desk, number: int, what: Looked | Written) -> Done:
        held = self._held
        if held is None or held.period != what.period:
            return Done(number, missing=True)
        known = {}
        if isinstance(what.asked, ExceptionsAsked):
            from mechexo.costs import records

            known = records.acknowledgements(desk.state)
        if isinstance(what, Written):
            from mechexo.costs.viewing_export import export

            return Done(number, export(held.viewer.another(), what.asked, what.target, known))
        view = held.viewer.answer(what.asked, known)
        seen = Seen(view, held.viewer.head, held.number, held.priced_at, held.complaint)
        return Done(number, seen)


def _incident(desk: Desk, incident_id: int, *, in_brief: bool) -> str | tuple[str, ...] | None:
    from mechexo.incident_cost import incident_cost, markdown
    from mechexo.incident_postmortem import cost_lines

    if in_brief:
        return cost_lines(desk, incident_id)
    return markdown(incident_cost(desk, incident_id))


def serve(server: Server, jobs: int, answers: IO[bytes], idle_s: float) -> None:
    """Does the jobs that come from a descriptor until there are no more, or none for a while."""
    speaking = threading.Lock()
    under_way: set[int] = set()

    def do(job: Job) -> None:
        done = server.do(job)
        with speaking, contextlib.suppress(OSError):
            send(answers, done)
        under_way.discard(job.number)

    def read(length: int) -> bytes:
        data = b""
        while len(data) < length and (more := os.read(jobs, length - len(data))):
            data += more
        return data

    waiting = select.poll()
    waiting.register(jobs, select.POLLIN)
    pools = {kind: ThreadPoolExecutor(1, kind) for kind in ("pricing", "viewing")}
    while True:
        if not waiting.poll(idle_s * 1000):
            if not under_way:
                return
            continue
        job = receive(read)
        if job is None:
            return
        under_way.add(job.number)
        pools["viewing" if isinstance(job.what, Looked) else "pricing"].submit(do, job)


def main() -> None:
    """Serves the console that started this process."""
    config, idle_s = sys.argv[1:]
    # Whatever prints must not get between the answers.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    with contextlib.suppress(OSError):
        os.nice(_KINDER)
        Path("/proc/self/oom_score_adj").write_text(_DISPENSABLE)
    try:
        desk = Desk.unopened(Path(config))
    except MechexoError as error:
        sys.stderr.write(f"{error}\n")
        os._exit(1)
    serve(Server(desk), 0, answers, float(idle_s))
    # At once: with the console gone nobody waits for what is still being worked out.
    os._exit(0)


if __name__ == "__main__":
    main()
