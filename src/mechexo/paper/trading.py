"""The paper desk's trading database: flags, positions, limits, P&L, orders, scores, weights.

It stands for the desk's own system, so the engine reads it only through configured SQL probes.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from mechexo.paper.market import Fill

DATABASE = "trading.sqlite"
CAPITAL = 2_000_000.0

SCHEMA = """
CREATE TABLE flags (key TEXT PRIMARY KEY, value TEXT NOT NULL, updated_at TEXT NOT NULL);
CREATE TABLE positions (symbol TEXT PRIMARY KEY, quantity INTEGER NOT NULL,
    average_price REAL NOT NULL, market_price REAL NOT NULL, unrealised REAL NOT NULL,
    updated_at TEXT NOT NULL);
CREATE TABLE risk_limits (name TEXT PRIMARY KEY, used REAL NOT NULL, "limit" REAL NOT NULL,
    unit TEXT NOT NULL, updated_at TEXT NOT NULL);
CREATE TABLE pnl (day TEXT PRIMARY KEY, realised REAL NOT NULL, unrealised REAL NOT NULL,
    commission REAL NOT NULL, total REAL NOT NULL);
CREATE TABLE order_counts (minute TEXT PRIMARY KEY, orders INTEGER NOT NULL,
    rejects INTEGER NOT NULL);
CREATE TABLE model_scores (symbol TEXT PRIMARY KEY, score REAL NOT NULL, as_of TEXT NOT NULL,
    model_fitted_at TEXT NOT NULL);
CREATE TABLE weights (symbol TEXT PRIMARY KEY, weight REAL NOT NULL, volatility REAL NOT NULL,
    as_of TEXT NOT NULL);
CREATE TABLE data_quality (day TEXT PRIMARY KEY, quotes INTEGER NOT NULL,
    accepted INTEGER NOT NULL, crossed INTEGER NOT NULL, empty INTEGER NOT NULL,
    checked_at TEXT NOT NULL);
CREATE TABLE canary_results (at TEXT NOT NULL, fills INTEGER NOT NULL, bps REAL NOT NULL,
    base_fills INTEGER NOT NULL, base_bps REAL NOT NULL, verdict TEXT NOT NULL);
CREATE TABLE account (name TEXT PRIMARY KEY, value REAL NOT NULL, updated_at TEXT NOT NULL);
"""

FLAGS = {
    "trading_enabled": "true",
    "canary_enabled": "true",
    "short_selling": "false",
    "auction_orders": "true",
}

# name: (limit, unit). The mandate: what config/risk.yaml may not go beyond.
MANDATE = {
    "gross_exposure_pct": (120.0, "% of capital"),
    "largest_weight_pct": (20.0, "% of capital"),
    "largest_position_pct": (25.0, "% of capital"),
    "daily_loss": (40_000.0, "USD"),
}


@contextmanager
def trading(folder: Path) -> Iterator[sqlite3.Connection]:
    """A connection for one transaction, closed at its end."""
    connection = sqlite3.connect(folder / DATABASE, timeout=5)
    try:
        with connection:
            yield connection
    finally:
        connection.close()


def create(folder: Path, now: datetime) -> None:
    """Makes the database: flags up, the mandate's limits, nothing used."""
    keep_log(folder)
    connection = sqlite3.connect(folder / DATABASE)
    connection.executescript(SCHEMA)
    with connection:
        at = stamp(now)
        connection.executemany(
            "INSERT INTO flags VALUES (?, ?, ?)", [(key, value, at) for key, value in FLAGS.items()]
        )
        connection.executemany(
            "INSERT INTO risk_limits VALUES (?, 0, ?, ?, ?)",
            [(name, limit, unit, at) for name, (limit, unit) in MANDATE.items()],
        )
        connection.executemany(
            "INSERT INTO account VALUES (?, ?, ?)",
            [("capital", CAPITAL, at), ("margin_used", 0.0, at)],
        )
    connection.close()


