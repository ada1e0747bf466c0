"""The running paper desk: `python -m mechexo.paper.run FOLDER --seed N [--for 60s | --once]`.

Serves the gateway's health, moves the market, runs the flows through `mechexo flows exec` and
the pass over the probes through `mechexo tick`, as cron would; now and then a fault happens.
It ends on SIGTERM, SIGINT, or when the process that started it is gone. Times are the machine's;
the market is simulated as if its session never closed.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import random
import shlex
import signal
import sqlite3
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TextIO

from mechexo.clock import Clock, SystemClock
from mechexo.config import load_settings
from mechexo.errors import BusyError, ConflictError, MechexoError
from mechexo.paper import credentials, drills, faults, trading
from mechexo.paper.backups import back_up
from mechexo.paper.build import (
    follow_move,
    free_port,
    is_paper_desk,
    move_gateway,
    write_ci_run,
)
from mechexo.paper.gateway_service import GatewayService
from mechexo.paper.jobs import Jobs, Timetable
from mechexo.paper.live import LiveMarket
from mechexo.paper.supervisor import Supervisor
from mechexo.times import parse_duration

FLOWS = ("data_pipeline", "ml_inference", "reweight", "canary")
MARKET_EVERY_S = 3.0
BUSY_DAY_QUOTES, BUSY_DAY_EVERY_S = 40_000, 12.0
"""A day's file is written anew at each step: one left running overnight takes longer steps."""
FLOW_EVERY_S = {"data_pipeline": 60.0, "ml_inference": 90.0, "reweight": 90.0, "canary": 150.0}
CI_EVERY_S = 1200.0
BACKUP_EVERY_S = 600.0
DRILL_LOOK_EVERY_S = 2.0
RENEW_BEFORE = timedelta(days=30)
STEP_S, OPENING_STEP_S = 0.25, 0.05
SETTLE_S = 3.0
"""Between the two passes of `--once`: over half the probes' interval, so that all are due."""


