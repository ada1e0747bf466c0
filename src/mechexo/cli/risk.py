"""`mechexo risk`: what the desk holds, earns and may lose, as its sources told it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from mechexo.cli import render
from mechexo.cli.invocation import open_desk
from mechexo.cli.options import Csv, Json
from mechexo.errors import UsageError
from mechexo.value_classes import dataclass

if TYPE_CHECKING:
    from mechexo.cli.risk_tables import Columns, Rows
    from mechexo.desk import Desk
    from mechexo.risk_report import RiskReport

app = typer.Typer(
    rich_markup_mode=None,
    add_completion=False,
    invoke_without_command=True,
    help="Positions, exposure, P&L and limits, from the sources of [risk]; alone: as show.",
)

LOOK_S = 8.0

Refresh = Annotated[
    bool, typer.Option("--refresh", help="Read the sources now; else as last told.")
]
Name = Annotated[str, typer.Argument(help="Only this table of [risk].", show_default=False)]


@app.callback()
def risk(ctx: typer.Context, refresh: Refresh = False, json_: Json = False) -> None:
    """Positions, exposure, P&L and limits, from the sources of [risk]; alone: as show."""
    if ctx.invoked_subcommand is None:
        show(ctx, refresh=refresh, json_=json_)
    elif refresh or json_:
        raise UsageError(f"write options behind the command: risk {ctx.invoked_subcommand} --...")


@app.command("show")
def show(
    ctx: typer.Context, name: Name = "", refresh: Refresh = False, json_: Json = False
) -> None:
    """What each source told: trading, broker, capital, exposure, P&L, the limits in use.

    Exit 1 when a limit is critical; else, with --refresh, 5 when a source could not be read."""
    from mechexo.cli import risk_tables

    desk = open_desk(ctx)
    found, now = _reports(desk, name, refresh), desk.clock.now()
    if json_:
        render.json_document("risk", now, {"sources": risk_tables.documents(found)})
    else:
        render.table(
            *("Risk", *risk_tables.source_rows(found, now)),
            named_by=1,
            empty="no source is configured",
        )
        for line in risk_tables.remarks(found, now):
            render.text(line)
    _exit_if_broken(found)
    _exit_if_unread(found, refresh)


@app.command("positions")
def positions(
    ctx: typer.Context,
    name: Name = "",
    refresh: Refresh = False,
    json_: Json = False,
    csv: Csv = False,
) -> None:
    """The positions, the largest first; what has no known value before all.

    With --refresh exit 5 when a source could not be read."""
    from mechexo.cli import risk_tables

    desk = open_desk(ctx)
    found = _reports(desk, name, refresh)
    listed = _Listed("positions", risk_tables.POSITION_FIELDS, risk_tables.position_values(found))
    _show(desk, found, listed, risk_tables.position_rows(found), json_=json_, csv=csv)
    _exit_if_unread(found, refresh)


@app.command("limits")
def limits(
    ctx: typer.Context,
    name: Name = "",
    refresh: Refresh = False,
    json_: Json = False,
    csv: Csv = False,
) -> None:
    """What is used and left of each limit, broken ones first.

    Exit 1 when one is critical, else 5 when one, or a source, is not known."""
    from mechexo.cli import risk_tables
    from mechexo.health.values import Status

    desk = open_desk(ctx)
    found = _reports(desk, name, refresh)
    listed = _Listed("limits", risk_tables.LIMIT_FIELDS, risk_tables.limit_values(found))
    _show(desk, found, listed, risk_tables.limit_rows(found), json_=json_, csv=csv)
    statuses = {row.status for each in found for row in each.limits}
    _exit_if_broken(found)
    if Status.UNKNOWN in statuses | {each.status for each in found}:
        raise typer.Exit(5)
    _exit_if_unread(found, refresh)


@dataclass(frozen=True, slots=True)
class _Listed:
    """A part of the reports as rows of values."""

    part: str
    """`positions` or `limits`."""
    fields: Sequence[str]
    values: Rows


def _show(
    desk: Desk,
    found: list[RiskReport],
    listed: _Listed,
    rows: tuple[Columns, Rows],
    *,
    json_: bool,
    csv: bool,
) -> None:
    """Prints the part; but for JSON, which has it, with what of it is not known."""
    from mechexo.cli import risk_tables

    part, now = listed.part, desk.clock.now()
    if json_:
        body = {
            part: [dict(zip(listed.fields, row, strict=True)) for row in listed.values],
            "sources": risk_tables.known_sources(found, part),
        }
        return render.json_document(f"risk_{part}", now, body)
    if csv:
        render.csv_rows(listed.fields, listed.values)
    else:
        none = risk_tables.nothing(found, part, f"no {part.removesuffix('s')}")
        render.table(part.capitalize(), *rows, named_by=2, empty=none)
    for line in risk_tables.unknown_parts(found, part, now):
        (render.note if csv else render.text)(line)
    return None


def _exit_if_broken(found: list[RiskReport]) -> None:
    from mechexo.health.values import Status

    if any(row.status is Status.CRITICAL for each in found for row in each.limits):
        raise typer.Exit(1)


def _exit_if_unread(found: list[RiskReport], refresh: bool) -> None:
    if refresh and any(each.standing.why for each in found):
        raise typer.Exit(5)


def _reports(desk: Desk, name: str, refresh: bool) -> list[RiskReport]:
    from mechexo import risk_report
    from mechexo.errors import NotFoundError, close_names

    configured = desk.settings.risk
    if name and name not in configured:
        raise NotFoundError(f"there is no [risk.{name}]; {close_names(name, list(configured))}")
    found = risk_report.look(desk, deadline_s=LOOK_S) if refresh else risk_report.reports(desk)
    return [each for each in found if name in ("", each.standing.name)]
