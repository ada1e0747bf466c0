"""`mechexo resources`: what the machine has left, and plots of a Prometheus."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from mechexo.cli import render
from mechexo.cli.default_command import group_with_default
from mechexo.cli.invocation import open_desk
from mechexo.cli.options import Csv, Json
from mechexo.errors import UnreachableError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mechexo.desk import Desk
    from mechexo.resources.plot_values import PlotStanding

app = group_with_default("What the machine has left, and plots of a Prometheus.", "list")

LOOK_S = 8.0

Refresh = Annotated[bool, typer.Option("--refresh", help="Ask now; else as last told.")]


@app.command("list")
def list_(ctx: typer.Context, json_: Json = False, csv: Csv = False) -> None:
    """The machine as the last tick saw it: now, and over the kept time."""
    from mechexo.cli import resource_tables as tables
    from mechexo.resources import operations

    desk = open_desk(ctx)
    found, now = operations.standing(desk), desk.clock.now()
    if json_:
        return render.json_document("resources", now, tables.standing_body(found))
    if csv:
        return render.csv_rows(tables.LIST_FIELDS, tables.summary_values(found))
    render.table("Resources", *tables.summary_rows(found), named_by=1, empty="nothing is known")
    for line in tables.remarks(found, now):
        render.text(line)
    return None


@app.command("history")
def history(
    ctx: typer.Context,
    metric: Annotated[str, typer.Argument(help="Such as cpu_pct or disk_used_pct:/data.")],
    json_: Json = False,
    csv: Csv = False,
) -> None:
    """One metric over the kept time."""
    from mechexo.cli import resource_tables as tables
    from mechexo.resources import operations

    desk = open_desk(ctx)
    found, now = operations.history(desk, metric), desk.clock.now()
    if json_:
        return render.json_document("resources_history", now, tables.history_body(found))
    if csv:
        return render.csv_rows(tables.HISTORY_FIELDS, tables.history_values(found))
    since = now - desk.settings.resources.history
    for line in tables.history_lines(found, since, now, desk.zone):
        render.text(line)
    return None


@app.command("plot")
def plot(
    ctx: typer.Context,
    name: Annotated[
        str, typer.Argument(help="As [resources.plots.NAME] calls it; none: all.")
    ] = "",
    refresh: Refresh = False,
    json_: Json = False,
    csv: Csv = False,
) -> None:
    """A range query of Prometheus, with its thresholds and the age of what is known.

    Exit code 5: one that is shown was not answered when it was asked last.
    """
    from mechexo.resources import plot_operations as plots

    desk = open_desk(ctx)
    if name:
        plots.plot(desk, name)
    if refresh:
        plots.look(desk, deadline_s=LOOK_S, force=True)
    found = [each for each in plots.plots(desk) if name in ("", each.name)]
    _show(desk, found, json_=json_, csv=csv)
    if any(each.why for each in found):
        raise typer.Exit(UnreachableError.exit_code)


def _show(desk: Desk, found: Sequence[PlotStanding], *, json_: bool, csv: bool) -> None:
    from mechexo.cli import resource_tables as tables

    now = desk.clock.now()
    if json_:
        body = {"plots": [tables.plot_body(each) for each in found]}
        return render.json_document("resources_plot", now, body)
    if csv:
        rows = [[each.name, *row] for each in found for row in tables.plot_values(each)]
        return render.csv_rows(("plot", *tables.PLOT_FIELDS), rows)
    if not found:
        return render.text("no plot is configured: write a table [resources.plots.NAME]")
    for place, each in enumerate(found):
        if place:
            render.text()
        for line in tables.plot_lines(each, now, desk.zone):
            render.text(line)
    return None
