"""The loop beside the endpoint: a quick pass each second, the whole tick each `[refresh] tick`.

Each runs in a thread of its own, and both apart from the taking in of alerts, so that a tick that
hangs keeps no page and no request from its way. That two processes on one state file behave as one
is the work of the locks and leases of `watch` and the outbox, not of this file.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from mechexo import watch
from mechexo.alerts.processes import Processes
from mechexo.errors import BusyError, MechexoError

if TYPE_CHECKING:
    from mechexo.desk import Desk
    from mechexo.server.metrics import Metrics
    from mechexo.server.notify import Notifier

Background = Callable[["Desk", threading.Event], None]
"""Something that runs as long as the server does, and returns soon after the event is set."""

PASS_EVERY_S = 1.0
LEAST_BETWEEN_S = 0.2
"""Passes that were woken do not follow each other faster."""
TICK_S = 11.0
SEND_S = 10.0
PATIENCE_S = 2.0
"""A sending that lasts longer is held up by a channel: another begins beside it."""
MOST_SENDINGS = 6
FRESH_S = 10.0
"""A loop whose last pass is older does not do its work."""
_TICKS_MISSED = 3
_RESTART_S = (1.0, 5.0, 30.0)


class Loop:
    """The threads that watch, send, and run what else was given."""

    def __init__(
        self,
        desk: Desk,
        *,
        metrics: Metrics,
        notifier: Notifier,
        background: Mapping[str, Background],
        unexpected: Callable[[BaseException], str],
        settled: Callable[[], None],
    ) -> None:
        """`settled` is called after the first tick: nearly all that is ever loaded is there."""
        self._desk, self._metrics, self._notifier = desk, metrics, notifier
        self._unexpected, self._settled = unexpected, settled
        self._stop, self._wake, self._again = (threading.Event() for _ in range(3))
        self._every_s = desk.settings.refresh.tick.total_seconds()
        self._said: dict[str, str] = {}
        self._sendings: list[tuple[threading.Thread, float]] = []
        self._processes = Processes()
        self._passed_at_s = self._ticked_at_s = time.monotonic()
        self._told_at_s = 0.0
        works: dict[str, Callable[[], None]] = {"pass": self._passes, "tick": self._ticks}
        for name, work in background.items():
            works[name] = self._kept_running(name, work)
        self._threads = [
            threading.Thread(target=self._closing(work), name=f"serve-{name}", daemon=True)
            for name, work in works.items()
        ]

    def start(self) -> None:
        """Begins. The first pass and the first tick follow at once."""
        for thread in self._threads:
            thread.start()

    def wake(self) -> None:
        """There is something new to send: does not wait for the next second."""
        self._wake.set()

    def end(self, within_s: float) -> None:
        """Lets every thread end; those that hang are left behind after so many seconds."""
        self._stop.set()
        self._wake.set()
        until_s = time.monotonic() + within_s
        for thread in (*self._threads, *(thread for thread, _ in self._sendings)):
            if thread.ident is not None:
                thread.join(max(until_s - time.monotonic(), 0.0))
        self._processes.end()

    def problems(self) -> list[str]:
        """Why the loop cannot be relied on now; nothing when it can."""
        found = [f"the thread {t.name} has ended" for t in self._threads if not t.is_alive()]
        if (age_s := time.monotonic() - self._passed_at_s) > FRESH_S:
            found.append(f"no pass has ended for {age_s:.0f} s")
        if not self._ticks_advance():
            found.append("no tick has ended for three intervals")
        return found

    def _passes(self) -> None:
        advance_at_s = 0.0
        while not self._stop.is_set():
            self._wake.clear()
            began_s = time.monotonic()
            if began_s >= advance_at_s:
                advance_at_s = began_s + PASS_EVERY_S
                self._advance()
            self._send()
            self._stop.wait(LEAST_BETWEEN_S)
            self._wake.wait(max(advance_at_s - time.monotonic(), 0.0))

    def _advance(self) -> None:
        try:
            watch.advance(self._desk)
            result = "done"
            self._say("pass", "")
        except BusyError as error:
            # Another process does it; or it holds the file, of which /healthz and the next pass
            # tell when it lasts.
            result = "busy"
            self._say("pass", "" if ".pass:" in str(error) else str(error))
        except MechexoError as error:
            result = "failed"
            self._say("pass", str(error))
        except Exception as error:  # noqa: BLE001 - told, and the loop must go on
            self._metrics.passes.labels("crashed").inc()
            self._say("pass", self._unexpected(error))
            # No advance: a service manager that watches starts us anew when it goes on so.
            return
        self._metrics.passes.labels(result).inc()
        self._passed_at_s = time.monotonic()
        self._tell_alive()

    def _tell_alive(self) -> None:
        every_s, now_s = self._notifier.watchdog_s, time.monotonic()
        due = every_s is not None and now_s - self._told_at_s >= every_s / 4
        if due and self._ticks_advance():
            self._told_at_s = now_s
            self._notifier.alive()

    def _send(self) -> None:
        now_s = time.monotonic()
        self._sendings = [(t, at) for t, at in self._sendings if t.is_alive()]
        young = any(now_s - began_s < PATIENCE_S for _, began_s in self._sendings)
        if young:
            # It may have looked before what we were woken for was there.
            self._again.set()
            return
        if len(self._sendings) < MOST_SENDINGS:
            work = self._closing(self._send_due)
            thread = threading.Thread(target=work, name="serve-send", daemon=True)
            self._sendings.append((thread, now_s))
            thread.start()

    def _send_due(self) -> None:
        try:
            watch.send_due(self._desk, deadline_s=SEND_S, processes=self._processes)
            self._processes.end_idle()
            self._say("sending", "")
        except MechexoError as error:
            self._say("sending", str(error))
        except Exception as error:  # noqa: BLE001 - told, and the loop must go on
            self._say("sending", self._unexpected(error))
        if self._again.is_set():
            self._again.clear()
            self._wake.set()

    def _ticks(self) -> None:
        wait_s, is_first = 0.0, True
        while not self._stop.wait(wait_s):
            began_s = time.monotonic()
            wait_s = self._tick() or max(self._every_s - (time.monotonic() - began_s), 0.1)
            if is_first:
                self._settled()
                is_first = False

    def _tick(self) -> float:
        """One tick when it is due; the seconds until it is when somebody else ran one, else 0."""
        try:
            if due_s := watch.tick_due_s(self._desk):
                self._ticked_at_s = time.monotonic()
                return due_s
            report = watch.tick(self._desk, deadline_s=TICK_S)
            self._metrics.tick_s.observe(report.duration_s)
            failed = {stage.detail: stage.name for stage in report.failed}
            self._say("tick", "; ".join(f"{name}: {why}" for why, name in failed.items()))
        except BusyError:
            # Another process runs it now.
            self._ticked_at_s = time.monotonic()
            return 1.0
        except MechexoError as error:
            self._say("tick", str(error))
        except Exception as error:  # noqa: BLE001 - told, and the loop must go on
            self._say("tick", self._unexpected(error))
            return 0.0
        self._ticked_at_s = time.monotonic()
        return 0.0

    def _ticks_advance(self) -> bool:
        limit_s = _TICKS_MISSED * self._every_s + TICK_S
        return time.monotonic() - self._ticked_at_s <= limit_s

    def _kept_running(self, name: str, work: Background) -> Callable[[], None]:
        def run() -> None:
            failures = 0
            while not self._stop.is_set():
                began_s = time.monotonic()
                try:
                    work(self._desk, self._stop)
                    self._say(name, "")
                    wait_s = _RESTART_S[0]
                except MechexoError as error:
                    self._say(name, str(error))
                    wait_s = _RESTART_S[min(failures, len(_RESTART_S) - 1)]
                except Exception as error:  # noqa: BLE001 - told, and begun again
                    self._say(name, self._unexpected(error))
                    wait_s = _RESTART_S[min(failures, len(_RESTART_S) - 1)]
                failures = failures + 1 if time.monotonic() - began_s < _RESTART_S[-1] else 0
                self._stop.wait(wait_s)

        return run

    def _closing(self, work: Callable[[], None]) -> Callable[[], None]:
        def run() -> None:
            try:
                work()
            finally:
                self._desk.state.close()

        return run

    def _say(self, what: str, problem: str) -> None:
        """Tells stderr of a problem once, and once that it is over."""
        before = self._said.get(what, "")
        self._said[what] = problem
        if problem and problem != before:
            sys.stderr.write(f"mechexo: {what}: {problem}\n")
        elif before and not problem:
            sys.stderr.write(f"mechexo: {what}: works again\n")
