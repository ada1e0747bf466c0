"""`mechexo incident`: incidents, their timeline, notes, postmortem and statistics."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mechexo.cli import incident_words, render
from mechexo.cli.incident_cost import cost
from mechexo.cli.invocation import command_group, open_desk
from mechexo.cli.options import Csv, Json, Reason, Yes

if TYPE_CHECKING:
    from mechexo.desk import Desk
    from mechexo.incidents.values import Incident, IncidentStatus

app = command_group("Incidents: their timeline, notes, postmortem, statistics.")

IncidentId = Annotated[int, typer.Argument(help="The incident's number.", metavar="ID")]
Text = Annotated[str, typer.Option("--text", "--reason", help="What there is to say.")]


@app.command("list")
def list_(
    ctx: typer.Context,
    all_: Annotated[bool, typer.Option("--all", help="Closed incidents too.")] = False,
    limit: Annotated[int | None, typer.Option(min=1, help="At most N incidents.")] = None,
    json_: Json = False,
    csv: Csv = False,
) -> None:
    """Incidents that go on, worst severity first, then newest; with --all the closed ones too."""
    from mechexo.incidents import operations as incidents

    desk = open_desk(ctx)
    found, damaged = incidents.list_incidents(desk, all=all_, limit=limit), incidents.damaged(desk)
    if json_:
        body = {"incidents": found, "damaged": damaged}
        render.json_document("incidents", desk.clock.now(), body)
    elif csv:
        render.csv_rows(incident_words.COLUMNS, map(incident_words.cells, found))
    else:
        columns = (">id", "severity", "status", "title", "commander", "began", ">lasts")
        rows = [incident_words.line(desk, each) for each in found]
        render.table("Incidents", columns, rows, zone=desk.zone)
    render.complain(damaged)


@app.command("open")
def open_(
    ctx: typer.Context,
    title: Annotated[str, typer.Argument(help="What is the matter; of an alert it is known.")] = "",
    alert: Annotated[int | None, typer.Option(help="The number of the alert.")] = None,
    severity: Annotated[str, typer.Option(help="SEV1, SEV2 or SEV3; else the alert's.")] = "",
    runbook: Annotated[str, typer.Option(help="The runbook entry to follow.")] = "",
    flow: Annotated[list[str] | None, typer.Option(help="A flow affected; repeatable.")] = None,
    commander: Annotated[str, typer.Option(help="Who leads.")] = "",
    began: Annotated[str, typer.Option(help="When the trouble began, like -15m.")] = "",
    reason: Reason = "",
    json_: Json = False,
    yes: Yes = False,
) -> None:
    """Open an incident: its timeline collects by itself from then on."""
    from mechexo.incident_alerts import opened_by_hand

    desk = open_desk(ctx)
    made = opened_by_hand(
        desk,
        title=title,
        alert_id=alert,
        severity=severity,
        runbook=runbook,
        flows=flow or (),
        commander=commander,
        began=incident_words.moment(desk, began),
        reason=reason,
    )
    _print_one(desk, made, f"incident {made.id} opened: {made.severity} {made.title}", json_)


@app.command("show")
def show(
    ctx: typer.Context,
    incident_id: IncidentId,
    last: Annotated[int, typer.Option(min=0, help="The newest N lines.")] = 20,
    json_: Json = False,
) -> None:
    """One incident with the newest lines of its timeline."""
    from mechexo.incident_timeline import timeline

    desk = open_desk(ctx)
    found = timeline(desk, incident_id)
    newest = found.moments[len(found.moments) - min(last, len(found.moments)) :]
    if json_:
        body = {"incident": found.incident, "moments": newest, "gaps": found.gaps}
        return render.json_document("incident", desk.clock.now(), body)
    facts = incident_words.facts(desk, found.incident)
    render.table(f"Incident {incident_id}", ("what", "value"), facts, zone=desk.zone)
    return incident_words.print_moments(desk, newest, found.gaps, "Timeline, the newest")


@app.command("timeline")
def timeline_(
    ctx: typer.Context, incident_id: IncidentId, json_: Json = False, csv: Csv = False
) -> None:
    """All that happened, oldest first, from every part's records."""
    from mechexo.incident_timeline import timeline

    desk = open_desk(ctx)
    found = timeline(desk, incident_id)
    if json_:
        body = {"incident": found.incident, "moments": found.moments, "gaps": found.gaps}
        return render.json_document("incident_timeline", desk.clock.now(), body)
    if csv:
        columns = ("at", "kind", "who", "text", "detail", "source", "ref", "key")
        rows = ([getattr(each, name) for name in columns] for each in found.moments)
        render.csv_rows(columns, rows)
        return incident_words.note_gaps(found.gaps)
    return incident_words.print_moments(desk, found.moments, found.gaps, "Timeline")


