"""Plain fills that wait for their second look: whole and in order, in memory and on the disk; and
the library that they are arrays of."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from mechexo.costs.plain_ledger import PlainRows, PlainSpool
from support.program import environment

pytestmark = pytest.mark.slow

LOADED = """
import os, sys
from pathlib import Path
from mechexo.costs.numpy_loading import load_numpy
load_numpy()
threads = len(list(Path("/proc/self/task").iterdir()))
print("numpy" in sys.modules, threads, os.environ.get("OPENBLAS_NUM_THREADS"))
"""


def rows(first: int, count: int) -> PlainRows:
    values = np.arange(first, first + count)
    return PlainRows(values.astype(np.uint16), values / 7, values * 100.0)


def lists(each: PlainRows) -> tuple[list[float], ...]:
    return each.cell.tolist(), each.total_bps.tolist(), each.notional.tolist()


def test_rows_come_back_in_order_whether_they_fitted_into_memory_or_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    spool = PlainSpool(memory_mb=1)
    # The second is larger than what is left; smaller ones after it fit again.
    days = [rows(0, 40_000), rows(1, 60_000), rows(2, 5), rows(3, 0), rows(4, 60_000)]
    for day in days:
        spool.add(day)
    assert len(list(tmp_path.rglob("*.arrow"))) == 2
    for _ in range(2):
        assert [lists(each) for each in spool] == [lists(each) for each in days]
    spool.close()
    assert not list(tmp_path.rglob("*.arrow"))


def loaded(**words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", LOADED],
        env=environment(words),
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def test_numpy_is_loaded_with_one_thread_and_the_environment_is_left_as_it_was() -> None:
    assert loaded() == "True 1 None"


@pytest.mark.parametrize("name", ["OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"])
def test_threads_that_the_environment_asks_for_are_left_to_it(name: str) -> None:
    told = loaded(**{name: "2"}).split()
    assert told[0] == "False"
