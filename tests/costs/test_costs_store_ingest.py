"""Filling the tick store: what is read again and what is not, who may, what goes wrong."""

from __future__ import annotations

import fcntl
import json
import os
import sqlite3
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from costs.store_rows import (
    QUOTES,
    SETTINGS,
    Row,
    content,
    new_desk,
    of_day,
    on_store,
    put,
    quotes,
    store_of,
)
from mechexo.actor import Actor
from mechexo.costs import ingest_building
from mechexo.costs.ingest import check, ingest
from mechexo.desk import Desk
from mechexo.errors import (
    BusyError,
    ConfigError,
    NotAllowedError,
    UnreachableError,
    UsageError,
)

pytestmark = pytest.mark.slow

some = settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
DAYS = [date(2026, 3, 8) + timedelta(days=n) for n in range(4)]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """A desk with three days of quotes, a file each."""
    desk = new_desk(tmp_path / "desk")
    for number in range(3):
        put(desk, f"{number}.parquet", of_day(number))
    return desk


def days(facts) -> list[date]:
    return [each.day for each in facts]


def test_a_second_run_leaves_unchanged_days_alone(desk: Desk) -> None:
    first = ingest(desk)
    assert (days(first.written), first.unchanged, first.rows) == (DAYS[:3], (), 30)
    stamps = {path: path.stat().st_mtime_ns for path in store_of(desk).days_folder.iterdir()}
    second = ingest(desk)
    assert (second.written, second.unchanged) == ((), tuple(DAYS[:3]))
    assert stamps == {path: path.stat().st_mtime_ns for path in stamps}


def test_an_unchanged_file_is_not_even_read_again(desk: Desk) -> None:
    ingest(desk)
    path = desk.root / "quotes" / "1.parquet"
    size, kept = path.stat().st_size, path.stat()
    held = path.read_bytes()
    # Same size, time, head and tail: the middle of a longer file would not be noticed, which is
    # what lets a terabyte be told unchanged in a blink.
    path.write_bytes(held)
    os.utime(path, ns=(kept.st_atime_ns, kept.st_mtime_ns))
    assert path.stat().st_size == size
    assert ingest(desk).written == ()


def test_only_the_days_of_a_changed_file_are_made_anew(desk: Desk) -> None:
    ingest(desk)
    put(desk, "1.parquet", of_day(1, "AAA", "CCC"))
    report = ingest(desk)
    assert days(report.written) == [DAYS[1]]
    assert set(content(store_of(desk))[DAYS[1].isoformat()]["symbol"]) == {"AAA", "CCC"}


@pytest.mark.parametrize("same", ["size", "time", "ends"])
def test_a_change_shows_by_size_or_time_or_ends(desk: Desk, same: str) -> None:
    ingest(desk)
    path = desk.root / "quotes" / "1.parquet"
    before = path.stat()
    changed = of_day(1).with_columns(bid=pl.col("bid") + (0.25 if same != "ends" else 0.0))
    changed.write_parquet(path)
    if same == "time":
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert days(ingest(desk).written) == [DAYS[1]]


def test_a_new_file_adds_to_the_days_that_it_holds(desk: Desk) -> None:
    ingest(desk)
    put(desk, "9.parquet", pl.concat([of_day(2, "ZZZ"), of_day(3)]))
    report = ingest(desk)
    assert days(report.written) == DAYS[2:4]
    assert report.written[0].symbols == 3


def test_a_day_whose_files_are_gone_stays_and_is_told(desk: Desk) -> None:
    put(desk, "9.parquet", of_day(2, "ZZZ"))
    ingest(desk)
    (desk.root / "quotes" / "0.parquet").unlink()
    (desk.root / "quotes" / "9.parquet").unlink()
    for _ in range(2):
        report = ingest(desk)
        assert (report.written, report.kept) == ((), (DAYS[0], DAYS[2]))
    assert len(store_of(desk).days()) == 3
    put(desk, "2.parquet", of_day(2, "YYY"))
    report = ingest(desk)
    assert (days(report.written), report.kept) == ([DAYS[2]], (DAYS[0],))


def test_another_way_of_reading_makes_all_days_anew(desk: Desk) -> None:
    ingest(desk)
    with desk.config_path.open("a") as file:
        file.write('naive_zone = "UTC"\n')
    again = Desk.open(desk.config_path, clock=desk.clock, actor=desk.actor)
    assert days(ingest(again).written) == DAYS[:3]


