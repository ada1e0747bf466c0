"""What the disk and SQLite themselves allow: the measure for everything that is stored."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from bench.figures import Times

_PAGE = b"\0" * 4096


class BareDisk:
    """Two loops on the disk of a folder. Both add the time of each turn."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with closing(self._connect()) as connection:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("CREATE TABLE taken (id INTEGER PRIMARY KEY, said TEXT NOT NULL)")

    def fsyncs(self, count: int, times: Times) -> None:
        """One page appended to a file and forced to the disk, again and again."""
        descriptor = os.open(self._folder / "bare.pages", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        try:
            for _ in range(count):
                times.take(lambda: _append(descriptor))
        finally:
            os.close(descriptor)

    def inserts(self, count: int, times: Times) -> None:
        """One row for each transaction, on one connection that stays open."""
        said = "gross exposure 112.0 % of its limit"
        with closing(self._connect()) as connection:
            connection.execute("PRAGMA synchronous=FULL")
            statement = "INSERT INTO taken (said) VALUES (?)"
            for _ in range(count):
                times.take(lambda: connection.execute(statement, (said,)))

    def _connect(self) -> sqlite3.Connection:
        return sqlite3.connect(self._folder / "bare.db", isolation_level=None)


def _append(descriptor: int) -> None:
    os.write(descriptor, _PAGE)
    os.fdatasync(descriptor)
