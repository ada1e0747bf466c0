"""`mechexo alerts`: the alert list and its actions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from mechexo.cli import alert_words, render
from mechexo.cli.invocation import command_group, open_desk, pairs
from mechexo.cli.options import Csv, Json, Reason, Yes
from mechexo.times import format_duration, parse_duration

if TYPE_CHECKING:
    from mechexo.alerts.values import Alert
    from mechexo.desk import Desk

app = command_group("The alert list and its actions.")

AlertId = Annotated[int, typer.Argument(help="The alert's number.", metavar="ID")]


@app.command("list")
def list_(
    ctx: typer.Context,
    all_: Annotated[bool, typer.Option("--all", help="Resolved alerts too.")] = False,
    limit: Annotated[int | None, typer.Option(min=1, help="At most N alerts.")] = None,
    json_: Json = False,
    csv: Csv = False,
) -> None:
    """Open alerts, worst severity first, then newest; with --all those that fire come first."""
    from mechexo.alerts import operations
    from mechexo.alerts.values import AlertState
    from mechexo.damage_words import sentences

    desk = open_desk(ctx)
    states = tuple(AlertState) if all_ else (AlertState.FIRING, AlertState.ACKNOWLEDGED)
    found, damaged = operations.list_with_damage(desk, states=states, limit=limit)
    # What is resolved is not in force, and so in no other list.
    wrong = [each.words for each in damaged] if all_ else sentences(damaged)
    if json_:
        render.json_document("alerts", desk.clock.now(), {"alerts": found, "damaged": damaged})
        return render.complain(wrong)
    if csv:
        render.csv_rows(alert_words.COLUMNS, map(alert_words.cells, found))
        return render.complain(wrong)
    notes = operations.acknowledgement_notes(desk, [alert.id for alert in found])
    following = operations.outlooks(desk, found)
    rows = [
        alert_words.line(desk, alert, following[alert.id], notes.get(alert.id, ""))
        for alert in found
    ]
    rows = [*map(alert_words.damaged_line, damaged), *rows]
    if render.width() < alert_words.ROOMY:
        narrow = map(alert_words.narrowed, rows)
        render.table("Alerts", alert_words.NARROW_COLUMNS, narrow, zone=desk.zone)
    else:
        render.table("Alerts", alert_words.LIST_COLUMNS, rows, zone=desk.zone)
    return render.complain(wrong)


@app.command("show")
def show(ctx: typer.Context, alert_id: AlertId, json_: Json = False) -> None:
    """One alert with everything known about it."""
    from mechexo.alerts import operations

    desk = open_desk(ctx)
    alert = operations.get_alert(desk, alert_id)
    note = operations.acknowledgement_notes(desk, [alert_id]).get(alert_id, "")
    nearest = _nearest_entry(desk, alert)
    if json_:
        body = {"alert": alert, "acknowledgement_note": note, "nearest_runbook": nearest}
        return render.json_document("alert", desk.clock.now(), body)
    rows = alert_words.facts(desk, alert, note, nearest)
    return render.table(f"Alert {alert.id}", ("what", "value"), rows, zone=desk.zone)


@app.command("why")
def why(ctx: typer.Context, alert_id: AlertId, json_: Json = False) -> None:
    """Why somebody was, or was not, told: the alert's timeline and its messages."""
    from mechexo.alerts import operations

    desk = open_desk(ctx)
    events = operations.timeline(desk, alert_id)
    damaged = operations.damage_of(desk, alert_id)
    messages = tuple(reversed(operations.deliveries(desk, alert_id, limit=1000)))
    whole = all(each.what != "alert" for each in damaged)
    found = [operations.get_alert(desk, alert_id)] if whole else []
    following = operations.outlooks(desk, found).get(alert_id)
    unknown = f"not known: alert {alert_id} is damaged"
    if json_:
        what = following.what if following else unknown
        body = {
            "alert_id": alert_id,
            "timeline": events,
            "deliveries": messages,
            "next": {"at": following.at if following else None, "what": what},
            "damaged": damaged,
        }
        render.json_document("alert_why", desk.clock.now(), body)
        return render.complain([each.words for each in damaged])
    lines = [alert_words.event_line(desk, event) for event in events]
    title = f"Alert {alert_id}: timeline"
    render.table(title, ("at", "what", "who", "detail"), lines, zone=desk.zone)
    columns = (">id", "channel", "what", "state", "due", ">attempts", "finished", "detail")
    told = [alert_words.message_line(desk, message) for message in messages]
    render.table("Messages", columns, told, zone=desk.zone)
    if damaged:
        rows = map(alert_words.damage_row, damaged)
        render.table("Damaged in the state file", alert_words.DAMAGE_COLUMNS, rows)
    said = following.words(desk.clock.now(), desk.zone) if following else unknown
    render.text(f"next: {said}")
    return render.complain([each.words for each in damaged])


