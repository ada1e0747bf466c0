"""`mechexo costs impact`: what orders were expected to cost, and what they did."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from mechexo.cli import render
from mechexo.cli.costs_options import one_answer
from mechexo.cli.costs_tables import bps
from mechexo.cli.invocation import open_desk

if TYPE_CHECKING:
    from mechexo.costs.findings import ExpectedCost, ImpactFit, ImpactReport


def impact(
    ctx: typer.Context,
    start: Annotated[
        str | None,
        typer.Option(
            "--from", help="A time, -2d, or a date of the exchange. Default: 5 weekdays back."
        ),
    ] = None,
    end: Annotated[
        str | None, typer.Option("--to", help="Until; a date is included. Default: now.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="The N dearest in the table.")] = 20,
    json_: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
    csv: Annotated[bool, typer.Option("--csv", help="CSV.")] = False,
) -> None:
    """Each order's cost against its expectation: half-spread + Y sigma sqrt(Q / ADV).

    Y is fitted on the orders of the period; sigma and ADV come from [costs] bars or trades.
    """
    from dataclasses import fields

    from mechexo.costs.expecting import impact as expect
    from mechexo.costs.findings import ExpectedCost
    from mechexo.costs.period import read_period

    one_answer(json_=json_, csv=csv)
    desk = open_desk(ctx)
    answer = expect(desk, *read_period(desk, start, end))
    if json_:
        return render.json_document("cost_impact", desk.clock.now(), _document(answer))
    if csv:
        names = [each.name for each in fields(ExpectedCost)]
        rows = ([getattr(order, name) for name in names] for order in answer.orders)
        return render.csv_rows(names, rows)
    return _print(answer, limit)


def _document(answer: ImpactReport) -> dict[str, object]:
    return {
        "from": answer.start,
        "to": answer.end,
        "quote_rule": answer.quote_rule,
        "market": answer.market,
        "fit": answer.fit,
        "y_used": answer.y_used,
        "orders": answer.orders,
    }


def _print(answer: ImpactReport, limit: int) -> None:
    render.text(f"Expected: half-spread + {answer.y_used:.2f} sigma sqrt(Q / ADV)")
    render.text(f"Volatility and volume of the {answer.market}; reference: {answer.quote_rule}")
    for line in _about(answer.fit):
        render.text(line)
    columns = ("order", "symbol", ">quantity", ">of ADV", ">sigma", ">spread", ">impact")
    more = (">expected", ">actual", ">residual", "")
    shown = answer.orders[:limit]
    title = f"Orders: {len(shown)} of {len(answer.orders)}, dearest first; in bps, positive hurts"
    render.table(title, (*columns, *more), [_cells(each) for each in shown], empty="no orders")


def _about(fit: ImpactFit) -> list[str]:
    if fit.y is None:
        lines = [f"▲ Y could not be fitted, the default stands: {fit.why_not}"]
    else:
        lines = [f"Y {fit.y:.3f} (s.e. {fit.y_se:.3f}) on {fit.orders} orders"]
        lines += [
            f"Free exponent {fit.exponent:.2f} (s.e. {fit.exponent_se:.2f})"
            if fit.exponent is not None
            else f"▲ No free exponent: {fit.exponent_why_not}"
        ]
        lines += [f"▲ {count} left out: {reason}" for reason, count in fit.left_out.items()]
    return lines + [f"▲ {remark}" for remark in fit.remarks]


def _cells(each: ExpectedCost) -> tuple[object, ...]:
    share = None if each.participation is None else f"{each.participation:.3%}"
    figures = (
        *(each.sigma_bps, each.spread_bps, each.impact_bps),
        *(each.expected_bps, each.actual_bps, each.residual_bps),
    )
    return (
        each.order_id,
        each.symbol,
        f"{each.quantity:g}",
        f"{share} cap" if each.capped else share,
        *(bps(figure) for figure in figures),
        each.reason or None,
    )
