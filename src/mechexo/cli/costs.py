"""`mechexo costs`: trading costs in basis points."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from mechexo.cli import render
from mechexo.cli.costs_bench import bench
from mechexo.cli.costs_compare import compare
from mechexo.cli.costs_exceptions import app as exceptions
from mechexo.cli.costs_impact import impact
from mechexo.cli.costs_import import import_files
from mechexo.cli.costs_ingest import ingest
from mechexo.cli.costs_options import check_folders, groupings, one_answer
from mechexo.cli.costs_orders import orders
from mechexo.cli.costs_sources import sources
from mechexo.cli.incident_cost import window
from mechexo.cli.invocation import open_desk
from mechexo.cli.options import Json, Yes

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from mechexo.costs.day_results import Wanted
    from mechexo.costs.provenance import Provenance
    from mechexo.costs.results import SaveResult
    from mechexo.costs.values import CostReport
    from mechexo.desk import Desk

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
Parquet = Annotated[
    str | None,
    typer.Option("--parquet", metavar="FILE", help="Every fill with its costs into FILE."),
]
By = Annotated[
    str,
    typer.Option(
        help="A comma parts groupings, + combines: day,symbol+hour. Of day, week, month, weekday,"
        " hour, half_hour, time_of_day, hour_utc, session, symbol, side, strategy, venue, broker,"
        " liquidity, order_type, order_id, size, adv, source and your [costs] tags."
    ),
]


@app.callback()
def costs(
    ctx: typer.Context,
    start: From = None,
    end: To = None,
    by: By = "day,symbol,hour",
    json_: Json = False,
    csv: Annotated[
        str | None, typer.Option("--csv", metavar="FILE", help="CSV into FILE; - is stdout.")
    ] = None,
    html: Annotated[
        str | None,
        typer.Option("--html", metavar="FILE", help="A report to read, in one file by itself."),
    ] = None,
    parquet: Parquet = None,
    day_by_day: Annotated[
        bool,
        typer.Option(
            "--day-by-day",
            help="[costs] workers days at once, in about memory_mb; done without asking when the"
            " period is larger than that. The same figures, but --html lists no exceptions.",
        ),
    ] = False,
    save: Annotated[
        bool,
        typer.Option("--save", help="Keep each whole day: trade_costs, and a file of its fills."),
    ] = False,
    reason: Annotated[str, typer.Option(help="Why it is saved; required on a live desk.")] = "",
    yes: Yes = False,
) -> None:
    """Trading costs by day, symbol and hour: commission, spread, slippage in basis points.

    Positive hurts. Slippage is against the mid and contains the spread; total is slippage plus
    commission.
    """
    if ctx.invoked_subcommand is not None:
        _refuse_lost_options(ctx)
        return None
    from mechexo.costs.array_memory import keep_array_memory
    from mechexo.costs.loading import load_polars

    keep_array_memory()
    load_polars()
    from mechexo.costs import results
    from mechexo.costs.period import read_period

    if json_ and csv == "-":
        raise typer.BadParameter("stdout has room for one answer: --json or --csv -")
    if "-" in (html, parquet):
        raise typer.BadParameter("--html and --parquet want a file; only --csv can be stdout")
    names = groupings(by)
    check_folders(csv, html, parquet)
    desk = open_desk(ctx)
    first, last = read_period(desk, start, end)
    if save:
        first, last = _whole_days(desk, first, last)
    if day_by_day or _too_large(desk, first, last):
        from mechexo.costs.day_results import Wanted

        wanted = Wanted(save=save, reason=reason, html=html, parquet=parquet)
        return _by_days(desk, first, last, names, wanted, json_=json_, csv=csv)
    needed = dict.fromkeys((*names, *results.REPORTED)) if html is not None else names
    answer = results.compute(desk, start=first, end=last, by=tuple(needed))
    if save:
        _say_saved(results.save(desk, answer, reason=reason))
    if html is not None:
        from mechexo.costs.report_html import write_report

        _say_written("the report", write_report(html, desk, answer))
    if parquet is not None:
        path = results.write_fills(desk, answer, parquet)
        _say_written(f"{len(answer.priced)} fills", path)
    if json_ or csv is not None or (html is None and parquet is None):
        _give(desk, answer.report, names, answer.provenance, json_=json_, csv=csv)
    return None


def _by_days(
    desk: Desk,
    first: datetime,
    last: datetime,
    names: tuple[str, ...],
    wanted: Wanted,
    *,
    json_: bool,
    csv: str | None,
) -> None:
    """As the command does with all fills at once, day by day."""
    files = wanted.html is not None or wanted.parquet is not None
    if not (wanted.save or files or json_):
        from mechexo.costs.day_report import report_by_days

        report = report_by_days(desk, start=first, end=last, by=names)
        return _give(desk, report, names, None, json_=False, csv=csv)
    from mechexo.costs.day_results import results_by_days

    given = results_by_days(desk, start=first, end=last, by=names, wanted=wanted)
    if given.saved is not None:
        _say_saved(given.saved)
    if given.html is not None:
        _say_written("the report", given.html)
        render.note("it lists no exceptions: they are found by looking at all fills at once")
    if given.parquet is not None:
        _say_written(f"{given.fills} fills", given.parquet)
    if json_ or csv is not None or not files:
        _give(desk, given.report, names, given.provenance, json_=json_, csv=csv)
    return None


def _too_large(desk: Desk, first: datetime, last: datetime) -> bool:
    """Whether the period is computed day by day although nobody asked for that; says so."""
    from mechexo.costs.choosing import needed_mb

    needed, limit = needed_mb(desk, first, last), desk.settings.costs.memory_mb
    if needed <= limit:
        return False
    render.note(
        f"computing day by day: all at once would take about {needed:,} MB, and [costs] memory_mb "
        f"is {limit:,}"
    )
    return True


@app.command("trades")
def trades(
    ctx: typer.Context,
    start: From = None,
    end: To = None,
    limit: Annotated[int, typer.Option(min=1, help="The newest N fills.")] = 50,
    json_: Json = False,
    csv: Annotated[bool, typer.Option("--csv", help="CSV.")] = False,
    parquet: Parquet = None,
) -> None:
    """Each fill with its reference quote and its costs, oldest first."""
    from mechexo.cli import costs_documents, costs_tables
    from mechexo.costs.operations import trades as list_trades
    from mechexo.costs.period import read_period

    one_answer(json_=json_, csv=csv)
    check_folders(parquet)
    desk = open_desk(ctx)
    first, last = read_period(desk, start, end)
    if parquet is not None:
        _write_fills(desk, first, last, parquet)
        if not (json_ or csv):
            return None
    answer = list_trades(desk, start=first, end=last, limit=limit)
    if json_:
        body = costs_documents.fills_document(answer)
        return render.json_document("cost_trades", desk.clock.now(), body)
    if csv:
        return costs_documents.print_fills_csv(answer)
    return costs_tables.print_fills(answer, desk.zone)


def _give(
    desk: Desk,
    report: CostReport,
    by: tuple[str, ...],
    source: Provenance | None,
    *,
    json_: bool,
    csv: str | None,
) -> None:
    """Gives the figures in every form that was asked for; in tables when none was."""
    from mechexo.cli import costs_documents

    if json_:
        body = costs_documents.document(report, by, source)
        render.json_document("costs", desk.clock.now(), body)
    if csv is not None:
        columns, cells = costs_documents.csv_of(report, by)
        if csv == "-":
            render.csv_rows(columns, cells)
        else:
            from mechexo.costs.export import write_csv

            path = write_csv(csv, columns, cells)
            render.note(f"wrote {len(cells)} rows to {path}")
    if not json_ and csv is None:
        from mechexo.cli.costs_tables import print_report

        print_report(report, by)


def _write_fills(desk: Desk, first: datetime, last: datetime, target: str) -> None:
    from mechexo.costs import results

    if _too_large(desk, first, last):
        from mechexo.costs.day_results import Wanted

        return _by_days(desk, first, last, (), Wanted(parquet=target), json_=False, csv=None)
    answer = results.compute(desk, start=first, end=last, by=())
    _say_written(f"{len(answer.priced)} fills", results.write_fills(desk, answer, target))
    return None


def _say_saved(saved: SaveResult) -> None:
    render.note(
        f"saved {saved.rows} rows of {len(saved.days)} days, {len(saved.files)} files of fills"
    )


def _say_written(what: str, path: Path) -> None:
    render.note(f"wrote {what} to {path}")


def _whole_days(desk: Desk, first: datetime, last: datetime) -> tuple[datetime, datetime]:
    from mechexo.costs.results import whole_days
    from mechexo.times import in_zone

    widened = whole_days(desk, first, last) if first < last else (first, last)
    if widened != (first, last):
        begin, end = (in_zone(moment, desk.zone) for moment in widened)
        render.note(f"whole days are saved, and shown: {begin} to {end}")
    return widened


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


app.command("compare")(compare)
app.command("orders")(orders)
app.command("ingest")(ingest)
app.add_typer(exceptions, name="exceptions")
app.command("impact")(impact)
app.command("import")(import_files)
app.command("sources")(sources)
app.command("bench")(bench)
app.command("incident")(window)
