"""From the key that confirms an acknowledgement to its word on the screen, on the real program.

Run it with `python tests/bench/bench_acknowledging.py` (`PYTHONPATH=tests`). Nothing here fails:
figures are reported beside their target, not asserted.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

from bench_console import percentile
from bench_lists import console, make_desk, row

from mechexo.alerts import operations as alerts
from mechexo.alerts.values import AlertState


def acknowledge_ms(folder: Path, count: int, samples: int, size: tuple[int, int]) -> list[float]:
    """Acknowledges one alert after the other of `count` open ones; ms until its row says so,
    sorted. Each is resolved then, so that no other row has the same word."""
    times = []
    desk = make_desk(folder, count)
    with console(desk, *size) as terminal:
        terminal.collect(quiet_s=3.0, timeout_s=120)
        terminal.send("2")
        terminal.collect(quiet_s=2.0, timeout_s=30)
        for _ in range(samples):
            terminal.send("a")
            terminal.collect(until=lambda _: "a note" in terminal.screen, timeout_s=10)
            terminal.collect(quiet_s=0.3, timeout_s=1.0)
            begin = time.perf_counter()
            terminal.send("\r")
            burst = terminal.collect(
                until=lambda _: "acked" in terminal.screen, since_s=begin, timeout_s=10
            )
            times.append(burst.last_s * 1000)
            terminal.collect(quiet_s=2.0, timeout_s=8)
            (known,) = alerts.list_alerts(desk, states=(AlertState.ACKNOWLEDGED,))
            alerts.resolve(desk, known.id)
            terminal.collect(quiet_s=2.5, timeout_s=8)
    return sorted(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--alerts", type=int, nargs="+", default=[50, 5_000])
    parser.add_argument("--samples", type=int, default=20)
    chosen = parser.parse_args()
    for columns, rows in ((80, 24), (200, 60)):
        for count in chosen.alerts:
            with tempfile.TemporaryDirectory(prefix="mechexo-bench-") as folder:
                size = columns, rows
                times = acknowledge_ms(Path(folder) / "desk", count, chosen.samples, size)
            found = f"{percentile(times, 0.5):.0f} / {percentile(times, 0.95):.0f} ms"
            row(f"acknowledge, {count:,} open, {columns}x{rows}, p50 / p95", found, "100 ms")


if __name__ == "__main__":
    main()
