"""`mechexo costs compare`: two periods, or two brokers, side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from mechexo.cli import render
from mechexo.cli.costs_options import one_answer
from mechexo.cli.invocation import open_desk

if TYPE_CHECKING:
    from datetime import datetime

    from mechexo.costs.findings import Comparison, Difference
    from mechexo.desk import Desk

_COLUMNS = (
    *("component", "first_bps", "second_bps", "difference_bps", "low_bps", "high_bps"),
    *("method", "note"),
)


def compare(
    ctx: typer.Context,
    period: Annotated[
        str | None, typer.Option(metavar="A..B", help="The first period: two times or dates.")
    ] = None,
    with_: Annotated[
        str | None, typer.Option("--with", metavar="C..D", help="The period held against it.")
    ] = None,
    by: Annotated[
        str | None, typer.Option(metavar="DIMENSION", help="Compare two values of this, as broker.")
    ] = None,
    values: Annotated[
        str | None, typer.Option(metavar="X,Y", help="The two values; Y is held against X.")
    ] = None,
    start: Annotated[
        str | None, typer.Option("--from", help="With --by: start of the period.")
    ] = None,
    end: Annotated[str | None, typer.Option("--to", help="With --by: its end.")] = None,
    confidence: Annotated[float, typer.Option(help="Of the intervals.")] = 0.95,
    resamples: Annotated[int, typer.Option(help="How often the fills are drawn again.")] = 2_000,
    seed: Annotated[int, typer.Option(help="Of the draws: the same gives the same answer.")] = 1,
    json_: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
    csv: Annotated[bool, typer.Option("--csv", help="CSV.")] = False,
) -> None:
    """Two periods, or two values of a dimension: what differs, with bootstrap intervals.

    mechexo costs compare --period 2026-03-02..2026-03-06 --with 2026-03-09..2026-03-13
    mechexo costs compare --by broker --values ALPHA,BETA --from -20d
    """
    from mechexo.costs.findings import Resampling
    from mechexo.costs.inspecting import compare_periods, compare_values
    from mechexo.costs.period import read_period
    from mechexo.errors import UsageError

    one_answer(json_=json_, csv=csv)
    desk = open_desk(ctx)
    how = Resampling(confidence, resamples, seed)
    if by is None and values is None and period is not None and with_ is not None:
        if start is not None or end is not None:
            raise UsageError(
                "--from and --to are for --by; --period and --with say when themselves"
            )
        first, second = (_period(desk, text) for text in (period, with_))
        answer = compare_periods(desk, first, second, labels=(period, with_), resampling=how)
    elif by is not None and values is not None and period is None and with_ is None:
        answer = compare_values(
            desk,
            read_period(desk, start, end),
            by.strip(),
            _two_values(values),
            resampling=how,
        )
    else:
        raise UsageError("give either --period A..B and --with C..D, or --by and --values X,Y")
    if json_:
        return render.json_document("cost_comparison", desk.clock.now(), _document(answer))
    if csv:
        rows = ([getattr(each, name) for name in _COLUMNS] for each in answer.differences)
        return render.csv_rows(_COLUMNS, rows)
    return _print(answer)


def _period(desk: Desk, text: str) -> tuple[datetime, datetime]:
    from mechexo.costs.period import read_period
    from mechexo.errors import UsageError

    start, dots, end = (part.strip() for part in text.partition(".."))
    if not start or (dots and not end):
        raise UsageError(f"{text!r} is no period; write one like 2026-03-02..2026-03-06")
    return read_period(desk, start, end or start)


def _two_values(text: str) -> tuple[str, str]:
    from mechexo.errors import UsageError

    parts = [part.strip() for part in text.split(",")]
    if len(parts) != 2 or not all(parts):
        raise UsageError(f"--values takes two of them, like X,Y, not {text!r}")
    return parts[0], parts[1]


def _document(answer: Comparison) -> dict[str, object]:
    from dataclasses import fields

    body: dict[str, object] = {each.name: getattr(answer, each.name) for each in fields(answer)}
    body["differences"] = [
        {name: getattr(each, name) for name in _COLUMNS} | {"told_apart": each.told_apart}
        for each in answer.differences
    ]
    return body


def _print(answer: Comparison) -> None:
    labels = (answer.first_label, answer.second_label)
    for label, row in zip(labels, (answer.first, answer.second), strict=True):
        priced = f"{row.priced} priced of {row.fills} fills"
        render.text(f"{label}: {priced}, {row.notional:,.0f} {answer.currency}")
    render.text(f"Reference: {answer.quote_rule}")
    render.text(
        f"Overlap of notional: symbols {_share(answer.symbol_overlap)}, "
        f"sizes {_share(answer.size_overlap)}"
    )
    for warning in answer.warnings:
        render.text(f"▲ {warning}")
    how = answer.resampling
    columns = ("", f">{labels[0]}", f">{labels[1]}", ">difference", ">from", ">to", "")
    render.table(
        f"Cost in bps, positive hurts; difference with its {how.confidence:.0%} interval "
        f"({how.resamples} resamples, seed {how.seed})",
        columns,
        [_cells(each) for each in answer.differences],
    )


def _cells(each: Difference) -> tuple[object, ...]:
    verdict = each.note
    if not verdict:
        verdict = "differs" if each.told_apart else "not told apart"
    figures = (each.first_bps, each.second_bps, each.difference_bps, each.low_bps, each.high_bps)
    shown = (None if figure is None else f"{figure:.2f}" for figure in figures)
    return (each.component, *shown, verdict)


def _share(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.0%}"
