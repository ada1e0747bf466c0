"""Alerts from coming in to going out, measured on real files, servers and programs.

Run by `scripts/bench-alerts`. Nothing here fails: figures are reported beside what the disk itself
gives in the same run, and beside their targets, not asserted.
"""

from __future__ import annotations

import argparse
import itertools
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import psutil

from bench.alert_desks import (
    MAILBOX,
    add_history,
    copied,
    make_desk,
    observation,
    open_alerts,
    settle,
)
from bench.bare_disk import BareDisk
from bench.figures import Table, Times, turns
from bench.http_load import post_alerts
from bench.sinks import HttpSink, MailboxWatch
from mechexo import tick_log, watch
from mechexo.alerts import operations as alerts
from mechexo.desk import Desk
from support.program import environment
from support.serving import Server, token, until

PYTHON = sys.executable
MECHEXO = str(Path(PYTHON).with_name("mechexo"))
CLIENTS = {1: 100, 8: 300, 64: 800}
"""How many alerts so many clients post in one round."""
GROUPED = {1: 20, 8: 20}
"""How many requests of so many clients in one round, where each brings a group of alerts."""
GROUP = 20
"""Alerts of a group, as Alertmanager and Grafana send what fires together."""
BLOCK = 100
"""Turns of the bare loops before each of ours: a shared machine's disk changes by the second."""
IDLE_S = 20.0


def numbered(name: str) -> Iterator[str]:
    """`name0000`, `name0001`, and so on."""
    return (f"{name}{number:04}" for number in itertools.count())