@app.command("ack")
def ack(
    ctx: typer.Context,
    alert_id: AlertId,
    note: Annotated[str, typer.Option("--note", "--reason", help="What you will do.")] = "",
    json_: Json = False,
    yes: Yes = False,
) -> None:
    """Say that you know: nothing more is sent unless it gets worse. The first one stands."""
    from mechexo.alerts.acknowledging import acknowledge
    from mechexo.alerts.reading import acknowledgement_notes
    from mechexo.alerts.text import clean

    desk = open_desk(ctx)
    began = desk.clock.now()
    alert = acknowledge(desk, alert_id, note=note)
    _print_one(desk, alert, alert_words.acknowledged(alert, began), json_)
    kept = acknowledgement_notes(desk, [alert_id]).get(alert_id, "")
    if clean(note) not in ("", kept):
        render.note("the first acknowledgement stands; this note is not kept")


@app.command("resolve")
def resolve(
    ctx: typer.Context,
    alert_id: AlertId,
    reason: Reason = "",
    json_: Json = False,
    yes: Yes = False,
) -> None:
    """Close an alert by hand; if the trouble is still there, a new one opens."""
    from mechexo.alerts.acknowledging import resolve as close

    desk = open_desk(ctx)
    began = desk.clock.now()
    alert = close(desk, alert_id, reason=reason)
    _print_one(desk, alert, alert_words.resolved(alert, began), json_)


@app.command("raise")
def raise_(
    ctx: typer.Context,
    key: Annotated[str, typer.Option(help="What identifies the trouble; equal ones merge.")],
    severity: Annotated[str, typer.Option(help="critical, high, medium, low or info.")],
    name: Annotated[str, typer.Option(help="What kind of trouble it is.")],
    summary: Annotated[str, typer.Option(help="What is the matter, in a sentence.")],
    label: Annotated[list[str] | None, typer.Option(help="k=v; may be repeated.")] = None,
    runbook: Annotated[str, typer.Option(help="The runbook entry.")] = "",
    reason: Reason = "",
    json_: Json = False,
    yes: Yes = False,
) -> None:
    """Raise an alert by hand. Nothing is sent from here: the next tick does."""
    from mechexo.alerts import operations

    desk = open_desk(ctx)
    alert = operations.raise_alert(
        desk,
        key=key,
        severity=severity,
        name=name,
        summary=summary,
        labels=pairs(label or (), "--label"),
        runbook=runbook,
        reason=reason,
    )
    seen = "" if alert.count == 1 else f" (seen {alert.count} times)"
    _print_one(desk, alert, f"alert {alert.id}: {alert.severity} {alert.name}{seen}", json_)
    following = operations.outlooks(desk, [alert])[alert.id]
    messages = operations.deliveries(desk, alert.id)
    render.note(alert_words.fate(desk, alert, messages, following))


@app.command("silence")
def silence(
    ctx: typer.Context,
    match: Annotated[
        list[str],
        typer.Option(help="k=v of a label, or of name, source, key, severity; all must hold."),
    ],
    for_: Annotated[str, typer.Option("--for", help="How long, like 2h.")],
    reason: Annotated[str, typer.Option(help="Why.")],
    json_: Json = False,
    yes: Yes = False,
) -> None:
    """Keep matching alerts quiet for a while; those still firing at its end page then."""
    from mechexo.alerts import operations

    desk = open_desk(ctx)
    matchers = pairs(match, "--match")
    made = operations.silence(desk, matchers=matchers, duration=parse_duration(for_), reason=reason)
    if json_:
        render.json_document("silence", desk.clock.now(), {"silence": made})
    else:
        render.text(f"silence {made.id} until {alert_words.shown(desk, made.ends_at)}")
    covered = operations.covered(desk, made)
    strange = {} if covered else operations.never_seen(desk, made)
    return render.note(alert_words.reach(len(covered), strange))


@app.command("unsilence")
def unsilence(
    ctx: typer.Context,
    silence_id: Annotated[int, typer.Argument(help="The silence's number.", metavar="ID")],
    reason: Reason = "",
    json_: Json = False,
    yes: Yes = False,
) -> None:
    """End a silence now; what it covered and still fires pages."""
    from mechexo.alerts import operations

    desk = open_desk(ctx)
    began = desk.clock.now()
    ended = operations.unsilence(desk, silence_id, reason=reason)
    if json_:
        return render.json_document("silence", desk.clock.now(), {"silence": ended})
    at = alert_words.shown(desk, ended.ends_at)
    if ended.ends_at < began:
        age = format_duration(began - ended.ends_at)
        return render.text(f"silence {ended.id}: already ended {age} ago, at {at}")
    return render.text(f"silence {ended.id} ended at {at}")


