"""`mechexo rollback`: plan what would take a change back; look at plans."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from mechexo.cli import render
from mechexo.cli.invocation import command_group, open_desk

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from mechexo.rollback.values import Plan

app = command_group("Plan a rollback: a diff that changes nothing.")
plan_app = command_group("Plan a rollback: a diff that changes nothing.")
app.add_typer(plan_app, name="plan")

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
    from mechexo.times import parse_instant

    desk = open_desk(ctx)
    moment = parse_instant(to, desk.zone, desk.clock.now())
    plan = rollback.plan_config(desk, path, to=moment.at)
    if json_:
        return _as_json(plan)
    return _as_text(plan, desk.zone, read_as=moment.reading)


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
    return _as_json(plan) if json_ else _as_text(plan, desk.zone)


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
    shown = [
        (
            *(plan.id, f"{plan.made_at.astimezone(desk.zone):%Y-%m-%d %H:%M}", plan.target),
            *(f"{plan.to.astimezone(desk.zone):%Y-%m-%d %H:%M:%S}", plan.commit[:12]),
            "nothing to do" if plan.empty else plan.changes[0].action,
        )
        for plan in plans
    ]
    heading = ("id", f"made ({desk.zone.key})", "target", "back to", "commit", "would")
    return render.table("Rollback plans", heading, shown)


def _as_json(plan: Plan) -> None:
    body = {
        **{"id": plan.id, "digest": plan.digest, "target": plan.target, "to": plan.to},
        **{"commit": plan.commit, "commit_time": plan.commit_time},
        **{"commit_subject": plan.commit_subject, "source": plan.source},
        **{"changes": plan.changes, "flags": [], "guards": plan.guards},
        **{"diff": plan.diff, "empty": plan.empty, "made_at": plan.made_at},
    }
    render.json_document("rollback_plan", plan.made_at, body)


def _as_text(plan: Plan, zone: ZoneInfo, *, read_as: str = "") -> None:
    from mechexo.times import format_duration, iso_z

    ago = format_duration(plan.made_at - plan.to)
    local = f"{plan.to.astimezone(zone):%Y-%m-%d %H:%M:%S} {zone.key}"
    said = f" (read from {read_as})" if read_as else ""
    render.text(f"Plan {plan.id}: {plan.target}")
    render.text(f"  back to   {iso_z(plan.to)}, {local}, {ago} before the plan{said}")
    when = f"{plan.commit_time.astimezone(zone):%Y-%m-%d %H:%M:%S}"
    render.text(f"  commit    {plan.commit[:12]} of {when} by the {plan.source}: {_subject(plan)}")
    render.text(f"  digest    {plan.digest}")
    for guard in plan.guards:
        render.text(f"  {'● OK     ' if guard.ok else '▲ WARNING'} {guard.name}: {guard.detail}")
    if plan.empty:
        render.text("Nothing to do: the file is as it was then.")
        return
    for change in plan.changes:
        counts = "binary" if change.binary else f"+{change.added} -{change.removed}"
        render.text(f"  would {change.action} {change.path} ({counts})")
    render.text()
    render.text(plan.diff.removesuffix("\n"))


def _subject(plan: Plan) -> str:
    return "".join(each for each in plan.commit_subject if each.isprintable())
