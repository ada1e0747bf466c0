"""Looking at the machine: processor, memory, disks, network, descriptors. Watched processes are in
`looking_processes.py`.

What cannot be read is missing, with its reason; it takes nothing else with it. A disk that hangs (a
server of files that is gone) is asked in a thread of its own.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from queue import Empty, SimpleQueue
from time import monotonic
from typing import TYPE_CHECKING

from mechexo.resources.looking_processes import look_at_processes
from mechexo.resources.values import Look, Metric

if TYPE_CHECKING:
    from mechexo.config import ResourceSettings

DISK_S = 1.0
"""How long all disks together are waited for."""
MOST_INTERFACES = 50
_LOOPBACK = "lo"
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_FILE_NR = Path("/proc/sys/fs/file-nr")


def look(settings: ResourceSettings, root: Path, at: datetime) -> Look:
    """What the machine says at a moment. `root`: relative mounts and pid files start here."""
    gauges: dict[str, float] = {}
    counters: dict[str, float] = {}
    problems: dict[str, str] = {}
    readers: Mapping[str, Callable[[], None]] = {
        "cpu": lambda: _processor(counters),
        "load": lambda: _load(gauges),
        "memory": lambda: _memory(gauges, problems),
        "open_descriptors": lambda: _descriptors(gauges),
        "net": lambda: _network(settings.interfaces, counters, problems),
    }
    for what, read in readers.items():
        with _told(problems, what):
            read()
    _disks({each: root / Path(each).expanduser() for each in settings.mounts}, gauges, problems)
    processes = look_at_processes(settings.processes, root, problems)
    return Look(at, _boot(), gauges, counters, processes, problems)


@contextmanager
def _told(problems: dict[str, str], what: str) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError, RuntimeError, AttributeError, KeyError) as error:
        problems[what] = f"cannot be read: {error}"


def _boot() -> str:
    try:
        return _BOOT_ID.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return ""


def _processor(counters: dict[str, float]) -> None:
    """Seconds of all cores together since the machine began."""
    import psutil

    times = psutil.cpu_times()._asdict()
    # The kernel counts guest time in user time as well.
    whole = sum(times.values()) - times.get("guest", 0.0) - times.get("guest_nice", 0.0)
    waiting = times.get("iowait", 0.0)
    counters["cpu_s:all"] = whole
    counters["cpu_s:busy"] = whole - times["idle"] - waiting
    for name in ("iowait", "steal"):
        if name in times:
            counters[f"cpu_s:{name}"] = times[name]


def _load(gauges: dict[str, float]) -> None:
    import psutil

    loads = psutil.getloadavg()
    for name, value in zip(("load_1m", "load_5m", "load_15m"), loads, strict=True):
        gauges[name] = value
    if cores := psutil.cpu_count():
        gauges["load_per_core"] = loads[0] / cores


def _memory(gauges: dict[str, float], problems: dict[str, str]) -> None:
    import psutil

    memory = psutil.virtual_memory()
    gauges["memory_pct"] = memory.percent
    gauges["memory_available_bytes"] = float(memory.available)
    swap = psutil.swap_memory()
    if swap.total:
        gauges["swap_pct"] = swap.percent
    else:
        problems["swap"] = "the machine has none"


def _descriptors(gauges: dict[str, float]) -> None:
    """From the kernel's `file-nr`: files open, an unused field, files allowed."""
    used, _, allowed = (int(each) for each in _FILE_NR.read_text(encoding="ascii").split())
    gauges["open_descriptors"] = float(used)
    if allowed:
        gauges["open_descriptors_pct"] = 100.0 * used / allowed


def _network(wanted: tuple[str, ...], counters: dict[str, float], problems: dict[str, str]) -> None:
    import psutil

    found = psutil.net_io_counters(pernic=True)
    # Of those that nobody asked for, what has never moved a byte is of no interest.
    used = sorted(
        name
        for name, each in found.items()
        if name != _LOOPBACK and (each.bytes_recv or each.bytes_sent)
    )
    for name in wanted or used[:MOST_INTERFACES]:
        if name not in found:
            problems[f"net:{name}"] = "there is no such interface"
            continue
        counters[f"net_received_bytes:{name}"] = float(found[name].bytes_recv)
        counters[f"net_sent_bytes:{name}"] = float(found[name].bytes_sent)
    if not wanted and len(used) > MOST_INTERFACES:
        problems["net"] = f"{len(used)} interfaces; only {MOST_INTERFACES} are sampled"


def _disks(mounts: Mapping[str, Path], gauges: dict[str, float], problems: dict[str, str]) -> None:
    import psutil

    def usage(path: Path) -> tuple[float, float]:
        found = psutil.disk_usage(str(path))
        return found.percent, float(found.free)

    for name, said in _side_by_side(mounts, usage, DISK_S).items():
        if isinstance(said, str):
            problems[f"disk:{name}"] = said
        else:
            used_pct, free_bytes = said
            gauges[Metric("disk_used_pct", name).key] = used_pct
            gauges[Metric("disk_free_bytes", name).key] = free_bytes


def _side_by_side(
    paths: Mapping[str, Path], ask: Callable[[Path], tuple[float, float]], within_s: float
) -> dict[str, tuple[float, float] | str]:
    """What each path says, or why it says nothing. One whose last question still hangs is not asked
    again, so that hanging threads do not add up."""
    answers: SimpleQueue[tuple[str, tuple[float, float] | str]] = SimpleQueue()
    hanging = {thread.name for thread in threading.enumerate()}
    found: dict[str, tuple[float, float] | str] = {}

    def answer(name: str, path: Path) -> None:
        try:
            answers.put((name, ask(path)))
        except OSError as error:
            answers.put((name, f"cannot be read: {error.strerror or error}"))

    waiting = set()
    for name, path in paths.items():
        thread_name = f"disk {path}"
        if thread_name in hanging:
            found[name] = "it does not answer: the question before this one still hangs"
            continue
        threading.Thread(target=answer, args=(name, path), name=thread_name, daemon=True).start()
        waiting.add(name)
    ends_at = monotonic() + within_s
    while waiting:
        try:
            name, said = answers.get(timeout=max(ends_at - monotonic(), 0.0))
        except Empty:
            found |= dict.fromkeys(waiting, f"it does not answer within {within_s:g} s")
            break
        waiting.discard(name)
        found[name] = said
    return found
