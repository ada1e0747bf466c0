"""`mechexo flows exec`: a job behind a wrapper that nobody should notice.

The usual words come here only for their help; `flows/exec_words.py` reads them sooner.
"""

from __future__ import annotations

from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from mechexo.cli.invocation import Invocation


def register(app: typer.Typer) -> None:
    """Adds the command to `mechexo flows`."""
    app.command("exec", cls=_Wrapper)(exec_)


class _Wrapper(TyperCommand):
    """Tells whoever forgot it that an option of the job's needs `--` before the job."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        separated = "--" in args
        try:
            return super().parse_args(ctx, args)
        except typer.BadParameter:
            raise
        except typer.TyperException as error:
            unknown = getattr(error, "option_name", None)
            if separated or unknown is None:
                raise
            raise typer.BadParameter(
                f"{unknown} is no option of exec; put -- before the command: "
                "mechexo flows exec NAME -- COMMAND",
                ctx=ctx,
            ) from None


def exec_(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="The flow that this is a run of.")],
    command: Annotated[list[str], typer.Argument(help="The command, after --.")],
    timeout: Annotated[
        str | None, typer.Option(help="End it after this long, like 15m; it exits with 124.")
    ] = None,
    lock: Annotated[
        bool,
        typer.Option("--lock", help="Not while another run of it runs: then it exits with 4."),
    ] = False,
    lock_wait: Annotated[
        str | None, typer.Option(help="Wait so long for the other run to end first.")
    ] = None,
    expect_every: Annotated[
        str | None,
        typer.Option(help="A run must end well this often, like 1d; remembered, so a miss alerts."),
    ] = None,
    grace: Annotated[
        str | None, typer.Option(help="So much later than that is not yet late, like 15m.")
    ] = None,
) -> None:
    """Run a command and record how it went; its output, signals and exit code pass through."""
    from mechexo.flows.exec_words import terms_of
    from mechexo.jobs import run_named

    terms = terms_of(
        timeout=timeout, lock=lock, lock_wait=lock_wait, expect_every=expect_every, grace=grace
    )
    invocation = ctx.find_object(Invocation) or Invocation()
    raise typer.Exit(run_named(invocation.config, name, command, terms))
