"""`mechexo flows timers`: systemd's timers, where systemd runs."""

from __future__ import annotations

from typing import Annotated

import typer

from mechexo.cli import render
from mechexo.cli.invocation import open_desk
from mechexo.cli.options import Csv, Json
from mechexo.systemd import Timer, TimerState

MARKS = {
    TimerState.OK: "● OK",
    TimerState.RUNNING: "… RUNNING",
    TimerState.FAILED: "✖ FAILED",
    TimerState.OVERDUE: "▲ OVERDUE",
    TimerState.UNPLANNED: "▲ UNPLANNED",
    TimerState.NEVER: "? NEVER RAN",
    TimerState.UNKNOWN: "? UNKNOWN",
}
_BAD = (TimerState.FAILED, TimerState.OVERDUE, TimerState.UNKNOWN)
_FIELDS = ("unit", "activates", "state", "last", "next", "result", "exit_status", "why")


def register(app: typer.Typer) -> None:
    """Adds the command to `mechexo flows`."""
    app.command("timers")(timers)


def timers(
    ctx: typer.Context,
    user: Annotated[
        bool, typer.Option("--user", help="Of your own systemd, not of the machine's.")
    ] = False,
    json_: Json = False,
    csv: Csv = False,
) -> None:
    """Systemd's timers: when each fired last and will next, how what it starts went, what is late.

    Exit 1 when one failed, is overdue or unknown; 5 when systemd does not run here or says nothing.
    """
    from mechexo.systemd import read_timers

    desk = open_desk(ctx)
    found = read_timers(desk.clock.now(), user=user)
    if json_:
        render.json_document("flows_timers", desk.clock.now(), {"timers": found})
    elif csv:
        render.csv_rows(_FIELDS, [[getattr(each, name) for name in _FIELDS] for each in found])
    else:
        columns = ("timer", "state", "last", "next", "result", "?what is wrong")
        render.table("Timers", columns, map(_row, found), zone=desk.zone, named_by=1)
    if any(each.state in _BAD for each in found):
        raise typer.Exit(1)


def _row(timer: Timer) -> list[object]:
    result = timer.result or None
    if result and timer.exit_status:
        result = f"{result} {timer.exit_status}"
    return [
        *(timer.unit, MARKS[timer.state], timer.last, timer.next, result),
        timer.why or None,
    ]
