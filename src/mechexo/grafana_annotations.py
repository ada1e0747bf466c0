"""Where Grafana meets incidents and rollbacks: each is an annotation there, kept as our records
stand.

What is to be annotated is read from the records themselves, at each tick. So an incident or a
rollback waits for nothing and fails by nothing here, and none is forgotten while Grafana is away.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from html import escape
from typing import TYPE_CHECKING
from urllib.parse import quote

from mechexo.config import redact
from mechexo.errors import BusyError, NotFoundError, StateError
from mechexo.grafana.rules import own_tag, word
from mechexo.grafana.values import Annotating, Wanted
from mechexo.masking import masked
from mechexo.outside.shaping import text as one_line
from mechexo.rollback.values import Run, RunState

if TYPE_CHECKING:
    from mechexo.desk import Desk
    from mechexo.incidents.values import Incident

LOOK_BACK = timedelta(days=1)
"""So far before the last look records are looked through again: a rollback may be finished, and a
clock set back."""
MOST_RUNS = 1000
_LONGEST_TEXT = 1000
_LASTING = (RunState.APPLIED, RunState.REDEPLOY_FAILED)


def annotate(desk: Desk, *, deadline_s: float, force: bool = False) -> Annotating:
    """Notes what incidents and rollbacks there are, and writes what is due into Grafana, within
    about `deadline_s` seconds. `force`: also what is to wait.

    Raises:
        BusyError, StateError: the records could not be read or kept, or another program does it.
    """
    from mechexo.grafana import annotating

    annotating.want(desk, wanted(desk))
    return annotating.write_due(desk, deadline_s=deadline_s, force=force)


def annotate_meanwhile(desk: Desk, deadline_s: float) -> Annotating | None:
    """As `annotate`, for the tick: None when another program does it, which is as good.

    Raises:
        StateError: the records could not be read or kept.
    """
    try:
        return annotate(desk, deadline_s=deadline_s)
    except BusyError:
        return None


def wanted(desk: Desk) -> Iterator[Wanted]:
    """The annotations of the incidents and rollbacks that may have changed since the last look."""
    from mechexo.grafana import annotating

    now, seen = desk.clock.now(), annotating.seen(desk)
    # A Grafana that is new is not told of what is over.
    since = now if seen is None else max(seen[0], min(seen[1], now) - LOOK_BACK)
    kinds = desk.settings.grafana.annotate
    if "incidents" in kinds:
        yield from (_of_incident(desk, each) for each in _incidents(desk, since, now))
    if "rollbacks" in kinds:
        from mechexo.rollback.course import runs_between

        for run in runs_between(desk, since, now, MOST_RUNS)[0]:
            if run.state in _LASTING and run.ended_at is not None and run.ended_at >= since:
                yield _of_rollback(desk, run)


def _incidents(desk: Desk, since: datetime, now: datetime) -> Iterator[Incident]:
    from mechexo.grafana import annotating
    from mechexo.incidents import operations as incidents

    found = {each.id: each for each in incidents.list_incidents(desk)}
    recent, _ = incidents.opened_between(desk, since, now + timedelta(seconds=1))
    found |= {each.id: each for each in recent}
    told = {
        int(subject.removeprefix("incident-"))
        for subject in annotating.unfinished(desk)
        if subject.startswith("incident-")
    }
    severities = desk.settings.grafana.severities
    chosen = [each for _, each in sorted(found.items()) if each.severity in severities]
    yield from chosen
    for incident_id in sorted(told - {each.id for each in chosen}):
        try:
            yield incidents.get(desk, incident_id)
        except (NotFoundError, StateError):
            # Whatever is wrong with the one, which its own screen says, the others are annotated.
            continue


def _of_incident(desk: Desk, incident: Incident) -> Wanted:
    subject = f"incident-{incident.id}"
    tag = own_tag(desk.settings.desk.name, subject)
    said = f"Incident {incident.id} ({incident.severity}): {_harmless(incident.title)}"
    if incident.closed_at is not None:
        said += f"<br>closed by {_harmless(incident.closed_by)}"
    elif incident.mitigated_at is not None:
        said += "<br>mitigated"
    return Wanted(
        subject=subject,
        time=incident.began_at,
        time_end=incident.closed_at,
        text=f"{said}<br>{_where(desk, 'incident', str(incident.id))}",
        tags=("mechexo", "incident", incident.severity, _desk_tag(desk), tag),
        tag=tag,
    )


def _of_rollback(desk: Desk, run: Run) -> Wanted:
    subject = f"rollback-{run.id}"
    tag = own_tag(desk.settings.desk.name, subject)
    said = f"Rollback of {_harmless(run.target)} by {_harmless(run.actor)}: {run.state}"
    if run.reason:
        said += f"<br>Reason: {_harmless(run.reason)}"
    return Wanted(
        subject=subject,
        time=run.started_at,
        time_end=run.ended_at,
        text=f"{said}<br>{_where(desk, 'rollback', run.id)}",
        tags=("mechexo", "rollback", _desk_tag(desk), tag),
        tag=tag,
    )


def _desk_tag(desk: Desk) -> str:
    return f"desk:{word(desk.settings.desk.name)}"


def _where(desk: Desk, kind: str, id_: str) -> str:
    """The page that shows it, or the command that does."""
    page = desk.settings.grafana.link
    if not page:
        return f"mechexo {kind} show {escape(id_)}"
    address = page.replace("{kind}", kind).replace("{id}", quote(id_, safe=""))
    return f'<a href="{escape(address)}" target="_blank">{kind} {escape(id_)}</a>'


def _harmless(text: str) -> str:
    """Foreign text as one line that steers no terminal, in which nothing is markup, and no secret
    that can be known."""
    (line,) = masked([one_line(text, longest=_LONGEST_TEXT)])
    return escape(redact(line))
