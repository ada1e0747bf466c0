"""`mechexo costs`: trading costs in basis points."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Annotated

import typer

from mechexo.cli import render
from mechexo.cli.invocation import open_desk

if TYPE_CHECKING:
    from mechexo.costs.values import CostReport, CostRow, FillList

FIGURES = (
    "fills",
    "priced",
    "notional",
    "commission_bps",
    "spread_bps",
    "beyond_bps",
    "slippage_bps",
    "total_bps",
    "p50_bps",
    "p95_bps",
    "p99_bps",
    "commission_ccy",
    "spread_ccy",
    "slippage_ccy",
    "total_ccy",
    "commission_all_ccy",
)
app = typer.Typer(
    rich_markup_mode=None,
    add_completion=False,
    invoke_without_command=True,
    help="Trading costs by day, symbol and hour: commission, spread, slippage in basis points.",
)

From = Annotated[
    str | None,
    typer.Option(
        "--from", help="A time, -2d, or a date of the exchange. Default: 5 weekdays back."
    ),
]
To = Annotated[str | None, typer.Option("--to", help="Until; a date is included. Default: now.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON document.")]


@app.callback()
def costs(
    ctx: typer.Context,
    start: From = None,
    end: To = None,
    by: Annotated[
        str, typer.Option(help="Of day, symbol, hour, strategy, venue, side, liquidity.")
    ] = "day,symbol,hour",
    json_: Json = False,
    csv: Annotated[
        str | None, typer.Option("--csv", metavar="FILE", help="CSV into FILE; - is stdout.")
    ] = None,
) -> None:
    """Trading costs by day, symbol and hour: commission, spread, slippage in basis points.

    Positive hurts. Slippage is against the mid and contains the spread; total is slippage plus
    commission.
    """
    if ctx.invoked_subcommand is not None:
        _refuse_lost_options(ctx)
        return
    from mechexo.costs.operations import report
    from mechexo.costs.period import read_period

    if json_ and csv == "-":
        raise typer.BadParameter("stdout has room for one answer: --json or --csv -")
    desk = open_desk(ctx)
    first, last = read_period(desk, start, end)
    names = tuple(dict.fromkeys(name.strip() for name in by.split(",") if name.strip()))
    answer = report(desk, start=first, end=last, by=names)
    if json_:
        render.json_document("costs", desk.clock.now(), _document(answer))
    if csv is not None:
        _write_csv(answer, csv)
    if not json_ and csv is None:
        _print_tables(answer)


@app.command("trades")
def trades(
    ctx: typer.Context,
    start: From = None,
    end: To = None,
    limit: Annotated[int, typer.Option(min=1, help="The newest N fills.")] = 50,
    json_: Json = False,
    csv: Annotated[bool, typer.Option("--csv", help="CSV.")] = False,
) -> None:
    """Each fill with its reference quote and its costs, oldest first."""
    from mechexo.costs.operations import trades as list_trades
    from mechexo.costs.period import read_period

    desk = open_desk(ctx)
    first, last = read_period(desk, start, end)
    answer = list_trades(desk, start=first, end=last, limit=limit)
    if json_:
        return render.json_document("cost_trades", desk.clock.now(), _fills_document(answer))
    if csv:
        from mechexo.costs.values import FillCost

        names = [each.name for each in fields(FillCost)]
        rows = ([getattr(fill, name) for name in names] for fill in answer.fills)
        return render.csv_rows(names, rows)
    return _print_fills(answer)


def _refuse_lost_options(ctx: typer.Context) -> None:
    from mechexo.errors import UsageError

    given = [
        name
        for name in ctx.params
        if (source := ctx.get_parameter_source(name)) is not None and source.name == "COMMANDLINE"
    ]
    if given:
        raise UsageError(
            f"write the options after the subcommand: mechexo costs {ctx.invoked_subcommand} ..."
        )


def _document(answer: CostReport) -> dict[str, object]:
    return {
        "from": answer.start,
        "to": answer.end,
        "currency": answer.currency,
        "zone": answer.zone,
        "quote_rule": answer.quote_rule,
        "totals": _figures(answer.totals),
        "by": {name: [_figures(row) for row in rows] for name, rows in answer.by.items()},
        "coverage": answer.coverage,
        "residual_bps": answer.residual_bps,
        "newest_fill_at": answer.newest_fill_at,
        "newest_quote_at": answer.newest_quote_at,
    }


def _figures(row: CostRow) -> dict[str, object]:
    figures = {name: getattr(row, name) for name in FIGURES}
    if not row.priced:
        figures["notional"] = None
    return {**row.key, **figures}


def _write_csv(answer: CostReport, target: str) -> None:
    rows = [("total", "", answer.totals)]
    rows += [
        (name, row.key[name], row)
        for name, of_dimension in answer.by.items()
        for row in of_dimension
    ]
    cells = [[name, key, *list(_figures(row).values())[-len(FIGURES) :]] for name, key, row in rows]
    columns = ("by", "key", *FIGURES)
    if target == "-":
        return render.csv_rows(columns, cells)
    from mechexo.costs.export import write_csv

    path = write_csv(target, columns, cells)
    return render.note(f"wrote {len(cells)} rows to {path}")


def _print_tables(answer: CostReport) -> None:
    from mechexo.times import iso_z

    render.text(
        f"Costs {iso_z(answer.start)[:19]}Z to {iso_z(answer.end)[:19]}Z; "
        f"days and hours of {answer.zone}; in bps of the notional, positive hurts"
    )
    render.text(f"Reference: {answer.quote_rule}")
    render.text(_coverage_line(answer))
    for line in _remarks(answer):
        render.text(line)
    _print_rows("Total", "", [answer.totals], answer.currency)
    for name, rows in answer.by.items():
        _print_rows(f"By {name}", name, rows, answer.currency)


def _coverage_line(answer: CostReport) -> str:
    covered = answer.coverage
    sources = ", ".join(f"{count} {name}" for name, count in covered.by_benchmark.items())
    share = f" ({covered.priced / covered.fills:.1%})" if covered.fills else ""
    return (
        f"Coverage: {covered.priced} of {covered.fills} fills priced{share}; by source: {sources}; "
        f"{covered.unpriced_count} unpriced, {covered.suspect_count} suspect, "
        f"{covered.rejected_count} rejected; newest fill {_moment(answer.newest_fill_at)}, "
        f"newest quote {_moment(answer.newest_quote_at)}"
    )


def _remarks(answer: CostReport) -> list[str]:
    lines = [
        f"▲ {count} left out: {reason}" for reason, count in (answer.coverage.reasons or {}).items()
    ]
    if answer.coverage.without_commission:
        lines.append(
            f"▲ {answer.coverage.without_commission} priced fills without a commission: "
            "in the slippage, not in the total"
        )
    if answer.residual_bps is not None:
        lines.append(
            f"Self-check: the parts add up to the total within {answer.residual_bps:.1e} bps"
        )
    return lines


def _print_rows(title: str, name: str, rows: list[CostRow] | tuple[CostRow, ...], ccy: str) -> None:
    columns = [
        *([name] if name else []),
        ">fills",
        ">priced",
        f">notional {ccy}",
        ">commission",
        ">slippage",
        ">of it spread",
        ">total",
        ">p50",
        ">p95",
        ">p99",
    ]
    figures = ("commission", "slippage", "spread", "total", "p50", "p95", "p99")
    cells = [
        [
            *row.key.values(),
            row.fills,
            row.priced,
            f"{row.notional:,.0f}" if row.priced else None,
            *(_bps(getattr(row, f"{figure}_bps")) for figure in figures),
        ]
        for row in rows
    ]
    render.table(title, columns, cells, empty="no fills")


def _fills_document(answer: FillList) -> dict[str, object]:
    return {
        "from": answer.start,
        "to": answer.end,
        "currency": answer.currency,
        "quote_rule": answer.quote_rule,
        "count": answer.count,
        "fills": answer.fills,
    }


def _print_fills(answer: FillList) -> None:
    cells = [
        (
            f"{_moment(fill.at)[:23]}Z",
            fill.fill_id,
            fill.symbol,
            fill.side,
            f"{fill.quantity:g}",
            f"{fill.price:g}",
            fill.bid,
            fill.ask,
            None if fill.quote_age_s is None else f"{fill.quote_age_s:.3f}",
            " ".join(filter(None, (fill.ref_source, fill.flags))),
            _bps(fill.commission_bps),
            _bps(fill.slippage_bps),
            _bps(fill.spread_bps),
            _bps(fill.total_bps),
        )
        for fill in answer.fills
    ]
    render.text(f"Reference: {answer.quote_rule}")
    about = ("time", "fill", "symbol", "side", ">quantity", ">price", ">bid", ">ask", ">age s")
    columns = (*about, "reference", ">commission", ">slippage", ">of it spread", ">total")
    title = f"Fills: the newest {len(answer.fills)} of {answer.count}, in bps, positive hurts"
    render.table(title, columns, cells, empty="no fills")


def _bps(value: float | None) -> str | None:
    return None if value is None else f"{value:.2f}"


def _moment(at: object) -> str:
    from datetime import datetime

    from mechexo.times import iso_z

    return iso_z(at) if isinstance(at, datetime) else "none"
