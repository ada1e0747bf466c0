"""Long lists and small refreshes of the console, measured on the real program.

Run it with `python tests/bench/bench_lists.py` (`PYTHONPATH=tests`). Nothing here fails: figures
are reported beside their targets, not asserted.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

import psutil

from mechexo.alerts import operations as alerts
from mechexo.desk import Desk
from mechexo.health import operations as health
from support.pseudo_terminal import PseudoTerminal

MECHEXO = str(Path(sys.executable).with_name("mechexo"))
SIZES = ((120, 40, "2,500"), (80, 24, "2,000"))
TOML = """
[desk]
name = "bench"

[probes.import_job]
kind = "heartbeat"
card = "data"
fail_after = 1
every_expected = "1h"

[probes.weights_job]
kind = "heartbeat"
card = "models"
fail_after = 1
every_expected = "1h"
"""


def make_desk(folder: Path, count: int) -> Desk:
    """A desk with two cards and `count` open alerts."""
    folder.mkdir()
    config = folder / "mechexo.toml"
    config.write_text(TOML)
    desk = Desk.open(config)
    look(desk, well=True)
    observe(desk, range(count), "gross exposure 112.0 % of its limit")
    return desk


def look(desk: Desk, *, well: bool) -> None:
    """Both cards turn."""
    for job in ("import_job", "weights_job"):
        health.check_in(desk, job, ok=well)
    health.run_due(desk, force=True)


def observe(desk: Desk, numbers: Iterable[int], summary: str) -> None:
    """Alerts open, or say something else."""
    alerts.observe(
        desk,
        [
            alerts.Observation(f"k{n}", True, "high", f"limit_{n:06}", summary, "bench")
            for n in numbers
        ],
    )


def row(what: str, found: str, target: str) -> None:
    print(f"{what:56} {found:>12}  / {target}", flush=True)


def console(desk: Desk, columns: int = 120, rows: int = 40) -> PseudoTerminal:
    argv = [MECHEXO, "--config", str(desk.config_path), "console"]
    return PseudoTerminal(argv, columns, rows, environ={"LANG": "C.UTF-8"})


def measure_refresh(desk: Desk) -> None:
    for columns, rows, target in SIZES:
        with console(desk, columns, rows) as terminal:
            terminal.collect(quiet_s=3.0, timeout_s=30)
            found = []
            for turn in range(4):
                observe(desk, range(0, 50, 5), f"gross exposure {113 + turn}.5 % of its limit")
                look(desk, well=bool(turn % 2))
                found.append(len(terminal.everything_for(3.0)))
        what = f"bytes, 10 of 50 rows and 2 cards changed, {columns}x{rows}"
        row(what, f"{statistics.median(found):,.0f}", target)


def measure_keys(desk: Desk, count: int) -> None:
    def press(what: str, keys: Iterable[str], target: str) -> None:
        times = []
        for key in keys:
            begin = time.perf_counter()
            terminal.send(key)
            burst = terminal.collect(quiet_s=0.5, timeout_s=5.0, since_s=begin)
            times.append(burst.last_s * 1000)
        row(f"{count:,} alerts: {what}, median", f"{statistics.median(times):.0f} ms", target)

    with console(desk) as terminal:
        terminal.collect(quiet_s=5.0, timeout_s=60)
        press("open", ("2",), "50 ms")
        terminal.send("q")
        terminal.collect(quiet_s=0.5, timeout_s=5.0)
        press("open again", ("2",), "50 ms")
        press("page down", [" "] * 9, "25 ms")
        press("sort", "NNST", "100 ms")
        terminal.send("/")
        terminal.collect(quiet_s=0.5, timeout_s=5.0)
        press("filter as you type", "limit_0", "50 ms")


def measure_memory(desk: Desk, refreshes: int) -> None:
    with console(desk) as terminal:
        terminal.collect(quiet_s=3.0, timeout_s=30)
        process = psutil.Process(terminal.pid)
        for done in range(refreshes + 10):
            if done == 10:
                before = process.memory_info().rss
            terminal.send("r")
            terminal.collect(quiet_s=0.1, timeout_s=0.4)
        terminal.collect(quiet_s=3.0, timeout_s=10)
        grown = (process.memory_info().rss - before) / 1e6
    row(f"memory growth over {refreshes} refreshes", f"{grown:.1f} MB", "3 MB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--alerts", type=int, default=100_000)
    parser.add_argument("--refreshes", type=int, default=288)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mechexo-bench-") as folder:
        small = make_desk(Path(folder) / "small", 50)
        measure_refresh(small)
        measure_memory(small, chosen.refreshes)
        measure_keys(make_desk(Path(folder) / "large", chosen.alerts), chosen.alerts)


if __name__ == "__main__":
    main()
