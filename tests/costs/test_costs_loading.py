"""Frames and arrays are loaded as suits a process that computes costs: what one leaves is used for
the next one."""

from __future__ import annotations

import subprocess
import sys

import pytest

from support.program import environment

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="as Linux and its C library do it"),
]

LOADED = """
import os, sys
from pathlib import Path
from mechexo.costs.loading import load_numpy
load_numpy()
threads = len(list(Path("/proc/self/task").iterdir()))
print("numpy" in sys.modules, threads, os.environ.get("OPENBLAS_NUM_THREADS"))
"""
FAULTS = """
import resource

def faults_of(make):
    make()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    make()
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
"""
ARRAYS = """
from mechexo.costs.array_memory import keep_array_memory
from mechexo.costs.loading import load_numpy
{call}
load_numpy()
import numpy
print(faults_of(lambda: numpy.ones(2**21)))
"""
FRAMES = """
from mechexo.costs.loading import load_polars
{call}
import polars
print(faults_of(lambda: polars.int_range(0, 2**21, eager=True)))
"""
LEFT = """
import os
from mechexo.costs.loading import load_polars
load_polars()
print([name for name in os.environ if "MALLOC" in name])
"""
PAGES = 2**21 * 8 // 4096


def said(program: str, **words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=environment(words),
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def test_numpy_is_loaded_with_one_thread_and_the_environment_is_left_as_it_was() -> None:
    assert said(LOADED) == "True 1 None"


@pytest.mark.parametrize("name", ["OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"])
def test_threads_that_the_environment_asks_for_are_left_to_it(name: str) -> None:
    loaded, threads, asked = said(LOADED, **{name: "2"}).split()
    assert (loaded, asked) == ("True", "2" if name.startswith("OPENBLAS") else "None")
    assert int(threads) == 2


def test_programs_that_are_started_later_choose_for_themselves() -> None:
    assert said(LEFT) == "[]"


@pytest.mark.parametrize(
    ("program", "call"),
    [(ARRAYS, "keep_array_memory()"), (FRAMES, "load_polars()")],
    ids=["arrays", "frames"],
)
def test_the_next_one_lies_where_the_last_one_did(program: str, call: str) -> None:
    assert int(said(FAULTS + program.format(call=call))) < PAGES // 10


@pytest.mark.parametrize("program", [ARRAYS, FRAMES], ids=["arrays", "frames"])
def test_without_that_every_page_is_found_anew(program: str) -> None:
    assert int(said(FAULTS + program.format(call=""))) > PAGES * 9 // 10
