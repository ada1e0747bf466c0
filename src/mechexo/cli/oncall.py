"""`mechexo oncall`: who is on call."""

from __future__ import annotations

from typing import Annotated

import typer

from mechexo.cli import render
from mechexo.cli.default_command import group_with_default
from mechexo.cli.invocation import open_desk

app = group_with_default("Who is on call.", "now")


@app.command("now")
def now(
    ctx: typer.Context,
    json_: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
) -> None:
    """Who is told first, second and third at this moment, and whether it is quiet."""
    from mechexo.alerts import oncall

    desk = open_desk(ctx)
    found = oncall.now(desk)
    if json_:
        return render.json_document("oncall", desk.clock.now(), {"oncall": found})
    for level, person in enumerate((found.level1, found.level2, found.level3), start=1):
        render.text(f"level {level}: {person or 'nobody is configured'}")
    if found.quiet_until is None:
        return render.text("quiet hours: no")
    until = found.quiet_until.astimezone(desk.zone).strftime("%Y-%m-%d %H:%M %Z")
    return render.text(f"quiet hours: until {until}; only critical alerts page")
