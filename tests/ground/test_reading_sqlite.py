"""Looking at a database of the desk leaves nothing beside it and keeps no writer from writing."""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from mechexo import reading_sqlite
from mechexo.errors import UnreachableError
from mechexo.reading_sqlite import read_database
from support.other_users import DESK, NOBODY, said_by, started_as

MAKE = """
with sqlite3.connect(sys.argv[1], isolation_level=None) as db:
    db.execute("PRAGMA journal_mode=" + sys.argv[2])
    db.execute("CREATE TABLE t (x)")
    db.execute("INSERT INTO t VALUES (1)")
db.close()
"""
# Does as each line says, with a connection that stays open; answers each with what it found.
SERVE = """
db = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=0)
for line in sys.stdin:
    try:
        print(db.execute(line).fetchall(), flush=True)
    except sqlite3.Error as error:
        print(error, flush=True)
"""
WRITE = """
try:
    with sqlite3.connect(sys.argv[1], timeout=0) as db:
        db.execute("INSERT INTO t VALUES (2)")
    print("written")
except sqlite3.Error as error:
    print(error)
"""
COUNT = """
try:
    count = "SELECT count(*) FROM t"
    print(read_database(Path(sys.argv[1]), lambda db: db.execute(count).fetchone()[0], timeout_s=5))
except Exception as error:
    print(error)
"""


def made(path: Path, mode: str = "wal") -> sqlite3.Connection:
    """A connection to a new database with one row, in the test's own process."""
    connection = sqlite3.connect(path, isolation_level=None, timeout=0)
    connection.execute(f"PRAGMA journal_mode={mode}")
    connection.execute("CREATE TABLE t (x)")
    connection.execute("INSERT INTO t VALUES (1)")
    return connection


def count(connection: sqlite3.Connection) -> int:
    return int(connection.execute("SELECT count(*) FROM t").fetchone()[0])


