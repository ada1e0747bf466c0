"""Costs as tables for people."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from mechexo.cli import render
from mechexo.costs.own_values import component_of, own_values
from mechexo.times import in_zone

if TYPE_CHECKING:
    from mechexo.costs.own_values import OwnValues
    from mechexo.costs.values import CostReport, CostRow, FillList

FEW_MARK = "*"
"""After an outer percentile of so few fills that it is one or two of them."""


def print_report(answer: CostReport, by: Iterable[str]) -> None:
    """The report in words and tables, with the groupings `by`."""
    zone = ZoneInfo(answer.zone)
    render.text(
        f"Costs {in_zone(answer.start, zone, named=False)} to {in_zone(answer.end, zone)}; "
        f"days and hours of {answer.zone}; in bps of the notional, positive hurts"
    )
    render.text(f"Reference: {answer.quote_rule}")
    render.text(coverage_line(answer))
    for line in _remarks(answer):
        render.text(line)
    _print_rows("Total", (), [answer.totals], answer.currency)
    _print_distribution(answer.totals)
    _print_markouts(answer)
    for name in by:
        _print_rows(f"By {name}", name.split("+"), answer.by[name], answer.currency)


def coverage_line(answer: CostReport) -> str:
    """How much of the input stands behind the figures."""
    covered, zone = answer.coverage, ZoneInfo(answer.zone)
    sources = ", ".join(f"{count} {name}" for name, count in covered.by_benchmark.items())
    rows = covered.fills + covered.rejected_count
    if not rows:
        return "Coverage: there are no fills in this period"
    share = f" ({covered.priced / covered.fills:.1%})" if covered.fills else ""
    if covered.rejected_count:
        share += f", of {rows} rows"
    return (
        f"Coverage: {covered.priced} of {covered.fills} fills priced{share}; by source: {sources}; "
        f"{covered.unpriced_count} unpriced, {covered.suspect_count} suspect, "
        f"{covered.rejected_count} rejected; newest fill {_moment(answer.newest_fill_at, zone)}, "
        f"newest quote {_moment(answer.newest_quote_at, zone)}"
    )


def _remarks(answer: CostReport) -> list[str]:
    from mechexo.costs.coverage import no_rate
    from mechexo.costs.values import not_read

    lines = [f"▲ {not_read(*each)}" for each in answer.coverage.unreadable.items()]
    lines += [
        f"▲ {count} left out: {reason}" for reason, count in (answer.coverage.reasons or {}).items()
    ]
    if answer.coverage.without_commission:
        lines.append(
            f"▲ {answer.coverage.without_commission} priced fills without a commission: "
            "in the slippage, not in the total"
        )
    lines += [
        f"▲ {count} of them: {no_rate(currency)}"
        for currency, count in answer.coverage.unrated_by_currency.items()
    ]
    lines += [
        f"Slippage would be {bps(other.slippage_bps)} bps of {other.priced} fills by: "
        f"{other.quote_rule}"
        for other in answer.sensitivity
        if other.slippage_bps is not None
    ]
    if answer.residual_bps is not None:
        lines.append(
            f"Self-check: the parts add up to the total within {answer.residual_bps:.1e} bps"
        )
    return lines


def _print_rows(title: str, names: Sequence[str], rows: Sequence[CostRow], ccy: str) -> None:
    of = component_of(rows)
    # What the percentiles are of is plain from their place after the total, unless there is none.
    own = "slippage " if of == "slippage" else ""
    columns = [
        *names,
        ">fills",
        ">priced",
        f">notional {ccy}",
        ">commission",
        ">slippage",
        ">of it spread",
        ">total",
        *(f">{own}{name}" for name in ("p50", "p95", "p99")),
    ]
    figures = ("commission", "slippage", "spread", "total")
    cells = [
        [
            *row.key.values(),
            row.fills,
            row.priced,
            f"{row.notional:,.0f}" if row.priced else None,
            *(bps(getattr(row, f"{figure}_bps")) for figure in figures),
            *_percentiles(own_values(row, of)),
        ]
        for row in rows
    ]
    render.table(title, columns, cells, empty="no fills")


def _percentiles(own: OwnValues) -> tuple[str | None, ...]:
    found = own.figures
    outer = (_marked(found[name], own) for name in ("p95_bps", "p99_bps"))
    return (bps(found["p50_bps"]), *outer)


def _print_distribution(row: CostRow) -> None:
    """How the fills' own totals are spread, without any commission their slippages; each fill
    counts once except where it says so."""
    own = own_values(row)
    if not own.fills:
        return
    found = own.figures
    columns = (">n", ">mean", ">s.d.", ">s.e.", ">winsorised", ">min", ">p5", ">p25", ">p50")
    more = (">p75", ">p95", ">p99", ">max", ">p50 by notional", ">p95 by notional")
    plain = ("mean_bps", "sd_bps", "se_bps", "winsorised_mean_bps", "min_bps")
    outer = ("p5_bps", "p95_bps", "p99_bps", "weighted_p95_bps")
    rest = ("p5_bps", "p25_bps", "p50_bps", "p75_bps", "p95_bps", "p99_bps", "max_bps")
    cells = [
        own.fills,
        *(
            _marked(found[name], own) if name in outer else bps(found[name])
            for name in (*plain, *rest, "weighted_p50_bps", "weighted_p95_bps")
        ),
    ]
    few = f"; {FEW_MARK} a fill or two" if own.few else ""
    what = f"Spread of the fills' own {own.of}s, bps"
    if own.of == "slippage":
        what += "; no commission is known, so there is no total"
    render.table(f"{what}{few}", (*columns, *more), [cells])


def _print_markouts(answer: CostReport) -> None:
    columns = ("after", ">fills", ">slippage", ">realised", ">impact", ">markout", ">s.e.")
    cells = [
        (
            *(point.label, point.fills, bps(point.slippage_bps), bps(point.realised_bps)),
            *(bps(point.impact_bps), bps(point.markout_bps), bps(point.se_bps)),
        )
        for point in answer.markouts
    ]
    if cells:
        render.table("After the fill, bps; a positive markout is good", columns, cells)


def print_fills(answer: FillList, zone: ZoneInfo) -> None:
    """Each fill with its reference and its costs, its time in a zone."""
    cells = [
        (
            exact(fill.at, zone),
            fill.fill_id,
            fill.symbol,
            fill.side,
            f"{fill.quantity:g}",
            f"{fill.price:g}",
            fill.bid,
            fill.ask,
            None if fill.quote_age_s is None else f"{fill.quote_age_s:.3f}",
            " ".join(filter(None, (fill.ref_source, fill.flags))),
            bps(fill.commission_bps),
            bps(fill.slippage_bps),
            bps(fill.spread_bps),
            bps(fill.total_bps),
        )
        for fill in answer.fills
    ]
    render.text(f"Reference: {answer.quote_rule}")
    about = (
        f"time {zone.key}",
        "fill",
        "symbol",
        "side",
        ">quantity",
        ">price",
        ">bid",
        ">ask",
        ">age s",
    )
    columns = (*about, "reference", ">commission", ">slippage", ">of it spread", ">total")
    title = f"Fills: the newest {len(answer.fills)} of {answer.count}, in bps, positive hurts"
    render.table(title, columns, cells, empty="no fills")


def _marked(value: float | None, own: OwnValues) -> str | None:
    shown = bps(value)
    return None if shown is None else f"{shown}{FEW_MARK if own.few else ''}"


def bps(value: float | None) -> str | None:
    """Basis points with two decimals; what rounds to zero has no sign."""
    return None if value is None else f"{round(value, 2) + 0.0:.2f}"


def exact(at: datetime, zone: ZoneInfo) -> str:
    """A moment to the millisecond in a zone that is named elsewhere."""
    return f"{at.astimezone(zone):%Y-%m-%d %H:%M:%S.%f}"[:-3]


def _moment(at: datetime | None, zone: ZoneInfo) -> str:
    return "none" if at is None else in_zone(at, zone, named=False)
