"""`mechexo costs import`: taking in what brokers hand out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mechexo.cli import render
from mechexo.cli.invocation import open_desk

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from mechexo.costs.imports.values import FileImport
    from mechexo.desk import Desk
    from mechexo.errors import MechexoError

    Failures = list[tuple[Path, MechexoError]]

_SYMBOLS = 8
"""How many symbols are named on a screen."""


def import_files(
    ctx: typer.Context,
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Files of a broker.")],
    format_name: Annotated[
        str | None,
        typer.Option("--format", help="Read it as this format; see mechexo costs sources."),
    ] = None,
    zone: Annotated[
        str | None, typer.Option(help="The zone of local times, like America/New_York.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would be taken in.")
    ] = False,
    reason: Annotated[str, typer.Option(help="Why, for the audit log.")] = "",
    json_: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
) -> None:
    """Take in fills from brokers' and exchanges' files, told apart by their content.

    Each file is taken in whole or not at all; fills are upserted by their id, and those that a
    broker took back or corrected leave. Set fills = "imported" in [costs] to have them measured.
    """
    desk = open_desk(ctx)
    done, failed = _imported(desk, files, format_name, zone, dry_run=dry_run, reason=reason)
    if json_:
        render.json_document("costs_import", desk.clock.now(), _document(done, failed))
    else:
        for answer in done:
            _print(answer, desk.zone)
        _print_ends(desk, done)
    for path, error in failed:
        render.note(f"mechexo: {error}" if str(path) in str(error) else f"mechexo: {path}: {error}")
    if failed:
        raise typer.Exit(max(error.exit_code for _, error in failed))
    if any(answer.reasons for answer in done):
        raise typer.Exit(1)


def _imported(
    desk: Desk,
    files: list[Path],
    format_name: str | None,
    zone: str | None,
    *,
    dry_run: bool,
    reason: str,
) -> tuple[list[FileImport], Failures]:
    """Every file by itself; one that cannot be taken in does not keep the others out."""
    from mechexo.costs.imports.operations import import_file
    from mechexo.errors import BusyError, MechexoError, NotAllowedError

    done: list[FileImport] = []
    failed: Failures = []
    for path in files:
        try:
            answer = import_file(
                desk, path, format_name=format_name, zone=zone, dry_run=dry_run, reason=reason
            )
        except (NotAllowedError, BusyError):
            raise
        except MechexoError as error:
            failed.append((path, error))
        else:
            done.append(answer)
    return done, failed


def _document(done: list[FileImport], failed: Failures) -> dict[str, object]:
    return {
        "files": done,
        "failed": [{"path": str(path), "error": str(error)} for path, error in failed],
        "days_changed": sorted({day for answer in done for day in answer.changes.days}),
    }


def _print(answer: FileImport, zone: ZoneInfo) -> None:
    from mechexo.times import in_zone

    render.text(f"{answer.path}: {answer.title} ({answer.format}), sha256 {answer.digest[:12]}")
    # These add up to the rows; the lines below go into each of them.
    parts = (
        _part(sum(answer.reasons.values()), "rejected"),
        _part(answer.taken_back, "that take a fill back"),
        _part(answer.corrected, "that another row corrects"),
        _part(answer.repeated, "said twice"),
        _part(sum(answer.no_fills.values()), "about something else"),
    )
    render.text(f"  understood: {answer.fills} fills of {answer.rows} rows{''.join(parts)}")
    if answer.first_at is not None and answer.last_at is not None:
        render.text(
            f"  period: {in_zone(answer.first_at, zone)} to {in_zone(answer.last_at, zone)}"
        )
        render.text(f"  symbols: {_named(answer.symbols)}; currencies: {_named(answer.currencies)}")
        filled = (
            name if count == answer.fills else f"{name} ({count} of {answer.fills})"
            for name, count in answer.filled.items()
        )
        render.text(f"  has: {', '.join(filled) or 'only what a fill needs'}")
        render.text(f"  lacks: {', '.join(answer.lacking) or 'nothing'}")
    for what, count in answer.no_fills.items():
        render.text(f"  about something else: {count} {what}")
    for reason, count in answer.reasons.items():
        rows = [each.row for each in answer.rejected if each.reason == reason]
        render.text(f"  ✖ {count} rejected: {reason}: {_named(rows)}")
    for note in answer.notes:
        render.text(f"  ▲ {note}")
    _print_changes(answer)


def _print_changes(answer: FileImport) -> None:
    changes = answer.changes
    would = "would be " if answer.dry_run else ""
    parts = [
        f"{changes.added} added",
        f"{changes.replaced} replaced",
        f"{changes.unchanged} unchanged",
        f"{changes.removed} removed",
    ]
    if changes.left_out:
        parts.append(f"{changes.left_out} left out, taken back or corrected by the broker")
    if changes.unmatched:
        parts.append(f"{changes.unmatched} taken back that were never here")
    render.text(f"  {would}{', '.join(parts)}")
    if changes.reused:
        render.text(
            f"  ▲ {changes.reused} of those replaced have another moment or order than the fill "
            "before: is an id used again, or are times read in another zone?"
        )
    days = [day.isoformat() for day in changes.days]
    render.text(f"  days (UTC) {would}changed: {_named(days) if days else 'none'}")


def _print_ends(desk: Desk, done: list[FileImport]) -> None:
    """What to do next, on stderr."""
    days = sorted({day for each in done if not each.dry_run for day in each.changes.days})
    if not days:
        return
    if desk.settings.costs.fills != "imported":
        render.note('these fills are kept and not measured: set fills = "imported" in [costs]')
    else:
        render.note(
            "costs saved of these days are old now: "
            f"mechexo costs --from {days[0]} --to {days[-1]} --save"
        )


def _part(count: int, what: str) -> str:
    return f", {count} {what}" if count else ""


def _named(names: list[str] | tuple[str, ...]) -> str:
    shown = ", ".join(names[:_SYMBOLS]) or "none"
    rest = len(names) - _SYMBOLS
    return f"{shown} and {rest} more" if rest > 0 else shown