def names(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


@pytest.fixture
def shared() -> Iterator[Path]:
    """A folder that every user may enter and write to, with room for a desk's database."""
    with tempfile.TemporaryDirectory() as place:
        Path(place).chmod(0o777)
        yield Path(place)


@contextmanager
def served(path: Path) -> Iterator[subprocess.Popen[str]]:
    """A writer of the desk that stays."""
    with started_as(DESK, SERVE, path) as writer:
        yield writer
        assert writer.stdin is not None
        writer.stdin.close()


def ask(writer: subprocess.Popen[str], statement: str) -> str:
    """What the writer says of one statement."""
    assert writer.stdin is not None
    assert writer.stdout is not None
    writer.stdin.write(statement + "\n")
    writer.stdin.flush()
    return writer.stdout.readline().strip()


@pytest.mark.parametrize("mode", ["wal", "delete"])
def test_another_user_who_looks_leaves_nothing_that_the_writer_stumbles_over(
    shared: Path, mode: str
) -> None:
    database = shared / "desk.sqlite"
    assert said_by(DESK, MAKE, database, mode) == ""
    assert said_by(NOBODY, COUNT, database) == "1\n"
    assert names(shared) == ["desk.sqlite"]
    assert said_by(DESK, WRITE, database) == "written\n"
    assert said_by(NOBODY, COUNT, database) == "2\n"


def test_another_user_sees_what_a_live_writer_has_only_in_its_log(shared: Path) -> None:
    database = shared / "desk.sqlite"
    said_by(DESK, MAKE, database, "wal")
    with served(database) as writer:
        assert ask(writer, "INSERT INTO t VALUES (2)") == "[]"
        before = names(shared)
        assert said_by(NOBODY, COUNT, database) == "2\n"
        assert names(shared) == before
        assert {file.stat().st_uid for file in shared.iterdir()} == {DESK}
        assert ask(writer, "INSERT INTO t VALUES (3)") == "[]"
        assert said_by(NOBODY, COUNT, database) == "3\n"
    assert said_by(DESK, WRITE, database) == "written\n"


@pytest.mark.parametrize("closed", ["desk.sqlite-wal", "desk.sqlite-shm"])
def test_a_log_or_index_that_may_not_be_read_is_named(shared: Path, closed: str) -> None:
    database = shared / "desk.sqlite"
    said_by(DESK, MAKE, database, "wal")
    with served(database) as writer:
        ask(writer, "INSERT INTO t VALUES (2)")
        (shared / closed).chmod(0o600)
        said = said_by(NOBODY, COUNT, database)
    assert said.startswith("desk.sqlite cannot be read: user ")
    assert f"may not read {shared / closed}" in said


@pytest.mark.parametrize("mode", ["wal", "delete"])
def test_a_database_in_a_folder_that_may_not_be_written_is_read(shared: Path, mode: str) -> None:
    database = shared / "desk.sqlite"
    said_by(DESK, MAKE, database, mode)
    shared.chmod(0o755)
    assert said_by(NOBODY, COUNT, database) == "1\n"


def test_looking_makes_no_file_either_for_the_same_user(tmp_path: Path) -> None:
    made(tmp_path / "desk.sqlite").close()
    (tmp_path / "link.sqlite").symlink_to("desk.sqlite")
    before = names(tmp_path)
    assert read_database(tmp_path / "desk.sqlite", count) == 1
    assert read_database(tmp_path / "link.sqlite", count) == 1
    assert names(tmp_path) == before


def test_an_empty_log_is_as_none(tmp_path: Path) -> None:
    made(tmp_path / "desk.sqlite").close()
    (tmp_path / "desk.sqlite-wal").touch()
    before = names(tmp_path)
    assert read_database(tmp_path / "desk.sqlite", count) == 1
    assert names(tmp_path) == before


def test_a_log_without_its_index_is_not_read_and_gets_none(tmp_path: Path) -> None:
    with closing(made(tmp_path / "live.sqlite")):
        for suffix in ("", "-wal"):
            shutil.copy(tmp_path / f"live.sqlite{suffix}", tmp_path / f"copy.sqlite{suffix}")
    before = names(tmp_path)
    with pytest.raises(
        UnreachableError, match=r"copy\.sqlite-wal\) without its index .*as its own"
    ):
        read_database(tmp_path / "copy.sqlite", count)
    assert names(tmp_path) == before


def test_a_change_that_a_writer_was_cut_off_in_is_neither_read_nor_undone(tmp_path: Path) -> None:
    with closing(made(tmp_path / "live.sqlite", "delete")) as writer:
        writer.execute("PRAGMA cache_size=2")
        writer.execute("BEGIN")
        writer.executemany("INSERT INTO t VALUES (?)", [("x" * 2000,)] * 200)
        for suffix in ("", "-journal"):
            shutil.copy(tmp_path / f"live.sqlite{suffix}", tmp_path / f"copy.sqlite{suffix}")
        writer.execute("ROLLBACK")
    left = (tmp_path / "copy.sqlite").read_bytes()
    with pytest.raises(UnreachableError, match="a writer was cut off in the middle of a change"):
        read_database(tmp_path / "copy.sqlite", count)
    assert (tmp_path / "copy.sqlite").read_bytes() == left
    assert (tmp_path / "copy.sqlite-journal").exists()


def test_what_is_written_in_the_midst_of_a_reading_is_read_again(tmp_path: Path) -> None:
    database = tmp_path / "desk.sqlite"
    made(database).close()
    seen = []

    def work(connection: sqlite3.Connection) -> int:
        seen.append(count(connection))
        if len(seen) == 1:
            with sqlite3.connect(database, isolation_level=None) as writer:
                writer.execute("INSERT INTO t VALUES (2)")
                writer.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            writer.close()
        return seen[-1]

    assert read_database(database, work) == 2
    assert seen == [1, 2]


def test_damage_that_is_only_a_change_in_the_midst_is_not_reported(tmp_path: Path) -> None:
    database = tmp_path / "desk.sqlite"
    made(database).close()
    seen = []

    def work(connection: sqlite3.Connection) -> int:
        seen.append(1)
        if len(seen) == 1:
            with sqlite3.connect(database, isolation_level=None) as writer:
                writer.execute("INSERT INTO t VALUES (2)")
            writer.close()
            raise sqlite3.DatabaseError("database disk image is malformed")
        return count(connection)

    assert read_database(database, work) == 2


def test_a_database_that_never_stands_still_is_unreadable(tmp_path: Path) -> None:
    database = tmp_path / "desk.sqlite"
    made(database).close()

    def work(connection: sqlite3.Connection) -> int:
        os.utime(database)
        return count(connection)

    with pytest.raises(UnreachableError, match="changed again and again"):
        read_database(database, work)


def test_a_writer_that_leaves_between_the_look_and_the_opening_leaves_its_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = tmp_path / "desk.sqlite"
    writer = made(database)
    log = tmp_path / "desk.sqlite-wal"
    before = log.read_bytes()
    really = sqlite3.connect

    def last_moment(*words: object, **more: object) -> sqlite3.Connection:
        # The last writer to leave takes the log away, and the reader would make a new one.
        writer.close()
        return really(*words, **more)  # type: ignore[call-overload, no-any-return]

    monkeypatch.setattr(reading_sqlite.sqlite3, "connect", last_moment)
    assert read_database(database, count) == 1
    assert log.read_bytes() == before != b""


def test_reading_takes_no_lock_from_the_same_process(tmp_path: Path) -> None:
    database = tmp_path / "desk.sqlite"
    leave_wal = (
        "import sqlite3, sys\n"
        "try: print(sqlite3.connect(sys.argv[1], timeout=0)"
        ".execute('PRAGMA journal_mode=DELETE').fetchone()[0])\n"
        "except sqlite3.Error as error: print(error)"
    )
    with closing(made(database)) as ours:
        assert read_database(database, count) == 1
        done = subprocess.run(
            [sys.executable, "-c", leave_wal, database], capture_output=True, text=True, check=True
        )
        assert done.stdout == "database is locked\n"
        assert count(ours) == 1


def test_readers_in_several_threads_do_not_end_each_others_hold(tmp_path: Path) -> None:
    database = tmp_path / "desk.sqlite"
    writer = made(database)
    inside, leave = threading.Event(), threading.Event()

    def stay(connection: sqlite3.Connection) -> int:
        inside.set()
        assert leave.wait(30)
        return count(connection)

    found: list[int] = []
    staying = threading.Thread(target=lambda: found.append(read_database(database, stay)))
    staying.start()
    assert inside.wait(30)
    assert read_database(database, count) == 1
    writer.close()
    assert "desk.sqlite-wal" in names(tmp_path)
    leave.set()
    staying.join()
    assert found == [1]


def test_a_database_that_was_replaced_is_let_go(tmp_path: Path) -> None:
    database = tmp_path / "desk.sqlite"

    def held() -> int:
        places = [
            str(file.readlink()) for file in Path("/proc/self/fd").iterdir() if file.is_symlink()
        ]
        return sum(place.startswith(str(tmp_path)) for place in places)

    for _ in range(3):
        made(tmp_path / "new.sqlite").close()
        (tmp_path / "new.sqlite").replace(database)
        assert read_database(database, count) == 1
    assert held() == 1


def test_a_database_that_a_writer_keeps_to_itself_is_locked(tmp_path: Path) -> None:
    with closing(made(tmp_path / "desk.sqlite", "delete")) as writer:
        writer.execute("BEGIN EXCLUSIVE")
        with pytest.raises(UnreachableError, match="database is locked"):
            read_database(tmp_path / "desk.sqlite", count, timeout_s=0.05)


def test_where_no_open_file_can_be_locked_it_is_read_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made(tmp_path / "desk.sqlite").close()
    before = names(tmp_path)

    def unknown_to_the_system(*_: object) -> None:
        raise OSError(errno.EINVAL, "Invalid argument")

    monkeypatch.setattr(reading_sqlite.fcntl, "fcntl", unknown_to_the_system)
    assert read_database(tmp_path / "desk.sqlite", count) == 1
    assert names(tmp_path) == before


def test_an_empty_file_and_one_that_is_no_database_are_said_to_be_so(tmp_path: Path) -> None:
    for content, said in ((b"", "no such table"), (b"no database" * 99, "not a database")):
        (tmp_path / "odd.sqlite").write_bytes(content)
        with pytest.raises(UnreachableError, match=said):
            read_database(tmp_path / "odd.sqlite", count)
    assert names(tmp_path) == ["home", "odd.sqlite"]
