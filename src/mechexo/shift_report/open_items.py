"""What the next shift takes over: what is open, what ends or lacks somebody soon, and notes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta

from mechexo.alerts.values import SEVERITIES, Alert, Silence
from mechexo.errors import MechexoError
from mechexo.incidents import operations as incidents
from mechexo.incidents.values import Incident
from mechexo.shift_report.values import Block, Items, Line, Shift, table

_NEXT_STEPS = 2
"""So many steps of an open incident are named."""


def open_alerts(shift: Shift) -> Iterable[Block]:
    """The open alerts, the worst first, and who knows of each; and what is in force and cannot be
    read."""
    from mechexo.alerts.operations import damaged, list_alerts

    if wrong := damaged(shift.desk):
        yield Items(tuple(f"Not readable: {each.words}" for each in wrong))
    opened = sorted(
        (alert for alert in list_alerts(shift.desk) if alert.is_open),
        key=lambda alert: (SEVERITIES.index(alert.severity), alert.id),
    )
    if opened:
        yield Items(tuple(_alert(alert, shift) for alert in opened))
    elif not wrong:
        yield Line("None.")


def _alert(alert: Alert, shift: Shift) -> str:
    knows = f"{alert.acknowledged_by} knows" if alert.acknowledged_at else "nobody knows"
    since = shift.shown(alert.started_at)
    return f"{alert.id} {alert.severity} {alert.name}, {knows}, since {since}: {alert.summary}"


def open_incidents(shift: Shift) -> Iterable[Block]:
    """The incidents that go on, with the steps that come next."""
    found, damaged = incidents.list_incidents(shift.desk), incidents.damaged(shift.desk)
    if damaged:  # Whether it goes on is not known, so it may.
        yield Items(tuple(f"Not readable: {why}" for why in damaged))
    elif not found:
        yield Line("None.")
    for each in found:
        yield Line(f" {_incident(each, shift)}", f"{each.id} {each.severity}")
        yield Items(tuple(_next_steps(each, shift)))


def _incident(incident: Incident, shift: Shift) -> str:
    led = f"{incident.commander} leads" if incident.commander else "nobody leads"
    since = shift.shown(incident.began_at)
    return f"{incident.title}: {incident.status.word}, {led}, since {since}."


def _next_steps(incident: Incident, shift: Shift) -> Iterator[str]:
    from mechexo.following import progress

    if not incident.runbook:
        yield "It follows no runbook entry."
        return
    try:
        found = progress(shift.desk, incident.id, incident.runbook)
    except MechexoError as error:
        yield f"Its next steps are not readable: {error}"
        return
    waiting = [state.step for state in found.steps if not state.ticked]
    yield f"{incident.runbook}: {found.ticked} of {len(found.steps)} steps ticked."
    for step in waiting[:_NEXT_STEPS]:
        yield f"Next, {step.section} {step.number}: {step.text}"


def holds(shift: Shift) -> Iterable[Block]:
    """Commits that are not to be deployed again."""
    from mechexo.rollback.operations import holds as held

    found = [
        f"{each.commit[:12]} is not to be deployed again, since {shift.shown(each.since)} "
        f"(run {each.run_id})"
        for each in held(shift.desk)
    ]
    yield Items(tuple(found)) if found else Line("None.")


def ending(shift: Shift) -> Iterable[Block]:
    """Silences and maintenance that end within the next shift: what they keep quiet pages then."""
    from mechexo.alerts.silencing import maintenance_now, silences

    every = [("silence", each) for each in silences(shift.desk)]
    every += [("maintenance", each) for each in maintenance_now(shift.desk)]
    soon = [(word, each) for word, each in every if each.ends_at <= shift.next_end]
    said = tuple(_ending(word, each, shift) for word, each in soon)
    yield Items(said) if said else Line("None.")


def _ending(word: str, each: Silence, shift: Shift) -> str:
    matched = ", ".join(f"{name}={value}" for name, value in sorted(each.matchers.items()))
    number = f" {each.id}" if each.id > 0 else ""
    why = f": {each.reason}" if each.reason else ""
    return f"{word}{number} of {matched} by {each.author} ends {shift.shown(each.ends_at)}{why}"


def oncall_gaps(shift: Shift) -> Iterable[Block]:
    """When nobody is on call within the next shift, and calendars that cannot be read."""
    from mechexo.alerts import oncall

    names = tuple(shift.desk.settings.oncall.schedules)
    if not names:
        yield Line("No schedule is configured ([oncall.schedules]).")
        return
    said = []
    for name in names:
        plan = oncall.plan(shift.desk, name, shift.end, shift.next_end)
        said += [
            f"{name}: nobody from {shift.shown(gap.starts_at)} to {shift.shown(gap.ends_at)}"
            for gap in plan.gaps
        ]
        said += [f"{name}: {problem.what}" for problem in plan.problems]
    until = shift.shown(shift.next_end)
    yield Items(tuple(said)) if said else Line(f"None until {until}.")


def overdue_reviews(shift: Shift) -> Iterable[Block]:
    """Runbook entries whose review is past."""
    from mechexo.runbook.operations import entries

    today = shift.end.astimezone(shift.zone).date()
    said = []
    for entry in entries(shift.desk):
        if entry.last_reviewed is None:
            said.append(f"{entry.id} was never reviewed")
        elif entry.review_every_days is not None:
            due = entry.last_reviewed + timedelta(days=entry.review_every_days)
            if due < today:
                said.append(f"{entry.id} was due on {due} ({(today - due).days} days ago)")
    yield Items(tuple(said)) if said else Line("None.")


def notes(shift: Shift) -> Iterable[Block]:
    """What people left for the next shift, and did not say is done."""
    from mechexo.alerts import handover_notes

    found, damaged = handover_notes.notes(shift.desk), handover_notes.damaged(shift.desk)
    if damaged:
        yield Items(tuple(f"Not readable: {why}" for why in damaged))
    if not found and not damaged:
        yield Line("None. Leave one with: mechexo report note TEXT")
        return
    yield Items(
        tuple(f"{each.id}, {each.by} at {shift.shown(each.at)}: {each.text}" for each in found)
    )
    yield Line("A note stays until: mechexo report note --done ID")


def incidents_of_shift(shift: Shift) -> Iterable[Block]:
    """The incidents that went on at some time of the shift."""
    yield table(
        ("id", "severity", "incident", "status", "began", "closed", "led by", "runbook"),
        (
            (
                str(each.id),
                each.severity,
                each.title,
                each.status.value,
                shift.shown(each.began_at),
                shift.shown(each.closed_at) if each.closed_at else None,
                each.commander or None,
                each.runbook or None,
            )
            for each in _touched(shift)
        ),
    )
    damaged = incidents.damaged(shift.desk)
    if damaged:
        yield Items(tuple(f"Not readable: {why}" for why in damaged))


def _touched(shift: Shift) -> list[Incident]:
    return [
        each
        for each in incidents.list_incidents(shift.desk, all=True)
        # What lies after the end, which is now, was recorded before the clock was set back.
        if each.closed_at is None or each.closed_at >= shift.start
    ]


def steps_run(shift: Shift) -> Iterable[Block]:
    """The commands of runbook steps that were run in the shift, and how they ended."""
    from mechexo.runbook.following import runs as runs_of

    runs = sorted(
        (
            run
            for incident in _touched(shift)
            for run in runs_of(shift.desk, incident.id)
            if run.started_at >= shift.start
        ),
        key=lambda run: (run.started_at, run.id),
    )
    yield table(
        ("at", "incident", "step", "by", "how it ended", "exit", "command"),
        (
            (
                shift.shown(run.started_at),
                str(run.incident_id),
                f"{run.entry_id}/{run.step_id}",
                run.by,
                run.outcome.word,
                None if run.exit_code is None else str(run.exit_code),
                run.command,
            )
            for run in runs
        ),
    )
