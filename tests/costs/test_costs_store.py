"""The tick store: what it holds, how it is read, what it says of damage."""

from __future__ import annotations

import json
import random
import re
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from costs.store_rows import (
    MIDNIGHT,
    QUOTES,
    Row,
    content,
    follow,
    new_desk,
    numbered,
    on_store,
    put,
    quotes,
    reopened,
    store_of,
)
from mechexo.costs.ingest import check, ingest
from mechexo.costs.sources.protocol import Window
from mechexo.costs.sources.reading import read_quotes
from mechexo.costs.store import SCHEMA, day_bounds
from mechexo.errors import ConfigError, UnreachableError

pytestmark = pytest.mark.slow

some = settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
DAY = date(2026, 3, 8)
EVER = Window(MIDNIGHT - timedelta(days=9), MIDNIGHT + timedelta(days=9))


def filled(folder: Path, *files: pl.DataFrame, settings: str | None = None):
    desk = new_desk(folder) if settings is None else new_desk(folder, settings)
    for number, rows in enumerate(files):
        put(desk, f"{number}.parquet", rows)
    return desk, ingest(desk)


@some
@given(QUOTES.map(numbered), st.randoms(use_true_random=False), st.integers(1, 4))
def test_the_store_is_the_same_however_its_source_is_cut_and_ordered(
    tmp_path: Path, rows: list[Row], dice: random.Random, files: int
) -> None:
    desk, _ = filled(tmp_path / "whole", quotes(rows))
    shuffled = list(rows)
    dice.shuffle(shuffled)
    parts = [quotes(shuffled[part::files]) for part in range(files)]
    other, _ = filled(tmp_path / "parts", *parts)
    whole, cut = content(store_of(desk)), content(store_of(other))
    assert whole.keys() == cut.keys()
    for day in whole:
        assert_frame_equal(whole[day], cut[day])
    assert not rows or check(desk) == check(other) == ()


@some
@given(QUOTES)
def test_each_row_stands_in_the_file_of_its_exchange_day_in_order(
    tmp_path: Path, rows: list[Row]
) -> None:
    desk, report = filled(tmp_path / "desk", quotes(rows))
    store = store_of(desk)
    assert check(desk) == (
        () if rows else (f"{store.folder} holds no day; fill it with: mechexo costs ingest",)
    )
    expected = {}
    for row in rows:
        expected.setdefault(row[0].astimezone(desk_zone()).date(), []).append(row)
    assert {facts.day: facts.rows + facts.duplicates for facts in report.written} == {
        day: len(those) for day, those in expected.items()
    }
    for facts in report.written:
        start, end = day_bounds(facts.day, facts.zone)
        assert start <= facts.first <= facts.last < end
        assert facts.symbols == len({row[1] for row in expected[facts.day]})


def desk_zone():
    from zoneinfo import ZoneInfo

    return ZoneInfo("America/New_York")


@some
@given(QUOTES.map(numbered))
def test_reading_from_the_store_gives_the_rows_of_the_files(
    tmp_path: Path, rows: list[Row]
) -> None:
    desk, _ = filled(tmp_path / "desk", quotes(rows))
    window = Window(
        MIDNIGHT - timedelta(seconds=60), MIDNIGHT + timedelta(seconds=60), ("AAA", "CCC", "ZZZ")
    )
    plain = read_quotes(desk.settings.costs, desk.root, window).frame
    if not rows:
        return
    stored = on_store(desk)
    found = read_quotes(stored.settings.costs, stored.root, window).frame
    by = ["symbol", "ts", "seq"]
    columns = ["ts", "symbol", "bid", "ask"]
    assert_frame_equal(
        found.select(columns),
        plain.sort(by).select(columns),
        check_row_order="seq" not in found.columns,
    )


def test_of_rows_equal_in_everything_the_last_of_its_moment_stands(tmp_path: Path) -> None:
    first, second = (MIDNIGHT, "AAA", 10.0, 10.1, None), (MIDNIGHT, "AAA", 11.0, 11.1, None)
    desk, report = filled(tmp_path / "desk", quotes([first, second, first, second, first]))
    assert [row["bid"] for row in content(store_of(desk))["2026-03-08"].iter_rows(named=True)] == [
        11.0,
        10.0,
    ]
    facts = report.written[0]
    assert (facts.rows, facts.duplicates, facts.ties) == (2, 3, 1)


def test_rows_of_one_moment_and_seq_stay_in_the_order_of_the_input(tmp_path: Path) -> None:
    bids = [3.0, 1.0, 2.0]
    desk, report = filled(
        tmp_path / "desk",
        quotes([(MIDNIGHT, "AAA", bid, 9.0, 7) for bid in bids]),
        quotes([(MIDNIGHT, "AAA", 0.5, 9.0, 7), (MIDNIGHT, "AAA", 8.0, 9.0, 6)]),
    )
    found = content(store_of(desk))["2026-03-08"]["bid"].to_list()
    assert found == [8.0, 3.0, 1.0, 2.0, 0.5]
    assert (report.written[0].duplicates, report.written[0].ties) == (0, 3)


