"""`mechexo costs ingest` as scripts and people see it, and as it survives being killed."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from costs.store_rows import MIDNIGHT, SETTINGS, content, new_desk, put, quotes, store_of
from mechexo.desk import Desk
from support.program import command, document, environment, mechexo, on_terminal, one_line
from support.small_disk import FILLER, fill

pytestmark = pytest.mark.slow


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """A desk with two days of quotes in one file, one row of them twice."""
    desk = new_desk(tmp_path / "desk")
    rows = [(MIDNIGHT + timedelta(hours=h), "AAA", 1.0, 2.0, h) for h in (30, 1, 2, 2)]
    put(desk, "0.parquet", quotes(rows))
    return desk


def test_the_document_says_what_was_done_and_found(desk: Desk) -> None:
    done = mechexo("costs", "ingest", "--json", config=desk.config_path)
    assert (done.returncode, done.stderr) == (0, "")
    said = document(done)
    assert said["schema"] == "mechexo.costs_ingest/1"
    assert {"at", "store", "source", "zone", "unchanged", "kept", "removed", "left_out"} <= set(
        said
    )
    assert (said["rows"], said["unreadable"], said["zone"]) == (3, 0, "America/New_York")
    day = said["days"][0]
    assert (day["day"], day["rows"], day["symbols"]) == ("2026-03-08", 2, 1)
    assert (day["duplicates"], day["ties"], day["disordered"]) == (1, 0, 0)
    assert day["first"] == "2026-03-08T06:00:00.000000Z"
    assert day["columns"] == ["sid", "ts", "seq", "bid", "ask"]
    again = document(mechexo("costs", "ingest", "--json", config=desk.config_path))
    assert (again["days"], again["unchanged"]) == ([], ["2026-03-08", "2026-03-09"])


def test_the_table_says_it_to_people(desk: Desk) -> None:
    done = mechexo("costs", "ingest", config=desk.config_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "2 days written, 3 rows; 0 unchanged" in done.stdout
    assert "duplicates dropped" in done.stdout
    again = mechexo("costs", "ingest", "--from", "2026-03-09", config=desk.config_path)
    assert "none, the store is up to date" in again.stdout
    assert "1 unchanged" in again.stdout


def test_progress_is_shown_on_a_terminal_only(desk: Desk) -> None:
    shown = on_terminal("costs", "ingest", "--rebuild", config=desk.config_path)
    assert "2026-03-09, day 2 of 2" in shown
    assert mechexo("costs", "ingest", "--rebuild", config=desk.config_path).stderr == ""


def test_the_check_says_whether_the_store_is_whole(desk: Desk) -> None:
    missing = mechexo("costs", "ingest", "--check", config=desk.config_path)
    assert (missing.returncode, "holds no day" in missing.stdout) == (1, True)
    mechexo("costs", "ingest", config=desk.config_path)
    whole = mechexo("costs", "ingest", "--check", config=desk.config_path)
    assert (whole.returncode, "the tick store is whole" in whole.stdout) == (0, True)
    day = store_of(desk).days_folder / "2026-03-08.parquet"
    day.write_bytes(day.read_bytes()[:-9])
    broken = mechexo("costs", "ingest", "--check", "--json", config=desk.config_path)
    assert broken.returncode == 1
    assert "2026-03-08.parquet" in document(broken)["faults"][0]
    cure = ["--rebuild", "--from", "2026-03-08", "--to", "2026-03-08"]
    assert document(broken)["faults"][0].endswith(" ".join(["mechexo costs ingest", *cure]))
    assert mechexo("costs", "ingest", *cure, config=desk.config_path).returncode == 0
    assert mechexo("costs", "ingest", "--check", config=desk.config_path).returncode == 0


def test_a_damaged_day_is_told_as_mended_or_fails_the_run(desk: Desk) -> None:
    mechexo("costs", "ingest", config=desk.config_path)
    day = store_of(desk).path(date(2026, 3, 8))
    day.write_bytes(day.read_bytes()[:-9])
    mended = mechexo("costs", "ingest", config=desk.config_path)
    assert mended.returncode == 0
    assert f"▲ 2026-03-08 made anew: {day} is no longer the file that ingest wrote" in mended.stdout
    assert "up to date" not in mended.stdout
    day.unlink()
    (desk.root / "quotes" / "0.parquet").unlink()
    put(desk, "1.parquet", quotes([(MIDNIGHT + timedelta(hours=30), "AAA", 1.0, 2.0, 1)]))
    lost = mechexo("costs", "ingest", "--json", config=desk.config_path)
    assert lost.returncode == 1
    assert document(lost)["mended"] == []
    assert "is gone" in document(lost)["left_out"][0]["reason"]


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        (["--from", "soon"], 2, "is not a date"),
        (["nowhere/*.parquet"], 5, "no file matches"),
        (["--from", "2026-03-09", "--to", "2026-03-08"], 2, "the last is before the first"),
    ],
)
def test_words_that_do_not_fit_are_one_line(
    desk: Desk, words: list[str], code: int, text: str
) -> None:
    done = mechexo("costs", "ingest", *words, config=desk.config_path)
    assert (done.returncode, done.stdout) == (code, "")
    one_line(done, text)


def test_costs_on_the_store_are_those_on_the_files(desk: Desk) -> None:
    moments = [MIDNIGHT + timedelta(hours=1, seconds=n) for n in (5, 30, 400)]
    fills = {"fill_id": ["a", "b", "c"], "ts": moments, "symbol": "AAA", "side": "buy"}
    numbers = {"quantity": 10.0, "price": 1.51, "commission": 0.0}
    pl.DataFrame(fills | numbers).write_parquet(desk.root / "fills.parquet")
    period = ("costs", "--from", "2026-03-08", "--to", "2026-03-08", "--json")
    plain = document(mechexo(*period, config=desk.config_path))
    assert plain["coverage"]["priced"] == 2
    mechexo("costs", "ingest", config=desk.config_path)
    text = desk.config_path.read_text()
    desk.config_path.write_text(text.replace('"quotes/*.parquet"', '"store"'))
    stored = document(mechexo(*period, config=desk.config_path))
    assert {**stored, "at": None} == {**plain, "at": None}


def many(days: int, a_day: int, seed: int = 1) -> pl.DataFrame:
    dice = random.Random(seed)
    moments = sorted(dice.randrange(days * 86_400 * 10**6) for _ in range(days * a_day))
    bids = [dice.randrange(9_000, 11_000) / 100 for _ in moments]
    return pl.DataFrame(
        {
            "ts": [MIDNIGHT + timedelta(microseconds=at) for at in moments],
            "symbol": [f"S{dice.randrange(40):02}" for _ in moments],
            "bid": bids,
            "ask": [bid + 0.02 for bid in bids],
            "seq": range(len(moments)),
        }
    )


@pytest.mark.slow
def test_a_run_killed_at_any_moment_leaves_a_whole_store_and_is_gone_on_with(
    tmp_path: Path,
) -> None:
    rows = many(days=12, a_day=3_000)
    whole, killed = new_desk(tmp_path / "whole"), new_desk(tmp_path / "killed")
    for desk in (whole, killed):
        for part in range(3):
            put(desk, f"{part}.parquet", rows[part::3])
    words = ["costs", "ingest", "--json"]
    started = time.monotonic()
    assert mechexo(*words, config=whole.config_path).returncode == 0
    took_s = time.monotonic() - started
    dice = random.Random(7)
    cut_short, seen = 0, set()
    for _ in range(25):
        running = subprocess.Popen(
            command(*words, config=killed.config_path),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment(),
        )
        try:
            running.communicate(timeout=took_s * dice.uniform(0.3, 1.0))
        except subprocess.TimeoutExpired:
            running.send_signal(signal.SIGKILL)
            running.communicate()
            cut_short += 1
        found = len(list(store_of(killed).days_folder.glob("????-??-??.parquet")))
        checked = mechexo("costs", "ingest", "--check", "--json", config=killed.config_path)
        faults = document(checked)["faults"]
        assert faults == [] or (found == 0 and "holds no day" in faults[0])
        seen.add(found)
        if found == 12:
            break
    done = mechexo(*words, config=killed.config_path)
    assert done.returncode == 0, done.stderr
    assert cut_short
    one, other = content(store_of(whole)), content(store_of(killed))
    assert one.keys() == other.keys()
    for day, frame in one.items():
        assert_frame_equal(frame, other[day])
    left = {path.name for path in store_of(killed).folder.rglob("*") if path.is_file()}
    assert left == {path.name for path in store_of(whole).folder.rglob("*") if path.is_file()}
    audited = {
        day
        for entry in killed.audit_entries()
        if entry.action == "costs.ingest"
        for payload in [json.loads(entry.payload)]
        for day in [*payload["after"]["days"], *payload.get("of a run that was cut off", [])]
    }
    assert audited == set(one)


@pytest.mark.slow
@pytest.mark.parametrize("room_bytes", [0, 4_096, 40_000, 120_000])
def test_a_disk_that_fills_up_leaves_no_half_day(
    tmp_path: Path, small_disk: Path, room_bytes: int
) -> None:
    settings = SETTINGS + f'store = "{small_disk / "ticks"}"\n'
    desk = new_desk(tmp_path / "desk", settings)
    rows = many(days=3, a_day=4_000)
    put(desk, "0.parquet", rows)
    first = ("costs", "ingest", "--to", "2026-03-08")
    assert mechexo(*first, config=desk.config_path).returncode == 0
    before = content(store_of(desk))
    fill(small_disk, but_bytes=room_bytes)
    done = mechexo("costs", "ingest", config=desk.config_path)
    assert (done.returncode, done.stdout) == (5, "")
    one_line(done, "cannot be written: ", "No space left on device")
    after = content(store_of(desk))
    assert_frame_equal(after["2026-03-08"], before["2026-03-08"])
    left = [path.name for path in store_of(desk).folder.rglob("*") if path.is_file()]
    assert not [name for name in left if name.startswith(".") and name != ".lock"], left
    (small_disk / FILLER).unlink()
    assert mechexo("costs", "ingest", "--check", config=desk.config_path).returncode == 0
    assert mechexo("costs", "ingest", config=desk.config_path).returncode == 0
    assert sum(map(len, content(store_of(desk)).values())) == len(rows)


MEASURED = """
import sys
sys.argv = ["mechexo", *sys.argv[1:]]
from mechexo.cli import main
try:
    main()
