"""`mechexo audit`: read and verify the audit log."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from mechexo.cli import render
from mechexo.cli.invocation import command_group, open_desk
from mechexo.state.audit import AuditEntry, readable
from mechexo.times import from_iso_z

app = command_group("Read and verify the audit log.")


@app.command("log")
def log(
    ctx: typer.Context,
    limit: Annotated[int, typer.Option(min=1, help="The newest N entries.")] = 50,
    action: Annotated[
        list[str] | None, typer.Option(help="Only such actions, like 'alerts.*'; may be repeated.")
    ] = None,
    not_action: Annotated[
        list[str] | None,
        typer.Option(help="No such actions, like flows.exec; may be repeated."),
    ] = None,
    json_: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
    csv: Annotated[bool, typer.Option("--csv", help="CSV.")] = False,
) -> None:
    """Who did what, to which target, and why; oldest first."""
    desk = open_desk(ctx)
    entries = desk.audit_entries(limit, only=action or (), without=not_action or ())
    if json_:
        rows = [
            {
                "seq": entry.seq,
                "at": entry.at,
                "actor": readable(entry.actor),
                "action": entry.action,
                "target": entry.target,
                "outcome": entry.outcome,
                "payload": readable(entry.payload),
                "hash": entry.hash,
            }
            for entry in entries
        ]
        return render.json_document("audit_log", desk.clock.now(), {"entries": rows})
    if csv:
        columns = ("seq", "at", "actor", "action", "target", "outcome", "reason")
        return render.csv_rows(columns, ((e.seq, e.at, *_words(e), e.reason) for e in entries))
    titles = (">seq", "at", "actor", "action", "target", "outcome", "reason")
    cells = [(entry.seq, _at(entry), *_words(entry), entry.reason or None) for entry in entries]
    return render.table("Audit log", titles, cells, zone=desk.zone)


def _words(entry: AuditEntry) -> tuple[str, str, str, str]:
    return (entry.who, entry.action, entry.target, entry.outcome)


def _at(entry: AuditEntry) -> datetime | str:
    """When; of a damaged entry what stands there."""
    try:
        return from_iso_z(entry.at)
    except (ValueError, TypeError):
        return str(entry.at)


@app.command("verify")
def verify(
    ctx: typer.Context,
    json_: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
) -> None:
    """Recompute the chain; exit 1 when an entry was changed, removed or inserted."""
    desk = open_desk(ctx)
    verdict = desk.verify_audit()
    if json_:
        body = {
            "ok": not verdict.problems,
            "entries": verdict.entries,
            "head": verdict.head,
            "problems": verdict.problems,
        }
        render.json_document("audit_verify", desk.clock.now(), body)
    else:
        for problem in verdict.problems:
            render.text(f"✖ {problem}")
        if not verdict.problems:
            render.text(f"● the chain of {verdict.entries} entries holds; head {verdict.head[:12]}")
    if verdict.problems:
        raise typer.Exit(1)
