"""`mechexo serve`: the HTTP endpoint and the tick loop in one process."""

from __future__ import annotations

import os
import sys
import threading
from typing import Annotated

import typer

from mechexo.cli import render
from mechexo.cli.invocation import open_desk, single_command
from mechexo.garbage import collect_as_usual

app = single_command()


@app.command()
def serve(
    ctx: typer.Context,
    host: Annotated[str | None, typer.Option(help="Where to listen; else [server] host.")] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65_535, help="Else [server] port; 0 takes a free one.")
    ] = None,
) -> None:
    """Take alerts and check-ins in, show health and metrics, and watch and page as ticks do.

    Ends well on SIGTERM and SIGINT. Exit 2 without a token where others can reach it, 5 when the
    address cannot be listened on.
    """
    from mechexo.alerts.lint import lint
    from mechexo.security import operations as security
    from mechexo.server.running import serve as run

    desk = open_desk(ctx)
    settings = desk.settings.server
    if not security.in_use(desk):
        render.note(
            "mechexo: no token is in use: alerts and check-ins are refused until there is one; "
            "see: mechexo access token create --help"
        )

    def announce(line: str) -> None:
        for finding in lint(desk, addresses=False):
            if finding.severe:
                place = f"[{finding.table}] {finding.key}".rstrip()
                render.note(f"mechexo: {place}: {finding.what}; {finding.do}")
        render.text(line)
        sys.stdout.flush()

    collect_as_usual()
    ended = run(
        desk,
        host=settings.host if host is None else host,
        port=settings.port if port is None else port,
        announce=announce,
    )
    if not ended:
        _leave_what_hangs()


def _leave_what_hangs() -> None:
    hanging = [t.name for t in threading.enumerate() if t is not threading.main_thread()]
    render.note(f"mechexo: left hanging at the end: {', '.join(sorted(hanging))}")
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)
