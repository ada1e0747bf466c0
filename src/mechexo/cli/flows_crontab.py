"""`mechexo flows import-crontab`: a proposal to read, never an installation."""

from __future__ import annotations

import difflib
import sys
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from mechexo.cli import render
from mechexo.cli.invocation import open_desk
from mechexo.cli.options import Json
from mechexo.streams import data_on_stdout

if TYPE_CHECKING:
    from mechexo.flows.importing import Proposal


class Only(StrEnum):
    """A part of the answer, for a pipe."""

    DIFF = "diff"
    CRONTAB = "crontab"
    TABLES = "tables"


def register(app: typer.Typer) -> None:
    """Adds the command to `mechexo flows`."""
    app.command("import-crontab")(import_crontab)


def import_crontab(
    ctx: typer.Context,
    source: Annotated[
        str,
        typer.Argument(
            metavar="FILE", help="A crontab, - for stdin; else your own.", show_default=False
        ),
    ] = "",
    system: Annotated[
        bool | None,
        typer.Option(
            "--system/--user",
            help="Its lines name a user, as in /etc/crontab; or they do not.",
            show_default=False,
        ),
    ] = None,
    lock: Annotated[bool, typer.Option("--lock", help="Propose --lock for each job.")] = False,
    only: Annotated[
        Only | None, typer.Option(help="Print one part alone.", show_default=False)
    ] = None,
    json_: Json = False,
) -> None:
    """Propose a crontab with each job behind exec, as a diff, and the tables to add. Installs
    nothing.

    Exit 1 when a line was not understood; it stays as it is.
    """
    from mechexo.flows import importing

    desk = open_desk(ctx)
    found = importing.import_crontab(desk, source, system=system, lock=lock)
    if json_:
        render.json_document("flows_import_crontab", desk.clock.now(), _body(found))
    else:
        _print(found, only)
    if found.unclear:
        raise typer.Exit(1)


def _print(found: Proposal, only: Only | None) -> None:
    tables = "\n".join(table.text() for table in found.tables)
    match only:
        case Only.CRONTAB:
            _write(found.after)
        case Only.TABLES:
            _write(tables)
        case Only.DIFF:
            _write(_diff(found))
        case None:
            _print_all(found, tables)


def _print_all(found: Proposal, tables: str) -> None:
    render.text(_diff(found) or f"Nothing of {found.source} is to be wrapped.")
    said: dict[str, list[int]] = {}
    for line in found.lines:
        for note in line.notes:
            said.setdefault(note, []).append(line.number)
    for note, numbers in said.items():
        lines = "line" if len(numbers) == 1 else "lines"
        render.text(f"{lines} {', '.join(map(str, numbers))}: {note}")
    for note in found.notes:
        render.text(note)
    if said or found.notes:
        render.text()
    if tables:
        render.text(f"To add to mechexo.toml:\n\n{tables}")


def _write(part: str) -> None:
    """Writes a part as it is: it is for another program."""
    with data_on_stdout():
        sys.stdout.write(part)


def _diff(found: Proposal) -> str:
    # A file without a last newline gets one: cron ignores a line that has none.
    before = [f"{line.before}\n" for line in found.lines]
    after = [f"{line.after}\n" for line in found.lines]
    names = (found.source, "proposed, not installed")
    return "".join(difflib.unified_diff(before, after, *names))


def _body(found: Proposal) -> dict[str, object]:
    return {
        "source": found.source,
        "system": found.system,
        "zone": found.zone,
        "lines": [
            {
                **{"number": line.number, "kind": line.kind, "flow": line.flow or None},
                **{"before": line.before, "after": line.after, "times": line.times or None},
                **{"expect_every_s": line.expect_every, "grace_s": line.grace},
                "notes": line.notes,
            }
            for line in found.lines
        ],
        "tables": [
            {"flow": each.flow, "expect_every_s": each.expect_every, "grace_s": each.grace}
            for each in found.tables
        ],
        "notes": found.notes,
    }
