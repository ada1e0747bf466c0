"""`mechexo oncall simulate`: who would be told of an alert, when and why."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from mechexo.cli import render
from mechexo.cli.invocation import open_desk, pairs
from mechexo.times import format_duration, in_zone, parse_duration, parse_instant, stamps_in_zone

if TYPE_CHECKING:
    from datetime import datetime

    from mechexo.alerts.simulation import Happening, Simulated
    from mechexo.desk import Desk
    from mechexo.times import Instant


def simulate(
    ctx: typer.Context,
    severity: Annotated[str, typer.Option(help="critical, high, medium, low or info.")],
    at: Annotated[str, typer.Option(metavar="T", help="When it opens.")] = "now",
    name: Annotated[str, typer.Option(help="What kind of trouble it is.")] = "simulated",
    label: Annotated[list[str] | None, typer.Option(help="k=v; may be repeated.")] = None,
    key: Annotated[str, typer.Option(help="What identifies it; its name unless given.")] = "",
    source: Annotated[str, typer.Option(help="Who tells of it.")] = "simulation",
    ack_after: Annotated[
        str, typer.Option(metavar="D", help="Somebody acknowledges it so much later.")
    ] = "",
    resolve_after: Annotated[str, typer.Option(metavar="D", help="It is over so much later.")] = "",
    failing: Annotated[
        list[str] | None,
        typer.Option(metavar="CHANNEL", help="Delivers nothing; may be repeated."),
    ] = None,
    for_: Annotated[str, typer.Option("--for", metavar="D", help="How far to look.")] = "24h",
    json_: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
) -> None:
    """Who would be told of an alert, when and why: the desk's own rules on a clock that jumps.

    Sends nothing and changes nothing. Rotations, overrides, silences and windows of maintenance
    count as they are known now. Exits 1 when no message would reach anybody.
    """
    from mechexo.alerts.simulating import simulate as play

    desk = open_desk(ctx)
    opens = parse_instant(at, desk.zone, desk.clock.now(), first_of_two=True)
    found = play(
        desk,
        severity=severity,
        at=opens.at,
        lasting=parse_duration(for_),
        name=name,
        key=key,
        source=source,
        labels=pairs(label or (), "--label"),
        acknowledge_after=parse_duration(ack_after) if ack_after else None,
        resolve_after=parse_duration(resolve_after) if resolve_after else None,
        failing=failing or (),
    )
    if json_:
        body = {
            "severity": severity,
            "opens_at": opens.at,
            "zone": desk.settings.desk.zone,
            "reached": found.reached,
            "timeline": found.happenings,
            "end": found.end,
        }
        render.json_document("oncall_simulation", desk.clock.now(), body)
    else:
        _show(desk, found, severity, opens)
    if not found.reached:
        raise typer.Exit(1)


def _show(desk: Desk, found: Simulated, severity: str, opens: Instant) -> None:
    render.note(f"read as {opens.reading}")
    columns = ("when", ">after", "what", "channel", "person", "why")
    title = f"What would happen to a {severity} alert"
    render.table(title, columns, _rows(desk, found, opens.at), zone=desk.zone)
    if not found.reached:
        render.text("✖ no message would reach anybody")
    render.text(f"then: {stamps_in_zone(found.end, desk.zone)}")


def _rows(desk: Desk, found: Simulated, opens: datetime) -> Iterator[tuple[object, ...]]:
    for each in found.happenings:
        after = format_duration(each.at - opens)
        why = stamps_in_zone(each.why, desk.zone)
        who = each.channel or None, each.person or None
        yield in_zone(each.at, desk.zone), after, _what(each), *who, why or None


def _what(each: Happening) -> str:
    words = each.what.replace("_", " ")
    return f"{words} (level {each.level})" if each.level else words
