"""FIX execution ids that begin again each day: fills of two days, busts of a later day, and stores
from before the day was part of the id."""

from __future__ import annotations

import json
from itertools import permutations
from pathlib import Path

import polars as pl
import pytest

from costs.test_costs_imports_fix import read, trade
from mechexo.costs.imports.execution_ids import without_day
from mechexo.costs.imports.keeping import planned
from mechexo.costs.imports.values import Changes
from mechexo.costs.sources.imported import TAKEN_BACK


def report(day: int, execution: str, order: str, **changes: str | None) -> bytes:
    """A trade of that day of March; `cancels` and `corrects` name another execution."""
    cancels, corrects = changes.pop("cancels", None), changes.pop("corrects", None)
    numbered = {int(tag.removeprefix("t")): value for tag, value in changes.items()}
    return trade(
        {
            17: execution,
            37: order,
            60: f"202603{day:02}-14:30:00",
            19: cancels or corrects,
            150: "H" if cancels else "G" if corrects else "F",
            **numbered,
        }
    )


def keep(folder: Path, *messages: bytes) -> Changes:
    parsed, found = read(*messages)
    assert found.rejected == ()
    with planned(folder, found.fills, parsed.taken_back, dry_run=False) as (plan, staged):
        staged.take_places()
    return plan.changes


def kept(folder: Path) -> list[str]:
    """The fills that are kept, as day/execution/order."""
    frames = [pl.read_parquet(path) for path in folder.glob("*.parquet")]
    if not frames:
        return []
    rows = pl.concat(frames, how="diagonal")
    return sorted(
        f"{ts.day}/{fill_id.rpartition(':')[2]}/{order}"
        for ts, fill_id, order in rows.select("ts", "fill_id", "order_id").iter_rows()
    )


def gone(folder: Path) -> dict[str, dict[str, str]]:
    found = json.loads((folder / TAKEN_BACK).read_text())
    return {"ids": found["ids"], "named": found.get("named", {})}


def as_before_days(folder: Path) -> None:
    """Writes what is kept as it was before ids had their day."""
    for path in folder.glob("*.parquet"):
        frame = pl.read_parquet(path)
        frame.with_columns(without_day(frame["fill_id"])).write_parquet(path)
    if (folder / TAKEN_BACK).exists():
        document = json.loads((folder / TAKEN_BACK).read_text())
        dated = {name: kind for name, kind in document["ids"].items() if " of order " not in name}
        ids = dict(zip(without_day(pl.Series(list(dated))), dated.values(), strict=True))
        (folder / TAKEN_BACK).write_text(json.dumps({"schema": document["schema"], "ids": ids}))


def test_the_next_days_fills_of_the_same_numbers_are_others(tmp_path: Path) -> None:
    keep(tmp_path, report(2, "1", "O1"), report(2, "2", "O1"))
    changes = keep(tmp_path, report(3, "1", "O9"), report(3, "2", "O9"))
    assert (changes.added, changes.replaced, changes.reused) == (2, 0, 0)
    assert kept(tmp_path) == ["2/1/O1", "2/2/O1", "3/1/O9", "3/2/O9"]


def test_a_bust_is_of_its_own_day_first(tmp_path: Path) -> None:
    keep(tmp_path, report(2, "1", "O1"), report(3, "1", "O1"))
    changes = keep(tmp_path, report(3, "9", "O1", cancels="1"))
    assert (changes.removed, changes.unmatched) == (1, 0)
    assert kept(tmp_path) == ["2/1/O1"]


@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize("kind", ["cancels", "corrects"])
def test_a_bust_or_correction_of_a_later_day_finds_its_fill_by_the_order(
    tmp_path: Path, kind: str, together: bool
) -> None:
    first = [report(2, "1", "O1"), report(2, "2", "O1")]
    second = [report(3, "1", "O9"), report(3, "9", "O1", **{kind: "1"})]
    if together:
        keep(tmp_path, *first, *second)
    else:
        keep(tmp_path, *first)
        changes = keep(tmp_path, *second)
        assert (changes.removed, changes.unmatched) == (1, 0)
    corrected = ["3/9/O1"] if kind == "corrects" else []
    assert kept(tmp_path) == ["2/2/O1", "3/1/O9", *corrected]


