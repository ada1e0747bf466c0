"""A systemd timer: it must fire when it should, and what it starts must end well."""

from __future__ import annotations

from pydantic import Field

from mechexo.errors import UnreachableError
from mechexo.health.context import Context
from mechexo.health.options import ProbeOptions
from mechexo.health.values import Outcome, Status
from mechexo.systemd import Timer, TimerState, read_timers
from mechexo.times import format_duration

_STATUS = {
    TimerState.OK: Status.OK,
    TimerState.RUNNING: Status.OK,
    TimerState.NEVER: Status.OK,
    TimerState.UNPLANNED: Status.WARNING,
    TimerState.FAILED: Status.CRITICAL,
    TimerState.OVERDUE: Status.CRITICAL,
    TimerState.UNKNOWN: Status.UNKNOWN,
}


class Options(ProbeOptions):
    """`kind = "timer"`."""

    unit: str = Field(pattern=r"^[A-Za-z0-9:_.\\@][A-Za-z0-9:_.\\@-]*\.timer$")
    """A timer like `backup.timer`."""
    user_unit: bool = False
    """The timer belongs to the user's own systemd."""


def run(options: Options, context: Context) -> Outcome:
    """Looks at the timer and at what it started last."""
    try:
        # Two questions to systemctl, within the time that this look has.
        found = read_timers(
            context.now, user=options.user_unit, only=options.unit, limit_s=context.timeout_s / 2
        )
    except UnreachableError as error:
        return Outcome(Status.UNKNOWN, str(error))
    mine = next((each for each in found if each.unit == options.unit), None)
    if mine is None:
        return Outcome(Status.CRITICAL, f"systemd has no timer {options.unit} loaded")
    return Outcome(_STATUS[mine.state], _words(mine, context), mine.state.value)


def _words(timer: Timer, context: Context) -> str:
    if timer.why:
        return timer.why
    if timer.state is TimerState.RUNNING:
        return f"{timer.activates} runs"
    coming = f"next in {format_duration(timer.next - context.now)}" if timer.next else "no next"
    if timer.last is None:
        return f"has not fired yet, {coming}"
    return f"fired {format_duration(context.now - timer.last)} ago, {coming}"
