"""What the disk and SQLite themselves allow: the measure for everything that is stored."""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import closing
from pathlib import Path

_PAGE = b"\0" * 4096


class BareDisk:
    """Two loops on the disk of a folder. Both give the times of each turn, in seconds."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with closing(self._connect()) as connection:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("CREATE TABLE taken (id INTEGER PRIMARY KEY, said TEXT NOT NULL)")

    def fsyncs(self, count: int) -> list[float]:
        """One page appended to a file and forced to the disk, again and again."""
        descriptor = os.open(self._folder / "bare.pages", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        try:
            return [_timed(lambda: _append(descriptor)) for _ in range(count)]
        finally:
            os.close(descriptor)

    def inserts(self, count: int) -> list[float]:
        """One row for each transaction, on one connection that stays open."""
        with closing(self._connect()) as connection:
            connection.execute("PRAGMA synchronous=FULL")
            said = "gross exposure 112.0 % of its limit"
            statement = "INSERT INTO taken (said) VALUES (?)"
            return [_timed(lambda: connection.execute(statement, (said,))) for _ in range(count)]

    def _connect(self) -> sqlite3.Connection:
        return sqlite3.connect(self._folder / "bare.db", isolation_level=None)


def _append(descriptor: int) -> None:
    os.write(descriptor, _PAGE)
    os.fdatasync(descriptor)


def _timed(work: object) -> float:
    began_s = time.perf_counter()
    work()  # type: ignore[operator]
    return time.perf_counter() - began_s