def test_a_bust_of_a_day_without_its_fill_takes_no_namesake_of_another_order(
    tmp_path: Path,
) -> None:
    changes = keep(tmp_path, report(3, "1", "O9"), report(3, "9", "O1", cancels="1"))
    assert (changes.added, changes.unmatched) == (1, 1)
    changes = keep(tmp_path, report(2, "1", "O1"))
    assert (changes.left_out, changes.unmatched) == (1, 0)
    assert kept(tmp_path) == ["3/1/O9"]


def test_a_session_that_begins_in_the_evening_is_of_the_next_day(tmp_path: Path) -> None:
    keep(tmp_path, report(2, "1", "O1", t75="20260303"))
    assert keep(tmp_path, report(2, "9", "O1", cancels="1")).removed == 1


@pytest.mark.parametrize("kind", ["cancels", "corrects"])
def test_a_bust_that_still_waits_takes_no_fill_of_a_later_day(tmp_path: Path, kind: str) -> None:
    keep(tmp_path, report(2, "9", "O1", **{kind: "1"}))
    changes = keep(tmp_path, report(3, "1", "O1"))
    assert (changes.added, changes.left_out) == (1, 0)
    assert "3/1/O1" in kept(tmp_path)
    assert keep(tmp_path, report(1, "1", "O1")).left_out == 1


OWN = report(3, "1", "O1", corrects="1")
"""A correction under its own id that does not say the day of what it corrects."""


@pytest.mark.parametrize("order", [*permutations(range(3))])
def test_a_correction_under_its_own_id_corrects_the_last_fill_of_an_earlier_day(
    tmp_path: Path, order: tuple[int, ...]
) -> None:
    files = [report(2, "1", "O1")], [OWN], [report(2, "2", "O1")]
    for place in (*order, *order):
        keep(tmp_path, *files[place])
    assert kept(tmp_path) == ["2/2/O1", "3/1/O1"]


def test_a_correction_under_its_own_id_and_its_fill_may_be_in_one_file(tmp_path: Path) -> None:
    changes = keep(tmp_path, report(2, "1", "O1"), OWN)
    assert (changes.added, changes.left_out, changes.unmatched) == (1, 1, 0)
    assert kept(tmp_path) == ["3/1/O1"]


@pytest.mark.parametrize("other", [{"order": "O2"}, {"t55": "BBB"}, {"t54": "2"}])
def test_a_correction_under_its_own_id_that_finds_nothing_is_kept_and_told(
    tmp_path: Path, other: dict[str, str]
) -> None:
    keep(tmp_path, report(2, "1", **{"order": "O1", **other}))
    changes = keep(tmp_path, OWN)
    assert (changes.added, changes.removed, changes.unmatched) == (1, 0, 1)
    assert len(kept(tmp_path)) == 2


@pytest.mark.parametrize("order", [*permutations(range(3))])
@pytest.mark.parametrize("together", [True, False])
def test_a_correction_of_a_fill_of_its_own_day_leaves_an_earlier_days_namesake(
    tmp_path: Path, order: tuple[int, ...], together: bool
) -> None:
    own_day = report(3, "1", "O1")
    files = [report(2, "1", "O1")], [own_day] if not together else [own_day, OWN], [OWN]
    for place in (*order, *order):
        keep(tmp_path, *files[place])
    assert kept(tmp_path) == ["2/1/O1", "3/1/O1"]


def test_ids_may_hold_the_words_that_names_are_made_of(tmp_path: Path) -> None:
    odd = "1 of order of order X"
    keep(tmp_path, report(2, odd, "O of order 1"), report(2, "1", "O of order 1"))
    assert keep(tmp_path, report(3, "9", "O of order 1", cancels=odd)).removed == 1
    assert keep(tmp_path, report(3, "8", "O of order 1", cancels="1")).removed == 1
    assert kept(tmp_path) == []


