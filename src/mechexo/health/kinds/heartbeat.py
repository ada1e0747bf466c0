"""A job that must check in: `mechexo`'s check-in was called lately, and said that all went well."""

from __future__ import annotations

from datetime import timedelta

from mechexo.config.fields import Duration
from mechexo.health.context import Context
from mechexo.health.options import ProbeOptions
from mechexo.health.staleness import CLOCK_TOLERANCE
from mechexo.health.values import Outcome, Status
from mechexo.times import format_duration


class Options(ProbeOptions):
    """`kind = "heartbeat"`."""

    job: str = ""
    """The name that the job checks in with; the probe's own name unless set."""
    every_expected: Duration
    """How often the job checks in."""
    grace: Duration = timedelta(minutes=1)
    """How much later it may be."""


def run(options: Options, context: Context) -> Outcome:
    """Compares the last check-in with what is expected."""
    job = options.job or context.probe
    allowed = options.every_expected + options.grace
    expected = f"expected every {format_duration(options.every_expected)}"
    last = context.check_ins.get(job)
    if last is None:
        watched = context.now - context.first_seen_at
        status = Status.CRITICAL if watched > allowed else Status.UNKNOWN
        return Outcome(
            status, f"{job} has never checked in ({expected}; watched {format_duration(watched)})"
        )
    age = context.now - last.at
    if age < -CLOCK_TOLERANCE:
        return Outcome(
            Status.UNKNOWN,
            f"{job} checked in {format_duration(-age)} in the future, so a clock is wrong",
        )
    age_s = max(age.total_seconds(), 0.0)
    ago = f"{format_duration(age_s)} ago"
    if age > allowed:
        return Outcome(Status.CRITICAL, f"{job} last checked in {ago}, {expected}", age_s, "s")
    if not last.ok:
        said = f": {last.detail}" if last.detail else ""
        return Outcome(Status.CRITICAL, f"{job} reported a failure {ago}{said}", age_s, "s")
    late = ", late but within its grace" if age > options.every_expected else ""
    return Outcome(Status.OK, f"{job} checked in {ago}{late}", age_s, "s")
