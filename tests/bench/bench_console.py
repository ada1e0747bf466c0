"""The console's speed, measured on the real program beside a baseline of the same run.

Run by `scripts/bench-console`. Nothing here fails: clocks are reported, not asserted.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import psutil

from support.pseudo_terminal import COLOUR_CODES, PseudoTerminal, plain

PYTHON = sys.executable
MECHEXO = str(Path(PYTHON).with_name("mechexo"))
BARE_TEXTUAL = """
from textual.app import App
from textual.widgets import Static
class Bare(App):
    def compose(self):
        yield Static("marker-of-the-first-frame")
Bare().run()
"""


def wall_ms(argv: Sequence[str], samples: int) -> list[float]:
    """Wall time of a command, in ms, sorted."""
    times = []
    for _ in range(samples):
        begin = time.perf_counter()
        subprocess.run(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
        times.append((time.perf_counter() - begin) * 1000)
    return sorted(times)


def first_frame_ms(argv: Sequence[str], marker: str, size: tuple[int, int], n: int) -> list[float]:
    """Time until `marker` is on the screen, in ms, sorted."""
    times = []
    for _ in range(n):
        with PseudoTerminal(argv, *size) as terminal:
            burst = terminal.collect(
                until=lambda data: marker in plain(data), since_s=terminal.started_s
            )
            times.append(burst.last_s * 1000)
    return sorted(times)


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which `share` of the sorted values lie (linear, type 7)."""
    position = (len(values) - 1) * share
    low = int(position)
    high = min(low + 1, len(values) - 1)
    return values[low] + (values[high] - values[low]) * (position - low)


class Report:
    """Rows of the table, printed as they are measured."""

    def __init__(self) -> None:
        print(f"{'what':46} {'p50':>10} {'p95':>10}  ratio (against) / target")

    def row(self, what: str, p50: str, p95: str = "", note: str = "") -> None:
        print(f"{what:46} {p50:>10} {p95:>10}  {note}", flush=True)

    def times(self, what: str, values: list[float], note: str = "") -> None:
        self.row(
            what, f"{percentile(values, 0.5):.1f} ms", f"{percentile(values, 0.95):.1f} ms", note
        )


def measure(desk: Path, columns: int, rows: int, samples: int) -> None:
    config = ["--config", str(desk / "mechexo.toml")]
    size = (columns, rows)
    report = Report()

    base = wall_ms([PYTHON, "-c", "import typer"], samples)
    report.times("import typer", base)
    for words, target in ((["--help"], "1.6x"), ([*config, "status"], "2.1x")):
        found = wall_ms([MECHEXO, *words], samples)
        ratio = percentile(found, 0.5) / percentile(base, 0.5)
        report.times(f"mechexo {words[-1]}", found, f"{ratio:.2f}x (import typer) / {target}")

    bare = first_frame_ms([PYTHON, "-c", BARE_TEXTUAL], "marker-of-the-first-frame", size, samples)
    report.times("bare Textual, first frame", bare)
    ours = first_frame_ms([MECHEXO, *config, "console"], "OK", size, samples)
    ratio = percentile(ours, 0.5) / percentile(bare, 0.5)
    report.times("mechexo console, first frame", ours, f"{ratio:.2f}x (bare Textual) / 1.35x")

    with PseudoTerminal([MECHEXO, *config, "console"], *size) as terminal:
        settled = terminal.collect(quiet_s=2.0, timeout_s=20)
        report.row(
            "bytes to the settled first screen", f"{len(settled.data):,}", "", "/ 24,000 at 120x40"
        )
        process = psutil.Process(terminal.pid)

        def keys(what: str, pressed: Sequence[str], note: str, settle_s: float = 0.12) -> None:
            times, sizes = [], []
            for key in pressed:
                begin = time.perf_counter()
                terminal.send(key)
                burst = terminal.collect(quiet_s=settle_s, timeout_s=2.0, since_s=begin)
                if burst.data:
                    times.append(burst.last_s * 1000)
                    sizes.append(len(burst.data))
            if times:
                size_note = f"{statistics.median(sizes):,.0f} bytes / {note}"
                report.times(what, sorted(times), size_note)
            else:
                report.row(what, "no paint", "", note)

        keys("cursor key to paint", ["j", "k"] * samples, "6 ms")
        keys("`?` help and back", ["?", "q"] * (samples // 2), "60 ms, 12 kB")
        keys("switching a section", list("2345678" * max(1, samples // 5)), "60 ms, 12 kB")
        terminal.send("1")
        terminal.collect(quiet_s=1.0, timeout_s=3)
        keys("`r` with nothing changed", ["r"] * 3, "0 bytes", settle_s=1.0)
        cpu = process.cpu_times()
        begin = time.perf_counter()
        idle = terminal.everything_for(20.0)
        after = process.cpu_times()
        spent = after.user + after.system - cpu.user - cpu.system
        share = 100 * spent / (time.perf_counter() - begin)
        report.row("idle CPU", f"{share:.2f} %", "", "/ 0.22 %")
        report.row("idle terminal traffic in 20 s", f"{len(idle):,} B", "", "/ 60 B a minute")
        report.row(
            "memory", f"{process.memory_info().rss / 1e6:.0f} MB", "", "/ 60 MB, costs unopened"
        )
        terminal.hang_up()
        gone = terminal.ended_within(5.0)
        report.row(
            "terminal lost to process gone",
            "still there" if gone is None else f"{gone * 1000:.0f} ms",
            "",
            "/ 250 ms",
        )
    with PseudoTerminal(
        [MECHEXO, *config, "console"], *size, environ={"NO_COLOR": "1"}
    ) as terminal:
        data = terminal.collect(quiet_s=2.0, timeout_s=20).data
        report.row("colour codes under NO_COLOR", str(len(COLOUR_CODES.findall(data))), "", "/ 0")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--columns", type=int, default=120)
    parser.add_argument("--rows", type=int, default=40)
    parser.add_argument("--samples", type=int, default=10)
    chosen = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="mechexo-bench-"))
    try:
        environ = {**os.environ, "HOME": str(folder)}
        subprocess.run(
            [MECHEXO, "demo", "--dir", str(folder / "desk"), "--seed", "1", "--headless"],
            stdout=subprocess.DEVNULL,
            check=False,
            env=environ,
        )
        measure(folder / "desk", chosen.columns, chosen.rows, chosen.samples)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
