"""Keeping imported fills: upserted by id, taken back, corrected, whole whatever happens."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import permutations
from pathlib import Path
from random import Random

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mechexo.config.costs import CostSettings
from mechexo.costs.imports import keeping
from mechexo.costs.imports.keeping import planned
from mechexo.costs.imports.merging import Kept, Merged, merged
from mechexo.costs.imports.rows import schema
from mechexo.costs.imports.values import Changes
from mechexo.costs.sources import read_fills
from mechexo.costs.sources.imported import JOURNAL, TAKEN_BACK
from mechexo.costs.sources.protocol import Window
from mechexo.errors import BusyError, UnreachableError
from support.small_disk import FILLER, fill

pytestmark = pytest.mark.slow

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
DAY = timedelta(days=1)
ALWAYS = Window(NOON - 30 * DAY, NOON + 30 * DAY)
SETTINGS = CostSettings(fills="imported", folder="costs")


def fills(*rows: dict[str, object], tags: Sequence[str] = ()) -> pl.DataFrame:
    names = schema(tags)
    plain = {"ts": NOON, "symbol": "A", "side": "buy", "quantity": 1.0, "price": 1.0,
             "multiplier": 1.0}  # fmt: skip
    cells = [[{**plain, **row}.get(name) for name in names] for row in rows]
    return pl.DataFrame(cells, schema=names, orient="row")


def keep(folder: Path, frame: pl.DataFrame, *taken_back: str) -> Changes:
    with planned(folder / "costs" / "fills", frame, taken_back, dry_run=False) as (plan, staged):
        staged.take_places()
    return plan.changes


def kept(folder: Path, *columns: str) -> list[tuple[object, ...]]:
    frame = read_fills(SETTINGS, folder, ALWAYS).frame
    return frame.sort("fill_id").select(columns or ("fill_id", "price")).rows()


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "costs" / "fills").iterdir())


def test_each_utc_day_has_its_file(tmp_path: Path) -> None:
    late = datetime(2026, 3, 2, 23, 59, 59, 999999, tzinfo=UTC)
    first = keep(tmp_path, fills({"fill_id": "1", "ts": late}, {"fill_id": "2", "ts": NOON + DAY}))
    assert (first.added, first.days) == (2, (date(2026, 3, 2), date(2026, 3, 3)))
    assert files(tmp_path) == [".lock", "2026-03-02.parquet", "2026-03-03.parquet"]
    assert kept(tmp_path, "fill_id", "ts") == [("1", late), ("2", NOON + DAY)]


def test_the_same_file_again_changes_nothing(tmp_path: Path) -> None:
    frame = fills({"fill_id": "1"}, {"fill_id": "2", "commission": 0.1, "venue": "X"})
    keep(tmp_path, frame)
    before = (tmp_path / "costs/fills/2026-03-02.parquet").stat()
    assert keep(tmp_path, frame.reverse()) == Changes(unchanged=2)
    assert (tmp_path / "costs/fills/2026-03-02.parquet").stat() == before


def test_a_fill_of_a_known_id_takes_the_place_of_the_old_one(tmp_path: Path) -> None:
    keep(tmp_path, fills({"fill_id": "1"}, {"fill_id": "2"}))
    changes = keep(tmp_path, fills({"fill_id": "1", "price": 2.0}, {"fill_id": "3"}))
    assert changes == Changes(added=1, replaced=1, days=(date(2026, 3, 2),))
    assert kept(tmp_path) == [("1", 2.0), ("2", 1.0), ("3", 1.0)]


@pytest.mark.parametrize(
    ("before", "after", "reused"),
    [
        ({"order_id": "o1"}, {"order_id": "o1", "price": 2.0}, 0),
        ({"order_id": "o1"}, {"order_id": "o2"}, 1),
        ({"order_id": "o1"}, {"ts": NOON + timedelta(seconds=1), "order_id": "o1"}, 1),
        ({}, {"ts": NOON + DAY}, 1),
        ({}, {"order_id": "o1"}, 0),
        ({"order_id": "o1"}, {}, 0),
        ({"order_id": "o1"}, {"order_id": "o2", "replaces": "1"}, 0),
    ],
)
def test_a_fill_of_another_moment_or_order_under_a_known_id_is_counted(
    tmp_path: Path, before: dict[str, object], after: dict[str, object], reused: int
) -> None:
    keep(tmp_path, fills({"fill_id": "1", **before}, {"fill_id": "2"}))
    changes = keep(tmp_path, fills({"fill_id": "1", **after}))
    assert (changes.added, changes.replaced, changes.reused) == (0, 1, reused)


def test_a_fill_that_moves_to_another_day_leaves_the_old_one(tmp_path: Path) -> None:
    keep(tmp_path, fills({"fill_id": "1"}))
    changes = keep(tmp_path, fills({"fill_id": "1", "ts": NOON + DAY, "replaces": "1"}))
    assert changes.days == (date(2026, 3, 2), date(2026, 3, 3))
    assert files(tmp_path) == [".lock", "2026-03-03.parquet"]
    assert kept(tmp_path, "fill_id", "ts") == [("1", NOON + DAY)]


def test_a_fill_that_is_taken_back_leaves_and_stays_away(tmp_path: Path) -> None:
    first = fills({"fill_id": "1"}, {"fill_id": "2", "ts": NOON + DAY})
    keep(tmp_path, first)
    changes = keep(tmp_path, fills(), "2")
    assert (changes.removed, changes.days) == (1, (date(2026, 3, 3),))
    assert kept(tmp_path) == [("1", 1.0)]
    again = keep(tmp_path, first)
    assert (again.unchanged, again.left_out, again.days) == (1, 1, ())
    assert kept(tmp_path) == [("1", 1.0)]


def test_a_bust_may_come_before_its_fill(tmp_path: Path) -> None:
    assert keep(tmp_path, fills(), "1") == Changes(unmatched=1)
    assert keep(tmp_path, fills({"fill_id": "1"})).left_out == 1
    assert read_fills(SETTINGS, tmp_path, ALWAYS).frame.is_empty()


def test_a_chain_of_corrections_leaves_the_last_one(tmp_path: Path) -> None:
    steps = [
        fills({"fill_id": "1"}),
        fills({"fill_id": "2", "replaces": "1", "price": 2.0}),
        fills({"fill_id": "3", "replaces": "2", "price": 3.0, "ts": NOON + DAY}),
    ]
    for place, order in enumerate(permutations(steps)):
        folder = tmp_path / str(place)
        for step in order:
            keep(folder, step)
        assert kept(folder) == [("3", 3.0)]


def test_a_correction_under_the_same_id_outlasts_its_first_report(tmp_path: Path) -> None:
    first = fills({"fill_id": "1"})
    keep(tmp_path, first)
    assert keep(tmp_path, fills({"fill_id": "1", "replaces": "1", "price": 2.0})).replaced == 1
    assert keep(tmp_path, first) == Changes(unchanged=1)
    assert kept(tmp_path) == [("1", 2.0)]


def test_tags_may_come_and_go(tmp_path: Path) -> None:
    keep(tmp_path, fills({"fill_id": "1"}))
    keep(tmp_path, fills({"fill_id": "2", "algo": "pov"}, tags=["algo"]))
    assert keep(tmp_path, fills({"fill_id": "1"}, tags=["algo"])) == Changes(unchanged=1)
    tagged = CostSettings(fills="imported", folder="costs", tags=("algo",))
    frame = read_fills(tagged, tmp_path, ALWAYS).frame
    assert frame.sort("fill_id")["algo"].to_list() == [None, "pov"]


def test_only_the_days_of_the_window_are_opened(tmp_path: Path) -> None:
    keep(tmp_path, fills({"fill_id": "1"}, {"fill_id": "2", "ts": NOON + 5 * DAY}))
    (tmp_path / "costs/fills/2026-03-07.parquet").write_bytes(b"rubbish")
    window = Window(NOON - DAY, NOON + DAY)
    assert read_fills(SETTINGS, tmp_path, window).frame["fill_id"].to_list() == ["1"]
    with pytest.raises(UnreachableError, match=r"2026-03-07.parquet cannot be read"):
        read_fills(SETTINGS, tmp_path, ALWAYS)
    with pytest.raises(UnreachableError, match=r"2026-03-07.parquet cannot be read"):
        keep(tmp_path, fills({"fill_id": "1"}))


def test_a_window_without_fills_is_an_empty_table_with_its_columns(tmp_path: Path) -> None:
    keep(tmp_path, fills({"fill_id": "1"}))
    frame = read_fills(SETTINGS, tmp_path, Window(NOON + 9 * DAY, NOON + 10 * DAY)).frame
    assert frame.is_empty()
    assert {"fill_id", "ts", "symbol", "quantity", "price"} <= set(frame.columns)


def test_before_the_first_import_the_way_in_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnreachableError, match="mechexo costs import FILE"):
        read_fills(SETTINGS, tmp_path, ALWAYS)


def test_a_dry_run_makes_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "costs" / "fills"
    with planned(folder, fills({"fill_id": "1"}), ("2",), dry_run=True) as (plan, staged):
        assert plan.changes == Changes(added=1, unmatched=1, days=(date(2026, 3, 2),))
        assert staged.files == {}
    assert not folder.exists()


def test_an_import_that_is_given_up_leaves_everything_as_it_was(tmp_path: Path) -> None:
    keep(tmp_path, fills({"fill_id": "1"}))
    before = files(tmp_path)
    with pytest.raises(RuntimeError), planned(
        tmp_path / "costs" / "fills", fills({"fill_id": "1", "price": 9.0}), (), dry_run=False
    ):  # fmt: skip
        raise RuntimeError
    assert (files(tmp_path), kept(tmp_path)) == (before, [("1", 1.0)])


KILLED = """
import os, signal, sys
from pathlib import Path
from costs.test_costs_imports_keeping import DAY, NOON, fills, keep

