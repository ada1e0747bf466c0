"""This machine: processor, memory, disk, load, open files, and how far its clock is off."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Literal

from mechexo.health.context import Context
from mechexo.health.thresholds import Thresholds
from mechexo.health.values import Outcome, Status
from mechexo.kernel_clock import KernelClock, read_kernel_clock

_SAMPLE_S = 0.3

NEEDS = ("psutil",)


class Options(Thresholds):
    """`kind = "host"`."""

    metric: Literal[
        "cpu_pct",
        "memory_pct",
        "disk_free_pct",
        "disk_free_bytes",
        "load_per_core",
        "open_files_pct",
        "clock_offset_ms",
    ]
    """cpu_pct and memory_pct: in use; open_files_pct: of what the kernel allows in all."""
    path: str = "."
    """For the disk metrics: a folder on the disk."""


def run(options: Options, context: Context) -> Outcome:
    """Reads one metric."""
    try:
        match options.metric:
            case "cpu_pct":
                return options.judge(_cpu_pct(context), "%", "processor in use:")
            case "memory_pct":
                import psutil

                return options.judge(psutil.virtual_memory().percent, "%", "memory in use:")
            case "disk_free_pct" | "disk_free_bytes":
                return _disk(options, context)
            case "load_per_core":
                import psutil

                cores = psutil.cpu_count() or 1
                return options.judge(psutil.getloadavg()[0] / cores, "", "load per core:")
            case "open_files_pct":
                return _open_files(options, Path("/proc/sys/fs/file-nr").read_text())
            case "clock_offset_ms":
                return judge_clock(options, read_kernel_clock())
    except OSError as error:
        return Outcome(Status.UNKNOWN, f"{options.metric} cannot be read: {error}")


def _cpu_pct(context: Context) -> float:
    """The share of processor time in use over a short sample: 100 x (1 - idle / all)."""
    import psutil

    before = psutil.cpu_times()
    time.sleep(min(_SAMPLE_S, context.timeout_s / 2))
    after = psutil.cpu_times()
    passed = {name: getattr(after, name) - getattr(before, name) for name in after._fields}
    # The kernel counts guest time in user time as well.
    whole = sum(passed.values()) - passed.get("guest", 0.0) - passed.get("guest_nice", 0.0)
    idle = passed["idle"] + passed.get("iowait", 0.0)
    return min(max(100.0 * (1.0 - idle / whole), 0.0), 100.0) if whole > 0 else 0.0


def _disk(options: Options, context: Context) -> Outcome:
    import psutil

    usage = psutil.disk_usage(str(context.path(options.path)))
    free_pct = 100.0 - usage.percent
    where = "the desk's disk" if options.path == "." else f"the disk of {options.path}"
    if options.metric == "disk_free_pct":
        return options.judge(free_pct, "%", f"free on {where}:")
    return options.judge(float(usage.free), "bytes", f"free on {where}:")


def _open_files(options: Options, file_nr: str) -> Outcome:
    """From the kernel's `file-nr`: files open, an unused field, files allowed."""
    used, _, allowed = (int(field) for field in file_nr.split())
    return options.judge(100.0 * used / allowed, "%", "open files:")


def judge_clock(options: Options, clock: KernelClock) -> Outcome:
    """The clock's distance from true time, without its sign; unknown when nothing steers it."""
    if clock.problem:
        return Outcome(Status.UNKNOWN, clock.problem)
    return options.judge(abs(clock.offset_ms), "ms", "the clock is off by")
