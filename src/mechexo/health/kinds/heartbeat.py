"""A job that must check in: `mechexo`'s check-in was called lately, and said that all went well."""

from __future__ import annotations

from datetime import timedelta

from mechexo.config.fields import Duration
from mechexo.health.context import Context
from mechexo.health.options import ProbeOptions
from mechexo.health.staleness import CLOCK_TOLERANCE
from mechexo.health.values import CheckIn, Outcome, Status
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
    under_way = _under_way(context, job, last)
    if last is None:
        watched = context.now - context.first_seen_at
        status = Status.CRITICAL if watched > allowed else Status.UNKNOWN
        so_far = f"{expected}; watched {format_duration(watched)}"
        return Outcome(status, f"{job} has never checked in ({so_far}){under_way}")
    age = context.now - last.at
    if age < -CLOCK_TOLERANCE:
        return Outcome(
            Status.UNKNOWN,
            f"{job} checked in {format_duration(-age)} in the future, so a clock is wrong",
        )
    age_s = max(age.total_seconds(), 0.0)
    ago = f"{format_duration(age_s)} ago"
    if age > allowed:
        return Outcome(
            Status.CRITICAL, f"{job} last checked in {ago}, {expected}{under_way}", age_s, "s"
        )
    if not last.ok:
        said = f": {last.detail}" if last.detail else ""
        return Outcome(
            Status.CRITICAL, f"{job} reported a failure {ago}{said}{under_way}", age_s, "s"
        )
    late = ", late but within its grace" if age > options.every_expected else ""
    return Outcome(Status.OK, f"{job} checked in {ago}{late}{under_way}", age_s, "s")


def _under_way(context: Context, job: str, last: CheckIn | None) -> str:
    """That the job said it began and has not ended since, in words. It changes no verdict: how
    long a run may take is not known here."""
    began = context.starts.get(job)
    if began is None or began > context.now or (last is not None and last.at >= began):
        return ""
    return f"; it began {format_duration(context.now - began)} ago and has not ended"
