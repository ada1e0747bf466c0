"""What each wing's records say of an incident's time, as moments. One function for each wing; what
could not be read, or is too much, is appended to `gaps` in words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import field
from datetime import datetime
from typing import TYPE_CHECKING

from mechexo.incident_alerts import MOST_ALERTS, related
from mechexo.incidents.rules import clean_line, clean_text
from mechexo.incidents.values import Moment
from mechexo.value_classes import dataclass

if TYPE_CHECKING:
    from mechexo.alerts.values import Alert, AlertMoment
    from mechexo.desk import Desk
    from mechexo.incidents.values import Incident
    from mechexo.rollback.happenings import Happening
    from mechexo.rollback.values import Run
    from mechexo.runbook.following_values import StepRun

MOST_MOMENTS = 20_000
MOST_CHANGES = 5_000
MOST_RUNS = 200
MOST_ACTIONS = 2_000
_ACTIONS = ("alerts.silence", "alerts.unsilence", "oncall.override", "oncall.unoverride")
"""What people do beside all that has a record of its own."""


@dataclass(slots=True)
class Asked:
    """What a timeline is asked for, and what is missing from the answer."""

    desk: Desk
    incident: Incident
    linked: tuple[int, ...]
    start: datetime
    end: datetime
    gaps: list[str] = field(default_factory=list)
    alerts: tuple[Alert, ...] = ()
    """The alerts of its time that could be read, once `of_alerts` was asked."""
    own: tuple[int, ...] = ()
    """Those of them that are the incident's own."""


def of_probes(asked: Asked) -> Iterator[Moment]:
    """How probes changed."""
    from mechexo.health import operations as health

    found, damaged = health.changes(
        asked.desk, start=asked.start, end=asked.end, most=MOST_CHANGES + 1
    )
    if damaged:
        asked.gaps.append(f"probes: {damaged} changes are damaged in the state file")
    if len(found) > MOST_CHANGES:
        asked.gaps.append(f"probes: only the first {MOST_CHANGES} changes are listed")
    for each in found[:MOST_CHANGES]:
        was = f", was {each.before}" if each.before else ""
        text = f"{each.probe} is {each.after}{was}: {each.detail}"
        key = f"probe:{each.id}"
        yield Moment(each.at, "probe", "", clean_line(text), "", "health", each.probe, key)


def of_alerts(asked: Asked) -> Iterator[Moment]:
    """The alerts of the time: of the incident's own all that happened, attempts to tell somebody
    included, whenever; of the others what happened within it."""
    from mechexo.alerts.course import course

    found = course(
        asked.desk,
        start=asked.start,
        end=asked.end,
        ids=asked.linked,
        most_alerts=MOST_ALERTS,
        most_moments=MOST_MOMENTS,
    )
    asked.alerts = found.alerts
    asked.gaps += [f"alerts: {gap}" for gap in found.gaps]
    alerts = {alert.id: alert for alert in found.alerts}
    own = {a.id for a in found.alerts if related(asked.incident, a, asked.linked)}
    asked.own = tuple(sorted(own))
    for each in found.moments:
        inside = asked.start <= each.at <= asked.end
        if each.alert_id in own or (inside and not each.channel):
            yield _alert_moment(alerts[each.alert_id], each)


def _alert_moment(alert: Alert, each: AlertMoment) -> Moment:
    ref = f"alert {alert.id}"
    if not each.channel:
        said = f": {each.detail}" if each.detail else ""
        text = clean_line(f"{ref} {alert.name} {each.kind.replace('_', ' ')}{said}")
        key = f"alert-event:{each.id}"
        return Moment(each.at, f"alert_{each.kind}", each.actor, text, "", "alerts", ref, key)
    how = "delivered" if each.kind == "sent" else f"not delivered ({each.kind})"
    said = f": {each.detail}" if each.detail else ""
    what = f"{each.message} to {each.channel}, attempt {each.number}, {how}"
    text = clean_line(f"{ref} {alert.name}: {what}{said}")
    kind = "told" if each.kind == "sent" else "not_told"
    return Moment(each.at, kind, "", text, "", "alerts", ref, f"attempt:{each.id}")


def of_steps(asked: Asked) -> Iterator[Moment]:
    """The steps of the runbook: ticks, and runs with the end of their output."""
    from mechexo.runbook import records as steps

    desk, number = asked.desk, asked.incident.id
    for place, (entry, tick) in enumerate(steps.ticks(desk.state, number)):
        verb = "ticked" if tick.ticked else "unticked"
        text, ref = f"step {tick.step_key} of {entry} {verb}", f"{entry}/{tick.step_key}"
        yield Moment(tick.at, f"step_{verb}", tick.by, text, "", "runbook", ref, f"tick:{place}")
    for run in steps.runs(desk.state, number, desk.clock.now()):
        yield from _run_moments(run)


