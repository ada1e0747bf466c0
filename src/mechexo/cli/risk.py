"""`mechexo risk`: what the desk holds, earns and may lose, as its sources told it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from mechexo.cli import render
from mechexo.cli.invocation import command_group, open_desk
from mechexo.cli.options import Csv, Json

if TYPE_CHECKING:
    from mechexo.desk import Desk
    from mechexo.risk_report import RiskReport

app = command_group("Positions, exposure, P&L and limits, from the sources of [risk].")

LOOK_S = 8.0

Refresh = Annotated[
    bool, typer.Option("--refresh", help="Read the sources now; else as last told.")
]
Name = Annotated[str, typer.Argument(help="Only this table of [risk].", show_default=False)]


@app.command("show")
def show(
    ctx: typer.Context, name: Name = "", refresh: Refresh = False, json_: Json = False
) -> None:
    """What each source told: trading, broker, capital, exposure, P&L, the limits in use."""
    from mechexo.cli import risk_tables

    desk = open_desk(ctx)
    found, now = _reports(desk, name, refresh), desk.clock.now()
    if json_:
        return render.json_document("risk", now, {"sources": risk_tables.documents(found)})
    render.table(
        "Risk", *risk_tables.source_rows(found, now), named_by=1, empty="no source is configured"
    )
    for line in risk_tables.remarks(found, now):
        render.text(line)
    return None


@app.command("positions")
def positions(
    ctx: typer.Context,
    name: Name = "",
    refresh: Refresh = False,
    json_: Json = False,
    csv: Csv = False,
) -> None:
    """The positions, the largest first; what has no known value before all."""
    from mechexo.cli import risk_tables

    desk = open_desk(ctx)
    found, now = _reports(desk, name, refresh), desk.clock.now()
    values = risk_tables.position_values(found)
    if json_:
        listed = [dict(zip(risk_tables.POSITION_FIELDS, row, strict=True)) for row in values]
        return render.json_document("risk_positions", now, {"positions": listed})
    if csv:
        return render.csv_rows(risk_tables.POSITION_FIELDS, values)
    render.table(
        "Positions",
        *risk_tables.position_rows(found),
        named_by=2,
        empty=risk_tables.nothing(found, "no position"),
    )
    for line in risk_tables.unknown_parts(found, "positions", now):
        render.text(line)
    return None


@app.command("limits")
def limits(
    ctx: typer.Context,
    name: Name = "",
    refresh: Refresh = False,
    json_: Json = False,
    csv: Csv = False,
) -> None:
    """What is used and left of each limit, broken ones first. Exit code 1 when one is critical."""
    from mechexo.cli import risk_tables
    from mechexo.health.values import Status

    desk = open_desk(ctx)
    found, now = _reports(desk, name, refresh), desk.clock.now()
    values = risk_tables.limit_values(found)
    if json_:
        listed = [dict(zip(risk_tables.LIMIT_FIELDS, row, strict=True)) for row in values]
        render.json_document("risk_limits", now, {"limits": listed})
    elif csv:
        render.csv_rows(risk_tables.LIMIT_FIELDS, values)
    else:
        render.table(
            "Limits",
            *risk_tables.limit_rows(found),
            named_by=2,
            empty=risk_tables.nothing(found, "no limit"),
        )
        for line in risk_tables.unknown_parts(found, "limits", now):
            render.text(line)
    if any(row.status is Status.CRITICAL for each in found for row in each.limits):
        raise typer.Exit(1)


def _reports(desk: Desk, name: str, refresh: bool) -> list[RiskReport]:
    from mechexo import risk_report
    from mechexo.errors import NotFoundError, close_names

    configured = desk.settings.risk
    if name and name not in configured:
        raise NotFoundError(f"there is no [risk.{name}]; {close_names(name, list(configured))}")
    found = risk_report.look(desk, deadline_s=LOOK_S) if refresh else risk_report.reports(desk)
    return [each for each in found if name in ("", each.standing.name)]
