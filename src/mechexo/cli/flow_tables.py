"""How flow runs and summaries look in tables."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from mechexo.flows.values import FlowRun, FlowSummary, RunState
from mechexo.times import format_duration

MARKS = {
    RunState.RUNNING: "… RUNNING",
    RunState.COMPLETED: "● COMPLETED",
    RunState.FAILED: "✖ FAILED",
    RunState.TIMED_OUT: "✖ TIMED OUT",
    RunState.LOST: "? LOST",
}

Columns = Sequence[str]
Rows = list[list[object]]


def run_rows(runs: Sequence[FlowRun], zone: ZoneInfo) -> tuple[Columns, Rows]:
    """Runs for people: times in the desk's zone, which the heading names."""
    columns = ("flow", "state", f"started ({zone.key})", ">took", ">exit")
    return columns, [
        [
            *(run.flow, MARKS[run.state], f"{run.started_at.astimezone(zone):%Y-%m-%d %H:%M:%S}"),
            *(_seconds(run.duration_s), run.exit_code),
        ]
        for run in runs
    ]


def summary_rows(flows: Sequence[FlowSummary], now: datetime) -> tuple[Columns, Rows]:
    """Summaries for people."""
    columns = ("flow", "last run", "when", ">runs", ">well", ">p50", ">p95", "pace")
    return columns, [
        [
            flow.label,
            MARKS[flow.last.state] if flow.last else "never ran",
            f"{format_duration(now - flow.last.started_at)} ago" if flow.last else None,
            flow.runs,
            None if flow.success_pct is None else f"{flow.success_pct:.1f} %",
            *(_seconds(flow.p50_s), _seconds(flow.p95_s)),
            _pace(flow),
        ]
        for flow in flows
    ]


def _pace(flow: FlowSummary) -> str:
    words = [word for word, on in (("OVERDUE", flow.overdue), ("SLOW", flow.slow)) if on]
    return f"▲ {', '.join(words)}" if words else ""


def summary_values(flows: Sequence[FlowSummary]) -> tuple[Columns, Rows]:
    """Summaries for other programs."""
    columns = (
        *("flow", "label", "days", "runs", "failed", "success_pct", "p50_s", "p95_s"),
        *("last_state", "last_started_at", "overdue", "why_overdue", "slow"),
    )
    return columns, [
        [
            *(flow.flow, flow.label, flow.days, flow.runs, flow.failed, flow.success_pct),
            *(flow.p50_s, flow.p95_s, flow.last.state if flow.last else None),
            *(flow.last.started_at if flow.last else None, flow.overdue),
            *(flow.why_overdue, flow.slow),
        ]
        for flow in flows
    ]


def _seconds(duration_s: float | None) -> str | None:
    if duration_s is None:
        return None
    return f"{duration_s:.2f}s" if duration_s < 10 else format_duration(duration_s)
