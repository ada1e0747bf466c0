"""How the machine and the plots look in tables and documents."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from mechexo.cli.resources_drawing import draw, mark_of
from mechexo.resources.rules import binned
from mechexo.resources.words import figure, is_beyond, plot_remarks, plot_verdict, sparkline
from mechexo.times import format_duration, in_zone

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from mechexo.resources.plot_values import PlotStanding
    from mechexo.resources.values import HostStanding, Summary

SPARK = 24
"""Bars of a small plot."""
HEIGHT = 12
"""Lines of a plot."""
_PIPE_WIDTH = 100

Columns = Sequence[str]
Rows = list[list[object]]

LIST_FIELDS = ("metric", "unit", "current", "min", "avg", "max")
HISTORY_FIELDS = ("at", "value")
PLOT_FIELDS = ("at", "series", "value")


def summary_rows(found: HostStanding) -> tuple[Columns, Rows]:
    """The machine for people: each metric now, over the kept time, and at its worst."""
    until = found.at or found.since
    columns = ("metric", ">now", "over the kept time", ">min", ">avg", ">max")
    return columns, [
        [
            each.metric.key,
            _said(each.current, each),
            sparkline(binned(each.points, found.since, until, SPARK), each.unit),
            *(_said(value, each) for value in (each.lowest, each.average, each.highest)),
        ]
        for each in found.summaries
    ]


def summary_values(found: HostStanding) -> Rows:
    """The same for other programs, in the order of `LIST_FIELDS`."""
    return [
        [each.metric.key, each.unit, each.current, each.lowest, each.average, each.highest]
        for each in found.summaries
    ]


def remarks(found: HostStanding, now: datetime) -> Iterator[str]:
    """How old that is, which watched processes run, and what could not be read."""
    if found.at is None:
        said = "nobody has looked at this machine lately; each tick does, unless sample = false"
        yield f"? UNKNOWN  {said}"
    elif found.outdated:
        yield f"? UNKNOWN  as of {format_duration(now - found.at)} ago: no tick has looked since"
    for process in found.processes:
        if process.count is None:
            yield f"? UNKNOWN  process {process.name}: {process.detail}"
        elif found.outdated:
            yield f"? UNKNOWN  process {process.name}: {process.count} running at the last look"
        elif not process.count:
            yield f"✖ MISSING  process {process.name}: {process.detail}"
        else:
            up = "" if process.uptime_s is None else f", up {format_duration(process.uptime_s)}"
            detail = f"; {process.detail}" if process.detail else ""
            yield f"● RUNS  process {process.name}: {process.count} running{up}{detail}"
    for name, why in found.problems.items():
        if not name.startswith("process:"):
            yield f"? {name}: {why}"


def standing_body(found: HostStanding) -> dict[str, object]:
    """The machine for other programs."""
    return {
        "observed_at": found.at,
        "outdated": found.outdated,
        "since": found.since,
        "metrics": [dict(zip(LIST_FIELDS, row, strict=True)) for row in summary_values(found)],
        "processes": [
            {
                "name": each.name,
                "running": each.count,
                "uptime_s": each.uptime_s,
                "detail": each.detail,
            }
            for each in found.processes
        ],
        "problems": dict(found.problems),
    }


def history_body(found: Summary) -> dict[str, object]:
    """A metric over time for other programs."""
    return {
        "metric": found.metric.key,
        "unit": found.unit,
        "current": found.current,
        "min": found.lowest,
        "avg": found.average,
        "max": found.highest,
        "why": found.why,
        "points": [{"at": each.at, "value": each.value} for each in found.points],
    }


def history_values(found: Summary) -> Rows:
    """Its points, in the order of `HISTORY_FIELDS`."""
    return [[each.at, each.value] for each in found.points]


def history_lines(
    found: Summary, since: datetime, until: datetime, zone: ZoneInfo
) -> Iterator[str]:
    """A metric over time for people."""
    now = _said(found.current, found) or f"not known: {found.why}"
    yield f"{found.metric.key}: {now}"
    points = [(each.at, each.value) for each in found.points]
    drawn = draw(
        [points],
        (),
        since=since,
        until=until,
        width=_width(),
        height=HEIGHT,
        say=lambda value: figure(value, found.unit),
        zone=zone,
    )
    yield from drawn or ["no value is known"]
    if found.average is not None:
        known = [_said(each, found) for each in (found.lowest, found.average, found.highest)]
        yield f"min {known[0]}  avg {known[1]}  max {known[2]}  (times: {zone.key})"


def plot_body(found: PlotStanding) -> dict[str, object]:
    """A plot for other programs; a moment without a value is null."""
    look = found.look
    return {
        "name": found.name,
        "title": found.title,
        "query": found.query,
        "unit": found.unit,
        "observed_at": found.good_at,
        "asked_at": found.asked_at,
        "outdated": found.outdated,
        "status": plot_verdict(found)[0] or None,
        "error": found.why,
        "breaker": {
            "standing": found.standing,
            "until": found.until,
            "failures": found.failures,
        },
        "start": look.grid.start if look else None,
        "step_s": look.grid.step.total_seconds() if look else None,
        "series": [
            {"name": name, "labels": dict(each.labels), "values": each.values}
            for name, each in zip(found.names, look.series, strict=True)
        ]
        if look
        else [],
        "left_out": look.left_out if look else 0,
        "warnings": look.warnings if look else (),
        "thresholds": [
            {"value": each.value, "severity": each.severity, "below": each.below}
            for each in found.lines
        ],
    }


def plot_values(found: PlotStanding) -> Rows:
    """The points of all series, in the order of `PLOT_FIELDS`."""
    return [
        [at, name, value]
        for name, points in zip(found.names, found.points, strict=True)
        for at, value in points
    ]


def plot_lines(found: PlotStanding, now: datetime, zone: ZoneInfo) -> Iterator[str]:
    """A plot for people: the values, what each series is called and says last, the thresholds."""

    def say(value: float) -> str:
        return figure(value, found.unit)

    yield f"{found.title}" + (f" in {found.unit}" if found.unit else "")
    if found.look is not None:
        moments = found.look.grid
        yield from draw(
            found.points,
            found.lines,
            since=moments.start,
            until=moments.end,
            width=_width(),
            height=HEIGHT,
            say=say,
            zone=zone,
        )
        for number, (name, points) in enumerate(zip(found.names, found.points, strict=True)):
            known = [value for _, value in points if value is not None]
            last = points[-1][1] if points else None
            at_last = "missing now" if last is None else say(last)
            spread = f", from {say(min(known))} to {say(max(known))}" if known else ""
            yield f"{mark_of(number, len(found.points))}  {name}: {at_last}{spread}"
        yield from _beyond(found)
        if found.good_at is not None:
            yield f"as of {in_zone(found.good_at, zone)}; a point each {_step(found)}"
    for said in plot_remarks(found, now):
        yield f"? {said}"


def _beyond(found: PlotStanding) -> Iterator[str]:
    """Each threshold with the series that have reached it now."""
    for line in found.lines:
        sign = {"warning": "▲ WARNING", "critical": "✖ CRITICAL"}[line.severity]
        side = "down from" if line.below else "from"
        past = [
            name
            for name, points in zip(found.names, found.points, strict=True)
            if points and is_beyond(points[-1][1], line)
        ]
        now = f"{', '.join(past)} now" if past else "none now"
        yield f"{sign} {side} {figure(line.value, found.unit)}: {now}"


def _step(found: PlotStanding) -> str:
    return format_duration(found.look.grid.step) if found.look else ""


def _said(value: float | None, summary: Summary) -> str | None:
    return None if value is None else figure(value, summary.unit)


def _width() -> int:
    if not sys.stdout.isatty() and "COLUMNS" not in os.environ:
        return _PIPE_WIDTH
    return min(shutil.get_terminal_size().columns, 200)
