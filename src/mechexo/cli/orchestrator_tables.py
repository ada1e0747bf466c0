"""How the deployments and runs of an orchestrator look in tables."""

from __future__ import annotations

from collections.abc import Sequence

from mechexo.flows.orchestrators.standings import Latest, SourceRuns, Standing
from mechexo.flows.orchestrators.values import NOT_WELL, Deployment, OrchestratorRun, Phase
from mechexo.times import format_duration

_GLYPHS = {
    Phase.COMPLETED: "●",
    Phase.FAILED: "✖",
    Phase.CRASHED: "✖",
    Phase.LATE: "▲",
    Phase.CANCELLED: "▲",
    Phase.UNKNOWN: "?",
}

Columns = Sequence[str]
Rows = list[list[object]]


def mark(run: OrchestratorRun) -> str:
    """A run's state as glyph and word: the orchestrator's own, and that we do not know it."""
    word = f"UNKNOWN STATE {run.state}" if run.phase is Phase.UNKNOWN else run.state.upper()
    return f"{_GLYPHS.get(run.phase, '…')} {word}"


def standing_rows(found: Standing) -> tuple[Columns, Rows]:
    """Deployments for people."""
    columns = ("deployment", "last run", "when", "?took", "?>p95", "?schedule", "next", "troubles")
    return columns, [
        [
            one.deployment.name,
            mark(one.last) if one.last else "none read",
            one.last.started_at or one.last.due_at if one.last else None,
            _seconds(one.last.duration_s) if one.last else None,
            _seconds(one.p95_s),
            _schedule(one.deployment),
            one.deployment.next_run_at,
            _troubles([said.trouble for said in one.troubles]),
        ]
        for one in found.deployments
    ]


def standing_values(found: Standing) -> tuple[Columns, Rows]:
    """Deployments for other programs, as CSV."""
    columns = (
        *("deployment", "id", "flow", "paused", "schedule", "next_run_at", "last_state"),
        *("last_due_at", "last_started_at", "last_duration_s", "p95_s", "troubles"),
    )
    rows: Rows = []
    for one in found.deployments:
        each, last = one.deployment, one.last
        schedules = "; ".join(schedule.text for schedule in each.schedules) or None
        rows.append(
            [
                *(each.name, each.id, each.flow or None, each.paused, schedules),
                *(each.next_run_at, last.phase if last else None),
                *(last.due_at if last else None, last.started_at if last else None),
                *(last.duration_s if last else None, one.p95_s),
                " ".join(said.trouble for said in one.troubles) or None,
            ]
        )
    return columns, rows


def standing_body(latest: Latest[Standing]) -> dict[str, object]:
    """Deployments as a JSON document's body."""
    found = latest.found
    return {
        "source": found.source,
        "since": found.since,
        "is_cut": found.is_cut,
        "is_current": latest.is_current,
        "why": latest.why,
        "deployments": found.deployments,
    }


def run_rows(found: SourceRuns) -> tuple[Columns, Rows]:
    """Runs for people; beside one that did not end well stands why."""
    columns = (
        *("deployment", "state", "due", "?started", ">took", "?>late", "?>retries", "run"),
        "?why",
    )
    return columns, [
        [
            *(each.deployment or None, mark(each.run), each.run.due_at, each.run.started_at),
            *(_seconds(each.run.duration_s), _seconds(each.run.late_s), each.run.retries),
            *(each.run.id, _why(each.run)),
        ]
        for each in found.runs
    ]


def run_values(found: SourceRuns) -> tuple[Columns, Rows]:
    """Runs for other programs, as CSV."""
    columns = (
        *("deployment", "flow", "id", "name", "phase", "state", "due_at", "started_at"),
        *("ended_at", "duration_s", "late_s", "retries", "reason"),
    )
    return columns, [
        [
            *(each.deployment or None, each.flow or None, each.run.id, each.run.name),
            *(each.run.phase, each.run.state, each.run.due_at, each.run.started_at),
            *(each.run.ended_at, each.run.duration_s, each.run.late_s, each.run.retries),
            each.run.reason or None,
        ]
        for each in found.runs
    ]


def _why(run: OrchestratorRun) -> str | None:
    return run.reason or None if run.phase in NOT_WELL or run.phase is Phase.UNKNOWN else None


def _schedule(one: Deployment) -> str:
    if not one.schedules:
        return "none"
    texts = [
        each.text if each.active is not False else f"{each.text} (off)" for each in one.schedules
    ]
    return ("PAUSED: " if one.paused else "") + "; ".join(texts)


def _troubles(found: Sequence[str]) -> str:
    words = ", ".join(trouble.replace("_", " ").upper() for trouble in found)
    return f"▲ {words}" if words else ""


def _seconds(duration_s: float | None) -> str | None:
    if duration_s is None:
        return None
    return f"{duration_s:.2f}s" if 0 <= duration_s < 10 else format_duration(duration_s)
