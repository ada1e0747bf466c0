"""Trading databases of a desk, for the tests of risk."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import date
from pathlib import Path

DAY = date(2026, 3, 2)

SCHEMA = """
CREATE TABLE flags (key TEXT, value TEXT);
CREATE TABLE positions (symbol TEXT, quantity REAL, price REAL, currency TEXT, unrealised REAL);
CREATE TABLE pnl (day TEXT, total REAL);
CREATE TABLE limits (name TEXT, used REAL, "limit" REAL, unit TEXT);
CREATE TABLE account (name TEXT, value REAL);
"""

READ = """
read.trading = "SELECT value FROM flags WHERE key = 'trading'"
read.broker = "SELECT value FROM flags WHERE key = 'broker'"
read.capital = "SELECT value FROM account WHERE name = 'capital'"
read.capital_used = "SELECT value FROM account WHERE name = 'margin'"
read.positions = "SELECT * FROM positions"
read.pnl_today = "SELECT total FROM pnl WHERE day = :today"
read.pnl_month = "SELECT SUM(total) FROM pnl WHERE day >= :month_first AND day <= :today"
read.limits = "SELECT * FROM limits"
"""


def make_book(folder: Path, name: str = "book.db") -> Path:
    """A small book: long 10 A at 100, short 5 B at 40, in dollars."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path)) as book, book:
        book.executescript(SCHEMA)
        book.executemany("INSERT INTO flags VALUES (?,?)", [("trading", "on"), ("broker", "up")])
        book.executemany(
            "INSERT INTO positions VALUES (?,?,?,?,?)",
            [("A", 10, 100, "USD", 50), ("B", -5, 40, "USD", -20)],
        )
        book.executemany("INSERT INTO pnl VALUES (?,?)", [("2026-03-01", 100), ("2026-03-02", -30)])
        book.execute("INSERT INTO limits VALUES ('daily_loss', 30, 100, 'USD')")
        book.executemany("INSERT INTO account VALUES (?,?)", [("capital", 5000), ("margin", 600)])
    return path


def change(path: Path, sql: str) -> None:
    """Changes a book."""
    with closing(sqlite3.connect(path)) as book, book:
        book.execute(sql)
