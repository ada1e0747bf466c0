"""`mechexo tick`: one pass of probes, alerts and sending, for cron."""

from __future__ import annotations

import os
import sys
import threading
import time
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from mechexo.cli import render
from mechexo.cli.invocation import open_desk, single_command
from mechexo.cli.words import counted, harmless
from mechexo.documents import plain
from mechexo.errors import OutputError

if TYPE_CHECKING:
    from mechexo.watch import TickReport

app = single_command()

LIMIT_S = 11.8
TICK_S = 11.0


@app.command()
def tick(
    ctx: typer.Context,
    json_: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
) -> None:
    """One pass; ends within 12 s whatever hangs. Exit 1 when a part failed, 4 when one is running.

    Whether the desk is well is no matter of the exit code: ask `mechexo status`.
    """
    from mechexo.watch import tick as run_tick

    began_s = time.monotonic()
    _end_by_force_after(LIMIT_S)
    try:
        desk = open_desk(ctx)
        report = run_tick(desk, deadline_s=TICK_S - (time.monotonic() - began_s))
    except KeyboardInterrupt:
        render.note("mechexo: interrupted; what was written is whole, the rest was not begun")
        _leave(130)
    if json_:
        body = {name: value for name, value in plain(report).items() if name != "at"}
        render.json_document("tick", report.at, body)
    else:
        _show(report)
    _leave(1 if report.failed else 0)


def _show(report: TickReport) -> None:
    word = {True: "ops_ok", False: "not ops_ok", None: "ops_ok not known"}[report.ops_ok]
    render.text(
        f"{word}: {counted(len(report.probes), 'probe')}, "
        f"{counted(len(report.alerts), 'alert')} changed, "
        f"{counted(len(report.deliveries), 'message')}, {report.duration_s:.1f} s"
    )
    failures: dict[str, list[str]] = {}
    for stage in report.failed:
        failures.setdefault(stage.detail, []).append(stage.name)
    for detail, names in failures.items():
        render.note(f"mechexo: the tick could not do its {', '.join(names)}: {harmless(detail)}")


def _end_by_force_after(limit_s: float) -> None:
    """A last resort for what no thread of the tick's own can bound, such as a dead network disk."""

    def end() -> None:
        os.write(2, f"mechexo: the tick did not end within {limit_s:.0f} s\n".encode())
        os._exit(5)

    timer = threading.Timer(limit_s, end)
    timer.daemon = True
    timer.name = "tick-limit"
    timer.start()


def _leave(code: int) -> NoReturn:
    """Ends at once when a stage's thread hangs; the usual way otherwise."""
    hanging = [t for t in threading.enumerate() if t is not threading.main_thread()]
    if all(thread.name == "tick-limit" for thread in hanging):
        raise typer.Exit(code)
    try:
        sys.stdout.flush()
    except OutputError as error:
        render.note(f"mechexo: {error}")
        code = error.exit_code
    sys.stderr.flush()
    os._exit(code)