@app.command("note")
def note(
    ctx: typer.Context,
    incident_id: IncidentId,
    text: Annotated[str, typer.Argument(help="What you saw or did; - reads standard input.")],
    json_: Json = False,
    yes: Yes = False,
) -> None:
    """Add a note to the timeline."""
    from mechexo.incidents import operations as incidents

    desk = open_desk(ctx)
    made = incidents.note(desk, incident_id, incident_words.said(text))
    if json_:
        body = {"incident_id": incident_id, "note": made}
        return render.json_document("incident_note", desk.clock.now(), body)
    return render.text(f"noted on incident {incident_id}: {made.text}")


@app.command("join")
def join(
    ctx: typer.Context, incident_id: IncidentId, json_: Json = False, yes: Yes = False
) -> None:
    """Say that you take part."""
    from mechexo.incidents import operations as incidents

    desk = open_desk(ctx)
    found = incidents.join(desk, incident_id)
    _print_one(desk, found, f"incident {incident_id}: {', '.join(found.attendees)}", json_)


@app.command("commander")
def commander(
    ctx: typer.Context,
    incident_id: IncidentId,
    name: Annotated[str, typer.Argument(help="Who leads; empty for nobody.")],
    reason: Reason = "",
    json_: Json = False,
    yes: Yes = False,
) -> None:
    """Say who leads."""
    from mechexo.incidents import operations as incidents

    desk = open_desk(ctx)
    found = incidents.set_commander(desk, incident_id, name, reason=reason)
    leads = found.commander or "nobody"
    _print_one(desk, found, f"incident {incident_id}: {leads} leads", json_)


@app.command("severity")
def severity(
    ctx: typer.Context,
    incident_id: IncidentId,
    wanted: Annotated[str, typer.Argument(help="SEV1, SEV2 or SEV3.", metavar="SEVERITY")],
    reason: Reason = "",
    json_: Json = False,
    yes: Yes = False,
) -> None:
    """Say how bad it is."""
    from mechexo.incidents import operations as incidents

    desk = open_desk(ctx)
    found = incidents.set_severity(desk, incident_id, wanted, reason=reason)
    _print_one(desk, found, f"incident {incident_id} is {found.severity}", json_)


@app.command("flows")
def flows(
    ctx: typer.Context,
    incident_id: IncidentId,
    names: Annotated[list[str] | None, typer.Argument(help="All that it affects.")] = None,
    reason: Reason = "",
    json_: Json = False,
    yes: Yes = False,
) -> None:
    """Say which flows it affects."""
    from mechexo.incident_alerts import check_flows
    from mechexo.incidents import operations as incidents

    desk = open_desk(ctx)
    check_flows(desk, names or ())
    found = incidents.set_flows(desk, incident_id, names or (), reason=reason)
    affected = ", ".join(found.flows) or "no flow"
    _print_one(desk, found, f"incident {incident_id} affects {affected}", json_)


