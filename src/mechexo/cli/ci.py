"""`mechexo ci`: how the configured repositories are, and their last runs."""

from __future__ import annotations

from typing import Annotated

import typer

from mechexo.cli import render
from mechexo.cli.invocation import open_desk
from mechexo.cli.options import Csv, Json
from mechexo.errors import UsageError

app = typer.Typer(
    rich_markup_mode=None,
    add_completion=False,
    invoke_without_command=True,
    help="The last CI runs of the configured repositories; alone: as list.",
)

LOOK_S = 8.0

Refresh = Annotated[
    bool, typer.Option("--refresh", help="Ask now, as far as rate limits allow; else as last told.")
]


@app.callback()
def ci(ctx: typer.Context, refresh: Refresh = False, json_: Json = False, csv: Csv = False) -> None:
    """The last CI runs of the configured repositories; alone: as list."""
    if ctx.invoked_subcommand is None:
        list_(ctx, refresh=refresh, json_=json_, csv=csv)
    elif refresh or json_ or csv:
        raise UsageError(f"write options behind the command: ci {ctx.invoked_subcommand} --...")


@app.command("list")
def list_(
    ctx: typer.Context, refresh: Refresh = False, json_: Json = False, csv: Csv = False
) -> None:
    """A badge for each workflow of each branch, with the age of what is known; all runs as JSON.

    With --refresh exit 5 when one could not be asked."""
    from mechexo.cli import ci_tables
    from mechexo.flows.ci import operations as ci

    desk = open_desk(ctx)
    found = ci.look(desk, deadline_s=LOOK_S, force=True) if refresh else ci.standings(desk)
    now, tick = desk.clock.now(), desk.settings.refresh.tick
    if json_:
        body = {"repositories": ci_tables.documents(found, desk.settings.ci, now, tick)}
        render.json_document("ci", now, body)
    elif csv:
        render.csv_rows(ci_tables.BADGE_FIELDS, ci_tables.badge_values(found))
    else:
        render.table(
            "CI",
            *ci_tables.badge_rows(found, now),
            named_by=3,
            empty="no repository is configured" if not found else "nothing is known",
        )
        for line in ci_tables.remarks(found, desk.settings.ci, now, tick):
            render.text(line)
    if refresh and any(each.why for each in found):
        raise typer.Exit(5)


@app.command("runs")
def runs(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="Only this table of [ci].", show_default=False)] = "",
    limit: Annotated[int, typer.Option(min=1, help="The newest N runs.")] = 50,
    json_: Json = False,
    csv: Csv = False,
) -> None:
    """The newest runs as last told, newest first; below them what cannot be believed now."""
    from mechexo.cli import ci_tables
    from mechexo.errors import NotFoundError, close_names
    from mechexo.flows.ci import operations as ci

    desk = open_desk(ctx)
    configured = desk.settings.ci
    if name and name not in configured:
        raise NotFoundError(f"there is no [ci.{name}]; {close_names(name, list(configured))}")
    found = [each for each in ci.standings(desk) if name in ("", each.name)]
    values = ci_tables.run_values(found, limit)
    now, tick = desk.clock.now(), desk.settings.refresh.tick
    if json_:
        listed = [dict(zip(ci_tables.RUN_FIELDS, row, strict=True)) for row in values]
        known = ci_tables.standing_documents(found, configured, now, tick)
        return render.json_document("ci_runs", now, {"runs": listed, "repositories": known})
    if csv:
        return render.csv_rows(ci_tables.RUN_FIELDS, values)
    render.table("CI runs", *ci_tables.run_rows(found, limit), zone=desk.zone, named_by=3)
    for line in ci_tables.doubts(found, configured, now, tick):
        render.text(line)
    return None