def _run_moments(run: StepRun) -> Iterator[Moment]:
    ref, name = f"{run.entry_id}/{run.step_id}", f"step {run.step_id} of {run.entry_id}"
    text = clean_line(f"{name} started on {run.host}: {run.command}")
    key = f"step-run:{run.id}"
    yield Moment(run.started_at, "step_started", run.by, text, "", "runbook", ref, f"{key}:start")
    if run.ended_at is None:
        if run.outcome.value != "running":
            # Nobody recorded its end, so it stands where it started.
            text = clean_line(f"{name}: outcome {run.outcome.value} ({run.why})")
            at, end = run.started_at, f"{key}:end"
            yield Moment(at, "step_ended", run.by, text, "", "runbook", ref, end)
        return
    unknown = run.outcome.value == "unknown"
    facts = ["outcome unknown" if unknown else run.outcome.value.replace("_", " ")]
    facts += [f"exit code {run.exit_code}"] if run.exit_code is not None else []
    facts += [f"after {run.duration_s:.1f} s"] if run.duration_s is not None else []
    facts += [run.why] if run.why else []
    text, output = clean_line(f"{name} ended: {', '.join(facts)}"), clean_text(run.output)
    key = f"{key}:end"
    at = max(run.ended_at, run.started_at)  # A clock set back puts no end before its start.
    yield Moment(at, "step_ended", run.by, text, output, "runbook", ref, key)


def of_rollbacks(asked: Asked) -> Iterator[Moment]:
    """Rollbacks and what became of them."""
    from mechexo.rollback.course import runs_between

    found, damaged, more = runs_between(asked.desk, asked.start, asked.end, MOST_RUNS)
    if damaged:
        asked.gaps.append(f"rollbacks: {damaged} are damaged in the state file")
    if more:
        asked.gaps.append(f"rollbacks: only the first {MOST_RUNS} are listed")
    for run in found:
        yield from _rollback_moments(run)


def _rollback_moments(run: Run) -> Iterator[Moment]:
    ref, why = f"rollback {run.id}", f": {run.reason}" if run.reason else ""
    text, key = clean_line(f"{ref} of {run.target} began{why}"), f"rollback:{run.id}"
    at = run.started_at
    yield Moment(at, "rollback_began", run.actor, text, "", "rollback", ref, f"{key}:start")
    if run.ended_at is None:
        return
    steps = "\n".join(
        f"{step.name}: {'done' if step.ok else 'failed'}" + (f", {step.detail}" * bool(step.detail))
        for step in run.steps
    )
    text = clean_line(f"{ref} of {run.target} ended: {run.state}")
    at, detail = run.ended_at, clean_text(steps)
    yield Moment(at, "rollback_ended", run.actor, text, detail, "rollback", ref, f"{key}:end")


def of_changes(asked: Asked) -> Iterator[Moment]:
    """Commits, deployments, edits that git does not know, and flags, by whatever hand."""
    from mechexo.rollback.happened import happened
    from mechexo.rollback.happenings import Watch

    watch = Watch(asked.incident.began_at)
    found = happened(asked.desk, watch, start=asked.start, end=asked.end)
    asked.gaps += [f"{gap.source}: {gap.reason}" for gap in found.gaps]
    every = [each for each in found.happenings if asked.start <= each.at <= asked.end]
    yield from _happened(every, "rollback")


def of_flows(asked: Asked) -> Iterator[Moment]:
    """Runs of flows that failed."""
    from mechexo.what_changed import failures

    found = failures(asked.desk, asked.incident.began_at, asked.start, asked.end)
    yield from _happened(found, "flows")


def of_on_call(asked: Asked) -> Iterator[Moment]:
    """Who took over from whom."""
    from mechexo.rollback.happenings import Gap
    from mechexo.what_changed import hand_overs

    gaps: list[Gap] = []
    # What is to come has not happened yet.
    until = min(asked.end, asked.desk.clock.now())
    found = list(hand_overs(asked.desk, asked.start, until, gaps))
    asked.gaps += [f"{gap.source}: {gap.reason}" for gap in gaps]
    yield from _happened(found, "on-call")


def _happened(found: Iterable[Happening], source: str) -> Iterator[Moment]:
    for each in sorted(found, key=lambda one: (one.at, one.key)):
        kind, text = each.kind.value, f"{each.kind.word}: {each.what}"
        ref = each.commit[:12] or ", ".join(each.flags or each.flows)
        who = clean_line(each.who)
        yield Moment(each.at, kind, who, clean_line(text), "", source, ref, each.key)


def of_actions(asked: Asked) -> Iterator[Moment]:
    """Silences and changes of the on-call plan, from the audit log."""
    from mechexo.times import from_iso_z

    entries = asked.desk.audit_entries(MOST_ACTIONS, only=_ACTIONS)
    for entry in entries:
        try:
            at = from_iso_z(entry.at)
            inside = asked.start <= at <= asked.end
        except (ValueError, TypeError):
            asked.gaps.append(f"audit log: entry {entry.seq} has no time: {entry.at!r}")
            continue
        if inside:
            why = f": {entry.reason}" if entry.reason else ""
            text = clean_line(f"{entry.action} {entry.target} {entry.outcome}{why}")
            ref, key = f"audit {entry.seq}", f"audit:{entry.seq}"
            yield Moment(at, "action", clean_line(entry.who), text, "", "audit", ref, key)
    if len(entries) == MOST_ACTIONS:
        asked.gaps.append(f"audit log: only the newest {MOST_ACTIONS} silences are looked at")


def of_incident(asked: Asked) -> Iterator[Moment]:
    """What people, and the tick, did about the incident itself."""
    from mechexo.incidents import operations as incidents

    moments, gaps = incidents.own_history(asked.desk, asked.incident.id)
    asked.gaps += [f"incident: {gap}" for gap in gaps]
    yield from moments
