"""When a probe's outcome becomes its status: patience before alarm, patience before relief."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from mechexo.health.values import Outcome, ProbeState, Status

if TYPE_CHECKING:
    from mechexo.config import ProbeSettings

NOT_LOOKED_AT = "not looked at yet"
FLAPPING_WINDOW = timedelta(minutes=10)
FLAPPING_CHANGES = 4
KEPT_CHANGES = 20


def unseen(name: str, settings: ProbeSettings) -> ProbeState:
    """The state of a probe before its first run."""
    return configured(
        ProbeState(
            name=name,
            kind=settings.kind,
            card=settings.card,
            severity=settings.severity,
            status=Status.UNKNOWN,
            detail=NOT_LOOKED_AT,
        ),
        settings,
    )


def configured(state: ProbeState, settings: ProbeSettings) -> ProbeState:
    """The state with what the configuration says today about card, severity and runbook."""
    return replace(
        state,
        card=settings.card,
        severity=settings.severity,
        runbook=settings.runbook,
        suspect=settings.suspect,
    )


def next_state(
    previous: ProbeState,
    outcome: Outcome,
    now: datetime,
    settings: ProbeSettings,
    *,
    latency_ms: float | None = None,
) -> ProbeState:
    """The state of a probe after one more run, at `now`, with `outcome`.

    - A failed run (critical) shows as a warning until `fail_after` of them came in a row.
    - Once down, a probe stays critical until `recover_after` runs in a row did not fail. A
      warning is no failure: it counts for the recovery, and then shows as a warning.
    - A run that could not look is unknown at once. It neither adds to nor ends a row of
      failures, it ends a row of successes, and a probe that was down is still down behind it.
    """
    failures, successes, down = previous.failures, previous.successes, previous.down
    status, detail = outcome.status, outcome.detail
    match outcome.status:
        case Status.CRITICAL:
            failures, successes = failures + 1, 0
            down = down or failures >= settings.fail_after
            if not down:
                status = Status.WARNING
                detail = f"{failures} of {settings.fail_after} failures: {detail}"
        case Status.UNKNOWN:
            successes = 0
        case Status.OK | Status.WARNING:
            failures, successes = 0, successes + 1
            down = down and successes < settings.recover_after
            if down:
                status = Status.CRITICAL
                detail = f"recovering, {successes} of {settings.recover_after} successes: {detail}"
    changed = previous.observed_at is not None and status != previous.status
    changes = _recent(previous.changes + ((now,) if changed else ()), now)
    return replace(
        configured(previous, settings),
        status=status,
        detail=detail,
        value=outcome.value,
        unit=outcome.unit,
        observed_at=now,
        since=previous.since if status == previous.status and previous.since else now,
        latency_ms=latency_ms,
        flapping=len(changes) >= FLAPPING_CHANGES,
        failures=failures,
        successes=successes,
        down=down,
        changes=changes,
    )


def _recent(changes: tuple[datetime, ...], now: datetime) -> tuple[datetime, ...]:
    """The changes of the last ten minutes; those after `now` were stamped by a wrong clock."""
    return tuple(at for at in changes if now - FLAPPING_WINDOW < at <= now)[-KEPT_CHANGES:]
