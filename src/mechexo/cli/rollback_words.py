"""How applied rollbacks look for people and in JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mechexo.cli.plan_text import OK, printable
from mechexo.rollback.values import Run, RunState, Step
from mechexo.times import format_duration, in_zone

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

FAILED = "✖ FAILED "

_STATES = {
    RunState.UNDER_WAY: "◌ UNDER WAY",
    RunState.APPLIED: "● APPLIED",
    RunState.REDEPLOY_FAILED: "▲ REDEPLOY FAILED",
    RunState.UNDONE: "○ UNDONE",
    RunState.NEEDS_HUMAN: "✖ NEEDS A PERSON",
}


def run_body(run: Run) -> dict[str, object]:
    """A rollback's part of a JSON document."""
    return {
        **{"id": run.id, "target": run.target, "state": str(run.state)},
        **{"started_at": run.started_at, "ended_at": run.ended_at, "actor": run.actor},
        **{"reason": run.reason, "old_commit": run.old_commit, "new_commit": run.new_commit},
        **{"undo_plan": run.undo_plan, "steps": run.steps},
    }


def step_line(step: Step) -> str:
    """One step as a line."""
    return f"  {OK if step.ok else FAILED} {step.name}: {printable(step.detail)}"


def run_lines(run: Run, zone: ZoneInfo, *, with_steps: bool = True) -> list[str]:
    """A rollback as plain lines: how it ended, its steps, how it is taken back."""
    lasted = f", took {format_duration(run.ended_at - run.started_at)}" if run.ended_at else ""
    lines = [
        f"Rollback {run.id}: {_STATES[run.state]}",
        f"  begun     {in_zone(run.started_at, zone)} by {run.actor}{lasted}",
        *([f"  reason    {printable(run.reason)}"] if run.reason else []),
        *(
            [f"  commit    {run.old_commit[:12]} -> {run.new_commit[:12]}"]
            if run.new_commit
            else []
        ),
        *(map(step_line, run.steps) if with_steps else ()),
    ]
    match run.state:
        case RunState.APPLIED if run.undo_plan or run.new_commit:
            lines.append(f"Take it back with: mechexo rollback undo {run.id}")
        case RunState.REDEPLOY_FAILED:
            lines.append(f"Tell the orchestrator with: mechexo rollback redeploy {run.id}")
        case RunState.NEEDS_HUMAN | RunState.UNDER_WAY:
            lines.append("Finish it with: mechexo rollback recover")
        case _:
            pass
    return lines


def run_rows(runs: Sequence[Run]) -> tuple[Sequence[str], list[Sequence[object]]]:
    """A table of rollbacks."""
    columns = ("id", "begun", "target", "state", "by", "commit", "reason")
    return columns, [
        (
            *(run.id, run.started_at, run.target, _STATES[run.state], run.actor),
            *(run.new_commit[:12] or None, printable(run.reason) or None),
        )
        for run in runs
    ]
