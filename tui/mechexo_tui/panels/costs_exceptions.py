"""Fills that somebody should look at, as rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mechexo_tui.widgets import format as shown_as
from mechexo_tui.widgets.lines import Line
from mechexo_tui.widgets.table import Column, Table

if TYPE_CHECKING:
    from mechexo.costs.findings import CostException
    from mechexo.costs.views import ExceptionsPage
    from mechexo_tui.widgets.format import Look

_KIND, _SYMBOL = Column("kind", 20), Column("symbol", 8)

_COLUMNS = (
    _KIND,
    _SYMBOL,
    Column("time", 14, drop=4),
    Column("total", 8, right=True, drop=3),
    Column("amount", 12, right=True, drop=5),
    Column("reason", 36, grows=True),
    Column("looked at by", 18, drop=1),
    Column("fill", 14, drop=2),
)

WIDE = 110
"""From this width on the reason has a column; below it ends the line, which can be shifted."""


def exceptions_table(look: Look) -> Table:
    """The table of exceptions in this width."""
    if look.width < WIDE:
        return Table.fitting((_KIND, _SYMBOL, Column("reason", 6)), look.width - 1)
    return Table.fitting(_COLUMNS, look.width - 1)


def exception_row(found: CostException, table: Table, look: Look) -> Line:
    """An exception's row: open ones stand out."""
    glyphs = look.glyphs
    seen = found.acknowledged_by is not None
    mark = f"{glyphs.acknowledged} " if seen else ""
    by = f"{mark}{found.acknowledged_by}" if seen else glyphs.missing
    if found.note:
        by += f": {found.note}"
    kind = (mark + found.kind.replace("_", " "), "dim" if seen else "warning")
    symbol = (found.symbol or glyphs.missing, "" if seen else "bold")
    if look.width < WIDE:
        *cells, _ = table.row((kind, symbol, ""))
        return (*cells, (found.reason, ""), (f"  {by}" if seen else "", "ok"))
    at = "" if found.at is None else f"{found.at.astimezone(look.zone):%m-%d %H:%M:%S}"
    return table.row(
        (
            kind,
            symbol,
            at or glyphs.missing,
            shown_as.fine_bps(found.total_bps, glyphs),
            shown_as.number(found.total_ccy, glyphs, decimals=2),
            found.reason,
            (by, "ok" if seen else "dim"),
            found.fill_id or glyphs.missing,
        )
    )


def exceptions_aside(page: ExceptionsPage, fills: int) -> str:
    """How many there are among how many fills, and of which kinds."""
    count = sum(page.by_kind.values())
    kinds = ", ".join(
        f"{number:,} {kind.replace('_', ' ')}" for kind, number in page.by_kind.items()
    )
    said = f"{count:,} of {shown_as.count(fills, 'fill')}, {page.acknowledged:,} looked at"
    return f"{said}: {kinds}" if kinds else said
