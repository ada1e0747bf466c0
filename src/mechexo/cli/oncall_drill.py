"""`mechexo oncall drill`: a real message through each channel."""

from __future__ import annotations

from typing import Annotated

import typer

from mechexo.cli import render
from mechexo.cli.invocation import open_desk
from mechexo.cli.options import Reason, Yes
from mechexo.cli.words import harmless


def drill(
    ctx: typer.Context,
    channels: Annotated[
        list[str] | None, typer.Argument(metavar="[CHANNEL]...", help="All unless given.")
    ] = None,
    reason: Reason = "",
    json_: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
    yes: Yes = False,
) -> None:
    """Send a test message through each channel now, whatever its severities, its limits and the
    quiet hours say. Exit 1 when one did not go out.

    It goes the way of a page, outbox and sending process included. A telephone gets a text message.
    """
    from mechexo.alerts.drilling import drill as send

    desk = open_desk(ctx)
    found = send(desk, channels or (), reason=reason)
    well = all(each.sent for each in found)
    if json_:
        body = {"ok": well, "alert_id": found[0].alert_id, "channels": found}
        render.json_document("oncall_drill", desk.clock.now(), body)
    else:
        rows = [
            (each.channel, "● sent" if each.sent else "✖ failed", harmless(each.detail))
            for each in found
        ]
        render.table("Drill", ("channel", "what", "the service said"), rows)
        if not well:
            render.note(f"see: mechexo alerts why {found[0].alert_id}; mechexo doctor")
    raise typer.Exit(0 if well else 1)
