"""Lowering the risk works, whatever else does not."""

from __future__ import annotations

import fcntl
import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from mechexo.desk import Desk
from mechexo.rollback.flags import halting, operations, spool
from mechexo.rollback.flags.store import open_store
from mechexo.watch import tick
from rollback.flags.places import flag_in, run
from support.program import mechexo
from support.small_disk import fill

pytestmark = pytest.mark.slow

HOLDER = """
import fcntl, sqlite3, sys
lock = open(sys.argv[1] + ".lock", "w")
fcntl.flock(lock, fcntl.LOCK_EX)
state = sqlite3.connect(sys.argv[1], isolation_level=None)
state.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.readline()
"""


@contextmanager
def held_by_another(state: Path) -> Iterator[None]:
    """Another process holds the writers' queue and the write lock of the state file."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(state)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdin is not None
        assert holder.stdout.readline() == b"held\n"
        try:
            yield
            assert holder.poll() is None, "the lock was not held to the end"
        finally:
            holder.stdin.close()
            holder.wait()


def late(desk: Desk) -> list[dict[str, object]]:
    """The audit entries that came late."""
    found = [json.loads(entry.payload) for entry in desk.audit_entries(only=("flags.*",))]
    return [each for each in found if each.get("late")]


def test_case_36_a_halt_is_not_held_up_by_the_lock_of_the_state_file(
    flag_desk: Desk, flags_file: Path
) -> None:
    with held_by_another(flag_desk.state.path):
        done = operations.set_flag(flag_desk, "trading_enabled", "false")
        assert flag_in(flags_file) == "false"
        assert done.changed
        assert "its record waits in" in done.note
        assert len(spool.waiting(flag_desk)) == 1
    report = tick(flag_desk)
    assert [stage.name for stage in report.failed] == []
    [entry] = late(flag_desk)
    assert (entry["before"], entry["after"], entry["direction"]) == ("true", "false", "down")
    tick(flag_desk)
    assert len(late(flag_desk)) == 1
    assert flag_desk.verify_audit().problems == ()


def test_case_36_the_program_halts_while_all_around_it_is_locked(
    flag_desk: Desk, flags_file: Path
) -> None:
    """No reason on a live desk, the rollback's lock held, nobody to approve."""
    rollback_lock = Path(f"{flag_desk.state.path}.rollback.lock")
    descriptor = os.open(rollback_lock, os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    config = flag_desk.config_path
    config.write_text(config.read_text().replace('others = "responder"', 'others = "operator"'))
    with held_by_another(flag_desk.state.path):
        done = mechexo("flags", "set", "trading_enabled", "off", config=config)
        assert done.returncode == 0, done.stderr
        assert flag_in(flags_file) == "false"
    os.close(descriptor)
    assert "trading_enabled: true -> false lowers the risk. Done." in done.stdout
    assert "its record waits in" in done.stderr


@pytest.mark.parametrize("state", ["damaged", "gone", "incomplete"])
def test_case_36_a_halt_is_not_held_up_by_a_state_file_that_cannot_be_used(
    flag_desk: Desk, flags_file: Path, state: str
) -> None:
    path = flag_desk.state.path
    kept = path.read_bytes()
    flag_desk.state.close()
    for file in path.parent.glob(f"{path.name}-*"):
        file.unlink()
    if state == "damaged":
        path.write_bytes(b"no database at all" * 500)
    elif state == "gone":
        path.unlink()
    else:
        with sqlite3.connect(path) as connection:
            connection.execute("DROP TABLE audit")
        connection.close()
    config = flag_desk.config_path
    config.write_text(config.read_text().replace('"responder"', '"operator"'))
    done = mechexo("flags", "set", "trading_enabled", "false", config=config)
    assert done.returncode == 0, done.stderr
    assert flag_in(flags_file) == "false"
    assert "its record waits in" in done.stderr
    path.write_bytes(kept)
    merged = mechexo("tick", config=config)
    assert merged.returncode in (0, 1), merged.stderr
    assert len(late(flag_desk)) == 1


def test_case_36_a_halt_is_not_held_up_by_a_full_disk(
    make_desk: Callable[..., Desk],
    flags_file: Path,
    small_disk: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    in_memory = tmp_path / "run"
    in_memory.mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(in_memory))
    made = make_desk()
    text = made.config_path.read_text()
    config = small_disk / "mechexo.toml"
    config.write_text(
        text + f'[rollback.flags]\ndatabase = "sqlite:///{flags_file}"\n'
        '[rollback.flags.safer]\ntrading_enabled = "off"\n'
    )
    desk = Desk.open(config, clock=made.clock, actor=made.actor)
    desk.audit_entries()
    fill(small_disk)
    done = operations.set_flag(desk, "trading_enabled", "false")
    assert flag_in(flags_file) == "false"
    [record] = spool.waiting(desk)
    assert record.is_relative_to(in_memory)
    assert str(record) in done.note
    (small_disk / "filler").unlink()
    assert spool.merge(desk) == 1
    assert len(late(desk)) == 1


def test_case_36_the_record_that_no_place_takes_is_told_to_the_person(
    flag_desk: Desk, flags_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nowhere = Path("/proc/nowhere")
    monkeypatch.setattr(spool, "places", lambda desk: (nowhere, nowhere))
    with held_by_another(flag_desk.state.path):
        done = operations.set_flag(flag_desk, "trading_enabled", "false")
    assert flag_in(flags_file) == "false"
    assert "write it down" in done.note
    assert '"target": "trading_enabled"' in done.note


def test_case_36_neither_market_hours_nor_a_chat_are_asked(
    as_role: Callable[..., Desk], flags_file: Path
) -> None:
    desk = as_role(
        "responder",
        '[channels.chat]\nurl = "json://127.0.0.1:1/nobody"\nseverities = ["critical"]\n',
    )
    assert operations.set_flag(desk, "trading_enabled", "false").note == ""
    assert flag_in(flags_file) == "false"


def test_a_halt_that_the_audit_log_takes_at_once_is_not_late(
    flag_desk: Desk, flags_file: Path
) -> None:
    done = operations.set_flag(flag_desk, "trading_enabled", "false", reason="loss")
    assert (done.changed, done.note) == (True, "")
    [entry] = flag_desk.audit_entries(only=("flags.*",))
    said = json.loads(entry.payload)
    assert "late" not in said
    assert (said["before"], said["after"], said["reason"]) == ("true", "false", "loss")
    assert spool.waiting(flag_desk) == ()


def test_a_halt_of_what_is_halted_writes_nothing(flag_desk: Desk, flags_file: Path) -> None:
    operations.set_flag(flag_desk, "trading_enabled", "false")
    before = flag_desk.audit_entries()
    done = operations.set_flag(flag_desk, "trading_enabled", "off")
    assert not done.changed
    assert flag_desk.audit_entries() == before


@pytest.mark.parametrize("value", ["NULL", "'maybe'", "''", "7", "x'01'"])
def test_what_cannot_be_read_can_be_halted(flag_desk: Desk, flags_file: Path, value: str) -> None:
    run(flags_file, f"UPDATE flags SET value = {value} WHERE key = 'trading_enabled'")
    assert operations.set_flag(flag_desk, "trading_enabled", "false").changed
    assert flag_in(flags_file) in ("false", "0")


def test_of_a_flag_that_is_there_twice_both_are_halted(flag_desk: Desk, flags_file: Path) -> None:
    run(
        flags_file,
        "DROP TABLE flags",
        "CREATE TABLE flags (key TEXT, value TEXT, updated_at TEXT)",
        "INSERT INTO flags (key, value) VALUES ('trading_enabled', 'true'), "
        "('trading_enabled', 'false'), (NULL, 'x')",
    )
    operations.set_flag(flag_desk, "trading_enabled", "false")
    with sqlite3.connect(flags_file) as connection:
        rows = connection.execute("SELECT value FROM flags WHERE key = 'trading_enabled'")
        assert rows.fetchall() == [("false",), ("false",)]
    connection.close()


def test_a_limit_is_lowered_only_from_what_stands_there_in_that_moment(
    flag_desk: Desk, flags_file: Path
) -> None:
    """Somebody lowers it further while the command starts: it must not be raised again."""
    store = open_store(flag_desk)
    run(flags_file, "UPDATE flags SET value = '100' WHERE key = 'max_notional'")
    with pytest.raises(halting.NotDownError):
        halting.lower(flag_desk, store, "max_notional", "500")
    assert flag_in(flags_file, "max_notional") == "100"


def test_a_record_that_hangs_keeps_nobody_waiting(
    flag_desk: Desk, flags_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipe = flag_desk.root / "hanging"
    os.mkfifo(pipe)

    def hang(desk: Desk, record: spool.Record) -> spool.Kept:
        pipe.read_bytes()  # until somebody opens its other end
        return spool.Kept(None)

    monkeypatch.setattr(spool, "keep", hang)
    done = operations.set_flag(flag_desk, "trading_enabled", "false")
    assert flag_in(flags_file) == "false"
    assert "still being written" in done.note
    pipe.write_bytes(b"")


def test_the_tick_raises_an_alert_of_records_that_it_cannot_merge(
    flag_desk: Desk, flags_file: Path
) -> None:
    record = spool.new_record(flag_desk, flag_desk.clock.now(), "flags.set", "x", {})
    path = spool.keep(flag_desk, record).path
    assert path is not None
    whole = path.read_bytes()
    path.unlink()
    path.symlink_to("nowhere")
    report = tick(flag_desk)
    assert [stage.name for stage in report.failed] == ["records"]
    assert [alert.name for alert in report.alerts] == ["tick_records"]
    path.unlink()
    path.write_bytes(whole)
    flag_desk.clock.advance(timedelta(minutes=1))  # type: ignore[attr-defined]
    assert tick(flag_desk).failed == ()
    assert len(late(flag_desk)) == 1
