"""`mechexo changes`: what changed around a moment or an alert."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from mechexo.cli import render
from mechexo.cli.invocation import open_desk, single_command

if TYPE_CHECKING:
    from mechexo.desk import Desk
    from mechexo.rollback.values import Change

app = single_command()


@app.command()
def changes(
    ctx: typer.Context,
    around: Annotated[
        str, typer.Option(help="A moment, or the number of an alert: when it started.")
    ] = "now",
    window: Annotated[str, typer.Option(help="How far to look, before and after.")] = "6h",
    limit: Annotated[int, typer.Option(min=1, help="The newest N changes.")] = 100,
    json_: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
    csv: Annotated[bool, typer.Option("--csv", help="CSV.")] = False,
) -> None:
    """The commits on the deployed line that touched configuration or flow code, newest first."""
    from mechexo.rollback import operations as rollback
    from mechexo.times import parse_duration

    desk = open_desk(ctx)
    moment, span = _moment(desk, around), parse_duration(window)
    start, end = moment - span, moment + span
    found = rollback.changes(desk, start=start, end=end, limit=limit)
    if json_:
        body = {"around": moment, "from": start, "to": end, "changes": found}
        return render.json_document("changes", desk.clock.now(), body)
    if csv:
        columns = ("commit", "at", "author", "subject", "paths")
        cells = ([c.commit, c.at, c.author, c.subject, " ".join(c.paths)] for c in found)
        return render.csv_rows(columns, cells)
    title = f"Changes within {window} of {moment.astimezone(desk.zone):%Y-%m-%d %H:%M:%S}"
    return render.table(title, *_rows(found), zone=desk.zone, named_by=1)


def _rows(found: Sequence[Change]) -> tuple[Sequence[str], Iterator[Sequence[object]]]:
    from mechexo.cli.plan_text import printable

    columns = ("when", "commit", "author", "subject", "files")
    return columns, (
        (
            *(change.at, change.commit[:12], printable(change.author)),
            *(printable(change.subject), ", ".join(change.paths)),
        )
        for change in found
    )


def _moment(desk: Desk, around: str) -> datetime:
    if around.strip().isdigit():
        from mechexo.alerts.operations import get_alert

        return get_alert(desk, int(around)).started_at
    from mechexo.times import parse_instant

    return parse_instant(around, desk.zone, desk.clock.now()).at
