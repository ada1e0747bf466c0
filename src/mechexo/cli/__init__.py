"""The command line. Commands are imported when they are called, so that help starts at once."""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from mechexo.cli.invocation import Invocation
from mechexo.errors import MechexoError
from mechexo.streams import dependable_streams

# Command -> (module under mechexo.cli that holds its `app`, its line in the help).
COMMANDS: dict[str, tuple[str, str]] = {
    "console": ("console", "Open the console; without a terminal print the status."),
    "demo": ("demo", "Make and run a paper desk and open the console on it."),
    "init": ("init", "Write a commented mechexo.toml and what belongs to it."),
    "doctor": ("doctor", "Check configuration, access and reachability; say how to mend."),
    "status": ("status", "The cards, ops_ok, open alerts, staleness."),
    "tick": ("tick", "One pass of probes, alerts and sending: for cron."),
    "serve": ("serve", "The HTTP endpoint and the tick loop in one process."),
    "alerts": ("alerts", "The alert list and its actions."),
    "oncall": ("oncall", "Who is on call."),
    "costs": ("costs", "Trading costs by day, symbol and hour."),
    "flags": ("flags", "The desk's flags: look, set, halt, their history."),
    "rollback": ("rollback", "Plan a rollback: a diff that changes nothing."),
    "changes": ("changes", "What changed, in time order."),
    "runbook": ("runbook", "List, show, search and export the runbook."),
    "incident": ("incident", "Incidents: their timeline, notes, postmortem, statistics."),
    "flows": ("flows", "Flow runs; a wrapper for cron jobs."),
    "ci": ("ci", "The last CI runs of the configured repositories."),
    "risk": ("risk", "Positions, exposure, P&L and limits, from the sources of [risk]."),
    "grafana": ("grafana", "The desk's Grafana: dashboards, panels, annotations."),
    "resources": ("resources", "What the machine has left, and plots of a Prometheus."),
    "report": ("report", "The shift report."),
    "audit": ("audit", "Read and verify the audit log."),
    "access": ("access", "API tokens for the HTTP endpoint."),
}


class LazyGroup(TyperGroup):
    """Lists every command from the table above; imports one only to run it or to show its help."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in COMMANDS:
            return None
        return TyperCommand(cmd_name, help=COMMANDS[cmd_name][1], rich_markup_mode=None)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        # For the suggestions of a mistyped name.
        self.commands = {name: self.get_command(ctx, name) for name in COMMANDS}
        name, command, rest = super().resolve_command(ctx, args)
        return name, load_command(name) if name else command, rest


def load_command(name: str) -> Any:
    """The real command behind a name of the table."""
    module = importlib.import_module(f"mechexo.cli.{COMMANDS[name][0]}")
    command = typer.main.get_command(module.app)
    command.name = name
    return command


app = typer.Typer(
    cls=LazyGroup,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    invoke_without_command=True,
    help="The operations console of a trading desk's on-call engineer.",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        from mechexo import __version__

        typer.echo(f"mechexo {__version__}")
        raise typer.Exit


@app.callback()
def options(
    ctx: typer.Context,
    config: Annotated[
        Path | None,
        typer.Option(
            readable=False,
            help="The mechexo.toml to use; else $MECHEXO_CONFIG, ./mechexo.toml, the user's own.",
        ),
    ] = None,
    no_color: Annotated[bool, typer.Option("--no-color", help="No colours.")] = False,
    version: Annotated[
        bool,
        typer.Option("--version", help="Print the version.", callback=_version, is_eager=True),
    ] = False,
) -> None:
    if no_color:
        os.environ["NO_COLOR"] = "1"
    ctx.ensure_object(Invocation).config = config
    if ctx.invoked_subcommand is None:
        from mechexo.cli.console import open_console

        open_console(ctx)


def main() -> None:
    """Runs the command line and exits with its code; a known failure is one line on stderr."""
    with dependable_streams():
        invocation = Invocation()
        try:
            code = _run(invocation)
            sys.stdout.flush()
        except MechexoError as error:
            _complain(str(error))
            code = error.exit_code
        except KeyboardInterrupt:
            code = 130
        except Exception as error:  # noqa: BLE001 - the last resort: told, and kept for a report
            from mechexo.crash import kept_report

            _complain(kept_report(error, invocation.state))
            code = 1
    sys.exit(code)


def _run(invocation: Invocation) -> int:
    try:
        app(prog_name="mechexo", obj=invocation)
    except SystemExit as leaving:
        if isinstance(leaving.code, str):
            _complain(leaving.code)
            return 1
        return leaving.code or 0
    return 0


def _complain(line: str) -> None:
    sys.stderr.write(f"mechexo: {line}\n")