def test_rows_that_came_too_early_are_counted_and_stand_in_order(tmp_path: Path) -> None:
    moments = [MIDNIGHT + timedelta(seconds=at) for at in (3, 1, 2, 4)]
    desk, report = filled(
        tmp_path / "desk", quotes([(at, "AAA", 1.0, 2.0, None) for at in moments])
    )
    assert report.written[0].disordered == 1
    assert content(store_of(desk))["2026-03-08"]["ts"].is_sorted()


def test_columns_that_the_source_has_are_kept_and_others_are_not_made_up(tmp_path: Path) -> None:
    rows = quotes([(MIDNIGHT, "AAA", 1.0, 2.0, None)])
    further = rows.drop("seq").with_columns(venue=pl.lit("X"), bid_size=pl.lit(5), other=pl.lit(1))
    desk, report = filled(tmp_path / "desk", further)
    assert report.written[0].columns == ("sid", "ts", "bid", "ask", "venue", "bid_size")
    stored = on_store(desk)
    found = read_quotes(stored.settings.costs, stored.root, EVER).frame
    assert found.select("symbol", "venue", "bid_size").row(0) == ("AAA", "X", 5.0)
    assert not {"seq", "ask_size", "other"} & set(found.columns)


def test_the_mapping_of_the_files_is_not_asked_of_the_store(tmp_path: Path) -> None:
    rows = quotes([(MIDNIGHT, "AAA", 1.0, 2.0, 1)])
    mapped = 'quotes = "quotes/*.parquet"\nquote_columns = { ts = "time", bid = "b" }\n'
    desk, _ = filled(tmp_path / "desk", rows.rename({"ts": "time", "bid": "b"}), settings=mapped)
    stored = on_store(desk)
    found = read_quotes(stored.settings.costs, stored.root, EVER).frame
    assert found.select("ts", "symbol", "bid").row(0) == (MIDNIGHT, "AAA", 1.0)


def test_an_empty_store_says_how_to_fill_it(tmp_path: Path) -> None:
    desk = on_store(new_desk(tmp_path / "desk"))
    with pytest.raises(UnreachableError, match="is empty; fill it with: mechexo costs ingest"):
        read_quotes(desk.settings.costs, desk.root, EVER)


def test_a_window_without_days_of_the_store_has_no_rows(tmp_path: Path) -> None:
    desk, _ = filled(tmp_path / "desk", quotes([(MIDNIGHT, "AAA", 1.0, 2.0, 1)]))
    desk = on_store(desk)
    later = Window(MIDNIGHT + timedelta(days=3), MIDNIGHT + timedelta(days=4))
    assert read_quotes(desk.settings.costs, desk.root, later).frame.is_empty()


def test_symbols_keep_their_ids_whatever_comes_later(tmp_path: Path) -> None:
    desk, _ = filled(tmp_path / "desk", quotes([(MIDNIGHT, "MMM", 1.0, 2.0, 1)]))
    put(desk, "later.parquet", quotes([(MIDNIGHT + timedelta(days=2), "AAA", 1.0, 2.0, 1)]))
    ingest(desk)
    assert store_of(desk).symbols() == ("MMM", "AAA")
    assert content(store_of(desk))["2026-03-10"]["symbol"].to_list() == ["AAA"]


def test_a_symbol_table_that_is_another_is_refused(tmp_path: Path) -> None:
    desk, _ = filled(tmp_path / "desk", quotes([(MIDNIGHT, "MMM", 1.0, 2.0, 1)]))
    table = store_of(desk).folder / "symbols.json"
    table.write_text(table.read_text().replace("MMM", "XYZ"))
    stored = on_store(desk)
    with pytest.raises(UnreachableError, match="not the table that the days"):
        read_quotes(stored.settings.costs, stored.root, EVER)
    with pytest.raises(UnreachableError, match="not the table that the days"):
        ingest(reopened(desk.root))
    assert "not the table" in check(stored)[0]


