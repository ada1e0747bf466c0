"""Databases with the schemas of trading bots, written down from their models.

Freqtrade: release 2026.9 (`persistence/trade_model.py`, `wallet_history.py`).
Hummingbot: schema version 20230516 (`model/trade_fill.py`, `order.py`, `metadata.py`).
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

FREQTRADE = """
CREATE TABLE trades (
    id INTEGER NOT NULL PRIMARY KEY, exchange VARCHAR(25) NOT NULL, pair VARCHAR(25) NOT NULL,
    base_currency VARCHAR(25), stake_currency VARCHAR(25), is_open BOOLEAN NOT NULL,
    fee_open FLOAT NOT NULL, fee_open_cost FLOAT, fee_open_currency VARCHAR(25),
    fee_close FLOAT NOT NULL, fee_close_cost FLOAT, fee_close_currency VARCHAR(25),
    open_rate FLOAT NOT NULL, open_rate_requested FLOAT, open_trade_value FLOAT, close_rate FLOAT,
    close_rate_requested FLOAT, realized_profit FLOAT, close_profit FLOAT, close_profit_abs FLOAT,
    stake_amount FLOAT NOT NULL, max_stake_amount FLOAT, amount FLOAT NOT NULL,
    amount_requested FLOAT, open_date DATETIME NOT NULL, close_date DATETIME, stop_loss FLOAT,
    stop_loss_pct FLOAT, initial_stop_loss FLOAT, initial_stop_loss_pct FLOAT,
    is_stop_loss_trailing BOOLEAN NOT NULL, max_rate FLOAT, min_rate FLOAT,
    exit_reason VARCHAR(255), exit_order_status VARCHAR(100), strategy VARCHAR(100),
    enter_tag VARCHAR(255), timeframe INTEGER, trading_mode VARCHAR(7), amount_precision FLOAT,
    price_precision FLOAT, precision_mode INTEGER, precision_mode_price INTEGER,
    contract_size FLOAT, leverage FLOAT, is_short BOOLEAN NOT NULL, liquidation_price FLOAT,
    interest_rate FLOAT NOT NULL, funding_fees FLOAT, funding_fee_running FLOAT,
    record_version INTEGER NOT NULL);
CREATE TABLE wallet_history (
    id INTEGER NOT NULL PRIMARY KEY, timestamp DATETIME NOT NULL, currency VARCHAR(25) NOT NULL,
    rate FLOAT, quote_currency VARCHAR(25) NOT NULL, balance FLOAT NOT NULL, total_quote FLOAT,
    total_position_value FLOAT, collateral FLOAT, leverage FLOAT NOT NULL,
    bot_managed BOOLEAN NOT NULL,
    CONSTRAINT unique_wallet_daily UNIQUE (timestamp, currency));
"""

HUMMINGBOT = """
CREATE TABLE "Metadata" ("key" TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE "Order" (
    id TEXT NOT NULL PRIMARY KEY, config_file_path TEXT NOT NULL, strategy TEXT NOT NULL,
    market TEXT NOT NULL, symbol TEXT NOT NULL, base_asset TEXT NOT NULL,
    quote_asset TEXT NOT NULL, creation_timestamp BIGINT NOT NULL, order_type TEXT NOT NULL,
    amount BIGINT NOT NULL, leverage INTEGER NOT NULL, price BIGINT NOT NULL,
    last_status TEXT NOT NULL, last_update_timestamp BIGINT NOT NULL, exchange_order_id TEXT,
    position TEXT);
CREATE TABLE "TradeFill" (
    config_file_path TEXT NOT NULL, strategy TEXT NOT NULL, market TEXT NOT NULL,
    symbol TEXT NOT NULL, base_asset TEXT NOT NULL, quote_asset TEXT NOT NULL,
    timestamp BIGINT NOT NULL, order_id TEXT NOT NULL, trade_type TEXT NOT NULL,
    order_type TEXT NOT NULL, price BIGINT NOT NULL, amount BIGINT NOT NULL,
    leverage INTEGER NOT NULL, trade_fee JSON NOT NULL, trade_fee_in_quote BIGINT,
    exchange_trade_id TEXT NOT NULL, position TEXT,
    PRIMARY KEY (market, order_id, exchange_trade_id),
    FOREIGN KEY(order_id) REFERENCES "Order" (id));
CREATE INDEX tf_market_trading_pair_timestamp_index ON "TradeFill" (market, symbol, timestamp);
INSERT INTO "Metadata" VALUES ('local_db_version', '20230516');
"""


def make_freqtrade(path: Path) -> Path:
    """A database as the bot makes it: WAL, empty."""
    return _make(path, FREQTRADE)


def make_hummingbot(path: Path) -> Path:
    """A database as the bot makes it, empty."""
    return _make(path, HUMMINGBOT)


def _make(path: Path, schema: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("PRAGMA journal_mode=wal")
        database.executescript(schema)
    return path


def add_trade(
    path: Path,
    pair: str,
    amount: float,
    rate: float,
    *,
    stake: float,
    profit: float | None = None,
    closed: datetime | None = None,
    short: bool = False,
    leverage: float = 1.0,
    currency: str | None = "USDT",
    realised: float = 0.0,
) -> None:
    """Adds a trade: an open one, or one that closed with a profit."""
    closed_at = f"{closed.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}" if closed else None
    with closing(sqlite3.connect(path)) as database, database:
        database.execute(
            "INSERT INTO trades (exchange, pair, base_currency, stake_currency, is_open, fee_open, "
            "fee_close, open_rate, realized_profit, close_profit_abs, stake_amount, amount, "
            "open_date, close_date, is_stop_loss_trailing, leverage, is_short, interest_rate, "
            "record_version) VALUES ('binance',?,?,?,?,0.001,0.001,?,?,?,?,?,"
            "'2026-02-01 00:00:00.000000',?,0,?,?,0,2)",
            (
                *(pair, pair.partition("/")[0], currency, closed is None, rate, realised, profit),
                *(stake, amount, closed_at, leverage, short),
            ),
        )


def add_wallet(
    path: Path, day: str, currency: str, worth: float | None, *, managed: bool = True
) -> None:
    """Adds what a currency was worth on a day."""
    with closing(sqlite3.connect(path)) as database, database:
        database.execute(
            "INSERT INTO wallet_history (timestamp, currency, rate, quote_currency, balance, "
            "total_quote, leverage, bot_managed) VALUES (?,?,1,'USDT',1,?,1,?)",
            (f"{day} 00:00:00.000000", currency, worth, managed),
        )


def add_fill(
    path: Path,
    at: datetime,
    side: str,
    amount: str,
    price: str,
    *,
    fee: str | None = "0",
    symbol: str = "BTC-USDT",
    market: str = "binance",
) -> None:
    """Adds a fill; numbers as the bot stores them, cut to whole millionths."""

    def stored(number: str | None) -> int | None:
        from decimal import Decimal

        return None if number is None else int(Decimal(number) * 10**6)

    base, _, quote = symbol.partition("-")
    with closing(sqlite3.connect(path)) as database, database:
        (count,) = database.execute("SELECT COUNT(*) FROM TradeFill").fetchone()
        database.execute(
            "INSERT INTO TradeFill VALUES ('conf.yml','pmm',?,?,?,?,?,?,?,'LIMIT',?,?,1,'{}',?,?,"
            "'NIL')",
            (
                *(market, symbol, base, quote, int(at.timestamp() * 1000), f"order{count}", side),
                *(stored(price), stored(amount), stored(fee), f"trade{count}"),
            ),
        )
