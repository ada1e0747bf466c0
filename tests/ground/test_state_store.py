"""The state file under several writers, full disks, damage, locks and other versions."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from mechexo.actor import Role
from mechexo.desk import Desk
from mechexo.errors import BusyError, NewerStateError, StateError
from mechexo.state import State, store
from support.small_disk import fill

pytestmark = pytest.mark.slow


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "mechexo.sqlite"


def test_a_new_file_is_made_with_its_folder_for_its_owner_alone(path: Path) -> None:
    State.open(path).close()
    assert path.stat().st_mode & 0o777 == 0o600


def test_opening_again_changes_nothing(path: Path) -> None:
    State.open(path).close()
    before = path.read_bytes()
    State.open(path).close()
    assert path.read_bytes() == before


def test_every_shipped_migration_is_applied(path: Path) -> None:
    state = State.open(path)
    applied = {row["name"] for row in state.rows("SELECT name FROM migration")}
    folder = Path(store.__file__).parent / "migrations"
    assert applied == {file.stem for file in folder.glob("*.sql")}


def test_every_table_is_strict(path: Path) -> None:
    state = State.open(path)
    loose = state.rows(
        "SELECT name FROM pragma_table_list WHERE type='table' AND strict=0 AND schema='main' "
        "AND name NOT LIKE 'sqlite_%'"
    )
    assert [row["name"] for row in loose] == []


def test_a_reader_refuses_to_write(path: Path) -> None:
    state = State.open(path)
    with pytest.raises(StateError, match="cannot write"):
        state.rows("CREATE TABLE x (y)")


def be_interrupted(state: State) -> None:
    """Writes half of something."""
    with state.write() as writing:
        writing.execute("CREATE TABLE half (done)")
        raise KeyboardInterrupt


def test_what_fails_half_way_leaves_nothing(path: Path) -> None:
    state = State.open(path)
    with pytest.raises(KeyboardInterrupt):
        be_interrupted(state)
    assert state.row("SELECT 1 FROM sqlite_master WHERE name='half'") is None
    # And it can be written again.
    with state.write() as writing:
        writing.execute("CREATE TABLE whole (done)")
    assert state.row("SELECT 1 FROM sqlite_master WHERE name='whole'") is not None


def test_a_commit_of_another_connection_changes_the_data_version(path: Path) -> None:
    state = State.open(path)
    before = state.data_version()
    assert state.data_version() == before
    with state.write() as writing:
        writing.execute("CREATE TABLE x (y)")
    assert state.data_version() != before


OPEN_AT = """
import sys, time
from pathlib import Path
from mechexo.state import State
path, at = Path(sys.argv[1]), float(sys.argv[2])
time.sleep(max(at - time.time(), 0))
State.open(path)
"""


def started(program: str, *arguments: object) -> subprocess.Popen[str]:
    """Another Python process that runs `program`."""
    command = [sys.executable, "-c", program, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


@pytest.mark.slow
def test_four_processes_may_make_the_file_at_the_same_moment(tmp_path: Path) -> None:
    for attempt in range(3):
        at = time.time() + 1
        workers = [started(OPEN_AT, tmp_path / f"{attempt}.sqlite", at) for _ in range(4)]
        assert [worker.communicate(timeout=30)[0] for worker in workers] == [""] * 4
        assert [worker.returncode for worker in workers] == [0] * 4


OPERATE = """
import sys
from pathlib import Path
from mechexo.actor import Role
from mechexo.desk import Desk
desk = Desk.open(Path(sys.argv[1]))
for number in range(25):
    with desk.operation("test.do", str(number), needs=Role.VIEWER):
        pass
