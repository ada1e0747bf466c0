"""One contender of the benchmark, in a process of its own: `python -m ... NAME FOLDER`.

Says on stdout, as JSON, what it found and how much memory it took at most.
"""

from __future__ import annotations

import dataclasses
import json
import sys
from importlib import import_module
from pathlib import Path

from mechexo.costs.array_memory import keep_array_memory
from mechexo.costs.bench.task import Answer, Places
from mechexo.costs.loading import load_polars
from mechexo.garbage import collect_seldom
from mechexo.value_classes import dataclass


@dataclass(frozen=True, slots=True)
class Contender:
    """A way of computing the task."""

    name: str
    about: str
    needs: str = ""
    """The package without which it cannot run."""
    markouts: bool = False


CONTENDERS = (
    Contender("mechexo", "on the tick store, all figures of the report"),
    Contender("mechexo-plain", "on plain Parquet, all figures of the report"),
    Contender("duckdb-tuned", "ASOF by hand on the store; p50, p95, p99", "duckdb"),
    Contender("duckdb-all", "the same with all figures of the report", "duckdb"),
    Contender("duckdb-plain", "ASOF on plain Parquet; p50, p95, p99", "duckdb"),
    Contender("duckdb-plain-all", "the same with all figures of the report", "duckdb"),
    Contender("pandas", "merge_asof on plain Parquet; p50, p95, p99", "pandas"),
    Contender("read", "the bare columns, nothing computed"),
    Contender("mechexo-markouts", "on the store, with six horizons", markouts=True),
    Contender("duckdb-markouts", "ASOF by hand on the store, six more joins", "duckdb", True),
    Contender("duckdb-markouts-all", "the same with all figures of the report", "duckdb", True),
)


_WAYS: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "mechexo": ("own_ways", "own", ("store",)),
    "mechexo-plain": ("own_ways", "own", ("plain",)),
    "mechexo-markouts": ("own_ways", "own", ("store-markouts",)),
    "read": ("own_ways", "bare_read", ()),
    "duckdb-tuned": ("duckdb_ways", "tuned", ()),
    "duckdb-all": ("duckdb_ways", "tuned_all_figures", ()),
    "duckdb-plain": ("duckdb_ways", "plain", ()),
    "duckdb-plain-all": ("duckdb_ways", "plain_all_figures", ()),
    "duckdb-markouts-all": ("duckdb_ways", "tuned_markouts_all_figures", ()),
    "duckdb-markouts": ("duckdb_ways", "tuned_markouts", ()),
    "pandas": ("pandas_way", "merge_asof", ()),
}
"""Each contender's module, function and further arguments: no process loads another's library."""


def run(name: str, places: Places) -> Answer | None:
    """What the contender finds; None of the bare reading."""
    module, way, further = _WAYS[name]
    if module == "own_ways":
        load_polars()  # as our command does
    found: Answer | None = getattr(import_module(f"mechexo.costs.bench.{module}"), way)(
        places, *further
    )
    return found


def peak_mb() -> float:
    """The most memory that this process ever had, in MB.

    Not `ru_maxrss`, which a child begins with its parent's.
    """
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1000
    return float("nan")


if __name__ == "__main__":
    # As our command does; the others may have it too.
    collect_seldom()
    keep_array_memory()
    found = run(sys.argv[1], Places(Path(sys.argv[2])))
    sys.stdout.write(
        json.dumps(
            {
                "answer": None if found is None else dataclasses.asdict(found),
                "peak_mb": peak_mb(),
            }
        )
    )
