"""`mechexo demo`: makes a paper desk, runs it, and opens the console on it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from mechexo.cli import render
from mechexo.cli.invocation import single_command

app = single_command()


@app.command()
def demo(
    folder: Annotated[
        Path, typer.Option("--dir", help="The desk's folder; made when missing.")
    ] = Path("mechexo-demo"),
    seed: Annotated[
        int | None, typer.Option(help="Another seed, another market; 7 for a new desk.")
    ] = None,
    headless: Annotated[
        bool, typer.Option("--headless", help="No console: run, then print the status.")
    ] = False,
    lasting: Annotated[
        str | None, typer.Option("--for", help="How long to run headless, like 60s.")
    ] = None,
    json_: Annotated[bool, typer.Option("--json", help="Print the status as JSON.")] = False,
) -> None:
    """Make and run a paper desk and open the console on it.

    Headless or without a whole terminal: one pass over flows and probes (or as long as --for says),
    then the status, with its exit code.
    """
    from mechexo.cli.console import can_show_screens
    from mechexo.paper.build import is_paper_desk
    from mechexo.paper.demo import prepare, run_for, run_once, run_under, wait_until_opened
    from mechexo.times import parse_duration

    # Before anything is made: a desk that has run for seconds is late for "no terminal".
    as_text = headless or json_ or not can_show_screens()
    seconds = parse_duration(lasting).total_seconds() if lasting else None
    is_new = not is_paper_desk(folder)
    desk_folder, seed = prepare(folder, seed, say=render.note)
    config = desk_folder / "mechexo.toml"
    if is_new:
        _keep_history_of_flags(config)
    if as_text:
        if seconds is None:
            run_once(desk_folder, seed)
        else:
            run_for(desk_folder, seed, seconds)
        raise typer.Exit(_status(config, json_))
    with run_under(desk_folder, seed) as process:
        render.note("paper desk: running its flows")
        wait_until_opened(process)
        raise typer.Exit(_console(config))


def _keep_history_of_flags(config: Path) -> None:
    """Flags of a new paper desk are tracked since its simulated past began: before its commits."""
    from dataclasses import replace

    from mechexo.clock import VirtualClock
    from mechexo.desk import Desk
    from mechexo.paper.history import commit_times
    from mechexo.rollback.flags.operations import track

    desk = Desk.open(config)
    past = commit_times(desk.clock.now())[0] - timedelta(hours=1)
    track(replace(desk, clock=VirtualClock(past)), reason="a new paper desk")


def _status(config: Path, as_json: bool) -> int:
    from mechexo.cli.status import show
    from mechexo.desk import Desk
    from mechexo.desk_status import read_status, status_document

    found = read_status(Desk.open(config))
    if as_json:
        render.json_document("status", found.at, status_document(found))
    else:
        show(found)
    return 0 if found.ops_ok else 1


def _console(config: Path) -> int:
    from mechexo.cli.console import open_on

    return open_on(config)
