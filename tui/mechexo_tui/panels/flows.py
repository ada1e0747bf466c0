"""Flows as rows: how each performs, its runs, the end of a run's output."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mechexo_tui.widgets import format as shown_as
from mechexo_tui.widgets.lines import Line, Row, Span
from mechexo_tui.widgets.table import Column, Table, natural

if TYPE_CHECKING:
    from mechexo.flows.values import FlowRun, FlowSummary
    from mechexo_tui.widgets.format import Look

_SUMMARY = (
    Column("flow", 28),
    Column("last run", 12),
    Column("at", 11, right=True),
    Column("ok", 7, right=True),
    Column("runs", 6, right=True, drop=4),
    Column("failed", 6, right=True, drop=3),
    Column("p50", 7, right=True, drop=1),
    Column("p95", 7, right=True, drop=2),
    Column("durations", 20, drop=5),
)
_RUNS = (
    Column("started", 19),
    Column("flow", 28),
    Column("state", 12),
    Column("took", 8, right=True),
    Column("exit", 4, right=True),
)


def flow_state(summary: FlowSummary, look: Look) -> Span:
    """How a flow is: overdue says more than its last run."""
    if summary.overdue:
        return f"{look.glyphs.warning} OVERDUE", "warning"
    if summary.last is None:
        return f"{look.glyphs.unknown} NEVER RAN", "unknown"
    return shown_as.run_state(summary.last.state.value, look.glyphs)


def summary_aside(flows: Sequence[FlowSummary]) -> str:
    """The flows in one line, for the closed section."""
    if not flows:
        return "no flow is configured and none ran"
    late = sum(flow.overdue for flow in flows)
    failed = sum(flow.failed for flow in flows)
    runs = sum(flow.runs for flow in flows)
    text = f"{shown_as.count(len(flows), 'flow')}, {shown_as.count(runs, 'run')}, {failed} failed"
    return f"{text}, {late} overdue" if late else text


def summary_rows(flows: Sequence[FlowSummary], look: Look) -> list[Row]:
    """Flow status and performance."""
    glyphs = look.glyphs
    cells = [
        (
            (flow.label or flow.flow, "bold"),
            flow_state(flow, look),
            (shown_as.moment(flow.last.started_at if flow.last else None, look), "dim"),
            shown_as.percent(flow.success_pct, glyphs, decimals=0),
            shown_as.number(flow.runs, glyphs),
            (shown_as.number(flow.failed, glyphs), "critical" if flow.failed else ""),
            shown_as.duration(flow.p50_s, glyphs),
            shown_as.duration(flow.p95_s, glyphs),
            (shown_as.plot(flow.recent_durations_s, 20, glyphs), "accent"),
        )
        for flow in flows
    ]
    if not cells:
        return [Row((("  no flow is configured and none ran", "dim"),))]
    table = Table.fitting(natural(_SUMMARY, cells), look.width - 1)
    rows = [Row(table.head())]
    rows += [
        Row(table.row(row), f"flow:{flow.flow}") for flow, row in zip(flows, cells, strict=True)
    ]
    return rows


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
    tail = run.tail.splitlines() or ["(nothing)"]
    return lines + [((f"   {text}", ""),) for text in tail]
