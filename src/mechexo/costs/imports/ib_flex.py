"""Interactive Brokers: a Flex report as XML (activity or trade confirmations)."""

from __future__ import annotations

from collections.abc import Iterator
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, ParseError

from mechexo.costs.imports.content import Content
from mechexo.costs.imports.ib_rows import Account, read_trade
from mechexo.costs.imports.rows import parsed
from mechexo.costs.imports.values import Options, Parsed
from mechexo.errors import UsageError

NAME = "ib-flex"
TITLE = "Interactive Brokers Flex XML"

_TRADES = ("Trade", "TradeConfirm", "TradeConfirmation")
_SUMMARIES = ("Order", "SymbolSummary", "AssetSummary")


def recognises(content: Content) -> bool:
    """Whether it is a Flex report."""
    return b"<FlexQueryResponse" in content.glance or b"<FlexStatement" in content.glance


def read(content: Content, options: Options) -> Parsed:
    """The trades of all statements of the report.

    Raises:
        UsageError: the report is torn.
        ZoneNeededError: its times are local and nothing says where.
    """
    if b"<!DOCTYPE" in content.glance or b"<!ENTITY" in content.data:
        raise UsageError(f"{content.path}: a Flex report has no document type; it is refused")
    try:
        root = ElementTree.fromstring(content.data)
    except ParseError as error:
        raise UsageError(f"{content.path} is no whole XML document: {error}") from None
    statements = list(root.iter("FlexStatement")) or [root]
    trades = [(each, _base_currency(statement)) for statement in statements
              for each in _rows(statement)]  # fmt: skip
    if not trades:
        raise UsageError(
            f"{content.path}: the report has no trades; add the section Trades "
            "(level Execution) to the Flex query"
        )
    accounts = {said: Account.of((row for row, its in trades if its == said), said)
                for _, said in trades}  # fmt: skip
    rows = (
        (_where(place, row), (row, accounts[said])) for place, (row, said) in enumerate(trades, 1)
    )
    return parsed(
        rows,
        lambda row: read_trade(row[0], options, row[1]),
        options.tags,
        _notes(accounts, options),
    )


def _rows(statement: Element) -> Iterator[dict[str, str]]:
    for element in statement.iter():
        if element.tag in _TRADES:
            yield dict(element.attrib)
        elif element.tag in _SUMMARIES:
            yield {"levelOfDetail": element.tag, **element.attrib}


def _base_currency(statement: Element) -> str | None:
    for element in statement.iter("AccountInformation"):
        return element.get("currency") or None
    return next(
        (each.get("toCurrency") for each in statement.iter("ConversionRate")),
        None,
    )


def _where(place: int, row: dict[str, str]) -> str:
    found = row.get("tradeID") or row.get("ibExecID") or row.get("execID")
    return f"trade {found}" if found else f"trade no. {place}"


def _notes(accounts: dict[str | None, Account], options: Options) -> list[str]:
    others = {account.base_currency for account in accounts.values()} - {options.currency}
    if None in others:
        others.discard(None)
        others.add("a currency that the report does not name (add the section Account Information)")
    return [
        f"the report's rates lead to {other}, the desk counts in {options.currency}: "
        "they are not used"
        for other in sorted(others, key=str)
    ]
