"""What waits on the disk: in order, whole, and gone with the run that put it there."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from mechexo.costs.scratch import PREFIX, Scratch, remove_left_behind
from mechexo.costs.spool import Spool
from mechexo.errors import UnreachableError

pytestmark = pytest.mark.slow

_WAITS = """
import sys
from mechexo.costs.scratch import Scratch
print(Scratch().folder, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return folder


def test_a_spool_gives_its_frames_in_order_and_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "spool").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "spool"))
    frames = [pl.DataFrame({"n": range(size)}) for size in (3, 20_000, 0, 5)]
    spool = Spool(memory_mb=0)
    for frame in frames:
        spool.add(frame)
    assert list(tmp_path.rglob("*.arrow"))
    for _ in range(2):
        assert all(one.equals(other) for one, other in zip(spool, frames, strict=True))
    spool.close()
    assert not list((tmp_path / "spool").iterdir())


def test_a_disk_without_room_for_what_waits_says_what_to_do(
    small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(small_disk))
    spool = Spool(memory_mb=0)
    with pytest.raises(UnreachableError, match="set TMPDIR"):
        spool.add(pl.DataFrame({"n": range(500_000)}))
    spool.close()
    assert not list(small_disk.iterdir())


def another_run(temporary: Path) -> tuple[subprocess.Popen[str], Path]:
    """Another process with a folder of its own, and the folder."""
    run = subprocess.Popen(
        [sys.executable, "-c", _WAITS],
        env={**os.environ, "TMPDIR": str(temporary)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert run.stdout is not None
    return run, Path(run.stdout.readline().strip())


def test_what_a_killed_run_left_behind_goes_with_the_next(temporary: Path) -> None:
    run, folder = another_run(temporary)
    (folder / "000000.arrow").write_bytes(b"left behind")
    with run:
        remove_left_behind()
        assert (folder / "000000.arrow").exists(), "its run is still there"
        run.send_signal(signal.SIGKILL)
        run.wait()
        assert folder.exists()
        with Scratch() as own:
            assert list(temporary.iterdir()) == [own]
    assert not list(temporary.iterdir())


def test_only_folders_of_runs_are_taken_away(temporary: Path) -> None:
    (temporary / "kept").mkdir()
    (temporary / f"{PREFIX}file").touch()
    (temporary / f"{PREFIX}link").symlink_to(temporary / "kept")
    with Scratch():
        remove_left_behind()
    assert sorted(path.name for path in temporary.iterdir()) == [
        "kept",
        f"{PREFIX}file",
        f"{PREFIX}link",
    ]