def test_from_and_to_bound_the_days(desk: Desk) -> None:
    report = ingest(desk, first=DAYS[1], last=DAYS[1])
    assert days(report.written) == [DAYS[1]]
    assert days(ingest(desk, last=DAYS[1]).written) == [DAYS[0]]
    with pytest.raises(UsageError, match="are none"):
        ingest(desk, first=DAYS[1], last=DAYS[0])


def test_rebuild_makes_unchanged_days_anew(desk: Desk) -> None:
    ingest(desk)
    assert days(ingest(desk, rebuild=True, first=DAYS[2]).written) == [DAYS[2]]
    assert days(ingest(desk, rebuild=True).written) == DAYS[:3]


def test_the_source_can_be_named_and_is_remembered(desk: Desk) -> None:
    desk = on_store(desk)
    with pytest.raises(UsageError, match="name the quotes"):
        ingest(desk)
    assert days(ingest(desk, source="quotes/1.parquet").written) == [DAYS[1]]
    again = ingest(desk)
    assert (again.source, again.unchanged) == ("quotes/1.parquet", (DAYS[1],))


def test_more_days_than_fit_into_one_pass_are_all_made(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(desk, "all.parquet", pl.concat(of_day(number, "ZZZ") for number in range(4)))
    monkeypatch.setattr("mechexo.costs.ingest.DAYS_AT_ONCE", 2)
    report = ingest(desk)
    assert [facts.rows for facts in report.written] == [15, 15, 15, 5]
    assert check(desk) == ()


@some
@given(QUOTES, st.integers(1, 7))
def test_a_day_put_in_order_piece_by_piece_is_the_same(
    tmp_path: Path, rows: list[Row], most: int
) -> None:
    whole = new_desk(tmp_path / "whole")
    pieces = new_desk(tmp_path / "pieces")
    for desk in (whole, pieces):
        put(desk, "0.parquet", quotes(rows))
    first = ingest(whole)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ingest_building, "_rows_at_once", lambda _memory_mb: most)
        second = ingest(pieces)
    for one, other in zip(first.written, second.written, strict=True):
        # Its source lies in another folder; everything else is the same.
        assert one == replace(other, source=one.source)
    assert not rows or check(pieces) == ()
    for day, frame in content(store_of(whole)).items():
        assert_frame_equal(frame, content(store_of(pieces))[day])


def test_rows_that_no_day_can_have_are_counted(desk: Desk) -> None:
    lacking = of_day(3).with_columns(
        symbol=pl.when(pl.int_range(pl.len()) > 1).then("symbol"),
        ts=pl.when(pl.int_range(pl.len()) != 3).then("ts"),
    )
    put(desk, "3.parquet", lacking)
    report = ingest(desk)
    assert (report.unreadable, report.written[-1].rows) == (3, 7)
    assert ingest(desk).unreadable == 3


def test_a_file_that_changes_meanwhile_keeps_its_days_as_they_were(desk: Desk) -> None:
    ingest(desk, last=DAYS[0])
    put(desk, "0.parquet", of_day(0, "NEW"))

    def told(line: str) -> None:
        if line.startswith("reading"):
            put(desk, "0.parquet", of_day(0, "NEW", "NEWER"))

    report = ingest(desk, told=told)
    assert days(report.written) == DAYS[1:3]
    assert list(report.left_out) == [DAYS[0]]
    assert "0.parquet changed meanwhile" in report.left_out[DAYS[0]]
    assert set(content(store_of(desk))[DAYS[0].isoformat()]["symbol"]) == {"AAA", "BBB"}
    assert days(ingest(desk).written) == [DAYS[0]]
    assert check(desk) == ()


@pytest.mark.parametrize(
    ("spoil", "error", "words"),
    [
        (lambda path: path.write_bytes(b"PAR1"), UnreachableError, "1.parquet cannot be read"),
        (
            lambda path: of_day(1).rename({"bid": "bidd"}).write_parquet(path),
            ConfigError,
            "no column 'bid'.*bidd",
        ),
        (
            lambda path: (
                of_day(1).with_columns(pl.col("ts").dt.replace_time_zone(None)).write_parquet(path)
            ),
            ConfigError,
            "naive_zone",
        ),
    ],
)
def test_a_source_that_cannot_be_read_changes_nothing(desk: Desk, spoil, error, words) -> None:
    ingest(desk, last=DAYS[0])
    spoil(desk.root / "quotes" / "1.parquet")
    with pytest.raises(error, match=words):
        ingest(desk)
    assert check(desk) == ()
    assert days(store_of(desk).days().values()) == [DAYS[0]]


