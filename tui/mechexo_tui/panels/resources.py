"""The machine and its watched processes as rows: now, and over the kept time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from mechexo.resources.rules import binned
from mechexo.resources.words import figure, sparkline
from mechexo_tui.widgets import format as shown_as
from mechexo_tui.widgets.lines import Row, Span, harmless, wrapped
from mechexo_tui.widgets.table import Column, Table, natural

if TYPE_CHECKING:
    from datetime import datetime

    from mechexo.resources.values import HostStanding, Summary, WatchedProcess
    from mechexo_tui.widgets.format import Look

OF_PROCESSES = "process_"
_NARROW, _WIDE = 20, 60
"""Bars of a small plot; from `_ROOMY` cells on there is room for one a minute."""
_ROOMY = 140
_BRIEF = {"cpu_pct": "cpu", "memory_pct": "memory", "load_per_core": "load per core"}
_BRIEF_BARS = 8
_RUNS, _MISSING, _UNKNOWN = "RUNS", "MISSING", "UNKNOWN"


def machine_aside(found: HostStanding, look: Look) -> str:
    """How old what is shown is, and how many watched processes are missing."""
    if found.at is None:
        return "nobody has looked at it lately; each tick does, unless sample = false"
    said = [f"as of {shown_as.age(found.at, look)} ago" if found.outdated else "at the last tick"]
    missing = [each.name for each in found.processes if each.count == 0]
    if missing:
        said.append(f"missing: {', '.join(missing[:3])}")
        if len(missing) > 3:
            said[-1] += f" and {len(missing) - 3} more"
    return f" {look.glyphs.dot} ".join(said)


def metric_rows(found: HostStanding, summaries: Sequence[Summary], look: Look) -> list[Row]:
    """The metrics of the machine as a whole, its disks and its network."""
    bars = _bars(look)
    until = found.at or look.now
    columns = [
        Column("metric", 36),
        Column("now", 10, right=True),
        Column("over the kept time", bars, drop=1),
        Column("min", 9, right=True, drop=3),
        Column("avg", 9, right=True, drop=4),
        Column("max", 9, right=True, drop=2),
    ]
    cells: list[list[Span | str]] = [
        [
            (each.metric.key, "bold"),
            _now(each.current, each.unit, look, outdated=found.outdated),
            (_spark(each, found, until, bars, look), "accent"),
            *(
                _figure(value, each.unit, look)
                for value in (each.lowest, each.average, each.highest)
            ),
        ]
        for each in summaries
    ]
    table = Table.fitting(natural(columns, cells), look.width - 1)
    rows = [Row(table.head())]
    rows += [
        Row(table.row(row), f"metric:{each.metric.key}")
        for row, each in zip(cells, summaries, strict=True)
    ]
    if found.outdated and found.at is not None:
        sign, style = shown_as.status("unknown", look.glyphs)
        said = f"  no tick has looked since {shown_as.moment(found.at, look)}"
        rows.insert(0, Row((("  ", ""), (sign, style), (said, ""))))
    return rows


def problem_rows(found: HostStanding, look: Look) -> list[Row]:
    """What could not be read at the last look, and why."""
    rows = []
    for name, why in found.problems.items():
        if not name.startswith("process:"):
            lines = wrapped(f"{name}: {harmless(why)}", look.width - 6)
            rows += [Row(((f"  {look.glyphs.unknown} {lines[0]}", "dim"),))]
            rows += [Row(((f"    {text}", "dim"),)) for text in lines[1:]]
    return rows


def process_rows(found: HostStanding, processes: Sequence[WatchedProcess], look: Look) -> list[Row]:
    """The watched processes: whether each runs, and what it takes."""
    bars = _bars(look) if look.width >= _ROOMY else 10
    until = found.at or look.now
    by_key = {each.metric.key: each for each in found.summaries}
    columns = [
        Column("state", 9),
        Column("process", 24),
        Column("cpu", 8, right=True),
        Column("cpu lately", bars, drop=3),
        Column("memory", 9, right=True),
        Column("files", 6, right=True, drop=2),
        Column("threads", 7, right=True, drop=4),
        Column("up", 7, right=True, drop=1),
        Column("running", 7, right=True, drop=5),
    ]
    cells: list[list[Span | str]] = []
    for each in processes:
        of = [
            by_key.get(f"{OF_PROCESSES}{name}:{each.name}")
            for name in ("cpu_pct", "rss_bytes", "descriptors", "threads")
        ]
        now = [
            _now(
                one.current if one else None, one.unit if one else "", look, outdated=found.outdated
            )
            for one in of
        ]
        spark = _spark(of[0], found, until, bars, look) if of[0] else ""
        cells.append(
            [
                _state(each, found, look),
                (each.name, "bold"),
                now[0],
                (spark, "accent"),
                *now[1:],
                _up(each, found, look),
                look.glyphs.missing if each.count is None or found.outdated else f"{each.count}",
            ]
        )
    table = Table.fitting(natural(columns, cells), look.width - 1)
    rows = [Row(table.head())]
    for row, each in zip(cells, processes, strict=True):
        rows.append(Row(table.row(row), f"process:{each.name}"))
        if each.detail:
            lines = wrapped(harmless(each.detail), look.width - 8)
            rows += [Row(((f"      {text}", "dim"),)) for text in lines]
    return rows


def _state(process: WatchedProcess, found: HostStanding, look: Look) -> Span:
    if process.count is None or found.outdated:
        return f"{look.glyphs.unknown} {_UNKNOWN}", "unknown"
    if process.count == 0:
        return f"{look.glyphs.critical} {_MISSING}", "critical"
    return f"{look.glyphs.ok} {_RUNS}", "ok"


def _up(process: WatchedProcess, found: HostStanding, look: Look) -> Span:
    if process.uptime_s is None or found.outdated:
        return look.glyphs.missing, "dim"
    # In whole minutes, so that it changes on screen once a minute.
    return shown_as.minutes(timedelta(seconds=process.uptime_s)), ""


def _now(value: float | None, unit: str, look: Look, *, outdated: bool) -> Span:
    """The current value; an old one is no current one."""
    if value is None or outdated:
        return look.glyphs.missing, "dim"
    return figure(value, unit), ""


def _figure(value: float | None, unit: str, look: Look) -> Span:
    return (look.glyphs.missing if value is None else figure(value, unit)), "dim"


def _spark(summary: Summary, found: HostStanding, until: datetime, bars: int, look: Look) -> str:
    values = binned(summary.points, found.since, until, bars)
    return sparkline(values, summary.unit, look.glyphs.bars)


def _bars(look: Look) -> int:
    return _WIDE if look.width >= _ROOMY else _NARROW


def brief_aside(found: HostStanding | None) -> str:
    """The watched processes that are missing, for the closed section; empty when none is."""
    missing = [each.name for each in found.processes if each.count == 0] if found else []
    return f"missing: {', '.join(missing[:3])}{' …' if missing[3:] else ''}" if missing else ""


def brief_rows(found: HostStanding | None, look: Look) -> list[Row]:
    """The machine in one line, for the open section of the overview; none before the first look."""
    if found is None or found.at is None:
        return []
    line: tuple[Span, ...] = (("  machine", "dim"),)
    if found.outdated:
        sign, style = shown_as.status("unknown", look.glyphs)
        since = shown_as.moment(found.at, look)
        return [
            Row((*line, ("  ", ""), (sign, style), (f"  no tick has looked since {since}", "")))
        ]
    by_key = {each.metric.key: each for each in found.summaries}
    for key, name in _BRIEF.items():
        if (each := by_key.get(key)) is not None:
            spark = _spark(each, found, found.at, _BRIEF_BARS, look)
            value, style = _now(each.current, each.unit, look, outdated=False)
            line += ((f"  {name} ", "dim"), (value, style), (f" {spark}", "accent"))
    missing = brief_aside(found)
    rows = [Row(line)]
    if missing:
        sign = f"  {look.glyphs.critical} {_MISSING}"
        named = missing.partition(": ")[2]
        rows.append(Row(((sign, "critical"), (f"  watched processes: {named}", ""))))
    return rows
