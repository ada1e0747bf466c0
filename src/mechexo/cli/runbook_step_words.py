"""What a step would do, how it went and how far an entry is, in lines and in documents."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime

from mechexo.cli.words import age, harmless
from mechexo.runbook.following_values import Preview, Progress, StepRun, StepState
from mechexo.runbook.step_rules import blocked
from mechexo.times import format_duration

_RISKS = {"read": "only looks", "change": "changes the desk", "danger": "DANGER, think first"}
_LONGEST_TEXT = 60


def preview_lines(shown: Preview) -> Iterator[str]:
    """Exactly what would be run, and where."""
    yield f"{shown.entry_id}/{shown.step_id}: {_RISKS.get(shown.risk, _RISKS['danger'])}"
    yield from (f"  $ {line}" for line in shown.command.split("\n"))
    yield f"  in {shown.folder} on {shown.host} as {shown.user}, at most {shown.timeout_s} s"
    yield f"  with {' '.join(f'{name}={shlex.quote(value)}' for name, value in shown.environment)}"
    good = " or ".join(map(str, shown.exits))
    expects = f", output like {shown.expect}" if shown.expect else ""
    yield f"  well when it ends with {good}{expects}"
    if shown.undo:
        yield f"  undone by {shown.undo}"
    if shown.blocked:
        yield f"  ✖ cannot be run: {shown.blocked}"


def preview_document(shown: Preview) -> dict[str, object]:
    """The same for programs."""
    return asdict(shown) | {"environment": dict(shown.environment)}


def run_line(run: StepRun) -> str:
    """How a run went, on one line."""
    parts = [run.outcome.word]
    if run.exit_code is not None:
        parts.append(f"exit code {run.exit_code}")
    if run.duration_s is not None:
        parts.append(f"{run.duration_s:.1f} s")
    return " · ".join([*parts, *([harmless(run.why)] if run.why else [])])


def run_document(run: StepRun) -> dict[str, object]:
    """A run for programs."""
    return asdict(run) | {"outcome": run.outcome.value}


def progress_document(progress: Progress) -> dict[str, object]:
    """How far an incident is with an entry, for programs."""
    return {
        "entry": progress.entry.id,
        "incident": progress.incident_id,
        "last_change": progress.last_change,
        "ticked": progress.ticked,
        "steps": [_step_document(each, progress) for each in progress.steps],
    }


def _step_document(state: StepState, progress: Progress) -> dict[str, object]:
    step = state.step
    return {
        "key": step.key,
        "id": step.id,
        "number": step.number,
        "section": step.section,
        "text": step.text,
        "risk": step.risk if step.id else None,
        "blocked": blocked(step, progress.entry.steps),
        "ticked": state.ticked,
        "ticked_by": state.ticked_by,
        "ticked_at": state.ticked_at,
        "run": run_document(state.run) if state.run else None,
    }


def progress_rows(
    progress: Progress, now: datetime
) -> tuple[tuple[str, ...], list[tuple[str | None, ...]]]:
    """The checklist: columns and rows."""
    columns = ("done", "step", "what", "risk", "last run", ">age", "?by")
    return columns, [_row(each, progress, now) for each in progress.steps]


def _row(state: StepState, progress: Progress, now: datetime) -> tuple[str | None, ...]:
    step, run = state.step, state.run
    text = step.text if len(step.text) <= _LONGEST_TEXT else f"{step.text[: _LONGEST_TEXT - 1]}…"
    risk = None
    if step.id:
        risk = f"{step.risk} (blocked)" if blocked(step, progress.entry.steps) else step.risk
    last = age_ = by = None
    if run is not None:
        took = "" if run.duration_s is None else f", {format_duration(run.duration_s)}"
        last, age_ = f"{run.outcome.word}{took}", age(run.ended_at or run.started_at, now)
        by = run.by
    if state.ticked:
        age_, by = age_ or age(state.ticked_at, now), state.ticked_by or by
    return ("✔ done" if state.ticked else None, step.key, text, risk, last, age_, by)
