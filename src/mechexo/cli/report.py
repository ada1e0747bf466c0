"""`mechexo report`: the shift report, and the notes that one shift leaves to the next."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mechexo.cli import render
from mechexo.cli.default_command import group_with_default
from mechexo.cli.invocation import open_desk
from mechexo.cli.options import Json, Reason, Yes
from mechexo.errors import UnreachableError, UsageError
from mechexo.files import write_whole

if TYPE_CHECKING:
    from mechexo.desk import Desk
    from mechexo.shift_report import ShiftReport

app = group_with_default("The shift report.", "shift")


class Format(StrEnum):
    """How the report is written."""

    MD = "md"
    HTML = "html"


@app.command("shift")
def shift(
    ctx: typer.Context,
    hours: Annotated[int, typer.Option(help="How far back it reaches.")] = 12,
    rotation: Annotated[
        bool,
        typer.Option("--shift", help="Since the last hand-over on call; without one --hours."),
    ] = False,
    format_: Annotated[
        Format, typer.Option("--format", help="HTML is one page that needs nothing else.")
    ] = Format.MD,
    out: Annotated[Path | None, typer.Option(help="Write it here instead of to stdout.")] = None,
    send: Annotated[
        str | None,
        typer.Option(metavar="CHANNEL", help="Send its short form through this channel, now."),
    ] = None,
    reason: Reason = "",
    json_: Json = False,
) -> None:
    """Status, open items, notes, incidents, alerts, flows, costs and actions of the last hours."""
    from mechexo.shift_report import collect, html, markdown

    desk = open_desk(ctx)
    report = collect(desk, hours=hours, rotation=rotation)
    text = html(report) if format_ is Format.HTML else markdown(report)
    if out is not None:
        try:
            write_whole(out, text.encode())
        except OSError as error:
            raise UsageError(f"{out}: cannot be written: {error.strerror or error}") from error
        render.note(f"written: {out}")
    if json_:
        body = {"hours": hours, format_.name.lower().replace("md", "markdown"): text}
        render.json_document("shift_report", desk.clock.now(), body | {"report": report})
    elif out is None and send is None:
        render.text(text.rstrip())
    if send is not None:
        _send(desk, report, send, reason)


def _send(desk: Desk, report: ShiftReport, channel: str, reason: str) -> None:
    from mechexo.alerts.drilling import send_now
    from mechexo.shift_report import message

    (sent,) = send_now(
        desk,
        [channel],
        action="report.send",
        name="shift report",
        summary=message(report),
        reason=reason,
    )
    if not sent.sent:
        raise UnreachableError(
            f"{channel} did not take the shift report: {sent.detail} "
            f"(mechexo alerts why {sent.alert_id})"
        )
    render.note(f"sent through {channel}: {sent.detail}")


@app.command("note")
def note(
    ctx: typer.Context,
    text: Annotated[str | None, typer.Argument(help="What the next shift should know.")] = None,
    done: Annotated[
        int | None, typer.Option(metavar="ID", help="This note is done: it leaves the reports.")
    ] = None,
    reason: Reason = "",
    json_: Json = False,
    yes: Yes = False,
) -> None:
    """Leave a note to the next shift, or say that one is done; without either list them."""
    from mechexo.alerts import handover_notes

    desk = open_desk(ctx)
    if text is not None and done is not None:
        raise UsageError("give either a text or --done ID")
    if text is None and done is None:
        found, damaged = handover_notes.notes(desk), handover_notes.damaged(desk)
        if json_:
            body = {"notes": found, "damaged": damaged}
            render.json_document("handover_notes", desk.clock.now(), body)
        else:
            rows = [(each.id, each.at, each.by, each.text) for each in found]
            render.table("Handover notes", (">id", "at", "by", "note"), rows, zone=desk.zone)
        return render.complain(damaged)
    if done is not None:
        one = handover_notes.done(desk, done, reason=reason)
    else:
        one = handover_notes.leave(desk, text or "")
    if json_:
        return render.json_document("handover_note", desk.clock.now(), {"note": one})
    words = "is done" if done is not None else "stays in the reports until it is done"
    render.text(f"note {one.id} {words}")
    return None
