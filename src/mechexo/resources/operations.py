"""What the rest of the house asks of the machine: a sample, and how it is and was.

`standing` reads the state file alone and imports nothing heavy; psutil is imported by `sample`.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from mechexo.errors import NotFoundError, close_names
from mechexo.resources import records
from mechexo.resources.rules import UNITS, longest_gap, series, summarised
from mechexo.resources.values import HostStanding, Look, Metric, Summary, WatchedProcess
from mechexo.times import iso_z

if TYPE_CHECKING:
    from mechexo.desk import Desk

OUTDATED_AFTER_TICKS = 3
"""After so many ticks without a look nobody says how the machine is now."""
_FAMILIES = ("cpu", "load", "memory", "swap", "open_descriptors")
"""What problems of the machine as a whole are called: the beginnings of their metrics' names."""


def sample(desk: Desk) -> Look | None:
    """Looks at the machine and keeps what it saw; None when it is too early for another look, or
    `[resources] sample` is off.

    Raises:
        BusyError, StateError: it could not be kept.
    """
    settings = desk.settings.resources
    if not settings.sample:
        return None
    now, newest = desk.clock.now(), records.newest_at(desk.state)
    # A look in the future tells of a clock that was set back, and stands for nothing.
    if newest is not None and newest <= now < records.earliest_due(newest, settings.history):
        return None
    from mechexo.resources.looking import look

    found = look(settings, desk.root, now)
    with desk.state.write() as transaction:
        records.keep(transaction, found, since=now - settings.history)
    return found


def standing(desk: Desk) -> HostStanding:
    """What is known of the machine, from the state file alone."""
    settings, now = desk.settings.resources, desk.clock.now()
    since = now - settings.history
    looks = records.looks(desk.state, since=since, until=now)
    newest = looks[-1] if looks else None
    if newest is None:
        missing = tuple(
            WatchedProcess(name, None, detail="not looked at yet") for name in settings.processes
        )
        return HostStanding(None, True, since, processes=missing)
    tick = desk.settings.refresh.tick
    outdated = now - newest.at > OUTDATED_AFTER_TICKS * _spacing(tick, settings.history)
    gap = longest_gap(tick, settings.history / records.MOST_SAMPLES)
    found = series(looks, gap)
    summaries = tuple(
        summarised(key, points, newest.at, _why_missing(Metric.of(key), newest, first=len(looks)))
        for key, points in found.items()
    )
    if outdated:
        # What nobody renewed does not say how it is now.
        why = f"no tick has looked since {iso_z(newest.at)[:19]}Z"
        summaries = tuple(replace(each, current=None, why=why) for each in summaries)
    return HostStanding(
        at=newest.at,
        outdated=outdated,
        since=since,
        summaries=summaries,
        processes=tuple(_watched(name, newest) for name in settings.processes),
        problems=newest.problems,
    )


def history(desk: Desk, key: str) -> Summary:
    """One metric over the kept time, by its key such as `cpu_pct` or `disk_used_pct:/data`.

    Raises:
        NotFoundError: nothing is known under this name; the text lists close ones.
    """
    found = standing(desk).summaries
    for summary in found:
        if summary.metric.key == key:
            return summary
    known = [summary.metric.key for summary in found]
    if not known and Metric.of(key).name in UNITS:
        raise NotFoundError(f"nothing is known of {key}: no tick has looked at the machine lately")
    raise NotFoundError(f"there is no metric {key!r}; {close_names(key, known or list(UNITS))}")


def _spacing(tick: timedelta, history: timedelta) -> timedelta:
    return max(tick, history / records.MOST_SAMPLES)


def _watched(name: str, newest: Look) -> WatchedProcess:
    process = newest.processes.get(name)
    detail = newest.problems.get(f"process:{name}", "")
    if process is None:
        return WatchedProcess(name, None, detail=detail or "not looked at yet")
    uptime_s = None
    if process.oldest_at_s is not None:
        uptime_s = max(newest.at.timestamp() - process.oldest_at_s, 0.0)
    return WatchedProcess(name, process.count, uptime_s, detail)


def _why_missing(metric: Metric, newest: Look, *, first: int) -> str:
    """Why the newest look has no value of a metric."""
    family = metric.name.partition("_")[0]
    names = [f"{family}:{metric.subject}"] if metric.subject else []
    names += [each for each in (*_FAMILIES, "net") if metric.name.startswith(each)]
    for name in names:
        if name in newest.problems:
            return newest.problems[name]
    if metric.name == "process_cpu_pct" or family in ("cpu", "net"):
        return (
            "no two looks yet that can be compared"
            if first < 2
            else ("the look before it cannot be compared with it: a gap, or a fresh start")
        )
    return "not read"
