"""`mechexo report`: the shift report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mechexo.cli import render
from mechexo.cli.default_command import group_with_default
from mechexo.cli.invocation import open_desk
from mechexo.errors import UsageError
from mechexo.files import write_whole

app = group_with_default("The shift report.", "shift")


@app.command("shift")
def shift(
    ctx: typer.Context,
    hours: Annotated[int, typer.Option(help="How far back it reaches.")] = 12,
    out: Annotated[Path | None, typer.Option(help="Write it here instead of to stdout.")] = None,
    json_: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
) -> None:
    """Status, alerts, flows, costs and actions of the last hours, as markdown."""
    from mechexo.shift_report import shift_report

    desk = open_desk(ctx)
    text = shift_report(desk, hours=hours)
    if out is not None:
        try:
            write_whole(out, text.encode())
        except OSError as error:
            raise UsageError(f"{out}: cannot be written: {error.strerror or error}") from error
        render.note(f"written: {out}")
    if json_:
        body = {"hours": hours, "markdown": text}
        render.json_document("shift_report", desk.clock.now(), body)
    elif out is None:
        render.text(text.rstrip())
