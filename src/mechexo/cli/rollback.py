"""`mechexo rollback`: plan what would take a change back, look at plans, carry them out."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from mechexo.cli import render
from mechexo.cli.invocation import command_group, open_desk
from mechexo.cli.options import Json
from mechexo.cli.plan_text import history_rows, plan_body, plan_lines

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from mechexo.desk import Desk
    from mechexo.rollback.values import Plan, Run
    from mechexo.times import Instant

app = command_group("Plan a rollback, a diff that changes nothing; apply it; undo it.")
plan_app = command_group("Plan a rollback: a diff that changes nothing.")
app.add_typer(plan_app, name="plan")

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


To = Annotated[str, typer.Option(help="Back to this moment: 2026-03-08T14:30, ...Z, or -15m.")]
Commit = Annotated[
    str, typer.Option(help="Back to this deployed commit, whatever the records say of a moment.")
]
Override = Annotated[
    list[str] | None,
    typer.Option(help="A guard to set aside by its name, such as files; may be repeated."),
]


@plan_app.command("flow")
def plan_flow(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="A flow of [rollback.flows].")],
    to: To = "",
    commit: Commit = "",
    flags: Annotated[
        bool, typer.Option("--flags/--no-flags", help="With the flags of the flow, or without.")
    ] = True,
    override: Override = None,
    json_: Json = False,
) -> None:
    """What would bring a flow's files and flags back to what they were; changes nothing."""
    from mechexo.rollback import operations as rollback

    desk = open_desk(ctx)
    moment = _moment(desk, to) if to else None
    plan = rollback.plan_flow(
        desk,
        name,
        to=moment.at if moment else None,
        commit=commit,
        flags=flags,
        overrides=override or (),
    )
    _show(plan, desk.zone, as_json=json_, read_as=moment.reading if moment else "")


@plan_app.command("config")
def plan_config(
    ctx: typer.Context,
    path: Annotated[str, typer.Argument(help="The file, as it is called in the repository.")],
    to: To = "",
    commit: Commit = "",
    override: Override = None,
    json_: Json = False,
) -> None:
    """What would bring a configuration file back to what it was at a moment; changes nothing."""
    from mechexo.rollback import operations as rollback

    desk = open_desk(ctx)
    moment = _moment(desk, to) if to else None
    plan = rollback.plan_config(
        desk, path, to=moment.at if moment else None, commit=commit, overrides=override or ()
    )
    _show(plan, desk.zone, as_json=json_, read_as=moment.reading if moment else "")


@plan_app.command("flags")
def plan_flags(
    ctx: typer.Context,
    to: To,
    name: Annotated[str, typer.Argument(help="One flag; all of them when left out.")] = "",
    override: Override = None,
    json_: Json = False,
) -> None:
    """What would bring the desk's flags back to what they were at a moment; changes nothing."""
    from mechexo.rollback import operations as rollback

    desk = open_desk(ctx)
    moment = _moment(desk, to)
    plan = rollback.plan_flags(desk, name, to=moment.at, overrides=override or ())
    _show(plan, desk.zone, as_json=json_, read_as=moment.reading)


@plan_app.command("rearm")
def plan_rearm(
    ctx: typer.Context,
    run_id: Annotated[str, typer.Argument(metavar="ID", help="The rollback that left flags.")],
    override: Override = None,
    json_: Json = False,
) -> None:
    """What would set the flags that a rollback left alone because that adds risk."""
    from mechexo.rollback import operations as rollback

    desk = open_desk(ctx)
    _show(rollback.plan_rearm(desk, run_id, overrides=override or ()), desk.zone, as_json=json_)


@app.command("show")
def show(
    ctx: typer.Context,
    plan_id: Annotated[str, typer.Argument(metavar="ID", help="The plan's id, or its beginning.")],
    json_: Json = False,
) -> None:
    """A plan as it was made, however old, and how it was applied."""
    from mechexo.cli.rollback_words import run_body, run_lines
    from mechexo.rollback import operations as rollback

    desk = open_desk(ctx)
    plan = rollback.plan_by_id(desk, plan_id)
    run = rollback.run_of(desk, plan)
    if json_:
        extra = {"run": run_body(run)} if run else {}
        return render.json_document("rollback_plan", plan.made_at, {**plan_body(plan), **extra})
    render.text("\n".join(plan_lines(plan, desk.zone, every_guard=True)))
    if run is not None:
        render.text("\n".join(["", *run_lines(run, desk.zone)]))
    return None


@app.command("history")
def history(
    ctx: typer.Context,
    limit: Annotated[int, typer.Option(min=1, help="The newest N.")] = 50,
    applied: Annotated[bool, typer.Option("--applied", help="Only what was applied.")] = False,
    json_: Json = False,
    csv: Annotated[bool, typer.Option("--csv", help="CSV.")] = False,
) -> None:
    """The newest plans, newest first; or what was applied of them."""
    from mechexo.rollback import operations as rollback

    desk = open_desk(ctx)
    if applied:
        return _show_runs(desk, rollback.runs(desk, limit=limit), as_json=json_, as_csv=csv)
    plans = rollback.history(desk, limit=limit)
    columns = ("id", "made_at", "target", "to", "commit", "empty", "digest")
    if json_:
        rows = [{column: getattr(plan, column) for column in columns} for plan in plans]
        return render.json_document("rollback_history", desk.clock.now(), {"plans": rows})
    if csv:
        cells = ([getattr(plan, column) for column in columns] for plan in plans)
        return render.csv_rows(columns, cells)
    return render.table("Rollback plans", *history_rows(plans), zone=desk.zone)


def _show_runs(desk: Desk, runs: Sequence[Run], *, as_json: bool, as_csv: bool) -> None:
    from mechexo.cli.rollback_words import run_body, run_rows

    if as_json:
        body = {"runs": [run_body(run) for run in runs]}
        return render.json_document("rollback_runs", desk.clock.now(), body)
    columns, rows = run_rows(runs)
    if as_csv:
        return render.csv_rows(columns, rows)
    return render.table("Rollbacks applied", columns, rows, zone=desk.zone)


def _moment(desk: Desk, text: str) -> Instant:
    """The moment to go back to. A bare date is refused: any time of it would be a guess."""
    from mechexo.errors import UsageError
    from mechexo.times import parse_instant

    day = text.strip()
    if _DAY.fullmatch(day):
        raise UsageError(f"{day!r}: a date without a time is not a moment; write {day}T00:00")
    return parse_instant(text, desk.zone, desk.clock.now())


def _show(plan: Plan, zone: ZoneInfo, *, as_json: bool, read_as: str = "") -> None:
    if as_json:
        return render.json_document("rollback_plan", plan.made_at, plan_body(plan))
    return render.text("\n".join(plan_lines(plan, zone, read_as=read_as)))


from mechexo.cli import rollback_apply, rollback_approve  # noqa: E402 - come after those that look

rollback_apply.add_to(app)
rollback_approve.add_to(app)