class Bench:
    """The parts of the measurement, in a folder of their own."""

    def __init__(self, folder: Path, rounds: int) -> None:
        self.folder, self.rounds = folder, rounds
        self.table = Table()
        self.disk = BareDisk(folder)
        self.sink = HttpSink()

    # Coming in

    def ingest(self) -> None:
        """One alert at a time, then over HTTP, each beside the bare loop."""
        desk = make_desk(self.folder / "one", self.sink.url)
        keys = numbered("one")
        fsyncs, bare, ours, kept = Times(), Times(), Times(), Times()
        for _ in range(3 * self.rounds):
            self.disk.fsyncs(BLOCK, fsyncs)
            self.disk.inserts(BLOCK, bare)
            for key in itertools.islice(keys, BLOCK):
                ours.take(lambda key=key: alerts.observe(desk, [observation(key)]))
            for key in itertools.islice(keys, BLOCK):
                said = [observation(key)]
                kept.take(lambda said=said: alerts.observe(desk, said, time_is_kept=True))
        self.table.row("the disk: 4 KiB appended, fdatasync", fsyncs, "", f"{fsyncs.per_s:,.0f}")
        self.table.row("bare one-row inserts, WAL, FULL", bare, "", f"{bare.per_s:,.0f}")
        rows = {"operations.observe, one at a time": ours, "the same as serve calls it": kept}
        for what, times in rows.items():
            slower, p50 = bare.per_s / times.per_s, times.p50_s() / bare.p50_s()
            note = f"{slower:.2f}x bare (p50 {p50:.2f}x) / 1.5x"
            self.table.row(what, times, note, f"{times.per_s:,.0f}")
        desk = make_desk(self.folder / "many", self.sink.url)
        self._ingest_over_http(desk, CLIENTS, "")

    def _ingest_over_http(self, desk: Desk, clients: dict[int, int], where: str) -> None:
        shown, keys = token(desk), numbered("http")
        with Server(desk.config_path) as server:
            post_alerts(server.address, shown, keys, 1, 20)
            # Its first tick loads half of the program.
            until(lambda: tick_log.last(desk.state), "the first tick")
            runs = [(number, count, 1) for number, count in clients.items()]
            runs += [(number, count, GROUP) for number, count in GROUPED.items()]
            for number, count, grouped in runs:
                bare, times, took_s = Times(), list[float](), 0.0
                for _ in range(3 * self.rounds):
                    self.disk.inserts(BLOCK, bare)
                    load = post_alerts(server.address, shown, keys, number, count, grouped=grouped)
                    times += load.times_s
                    took_s += load.took_s
                each_s = took_s / (len(times) * grouped)
                note = f"{each_s * bare.per_s:.2f}x bare ({bare.per_s:,.0f}/s) / 1.5x"
                what = f"serve, {number} client{'s' if number > 1 else ''}"
                what += f", {grouped} alerts a request" if grouped > 1 else ""
                self.table.row(f"{what}{where}", times, note, f"{1 / each_s:,.0f}")

    # Going out

    def sending(self) -> None:
        """From the POST to the first message, through Apprise and into a mailbox file."""
        desk = make_desk(self.folder / "send", self.sink.url, per_minute=10_000, mailbox=True)
        shown = token(desk)
        mailbox = MailboxWatch(desk.root / MAILBOX)
        places = {"json:// (Apprise)": self.sink.arrivals, "mailbox file": mailbox.arrivals}
        with Server(desk.config_path) as server:
            begun: dict[str, float] = {}

            def post(key: str) -> None:
                begun[key] = time.perf_counter()
                post_alerts(server.address, shown, iter([key]), 1, 1)

            def told(what: str, keys: list[str], note: str) -> None:
                for place, arrivals in places.items():
                    arrivals.wait_for(keys, 60.0)
                    found = [arrivals.at_s[key] - begun[key] for key in keys]
                    self.table.row(f"POST to {place}, {what}", found, note)

            post("cold0")
            told("the very first", ["cold0"], "its sending process starts")
            keys = list(itertools.islice(numbered("send"), 120))
            for key in keys:
                post(key)
                time.sleep(random.uniform(0.1, 0.6))
            told("120 alerts", keys, "/ p99 1,000 ms")
        mailbox.close()

    # With history

    def history(self, rows: int, count: int, overdue: int) -> None:
        """What a large file and many open alerts cost."""
        desk = make_desk(self.folder / "history", self.sink.url, probes=20)
        add_history(desk.state.path, rows, desk.clock.now())
        open_alerts(desk, count, overdue)
        size_mb = desk.state.path.stat().st_size / 1e6
        self.table.note(f"with {rows:,} rows of history ({size_mb:.0f} MB), {count:,} open alerts:")
        self._planning(desk, overdue)
        settled = copied(desk, self.folder / "settled")
        alerts.keep_time(settled)
        settle(settled)
        self._ticks(settled)
        self._reading(settled)
        self._programs(settled)
        self._passes(settled)
        self._ingest_over_http(settled, {64: CLIENTS[64]}, ", with all of this")

    def _planning(self, desk: Desk, overdue: int) -> None:
        times, planned = Times(), 0
        for number in range(self.rounds):
            copy = copied(desk, self.folder / f"plan{number}")
            times.take(lambda copy=copy: alerts.keep_time(copy))
            row = copy.state.row("SELECT COUNT(*) FROM delivery WHERE state = 'due'")
            planned = row[0] if row else 0
            copy.state.close()
        self.table.row(f"{overdue:,} overdue, {planned:,} planned in one step", times, "/ 2,000 ms")

    def _ticks(self, desk: Desk) -> None:
        stages: dict[str, list[float]] = {}
        whole = []
        for _ in range(10):
            report = watch.tick(desk)
            whole.append(report.duration_s)
            for stage in report.stages:
                stages.setdefault(stage.name, []).append(stage.duration_s)
        self.table.row("tick, its alerts (20 of them seen again)", stages["alerts"])
        self.table.row("tick, the whole", whole)

    def _reading(self, desk: Desk) -> None:
        self.table.row(
            "operations.list_alerts", turns(20, lambda: alerts.list_alerts(desk)), "/ 50 ms"
        )
        shown = alerts.list_alerts(desk)
        outlooks = turns(10, lambda: alerts.outlooks(desk, shown))
        self.table.row("operations.outlooks of all of them", outlooks)
        each = iter(shown)
        timelines = turns(50, lambda: alerts.timeline(desk, next(each).id))
        self.table.row("operations.timeline of one", timelines)

    def _programs(self, desk: Desk) -> None:
        ids = [alert.id for alert in alerts.list_alerts(desk, limit=10 * self.rounds)]
        words: dict[str, Callable[[int], list[str]]] = {
            "alerts ack": lambda number: ["alerts", "ack", str(number)],
            "alerts why": lambda number: ["alerts", "why", str(number)],
            "alerts list": lambda _: ["alerts", "list"],
            "alerts list --json": lambda _: ["alerts", "list", "--json"],
        }
        start, found = Times(), {name: Times() for name in words}
        for number in ids:
            start.take(lambda: _run([PYTHON, "-c", "pass"]))
            for name, build in words.items():
                if not name.startswith("alerts list") or number in ids[:5]:
                    argv = [MECHEXO, "--config", str(desk.config_path), *build(number)]
                    found[name].take(lambda argv=argv: _run(argv))
        self.table.row("python -c pass", start)
        for name, times in found.items():
            above_ms = (times.p50_s() - start.p50_s()) * 1000
            cpu_ms = (times.cpu_p50_s() - start.cpu_p50_s()) * 1000
            note = f"{above_ms:.0f} ms above the interpreter, {cpu_ms:.0f} of CPU"
            self.table.row(f"mechexo {name}", times, note + " / 150" * (name == "alerts ack"))

    def _passes(self, desk: Desk) -> None:
        watch.send_due(desk)
        advance, send = (
            turns(20, lambda do=do: do(desk)) for do in (watch.advance, watch.send_due)
        )
        self.table.row("a pass with nothing due, its alerts", advance)
        self.table.row("a pass with nothing due, its sending", send)
        with Server(desk.config_path) as server, server.client() as client:

            def passes() -> float:
                text = client.get("/metrics").text
                named = (x for x in text.splitlines() if x.startswith("mechexo_passes_total{"))
                # There is none before the first pass.
                return float(next(named, "0").rpartition(" ")[2])

            until(lambda: passes() > 3, "a pass")
            process = psutil.Process(server.process.pid)
            before, cpu = passes(), process.cpu_times()
            time.sleep(IDLE_S)
            after = process.cpu_times()
            done = passes() - before
        spent_s = after.user + after.system - cpu.user - cpu.system
        self.table.note(
            f"serve with nothing due: {1000 * spent_s / done:.1f} ms of CPU a pass, "
            f"{100 * spent_s / IDLE_S:.2f} % of a core ({done:.0f} passes in {IDLE_S:.0f} s)"
        )


def _run(argv: Sequence[str]) -> None:
    done = subprocess.run(argv, stdout=subprocess.DEVNULL, env=environment(), check=False)
    if done.returncode:
        raise RuntimeError(f"{argv} ended with {done.returncode}")


def _load() -> str:
    return f"{os.cpu_count()} cores, load " + " ".join(f"{each:.1f}" for each in os.getloadavg())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--part", default="ingest,sending,history")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--history", type=int, default=1_000_000, help="rows")
    parser.add_argument("--open", type=int, default=5_000, help="open alerts")
    parser.add_argument("--overdue", type=int, default=1_000, help="of them overdue")
    parser.add_argument("--folder", type=Path, help="on the disk to measure")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mechexo-bench-", dir=chosen.folder) as folder:
        bench = Bench(Path(folder), chosen.rounds)
        bench.table.note(f"before: {_load()}")
        parts: dict[str, Callable[[], None]] = {
            "ingest": bench.ingest,
            "sending": bench.sending,
            "history": lambda: bench.history(chosen.history, chosen.open, chosen.overdue),
        }
        for part in chosen.part.split(","):
            parts[part]()
        bench.table.note(f"after: {_load()}")


if __name__ == "__main__":
    main()
