"""`mechexo grafana panels` and `panel`: what a dashboard has, and one of it as a picture."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mechexo.cli import render
from mechexo.cli.invocation import open_desk
from mechexo.cli.options import Csv, Json

if TYPE_CHECKING:
    from mechexo.desk import Desk

BoardName = Annotated[str, typer.Argument(help="The dashboard, by uid or title.")]


def register(app: typer.Typer) -> None:
    """Adds the commands of this file to `mechexo grafana`."""
    app.command("panels")(panels)
    app.command("panel")(panel)


def panels(ctx: typer.Context, dashboard: BoardName, json_: Json = False, csv: Csv = False) -> None:
    """The panels of a dashboard, with their numbers. Asks Grafana now."""
    from mechexo.grafana import operations as grafana

    desk = open_desk(ctx)
    grafana.require(desk)
    found = grafana.panels(desk, grafana.named_dashboard(desk, dashboard))
    rows = [[each.id, each.title, each.kind] for each in found.panels]
    if json_:
        return render.json_document("grafana_panels", desk.clock.now(), {"dashboard": found})
    if csv:
        return render.csv_rows(("id", "title", "kind"), rows)
    return render.table(f"Panels of {found.title} ({found.uid})", (">id", "title", "kind"), rows)


def panel(
    ctx: typer.Context,
    dashboard: Annotated[
        str, typer.Argument(help="The dashboard, by uid or title; or a name of [grafana] panels.")
    ],
    name: Annotated[
        str, typer.Argument(metavar="PANEL", help="The panel, by number or title.")
    ] = "",
    since: Annotated[str, typer.Option("--from", help="From when on.")] = "-6h",
    until: Annotated[str, typer.Option("--to", help="Until when.")] = "now",
    width: Annotated[int, typer.Option(min=100, max=4000, help="Pixels.")] = 1000,
    height: Annotated[int, typer.Option(min=100, max=4000, help="Pixels.")] = 500,
    out: Annotated[
        Path | None, typer.Option("--out", help="Keep the picture in this file; shows nothing.")
    ] = None,
) -> None:
    """A panel as a picture, drawn by Grafana's image renderer, in the terminal or in a file."""
    from mechexo import terminal_pictures
    from mechexo.errors import UsageError
    from mechexo.files import write_whole
    from mechexo.grafana import operations as grafana
    from mechexo.times import parse_instant

    desk = open_desk(ctx)
    grafana.require(desk)
    if out is None and (why := terminal_pictures.obstacle()):
        raise UsageError(f"{why}; to keep the picture in a file: --out FILE.png")
    uid, number = _named(desk, dashboard, name)
    now = desk.clock.now()
    start, end = (parse_instant(each, desk.zone, now) for each in (since, until))
    if start.at >= end.at:
        raise UsageError(f"--from {since} is not before --to {until}")
    found = grafana.picture(
        desk, uid, number, start=start.at, end=end.at, width=width, height=height
    )
    if out is not None:
        try:
            write_whole(out, found.png)
        except OSError as error:
            raise UsageError(f"{out}: cannot be written: {error.strerror or error}") from error
        return render.text(
            f"{out}: {found.width} x {found.height} pixels, from {start.reading} to {end.reading}"
        )
    return terminal_pictures.show(found.png)


def _named(desk: Desk, dashboard: str, name: str) -> tuple[str, int]:
    """The dashboard's uid and the panel's number."""
    from mechexo.errors import UsageError, close_names
    from mechexo.grafana import operations as grafana

    if name:
        uid = grafana.named_dashboard(desk, dashboard)
        return uid, grafana.named_panel(desk, uid, name)
    known = desk.settings.grafana.panels
    if dashboard not in known:
        hint = close_names(dashboard, sorted(known)) if known else "[grafana] panels has no names"
        raise UsageError(
            f"PANEL is missing, and {dashboard!r} is no name of [grafana] panels; {hint}"
        )
    uid, _, number = known[dashboard].partition("/")
    return uid, int(number)
