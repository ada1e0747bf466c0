"""`mechexo costs exceptions`: fills that somebody should look at, and saying that somebody has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from mechexo.cli import render
from mechexo.cli.costs_options import one_answer
from mechexo.cli.invocation import open_desk
from mechexo.cli.options import Json, Reason, Yes

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from mechexo.costs.findings import CostException, ExceptionList
    from mechexo.desk import Desk

app = typer.Typer(
    rich_markup_mode=None,
    add_completion=False,
    invoke_without_command=True,
    help="Fills that somebody should look at, each with its reason.",
)

From = Annotated[
    str | None,
    typer.Option(
        "--from", help="A time, -2d, or a date of the exchange. Default: 5 weekdays back."
    ),
]
To = Annotated[str | None, typer.Option("--to", help="Until; a date is included. Default: now.")]
FillId = Annotated[str, typer.Argument(help="The fill's id, as listed.")]
Kinds = Annotated[
    list[str] | None, typer.Option("--kind", help="Only this kind; all that the fill has.")
]


@app.callback()
def exceptions(
    ctx: typer.Context,
    start: From = None,
    end: To = None,
    json_: Json = False,
    csv: Annotated[bool, typer.Option("--csv", help="CSV.")] = False,
    all_: Annotated[bool, typer.Option("--all", help="Acknowledged ones too.")] = False,
) -> None:
    """Fills that somebody should look at, each with its reason; open ones unless --all."""
    if ctx.invoked_subcommand is not None:
        return _refuse_lost_options(ctx)
    from dataclasses import fields

    from mechexo.costs.findings import CostException
    from mechexo.costs.inspecting import exceptions as find
    from mechexo.costs.period import read_period

    one_answer(json_=json_, csv=csv)
    desk = open_desk(ctx)
    answer = find(desk, read_period(desk, start, end))
    shown = [each for each in answer.exceptions if all_ or each.acknowledged_at is None]
    if json_:
        return render.json_document("cost_exceptions", desk.clock.now(), _document(answer, shown))
    if csv:
        names = [each.name for each in fields(CostException)]
        return render.csv_rows(names, ([getattr(row, name) for name in names] for row in shown))
    return _print(answer, shown, desk.zone)


@app.command("ack")
def ack(
    ctx: typer.Context,
    fill_id: FillId,
    note: Annotated[str, typer.Option("--note", "--reason", help="What you found.")] = "",
    kind: Kinds = None,
    start: From = None,
    end: To = None,
    json_: Json = False,
    yes: Yes = False,
) -> None:
    """Say that you have looked at a fill: it leaves the open exceptions."""
    from mechexo.costs.inspecting import acknowledge_exception

    desk = open_desk(ctx)
    kinds = _kinds(desk, fill_id, kind, start, end)
    done = acknowledge_exception(desk, fill_id, kinds, note=note)
    if json_:
        body = {"fill_id": fill_id, "acknowledgements": done}
        return render.json_document("cost_exception_ack", desk.clock.now(), body)
    return render.text(f"{fill_id}: {', '.join(each.kind for each in done)} acknowledged")


@app.command("unack")
def unack(
    ctx: typer.Context,
    fill_id: FillId,
    reason: Reason = "",
    kind: Kinds = None,
    start: From = None,
    end: To = None,
    yes: Yes = False,
) -> None:
    """Take an acknowledgement back: the fill is an open exception again."""
    from mechexo.costs.inspecting import withdraw_acknowledgement

    desk = open_desk(ctx)
    kinds = _kinds(desk, fill_id, kind, start, end)
    taken = withdraw_acknowledgement(desk, fill_id, kinds, reason=reason)
    render.text(
        f"{fill_id}: {', '.join(taken)} open again"
        if taken
        else f"{fill_id}: nothing was acknowledged"
    )


def _refuse_lost_options(ctx: typer.Context) -> None:
    from mechexo.errors import UsageError

    sources = (ctx.get_parameter_source(name) for name in ctx.params)
    if any(source is not None and source.name == "COMMANDLINE" for source in sources):
        raise UsageError(
            "write the options after the subcommand: "
            f"mechexo costs exceptions {ctx.invoked_subcommand} ..."
        )


def _kinds(
    desk: Desk, fill_id: str, chosen: list[str] | None, start: str | None, end: str | None
) -> tuple[str, ...]:
    """The kinds that the fill has, or those of them that were named."""
    from mechexo.costs.inspecting import exceptions_of
    from mechexo.costs.period import read_period
    from mechexo.errors import UsageError

    kinds = exceptions_of(desk, read_period(desk, start, end), fill_id)
    unknown = sorted(set(chosen or ()) - set(kinds))
    if unknown:
        raise UsageError(f"fill {fill_id} is no {unknown[0]}; it is: {', '.join(kinds)}")
    return tuple(chosen) if chosen else kinds


def _document(answer: ExceptionList, shown: list[CostException]) -> dict[str, object]:
    return {
        "from": answer.start,
        "to": answer.end,
        "currency": answer.currency,
        "quote_rule": answer.quote_rule,
        "fills": answer.fills,
        "rejected": answer.rejected,
        "by_kind": answer.by_kind,
        "acknowledged": answer.acknowledged,
        "exceptions": shown,
    }


def _print(answer: ExceptionList, shown: list[CostException], zone: ZoneInfo) -> None:
    from mechexo.cli.costs_tables import exact

    count = sum(answer.by_kind.values())
    kinds = ", ".join(f"{number} {kind}" for kind, number in answer.by_kind.items())
    render.text(
        f"{count} exceptions of {answer.fills} fills and {answer.rejected} rejected rows"
        + (f": {kinds}; {answer.acknowledged} acknowledged" if count else "")
    )
    render.text(f"Reference: {answer.quote_rule}")
    columns = (f"time {zone.key}", "fill", "kind", "symbol", "side", f">notional {answer.currency}")
    more = (">total bps", f">total {answer.currency}", "reason", "acknowledged")
    cells = [
        (
            "none" if each.at is None else exact(each.at, zone),
            each.fill_id or None,
            each.kind,
            each.symbol,
            each.side or None,
            None if each.notional is None else f"{each.notional:,.0f}",
            None if each.total_bps is None else f"{each.total_bps:.2f}",
            None if each.total_ccy is None else f"{each.total_ccy:,.2f}",
            each.reason,
            " ".join(filter(None, (each.acknowledged_by, each.note))) or None,
        )
        for each in shown
    ]
    render.table("Exceptions", (*columns, *more), cells, empty="none open")
