"""Flows as rows: how each performs, its runs, the end of a run's output."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from mechexo.flows.values import RunState
from mechexo_tui.widgets import format as shown_as
from mechexo_tui.widgets.lines import Line, Row, Span, harmless
from mechexo_tui.widgets.table import Column, Table, natural

if TYPE_CHECKING:
    from mechexo.flows.values import FlowRun, FlowSummary
    from mechexo_tui.widgets.format import Look

DAYS = 8
"""Cells of a week day by day; its first day is a part of one."""

_SUMMARY = (
    Column("flow", 28),
    Column("last run", 12),
    Column("at", 11, right=True),
    Column("now", 12, drop=4),
    Column("ok", 5, right=True),
    Column("ok by day", DAYS + 1, drop=5),
    Column("p50", 7, right=True, drop=1),
    Column("p95", 7, right=True, drop=2),
    Column("p50 by day", DAYS + 2, drop=6),
    Column("next by", 11, right=True, drop=3),
    Column("runs", 6, right=True, drop=8),
    Column("failed", 6, right=True, drop=7),
    Column("what it says", 24, grows=True, drop=9),
)
_RUNS = (
    Column("started", 19),
    Column("flow", 28),
    Column("state", 12),
    Column("took", 8, right=True),
    Column("exit", 4, right=True),
)


def flow_state(summary: FlowSummary, look: Look) -> Span:
    """How a flow is: overdue says more than its last run, and that this failed more than that it
    was slow."""
    if summary.overdue:
        return f"{look.glyphs.warning} OVERDUE", "warning"
    if summary.last is None:
        return f"{look.glyphs.unknown} NEVER RAN", "unknown"
    if summary.slow and summary.last.state in (RunState.RUNNING, RunState.COMPLETED):
        return f"{look.glyphs.warning} SLOW", "warning"
    return shown_as.run_state(summary.last.state.value, look.glyphs)


def flow_words(summary: FlowSummary, look: Look) -> str:
    """What is wrong with a flow, in words; empty when nothing is."""
    said = [summary.why_overdue]
    if summary.slow and summary.last is not None:
        usual = shown_as.duration(summary.usual_s, look.glyphs)
        runs = summary.last.state is RunState.RUNNING
        took_s = age_s(summary.last, look) if runs else summary.last.duration_s
        verb = "runs" if runs else "took"
        said.append(f"{verb} {shown_as.duration(took_s, look.glyphs)}, usually at most {usual}")
    return "; ".join(filter(None, said))


def age_s(run: FlowRun, look: Look) -> float:
    """How long a run that goes on has taken so far, in whole minutes after the first: it changes
    no more often on the screen."""
    age = max(0.0, (look.now - run.started_at).total_seconds())
    return age if age < 60 else age // 60 * 60


def under_way(summary: FlowSummary, look: Look) -> str:
    """The age of the run that goes on, against what is usual: `4m of 12m`; empty without one."""
    if summary.last is None or summary.last.state is not RunState.RUNNING:
        return ""
    age = shown_as.duration(age_s(summary.last, look), look.glyphs)
    if summary.usual_s is None:
        return age
    return f"{age} of {shown_as.duration(summary.usual_s, look.glyphs)}"


def summary_aside(flows: Sequence[FlowSummary]) -> str:
    """The flows in one line, for the closed section."""
    if not flows:
        return "no flow is configured and none ran"
    late = sum(flow.overdue for flow in flows)
    slow = sum(flow.slow for flow in flows)
    failed = sum(flow.failed for flow in flows)
    runs = sum(flow.runs for flow in flows)
    text = f"{shown_as.count(len(flows), 'flow')}, {shown_as.count(runs, 'run')}, {failed} failed"
    text += f", {late} overdue" if late else ""
    return f"{text}, {slow} slow" if slow else text


def summary_rows(flows: Sequence[FlowSummary], look: Look) -> list[Row]:
    """Flow status and performance."""
    glyphs = look.glyphs
    cells = [
        (
            (flow.label or flow.flow, "bold"),
            flow_state(flow, look),
            (shown_as.moment(flow.last.started_at if flow.last else None, look), "dim"),
            under_way(flow, look),
            shown_as.percent(flow.success_pct, glyphs, decimals=0),
            (by_day([day.success_pct for day in flow.by_day], look, top=100), "accent"),
            shown_as.duration(flow.p50_s, glyphs),
            shown_as.duration(flow.p95_s, glyphs),
            (by_day([day.p50_s for day in flow.by_day], look), "accent"),
            (shown_as.moment(flow.expected_by, look), "dim"),
            shown_as.number(flow.runs, glyphs),
            (shown_as.number(flow.failed, glyphs), "critical" if flow.failed else ""),
            flow_words(flow, look),
        )
        for flow in flows
    ]
    if not cells:
        return [Row((("  no flow is configured and none ran", "dim"),))]
    columns = natural(_SUMMARY, cells)
    for place, filled in ((3, any(row[3] for row in cells)), (12, any(row[12] for row in cells))):
        if not filled:
            columns[place] = Column("", 0, drop=20)
    table = Table.fitting(columns, look.width - 1)
    rows = [Row(table.head())]
    rows += [
        Row(table.row(row), f"flow:{flow.flow}") for flow, row in zip(flows, cells, strict=True)
    ]
    return rows


def by_day(values: Sequence[float | None], look: Look, *, top: float | None = None) -> str:
    """A bar for each day from zero to `top`, or the highest one; a dot for a day without a
    value."""
    glyphs = look.glyphs
    highest = top or max((value for value in values if value is not None), default=0.0) or 1.0
    last = len(glyphs.bars) - 1
    return "".join(
        glyphs.dot
        if value is None
        else glyphs.bars[max(0, min(last, round(value / highest * last)))]
        for value in values
    )


def run_rows(runs: Sequence[FlowRun], look: Look) -> list[Row]:
    """Runs, newest first."""
    cells = [
        (
            (shown_as.exact(run.started_at, look), "dim"),
            run.flow,
            shown_as.run_state(run.state.value, look.glyphs),
            shown_as.duration(run.duration_s, look.glyphs),
            look.glyphs.missing if run.exit_code is None else str(run.exit_code),
        )
        for run in runs
    ]
    if not cells:
        return [Row((("  no run yet: mechexo flows exec NAME -- COMMAND records one", "dim"),))]
    table = Table.fitting(natural(_RUNS, cells), look.width - 1)
    rows = [Row(table.head())]
    rows += [Row(table.row(row), f"run:{run.id}") for run, row in zip(runs, cells, strict=True)]
    return rows


def run_lines(run: FlowRun, look: Look) -> list[Line]:
    """A run with the end of its output."""
    ended = shown_as.exact(run.ended_at, look)
    lines: list[Line] = [
        ((" ", ""), shown_as.run_state(run.state.value, look.glyphs), ("  ", ""),
         (run.flow, "title")),
        (
            (f"   {shown_as.exact(run.started_at, look)} to {ended}", "dim"),
            (f"   took {shown_as.duration(run.duration_s, look.glyphs)}", "dim"),
            (f"   exit {look.glyphs.missing if run.exit_code is None else run.exit_code}", "dim"),
        ),
        (),
        ((" The end of its output", "title"),),
    ]  # fmt: skip
    tail = run.tail.splitlines() or ["(nothing is kept)" if run.ended_at else "(it still runs)"]
    return lines + [((f"   {harmless(text)}", ""),) for text in tail]


def usual_words(summary: FlowSummary, look: Look) -> str:
    """The run that goes on against its usual, or that none does, in words."""
    if summary.last is None or summary.last.state is not RunState.RUNNING:
        return "none"
    age = shown_as.duration(age_s(summary.last, look), look.glyphs)
    if summary.usual_s is None:
        return f"for {age}; what is usual is not known yet"
    usual = shown_as.duration(summary.usual_s, look.glyphs)
    over = age_s(summary.last, look) > summary.usual_s
    return f"for {age}, {'longer than' if over else 'of'} the usual {usual}"


def next_words(summary: FlowSummary, look: Look) -> str:
    """When the next run is expected, in words."""
    if summary.expected_by is None:
        return "not known: expect_every in [flows] says how often a run must end well"
    left = summary.expected_by - look.now
    at = shown_as.moment(summary.expected_by, look)
    if left < timedelta(0):
        return f"should have ended well by {at}, {shown_as.minutes(-left)} ago"
    return f"to end well by {at}, in {shown_as.minutes(left)}"