@app.command("mitigated")
def mitigated(
    ctx: typer.Context,
    incident_id: IncidentId,
    text: Text = "",
    json_: Json = False,
    yes: Yes = False,
) -> None:
    """Say that it does no more harm."""
    from mechexo.incidents.values import IncidentStatus

    _stand(ctx, incident_id, IncidentStatus.MITIGATED, text, json_)


@app.command("reopen")
def reopen(
    ctx: typer.Context,
    incident_id: IncidentId,
    text: Text = "",
    json_: Json = False,
    yes: Yes = False,
) -> None:
    """Say that it goes on after all."""
    from mechexo.incidents.values import IncidentStatus

    _stand(ctx, incident_id, IncidentStatus.OPEN, text, json_)


def _stand(
    ctx: typer.Context, incident_id: int, status: IncidentStatus, text: str, json_: bool
) -> None:
    from mechexo.incidents import operations as incidents

    desk = open_desk(ctx)
    found = incidents.set_status(desk, incident_id, status, text=text)
    _print_one(desk, found, f"incident {incident_id} is {found.status}", json_)


@app.command("close")
def close(
    ctx: typer.Context,
    incident_id: IncidentId,
    text: Text = "",
    json_: Json = False,
    yes: Yes = False,
) -> None:
    """Say that it is over."""
    from mechexo.incident_alerts import close as close_incident

    desk = open_desk(ctx)
    found, open_ = close_incident(desk, incident_id, text=text)
    if json_:
        body = {"incident": found, "open_alerts": [alert.id for alert in open_]}
        return render.json_document("incident", desk.clock.now(), body)
    render.text(f"incident {incident_id} is {found.status}")
    for alert in open_:
        render.note(f"still open: alert {alert.id} ({alert.severity} {alert.name})")
    return None


@app.command("postmortem")
def postmortem_(
    ctx: typer.Context,
    incident_id: IncidentId,
    out: Annotated[Path | None, typer.Option(help="Write it here instead of to stdout.")] = None,
    format_: Annotated[str, typer.Option("--format", help="md or html.")] = "md",
    cost: Annotated[bool, typer.Option(help="Also what it cost: reads weeks of fills.")] = True,
    json_: Json = False,
) -> None:
    """The postmortem, from the records only."""
    from mechexo.incident_postmortem import cost_lines, postmortem

    desk = open_desk(ctx)
    costs = cost_lines(desk, incident_id) if cost else None
    text = postmortem(desk, incident_id, format=format_, cost=costs)
    incident_words.written(out, text)
    if json_:
        body = {"incident_id": incident_id, "format": format_, "text": text}
        render.json_document("incident_postmortem", desk.clock.now(), body)
    elif out is None:
        render.text(text.rstrip())


app.command("cost")(cost)


@app.command("stats")
def stats(
    ctx: typer.Context,
    from_: Annotated[str, typer.Option("--from", help="Since when.")] = "-28d",
    to: Annotated[str, typer.Option("--to", help="Until when.")] = "now",
    json_: Json = False,
    csv: Csv = False,
) -> None:
    """Time to acknowledge and to resolve by severity and week, alerts per shift, noisiest keys."""
    from mechexo.incident_statistics import statistics

    desk = open_desk(ctx)
    start, end = incident_words.moment(desk, from_), incident_words.moment(desk, to)
    found = statistics(desk, start=start, end=end)
    if json_:
        body = {"statistics": found}
        render.json_document("incident_statistics", desk.clock.now(), body)
    elif csv:
        columns = ("of", "week", "severity", "measure", "n", "never", "median_s", "p90_s")
        rows = ([getattr(each, name) for name in columns] for each in found.times)
        render.csv_rows(columns, rows)
    else:
        incident_words.print_statistics(desk, found)
    incident_words.note_gaps(found.gaps)


def _print_one(desk: Desk, incident: Incident, line: str, json_: bool) -> None:
    if json_:
        render.json_document("incident", desk.clock.now(), {"incident": incident})
    else:
        render.text(line)
