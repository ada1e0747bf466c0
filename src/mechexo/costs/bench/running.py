"""Running the benchmark: data, contenders in turn, and what came of it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import field
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from mechexo.costs.bench.contender import CONTENDERS, Contender
from mechexo.costs.bench.task import HORIZONS, Answer, Places, difference
from mechexo.errors import MechexoError, UnreachableError, UsageError, close_names
from mechexo.value_classes import dataclass

if TYPE_CHECKING:
    from mechexo.costs.bench.generating import Size

_BYTES_A_FILL = 45
_BYTES_A_QUOTE = 40
"""What a row takes on the disk, plain and in the store together, while the store is filled."""

_INGEST = """
import sys
sys.argv = ["mechexo", *sys.argv[1:]]
from mechexo.cli import main
from mechexo.costs.bench.contender import peak_mb
try:
    main()
finally:
    print(peak_mb(), file=sys.stderr)
"""

Told = Callable[[str], None]


@dataclass(slots=True)
class Measured:
    """One contender over all its runs."""

    contender: Contender
    installed: bool = True
    walls_s: list[float] = field(default_factory=list)
    cpus_s: list[float] = field(default_factory=list)
    peak_mb: float = 0.0
    answer: Answer | None = None
    differs: str = ""
    """Where its answer differs from mechexo's on the store; empty when nowhere."""
    failed: str = ""
    """The last line of what it said when it failed."""

    @property
    def wall_s(self) -> float | None:
        """The shortest run: what else the machine did only ever adds."""
        return min(self.walls_s, default=None)

    @property
    def cpu_s(self) -> float | None:
        """Of the run that took the least."""
        return min(self.cpus_s, default=None)


@dataclass(frozen=True, slots=True)
class BenchReport:
    """What a benchmark found."""

    size: Size
    rounds: int
    cores: int
    measured: tuple[Measured, ...]
    rows_stored: int
    ingest_s: float
    ingest_peak_mb: float


def run_bench(
    size: Size, *, rounds: int = 3, only: Sequence[str] = (), told: Told = lambda _line: None
) -> BenchReport:
    """Makes the data in a temporary folder, and runs every contender `rounds` times in turn.

    Args:
        size: how much data.
        rounds: how often each runs.
        only: names of contenders; empty: all.
        told: is told how far the run is.

    Raises:
        UsageError: a contender is unknown.
        UnreachableError: the temporary folder has no room for the data.
    """
    chosen = _chosen(only)
    with _folder(size) as places:
        stored, ingest_s, ingest_peak_mb = _made(places, size, chosen, told)
        measured = [
            Measured(each, installed=not each.needs or find_spec(each.needs) is not None)
            for each in chosen
        ]
        for number in range(rounds):
            for each in measured:
                if each.installed and not each.failed:
                    told(f"round {number + 1} of {rounds}: {each.contender.name}")
                    _run_once(each, places)
    for markouts in (False, True):
        _compare([each for each in measured if each.contender.markouts is markouts])
    return BenchReport(
        size=size,
        rounds=rounds,
        cores=len(os.sched_getaffinity(0)),
        measured=tuple(measured),
        rows_stored=stored,
        ingest_s=ingest_s,
        ingest_peak_mb=ingest_peak_mb,
    )


def _chosen(only: Sequence[str]) -> tuple[Contender, ...]:
    known = {each.name: each for each in CONTENDERS}
    for name in only:
        if name not in known:
            raise UsageError(f"there is no contender {name!r}; {close_names(name, list(known))}")
    return tuple(each for each in CONTENDERS if not only or each.name in only)


@contextmanager
def _folder(size: Size) -> Iterator[Places]:
    needed = size.fills * _BYTES_A_FILL + size.quotes * _BYTES_A_QUOTE
    with TemporaryDirectory(prefix="mechexo-bench-") as folder:
        free = shutil.disk_usage(folder).free
        if free < needed:
            raise UnreachableError(
                f"{folder} has {free / 1e9:.1f} GB free and the data need about "
                f"{needed / 1e9:.1f} GB; set TMPDIR to a folder with more room, or take fewer rows"
            )
        yield Places(Path(folder))


def _made(
    places: Places, size: Size, chosen: Sequence[Contender], told: Told
) -> tuple[int, float, float]:
    """Makes the data and the store; says how the latter went: rows, seconds, peak MB."""
    from mechexo.costs.bench.generating import generated
    from mechexo.costs.bench.own_ways import settings

    for folder in (places.plain_fills, places.plain_quotes, places.fills):
        folder.mkdir(parents=True)
    for number, (day, fills, quotes) in enumerate(generated(size), 1):
        told(f"making day {number} of {size.days}")
        name = f"{day.isoformat()}.parquet"
        fills.write_parquet(places.plain_fills / name, compression="zstd")
        quotes.write_parquet(places.plain_quotes / name, compression="zstd")
        fills.write_parquet(places.fills / name, compression="lz4")
    for kind, horizons in (("store", {}), ("plain", {}), ("store-markouts", HORIZONS)):
        config = places.desk(kind)
        config.parent.mkdir()
        config.write_text(settings(places, kind, horizons))
    told("filling the store")
    # From the plain desk: the one that reads the store has no other source.
    words = ["--config", str(places.desk("plain")), "costs", "ingest", "--json"]
    started = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", _INGEST, *words], capture_output=True, text=True, check=False
    )
    took_s = time.monotonic() - started
    if done.returncode:
        raise MechexoError(f"the store could not be filled: {_last_line(done.stderr)}")
    return json.loads(done.stdout)["rows"], took_s, float(done.stderr.split()[-1])


def _run_once(measured: Measured, places: Places) -> None:
    name = measured.contender.name
    words = [sys.executable, "-P", "-m", "mechexo.costs.bench.contender", name, str(places.folder)]
    started = time.monotonic()
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        assert run.stderr is not None
        said, complained = run.stdout.read(), run.stderr.read()
        _, status, used = os.wait4(run.pid, 0)
        wall_s = time.monotonic() - started
        run.returncode = os.waitstatus_to_exitcode(status)
    if run.returncode:
        measured.failed = _last_line(complained) or f"exit code {run.returncode}"
        return
    found = json.loads(said)
    measured.walls_s.append(wall_s)
    measured.cpus_s.append(used.ru_utime + used.ru_stime)
    measured.peak_mb = max(measured.peak_mb, found["peak_mb"])
    if found["answer"] is not None:
        measured.answer = Answer.from_record(found["answer"])


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or [""])[-1][:200]


def _compare(measured: Sequence[Measured]) -> None:
    answers = [each for each in measured if each.answer is not None]
    for each in answers[1:]:
        if each.answer is not None and answers[0].answer is not None:
            each.differs = difference(answers[0].answer, each.answer)