class PaperDesk:
    """One running desk. Made inside `running`, which holds its lock."""

    def __init__(self, folder: Path, seed: int, clock: Clock, log: TextIO) -> None:
        self.folder, self.seed, self.clock = folder, seed, clock
        self._log = log
        self.calm = False
        """Whether no fault happens by chance."""
        self._follow_move()
        self._keep_credential()
        self.stop = threading.Event()
        now = clock.now()
        self.market = LiveMarket(folder, seed, now)
        self.gateway = self._open_gateway()
        self.stage = faults.Stage(folder, self.market, self.gateway)
        self.jobs = Jobs(folder, log)
        self.supervisor = Supervisor(self.stage, self.jobs)
        self._market_at = now
        healed = faults.heal(self.stage, now)
        if healed:
            self.say(f"{healed}: healed after the last run was cut off")

    def say(self, event: str) -> None:
        """One line into paper.log."""
        self._log.write(f"{trading.stamp(self.clock.now())} {event}\n")
        self._log.flush()

    def move_market(self) -> None:
        """The market since the last move."""
        now = self.clock.now()
        if now < self._market_at:
            self.say("the clock went back; the market waits for nothing and goes on from here")
            self._market_at = now
        waited_s = (now - self._market_at).total_seconds()
        if self.market.quotes_today > BUSY_DAY_QUOTES and waited_s < BUSY_DAY_EVERY_S:
            return
        self.market.books = self.gateway.running
        self.market.step(self._market_at, now)
        self._market_at = now

    def once(self) -> None:
        """Every flow once, and the pass over the probes twice so that what fails is settled."""
        self.move_market()
        for name in FLOWS:
            self.jobs.flow(name, wait=True, stop=self.stop)
        self.jobs.tick(wait=True, stop=self.stop)
        self.stop.wait(SETTLE_S)
        self.move_market()
        self.jobs.tick(wait=True, stop=self.stop)

    def loop(
        self, until_s: float | None, parent: int, *, opened: Callable[[], None] = lambda: None
    ) -> None:
        """Runs until `stop` is set, `until_s` seconds have passed or the parent is gone.

        It opens with every flow, one after the other, and then the probes: a desk that lay still
        for an hour is not late with anything. `opened` is called after that.
        """
        began_s = self.clock.monotonic_s()
        table = Timetable()
        table.add("market", MARKET_EVERY_S, self._careful(self.move_market), first_s=0.0)
        table.add("ci", CI_EVERY_S, self._careful(self._pass_ci), first_s=CI_EVERY_S)
        table.add("backup", BACKUP_EVERY_S, self._careful(self.back_up), first_s=0.0)
        table.add("drill", DRILL_LOOK_EVERY_S, self._careful(self._look_at_drill), first_s=0.0)
        table.add("tidy", 3600.0, self._careful(self._tidy), first_s=60.0)
        opening: Iterator[None] | None = self._opening()
        to_come = faults.schedule(self.seed)
        planned, healing_s = next(to_come), None
        while not self.stop.is_set():
            elapsed_s = self.clock.monotonic_s() - began_s
            if os.getppid() != parent:
                self.say("the process that started this desk is gone")
                return
            if until_s is not None and elapsed_s >= until_s:
                self.jobs.tick(wait=True, stop=self.stop)
                return
            table.run_due(elapsed_s)
            self._careful(self.serve_requests)()
            if opening and next(opening, self) is self:
                opening = None
                self._schedule_jobs(table, elapsed_s)
                opened()
            if self._spares(healing_s):
                pass
            elif healing_s is None and elapsed_s >= planned.at_s:
                self.begin_fault(planned.name)
                healing_s = elapsed_s + planned.lasts_s
            elif healing_s is not None and elapsed_s >= healing_s:
                self.heal_fault()
                planned, healing_s = next(to_come), None
                planned = faults.Planned(
                    planned.name, max(planned.at_s, elapsed_s + 30.0), planned.lasts_s
                )
            self.jobs.reap()
            self.stop.wait(OPENING_STEP_S if opening else STEP_S)

    def _spares(self, healing_s: float | None) -> bool:
        """Whether no fault begins by chance now: one at a time is enough for a drill."""
        return healing_s is None and (self.calm or drills.noted(self.folder) is not None)

    def _opening(self) -> Iterator[None]:
        """Each flow, then the tick, once the one before has ended; yields while one runs."""
        starts: list[Callable[[], None]] = [partial(self.jobs.flow, name) for name in FLOWS]
        for start in (*starts, self.jobs.tick):
            start()
            while self.jobs.busy():
                yield

    def _schedule_jobs(self, table: Timetable, now_s: float) -> None:
        """The flows and the tick from now on, a while after the opening ran them."""
        for place, name in enumerate(FLOWS):
            every_s = FLOW_EVERY_S[name]
            table.add(name, every_s, partial(self.jobs.flow, name), now_s + every_s + 2.0 * place)
        tick_s = load_settings(self.folder / "mechexo.toml").refresh.tick.total_seconds()
        table.add("tick", tick_s, self.jobs.tick, first_s=now_s + tick_s)

    def back_up(self) -> None:
        """A backup of the database and the model; what was left out is in the log."""
        left_out = back_up(self.folder, self.clock.now())
        if left_out:
            self.say(left_out)

    def serve_requests(self) -> None:
        """What the desk's tools asked for, and whether a drill is over."""
        for line in self.supervisor.serve(self.clock.now()):
            self.say(line)

    def _look_at_drill(self) -> None:
        mended = drills.mended(self.stage, self.clock.now())
        if mended:
            self.say(f"{mended}: mended, the drill is over")

    def _keep_credential(self) -> None:
        """A desk that lay still for months is not met by a key at its end, unless in a drill."""
        now = self.clock.now()
        known = (self.folder / credentials.CREDENTIAL).exists()
        drilled = drills.noted(self.folder) == "ending_credential"
        if not known or (not drilled and credentials.ends_at(self.folder) - now < RENEW_BEFORE):
            credentials.issue(self.folder, random.Random(f"{self.seed} {now}"), now)

    def _pass_ci(self) -> None:
        write_ci_run(self.folder, self.clock.now())

    def _tidy(self) -> None:
        trading.forget_before(self.folder, self.clock.now())

    def _careful(self, action: Callable[[], None]) -> Callable[[], None]:
        """The action; when the desk's own files fail it, the log says so and the desk goes on."""

        def act() -> None:
            try:
                action()
            except (OSError, sqlite3.Error) as error:
                self.say(f"failed: {error}")

        return act

    def begin_fault(self, name: str) -> None:
        """Lets a fault happen."""
        faults.begin(self.stage, name, self.clock.now())
        self.say(f"{name}: {faults.FAULTS[name].says}")

    def heal_fault(self) -> None:
        """Ends the fault that stands, if any."""
        healed = faults.heal(self.stage, self.clock.now())
        if healed:
            self.say(f"{healed}: healed")

    def close(self) -> None:
        """Heals, stops the jobs, stops listening."""
        self.jobs.close()
        self.heal_fault()
        self.gateway.stop()

    def _follow_move(self) -> None:
        """Writes where the desk lies now into its configuration, when it was moved."""
        settings = load_settings(self.folder / "mechexo.toml")
        old = settings.runbook.variables.get("DESK_FOLDER", "")
        if old not in ("", str(self.folder)) and follow_move(self.folder, Path(old)):
            self.say(f"the desk was moved here from {old}; its runbook's commands follow")

    def _open_gateway(self) -> GatewayService:
        """Listens on the configured port; when that is taken, on another, written into the file."""
        probe = load_settings(self.folder / "mechexo.toml").probes["tcp_gateway"]
        port = int(probe.options["port"])
        try:
            return GatewayService(self.folder, port, self.clock)
        except OSError as error:
            other = free_port()
            self.say(f"port {port} cannot be used ({error.strerror}); the gateway moves to {other}")
            move_gateway(self.folder, port, other)
            return GatewayService(self.folder, other, self.clock)


