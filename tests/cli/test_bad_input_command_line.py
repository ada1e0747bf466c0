"""Bad input to the real program: one clear line, the right exit code, nothing half-written."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mechexo.desk import Desk
from mechexo.times import iso_z
from support.other_users import as_anyone
from support.program import command, environment, mechexo, one_line
from support.small_disk import FILLER, fill

# A process for each case: many short ones are slow together.
pytestmark = pytest.mark.slow

READERS = [("status",), ("tick",), ("report", "shift"), ("audit", "verify"), ("audit", "log")]

readers = pytest.mark.parametrize("words", READERS, ids=" ".join)


def run(words: list[str], cwd: Path | None = None, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        words,
        capture_output=True,
        text=True,
        check=False,
        env=environment(env),
        cwd=cwd,
        timeout=60,
    )


@readers
def test_no_configuration(tmp_path: Path, words: tuple[str, ...]) -> None:
    done = mechexo(*words, cwd=tmp_path)
    assert done.returncode == 2
    one_line(done, "no configuration", "mechexo init", "mechexo demo")
    assert not list(tmp_path.glob("*.sqlite"))


@pytest.mark.parametrize(
    ("text", "say"),
    [
        ("[desk\n", "not valid TOML"),
        ('[desk]\nname = "a"\nname = "b"\n', "not valid TOML"),
        ("[desk]\nname = 7\n", "[desk] name = 7"),
        ('[desk]\nname = "a"\nmode = "liev"\n', "[desk] mode = 'liev'"),
        ('[desk]\nname = "a"\nzoen = "UTC"\n', "did you mean zone"),
        ('[desk]\nname = "a"\n[refresh]\ntick = "soon"\n', "[refresh] tick = 'soon'"),
        ("", "[desk] is missing"),
    ],
)
@readers
def test_a_configuration_that_does_not_fit(
    tmp_path: Path, words: tuple[str, ...], text: str, say: str
) -> None:
    config = tmp_path / "mechexo.toml"
    config.write_text(text)
    done = mechexo(*words, config=config)
    assert done.returncode == 2
    one_line(done, str(config), say)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["home", "mechexo.toml"]


def test_a_configuration_that_is_a_folder(tmp_path: Path) -> None:
    done = mechexo("status", config=tmp_path)
    assert done.returncode == 2
    one_line(done, str(tmp_path))


def test_a_configuration_that_may_not_be_read(desk: Desk) -> None:
    desk.config_path.chmod(0)
    done = run(as_anyone(command("status")), MECHEXO_CONFIG=str(desk.config_path))
    assert done.returncode == 2
    one_line(done, "cannot be read: Permission denied")


def test_a_configuration_in_a_folder_that_may_not_be_entered(desk: Desk) -> None:
    desk.root.chmod(0)
    done = run(as_anyone(command("status", config=desk.config_path)))
    desk.root.chmod(0o755)
    assert done.returncode == 2
    one_line(done, "Permission denied")


def test_a_file_beside_the_state_file_that_may_not_be_written_is_the_one_named(desk: Desk) -> None:
    lock = Path(f"{desk.state.path}.lock")
    lock.chmod(0)
    alert = ("--key", "k", "--severity", "low", "--name", "n", "--summary", "s")
    done = run(as_anyone(command("alerts", "raise", *alert, config=desk.config_path)))
    assert done.returncode == 5
    one_line(done, f"{lock}: Permission denied")


@pytest.mark.parametrize(
    ("source", "closed"),
    [
        ("sqlite:///data/orders.sqlite?table=fills", "data/orders.sqlite"),
        ("sqlite:///data/orders.sqlite?table=fills", "data"),
        ("data/*.parquet", "data"),
    ],
)
def test_fills_that_may_not_be_read_are_named_with_their_owner(
    make_desk: Callable[..., Desk], source: str, closed: str
) -> None:
    desk = make_desk(f'[costs]\nfills = "{source}"\nquotes = "quotes.parquet"\n')
    (desk.root / "data").mkdir()
    (desk.root / "data/orders.sqlite").touch()
    (desk.root / "data/1.parquet").touch()
    (desk.root / closed).chmod(0)
    done = run(as_anyone(command("costs", config=desk.config_path)))
    (desk.root / closed).chmod(0o700)
    assert done.returncode == 5
    one_line(done, "[costs] fills: user ", "may not ", f"{desk.root / closed}, which is ")


def test_a_working_folder_that_is_gone(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    script = 'rmdir "$PWD"; exec "$@"'
    done = run(["sh", "-c", script, "sh", *command("status")], cwd=gone)
    assert done.returncode == 2
    one_line(done, "no configuration")


@readers
def test_a_state_file_that_is_no_database(desk: Desk, words: tuple[str, ...]) -> None:
    desk.state.close()
    desk.state.path.write_bytes(b"this was a database once, before someone edited it" * 10)
    before = desk.state.path.read_bytes()
    done = mechexo(*words, config=desk.config_path)
    assert done.returncode == 5
    one_line(done, str(desk.state.path), "damaged", "backup")
    assert desk.state.path.read_bytes() == before


def test_a_state_file_with_damaged_pages(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk()
    assert mechexo("tick", config=desk.config_path).returncode == 0
    desk.state.close()
    connection = sqlite3.connect(desk.state.path)
    connection.execute("PRAGMA journal_mode=DELETE")
    pages = [row[0] for row in connection.execute("SELECT rootpage FROM sqlite_master")]
    names = [row[0] for row in connection.execute("SELECT name FROM sqlite_master")]
    connection.close()
    content = bytearray(desk.state.path.read_bytes())
    start = (pages[names.index("tick")] - 1) * 4096
    content[start : start + 4096] = b"\xff" * 4096
    desk.state.path.write_bytes(content)
    done = mechexo("status", config=desk.config_path)
    assert done.returncode == 5
    one_line(done, "damaged")


@readers
def test_a_state_file_that_may_not_be_read(desk: Desk, words: tuple[str, ...]) -> None:
    desk.state.close()
    desk.state.path.chmod(0)
    done = run(as_anyone(command(*words, config=desk.config_path)))
    assert done.returncode == 5
    one_line(done, str(desk.state.path))


@readers
def test_a_state_file_of_a_newer_version(desk: Desk, words: tuple[str, ...]) -> None:
    with desk.state.write() as writing:
        writing.execute("INSERT INTO migration VALUES ('9999_later')")
    done = mechexo(*words, config=desk.config_path)
    assert done.returncode == 2
    one_line(done, "newer mechexo", "9999_later")


def test_a_state_file_that_another_program_keeps_locked(desk: Desk) -> None:
    desk.state.close()
    other = sqlite3.connect(desk.state.path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    began = time.monotonic()
    done = mechexo("tick", config=desk.config_path)
    assert time.monotonic() - began < 13
    other.close()
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "another program keeps the state file locked" in done.stderr
    assert mechexo("status", config=desk.config_path).returncode == 1


def test_reading_goes_on_while_another_program_writes(desk: Desk) -> None:
    other = sqlite3.connect(desk.state.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    done = mechexo("status", config=desk.config_path)
    other.close()
    assert done.returncode == 1
    assert done.stderr == ""


def test_a_full_disk_under_the_state_file(small_disk: Path) -> None:
    config = small_disk / "mechexo.toml"
    config.write_text('[desk]\nname = "test"\n')
    assert mechexo("tick", config=config).returncode == 0
    fill(small_disk)
    for words in (("tick",), ("status",), ("audit", "verify")):
        done = mechexo(*words, config=config)
        assert done.returncode == 5
        one_line(done, "the disk is full", "free space")
    (small_disk / FILLER).unlink()
    assert mechexo("audit", "verify", config=config).returncode == 0
    assert mechexo("tick", config=config).returncode == 0


def test_a_disk_that_fills_up_during_a_tick(small_disk: Path) -> None:
    config = small_disk / "mechexo.toml"
    config.write_text('[desk]\nname = "test"\n')
    assert mechexo("tick", config=config).returncode == 0
    # As long as another program has the file open, it can be read on a full disk.
    watching = sqlite3.connect(small_disk / "state" / "mechexo.sqlite")
    watching.execute("SELECT COUNT(*) FROM tick").fetchone()
    fill(small_disk)
    done = mechexo("tick", config=config)
    assert done.returncode == 1
    one_line(done, "the disk is full", "free space")
    assert mechexo("status", config=config).stderr == ""
    watching.close()


def test_a_full_disk_before_there_is_a_state_file(small_disk: Path) -> None:
    config = small_disk / "mechexo.toml"
    config.write_text('[desk]\nname = "test"\n')
    fill(small_disk)
    done = mechexo("status", config=config)
    assert done.returncode == 5
    one_line(done, "mechexo.sqlite")


def test_a_full_disk_under_init_leaves_nothing_half_written(small_disk: Path) -> None:
    fill(small_disk)
    done = mechexo("init", small_disk / "desk")
    assert done.returncode == 2
    one_line(done, "No space left")
    assert [file for file in small_disk.rglob("*") if file.is_file()] == [small_disk / "filler"]


def test_a_clock_that_went_back(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk('[probes.m]\nkind="host"\nmetric="memory_pct"\n')
    assert mechexo("tick", config=desk.config_path).returncode == 0
    later = iso_z(datetime.now(UTC) + timedelta(hours=3))
    with desk.state.write() as writing:
        writing.execute("UPDATE tick SET at = ?", (later,))
    done = mechexo("status", config=desk.config_path)
    assert done.returncode == 1
    assert "in the future: was the clock set back?" in done.stdout
    assert mechexo("tick", config=desk.config_path).returncode == 0
    assert mechexo("status", config=desk.config_path).returncode == 0


@readers
def test_a_closed_stdout(desk: Desk, words: tuple[str, ...]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        command(*words, config=desk.config_path),
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        env=environment(),
    )
    os.close(writing)
    assert done.stderr == ""


@pytest.mark.parametrize("words", [("--nonsense",), ("statsu",), ("status", "more")])
def test_words_that_are_no_command(words: tuple[str, ...]) -> None:
    done = mechexo(*words)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_an_interrupt_while_waiting_for_the_state_file(desk: Desk) -> None:
    desk.state.close()
    other = sqlite3.connect(desk.state.path, isolation_level=None)
    other.execute("PRAGMA journal_mode=DELETE")
    other.execute("BEGIN EXCLUSIVE")
    with subprocess.Popen(
        command("status", config=desk.config_path),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
    ) as running:
        time.sleep(1.0)
        running.send_signal(signal.SIGINT)
        _, err = running.communicate(timeout=20)
    other.close()
    assert "Traceback" not in err
    assert running.returncode in (4, 130)
