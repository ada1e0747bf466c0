"""Opening the state file, reading it, and the one way of writing it.

Writers take an `flock` beside the file before `BEGIN IMMEDIATE`, in the order of asking: SQLite's
own busy handler is unfair, and one of many writers can starve for seconds. `synchronous=FULL`,
because what is written here is told to people as safe.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import weakref
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from mechexo.errors import BusyError, NewerStateError, StateError
from mechexo.state.connection import Connection, explained, gone, reachable
from mechexo.state.queueing import queue_for

if TYPE_CHECKING:
    from sqlite_utils import Database

Value = str | int | float | bytes | None
Parameters = Sequence[Value] | Mapping[str, Value]

LOCK_WAIT_S = 5.0
_MIGRATION_TABLE = "CREATE TABLE IF NOT EXISTS migration (name TEXT PRIMARY KEY) STRICT"
_SCHEMA = (
    "SELECT type, name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%' "
    "ORDER BY type <> 'table', name"
)


class Transaction:
    """An open write transaction; it commits when its `with` block ends without an error."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    @property
    def connection(self) -> sqlite3.Connection:
        """The connection that holds the transaction."""
        return self._connection

    @property
    def database(self) -> Database:
        """The same connection as a sqlite-utils database; its writes join this transaction."""
        from sqlite_utils import Database

        return Database(self._connection, execute_plugins=False)

    def execute(self, sql: str, parameters: Parameters = ()) -> sqlite3.Cursor:
        """Runs one statement inside the transaction."""
        return self._connection.execute(sql, parameters)


