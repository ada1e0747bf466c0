"""The postmortem of an incident, as markdown or HTML.

Every statement is taken from a record: what no record tells is an open question or "not known".
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from mechexo.errors import MechexoError, UsageError
from mechexo.incident_timeline import Timeline, timeline
from mechexo.incidents.markdown import block, cell, table
from mechexo.incidents.response import ResponseTime, response_times
from mechexo.times import format_duration, in_zone, stamps_in_zone

if TYPE_CHECKING:
    from mechexo.alerts.values import Alert
    from mechexo.desk import Desk
    from mechexo.incidents.values import Moment

FORMATS = ("md", "html")
MOST_SUSPECTS = 10
MOST_ROWS = 2_000
OUTPUT_LINES = 20
_DONE = (
    *("step_ticked", "step_unticked", "step_started", "step_ended"),
    *("rollback_began", "rollback_ended", "flag", "action", "deployment"),
)
_TITLES = {
    "detect": "time to detect (MTTD)",
    "acknowledge": "time to acknowledge (MTTA)",
    "mitigate": "time to mitigate",
    "resolve": "time to resolve (MTTR)",
}
Shown = Callable[[datetime], str]


def postmortem(
    desk: Desk, incident_id: int, *, format: str = "md", cost: Sequence[str] | None = None
) -> str:
    """The postmortem of one incident, times in the desk's zone. `cost` are lines of markdown that
    say what it cost; None when nobody computed it.

    Raises:
        NotFoundError: there is no such incident.
        UsageError: the format is none.
    """
    if format not in FORMATS:
        raise UsageError(f"there is no format {format!r}; there are {', '.join(FORMATS)}")
    text = markdown(desk, timeline(desk, incident_id), cost)
    if format == "md":
        return text
    from mechexo.runbook.html import page_of

    return page_of(text, f"Postmortem of incident {incident_id}")


def cost_lines(desk: Desk, incident_id: int) -> tuple[str, ...] | None:
    """What an incident cost, as lines of markdown; None when no source of fills is configured. One
    that cannot be computed says why. Loads Polars, and reads the fills of weeks.

    Raises:
        NotFoundError: there is no such incident.
    """
    from mechexo.incidents import operations as incidents

    incidents.get(desk, incident_id)
    if not desk.settings.costs.fills:
        return None
    from mechexo.costs.incident_window_words import summary
    from mechexo.incident_cost import incident_cost, when

    try:
        found = incident_cost(desk, incident_id)
    except MechexoError as error:
        return (f"Cost: not known: {cell(str(error))}",)
    said = [when(found), *summary(found.cost), *found.cost.warnings]
    return tuple(f"- {cell(line)}" for line in said)


def markdown(desk: Desk, found: Timeline, cost: Sequence[str] | None = None) -> str:
    """A timeline as a postmortem."""
    incident = found.incident

    def shown(moment: datetime) -> str:
        return in_zone(moment, desk.zone)

    times = response_times(incident, found.moments, found.own_alerts)
    parts: tuple[tuple[str, Iterable[str]], ...] = (
        ("Summary", _summary(desk, found, shown)),
        ("Impact", _impact(found, cost)),
        ("Detection and response", _times(times, shown)),
        ("What changed before", _changed(desk, found, shown)),
        ("What was done", _done(found, shown)),
        ("Timeline", _timeline(found.moments, shown)),
        ("Open questions", _questions(found, times, cost)),
        ("Action items", table(("action", "owner", "due"), [("", "", "")])),
    )
    lines = [f"# Postmortem of incident {incident.id}: {cell(incident.title)}"]
    for title, part in parts:
        lines += ["", f"## {title}", "", *part]
    return stamps_in_zone("\n".join(lines) + "\n", desk.zone)


def _summary(desk: Desk, found: Timeline, shown: Shown) -> Iterable[str]:
    incident = found.incident
    mitigated, closed = incident.mitigated_at, incident.closed_at
    rows = [
        ("desk", f"{cell(desk.settings.desk.name)} ({desk.settings.desk.mode})"),
        ("severity", incident.severity),
        ("status", incident.status.value),
        ("began", shown(incident.began_at)),
        ("opened", f"{shown(incident.opened_at)} by {cell(incident.opened_by)}"),
        ("mitigated", shown(mitigated) if mitigated else "not recorded"),
        ("closed", f"{shown(closed)} by {cell(incident.closed_by)}" if closed else "not closed"),
        ("lasted", format_duration(closed - incident.began_at) if closed else "not closed"),
        ("commander", cell(incident.commander) or "nobody"),
        ("attendees", ", ".join(map(cell, incident.attendees)) or "nobody"),
        ("runbook", cell(incident.runbook) or "none"),
        ("times", f"in the zone {desk.zone.key}"),
    ]
    yield from table(("what", "recorded"), rows)
    yield ""
    kinds = Counter(moment.kind for moment in found.moments)
    own = [alert for alert in found.alerts if alert.id in found.own_alerts]
    for alert in own:
        yield (
            f"- alert {alert.id} {alert.severity} {cell(alert.name)}, {alert.state.value}, since "
            f"{shown(alert.started_at)}: {cell(alert.summary)}"
        )
    counted = (
        (len(own), "alert of the incident", "alerts of the incident"),
        (len(found.alerts) - len(own), "other alert in its time", "other alerts in its time"),
        (kinds["told"], "message delivered", "messages delivered"),
        (kinds["not_told"], "attempt to tell somebody failed", "attempts to tell somebody failed"),
        (kinds["probe"], "change of a probe", "changes of probes"),
        (kinds["step_started"], "runbook step run", "runbook steps run"),
        (kinds["rollback_began"], "rollback", "rollbacks"),
        (kinds["flag"], "change of a flag", "changes of flags"),
        (kinds["note"], "note", "notes"),
    )
    for number, one, many in counted:
        yield f"- {number} {one if number == 1 else many}"
    if len(found.moments) == kinds["opened"]:
        yield ""
        yield "Nothing else is recorded of this incident."


def _impact(found: Timeline, cost: Sequence[str] | None) -> Iterable[str]:
    flows = found.incident.flows
    yield f"Flows affected: {', '.join(map(cell, flows)) if flows else 'none recorded'}."
    yield ""
    if cost is None:
        yield f"Cost: not known; see `mechexo incident cost {found.incident.id}`."
    else:
        yield from cost


def _times(times: Iterable[ResponseTime], shown: Shown) -> Iterable[str]:
    rows = []
    for each in times:
        took = "not known" if each.seconds is None else format_duration(each.seconds)
        ends = [
            f"{shown(point.at)} ({cell(point.record)})" if point else ""
            for point in (each.start, each.end)
        ]
        rows.append((_TITLES[each.name], took, *ends, cell(each.why)))
    return table(("measure", "took", "from", "to", "why not"), rows)


def _changed(desk: Desk, found: Timeline, shown: Shown) -> Iterable[str]:
    from mechexo import what_changed

    incident = found.incident
    first = next((alert for alert in found.alerts if alert.id == incident.alert_id), None)
    try:
        known = what_changed.around(desk, incident.began_at, first)
    except MechexoError as error:
        yield f"Not known: {cell(str(error))}"
        return
    except (ValueError, TypeError, KeyError, sqlite3.Error) as error:
        # A damaged row in a wing that reads them all at once.
        yield f"Not known: {cell(f'{type(error).__name__}: {error}')}"
        return
    suspects = [one for one in known.suspects if one.happening.at <= incident.began_at]
    rows = [
        (
            *(str(one.rank), shown(one.happening.at), one.happening.kind.word),
            *(cell(one.happening.who), cell(one.happening.what)),
            cell("; ".join(reason.why for reason in one.reasons)),
        )
        for one in suspects[:MOST_SUSPECTS]
    ]
    if rows:
        yield from table(("rank", "at", "kind", "who", "what", "why it is suspected"), rows)
    else:
        yield "Nothing that is recorded changed before."
    if more := len(suspects) - len(rows):
        yield ""
        yield f"{more} more: `mechexo changes --around {incident.alert_id or 'TIME'}`."
    for gap in known.gaps:
        yield ""
        yield f"Not known: {cell(f'{gap.source}: {gap.reason}')}"


def _done(found: Timeline, shown: Shown) -> Iterable[str]:
    done = [moment for moment in found.moments if moment.kind in _DONE]
    if not done:
        yield "Nothing is recorded."
        return
    for moment in done:
        by = f", {cell(moment.who)}" if moment.who else ""
        yield f"- {shown(moment.at)}{by}: {cell(moment.text)}"
        if moment.detail:
            yield ""
            yield from (f"  {line}".rstrip() for line in block(moment.detail, OUTPUT_LINES))
            yield ""


def _timeline(moments: Sequence[Moment], shown: Shown) -> Iterable[str]:
    rows = [
        (
            *(shown(moment.at), cell(moment.kind.replace("_", " ")), cell(moment.who)),
            cell(f"{moment.text}\n{moment.detail}" if moment.kind == "note" else moment.text),
        )
        for moment in moments[:MOST_ROWS]
    ]
    yield from table(("at", "what", "who", "said"), rows)
    if more := len(moments) - len(rows):
        yield ""
        yield f"{more} more lines: `mechexo incident timeline`."


def _questions(
    found: Timeline, times: Iterable[ResponseTime], cost: Sequence[str] | None
) -> Iterable[str]:
    incident = found.incident
    kinds = Counter(moment.kind for moment in found.moments)
    asked = [f"{_TITLES[each.name]}: {each.why}" for each in times if each.seconds is None]
    facts = (
        (not incident.commander, "nobody is recorded as commander"),
        (not incident.flows, "no affected flow is recorded"),
        (not incident.runbook, "no runbook entry is recorded"),
        (bool(found.own_alerts) and not kinds["told"], "no message is recorded as delivered"),
        (kinds["not_told"] > 0, f"attempts to tell somebody that failed: {kinds['not_told']}"),
        (not kinds["note"], "nobody wrote a note"),
        (not any(kinds[kind] for kind in _DONE), "nothing that was done is recorded"),
        (cost is None, "what it cost is not known"),
    )
    asked += [said for missing, said in facts if missing]
    ended = (moment for moment in found.moments if moment.kind == "step_ended")
    lost = [moment for moment in ended if ": outcome unknown" in moment.text]
    asked += [f"nobody knows the outcome of {moment.ref}" for moment in lost]
    asked += [f"alert {a.id} ({a.name}) is {a.state.value}" for a in _open(found)]
    asked += [f"not known: {gap}" for gap in found.gaps]
    if not asked:
        yield "None from the records."
    for question in dict.fromkeys(asked):
        yield f"- {cell(question)}"


def _open(found: Timeline) -> Iterable[Alert]:
    return (each for each in found.alerts if each.id in found.own_alerts and each.is_open)
