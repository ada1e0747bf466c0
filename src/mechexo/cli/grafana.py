"""`mechexo grafana`: the desk's dashboards, the panels in them, what was annotated."""

from __future__ import annotations

from typing import Annotated

import typer

from mechexo.cli import grafana_panel, render
from mechexo.cli.invocation import command_group, open_desk
from mechexo.cli.options import Csv, Json

app = command_group("The desk's Grafana: dashboards, panels, annotations.")
grafana_panel.register(app)

LOOK_S = 8.0

Refresh = Annotated[bool, typer.Option("--refresh", help="Ask now; else as last told.")]


@app.command("dashboards")
def dashboards(
    ctx: typer.Context,
    refresh: Refresh = False,
    addresses: Annotated[
        bool, typer.Option("--addresses", help="Write the addresses out, also on a terminal.")
    ] = False,
    json_: Json = False,
    csv: Csv = False,
) -> None:
    """The dashboards, as links that open in your browser, with the age of the list. Exit 5 when
    nothing is known, or --refresh could not ask."""
    from mechexo.cli import grafana_tables as tables
    from mechexo.grafana import operations as grafana

    desk = open_desk(ctx)
    settings = grafana.require(desk)
    # Whoever asks for the first time wants an answer, not to hear that nobody asked.
    found = grafana.standing(desk)
    if refresh or found.asked_at is None:
        found = grafana.look(desk, deadline_s=LOOK_S, force=True)
    # No tick asks more often than it comes by.
    now, every = desk.clock.now(), max(settings.every, desk.settings.refresh.tick)
    if json_:
        body = tables.dashboards_body(found, every, now)
        render.json_document("grafana_dashboards", now, body)
    elif csv:
        render.csv_rows(*tables.dashboard_values(found))
    else:
        written_out = addresses or not render.has_links()
        render.table(
            "Dashboards", *tables.dashboard_rows(found, written_out=written_out), named_by=1
        )
        render.text(tables.remark(found, every, now))
    if found.good_at is None or (refresh and found.why):
        raise typer.Exit(5)


@app.command("annotations")
def list_annotations(
    ctx: typer.Context,
    send: Annotated[
        bool, typer.Option("--send", help="Write what is due now, without waiting for the tick.")
    ] = False,
    limit: Annotated[int, typer.Option(min=1, help="The newest N.")] = 50,
    json_: Json = False,
    csv: Csv = False,
) -> None:
    """The incidents and rollbacks annotated in Grafana, and what could not be. Exit 1 for that."""
    from mechexo.cli import grafana_tables as tables
    from mechexo.grafana import annotating
    from mechexo.grafana import operations as grafana

    desk = open_desk(ctx)
    grafana.require(desk)
    if send:
        from mechexo.grafana_annotations import annotate

        annotate(desk, deadline_s=LOOK_S, force=True)
    found, now = annotating.standing(desk), desk.clock.now()
    if json_:
        body = tables.annotations_body(found, limit)
        render.json_document("grafana_annotations", now, body)
    elif csv:
        render.csv_rows(tables.NOTE_FIELDS, tables.note_values(found, limit))
    else:
        rows = tables.note_rows(found, limit)
        render.table("Annotations", *rows, zone=desk.zone, named_by=1)
        render.text(tables.annotations_remark(found, now))
    if found.is_stuck:
        raise typer.Exit(1)
