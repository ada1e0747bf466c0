"""`mechexo incident cost` and `mechexo costs incident`: what a window cost beyond the usual."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from mechexo.cli import render
from mechexo.cli.invocation import open_desk

if TYPE_CHECKING:
    from mechexo.costs.incident_window_values import WindowCost

Weeks = Annotated[int, typer.Option(help="How many weeks before are the baseline.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON document.")]


def cost(
    ctx: typer.Context,
    incident_id: Annotated[int, typer.Argument(metavar="ID", help="The incident's number.")],
    weeks: Weeks = 4,
    json_: Json = False,
) -> None:
    """What an incident's fills cost beyond the same symbols, weekdays and hours before."""
    from mechexo.incident_cost import incident_cost, when

    desk = open_desk(ctx)
    found = incident_cost(desk, incident_id, weeks=weeks)
    if json_:
        body = {
            "incident": found.incident,
            "until": found.until,
            "others": found.others,
            "cost": found.cost,
        }
        render.json_document("incident_cost", desk.clock.now(), body)
        return
    incident = found.incident
    render.text(f"Incident {incident.id} {incident.severity}: {incident.title}")
    render.text(when(found))
    _print(found.cost)


def window(
    ctx: typer.Context,
    start: Annotated[str, typer.Option("--from", help="A time, -2h, or a date.")],
    end: Annotated[
        str | None, typer.Option("--to", help="Until; a date is included. Default: now.")
    ] = None,
    weeks: Weeks = 4,
    json_: Json = False,
) -> None:
    """What the fills of a time cost beyond the same symbols, weekdays and hours before."""
    from mechexo.costs.incident_window import window_cost
    from mechexo.costs.period import read_period
    from mechexo.times import in_zone

    desk = open_desk(ctx)
    found = window_cost(desk, *read_period(desk, start, end), weeks=weeks)
    if json_:
        render.json_document("window_cost", desk.clock.now(), {"cost": found})
        return
    first, last = (in_zone(moment, desk.zone) for moment in (found.start, found.end))
    render.text(f"From {first} to {last}")
    _print(found)


def _print(cost: WindowCost) -> None:
    from mechexo.costs.incident_window_words import summary

    for line in summary(cost):
        render.text(line)
    for warning in cost.warnings:
        render.text(f"▲ {warning}")
    render.table(
        f"By symbol, {cost.measure} in bps, positive hurts",
        ("symbol", ">fills", ">bps", ">baseline fills", ">baseline bps", f">extra {cost.currency}"),
        [
            (
                row.symbol,
                row.fills,
                _figure(row.cost_bps),
                row.baseline_fills,
                _figure(row.baseline_bps),
                _figure(row.difference_ccy),
            )
            for row in cost.symbols
        ],
    )
    render.table(
        "Days of the baseline",
        ("day", ">fills", ">with a cost", ">bps"),
        [
            (each.day.isoformat(), each.fills, each.measured, _figure(each.cost_bps))
            for each in cost.days
        ],
    )


def _figure(value: float | None) -> str | None:
    return None if value is None else f"{value:,.2f}"
