"""What stands behind the figures: exceptions, coverage, method."""

from __future__ import annotations

from collections.abc import Sequence

from mechexo.costs.coverage import no_rate
from mechexo.costs.findings import ExceptionList
from mechexo.costs.report_html import tables
from mechexo.costs.report_html.data import ReportData
from mechexo.costs.report_html.markup import MISSING, Html, el, number, share
from mechexo.costs.report_html.tables import Cell, Column
from mechexo.costs.values import CostReport, UnpricedFill, not_read
from mechexo.times import iso_z

LISTED_FILLS = 100
"""How many of the fills outside the figures are named."""

_DEFINITIONS = (
    "Positive is a cost. Slippage is the effective half-spread: the fill's price against the mid "
    "of its reference quote. It is the quoted half-spread plus what lies beyond the touch; below "
    "zero that is price improvement. The total is slippage plus commission (all explicit costs, "
    "rebates taken off). The bps of a group are its cost over its notional, times 10,000: large "
    "fills count for more. Percentiles count each fill once (type 7), so those of parts do not add "
    "up. What is missing is shown as a dash, never as zero."
)


def exceptions_section(found: ExceptionList | None) -> Html | None:
    """The fills that somebody should look at; None when nobody looked for any."""
    if found is None:
        return None
    heading = el("h2", "Exceptions", id="heading-exceptions")
    kinds = ", ".join(
        f"{count:,} {kind.replace('_', ' ')}" for kind, count in found.by_kind.items()
    )
    count = sum(found.by_kind.values())
    line = f"{count:,} among {found.fills:,} fills and {found.rejected:,} rejected rows"
    if found.acknowledged:
        line += f"; {found.acknowledged:,} acknowledged"
    said = el("p", f"{line}{': ' if kinds else ''}{kinds}")
    columns = [
        Column("fill", numeric=False),
        Column("kind", numeric=False),
        Column("symbol", numeric=False),
        Column("side", numeric=False),
        Column("time, UTC", numeric=False),
        Column("total bps"),
        Column(f"cost {found.currency}"),
        Column("score", "how far out it is within its kind"),
        Column("acknowledged", numeric=False),
        Column("why", numeric=False, sortable=False, wraps=True),
    ]
    rows = [
        [
            Cell(each.fill_id),
            Cell(each.kind.replace("_", " ")),
            Cell(each.symbol),
            Cell(each.side),
            Cell(iso_z(each.at)[:19] if each.at is not None else MISSING),
            Cell(number(each.total_bps), each.total_bps),
            Cell(number(each.total_ccy, 0), each.total_ccy),
            Cell(number(each.score), each.score),
            Cell(f"{each.acknowledged_by}: {each.note}" if each.acknowledged_by else MISSING),
            Cell(each.reason),
        ]
        for each in found.exceptions
    ]
    table = tables.sortable(
        "exceptions",
        "Fills to look at, and why",
        columns,
        rows,
        filtered="exceptions",
        all_by="mechexo costs exceptions",
    )
    return el(
        "section",
        heading,
        said,
        table if rows else None,
        id="exceptions",
        aria_labelledby="heading-exceptions",
    )


def coverage_section(report: CostReport) -> Html:
    """What is inside the figures and what is not, and why."""
    covered = report.coverage
    sources = [
        [name, f"{count:,}", share(count / covered.fills) if covered.fills else MISSING]
        for name, count in covered.by_benchmark.items()
    ]
    reasons = [[reason, f"{count:,}"] for reason, count in (covered.reasons or {}).items()]
    warnings = [f"{not_read(*each)}." for each in covered.unreadable.items()]
    if covered.without_commission:
        warnings.append(
            f"{covered.without_commission:,} priced fills have no commission: they are in the "
            "slippage, not in the total."
        )
    warnings += [
        f"{count:,} of them: {no_rate(currency)}."
        for currency, count in covered.unrated_by_currency.items()
    ]
    priced = share(covered.priced / covered.fills) if covered.fills else MISSING
    return el(
        "section",
        el("h2", "Coverage", id="heading-coverage"),
        el(
            "p",
            f"{covered.priced:,} of {covered.fills:,} fills are priced ({priced}); "
            f"{covered.unpriced_count:,} unpriced, {covered.suspect_count:,} suspect, "
            f"{covered.rejected_count:,} rows rejected. "
            f"Newest fill {_moment(report.newest_fill_at)}, "
            f"newest quote {_moment(report.newest_quote_at)}.",
        ),
        [el("p", warning, class_="warning") for warning in warnings],
        tables.plain(
            "Fills by the source of their reference",
            ["source", "fills", "share"],
            sources,
            texts=1,
        ),
        tables.plain("Left out of the figures", ["reason", "rows"], reasons, texts=1)
        if reasons
        else None,
        _listed("Unpriced fills", covered.unpriced, covered.unpriced_count),
        _listed("Suspect fills", covered.suspects, covered.suspect_count),
        _listed("Rejected rows", covered.rejected, covered.rejected_count),
        _listed("Fills whose commission has no rate", covered.unrated, covered.unrated_count),
        id="coverage",
        aria_labelledby="heading-coverage",
    )


def _listed(title: str, fills: Sequence[UnpricedFill], count: int) -> Html | None:
    if not fills:
        return None
    shown = fills[:LISTED_FILLS]
    rows = [[each.fill_id, each.symbol, _moment(each.at), each.reason] for each in shown]
    caption = f"{title}: {len(shown):,} of {count:,}"
    return el(
        "details",
        el("summary", caption),
        tables.plain(caption, ["fill", "symbol", "time", "reason"], rows, texts=4),
    )


def method_section(data: ReportData) -> Html:
    """How the figures came about, so that somebody else can make them again."""
    report, source = data.report, data.provenance
    residual = (
        MISSING
        if report.residual_bps is None
        else f"the parts of every fill add up to its total within {report.residual_bps:.1e} bps"
    )
    facts: list[tuple[str, Html | str]] = [
        ("reference price", source.quote_rule),
        *(
            (
                "sensitivity",
                f"slippage would be {number(other.slippage_bps)} instead of "
                f"{number(report.totals.slippage_bps)} bps, of {other.priced:,} fills, by the "
                f"{other.quote_rule}",
            )
            for other in report.sensitivity
        ),
        ("self-check", residual),
        ("period", f"{iso_z(report.start)} to {iso_z(report.end)}"),
        ("days and hours", f"those of {source.zone}"),
        ("currency", source.currency),
        ("parameters", el("code", source.parameters_digest)),
        ("data", el("code", source.data_digest)),
        ("program", f"mechexo {source.version}"),
        ("generated at", iso_z(source.generated_at)),
    ]
    parameters = [[name, value] for name, value in sorted(source.parameters.items())]
    days = [[day, digest] for day, digest in source.days.items()]
    return el(
        "section",
        el("h2", "Method", id="heading-method"),
        el("p", _DEFINITIONS),
        el("dl", [(el("dt", name), el("dd", value)) for name, value in facts]),
        _folded_list("Every parameter", "Settings that shape the figures", parameters),
        _folded_list("The data of each day", "Digest of a day's fills and references", days),
        id="method",
        class_="method",
        aria_labelledby="heading-method",
    )


def _folded_list(title: str, caption: str, rows: Sequence[Sequence[str]]) -> Html:
    return el(
        "details", el("summary", title), tables.plain(caption, ["name", "value"], rows, texts=2)
    )


def _moment(at: object) -> str:
    from datetime import datetime

    return iso_z(at)[:19] + "Z" if isinstance(at, datetime) else MISSING
