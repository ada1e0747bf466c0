"""Hummingbot's own database: `hummingbot:///path/conf_NAME.sqlite`.

From its models (`model/trade_fill.py`, `model/decimal_type_decorator.py`,
`model/sql_connection_manager.py`), schema version 20230516. It keeps prices, amounts and fees as
whole millionths, and moments in milliseconds.

Positions are what the fills of this database add up to for each market and pair, at the price of
the last fill: its own table Position is written when the bot stops, and old while it runs. P&L is
that of the fills with what is still held, marked at the last fill (`mechexo.risk.booking`).
"""

from __future__ import annotations

import sqlite3
from bisect import bisect_left
from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from itertools import groupby
from typing import TYPE_CHECKING

from mechexo.errors import UnreachableError
from mechexo.reading_sqlite import read_database
from mechexo.risk.booking import Fill, Held, book
from mechexo.risk.sources.schemas import columns_of, need
from mechexo.risk.sources.sums import added_up, configured_capital, not_told
from mechexo.risk.values import Amount, Position, RiskLook

if TYPE_CHECKING:
    from mechexo.config import RiskSettings
    from mechexo.risk.systems import RiskQuestion

VERSION = "20230516"
OF = f"Hummingbot (schema {VERSION})"
COLUMNS = frozenset(
    {
        *("market", "symbol", "base_asset", "quote_asset", "timestamp", "trade_type"),
        *("price", "amount", "trade_fee_in_quote", "exchange_trade_id"),
    }
)
_SIGNS = {"BUY": 1, "SELL": -1}
_MILLIONTH = Decimal("0.000001")

Pair = tuple[str, str, str]
"""Market, symbol, quote asset."""


def look(settings: RiskSettings, question: RiskQuestion) -> RiskLook:
    """What the bot's fills add up to.

    Raises:
        UnreachableError: the database cannot be read, or is another's; the text says why.
    """

    def read(connection: sqlite3.Connection) -> RiskLook:
        connection.execute("BEGIN")
        need(connection, "TradeFill", COLUMNS, of=OF)
        _check_version(connection)
        return _look(connection, settings, question)

    path = question.path(settings.source)
    return read_database(path, read, timeout_s=question.within_s)


def _check_version(connection: sqlite3.Connection) -> None:
    if not columns_of(connection, "Metadata") >= {"key", "value"}:
        return
    row = connection.execute("SELECT value FROM Metadata WHERE key = 'local_db_version'").fetchone()
    if row is not None and str(row[0]) != VERSION:
        raise UnreachableError(
            f"its schema is version {str(row[0])[:20]}, and {VERSION} is the one that is understood"
        )


def _look(
    connection: sqlite3.Connection, settings: RiskSettings, question: RiskQuestion
) -> RiskLook:
    day = question.day
    strange = connection.execute(
        "SELECT trade_type FROM TradeFill WHERE trade_type NOT IN ('BUY', 'SELL') LIMIT 1"
    ).fetchone()
    if strange is not None:
        raise UnreachableError(f"a fill is neither BUY nor SELL: {str(strange[0])[:20]!r}")
    before = _held_before(connection, day.month_starts_at)
    now, of_today, of_month, without_fee = _booked(
        connection, before, _ms(day.month_starts_at), _ms(day.starts_at)
    )
    why = not_told("trading", "broker", "limits", "rates", "as_of", "capital_used")
    if without_fee:
        unknown = f"{without_fee} fills of the month have no fee in the quote currency"
        why |= {"pnl_today": unknown, "pnl_month": unknown}
    capital = configured_capital(settings)
    if capital is None:
        why |= not_told("capital")
    positions = tuple(
        Position(
            symbol=symbol,
            quantity=held.quantity,
            price=held.price,
            value=held.value,
            currency=quote,
            account=market,
        )
        for (market, symbol, quote), held in sorted(now.items())
        if held.quantity
    )
    return RiskLook(
        day=day.day,
        capital=capital,
        positions=positions,
        pnl_today=None if without_fee else of_today,
        pnl_month=None if without_fee else of_month,
        priced="the prices of the last fills" if positions else "",
        why=why,
    )


def _held_before(connection: sqlite3.Connection, at: datetime) -> dict[Pair, Held]:
    """What each pair held at a moment, and its last price before: added up in the database, for
    there may be millions of fills."""
    rows = connection.execute(
        "SELECT market, symbol, quote_asset, "
        "SUM(CASE trade_type WHEN 'BUY' THEN amount ELSE -amount END) FROM TradeFill NOT INDEXED "
        "WHERE timestamp < ? GROUP BY market, symbol, quote_asset",
        (_ms(at),),
    ).fetchall()
    found = {}
    for market, symbol, quote, quantity in rows:
        (price,) = connection.execute(
            "SELECT price FROM TradeFill WHERE market = ? AND symbol = ? AND timestamp < ? "
            "ORDER BY timestamp DESC, rowid DESC LIMIT 1",
            (market, symbol, _ms(at)),
        ).fetchone()
        found[market, symbol, quote] = Held(_whole(quantity), _whole(price))
    return found


def _booked(
    connection: sqlite3.Connection, before: dict[Pair, Held], month: int, today: int
) -> tuple[dict[Pair, Held], tuple[Amount, ...], tuple[Amount, ...], int]:
    """What each pair holds now, what was earned today and in the month (both given by when they
    began), and how many fills of the month have no fee."""
    # Without an index: fills that follow each other in one are all over the table.
    rows = connection.execute(
        "SELECT market, symbol, quote_asset, trade_type, amount, price, trade_fee_in_quote, "
        "timestamp FROM TradeFill NOT INDEXED WHERE timestamp >= ? "
        "ORDER BY market, symbol, quote_asset, timestamp, rowid",
        (month,),
    )
    held, without_fee = dict(before), 0
    of_today: list[Amount] = []
    earlier: list[Amount] = []
    for pair, own in groupby(rows, key=lambda row: (row[0], row[1], row[2])):
        fills = list(own)
        without_fee += sum(1 for row in fills if row[6] is None)
        at = bisect_left(fills, today, key=lambda row: row[7])
        between, amount = book(before.get(pair, Held()), _fills(fills[:at]))
        earlier.append(Amount(amount, pair[2]))
        held[pair], amount = book(between, _fills(fills[at:]))
        of_today.append(Amount(amount, pair[2]))
    return held, added_up(of_today), added_up([*earlier, *of_today]), without_fee


def _fills(rows: Iterable[tuple[object, ...]]) -> Iterable[Fill]:
    for _, _, _, side, amount, price, fee, _ in rows:
        yield Fill(_SIGNS[str(side)] * _whole(amount), _whole(price), _whole(fee or 0))


def _whole(millionths: object) -> Decimal:
    """A stored number: whole millionths.

    Raises:
        UnreachableError: it is no whole number.
    """
    if isinstance(millionths, bool) or not isinstance(millionths, int):
        raise UnreachableError(
            f"a stored number is no whole number of millionths: {str(millionths)[:30]!r}"
        )
    return millionths * _MILLIONTH


def _ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)