def keep_log(folder: Path) -> None:
    """Has the database write ahead into a log: its writers never hold up a probe that reads."""
    with closing(sqlite3.connect(folder / DATABASE, timeout=5)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")


def stamp(moment: datetime) -> str:
    """A moment as the desk's tables hold it."""
    return moment.astimezone(UTC).isoformat()


def set_flag(folder: Path, key: str, value: str, now: datetime) -> None:
    """Gives a flag a value."""
    with trading(folder) as connection:
        connection.execute(
            "UPDATE flags SET value = ?, updated_at = ? WHERE key = ?", (value, stamp(now), key)
        )


def flag(folder: Path, key: str) -> str:
    """A flag's value."""
    with trading(folder) as connection:
        row = connection.execute("SELECT value FROM flags WHERE key = ?", (key,)).fetchone()
    return str(row[0])


def target_quantities(folder: Path, mids: Mapping[str, float]) -> dict[str, int]:
    """The shares that the stored weights ask for at these prices."""
    with trading(folder) as connection:
        rows = connection.execute("SELECT symbol, weight FROM weights ORDER BY symbol").fetchall()
    return {symbol: round(CAPITAL * weight / mids[symbol]) for symbol, weight in rows}


def quantities(folder: Path) -> dict[str, int]:
    """The shares held of each symbol."""
    with trading(folder) as connection:
        return dict(connection.execute("SELECT symbol, quantity FROM positions").fetchall())


def marks(folder: Path) -> dict[str, float]:
    """The price that each position was last marked at."""
    with trading(folder) as connection:
        return dict(connection.execute("SELECT symbol, market_price FROM positions").fetchall())


def open_book(
    folder: Path, quantities: Mapping[str, int], mids: Mapping[str, float], now: datetime
) -> None:
    """Sets the first positions, bought a little below the present mids."""
    with trading(folder) as connection:
        connection.executemany(
            "INSERT INTO positions VALUES (?, ?, ?, ?, 0, ?)",
            [
                (symbol, quantity, round(mids[symbol] * 0.9985, 4), mids[symbol], stamp(now))
                for symbol, quantity in quantities.items()
            ],
        )


def book(
    folder: Path,
    *,
    day: str,
    fills: Sequence[Fill],
    mids: Mapping[str, float],
    now: datetime,
    rejects: int = 0,
) -> None:
    """Books fills into positions, marks them at the mids, brings P&L and limits up to date."""
    with trading(folder) as connection:
        realised = sum(_book_fill(connection, fill, now) for fill in fills)
        commission = sum(fill.commission for fill in fills)
        connection.executemany(
            "UPDATE positions SET market_price = ?, updated_at = ?, "
            "unrealised = quantity * (? - average_price) WHERE symbol = ?",
            [(mid, stamp(now), mid, symbol) for symbol, mid in mids.items()],
        )
        connection.execute(
            "INSERT INTO order_counts VALUES (?, ?, ?) ON CONFLICT (minute) DO UPDATE SET "
            "orders = orders + excluded.orders, rejects = rejects + excluded.rejects",
            (now.strftime("%Y-%m-%dT%H:%M"), len(fills) + rejects, rejects),
        )
        _mark(connection, day, realised, commission, now)


def _book_fill(connection: sqlite3.Connection, fill: Fill, now: datetime) -> float:
    """One fill into its position, at average cost. Returns the P&L it realised."""
    signed = fill.quantity if fill.side == "buy" else -fill.quantity
    row = connection.execute(
        "SELECT quantity, average_price FROM positions WHERE symbol = ?", (fill.symbol,)
    ).fetchone()
    held, average = row if row else (0, fill.price)
    closing = min(abs(signed), abs(held)) if held * signed < 0 else 0
    realised = closing * (fill.price - average) * (1 if held > 0 else -1)
    after = held + signed
    if closing == 0:
        average = (abs(held) * average + abs(signed) * fill.price) / max(abs(after), 1)
    elif abs(signed) > abs(held):
        average = fill.price
    connection.execute(
        "INSERT INTO positions VALUES (?, ?, ?, ?, 0, ?) ON CONFLICT (symbol) DO UPDATE SET "
        "quantity = excluded.quantity, average_price = excluded.average_price, "
        "updated_at = excluded.updated_at",
        (fill.symbol, after, round(average, 6), fill.price, stamp(now)),
    )
    return float(realised)


def _mark(
    connection: sqlite3.Connection, day: str, realised: float, commission: float, now: datetime
) -> None:
    """The day's P&L and what is used of each limit, from the positions as they stand."""
    gross, largest, unrealised = connection.execute(
        "SELECT COALESCE(SUM(ABS(quantity * market_price)), 0), "
        "COALESCE(MAX(ABS(quantity * market_price)), 0), COALESCE(SUM(unrealised), 0) "
        "FROM positions"
    ).fetchone()
    connection.execute(
        "INSERT INTO pnl VALUES (?, ?, ?, ?, 0) ON CONFLICT (day) DO UPDATE SET "
        "realised = realised + excluded.realised, unrealised = excluded.unrealised, "
        "commission = commission + excluded.commission",
        (day, realised, unrealised, commission),
    )
    before = connection.execute(
        "SELECT unrealised FROM pnl WHERE day < ? ORDER BY day DESC LIMIT 1", (day,)
    ).fetchone()
    connection.execute(
        "UPDATE pnl SET total = realised + unrealised - ? - commission WHERE day = ?",
        (before[0] if before else unrealised, day),
    )
    total = connection.execute("SELECT total FROM pnl WHERE day = ?", (day,)).fetchone()[0]
    used = {
        "gross_exposure_pct": 100 * gross / CAPITAL,
        "largest_position_pct": 100 * largest / CAPITAL,
        "daily_loss": max(0.0, -total),
    }
    connection.executemany(
        "UPDATE risk_limits SET used = ?, updated_at = ? WHERE name = ?",
        [(round(value, 4), stamp(now), name) for name, value in used.items()],
    )
    connection.execute(
        "UPDATE account SET value = ?, updated_at = ? WHERE name = 'margin_used'",
        (round(gross * 0.5, 2), stamp(now)),
    )


def past_pnl(folder: Path, rows: Sequence[tuple[str, float, float]]) -> None:
    """Closed days: (day, realised, commission)."""
    with trading(folder) as connection:
        connection.executemany(
            "INSERT INTO pnl VALUES (?, ?, 0, ?, ?)",
            [(day, realised, paid, realised - paid) for day, realised, paid in rows],
        )


def forget_before(folder: Path, now: datetime) -> None:
    """Drops per-minute and per-run rows older than a day, so that a long demo stays small."""
    day_ago = now - timedelta(days=1)
    with trading(folder) as connection:
        connection.execute(
            "DELETE FROM order_counts WHERE minute < ?", (day_ago.strftime("%Y-%m-%dT%H:%M"),)
        )
        connection.execute("DELETE FROM canary_results WHERE at < ?", (stamp(day_ago),))
