"""Files of the tick store that are damaged, replaced or gone: found, mended, or named with what
mends them."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from costs.store_rows import (
    MIDNIGHT,
    SETTINGS,
    content,
    follow,
    new_desk,
    of_day,
    on_store,
    put,
    store_of,
)
from mechexo.costs.ingest import check, ingest
from mechexo.costs.sources.protocol import Window
from mechexo.costs.sources.reading import read_quotes
from mechexo.desk import Desk
from mechexo.errors import UnreachableError

pytestmark = pytest.mark.slow

DAYS = [date(2026, 3, 8) + timedelta(days=n) for n in range(3)]
DAY = DAYS[1]
CURE = f"mechexo costs ingest --rebuild --from {DAY} --to {DAY}"


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """A desk whose store has three days of quotes, from a file each."""
    desk = new_desk(tmp_path / "desk")
    for number in range(3):
        put(desk, f"{number}.parquet", of_day(number, each=50))
    ingest(desk)
    return desk


def day_file(desk: Desk) -> Path:
    return store_of(desk).path(DAY)


def flip(path: Path, place: int) -> None:
    held = bytearray(path.read_bytes())
    held[place % len(held)] ^= 0x55
    path.write_bytes(held)


def rewrite(path: Path) -> None:
    """Other prices under the same facts, as a tool may do that means well."""
    facts = pl.read_parquet_metadata(path)
    del facts["ARROW:schema"]
    rows = pl.read_parquet(path)
    rows.with_columns(bid=pl.col("bid") - 1).write_parquet(path, metadata=facts)


def keeping_its_times(path: Path, harm: Callable[[Path], None]) -> None:
    before = path.stat()
    harm(path)
    assert path.stat().st_size == before.st_size
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


HARMS: dict[str, Callable[[Path], None]] = {
    "a byte of its rows flipped": lambda path: flip(path, 100),
    "a byte of its end flipped": lambda path: flip(path, -20),
    "truncated": lambda path: path.write_bytes(path.read_bytes()[:-30]) and None,
    "empty": lambda path: path.write_bytes(b"") and None,
    "no Parquet": lambda path: path.write_bytes(b"quotes\n" * 99) and None,
    "another day's": lambda path: shutil.copy(path.with_stem(str(DAYS[2])), path) and None,
    "of other prices": rewrite,
    "gone": Path.unlink,
}


@pytest.mark.parametrize("harm", HARMS)
def test_a_day_whose_file_was_harmed_is_made_anew(desk: Desk, harm: str) -> None:
    before = content(store_of(desk))
    HARMS[harm](day_file(desk))
    report = ingest(desk)
    assert [facts.day for facts in report.written] == [DAY]
    assert day_file(desk).name in report.mended[DAY]
    assert report.unchanged == (DAYS[0], DAYS[2])
    after = content(store_of(desk))
    assert after.keys() == before.keys()
    for day, rows in before.items():
        assert_frame_equal(after[day], rows)
    assert check(desk) == ()
    again = ingest(desk)
    assert (again.written, again.mended, again.unchanged) == ((), {}, tuple(DAYS))
    told = [json.loads(entry.payload) for entry in desk.audit_entries()][-1]
    assert told["whose files were damaged or gone"] == [DAY.isoformat()]


@pytest.mark.parametrize("harm", HARMS)
def test_the_check_names_a_harmed_day_and_a_command_that_mends_it(desk: Desk, harm: str) -> None:
    HARMS[harm](day_file(desk))
    faults = check(desk)
    assert faults
    for fault in faults:
        assert fault.startswith(str(day_file(desk)))
        assert fault.endswith(f"make the day anew with: {CURE}")
    assert [facts.day for facts in follow(desk, CURE).written] == [DAY]
    assert check(desk) == ()


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(place=st.integers(0, 10_000))
def test_no_flipped_byte_escapes_the_check_whatever_the_files_time_says(
    desk: Desk, place: int
) -> None:
    whole, kept = day_file(desk).read_bytes(), day_file(desk).stat()
    keeping_its_times(day_file(desk), lambda path: flip(path, place))
    try:
        assert any(CURE in fault for fault in check(desk))
    finally:
        day_file(desk).write_bytes(whole)
        os.utime(day_file(desk), ns=(kept.st_atime_ns, kept.st_mtime_ns))
    assert check(desk) == ()


def test_a_file_of_the_same_size_and_time_is_not_opened_by_a_run(desk: Desk) -> None:
    """What makes a run over years of unchanged days short; the check opens it."""
    keeping_its_times(day_file(desk), lambda path: flip(path, 100))
    report = ingest(desk)
    assert (report.written, report.unchanged) == ((), tuple(DAYS))
    assert "whatever its time says" in check(desk)[0]
    follow(desk, CURE)
    assert check(desk) == ()


def test_a_file_that_was_only_touched_stands(desk: Desk) -> None:
    os.utime(day_file(desk))
    assert check(desk) == ()
    assert ingest(desk).unchanged == tuple(DAYS)
    manifest = json.loads((store_of(desk).folder / "manifest.json").read_bytes())
    found = day_file(desk).stat()
    assert manifest["days"][str(DAY)]["file"] == [found.st_size, found.st_mtime_ns]


@pytest.mark.parametrize("harm", ["truncated", "empty", "no Parquet", "another day's"])
@pytest.mark.parametrize("reading", ["of one day", "of all days"])
def test_reading_a_harmed_day_names_the_command_that_mends_it(
    desk: Desk, harm: str, reading: str
) -> None:
    HARMS[harm](day_file(desk))
    stored = on_store(desk)
    start = MIDNIGHT + timedelta(days=1 if reading == "of one day" else 0)
    window = Window(start, MIDNIGHT + timedelta(days=2 if reading == "of one day" else 3))
    for read in (
        lambda: read_quotes(stored.settings.costs, stored.root, window),
        lambda: store_of(stored).read(window),
    ):
        with pytest.raises(UnreachableError) as told:
            read()
        assert str(told.value).startswith(f"{day_file(desk)} cannot be read: ")
        assert str(told.value).endswith(f"; make the day anew with: {CURE}")
    follow(stored, CURE)
    assert read_quotes(stored.settings.costs, stored.root, window).frame.height


def test_rows_that_cannot_be_unpacked_name_the_command_too(desk: Desk) -> None:
    """The end of the file is whole, so that only reading its rows tells."""

    def spoil(path: Path) -> None:
        held = path.read_bytes()
        path.write_bytes(held[:4] + b"\xff" * (len(held) // 2) + held[4 + len(held) // 2 :])

    keeping_its_times(day_file(desk), spoil)
    stored = on_store(desk)
    window = Window(MIDNIGHT + timedelta(days=1), MIDNIGHT + timedelta(days=2))
    for read in (
        lambda: read_quotes(stored.settings.costs, stored.root, window),
        lambda: store_of(stored).read(window),
    ):
        with pytest.raises(UnreachableError, match=rf"{DAY}\.parquet cannot be read: .*{CURE}$"):
            read()


def test_a_harmed_day_without_a_source_is_named_until_something_is_done(desk: Desk) -> None:
    source = desk.root / "quotes" / "1.parquet"
    held = source.read_bytes()
    source.unlink()
    HARMS["truncated"](day_file(desk))
    for _ in range(2):
        report = ingest(desk)
        assert (report.written, report.kept) == ((), ())
        assert report.left_out[DAY].endswith(
            f"and the source has nothing of that day: put its quotes back and run {CURE}, "
            "or do without it and remove it"
        )
    assert CURE in check(desk)[0]
    source.write_bytes(held)
    follow(desk, CURE)
    assert check(desk) == ()


def test_a_day_whose_file_and_source_are_gone_is_told_once_and_on_record(desk: Desk) -> None:
    source = desk.root / "quotes" / "1.parquet"
    source.unlink()
    day_file(desk).unlink()
    assert ingest(desk, last=DAYS[0]).left_out == {}
    assert "is gone" in check(desk)[0]
    report = ingest(desk)
    assert "2026-03-09.parquet is gone, and the source has nothing" in report.left_out[DAY]
    assert json.loads(desk.audit_entries()[-1].payload)["left out"] == [DAY.isoformat()]
    assert (ingest(desk).left_out, check(desk)) == ({}, ())


def test_a_harmed_day_is_not_made_of_a_part_of_its_source_unasked(desk: Desk) -> None:
    put(desk, "9.parquet", of_day(1, "ZZZ", each=50))
    ingest(desk)
    part = desk.root / "quotes" / "9.parquet"
    held, stamp = part.read_bytes(), part.stat()
    part.unlink()
    HARMS["truncated"](day_file(desk))
    for _ in range(2):
        report = ingest(desk)
        assert report.written == ()
        assert f"no longer has {part}" in report.left_out[DAY]
        assert report.left_out[DAY].endswith(CURE)
    part.write_bytes(held)
    os.utime(part, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    assert list(ingest(desk).mended) == [DAY]
    assert set(content(store_of(desk))[str(DAY)]["symbol"]) == {"AAA", "BBB", "ZZZ"}
    part.unlink()
    HARMS["truncated"](day_file(desk))
    assert list(follow(desk, CURE).mended) == [DAY]
    assert set(content(store_of(desk))[str(DAY)]["symbol"]) == {"AAA", "BBB"}


def test_a_harmed_day_outside_the_days_that_are_asked_for_is_still_known_later(desk: Desk) -> None:
    HARMS["of other prices"](day_file(desk))
    put(desk, "0.parquet", of_day(0, "NEW", each=50))
    assert [facts.day for facts in ingest(desk, last=DAYS[0]).written] == [DAYS[0]]
    assert list(ingest(desk).mended) == [DAY]


def test_days_of_a_database_are_mended_too(tmp_path: Path) -> None:
    desk = new_desk(
        tmp_path / "desk", SETTINGS.replace("quotes/*.parquet", "sqlite:///q.sqlite?table=quotes")
    )
    rows = of_day(1, each=50).with_columns(pl.col("ts").dt.strftime("%Y-%m-%dT%H:%M:%S%.6fZ"))
    with sqlite3.connect(desk.root / "q.sqlite") as database:
        database.execute("CREATE TABLE quotes (ts, symbol, bid, ask, seq)")
        database.executemany("INSERT INTO quotes VALUES (?,?,?,?,?)", rows.rows())
    period = {"first": DAYS[0], "last": DAYS[2]}
    ingest(desk, **period)
    HARMS["of other prices"](day_file(desk))
    assert list(ingest(desk, **period).mended) == [DAY]
    assert check(desk) == ()
    with sqlite3.connect(desk.root / "q.sqlite") as database:
        database.execute("DELETE FROM quotes")
    HARMS["truncated"](day_file(desk))
    assert "the source has nothing of that day" in ingest(desk, **period).left_out[DAY]


def test_a_ledger_that_kept_no_digests_still_tells_changed_files(desk: Desk) -> None:
    ledger = store_of(desk).folder / "manifest.json"
    found = json.loads(ledger.read_bytes())
    for entry in found["days"].values():
        del entry["sha256"]
    ledger.write_text(json.dumps(found))
    assert ingest(desk).unchanged == tuple(DAYS)
    assert check(desk) == ()
    HARMS["of other prices"](day_file(desk))
    assert list(ingest(desk).mended) == [DAY]


def test_a_lost_ledger_is_made_anew_from_the_files_that_are_sound(desk: Desk) -> None:
    (store_of(desk).folder / "manifest.json").write_bytes(b"{")
    rows = pl.read_parquet(day_file(desk))
    facts = pl.read_parquet_metadata(day_file(desk))
    del facts["ARROW:schema"]
    rows.reverse().write_parquet(day_file(desk), metadata=facts)
    report = ingest(desk)
    assert (list(report.mended), report.unchanged) == ([DAY], (DAYS[0], DAYS[2]))
    assert check(desk) == ()


def test_a_damaged_record_of_the_source_is_named_and_a_rebuild_does_without(desk: Desk) -> None:
    (store_of(desk).folder / "sources.json").write_bytes(b"{")
    cure = r'make it anew, naming the quotes: mechexo costs ingest "quotes/\*.parquet" --rebuild$'
    with pytest.raises(UnreachableError, match=cure):
        ingest(on_store(desk))
    with pytest.raises(UnreachableError, match=cure):
        ingest(desk)
    assert len(ingest(on_store(desk), source="quotes/*.parquet", rebuild=True).written) == 3
    assert check(desk) == ()


def test_a_whole_rebuild_of_a_harmed_day_leaves_days_without_a_source_alone(desk: Desk) -> None:
    (desk.root / "quotes" / "0.parquet").unlink()
    HARMS["truncated"](day_file(desk))
    report = ingest(desk, rebuild=True)
    assert (list(report.mended), report.kept) == ([DAY], (DAYS[0],))
    assert set(content(store_of(desk))) == {day.isoformat() for day in DAYS}


def test_a_file_that_is_no_day_of_the_store_is_named(desk: Desk) -> None:
    shutil.copy(day_file(desk), day_file(desk).with_name("notes.parquet"))
    stray = day_file(desk).with_stem("abcd-ef-gh")
    shutil.copy(day_file(desk), stray)
    with pytest.raises(UnreachableError, match=f"{stray} is no day of the store: take it away"):
        ingest(desk)
    assert "take it away" in check(desk)[0]
    stray.unlink()
    assert ingest(desk).unchanged == tuple(DAYS)
