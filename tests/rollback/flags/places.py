"""Real databases with a table of flags, for tests: one SQLite file, one PostgreSQL database."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from mechexo.clock import SystemClock
from mechexo.config.rollback import FlagSettings
from mechexo.rollback.flags.store import FlagStore

FLAGS = {"trading_enabled": "true", "canary_enabled": "on", "max_notional": "1000"}
TABLE = "CREATE TABLE flags (key TEXT PRIMARY KEY, value TEXT, updated_at TEXT)"
A_TICK = timedelta(milliseconds=2)
SETTINGS = FlagSettings(database="sqlite:///desk.sqlite", time_column="updated_at")


@dataclass(frozen=True, slots=True)
class Place:
    """A database with flags, and what changes it as any other program would."""

    store: FlagStore
    by_hand: Callable[..., None]
    stamp: Callable[[str], datetime]
    """When a flag was set, by the table's own column."""


def sqlite_flags(path: Path, table: str = TABLE) -> Path:
    """Makes a database with the usual flags."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        # No test pulls the plug: waiting for the disk would only make them slow.
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute(table)
        for key, value in FLAGS.items():
            connection.execute("INSERT INTO flags (key, value) VALUES (?, ?)", (key, value))
    return path


def run(path: Path, *statements: str) -> None:
    """Runs statements as another program would, each in a transaction of its own."""
    with closing(sqlite3.connect(path, isolation_level=None, timeout=30)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        for statement in statements:
            connection.execute(statement)


def now_less(span: timedelta = timedelta(0)) -> datetime:
    """A moment of the real clock: the triggers of a database know no other."""
    return SystemClock().now() - span


CONFIG = """
[rollback.flags]
database = "sqlite:///trading.sqlite"
time_column = "updated_at"

[rollback.flags.safer]
trading_enabled = "off"
max_notional = "lower"
"""


def flag_in(path: Path, key: str = "trading_enabled") -> object:
    """A flag's value, read as any other program would."""
    with closing(sqlite3.connect(path, timeout=30)) as connection:
        return connection.execute("SELECT value FROM flags WHERE key = ?", (key,)).fetchone()[0]


def between() -> datetime:
    """A moment surely after what was done before and before what is done next: SQLite's own clock
    counts milliseconds."""
    began = now_less()
    while now_less() <= began + 2 * A_TICK:
        pass
    return began + A_TICK
