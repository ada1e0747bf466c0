"""`mechexo rollback`: plan what would take a change back; look at plans."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated

import typer

from mechexo.cli import render
from mechexo.cli.invocation import command_group, open_desk

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from mechexo.desk import Desk
    from mechexo.rollback.values import Plan
    from mechexo.times import Instant

app = command_group("Plan a rollback: a diff that changes nothing.")
plan_app = command_group("Plan a rollback: a diff that changes nothing.")
app.add_typer(plan_app, name="plan")

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)

Json = Annotated[bool, typer.Option("--json", help="One JSON document.")]


@plan_app.command("config")
def plan_config(
    ctx: typer.Context,
    path: Annotated[str, typer.Argument(help="The file, as it is called in the repository.")],
    to: Annotated[str, typer.Option(help="Back to this moment: 2026-03-08T14:30, ...Z, or -15m.")],
    json_: Json = False,
) -> None:
    """What would bring a configuration file back to what it was at a moment; changes nothing."""
    from mechexo.rollback import operations as rollback

    desk = open_desk(ctx)
    moment = _moment(desk, to)
    plan = rollback.plan_config(desk, path, to=moment.at)
    _show(plan, desk.zone, as_json=json_, read_as=moment.reading)


@app.command("show")
def show(
    ctx: typer.Context,
    plan_id: Annotated[str, typer.Argument(metavar="ID", help="The plan's id, or its beginning.")],
    json_: Json = False,
) -> None:
    """A plan as it was made, however old."""
    from mechexo.rollback import operations as rollback

    desk = open_desk(ctx)
    plan = rollback.plan_by_id(desk, plan_id)
    _show(plan, desk.zone, as_json=json_)


@app.command("history")
def history(
    ctx: typer.Context,
    limit: Annotated[int, typer.Option(min=1, help="The newest N plans.")] = 50,
    json_: Json = False,
    csv: Annotated[bool, typer.Option("--csv", help="CSV.")] = False,
) -> None:
    """The newest plans, newest first."""
    from mechexo.rollback import operations as rollback

    desk = open_desk(ctx)
    plans = rollback.history(desk, limit=limit)
    columns = ("id", "made_at", "target", "to", "commit", "empty", "digest")
    if json_:
        rows = [{column: getattr(plan, column) for column in columns} for plan in plans]
        return render.json_document("rollback_history", desk.clock.now(), {"plans": rows})
    if csv:
        cells = ([getattr(plan, column) for column in columns] for plan in plans)
        return render.csv_rows(columns, cells)
    from mechexo.cli.plan_text import history_rows

    return render.table("Rollback plans", *history_rows(plans), zone=desk.zone)


def _moment(desk: Desk, text: str) -> Instant:
    """The moment to go back to. A bare date is refused: any time of it would be a guess."""
    from mechexo.errors import UsageError
    from mechexo.times import parse_instant

    day = text.strip()
    if _DAY.fullmatch(day):
        raise UsageError(f"{day!r}: a date without a time is not a moment; write {day}T00:00")
    return parse_instant(text, desk.zone, desk.clock.now())


def _show(plan: Plan, zone: ZoneInfo, *, as_json: bool, read_as: str = "") -> None:
    from mechexo.cli.plan_text import plan_body, plan_lines

    if as_json:
        return render.json_document("rollback_plan", plan.made_at, plan_body(plan))
    return render.text("\n".join(plan_lines(plan, zone, read_as=read_as)))