@contextmanager
def running(folder: Path, seed: int, clock: Clock) -> Iterator[PaperDesk]:
    """A desk under its lock: one runner to a folder.

    Raises:
        ConflictError: the folder is no paper desk.
        BusyError: it runs already.
    """
    if not is_paper_desk(folder):
        raise ConflictError(
            f"{folder} is no paper desk; make one with: mechexo demo --dir {folder}"
        )
    with (folder / "paper.lock").open("a") as lock, (folder / "paper.log").open("a") as log:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            config = shlex.quote(str(folder / "mechexo.toml"))
            raise BusyError(
                f"{folder}: this paper desk runs already; "
                f"look at it with: mechexo --config {config} console"
            ) from None
        desk = PaperDesk(folder, seed, clock, log)
        desk.say(f"started, seed {seed}, gateway on port {desk.gateway.port}")
        try:
            yield desk
        finally:
            desk.close()
            desk.say("stopped")


def main(arguments: list[str] | None = None) -> int:
    """The command line of the running process. Prints `ready` when the gateway listens, and
    `opened` when every flow has run and the probes have looked."""
    parser = argparse.ArgumentParser(prog="python -m mechexo.paper.run")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--for", dest="lasting", help="end after this long, like 60s")
    parser.add_argument("--once", action="store_true", help="each flow once, two ticks, end")
    parser.add_argument("--calm", action="store_true", help="no fault by chance, only by drill")
    parser.add_argument("--parent", type=int, default=os.getppid(), help="end when it is gone")
    given = parser.parse_args(arguments)
    try:
        until_s = parse_duration(given.lasting).total_seconds() if given.lasting else None
        with running(given.folder.absolute(), given.seed, SystemClock()) as desk:
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                signal.signal(number, lambda *_: desk.stop.set())
            desk.calm = given.calm
            _print("ready")
            if given.once:
                desk.once()
            else:
                desk.loop(until_s, given.parent, opened=partial(_print, "opened"))
    except MechexoError as error:
        sys.stderr.write(f"mechexo: {error}\n")
        return error.exit_code
    return 0


def _print(word: str) -> None:
    sys.stdout.write(word + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
