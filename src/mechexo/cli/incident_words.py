"""Incidents as words and cells of tables."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from mechexo.cli import render
from mechexo.errors import UsageError
from mechexo.files import write_whole
from mechexo.incidents.values import IncidentStatus
from mechexo.times import format_duration, in_zone, parse_instant, stamps_in_zone

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from mechexo.desk import Desk
    from mechexo.incident_statistics import Statistics
    from mechexo.incidents.values import Incident, Moment

COLUMNS = (
    *("id", "severity", "status", "title", "commander", "runbook", "alert_id", "flows"),
    *("began_at", "opened_at", "opened_by", "mitigated_at", "closed_at", "closed_by", "attendees"),
)


def cells(incident: Incident) -> list[object]:
    """A row of the CSV."""
    found = [getattr(incident, name) for name in COLUMNS]
    return [" ".join(each) if isinstance(each, tuple) else each for each in found]


def line(desk: Desk, incident: Incident) -> Sequence[object]:
    """A row of the list."""
    end = incident.closed_at or desk.clock.now()
    return (
        *(incident.id, incident.severity, incident.status.word, incident.title),
        *(incident.commander or "nobody", incident.began_at),
        format_duration(end - incident.began_at),
    )


def facts(desk: Desk, incident: Incident) -> list[tuple[str, object]]:
    """What is known of one incident."""
    alert = "none" if incident.alert_id is None else f"alert {incident.alert_id}"
    mitigated = incident.mitigated_at or "no"
    closed: object = "no"
    if incident.closed_at is not None:
        closed = f"{in_zone(incident.closed_at, desk.zone)} by {incident.closed_by}"
    if incident.status is IncidentStatus.CLOSED and incident.mitigated_at is None:
        mitigated = "not said"
    return [
        ("title", incident.title),
        ("severity", incident.severity),
        ("status", incident.status.word),
        ("commander", incident.commander or "nobody"),
        ("attendees", ", ".join(incident.attendees) or "nobody"),
        ("runbook", incident.runbook or "none"),
        ("alert", alert),
        ("flows", ", ".join(incident.flows) or "none named"),
        ("began", incident.began_at),
        ("opened", f"{in_zone(incident.opened_at, desk.zone)} by {incident.opened_by}"),
        ("mitigated", mitigated),
        ("closed", closed),
    ]


def print_moments(desk: Desk, moments: Sequence[Moment], gaps: Iterable[str], title: str) -> None:
    """A timeline as a table, and what is missing from it."""
    rows = [
        (m.at, m.kind.replace("_", " "), m.who, stamps_in_zone(_said(m), desk.zone))
        for m in moments
    ]
    render.table(title, ("at", "what", "who", "said"), rows, zone=desk.zone)
    note_gaps(gaps)


def print_statistics(desk: Desk, found: Statistics) -> None:
    """How fast people answered, how many alerts a shift had, what was noisiest."""
    span = f"{in_zone(found.start, desk.zone)} to {in_zone(found.end, desk.zone)}"
    columns = ("of", "week", "severity", "measure", ">n", ">never", ">median", ">p90")
    rows = [
        (
            *(each.of, each.week, each.severity, each.measure, each.n, each.never),
            *(None if s is None else format_duration(s) for s in (each.median_s, each.p90_s)),
        )
        for each in found.times
    ]
    render.table(f"Response times, {span}", columns, rows)
    shifts = [(s.starts_at, s.ends_at, s.who or "nobody", s.alerts) for s in found.shifts]
    title = f"Alerts per shift, by {found.shifts_by}"
    render.table(title, ("from", "until", "who", ">alerts"), shifts, zone=desk.zone)
    render.table("Noisiest keys", ("key", ">alerts"), found.noisiest)


def _said(moment: Moment) -> str:
    """A note with all its lines; of an output only that there is one."""
    if moment.kind == "note":
        return "\n".join(filter(None, [moment.text, moment.detail]))
    return f"{moment.text} (output: --json)" if moment.detail else moment.text


def note_gaps(gaps: Iterable[str]) -> None:
    """What is missing, on stderr."""
    for gap in gaps:
        render.note(f"not known: {gap}")


def moment(desk: Desk, text: str) -> datetime | None:
    """A time that a person gave, if any."""
    return parse_instant(text, desk.zone, desk.clock.now()).at if text else None


def said(text: str) -> str:
    """The words themselves, or standard input for `-`; no more of it than a note may be long."""
    from mechexo.incidents.rules import LONGEST_NOTE

    return sys.stdin.read(LONGEST_NOTE + 1) if text == "-" else text


def written(out: Path | None, text: str) -> None:
    """Writes a document to a file, if one is named, and says so."""
    if out is None:
        return
    try:
        write_whole(out, text.encode(), mode=0o600)
    except OSError as error:
        raise UsageError(f"{out}: cannot be written: {error.strerror or error}") from error
    render.note(f"written: {out}")
