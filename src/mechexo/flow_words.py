"""What a flow of the configuration means to its card, in the words that its alert uses too.

The meeting place of the flows and health wings, which know nothing of each other. Pure.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from mechexo.flows.values import RunState
from mechexo.health.values import FLOW_KIND, ProbeState, Status
from mechexo.output_tail import last_words
from mechexo.times import format_duration

if TYPE_CHECKING:
    from mechexo.config import FlowSettings
    from mechexo.flows.values import FlowRun, FlowStanding

CARD = "flows"
"""The card that every flow of the configuration feeds."""


def has_failed(standing: FlowStanding) -> bool:
    """Whether the newest run that ended did not end well."""
    return standing.ended is not None and standing.ended.state is not RunState.COMPLETED


def as_probe(standing: FlowStanding, settings: FlowSettings, now: datetime) -> ProbeState:
    """A flow as its card shows it: critical when its last run failed, unknown when none has ended
    yet, a warning when it is overdue.

    It is as of now: jobs record their runs themselves, nobody has to look.
    """
    status, detail = _verdict(standing, now)
    ended = standing.ended
    return ProbeState(
        name=standing.flow,
        kind=FLOW_KIND,
        card=CARD,
        severity=settings.severity,
        status=status,
        detail=detail,
        observed_at=now if ended else None,
        since=(ended.ended_at or ended.started_at) if ended else None,
        runbook=settings.runbook,
        suspect=settings.suspect,
    )


def _verdict(standing: FlowStanding, now: datetime) -> tuple[Status, str]:
    run, late = standing.ended, standing.why_overdue
    if run is None:
        not_yet = "its first run has not ended yet" if standing.runs else "never ran"
        return Status.UNKNOWN, late or not_yet
    if has_failed(standing):
        return Status.CRITICAL, "; ".join(filter(None, (ending(run), late)))
    if late:
        return Status.WARNING, late
    ago_s = (now - (run.ended_at or run.started_at)).total_seconds()
    return Status.OK, f"ended well {format_duration(max(ago_s, 0.0))} ago"


def ending(run: FlowRun) -> str:
    """How a run ended, with the last words of one that did not end well."""
    lasted = "" if run.duration_s is None else f" after {_took(run.duration_s)}"
    match run.state:
        case RunState.COMPLETED:
            return f"a run ended well{lasted}"
        case RunState.TIMED_OUT:
            said = f"the last run was stopped: it took too long{lasted}"
        case RunState.LOST:
            said = "the last run was lost: nothing recorded how it ended"
        case _:
            code = "" if run.exit_code is None else f" with exit code {run.exit_code}"
            said = f"the last run failed{code}{lasted}"
    return ": ".join(filter(None, (said, last_words(run.tail, run.flow))))


def _took(duration_s: float) -> str:
    return f"{duration_s:.1f}s" if 0 < duration_s < 1 else format_duration(duration_s)
