"""`mechexo console`: the screens; without a terminal the status."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from mechexo.cli.invocation import Invocation, single_command
from mechexo.garbage import collect_as_usual

app = single_command()


@app.command()
def console(
    ctx: typer.Context,
    ascii_: Annotated[bool, typer.Option("--ascii", help="Only ASCII glyphs.")] = False,
    read_only: Annotated[
        bool, typer.Option("--read-only", help="Nothing can be changed from it.")
    ] = False,
    mouse: Annotated[bool, typer.Option("--mouse", help="Let the mouse be used.")] = False,
) -> None:
    """Open the console; without a terminal print the status and exit with its code."""
    open_console(ctx, ascii=ascii_, read_only=read_only, mouse=mouse)


def open_console(
    ctx: typer.Context, *, ascii: bool = False, read_only: bool = False, mouse: bool = False
) -> None:
    """Opens the console on the desk of the global options, and exits with its code."""
    if not can_show_screens():
        from mechexo.cli.status import status

        status(ctx, json_=False, nagios=False)
        return
    invocation: Invocation = ctx.find_object(Invocation) or Invocation(None)
    code = open_on(invocation.config, ascii=ascii, read_only=read_only, mouse=mouse)
    raise typer.Exit(code)


def can_show_screens() -> bool:
    """Whether there is a whole terminal: keys come from stdin, screens go to stderr, and who
    redirects stdout wants text."""
    whole = all(stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr))
    return whole and os.environ.get("TERM", "dumb") not in {"", "dumb"}


def open_on(config: Path | None, **options: bool) -> int:
    """The console on one configuration; the exit code to leave with."""
    # Only here does the engine's side touch the screens: everything else starts without them.
    from mechexo_tui.app import run

    collect_as_usual()
    # What was not asked for is left to [console] of the configuration.
    return int(run(config, **{name: True for name, on in options.items() if on}))
