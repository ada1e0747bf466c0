"""Costs as JSON and CSV: the figures by name, what is missing as null or an empty field."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import TYPE_CHECKING

from mechexo.cli import render
from mechexo.costs.own_values import slippage_figures

if TYPE_CHECKING:
    from mechexo.costs.provenance import Provenance
    from mechexo.costs.values import CostReport, CostRow, FillCost, FillList

FIGURES = (
    *("fills", "priced", "notional"),
    *("commission_bps", "spread_bps", "beyond_bps", "slippage_bps", "total_bps"),
    *("p50_bps", "p95_bps", "p99_bps"),
    *("commission_ccy", "spread_ccy", "slippage_ccy", "total_ccy", "commission_all_ccy"),
    *("beyond_ccy", "with_total", "few", "mean_bps", "sd_bps", "se_bps", "winsorised_mean_bps"),
    *("min_bps", "p5_bps", "p25_bps", "p75_bps", "max_bps"),
    *("weighted_p50_bps", "weighted_p95_bps"),
)
"""One number each, as columns of the CSV and keys of the JSON. New ones come at the end."""

_BY_NAME = ("component_notional", "sources", "realised_bps", "impact_bps", "markout_fills")


def document(answer: CostReport, by: Iterable[str], source: Provenance | None) -> dict[str, object]:
    """The body of `mechexo.costs/1`, with the groupings `by`."""
    body: dict[str, object] = {
        "from": answer.start,
        "to": answer.end,
        "currency": answer.currency,
        "zone": answer.zone,
        "quote_rule": answer.quote_rule,
        "totals": _figures(answer.totals),
        "by": {name: [_figures(row) for row in answer.by[name]] for name in by},
        "coverage": answer.coverage,
        "residual_bps": answer.residual_bps,
        "newest_fill_at": answer.newest_fill_at,
        "newest_quote_at": answer.newest_quote_at,
        "markouts": answer.markouts,
        "sensitivity": answer.sensitivity,
    }
    if source is not None:
        body["provenance"] = {
            "parameters": source.parameters,
            "parameters_digest": source.parameters_digest,
            "data_digest": source.data_digest,
            "version": source.version,
        }
    return body


def _figures(row: CostRow) -> dict[str, object]:
    return {**row.key, **_numbers(row), **{name: getattr(row, name) for name in _BY_NAME}}


def _numbers(row: CostRow) -> dict[str, object]:
    figures: dict[str, object] = {
        **{name: getattr(row, name) for name in FIGURES},
        **slippage_figures(row),
    }
    if not row.priced:
        figures["notional"] = None
    return figures


def csv_of(answer: CostReport, by: Iterable[str]) -> tuple[list[str], list[list[object]]]:
    """The columns and rows of the CSV: the total, then each grouping of `by`.

    `key` of a combined grouping holds its values with `+` between them, like its name.
    """
    rows = [("total", answer.totals), *((name, row) for name in by for row in answer.by[name])]
    sources = list(dict.fromkeys(source for _, row in rows for source in row.sources))
    horizons = list(answer.totals.realised_bps or ())
    columns = [
        *("by", "key", *_numbers(answer.totals)),
        *(f"{source}_fills" for source in sources),
        *(f"realised_{label}_bps" for label in horizons),
        *(f"impact_{label}_bps" for label in horizons),
        *(f"markout_{label}_fills" for label in horizons),
    ]
    cells: list[list[object]] = [
        [
            *(name, "+".join(row.key.values()), *_numbers(row).values()),
            *(row.sources[source].fills if source in row.sources else 0 for source in sources),
            *((row.realised_bps or {}).get(label) for label in horizons),
            *((row.impact_bps or {}).get(label) for label in horizons),
            *((row.markout_fills or {}).get(label) for label in horizons),
        ]
        for name, row in rows
    ]
    return columns, cells


def fills_document(answer: FillList) -> dict[str, object]:
    """The body of `mechexo.cost_trades/1`."""
    return {
        "from": answer.start,
        "to": answer.end,
        "currency": answer.currency,
        "quote_rule": answer.quote_rule,
        "count": answer.count,
        "fills": answer.fills,
    }


def print_fills_csv(answer: FillList) -> None:
    """The fills as CSV; horizons and the desk's own tags are columns of their own."""
    from mechexo.costs.values import FillCost

    by_name = ("realised_bps", "impact_bps", "tags")
    names = [each.name for each in fields(FillCost) if each.name not in by_name]
    first = answer.fills[0] if answer.fills else None
    more = {name: tuple(_named(first, name)) for name in by_name}
    columns = [
        *names,
        *(f"realised_{label}_bps" for label in more["realised_bps"]),
        *(f"impact_{label}_bps" for label in more["impact_bps"]),
        *more["tags"],
    ]
    rows = (
        [
            *(getattr(fill, name) for name in names),
            *(_named(fill, name).get(each) for name in by_name for each in more[name]),
        ]
        for fill in answer.fills
    )
    render.csv_rows(columns, rows)


def _named(fill: FillCost | None, name: str) -> Mapping[str, object]:
    return getattr(fill, name, None) or {}
