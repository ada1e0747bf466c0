"""Freqtrade's own database: `freqtrade:///path/tradesv3.sqlite`.

From its models (`persistence/trade_model.py`, `persistence/wallet_history.py`), release 2026.9;
releases from 2022.4 on have all that is needed of `trades`. Moments are UTC without a zone.

| part | from |
| --- | --- |
| positions | the open trades: `amount`, short ones below zero, at `open_rate` (no market price) |
| capital used | `stake_amount` of the open trades: without what leverage adds |
| P&L | `close_profit_abs` of the trades closed in the day or month, as its own `/daily` counts |
| capital | the newest day of `wallet_history` (from 2026 on) |

It keeps neither its state (running, stopped) nor its connection in the database.
"""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from mechexo.errors import UnreachableError
from mechexo.reading_sqlite import read_database
from mechexo.risk.numbers import number
from mechexo.risk.sources.schemas import columns_of, need
from mechexo.risk.sources.sums import added_up, configured_capital, not_told
from mechexo.risk.values import Amount, Position, RiskLook

if TYPE_CHECKING:
    from mechexo.config import RiskSettings
    from mechexo.risk.systems import RiskQuestion

OF = "Freqtrade 2022.4 or later"
COLUMNS = frozenset(
    {
        *("id", "exchange", "pair", "is_open", "stake_amount", "amount", "open_rate"),
        *("close_profit_abs", "open_date", "close_date", "is_short", "leverage", "stake_currency"),
    }
)
WALLETS = frozenset({"timestamp", "currency", "quote_currency", "total_quote", "bot_managed"})


def look(settings: RiskSettings, question: RiskQuestion) -> RiskLook:
    """What the bot holds and earned.

    Raises:
        UnreachableError: the database cannot be read, or is another's; the text says why.
    """

    def read(connection: sqlite3.Connection) -> RiskLook:
        connection.execute("BEGIN")
        need(connection, "trades", COLUMNS, of=OF, set_aside=("trades_bak",))
        return _look(connection, settings, question)

    path = question.path(settings.source)
    return read_database(path, read, timeout_s=question.within_s)


def _look(
    connection: sqlite3.Connection, settings: RiskSettings, question: RiskQuestion
) -> RiskLook:
    held = connection.execute(
        "SELECT id, exchange, pair, stake_currency, amount, open_rate, stake_amount, is_short "
        "FROM trades WHERE is_open = 1 ORDER BY id"
    ).fetchall()
    day, why = question.day, not_told("trading", "broker", "limits", "rates", "as_of")
    positions = tuple(_position(row) for row in held)
    used = added_up(
        Amount(number(row[6], f"the stake of trade {row[0]}"), _currency(row[2], row[3]))
        for row in held
    )

    def earned(part: str, start: datetime) -> tuple[Amount, ...] | None:
        try:
            return _earned(connection, start, day.ends_at)
        except UnreachableError as error:
            why[part] = str(error)
            return None

    capital = configured_capital(settings)
    if capital is None:
        try:
            capital = _capital(connection)
            why |= {} if capital is not None else not_told("capital")
        except UnreachableError as error:
            why["capital"] = str(error)
    return RiskLook(
        day=day.day,
        capital=capital,
        capital_used=used,
        positions=positions,
        pnl_today=earned("pnl_today", day.starts_at),
        pnl_month=earned("pnl_month", day.month_starts_at),
        priced="entry prices" if positions else "",
        why=why,
        remarks=_remarks(connection),
    )


def _position(row: tuple[object, ...]) -> Position:
    trade, exchange, pair, stake, amount, open_rate, _, is_short = row
    size = number(amount, f"the amount of trade {trade}")
    rate = number(open_rate, f"the open rate of trade {trade}")
    quantity = -abs(size) if is_short else size
    return Position(
        symbol=str(pair),
        quantity=quantity,
        price=None,
        value=quantity * rate,
        currency=_currency(pair, stake),
        entry_price=rate,
        account=str(exchange),
    )


def _currency(pair: object, stake: object) -> str:
    """What the trade is paid in: as stored, else what the pair says (`ETH/USDT:USDT`)."""
    if stake:
        return str(stake)
    quote = str(pair).partition("/")[2].partition(":")[0]
    if not quote:
        raise UnreachableError(f"the pair {str(pair)[:40]!r} names no currency")
    return quote


def _earned(connection: sqlite3.Connection, start: datetime, end: datetime) -> tuple[Amount, ...]:
    """What the trades that closed in a time earned; nothing closed is nothing earned."""
    closed = connection.execute(
        "SELECT id, pair, stake_currency, close_profit_abs FROM trades "
        "WHERE is_open = 0 AND close_date >= ? AND close_date < ?",
        (_stored(start), _stored(end)),
    )
    return added_up(
        Amount(number(profit, f"the profit of trade {trade}"), _currency(pair, own))
        for trade, pair, own, profit in closed
    )


def _stored(at: datetime) -> str:
    """A moment as SQLAlchemy keeps it in SQLite."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}"


def _capital(connection: sqlite3.Connection) -> tuple[Amount, ...] | None:
    """What the wallets were worth on the newest day; None where none were written down."""
    if not columns_of(connection, "wallet_history") >= WALLETS:
        return None
    rows = connection.execute(
        "SELECT currency, quote_currency, total_quote FROM wallet_history WHERE bot_managed = 1 "
        "AND timestamp = (SELECT MAX(timestamp) FROM wallet_history)"
    ).fetchall()
    if not rows:
        return None
    return added_up(
        Amount(number(total, f"the worth of the wallet's {currency}"), str(quote))
        for currency, quote, total in rows
    )


def _remarks(connection: sqlite3.Connection) -> tuple[str, ...]:
    said = []
    if "realized_profit" in columns_of(connection, "trades"):
        (count,) = connection.execute(
            "SELECT COUNT(*) FROM trades WHERE is_open = 1 AND realized_profit <> 0"
        ).fetchone()
        if count:
            said.append(
                f"of {count} open trades a part is sold: that profit counts when they close"
            )
    if "timestamp" in columns_of(connection, "wallet_history"):
        (newest,) = connection.execute("SELECT MAX(timestamp) FROM wallet_history").fetchone()
        if newest:
            said.append(f"its wallets were written down on {str(newest)[:10]}")
    return tuple(said)
