"""`mechexo costs ingest`: filling the tick store."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from mechexo.cli import render
from mechexo.cli.invocation import open_desk

if TYPE_CHECKING:
    from datetime import date

    from mechexo.costs.ingest_run import IngestReport
    from mechexo.desk import Desk


def ingest(
    ctx: typer.Context,
    source: Annotated[
        str | None,
        typer.Argument(help="Glob or address of quotes. Default: [costs] quotes, or as before."),
    ] = None,
    first: Annotated[
        str | None, typer.Option("--from", metavar="DATE", help="The first exchange day.")
    ] = None,
    last: Annotated[
        str | None, typer.Option("--to", metavar="DATE", help="The last one, included.")
    ] = None,
    rebuild: Annotated[
        bool, typer.Option("--rebuild", help="Make also days anew whose source did not change.")
    ] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Read the store and say what is wrong with it, only.")
    ] = False,
    reason: Annotated[str, typer.Option(help="Why, for the audit log.")] = "",
    json_: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
) -> None:
    """Bring the tick store up to the source of quotes, one file per exchange day.

    Days whose source did not change since are left as they are; a run that was cut off goes on.
    """
    from mechexo.costs.ingest import ingest as fill

    desk = open_desk(ctx)
    if check:
        return _check(desk, json_=json_)
    answer = fill(
        desk,
        source=source,
        first=_day(first),
        last=_day(last),
        rebuild=rebuild,
        reason=reason,
        told=_told,
    )
    _told("")
    if json_:
        render.json_document("costs_ingest", desk.clock.now(), _document(answer))
    else:
        _print(answer)
    if answer.left_out:
        raise typer.Exit(1)
    return None


def _check(desk: Desk, *, json_: bool) -> None:
    from mechexo.costs.ingest import check

    faults = check(desk)
    if json_:
        render.json_document("costs_ingest_check", desk.clock.now(), {"faults": faults})
    for fault in faults if not json_ else ():
        render.text(f"✖ {fault}")
    if faults:
        raise typer.Exit(1)
    if not json_:
        render.text("✔ the tick store is whole")


def _day(text: str | None) -> date | None:
    from datetime import date

    from mechexo.costs.period import check_year
    from mechexo.errors import UsageError

    if text is None:
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{text!r} is not a date; write one like 2026-03-08") from None
    check_year(day, text)
    return day


def _told(line: str) -> None:
    """One line that the next one overwrites, for whoever sits before a terminal."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[2K{line[:100]}")
        sys.stderr.flush()


def _document(answer: IngestReport) -> dict[str, object]:
    return {
        "store": answer.store,
        "source": answer.source,
        "zone": answer.zone,
        "rows": answer.rows,
        "days": [facts.as_record() for facts in answer.written],
        "unchanged": answer.unchanged,
        "kept": answer.kept,
        "removed": answer.removed,
        "mended": [{"day": day, "reason": why} for day, why in answer.mended.items()],
        "left_out": [{"day": day, "reason": why} for day, why in answer.left_out.items()],
        "unreadable": answer.unreadable,
    }


def _none_written(answer: IngestReport) -> str:
    return "none" if answer.left_out else "none, the store is up to date"


def _print(answer: IngestReport) -> None:
    cells = [
        (
            facts.day,
            f"{facts.rows:,}",
            facts.symbols,
            f"{facts.first:%H:%M:%S}Z",
            f"{facts.last:%H:%M:%S}Z",
            facts.disordered,
            facts.duplicates,
            facts.ties,
        )
        for facts in answer.written
    ]
    about = ("day", ">rows", ">symbols", "first", "last")
    checks = (">out of order", ">duplicates dropped", ">ties kept")
    render.table("Days written", (*about, *checks), cells, empty=_none_written(answer))
    render.text(
        f"{len(answer.written)} days written, {answer.rows:,} rows; {len(answer.unchanged)} "
        f"unchanged; {answer.store}, days of {answer.zone}, from {answer.source}"
    )
    remarks = [
        (len(answer.kept), "days stand although the source lacks files of theirs"),
        (len(answer.removed), "days of another zone removed"),
        (
            answer.unreadable,
            "rows of the source without a symbol, a readable time or price left out",
        ),
    ]
    for count, what in remarks:
        if count:
            render.text(f"▲ {count} {what}")
    for day, why in answer.mended.items():
        render.text(f"▲ {day} made anew: {why}")
    for day, why in answer.left_out.items():
        render.text(f"✖ {day} not written: {why}")