@pytest.mark.parametrize("name", ["days/2026-03-08.parquet", "manifest.json", "symbols.json"])
@pytest.mark.parametrize("rest", [b"", b"PAR1 no longer", b'{"schema": "other"}'])
def test_damage_is_named_and_a_rebuild_mends_it(tmp_path: Path, name: str, rest: bytes) -> None:
    desk, _ = filled(tmp_path / "desk", quotes([(MIDNIGHT, "AAA", 1.0, 2.0, 1)]))
    before = content(store_of(desk))
    (store_of(desk).folder / name).write_bytes(rest)
    stored = on_store(desk)
    cure = {
        "days/2026-03-08.parquet": f"mechexo costs ingest --rebuild --from {DAY} --to {DAY}",
        "manifest.json": "mechexo costs ingest",
        "symbols.json": "mechexo costs ingest --rebuild",
    }[name]
    with pytest.raises(UnreachableError, match=f"{name} cannot be read: .*with: {cure}$"):
        read_quotes(stored.settings.costs, stored.root, EVER)
    assert re.search(
        f"{name} (cannot be read|is no longer the file).*with: {cure}$", check(stored)[0]
    )
    if name == "symbols.json":
        with pytest.raises(UnreachableError, match=f"with: {cure}$"):
            ingest(stored)
    follow(stored, cure)
    assert check(stored) == ()
    assert_frame_equal(content(store_of(stored))["2026-03-08"], before["2026-03-08"])


def test_a_day_that_lost_rows_is_found_by_the_check(tmp_path: Path) -> None:
    rows = [(MIDNIGHT + timedelta(seconds=n), "AAA", 1.0, 2.0, n) for n in range(4)]
    desk, report = filled(tmp_path / "desk", quotes(rows))
    store = store_of(desk)
    day = pl.read_parquet(store.path(DAY))
    metadata = report.written[0].as_metadata()

    def written(frame: pl.DataFrame) -> str:
        frame.write_parquet(store.path(DAY), metadata=metadata)
        # With the ledger the digest alone would tell, and no row would be looked at.
        (store.folder / "manifest.json").unlink(missing_ok=True)
        return " ".join(check(desk))

    assert "has 3 rows, not 4" in written(day.head(3))
    assert "its times are" in written(day.head(3))
    assert "not in order" in written(day.reverse())
    assert "the symbol 7 is not in the table" in written(day.with_columns(sid=pl.lit(7, pl.UInt32)))
    assert "rows twice" in written(pl.concat([day.head(3), day[2:3]]))
    assert "its columns are" in written(day.drop("bid"))
    assert written(day) == ""


def test_the_manifest_is_only_a_short_cut(tmp_path: Path) -> None:
    desk, report = filled(tmp_path / "desk", quotes([(MIDNIGHT, "AAA", 1.0, 2.0, 1)]))
    store = store_of(desk)
    assert json.loads((store.folder / "manifest.json").read_text())["days"].keys() == {"2026-03-08"}
    (store.folder / "manifest.json").unlink()
    assert tuple(store.days().values()) == report.written


@some
@given(QUOTES.map(numbered), st.integers(-40, 40), st.integers(1, 60))
def test_the_days_of_a_window_are_those_with_rows_in_it(
    tmp_path: Path, rows: list[Row], first: int, hours: int
) -> None:
    desk, _ = filled(tmp_path / "desk", quotes(rows))
    start = MIDNIGHT + timedelta(hours=first)
    end = start + timedelta(hours=hours)
    store = store_of(desk)
    assert store.days(Window(start, end)) == {
        day: facts
        for day, facts in store.days().items()
        if facts.first < end and facts.last >= start
    }


def test_a_record_of_the_store_that_has_changed_is_read_again(tmp_path: Path) -> None:
    desk, _ = filled(tmp_path / "desk", quotes([(MIDNIGHT, "AAA", 1.0, 2.0, 1)]))
    store, other = store_of(desk), store_of(desk)
    assert store.symbols() == ("AAA",)
    assert other.add_symbols(["BBB"]) == ("AAA", "BBB")
    assert store.symbols() == ("AAA", "BBB")
    # As long as the one before, and of the same tick of the file system's clock.
    for name in ("CCC", "DDD", "EEE"):
        other.write("symbols.json", {"schema": SCHEMA, "symbols": ["AAA", name]})
        assert store.symbols() == other.symbols() == ("AAA", name)


def test_days_of_another_zone_are_refused_until_the_store_is_made_anew(tmp_path: Path) -> None:
    desk, _ = filled(
        tmp_path / "desk",
        quotes(
            [(MIDNIGHT, "AAA", 1.0, 2.0, 1), (MIDNIGHT - timedelta(hours=2), "AAA", 1.0, 2.0, 1)]
        ),
    )
    text = desk.config_path.read_text().replace("America/New_York", "Asia/Tokyo")
    desk.config_path.write_text(text)
    desk = reopened(desk.root)
    with pytest.raises(ConfigError, match=r"days of America/New_York.*ingest --rebuild"):
        ingest(desk)
    with pytest.raises(ConfigError, match="days of America/New_York"):
        ingest(desk, rebuild=True, first=DAY)
    report = ingest(desk, rebuild=True)
    assert report.removed == (date(2026, 3, 7), DAY)
    assert {facts.zone for facts in store_of(desk).days().values()} == {"Asia/Tokyo"}
    assert check(desk) == ()
