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
    """The state with what the configuration says today about it, whatever was stored."""
    return replace(
        state,
        card=settings.card,
        severity=settings.severity,
        runbook=settings.runbook,
        suspect=settings.suspect,
        halts_trading=settings.kind == "flag" and _halts_trading(settings),
    )


def _halts_trading(settings: ProbeSettings) -> bool:
    critical = settings.card == "trading" and settings.severity == "critical"
    return bool(settings.options.get("halts_trading", critical))


def next_state(
    previous: ProbeState,
    outcome: Outcome,
    now: datetime,
    settings: ProbeSettings,
    *,
    latency_ms: float | None = None,
) -> ProbeState:
    """The state of a probe after one more run, at `now`, with `outcome`.

    - A failed run (critical) of a probe that was known to be well (ok or warning) shows as a
      warning until `fail_after` of them came in a row. Of any other it is unknown until then:
      one that was never seen to be well may have been broken all the time.
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
                count = f"{failures} of {settings.fail_after} failures"
                if previous.status in (Status.OK, Status.WARNING):
                    status, detail = Status.WARNING, f"{count}: {detail}"
                else:
                    status = Status.UNKNOWN
                    detail = f"{count}, and not known to have been well before: {detail}"
        case Status.UNKNOWN:
            successes = 0
        case Status.OK | Status.WARNING:
            failures, successes = 0, successes + 1
            down = down and successes < settings.recover_after
            if down:
                status = Status.CRITICAL
                way = "below critical" if outcome.status is Status.WARNING else "recovering"
                detail = f"{way}, {successes} of {settings.recover_after} looks: {detail}"
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