"""


@pytest.mark.slow
def test_writers_in_several_processes_make_one_chain_without_gaps(desk: Desk) -> None:
    workers = [started(OPERATE, desk.config_path) for _ in range(4)]
    assert [worker.communicate(timeout=60)[0] for worker in workers] == [""] * 4
    assert [entry.seq for entry in desk.audit_entries()] == list(range(1, 101))
    assert desk.verify_audit().problems == ()


def test_threads_share_one_state(desk: Desk) -> None:
    def work() -> None:
        for number in range(10):
            with desk.operation("test.do", str(number), needs=Role.VIEWER):
                assert desk.state.rows("SELECT 1")
        desk.state.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert desk.verify_audit().entries == 40


@pytest.mark.slow
def test_a_writer_that_is_killed_frees_its_turn_and_leaves_nothing(desk: Desk) -> None:
    program = (
        "import sys, time; from pathlib import Path; from mechexo.state import State\n"
        "with State(Path(sys.argv[1])).write() as writing:\n"
        "    writing.execute('CREATE TABLE half (done)'); print('in', flush=True); time.sleep(60)"
    )
    command = [sys.executable, "-c", program, str(desk.state.path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        writer.stdout.readline()
        writer.kill()
    with desk.state.write(wait_s=1) as writing:
        assert not writing.execute("SELECT 1 FROM sqlite_master WHERE name='half'").fetchall()


def test_a_writer_that_gets_no_turn_says_who_to_look_for(desk: Desk) -> None:
    with (
        desk.state.write(),
        pytest.raises(BusyError, match="another process has been writing"),
        desk.state.write(wait_s=0.05),
    ):
        pytest.fail("two writers at once")


def test_a_file_locked_by_another_program_is_busy(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "LOCK_WAIT_S", 0.05)
    other = sqlite3.connect(desk.state.path)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(BusyError, match="keeps the state file locked"), desk.state.write():
        pytest.fail("must not be reached")
    other.close()


def test_a_file_from_a_newer_version_is_refused_and_left_alone(desk: Desk) -> None:
    with desk.state.write() as writing:
        writing.execute("INSERT INTO migration VALUES ('9999_later')")
    with pytest.raises(NewerStateError, match=r"newer mechexo \(it has 9999_later\)"):
        State.open(desk.state.path)


@pytest.mark.parametrize(
    "content", [b"no database at all, but some text that is long enough" * 4, b"\0" * 8192]
)
def test_a_file_that_is_no_database_is_called_damaged(path: Path, content: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(StateError, match="damaged"):
        State.open(path)
    assert path.read_bytes() == content


def test_a_damaged_page_is_called_damaged(desk: Desk) -> None:
    desk.state.close()
    connection = sqlite3.connect(desk.state.path)
    connection.execute("PRAGMA journal_mode=DELETE")
    page = connection.execute("SELECT rootpage FROM sqlite_master WHERE name='audit'").fetchone()
    connection.close()
    content = bytearray(desk.state.path.read_bytes())
    start = (page[0] - 1) * 4096
    content[start : start + 4096] = b"\xff" * 4096
    desk.state.path.write_bytes(content)
    with pytest.raises(StateError, match="damaged"):
        desk.verify_audit()


def test_rows_that_are_damaged_further_down_are_called_damaged(desk: Desk) -> None:
    for number in range(200):
        with desk.operation("test.do", str(number), needs=Role.VIEWER, reason="x" * 200):
            pass
    desk.state.close()
    connection = sqlite3.connect(desk.state.path)
    connection.execute("PRAGMA journal_mode=DELETE")
    page = connection.execute("SELECT rootpage FROM sqlite_master WHERE name='audit'").fetchone()
    connection.close()
    content = bytearray(desk.state.path.read_bytes())
    # An inner page names its last child in its own head.
    head = (page[0] - 1) * 4096 + 8
    start = (int.from_bytes(content[head : head + 4], "big") - 1) * 4096
    content[start : start + 4096] = b"\xff" * 4096
    desk.state.path.write_bytes(content)
    rows = desk.state.reader().execute("SELECT * FROM audit ORDER BY seq")
    assert next(iter(rows))["seq"] == 1
    with pytest.raises(StateError, match="damaged"):
        list(rows)


def test_a_file_that_has_gone_is_said_so_and_not_made_again(path: Path) -> None:
    state = State.open(path)
    assert state.row("SELECT 1") is not None
    path.unlink()
    said = r"mechexo\.sqlite: the state file has gone; put it, or a backup, in its place"
    for _ in range(2):
        with pytest.raises(StateError, match=said):
            state.row("SELECT 1")
        with pytest.raises(StateError, match=said):
            state.data_version()
        with pytest.raises(StateError, match=said), state.write():
            pytest.fail("must not be reached")
        # Neither does one that never read before.
        with pytest.raises(StateError, match=said):
            State(path).row("SELECT 1")
    assert not path.exists()


def test_a_file_that_comes_back_is_read_on(path: Path) -> None:
    state = State.open(path)
    assert state.row("SELECT 1") is not None
    path.rename(path.with_name("aside"))
    with pytest.raises(StateError, match="has gone"):
        state.row("SELECT 1")
    path.with_name("aside").rename(path)
    assert state.row("SELECT 1") is not None


def test_another_file_in_its_place_is_not_taken_for_it(path: Path) -> None:
    state = State.open(path)
    assert state.row("SELECT 1") is not None
    State.open(path.with_name("other")).close()
    path.with_name("other").rename(path)
    with pytest.raises(StateError, match="another state file was put in this one's place"):
        state.row("SELECT 1")
    assert State.open(path).row("SELECT 1") is not None


def test_nothing_is_written_when_another_file_is_in_its_place(path: Path) -> None:
    state = State.open(path)
    with state.write():
        pass
    State.open(path.with_name("other")).close()
    path.with_name("other").rename(path)
    said = "another state file was put in this one's place"
    with pytest.raises(StateError, match=said), state.write():
        pytest.fail("must not be reached")
    with State.open(path).write() as writing:
        writing.execute("CREATE TABLE written (it)")
    assert State.open(path).row("SELECT 1 FROM sqlite_master WHERE name='written'") is not None


def test_a_new_file_is_for_its_owner_alone_also_where_all_would_be_open(path: Path) -> None:
    before = os.umask(0)
    try:
        state = State.open(path)
        with state.write():
            beside = {file.name: file.stat().st_mode & 0o777 for file in path.parent.iterdir()}
    finally:
        os.umask(before)
    assert beside.keys() >= {path.name, f"{path.name}-wal", f"{path.name}-shm"}
    assert set(beside.values()) == {0o600}


def test_a_path_with_signs_of_an_address_is_a_path(tmp_path: Path) -> None:
    path = tmp_path / "50% of #1?mode=memory" / "a b.sqlite"
    State.open(path).close()
    assert path.stat().st_size
    assert State.open(path).row("SELECT 1") is not None


def test_a_folder_in_the_files_place_is_named(tmp_path: Path) -> None:
    with pytest.raises(StateError, match="state file"):
        State.open(tmp_path)


def test_a_file_where_a_folder_should_be_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StateError, match="file/state"):
        State.open(tmp_path / "file" / "state")


@pytest.mark.skipif(os.getuid() == 0 and not Path("/usr/bin/setpriv").exists(), reason="as root")
def test_a_file_that_may_not_be_read_is_named(desk: Desk, tmp_path: Path) -> None:
    desk.state.close()
    desk.state.path.chmod(0)
    program = (
        "import sys; from pathlib import Path; from mechexo.state import State\n"
        "try: State.open(Path(sys.argv[1]))\n"
        "except Exception as error: print(type(error).__name__, error)"
    )
    # Root may read everything; without its capabilities it is as anyone.
    drop = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"] if os.getuid() == 0 else []
    said = subprocess.run(
        [*drop, sys.executable, "-c", program, str(desk.state.path)],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    desk.state.path.chmod(0o600)
    assert said.startswith("StateError")
    assert str(desk.state.path) in said


FILL = """
import resource, sys
from pathlib import Path
from mechexo.errors import StateError
from mechexo.state import State
state = State(Path(sys.argv[1]))
resource.setrlimit(resource.RLIMIT_FSIZE, (64 * 1024, resource.RLIM_INFINITY))
try:
    with state.write() as writing:
        writing.execute("CREATE TABLE filler (text)")
        writing.execute("INSERT INTO filler VALUES (zeroblob(1000000))")
