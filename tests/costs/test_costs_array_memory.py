"""Memory that an array leaves is used for the next one."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import resource, sys
{call}
import numpy as np

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

np.ones(2**21)
before = faults()
np.ones(2**21)
print(faults() - before)
"""
CALL = "from mechexo.costs.array_memory import keep_array_memory; keep_array_memory()"
PAGES = 2**21 * 8 // 4096


def faults_of_the_second_array(call: str) -> int:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(call=call)],
        capture_output=True,
        text=True,
        check=True,
        env={"NUMPY_MADVISE_HUGEPAGE": "0"},
    )
    return int(done.stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="the C library of Linux")
def test_the_next_array_lies_where_the_last_one_did() -> None:
    assert faults_of_the_second_array(CALL) < PAGES // 10


@pytest.mark.skipif(sys.platform != "linux", reason="the C library of Linux")
def test_without_it_every_page_is_found_anew() -> None:
    assert faults_of_the_second_array("") > PAGES * 9 // 10
