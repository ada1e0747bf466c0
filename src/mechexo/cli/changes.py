"""`mechexo changes`: what changed around a moment or an alert, and what of it is suspected."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from mechexo.cli import render
from mechexo.cli.invocation import open_desk, single_command

if TYPE_CHECKING:
    from datetime import timedelta

    from mechexo.desk import Desk
    from mechexo.what_changed import WhatChanged

app = single_command()


@app.command()
def changes(
    ctx: typer.Context,
    around: Annotated[
        str, typer.Option(help="A moment, or the number of an alert: when it started.")
    ] = "now",
    window: Annotated[str, typer.Option(help="How far to look, before and after.")] = "6h",
    limit: Annotated[int, typer.Option(min=1, help="The newest N rows, or commits.")] = 100,
    json_: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
    csv: Annotated[bool, typer.Option("--csv", help="CSV of the commits.")] = False,
) -> None:
    """What changed, newest first: commits, edits not in git, deployments, flags, flow failures,
    hand-overs and alerts; and what of it is suspected, with the rollback that takes it back."""
    from mechexo.cli import change_words
    from mechexo.times import parse_duration

    desk = open_desk(ctx)
    found = _what_changed(desk, around, parse_duration(window))
    commits = found.commits[:limit]
    if json_:
        body = {
            **{"around": found.around, "from": found.start, "to": found.end, "changes": commits},
            **change_words.body(found, limit),
        }
        render.json_document("changes", desk.clock.now(), body)
    elif csv:
        columns = ("commit", "at", "author", "subject", "paths")
        cells = ([c.commit, c.at, c.author, c.subject, " ".join(c.paths)] for c in commits)
        render.csv_rows(columns, cells)
    else:
        for line in change_words.suspect_lines(desk, found, render.console().width):
            render.text(line)
        moment = f"{found.around.astimezone(desk.zone):%Y-%m-%d %H:%M:%S}"
        title = f"Changes within {window} of {moment}"
        rows = change_words.rows(found, limit)
        render.table(title, change_words.COLUMNS, rows, zone=desk.zone, named_by=1)
        for line in change_words.gap_lines(found):
            render.text(line)
    # An answer that is not whole must not pass for one that is.
    raise typer.Exit(found.exit_code)


def _what_changed(desk: Desk, around: str, window: timedelta) -> WhatChanged:
    from mechexo import what_changed

    if around.strip().isdigit():
        return what_changed.around_alert(desk, int(around), window=window)
    from mechexo.times import parse_instant

    moment = parse_instant(around, desk.zone, desk.clock.now()).at
    return what_changed.around(desk, moment, window=window)