def test_texts_without_a_zone_are_refused(desk: Desk) -> None:
    (desk.root / "quotes" / "9.csv").write_text("ts,symbol,bid,ask\n2026-03-08 10:00:00,A,1,2\n")
    with pytest.raises(ConfigError, match=r"9\.csv.*naive_zone"):
        ingest(desk, source="quotes/*.csv")


def test_an_empty_file_holds_no_day(desk: Desk) -> None:
    put(desk, "9.parquet", of_day(3).head(0))
    assert days(ingest(desk).written) == DAYS[:3]


def test_two_runs_do_not_fill_one_store(desk: Desk) -> None:
    ingest(desk, last=DAYS[0])
    with (store_of(desk).folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(BusyError, match="another ingest"):
            ingest(desk)
    assert len(ingest(desk).written) == 2


def test_it_takes_an_operator_and_leaves_one_audit_entry(desk: Desk) -> None:
    stranger = desk.acting_as(Actor(65_533, "stranger"))
    with pytest.raises(NotAllowedError, match="needs the role operator"):
        ingest(stranger)
    assert not store_of(desk).folder.exists()
    ingest(desk)
    ingest(desk)
    entries = [entry for entry in desk.audit_entries() if entry.action == "costs.ingest"]
    assert [entry.outcome for entry in entries] == ["refused", "done"]
    after = json.loads(entries[1].payload)["after"]
    assert (after["rows"], after["days"]) == (30, [day.isoformat() for day in DAYS[:3]])


def test_what_was_written_before_a_failure_is_on_record(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = ingest_building.build_day

    def fails_at_the_second(store, day, *args, **kwargs):
        if day == DAYS[1]:
            raise OSError(28, "No space left on device")
        return real(store, day, *args, **kwargs)

    monkeypatch.setattr(ingest_building, "build_day", fails_at_the_second)
    with pytest.raises(UnreachableError, match="cannot be written: No space left"):
        ingest(desk)
    monkeypatch.undo()
    assert json.loads(desk.audit_entries()[-1].payload)["after"]["days"] == [DAYS[0].isoformat()]
    assert days(ingest(desk).written) == DAYS[1:3]
    assert "of a run that was cut off" not in desk.audit_entries()[-1].payload


def test_a_database_is_read_day_by_day(tmp_path: Path) -> None:
    desk = new_desk(
        tmp_path / "desk", SETTINGS.replace("quotes/*.parquet", "sqlite:///q.sqlite?table=quotes")
    )
    rows = pl.concat([of_day(0), of_day(1)]).with_columns(
        pl.col("ts").dt.strftime("%Y-%m-%dT%H:%M:%S%.6fZ")
    )
    with sqlite3.connect(desk.root / "q.sqlite") as database:
        database.execute("CREATE TABLE quotes (ts, symbol, bid, ask, seq)")
        database.executemany("INSERT INTO quotes VALUES (?,?,?,?,?)", rows.rows())
        database.execute("INSERT INTO quotes VALUES ('soon', 'AAA', 1, 2, 3)")
    with pytest.raises(UsageError, match="--from and --to"):
        ingest(desk)
    first = ingest(desk, first=DAYS[0], last=DAYS[2])
    assert (days(first.written), first.unreadable) == (DAYS[:2], 1)
    again = ingest(desk, first=DAYS[0], last=DAYS[2])
    assert (again.written, again.unchanged) == ((), tuple(DAYS[:2]))
    with sqlite3.connect(desk.root / "q.sqlite") as database:
        database.execute("UPDATE quotes SET bid = 1 WHERE seq = 2 AND ts LIKE '2026-03-09%'")
    changed = ingest(desk, first=DAYS[0], last=DAYS[2])
    assert (days(changed.written), changed.unchanged) == ([DAYS[1]], (DAYS[0],))
    assert days(ingest(desk, first=DAYS[0], last=DAYS[0], rebuild=True).written) == [DAYS[0]]
    assert check(desk) == ()
