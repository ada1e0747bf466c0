"""`mechexo doctor`: what is wrong with this set-up, and how to mend it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from mechexo.cli import render
from mechexo.cli.invocation import Invocation, single_command
from mechexo.cli.words import harmless, status_word

if TYPE_CHECKING:
    from mechexo.doctor import Finding

app = single_command()

_WORD_WIDTH = 11


@app.command()
def doctor(
    ctx: typer.Context,
    json_: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
) -> None:
    """Check configuration, credentials, access and reachability. Exit 1 when something is wrong."""
    from mechexo.clock import SystemClock
    from mechexo.doctor import examine

    invocation = ctx.find_object(Invocation)
    findings = examine(invocation.config if invocation else None)
    bad = any(finding.is_bad for finding in findings)
    if json_:
        body = {"ok": not bad, "findings": findings}
        render.json_document("doctor", SystemClock().now(), body)
    else:
        _show(findings)
    raise typer.Exit(1 if bad else 0)


def _show(findings: tuple[Finding, ...]) -> None:
    widest = max(len(finding.check) for finding in findings)
    for finding in findings:
        word = status_word(finding.status, _WORD_WIDTH)
        render.text(f"{word} {finding.check.ljust(widest)}  {harmless(finding.detail)}")
        if finding.mend:
            render.text(f"{' ' * (_WORD_WIDTH + widest + 3)}mend: {harmless(finding.mend)}")