except StateError as error:
    print(error)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
"""


@pytest.mark.slow
def test_a_file_that_may_not_grow_is_said_so_and_nothing_is_written(desk: Desk) -> None:
    said = started(FILL, desk.state.path).communicate(timeout=30)[0]
    assert "cannot write the state file" in said or "the disk is full" in said
    assert len(said.splitlines()) == 1
    assert desk.state.row("SELECT 1 FROM sqlite_master WHERE name='filler'") is None
    assert desk.verify_audit().problems == ()


def overfill(state: State) -> None:
    """Writes more than the small disk holds, in one transaction."""
    with state.write() as writing:
        for _ in range(100):
            writing.execute("INSERT INTO filler VALUES (zeroblob(20000))")


def test_a_full_disk_is_said_so_and_nothing_is_written(small_disk: Path) -> None:
    state = State.open(small_disk / "mechexo.sqlite")
    with state.write() as writing:
        writing.execute("CREATE TABLE filler (text)")
    with pytest.raises(StateError, match="the disk is full, nothing was written"):
        overfill(state)
    assert state.rows("SELECT * FROM filler") == []
    state.close()


def test_a_disk_too_full_for_a_new_file_is_said_so(small_disk: Path) -> None:
    fill(small_disk)
    with pytest.raises(StateError):
        State.open(small_disk / "mechexo.sqlite")


def test_a_file_without_a_table_of_ours_is_named(path: Path) -> None:
    state = State.open(path)
    with state.write() as writing:
        writing.execute("DROP TABLE tick")
    with pytest.raises(StateError, match=r"mechexo\.sqlite.*no such table: tick"):
        state.rows("SELECT * FROM tick")
    with (
        pytest.raises(StateError, match="no such table: tick"),
        state.write() as writing,
    ):
        writing.execute("DELETE FROM tick")


def test_text_that_is_no_text_any_more_is_named(path: Path) -> None:
    state = State.open(path)
    with state.write() as writing:
        writing.execute("INSERT INTO migration VALUES (CAST(x'ff' AS TEXT))")
    with pytest.raises(StateError, match="decode"):
        state.rows("SELECT name FROM migration")
