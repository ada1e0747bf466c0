"""The uptime objective: what may be lost, what was lost, and how fast. Pure.

    budget      = (1 - objective) x window          seconds that may be lost
    budget left = budget - not well                 below zero when overspent
    error rate  = not well / known
    burn rate   = error rate / (1 - objective)      1.0 spends the budget in exactly its window

A burn is an alert when a long and a short window both burn above a limit: the long one says that
it matters, the short one that it still goes on, so that the alert ends soon after the trouble.
Source: "Alerting on SLOs" (chapter 5) of Google's Site Reliability Workbook, section "Multiwindow,
Multi-Burn-Rate Alerts"; its error rate is one of requests, ours is one of time. Its 14.4 over 1h
and 5m spends 2 % of a budget of 30 days in that hour, its 6 over 6h and 30m 5 % in those six.

Time in which nobody looked is neither well nor lost. A burn with more of it than known time in
either window is not judged: it neither raises nor resolves.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from mechexo.health.availability import Availability
from mechexo.health.values import UPTIME_KIND, Burn, ProbeState, Status, Uptime, UptimeWindow
from mechexo.times import format_duration

UPTIME_CARD = "uptime"
FAST = (timedelta(hours=1), timedelta(minutes=5))
SLOW = (timedelta(hours=6), timedelta(minutes=30))
SHOWN = (timedelta(hours=24), timedelta(days=7), timedelta(days=30))
ENOUGH_KNOWN = 0.5
"""The share of a window that must be known before it is judged."""


def lengths(window_days: int) -> tuple[timedelta, ...]:
    """All windows that `measured` needs, the shortest first."""
    return tuple(sorted({*FAST, *SLOW, *SHOWN, timedelta(days=window_days)}))


def measured(
    found: Mapping[timedelta, Availability],
    *,
    objective_pct: float,
    window_days: int,
    fast_limit: float,
    slow_limit: float,
) -> Uptime:
    """The uptime against its objective (in per cent), from the availability of each window."""
    own = timedelta(days=window_days)
    allowed = _allowed(objective_pct)
    windows = {length: _window(length, found[length], allowed) for length in sorted({*SHOWN, own})}
    return Uptime(
        objective_pct=objective_pct,
        window_days=window_days,
        achieved_pct=windows[own].achieved_pct,
        budget_left_s=windows[own].budget_left_s,
        known_s=windows[own].known_s,
        unknown_s=windows[own].unknown_s,
        windows=tuple(windows.values()),
        fast=burn(found, FAST, allowed, fast_limit),
        slow=burn(found, SLOW, allowed, slow_limit),
    )


def burn(
    found: Mapping[timedelta, Availability],
    pair: tuple[timedelta, timedelta],
    allowed: float,
    limit: float,
) -> Burn:
    """How fast a pair of windows burns; `allowed` is the share of time that may be lost."""
    rates = []
    long, short = (format_duration(length) for length in pair)
    for length in pair:
        known_s = found[length].known_s
        if known_s < ENOUGH_KNOWN * length.total_seconds():
            why = f"only {format_duration(known_s)} of {format_duration(length)} is known"
            return Burn(long, short, limit, None, why)
        rates.append(found[length].not_well_s / known_s / allowed)
    return Burn(long, short, limit, min(rates))


def burn_words(burn: Burn) -> str:
    """`spent at 20.1x the allowed rate over 1h and 5m`, or why that is not known."""
    if burn.rate is None:
        return f"spent at a rate over {burn.long} that is not known: {burn.why_unknown}"
    return f"spent at {burn.rate:.1f}x the allowed rate over {burn.long} and {burn.short}"


def window_states(uptime: Uptime, now: datetime) -> tuple[ProbeState, ...]:
    """The windows as the card `uptime` shows them.

    A warning when the budget is overspent, or (the objective's own window) burns above a limit.
    Unknown when there is no sample, or when nobody looked for most of the time since the first:
    a young desk that was watched all its life is judged by what is known.
    """
    return tuple(_state(window, uptime, now) for window in uptime.windows)


def _state(window: UptimeWindow, uptime: Uptime, now: datetime) -> ProbeState:
    burning = [each for each in (uptime.fast, uptime.slow) if each.is_over]
    if window.hours != 24 * uptime.window_days:
        burning = []
    left_s = window.budget_left_s
    if left_s is None:
        status, said = Status.UNKNOWN, "not measured yet"
    else:
        spent = format_duration(window.spent_s)
        said = f"{spent} of {format_duration(window.budget_s)} spent, "
        said += (
            f"{format_duration(left_s)} left"
            if left_s >= 0
            else (f"overspent by {format_duration(-left_s)}")
        )
        said += f"; {format_duration(window.known_s)} of {window.label} known"
        said = "; ".join([said, *map(burn_words, burning)])
        # What is known to be lost stays lost, however much else is unknown.
        status = Status.WARNING if left_s < 0 or burning else Status.OK
        if status is Status.OK and window.known_s < ENOUGH_KNOWN * (
            window.known_s + window.unknown_s
        ):
            status = Status.UNKNOWN
            said = f"nobody looked for {format_duration(window.unknown_s)}; {said}"
    return ProbeState(
        name=window.label,
        kind=UPTIME_KIND,
        card=UPTIME_CARD,
        severity="info",
        status=status,
        detail=said,
        value=None if window.achieved_pct is None else round(window.achieved_pct, 3),
        unit="%",
        observed_at=now,
    )


def _allowed(objective_pct: float) -> float:
    return (100.0 - objective_pct) / 100.0


def _window(length: timedelta, found: Availability, allowed: float) -> UptimeWindow:
    return UptimeWindow(
        hours=length // timedelta(hours=1),
        achieved_pct=found.achieved_pct,
        budget_s=allowed * length.total_seconds(),
        spent_s=found.not_well_s,
        known_s=found.known_s,
        unknown_s=found.unknown_s,
    )
