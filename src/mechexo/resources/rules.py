"""From what was read to values over time. Pure.

A counter tells how much was used only between two looks of the same boot, not too far apart, when
it did not go backwards. Otherwise there is no value: neither a negative one nor a zero.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from mechexo.resources.values import Look, Metric, Point, ProcessLook, Summary

LONGEST_GAP_TICKS = 3
"""After so many ticks without a look there is a gap: what was between is not known."""

UNITS = {
    "cpu_pct": "%",
    "cpu_iowait_pct": "%",
    "cpu_steal_pct": "%",
    "load_1m": "",
    "load_5m": "",
    "load_15m": "",
    "load_per_core": "",
    "memory_pct": "%",
    "memory_available_bytes": "B",
    "swap_pct": "%",
    "disk_used_pct": "%",
    "disk_free_bytes": "B",
    "net_received_bytes_per_s": "B/s",
    "net_sent_bytes_per_s": "B/s",
    "open_descriptors": "",
    "open_descriptors_pct": "%",
    "process_cpu_pct": "%",
    "process_rss_bytes": "B",
    "process_descriptors": "",
    "process_threads": "",
    "process_uptime_s": "s",
    "process_count": "",
}
"""The metrics in the order in which they are shown, and their units."""

_ORDER = {name: place for place, name in enumerate(UNITS)}


def _kin(name: str) -> str:
    """What metrics of the same mount, interface or process begin with."""
    return name.partition("_")[0]


_FAMILY = {
    name: min(place for other, place in _ORDER.items() if _kin(other) == _kin(name))
    for name in UNITS
}


def longest_gap(tick: timedelta, spacing: timedelta) -> timedelta:
    """How far apart two looks may be that belong together. `spacing` is how often there is one."""
    return LONGEST_GAP_TICKS * max(tick, spacing)


def grown(before: Mapping[str, float], after: Mapping[str, float], name: str) -> float | None:
    """How much a counter grew between two looks; None when it went backwards or was not read."""
    old, new = before.get(name), after.get(name)
    if old is None or new is None or new < old:
        return None
    return new - old


def belong_together(before: Look, after: Look, gap: timedelta) -> bool:
    """Whether the counters of two looks can be compared."""
    return before.boot == after.boot and timedelta(0) < after.at - before.at <= gap


def values_of(before: Look | None, after: Look, gap: timedelta) -> dict[str, float]:
    """What is known at a look, by the key of each metric. `before` is the look before it."""
    values = dict(after.gauges)
    for name, process in after.processes.items():
        values.update(_of_process(name, process, after.at))
    if before is not None and belong_together(before, after, gap):
        values.update(_rates(before, after))
    return {key: value for key, value in values.items() if math.isfinite(value)}


def _of_process(name: str, process: ProcessLook, at: datetime) -> Iterator[tuple[str, float]]:
    yield Metric("process_count", name).key, float(process.count)
    if process.oldest_at_s is not None:
        # A clock that was set back makes no process run for less than no time.
        yield (
            Metric("process_uptime_s", name).key,
            max(at.timestamp() - process.oldest_at_s, 0.0),
        )
    for metric, value in (
        ("process_rss_bytes", process.rss_bytes),
        ("process_descriptors", process.descriptors),
        ("process_threads", process.threads),
    ):
        if value is not None:
            yield Metric(metric, name).key, value


def _rates(before: Look, after: Look) -> Iterator[tuple[str, float]]:
    elapsed_s = (after.at - before.at).total_seconds()
    whole = grown(before.counters, after.counters, "cpu_s:all")
    for part in ("busy", "iowait", "steal"):
        used = grown(before.counters, after.counters, f"cpu_s:{part}")
        if whole and used is not None:
            name = "cpu_pct" if part == "busy" else f"cpu_{part}_pct"
            yield name, min(100.0 * used / whole, 100.0)
    for name in after.counters:
        kind, _, interface = name.partition(":")
        if kind in ("net_received_bytes", "net_sent_bytes"):
            moved = grown(before.counters, after.counters, name)
            if moved is not None:
                yield Metric(f"{kind}_per_s", interface).key, moved / elapsed_s
    for name, process in after.processes.items():
        earlier = before.processes.get(name)
        used = _processor_time(earlier, process) if earlier else None
        if used is not None:
            yield Metric("process_cpu_pct", name).key, 100.0 * used / elapsed_s


def _processor_time(before: ProcessLook, after: ProcessLook) -> float | None:
    """Seconds of processor time between two looks, of the processes that were there at both."""
    parts = [
        grown(before.cpu_s, after.cpu_s, who) for who in after.cpu_s.keys() & before.cpu_s.keys()
    ]
    known = [part for part in parts if part is not None]
    return math.fsum(known) if known else None


def series(looks: Sequence[Look], gap: timedelta) -> dict[str, tuple[Point, ...]]:
    """Each metric over time, by its key, in the order in which metrics are shown. A look that has
    no value of a metric is a point without one, and so is the middle of a time without looks."""
    known: list[tuple[datetime, dict[str, float]]] = []
    before: Look | None = None
    for look in looks:
        if before is not None and look.at - before.at > gap:
            known.append((before.at + (look.at - before.at) / 2, {}))
        known.append((look.at, values_of(before, look, gap)))
        before = look
    keys = sorted({key for _, values in known for key in values}, key=_place)
    return {key: tuple(Point(at, values.get(key)) for at, values in known) for key in keys}


def _place(key: str) -> tuple[int, str, int]:
    """Where a metric is shown: those of one disk, interface or process stand together."""
    metric = Metric.of(key)
    place = _ORDER.get(metric.name, len(_ORDER))
    family = _FAMILY.get(metric.name, place) if metric.subject else place
    return family, metric.subject, place


def summarised(key: str, points: Sequence[Point], newest: datetime | None, why: str) -> Summary:
    """A metric over the kept time. `newest` is when the machine was looked at last."""
    metric = Metric.of(key)
    known = [point.value for point in points if point.value is not None]
    last = points[-1] if points else None
    current = last.value if last is not None and last.at == newest else None
    return Summary(
        metric=metric,
        unit=UNITS.get(metric.name, ""),
        points=tuple(points),
        current=current,
        lowest=min(known, default=None),
        average=math.fsum(known) / len(known) if known else None,
        highest=max(known, default=None),
        why="" if current is not None else why,
    )


def binned(
    points: Sequence[Point],
    since: datetime,
    until: datetime,
    count: int,
    together: Callable[[Sequence[float]], float] = max,
) -> list[float | None]:
    """The values in `count` equal spans of time, oldest first: of those in one span the highest,
    or what `together` makes of them. A span without a value has none."""
    found: list[list[float]] = [[] for _ in range(count)]
    span = until - since
    if span <= timedelta(0):
        return [None] * count
    for point in points:
        if point.value is not None and since <= point.at <= until:
            place = min(int((point.at - since) / span * count), count - 1)
            found[place].append(point.value)
    return [together(each) if each else None for each in found]