def test_a_bust_that_comes_again_takes_nothing_else(tmp_path: Path) -> None:
    bust = report(3, "9", "O1", cancels="1")
    keep(tmp_path, report(2, "1", "O1"))
    keep(tmp_path, bust)
    before = gone(tmp_path)
    changes = keep(tmp_path, bust)
    assert (changes, gone(tmp_path)) == (Changes(), before)
    assert keep(tmp_path, report(1, "1", "O1")).added == 1
    assert kept(tmp_path) == ["1/1/O1"]


def test_what_a_bust_meant_is_written_for_people(tmp_path: Path) -> None:
    keep(tmp_path, report(3, "9", "O1", corrects="1"))
    name = "fix:2026-03-03:BROKER:1 of order O1"
    assert gone(tmp_path) == {"ids": {name: "correct"}, "named": {}}
    keep(tmp_path, report(2, "1", "O1"))
    meant = "fix:2026-03-02:BROKER:1"
    assert gone(tmp_path) == {"ids": {name: "correct", meant: "correct"}, "named": {name: meant}}


def test_what_stands_in_the_end_does_not_depend_on_the_order_of_files(tmp_path: Path) -> None:
    files = [
        [report(2, "1", "O1"), report(2, "2", "O1")],
        [report(3, "1", "O9"), report(3, "2", "O9")],
        [report(3, "3", "O1", corrects="2"), report(3, "4", "O1", cancels="1")],
        [report(4, "2", "O8"), report(4, "5", "O1", corrects="3")],
        [report(5, "1", "O9", cancels="2")],
    ]
    for place, order in enumerate(permutations(files)):
        folder = tmp_path / str(place)
        for messages in (*order, order[0]):
            keep(folder, *messages)
        assert kept(folder) == ["3/1/O9", "4/2/O8", "4/5/O1"], order


FILE = [report(2, "1", "O1"), report(2, "2", "O1"), report(2, "3", "O1", corrects="2")]


def test_a_file_that_was_taken_in_before_ids_had_their_day_is_not_doubled(tmp_path: Path) -> None:
    keep(tmp_path, *FILE)
    as_before_days(tmp_path)
    changes = keep(tmp_path, *FILE)
    assert (changes.added, changes.replaced, changes.left_out, changes.reused) == (0, 2, 1, 0)
    assert kept(tmp_path) == ["2/1/O1", "2/3/O1"]
    assert not any(name.startswith("fix:BROKER") for name in gone(tmp_path)["ids"])
    again = keep(tmp_path, *FILE)
    assert (again.unchanged, again.left_out, again.days) == (2, 1, ())


def test_a_fill_without_its_day_of_another_moment_or_order_is_another_one(tmp_path: Path) -> None:
    keep(tmp_path, report(3, "1", "O9"))
    as_before_days(tmp_path)
    assert keep(tmp_path, report(2, "1", "O1"), report(3, "1", "O1")).added == 2
    assert kept(tmp_path) == ["2/1/O1", "3/1/O1", "3/1/O9"]


@pytest.mark.parametrize("order", ["O1", "O9"])
def test_a_bust_finds_a_fill_that_is_kept_without_its_day_by_its_order(
    tmp_path: Path, order: str
) -> None:
    keep(tmp_path, *FILE)
    as_before_days(tmp_path)
    changes = keep(tmp_path, report(4, "9", order, cancels="1"))
    left = [] if order == "O1" else ["2/1/O1"]
    assert (changes.removed, changes.unmatched) == (1 - len(left), len(left))
    assert kept(tmp_path) == [*left, "2/3/O1"]
    keep(tmp_path, *FILE)
    assert kept(tmp_path) == [*left, "2/3/O1"]


def test_a_bust_from_before_ids_had_their_day_keeps_one_fill_away_and_no_later_days(
    tmp_path: Path,
) -> None:
    keep(tmp_path, report(2, "1", "O1"), report(2, "9", "O1", cancels="1"), report(2, "2", "O1"))
    as_before_days(tmp_path)
    assert keep(tmp_path, report(2, "1", "O1")).left_out == 1
    assert keep(tmp_path, report(3, "1", "O1")).added == 1
    assert keep(tmp_path, report(2, "1", "O1")).left_out == 1
    assert kept(tmp_path) == ["2/2/O1", "3/1/O1"]
