"""`mechexo oncall`: who is on call, who takes over, and whether everybody can be reached."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mechexo.cli import oncall_words, render
from mechexo.cli.default_command import group_with_default
from mechexo.cli.invocation import open_desk
from mechexo.cli.oncall_drill import drill
from mechexo.cli.oncall_simulate import simulate
from mechexo.cli.options import Csv, Json, Reason, Yes
from mechexo.errors import OutputError, UsageError
from mechexo.times import parse_duration, parse_instant

if TYPE_CHECKING:
    from mechexo.alerts.damage import Damaged
    from mechexo.desk import Desk

app = group_with_default("Who is on call.", "now")


@app.command("now")
def now(ctx: typer.Context, json_: Json = False) -> None:
    """Who is told first, second and third at this moment, and whether it is quiet."""
    from mechexo.alerts import oncall

    desk = open_desk(ctx)
    found, standings = oncall.now(desk), oncall.standings(desk)
    damaged = _damaged(desk)
    if json_:
        body = {"oncall": found, "schedules": standings, "damaged": damaged}
        render.json_document("oncall", desk.clock.now(), body)
        return _complain(damaged)
    for line in oncall_words.levels(desk, found, standings):
        render.text(line)
    for problem in (each for standing in standings for each in standing.problems):
        render.note(f"not used: {problem.what}")
    return _complain(damaged)


@app.command("schedule")
def schedule(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="The schedule; all unless given.")] = "",
    days: Annotated[int, typer.Option(min=1, max=366, help="How many days.")] = 14,
    ical: Annotated[
        str, typer.Option("--ical", metavar="FILE", help="Write one schedule as iCal; - is stdout.")
    ] = "",
    json_: Json = False,
    csv: Csv = False,
) -> None:
    """Who is on call over the coming days, and when nobody is."""
    from mechexo.alerts import oncall

    desk = open_desk(ctx)
    names = [name] if name else list(desk.settings.oncall.schedules)
    start, end = oncall_words.period(desk, days)
    if ical:
        if len(names) != 1:
            raise UsageError(f"--ical writes one schedule; name one of: {', '.join(names) or '-'}")
        _write(ical, oncall.calendar(desk, names[0], end))
        return _complain(_damaged(desk))
    plans = [oncall.plan(desk, each, start, end) for each in names]
    damaged = _damaged(desk)
    if json_:
        body = {"from": start, "to": end, "schedules": plans, "damaged": damaged}
        render.json_document("oncall_schedule", desk.clock.now(), body)
    elif csv:
        render.csv_rows(oncall_words.PLAN_COLUMNS, oncall_words.plan_cells(plans))
    else:
        oncall_words.show_plans(desk, plans)
    return _complain(damaged)


@app.command("override")
def override(
    ctx: typer.Context,
    schedule: Annotated[str, typer.Argument(help="The schedule.")],
    person: Annotated[str, typer.Argument(help="Who takes over.")],
    from_: Annotated[str, typer.Option("--from", metavar="T", help="When it begins.")] = "now",
    until: Annotated[str, typer.Option("--until", metavar="T", help="When it ends.")] = "",
    for_: Annotated[str, typer.Option("--for", metavar="D", help="Or how long, like 8h.")] = "",
    reason: Reason = "",
    json_: Json = False,
    yes: Yes = False,
) -> None:
    """Put somebody on call for a time, above the rotation and above earlier overrides."""
    from mechexo.alerts import overrides

    if bool(until) == bool(for_):
        given = "both --until and --for were given" if until else "an override needs an end"
        raise UsageError(f"{given}: --until T or --for D, one of them")
    desk = open_desk(ctx)
    starts_at = parse_instant(from_, desk.zone, desk.clock.now()).at
    if until:
        ends_at = parse_instant(until, desk.zone, desk.clock.now()).at
    else:
        ends_at = oncall_words.later(starts_at, parse_duration(for_))
    made = overrides.override(
        desk, schedule, person, starts_at=starts_at, ends_at=ends_at, reason=reason
    )
    if json_:
        body = {"override": made.override, "overlapping": made.overlapping}
        return render.json_document("oncall_override", desk.clock.now(), body)
    render.text(oncall_words.override_line(desk, made.override))
    for each in made.overlapping:
        render.note(f"it stands before {oncall_words.override_line(desk, each)}")
    return None


@app.command("overrides")
def overrides_(ctx: typer.Context, json_: Json = False, csv: Csv = False) -> None:
    """The overrides in force and to come."""
    from mechexo.alerts import overrides

    desk = open_desk(ctx)
    found, damaged = overrides.overrides(desk), _damaged(desk)
    if json_:
        body = {"overrides": found, "damaged": damaged}
        render.json_document("oncall_overrides", desk.clock.now(), body)
        return _complain(damaged)
    rows = [(o.id, o.schedule, o.person, o.starts_at, o.ends_at, o.author, o.reason) for o in found]
    if csv:
        columns = ("id", "schedule", "person", "starts_at", "ends_at", "author", "reason")
        render.csv_rows(columns, rows)
        return _complain(damaged)
    columns = (">id", "schedule", "person", "from", "until", "by", "reason")
    render.table("Overrides", columns, rows, zone=desk.zone)
    return _complain(damaged)


@app.command("unoverride")
def unoverride(
    ctx: typer.Context,
    override_id: Annotated[int, typer.Argument(help="The override's number.", metavar="ID")],
    reason: Reason = "",
    json_: Json = False,
    yes: Yes = False,
) -> None:
    """Take an override back: the rotation decides again at once."""
    from mechexo.alerts import overrides

    desk = open_desk(ctx)
    began = desk.clock.now()
    ended = overrides.unoverride(desk, override_id, reason=reason)
    if json_:
        return render.json_document("oncall_override", desk.clock.now(), {"override": ended})
    return render.text(oncall_words.taken_back(desk, ended, began))


@app.command("lint")
def lint(ctx: typer.Context, json_: Json = False) -> None:
    """Whether every alert would reach somebody; sends nothing. Exit 1 when something says no.

    That mild alerts (medium, low, info) reach nobody is a warning alone: it may be meant so.
    """
    from mechexo.alerts.lint import lint as look
    from mechexo.alerts.lint import unheard

    desk = open_desk(ctx)
    findings, mild = look(desk), unheard(desk)
    if json_:
        body = {"ok": not findings, "findings": findings, "warnings": mild}
        render.json_document("oncall_lint", desk.clock.now(), body)
    else:
        oncall_words.show_findings(findings, mild)
    raise typer.Exit(1 if findings else 0)


def _damaged(desk: Desk) -> list[Damaged]:
    """The overrides that cannot be read: the rotation stands where they should."""
    from mechexo.alerts.damage_reading import damaged

    return [each for each in damaged(desk) if each.what == "override"]


def _complain(damaged: list[Damaged]) -> None:
    from mechexo.damage_words import sentences

    render.complain(sentences(damaged))


def _write(place: str, content: bytes) -> None:
    """Writes a file whole, or stdout."""
    from mechexo.files import write_whole
    from mechexo.streams import data_on_stdout

    if place == "-":
        with data_on_stdout():
            sys.stdout.write(content.decode())
        return
    try:
        write_whole(Path(place), content)
    except OSError as error:
        raise OutputError(f"{place}: cannot be written: {error.strerror or error}") from error
    render.text(f"written to {place}")


app.command("simulate")(simulate)
app.command("drill")(drill)