done, renames, replace = 0, int(sys.argv[2]), Path.replace

def counted(path, target):
    global done
    if path.name.startswith((".2026", ".taken_back")):
        if done == renames:
            os.kill(os.getpid(), signal.SIGKILL)
        done += 1
    return replace(path, target)

Path.replace = counted
keep(Path(sys.argv[1]), fills({"fill_id": "1", "ts": NOON + DAY, "replaces": "1"}), "2")
"""


def killed_after(folder: Path, renames: int) -> None:
    """Imports in a process that is killed when so many files have taken their places."""
    tests = str(Path(__file__).parents[1])
    process = subprocess.run(
        [sys.executable, "-c", KILLED, str(folder), str(renames)],
        env={**os.environ, "PYTHONPATH": tests},
        check=False,
    )
    assert process.returncode == -signal.SIGKILL


@pytest.mark.slow
@pytest.mark.parametrize("renames", [0, 1])
def test_a_killed_import_is_finished_by_whoever_comes_next(tmp_path: Path, renames: int) -> None:
    keep(tmp_path, fills({"fill_id": "1"}, {"fill_id": "2"}, {"fill_id": "3"}))
    killed_after(tmp_path, renames)
    assert JOURNAL in files(tmp_path)
    expected = [("1", NOON + DAY), ("3", NOON)]
    assert kept(tmp_path, "fill_id", "ts") == expected
    assert keep(tmp_path, fills({"fill_id": "2"})).left_out == 1
    assert files(tmp_path) == [".lock", "2026-03-02.parquet", "2026-03-03.parquet", TAKEN_BACK]
    assert kept(tmp_path, "fill_id", "ts") == expected


def test_a_full_disk_leaves_what_was_there(
    small_disk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(small_disk, fills({"fill_id": "1"}))
    before = files(small_disk)
    fill(small_disk)
    many = fills(*({"fill_id": str(n), "price": n * 1.1, "venue": f"v{n}"} for n in range(20_000)))
    with pytest.raises(UnreachableError, match="No space left"):
        keep(small_disk, many)
    (small_disk / FILLER).unlink()
    assert (files(small_disk), kept(small_disk)) == (before, [("1", 1.0)])


def test_imports_and_reports_wait_for_each_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mechexo.costs.sources import imported

    keep(tmp_path, fills({"fill_id": "1"}))
    monkeypatch.setattr(imported, "WAIT_S", 0.05)
    with keeping.held(tmp_path / "costs" / "fills"):
        with pytest.raises(BusyError, match="try again"):
            keep(tmp_path, fills({"fill_id": "2"}))
        with pytest.raises(BusyError, match="try again"):
            kept(tmp_path)
    with imported.shared(tmp_path / "costs" / "fills"):
        assert kept(tmp_path) == [("1", 1.0)]
        with pytest.raises(BusyError):
            keep(tmp_path, fills({"fill_id": "2"}))


def test_what_is_gone_is_written_for_people_too(tmp_path: Path) -> None:
    keep(tmp_path, fills({"fill_id": "2", "replaces": "1"}), "7")
    document = json.loads((tmp_path / "costs" / "fills" / TAKEN_BACK).read_text())
    assert document["ids"] == {"1": "correct", "7": "bust"}


IDS = st.sampled_from("abcdef")
Event = tuple[dict[str, object] | None, str | None]
"""A fill, or the id of one that is taken back."""


@st.composite
def histories(draw: st.DrawFn) -> list[Event]:
    """What a broker reports: each id once, some corrected under a new id, some taken back."""
    events: list[Event] = []
    for name in draw(st.lists(IDS, unique=True, max_size=6)):
        chain = draw(st.integers(0, 3))
        for step in range(chain + 1):
            row: dict[str, object] = {
                "fill_id": f"{name}{step}",
                "ts": NOON + draw(st.integers(0, 2)) * DAY,
                "price": 1.0 + step,
                "replaces": f"{name}{step - 1}" if step else None,
            }
            events.append((row, None))
        if draw(st.booleans()):
            events.append((None, f"{name}{chain}"))
    return events


def apply(days: dict[date, pl.DataFrame], gone: dict[str, str], event: Event) -> Merged:
    row, bust = event
    frame = fills(row) if row else fills()
    plan = merged(Kept(days, gone), frame, (bust,) if bust else ())
    days.update(plan.days)
    gone.update(plan.gone)
    return plan


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(histories(), st.randoms(use_true_random=False))
def test_what_stands_in_the_end_does_not_depend_on_the_order_of_reports(
    history: list[Event], random: Random
) -> None:
    shuffled = list(history) + random.sample(history, k=len(history) // 2)
    random.shuffle(shuffled)
    days: dict[date, pl.DataFrame] = {}
    gone: dict[str, str] = {}
    for event in shuffled:
        apply(days, gone, event)
    # The oracle: whatever nothing replaces and nothing takes back.
    away = {bust for _, bust in history if bust} | {
        row["replaces"] for row, _ in history if row and row["replaces"]
    }
    expected = {
        (row["fill_id"], row["ts"], row["price"])
        for row, _ in history
        if row and row["fill_id"] not in away
    }
    stands = [
        tuple(each)
        for frame in days.values()
        for each in frame.select("fill_id", "ts", "price").rows()
    ]
    assert sorted(stands) == sorted(expected)
    for day, frame in days.items():
        assert frame["ts"].dt.date().unique().to_list() in ([day], [])


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(histories())
def test_every_fill_of_an_import_is_counted_once(
    history: list[Event],
) -> None:
    days: dict[date, pl.DataFrame] = {}
    gone: dict[str, str] = {}
    for event in history * 2:
        changes = apply(days, gone, event).changes
        counted = changes.added + changes.replaced + changes.unchanged + changes.left_out
        assert counted == (1 if event[0] else 0)
