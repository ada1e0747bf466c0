"""How flow runs and summaries look in tables."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from mechexo.flows.values import FlowRun, FlowSummary, RunState
from mechexo.output_tail import last_words
from mechexo.times import format_duration

MARKS = {
    RunState.RUNNING: "… RUNNING",
    RunState.COMPLETED: "● COMPLETED",
    RunState.FAILED: "✖ FAILED",
    RunState.TIMED_OUT: "✖ TIMED OUT",
    RunState.LOST: "? LOST",
    RunState.SKIPPED: "○ SKIPPED",
}

Columns = Sequence[str]
Rows = list[list[object]]


RUN_FIELDS = ("flow", "started_at", "ended_at", "state", "exit_code", "duration_s", "last_line")


def run_rows(runs: Sequence[FlowRun]) -> tuple[Columns, Rows]:
    """Runs for people; the last line of its output stands beside a run that did not end well."""
    columns = ("flow", "state", "started", ">took", ">exit", "?last line of its output")
    return columns, [
        [
            *(run.flow, MARKS[run.state], run.started_at, _seconds(run.duration_s), run.exit_code),
            None if run.state in _NOTHING_TO_SAY else last_words(run.tail, run.flow) or None,
        ]
        for run in runs
    ]


def run_values(run: FlowRun) -> list[object]:
    """A run for other programs, in the order of `RUN_FIELDS`."""
    figures = [getattr(run, name) for name in RUN_FIELDS[:-1]]
    return [*figures, last_words(run.tail) or None]


_NOTHING_TO_SAY = (RunState.RUNNING, RunState.COMPLETED)


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