finally:
    # Of this program alone: ru_maxrss would start at its parent's.
    peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
    print(peak.split()[1], file=sys.stderr)
"""


@pytest.mark.slow
def test_memory_does_not_grow_with_the_source(tmp_path: Path) -> None:
    """Four times the rows of a day, all of one symbol: it is put in order in pieces."""

    def peak_kb(rows: int) -> int:
        desk = new_desk(tmp_path / str(rows), SETTINGS + "memory_mb = 128\n")
        spread = pl.int_range(rows, dtype=pl.Int64) * (80_000_000_000 // rows)
        pl.select(
            ts=(pl.lit(MIDNIGHT) + spread.cast(pl.Duration("us"))).sort_by(spread * 7919 % rows),
            symbol=pl.lit("AAA"),
            bid=100 + (spread % 77) / 100,
            ask=101 + (spread % 77) / 100,
        ).write_parquet(desk.root / "quotes" / "0.parquet", row_group_size=100_000)
        done = subprocess.run(
            [sys.executable, "-c", MEASURED, "--config", desk.config_path, "costs", "ingest"],
            capture_output=True,
            text=True,
            env=environment(),
            check=True,
        )
        assert f"{rows:,} rows" in done.stdout
        return int(done.stderr)

    assert peak_kb(8_000_000) < 1.4 * peak_kb(2_000_000)
