"""Positions as rows, the largest first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

from mechexo_tui.widgets import format as shown_as
from mechexo_tui.widgets.lines import Row
from mechexo_tui.widgets.table import Column, Table, natural

if TYPE_CHECKING:
    from mechexo.risk.values import Position
    from mechexo.risk_report import RiskReport
    from mechexo_tui.widgets.format import Look

_COLUMNS = (
    Column("symbol", 22),
    Column("quantity", 16, right=True, drop=3),
    Column("price", 14, right=True, drop=2),
    Column("value", 18, right=True),
    Column("", 8),
    Column("of gross", 8, right=True),
    Column("exposure", 16, drop=5),
    Column("not realised", 16, right=True, drop=1),
    Column("entry", 14, right=True, drop=6),
    Column("account", 16, drop=7),
    Column("source", 12, drop=8),
)
BAR = 16
ROOMY = 80

Held = tuple["RiskReport", "Position"]


def held(reports: Sequence[RiskReport]) -> list[Held]:
    """The positions of all sources: what has no known value first, then the largest."""
    every = [(report, each) for report in reports for each in report.positions or ()]

    def order(pair: Held) -> tuple[bool, Decimal, str]:
        value = pair[1].value
        return value is not None, -abs(value or Decimal(0)), pair[1].symbol

    return sorted(every, key=order)


def position_rows(found: Sequence[Held], look: Look, *, alone: bool) -> list[Row]:
    """Positions with their share of the gross exposure of their source."""
    glyphs = look.glyphs
    shares = _shares(found)
    largest = max((abs(share) for share in shares if share is not None), default=0.0)
    cells = [
        (
            (each.symbol, "bold"),
            shown_as.exact_number(each.quantity, glyphs, trimmed=True),
            shown_as.exact_number(each.price, glyphs),
            shown_as.exact_number(each.value, glyphs, signed=True),
            (each.currency, "dim"),
            shown_as.percent(share, glyphs, decimals=1),
            (
                shown_as.bar(None if share is None else share / largest, BAR, glyphs)
                if largest
                else "",
                "accent",
            ),
            shown_as.exact_number(each.unrealised, glyphs, signed=True),
            (shown_as.exact_number(each.entry_price, glyphs), "dim"),
            (each.account, "dim"),
            (report.standing.name, "dim"),
        )
        for (report, each), share in zip(found, shares, strict=True)
    ]
    columns = natural(_COLUMNS, cells)
    if look.width < ROOMY:
        columns[0] = replace(columns[0], width=min(columns[0].width, 14))
    told = (
        (1, any(each.quantity is not None for _, each in found)),
        (2, any(each.price is not None for _, each in found)),
        (7, any(each.unrealised is not None for _, each in found)),
        (8, any(each.entry_price is not None for _, each in found)),
        (9, any(each.account for _, each in found)),
        (10, not alone),
    )
    for place, wanted in told:
        if not wanted:
            columns[place] = Column("", 0, drop=20)
    table = Table.fitting(columns, look.width - 1)
    rows = [Row(table.head())]
    rows += [
        Row(table.row(row), position_key(pair)) for pair, row in zip(found, cells, strict=True)
    ]
    return rows


def position_key(pair: Held) -> str:
    """The key of a position's row."""
    report, each = pair
    return f"position:{report.standing.name}:{each.account}:{each.symbol}"


def _shares(found: Sequence[Held]) -> list[float | None]:
    """The share of each position of the gross exposure of its source, in percent; of one in another
    currency than the sum that of its symbol."""
    sources = {report.standing.name: report for report, _ in found}
    by_symbol = {
        name: {each.name: each.of_gross_pct for each in report.exposure.by_symbol}
        for name, report in sources.items()
    }
    shares: list[float | None] = []
    for report, position in found:
        gross = report.exposure.gross.value
        if position.value is None or not gross:
            shares.append(None)
        elif position.currency == report.currency:
            shares.append(float(100 * abs(position.value) / gross))
        else:
            shares.append(by_symbol[report.standing.name].get(position.symbol))
    return shares
