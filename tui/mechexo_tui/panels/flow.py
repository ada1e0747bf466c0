"""One flow: its figures in words, its week day by day, how long its runs took."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from mechexo.flows.values import RunState
from mechexo_tui.panels import flows
from mechexo_tui.panels.durations import Took, duration_lines
from mechexo_tui.widgets import format as shown_as
from mechexo_tui.widgets.lines import BLANK, Line, beside, harmless, wrapped

if TYPE_CHECKING:
    from mechexo.flows.tallies import DayOfRuns
    from mechexo.flows.values import FlowRun, FlowSummary
    from mechexo_tui.widgets.format import Look

WIDE = 110
"""From this width on the days stand beside the plot."""
_BAR = 20
_DAY_WIDTH = 50


def head_lines(summary: FlowSummary, look: Look) -> list[Line]:
    """What a flow is, how it is, and why."""
    glyphs = look.glyphs
    lines: list[Line] = [
        (
            (" ", ""),
            flows.flow_state(summary, look),
            (f"  {harmless(summary.label)}", "title"),
            ("" if summary.label == summary.flow else f"  {harmless(summary.flow)}", "dim"),
        )
    ]
    words = flows.flow_words(summary, look)
    lines += [((f"   {text}", ""),) for text in (wrapped(words, look.width - 6) if words else ())]
    ok = shown_as.percent(summary.success_pct, glyphs)
    p50, p95 = (shown_as.duration(value, glyphs) for value in (summary.p50_s, summary.p95_s))
    facts = [
        (f"{summary.days} days", f"{shown_as.count(summary.runs, 'run')}, {summary.failed} failed, "
                                 f"{ok} of those that ended ended well"),
        ("took", f"p50 {p50}, p95 {p95}"),
        ("under way", flows.usual_words(summary, look)),
        ("next", flows.next_words(summary, look)),
    ]  # fmt: skip
    for name, value in facts:
        for place, text in enumerate(wrapped(value, look.width - 16)):
            lines.append(((f"   {'' if place else name:<11}", "dim"), (text, "")))
    return lines


def week_lines(
    summary: FlowSummary, runs: Sequence[FlowRun], look: Look, *, is_cut: bool = False
) -> list[Line]:
    """The days of the window, and how long each run of it took; beside each other where that
    fits. `is_cut`: there are older runs than these."""
    days = _days(summary.by_day, look)
    if look.width < WIDE:
        return [*days, BLANK, *_durations(summary, runs, look, is_cut)]
    plot = _durations(summary, runs, look.wide(look.width - _DAY_WIDTH - 3), is_cut)
    return beside(days, plot, _DAY_WIDTH, 3)


def _days(days: Sequence[DayOfRuns], look: Look) -> list[Line]:
    glyphs = look.glyphs
    lines: list[Line] = [
        ((" Day by day", "title"), ("  the share that ended well", "dim")),
        ((f"  {'day':<6}{'runs':>6}{'failed':>8}{'p50':>9}{'ok':>6}", "dim"),),
    ]
    for day in days:
        ok = shown_as.percent(day.success_pct, glyphs, decimals=0)
        took = shown_as.duration(day.p50_s, glyphs)
        room = max(0, min(_BAR, look.width - 40, _DAY_WIDTH - 38))
        share = None if day.success_pct is None else day.success_pct / 100
        lines.append(
            (
                (f"  {day.day:%m-%d} ", "dim"),
                (f"{day.runs:>6,}", ""),
                (f"{day.failed:>8,}", "critical" if day.failed else ""),
                (f"{took:>9}{ok:>6}  ", ""),
                (shown_as.bar(share, room, glyphs), "warning" if day.failed else "ok"),
            )
        )
    return lines


def _durations(
    summary: FlowSummary, runs: Sequence[FlowRun], look: Look, is_cut: bool
) -> list[Line]:
    start = look.now - timedelta(days=summary.days)
    shown = [
        Took(run.started_at, run.duration_s, run.state is RunState.COMPLETED)
        for run in runs
        if run.started_at >= start and run.duration_s is not None
    ]
    title = f"How long runs took, {summary.days} days"
    if is_cut and len(shown) == len(runs):
        start = min(run.at for run in shown)
        title = f"How long runs took, the newest {len(shown):,}"
    return duration_lines(title, shown, look, start=start, usual_s=summary.usual_s)
