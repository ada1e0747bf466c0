"""Interactive Brokers: trades as CSV, as a Flex query writes them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from mechexo.costs.imports.content import Content
from mechexo.costs.imports.ib_rows import Account, read_trade
from mechexo.costs.imports.rows import parsed
from mechexo.costs.imports.values import NoFill, Options, Parsed

NAME = "ib-csv"
TITLE = "Interactive Brokers trades CSV"

_NAMES = {
    "Buy/Sell": "buySell",
    "CommissionCurrency": "ibCommissionCurrency",
    "CurrencyPrimary": "currency",
    "FXRateToBase": "fxRateToBase",
    "IBCommission": "ibCommission",
    "IBCommissionCurrency": "ibCommissionCurrency",
    "IBExecID": "ibExecID",
    "IBOrderID": "ibOrderID",
    "ISIN": "isin",
    "Notes/Codes": "notes",
    "Date/Time": "dateTime",
}
"""The CSV's columns whose name in XML is not the same with a small first letter."""
_ELSEWHERE = NoFill("lines of other sections")
_MARKS = {"Buy/Sell", "TradePrice", "Quantity"}


def recognises(content: Content) -> bool:
    """Whether a line of the beginning names the columns of IB's trades."""
    if not content.header:
        return False
    first = content.text[:20_000].splitlines()[:50]
    return any(all(mark in line for mark in _MARKS) for line in first)


def read(content: Content, options: Options) -> Parsed:
    """The trades of the file.

    Raises:
        UsageError: it is torn.
        ZoneNeededError: its times are local and nothing says where.
    """
    rows = list(_rows(content))
    account = Account.of(row for _, row in rows if row is not None)
    if all(row is None for _, row in rows):
        rows = []  # no trades: nothing that this format knows
    return parsed(
        rows,
        lambda row: _ELSEWHERE if row is None else read_trade(row, options, account),
        options.tags,
    )


def _rows(content: Content) -> Iterator[tuple[str, Mapping[str, str] | None]]:
    """The trades: below each header line, with or without IB's codes of sections before them; None
    for a line of data that stands elsewhere."""
    names: list[str] = []
    for place, cells in enumerate(content.csv_rows(), 1):
        code = cells[0] if cells else ""
        coded = code in ("HEADER", "DATA", "BOF", "BOA", "BOS", "EOS", "EOA", "EOF")
        if set(cells) >= _MARKS:
            names = [_NAMES.get(cell, cell[:1].lower() + cell[1:]) for cell in cells]
        elif code == "HEADER":
            names = []
        elif names and cells and (code == "DATA" or not coded):
            yield f"line {place}", _without_isin(dict(zip(names, cells, strict=False)))
        elif any(cells) and (code == "DATA" or not coded):
            yield f"line {place}", None


def _without_isin(row: dict[str, str]) -> dict[str, str]:
    """The row with its ISIN for a symbol, where it has none."""
    return row if row.get("symbol") else {**row, "symbol": row.get("isin", "")}
