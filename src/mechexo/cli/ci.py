"""`mechexo ci`: how the configured repositories are, and their last runs."""

from __future__ import annotations

from typing import Annotated

import typer

from mechexo.cli import render
from mechexo.cli.invocation import command_group, open_desk
from mechexo.cli.options import Csv, Json

app = command_group("The last CI runs of the configured repositories.")

LOOK_S = 8.0

Refresh = Annotated[
    bool, typer.Option("--refresh", help="Ask now, as far as rate limits allow; else as last told.")
]


@app.command("list")
def list_(ctx: typer.Context, refresh: Refresh = False, json_: Json = False) -> None:
    """A badge for each workflow of each branch, with the age of what is known; all runs as JSON."""
    from mechexo.cli import ci_tables
    from mechexo.flows.ci import operations as ci

    desk = open_desk(ctx)
    found = ci.look(desk, deadline_s=LOOK_S, force=True) if refresh else ci.standings(desk)
    now, tick = desk.clock.now(), desk.settings.refresh.tick
    if json_:
        body = {"repositories": ci_tables.documents(found, desk.settings.ci, now, tick)}
        return render.json_document("ci", now, body)
    render.table(
        "CI",
        *ci_tables.badge_rows(found, now),
        named_by=3,
        empty="no repository is configured" if not found else "nothing is known",
    )
    for line in ci_tables.remarks(found, desk.settings.ci, now, tick):
        render.text(line)
    return None


@app.command("runs")
def runs(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="Only this table of [ci].", show_default=False)] = "",
    limit: Annotated[int, typer.Option(min=1, help="The newest N runs.")] = 50,
    json_: Json = False,
    csv: Csv = False,
) -> None:
    """The newest runs as last told, newest first."""
    from mechexo.cli import ci_tables
    from mechexo.errors import NotFoundError, close_names
    from mechexo.flows.ci import operations as ci

    desk = open_desk(ctx)
    configured = desk.settings.ci
    if name and name not in configured:
        raise NotFoundError(f"there is no [ci.{name}]; {close_names(name, list(configured))}")
    found = [each for each in ci.standings(desk) if name in ("", each.name)]
    values = ci_tables.run_values(found, limit)
    if json_:
        listed = [dict(zip(ci_tables.RUN_FIELDS, row, strict=True)) for row in values]
        return render.json_document("ci_runs", desk.clock.now(), {"runs": listed})
    if csv:
        return render.csv_rows(ci_tables.RUN_FIELDS, values)
    return render.table("CI runs", *ci_tables.run_rows(found, limit), zone=desk.zone, named_by=3)
