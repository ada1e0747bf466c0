"""`mechexo costs bench`: every contender gives the same answer, and what is missing is told."""

from __future__ import annotations

import dataclasses
import importlib.util
from collections import namedtuple
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from mechexo.costs.bench import running
from mechexo.costs.bench.contender import CONTENDERS
from mechexo.costs.bench.generating import Size, generated
from mechexo.costs.bench.task import Answer, Row, difference
from mechexo.errors import UnreachableError
from support.program import document, mechexo, one_line

pytestmark = pytest.mark.slow

SMALL = ("--fills", "3k", "--quotes", "20k", "--days", "3", "--symbols", "8", "--rounds", "1")


@pytest.mark.slow
def test_every_contender_says_the_same(tmp_path: Path) -> None:
    done = mechexo("costs", "bench", *SMALL, "--json", env={"TMPDIR": str(tmp_path)}, timeout_s=300)
    assert (done.returncode, done.stderr) == (0, "")
    said = document(done)
    assert said["schema"] == "mechexo.costs_bench/1"
    assert (said["fills"], said["quotes"], said["days"], said["rounds"]) == (3_000, 20_000, 3, 1)
    assert said["ingest"]["rows"] == 20_000
    found = {each["name"]: each for each in said["contenders"]}
    assert list(found) == [each.name for each in CONTENDERS]
    for each in found.values():
        assert each["differs"] == each["failed"] == ""
        assert not each["installed"] or each["wall_s"] > 0
    assert found["mechexo"]["wall_ratio"] == found["mechexo"]["cpu_ratio"] == 1.0
    assert found["mechexo"]["priced"] == found["mechexo-plain"]["priced"] > 2_000
    assert found["read"]["priced"] is None
    assert not list(tmp_path.glob("mechexo-bench-*"))


@pytest.mark.slow
def test_the_table_names_the_chosen_contenders() -> None:
    done = mechexo("costs", "bench", *SMALL, "--only", "read,mechexo", timeout_s=300)
    assert done.returncode == 0
    assert "3,000 fills, 20,000 quotes, 8 symbols, 3 days; the best of 1" in done.stdout
    assert "mechexo" in done.stdout
    assert "pandas" not in done.stdout


@pytest.mark.slow
def test_a_package_that_is_missing_is_said_and_the_others_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real = importlib.util.find_spec
    monkeypatch.setattr(running, "find_spec", lambda name: None if name == "duckdb" else real(name))
    report = running.run_bench(Size(300, 2_000, 2, 3), rounds=1, only=("mechexo", "duckdb-tuned"))
    mine, theirs = report.measured
    assert (mine.installed, theirs.installed, theirs.wall_s) == (True, False, None)
    assert mine.wall_s


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["--fills", "many"], "is not a count"),
        (["--only", "duckdb-tune"], "did you mean duckdb-tuned"),
    ],
)
def test_words_that_do_not_fit_are_one_line(words: list[str], text: str) -> None:
    done = mechexo("costs", "bench", *SMALL, *words)
    assert (done.returncode, done.stdout) == (2, "")
    one_line(done, text)


def test_without_room_for_the_data_nothing_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(running.shutil, "disk_usage", lambda _folder: usage(1, 1, 1_000))
    with pytest.raises(UnreachableError, match="set TMPDIR to a folder with more room"):
        running.run_bench(Size(1_000, 1_000))


def test_the_same_seed_makes_the_same_data_and_another_other() -> None:
    size = Size(1_000, 5_000, days=2, symbols=5)
    first, again = list(generated(size)), list(generated(size))
    for (day, *frames), (other, *others) in zip(first, again, strict=True):
        assert day == other
        for one, two in zip(frames, others, strict=True):
            assert_frame_equal(one, two)
    assert not first[0][1].equals(next(generated(dataclasses.replace(size, seed=2)))[1])
    fills = pl.concat(fills for _, fills, _ in first)
    quotes = pl.concat(quotes for _, _, quotes in first)
    assert (len(fills), len(quotes)) == (1_000, 5_000)
    assert fills["fill_id"].n_unique() == 1_000
    assert quotes.select((pl.col("ask") > pl.col("bid")).all()).item()
    assert quotes["ts"].is_sorted()


def test_answers_differ_by_counts_costs_percentiles_groups_and_markouts() -> None:
    row = Row(10, 9, 5.0, 1.0)
    answer = Answer(row, {"day": {"2026-01-05": row}}, {"1s": 0.5})
    assert difference(answer, answer) == ""
    changed = {
        "9 of 10 against 8 of 10": Answer(dataclasses.replace(row, priced=8)),
        "a cost of 5.0": Answer(dataclasses.replace(row, total_ccy=5.00001)),
        "a p95 of 1.0": Answer(dataclasses.replace(row, p95_bps=1.1)),
        "1 against 0 groups by day": Answer(row, {}, {"1s": 0.5}),
        "0.5 against 0.6 bps after 1s": Answer(row, answer.groups, {"1s": 0.6}),
        "of day 2026-01-05": Answer(row, {"day": {"2026-01-05": Row(1, 1, 1.0, 1.0)}}),
    }
    for text, other in changed.items():
        assert text in difference(answer, other)
