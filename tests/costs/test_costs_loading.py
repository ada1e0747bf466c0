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
print(faults_of(lambda: numpy.ones(2**20)))
"""
PLANNED = """
import sys
import mechexo.costs.day_report, mechexo.costs.day_sums, mechexo.costs.engine_fills
import mechexo.costs.engine_quotes, mechexo.costs.markouts, mechexo.costs.merging
print("numpy" in sys.modules)
"""
LEFT = """
import os, sys
from mechexo.costs.loading import load_polars
load_polars()
print("polars" in sys.modules, os.environ.get("_RJEM_MALLOC_CONF"))
"""
PAGES = 2**20 * 8 // 4096


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


def test_what_a_plan_is_made_of_leaves_numpy_to_be_loaded_our_way() -> None:
    assert said(PLANNED) == "False"


def test_polars_is_loaded_and_programs_that_are_started_later_choose_for_themselves() -> None:
    assert said(LEFT, _RJEM_MALLOC_CONF="") == "True"
    assert said(LEFT, _RJEM_MALLOC_CONF="narenas:2") == "True narenas:2"


def test_the_next_array_lies_where_the_last_one_did() -> None:
    assert int(said(FAULTS + ARRAYS.format(call="keep_array_memory()"))) < PAGES // 10


def test_without_that_every_page_is_found_anew() -> None:
    assert int(said(FAULTS + ARRAYS.format(call=""))) > PAGES * 9 // 10