@app.command("silences")
def silences(ctx: typer.Context, json_: Json = False, csv: Csv = False) -> None:
    """The silences in force, and the maintenance windows that are open."""
    from mechexo.alerts import operations
    from mechexo.damage_words import sentences

    desk = open_desk(ctx)
    found, windows = operations.silences(desk), operations.maintenance_now(desk)
    damaged = [each for each in operations.damaged(desk) if each.what == "silence"]
    wrong = sentences(damaged)
    if json_:
        windows_ = alert_words.window_documents(windows)
        body = {"silences": found, "maintenance": windows_, "damaged": damaged}
        render.json_document("silences", desk.clock.now(), body)
        return render.complain(wrong)
    columns = ("id", "match", "author", "reason", "starts_at", "ends_at")
    rows = [alert_words.silence_line(each) for each in (*found, *windows)]
    if csv:
        render.csv_rows(columns, rows)
        return render.complain(wrong)
    titles = (">id", *columns[1:-2], "from", "until")
    render.table("Silences", titles, rows, zone=desk.zone)
    return render.complain(wrong)


@app.command("damaged")
def damaged(ctx: typer.Context, json_: Json = False) -> None:
    """What is in force and cannot be read in the state file: it pages nobody as it should."""
    from mechexo.alerts import operations

    desk = open_desk(ctx)
    found = operations.damaged(desk)
    if json_:
        render.json_document("alerts_damaged", desk.clock.now(), {"damaged": found})
    else:
        rows = map(alert_words.damage_row, found)
        render.table("Damaged in the state file", alert_words.DAMAGE_COLUMNS, rows)
        if found:
            render.note("take one out of force with: mechexo alerts mend WHAT ID")
    if found:
        raise typer.Exit(1)


@app.command("mend")
def mend(
    ctx: typer.Context,
    what: Annotated[str, typer.Argument(help="alert, silence, override or message.")],
    number: Annotated[int, typer.Argument(help="Its number.", metavar="ID")],
    reason: Reason = "",
    yes: Yes = False,
) -> None:
    """Take what cannot be read out of force; what stood there goes into the audit log."""
    from mechexo.alerts import mending

    mending.mend(open_desk(ctx), what, number, reason=reason)
    render.text(f"{what} {number} is out of force")
    render.text("what stood there is `before` in: mechexo audit log --json")


@app.command("stats")
def stats(
    ctx: typer.Context,
    days: Annotated[int, typer.Option(help="How many days, today included.")] = 7,
    json_: Json = False,
) -> None:
    """Alert history and analysis of the last days."""
    from mechexo.alerts import operations
    from mechexo.alerts.values import SEVERITIES

    desk = open_desk(ctx)
    found = operations.statistics(desk, days=days)
    hours, channels = operations.history_24h(desk), operations.deliveries_today(desk)
    if json_:
        body = {
            "statistics": found,
            "hours": alert_words.hour_documents(hours),
            "deliveries_today": channels,
        }
        return render.json_document("alert_statistics", desk.clock.now(), body)
    means = (found.mean_acknowledge_s, found.mean_resolve_s)
    acknowledged, resolved = (None if s is None else format_duration(s) for s in means)
    facts = (
        ("alerts", found.total),
        *found.by_severity.items(),
        ("mean time to acknowledge", acknowledged),
        ("mean time to resolve", resolved),
    )
    render.table(f"Alerts of the last {days} days", ("measure", ">value"), facts)
    render.table("By day", ("day", ">alerts"), found.by_day)
    render.table("Most frequent", ("name", ">alerts"), found.noisiest)
    busy = [alert_words.hour_line(hour) for hour in hours if hour.total]
    counted = (">alerts", *(f">{severity}" for severity in SEVERITIES))
    render.table("By hour, the last 24", ("hour", *counted), busy, zone=desk.zone)
    ended = ("channel", ">sent", ">failed", ">due", ">cancelled", "last failure", "it said")
    told = [alert_words.channel_line(desk, channel) for channel in channels]
    return render.table("Messages today", ended, told, zone=desk.zone)


def _nearest_entry(desk: Desk, alert: Alert) -> str | None:
    """The runbook entry that fits the alert's name, when the alert names none."""
    if alert.runbook:
        return None
    from mechexo.runbook import operations as runbook

    entry = runbook.match(desk, alert.name)
    return entry.id if entry else None


def _print_one(desk: Desk, alert: Alert, line: str, json_: bool) -> None:
    if json_:
        render.json_document("alert", desk.clock.now(), {"alert": alert})
    else:
        render.text(line)