class State:
    """The state file of one desk. Safe to share between threads; several processes may open it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._name = str(path)
        self._local = threading.local()
        # When the program ends, too: then nothing is collected any more (`mechexo.garbage`), and
        # what closes the file last writes its journal into it.
        weakref.finalize(self, _close, self._local)

    @classmethod
    def open(cls, path: Path) -> State:
        """Opens the file, makes it when missing, and brings its schema up to date.

        Raises:
            NewerStateError: a newer mechexo wrote the file.
            StateError: the file cannot be opened, read or written.
            BusyError: another process keeps it locked.
        """
        state = cls(path)
        state._migrate()
        return state

    def rows(self, sql: str, parameters: Parameters = ()) -> list[sqlite3.Row]:
        """All rows of a reading query."""
        with explained(self.path):
            return self.reader().execute(sql, parameters).fetchall()

    def row(self, sql: str, parameters: Parameters = ()) -> sqlite3.Row | None:
        """The first row of a reading query, or None."""
        found = self.rows(sql, parameters)
        return found[0] if found else None

    def reader(self) -> sqlite3.Connection:
        """This thread's reading connection; it refuses to write.

        Raises:
            StateError: the file has gone, or another was put in its place.
        """
        connection = self._kept("reader")
        if connection is None:
            with explained(self.path):
                connection = self._connect()
                connection.execute("PRAGMA query_only=ON")
                connection.file = self._file()
            self._local.reader = connection
        return connection

    def explained(self) -> AbstractContextManager[None]:
        """For reads through `reader()`: what SQLite says becomes an error that names the file."""
        return explained(self.path)

    def data_version(self) -> int:
        """A number that changes when another connection has committed to the file."""
        with explained(self.path):
            return int(self.reader().execute("PRAGMA data_version").fetchone()[0])

    def lacks(self) -> tuple[str, ...]:
        """What the migrations made and is not in the file as they made it: `table tick`."""
        with closing(sqlite3.connect(":memory:")) as fresh:
            fresh.execute(_MIGRATION_TABLE)
            for file in sorted(_migrations().values()):
                fresh.executescript(file.read_text(encoding="utf-8"))
            wanted = fresh.execute(_SCHEMA).fetchall()
        found = {tuple(row) for row in self.rows(_SCHEMA)}
        return tuple(
            f"{kind} {name}" for kind, name, sql in wanted if (kind, name, sql) not in found
        )

    @contextmanager
    def write(self, wait_s: float = LOCK_WAIT_S) -> Iterator[Transaction]:
        """One write transaction, committed and on disk when the block ends.

        Raises:
            BusyError: no turn came within `wait_s` seconds.
            StateError: the disk is full, the file is damaged or gone, or another was put in its
                place; nothing was written.
        """
        with explained(self.path), self._turn(wait_s):
            connection = self._writer()
            try:
                connection.execute("BEGIN IMMEDIATE")
                yield Transaction(connection)
                connection.execute("COMMIT")
            except BaseException:
                # It is not used again: what went wrong may be its own.
                self._local.writer = None
                with closing(connection):
                    if connection.in_transaction:
                        connection.execute("ROLLBACK")
                raise

    def close(self) -> None:
        """Closes this thread's connections."""
        _close(self._local)

    def _writer(self) -> Connection:
        """This thread's writing connection.

        It is kept, because opening one reads the schema, and closing the last one writes the whole
        journal into the file: several waits for the disk instead of one.
        """
        connection = self._kept("writer")
        if connection is None:
            connection = self._connect()
            connection.execute("PRAGMA synchronous=FULL")
            connection.file = self._file()
            self._local.writer = connection
        return connection

    def _kept(self, name: str) -> Connection | None:
        connection: Connection | None = getattr(self._local, name, None)
        if connection is not None and not os.path.samestat(connection.file, self._file()):
            # A connection to a file that is nowhere any more would go on as if nothing were amiss.
            raise StateError(
                f"{self.path}: another state file was put in this one's place; start mechexo again"
            )
        return connection

    @contextmanager
    def _turn(self, wait_s: float) -> Iterator[None]:
        """Holds the writers' lock, which comes in the order of asking."""
        lock = f"{self._name}.lock"
        with reachable(lock):
            descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            if not queue_for(descriptor, wait_s):
                raise BusyError(
                    f"{self.path}: another process has been writing for {wait_s:.0f} s; "
                    f"try again, or find it with: fuser -v {self.path}"
                )
            yield
        finally:
            os.close(descriptor)

    def _file(self) -> os.stat_result:
        """The file that lies at the path now."""
        try:
            # Asked before each use of a kept connection, so without `Path`, which takes longer.
            return os.stat(self._name)  # noqa: PTH116
        except FileNotFoundError:
            raise gone(self.path) from None
        except OSError as error:
            raise StateError(f"{self.path}: {error.strerror or error}") from error

    def _connect(self) -> Connection:
        # Only `_migrate` makes the file, so that it never comes to be empty or open to others.
        connection = sqlite3.connect(
            f"file:{quote(str(self.path.absolute()))}?mode=rw",
            uri=True,
            timeout=LOCK_WAIT_S,
            isolation_level=None,
            check_same_thread=False,
            factory=Connection,
        )
        connection.path = self.path
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA foreign_keys=ON")
        return connection

    def _migrate(self) -> None:
        available = _migrations()
        with explained(self.path), reachable(self.path):
            if self.path.exists() and self.path.stat().st_size:
                applied = self._applied(self.reader())
                self._refuse_newer(applied, available)
                if len(applied) == len(available):
                    return
            else:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                os.close(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600))
        # SQLite does not wait for its turn to change the journal's mode; processes that open a new
        # file at the same moment would fail.
        with explained(self.path), self._turn(LOCK_WAIT_S):
            connection = self._connect()
            try:
                connection.execute("PRAGMA journal_mode=WAL")
            finally:
                connection.close()
        with self.write() as transaction:
            # Another process may have migrated while this one waited for its turn.
            applied = self._applied(transaction.connection)
            self._refuse_newer(applied, available)
            transaction.execute(_MIGRATION_TABLE)
            for name in sorted(available.keys() - applied):
                for statement in _statements(available[name].read_text(encoding="utf-8")):
                    transaction.execute(statement)
                transaction.execute("INSERT INTO migration VALUES (?)", (name,))

    def _applied(self, connection: sqlite3.Connection) -> set[str]:
        exists = connection.execute("SELECT 1 FROM sqlite_master WHERE name='migration'").fetchone()
        if not exists:
            return set()
        return {row[0] for row in connection.execute("SELECT name FROM migration")}

    def _refuse_newer(self, applied: set[str], available: Mapping[str, Path]) -> None:
        unknown = sorted(applied - available.keys())
        if unknown:
            raise NewerStateError(
                f"{self.path} was written by a newer mechexo (it has {unknown[-1]}); "
                "install that version, or name another file in [desk] state"
            )


def _close(local: threading.local) -> None:
    for name in ("reader", "writer"):
        connection: Connection | None = getattr(local, name, None)
        if connection is not None:
            connection.close()
            setattr(local, name, None)


def _migrations() -> dict[str, Path]:
    return {file.stem: file for file in (Path(__file__).parent / "migrations").glob("*.sql")}


def _statements(script: str) -> Iterator[str]:
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
