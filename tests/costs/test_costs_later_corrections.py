"""A fill that is taken back or corrected on a later day is no fill of its own day any more."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

import duckdb
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from costs.engine_desks import a_fill, a_quote, desk_with, fills, hold_alike
from costs.store_rows import MIDNIGHT
from mechexo.config.costs import CostSettings
from mechexo.costs import engine_fills
from mechexo.costs.day_report import report_by_days
from mechexo.costs.operations import report
from mechexo.costs.sources import read_fills, reading
from mechexo.costs.sources.kinds import open_source
from mechexo.costs.sources.protocol import Window
from mechexo.errors import ConfigError

NOON = MIDNIGHT + timedelta(hours=12)
DAY = timedelta(days=1)
SAID = [
    ("f1", NOON, 1.0, None),
    ("f2", NOON, 2.0, "new"),
    ("f3", NOON, 3.0, ""),
    ("f2", NOON + DAY, 2.0, "bust"),
    ("f3", NOON + DAY, 3.5, "correct"),
    ("f3", NOON + 90 * DAY, 3.7, "correct"),
]
"""Of three fills of one day the second is taken back a day later, and the third corrected twice."""
Rows = list[tuple[str, datetime | None, float, str | None]]


def frame(rows: Rows) -> pl.DataFrame:
    schema = {
        "fill_id": pl.String, "ts": pl.Datetime("us", "UTC"), "price": pl.Float64,
        "correction": pl.String,
    }  # fmt: skip
    found = pl.DataFrame(rows, schema=schema, orient="row")
    return found.with_columns(symbol=pl.lit("AAA"), quantity=pl.lit(1.0))


def in_parquet(folder: Path, rows: pl.DataFrame) -> str:
    rows.write_parquet(folder / "f.parquet")
    return "f.parquet"


def in_nanoseconds(folder: Path, rows: pl.DataFrame) -> str:
    return in_parquet(folder, rows.with_columns(pl.col("ts").dt.cast_time_unit("ns")))


def in_a_file_for_each_day(folder: Path, rows: pl.DataFrame) -> str:
    for (day,), part in rows.group_by(pl.col("ts").dt.date()):
        part.write_parquet(folder / f"{day}.parquet")
    return "*.parquet"


def in_csv(folder: Path, rows: pl.DataFrame) -> str:
    rows.write_csv(folder / "f.csv")
    return "f.csv"


def in_sqlite(folder: Path, rows: pl.DataFrame) -> str:
    texts = rows.with_columns(pl.col("ts").dt.strftime("%Y-%m-%dT%H:%M:%SZ"))
    with closing(sqlite3.connect(folder / "f.sqlite")) as database, database:
        database.execute(f"CREATE TABLE fills ({', '.join(texts.columns)})")
        places = ", ".join("?" * len(texts.columns))
        database.executemany(f"INSERT INTO fills VALUES ({places})", texts.rows())
    return "sqlite:///f.sqlite?table=fills"


def in_duckdb(folder: Path, rows: pl.DataFrame) -> str:
    rows.write_parquet(folder / "f.parquet")
    with duckdb.connect(str(folder / "f.duckdb")) as database:
        database.execute(f"CREATE TABLE fills AS FROM '{folder / 'f.parquet'}'")
    return "duckdb:///f.duckdb?table=fills"


def standing(folder: Path, address: str, start: datetime, end: datetime) -> list[tuple[str, float]]:
    chosen = CostSettings(fills=address)
    rows = read_fills(chosen, folder, Window(start, end)).frame
    assert "correction" not in rows.columns
    return sorted(rows.select("fill_id", "price").iter_rows())


@pytest.mark.parametrize(
    "kept", [in_parquet, in_nanoseconds, in_a_file_for_each_day, in_csv, in_sqlite, in_duckdb]
)
def test_a_day_alone_has_the_fills_that_it_has_among_others(
    tmp_path: Path, kept: Callable[[Path, pl.DataFrame], str]
) -> None:
    address = kept(tmp_path, frame(SAID))
    assert standing(tmp_path, address, MIDNIGHT, MIDNIGHT + DAY) == [("f1", 1.0)]
    assert standing(tmp_path, address, MIDNIGHT, MIDNIGHT + 3 * DAY) == [("f1", 1.0)]
    assert standing(tmp_path, address, MIDNIGHT + DAY, MIDNIGHT + 3 * DAY) == []
    last = MIDNIGHT + 90 * DAY
    assert standing(tmp_path, address, last, last + DAY) == [("f3", 3.7)]


@pytest.mark.parametrize("kept", [in_sqlite, in_duckdb])
def test_a_database_hands_out_no_plain_fill_where_corrections_are_looked_for(
    tmp_path: Path, kept: Callable[[Path, pl.DataFrame], str]
) -> None:
    source = open_source(kept(tmp_path, frame(SAID)), "fills", tmp_path)
    window = Window(MIDNIGHT, MIDNIGHT + 100 * DAY, filled="correction")
    with closing(source.batches(window, "ts")) as batches:
        (rows,) = [table.frame.collect() for batch in batches for table in batch]
    assert rows["correction"].to_list() == [word for *_, word in SAID if word is not None]


def test_a_correction_may_give_its_trade_an_earlier_time(tmp_path: Path) -> None:
    address = in_parquet(tmp_path, frame([("f1", NOON, 1.0, None), ("f1", NOON - DAY, 1.5, "g")]))
    assert standing(tmp_path, address, MIDNIGHT, MIDNIGHT + DAY) == []
    assert standing(tmp_path, address, MIDNIGHT - DAY, MIDNIGHT) == [("f1", 1.5)]


def test_what_cannot_be_understood_later_may_concern_the_day_too(tmp_path: Path) -> None:
    address = in_parquet(tmp_path, frame([("f1", NOON, 1.0, None), ("f1", NOON + DAY, 1.0, "?")]))
    with pytest.raises(ConfigError, match="'\\?' is no correction"):
        standing(tmp_path, address, MIDNIGHT, MIDNIGHT + DAY)


def test_the_column_may_have_another_name(tmp_path: Path) -> None:
    rows = frame(SAID).rename({"correction": "Type", "ts": "at"})
    rows.write_csv(tmp_path / "f.csv")
    chosen = CostSettings(fills="f.csv", fill_columns={"correction": "Type", "ts": "at"})
    found = read_fills(chosen, tmp_path, Window(MIDNIGHT, MIDNIGHT + DAY)).frame
    assert found["fill_id"].to_list() == ["f1"]


def test_without_a_column_of_corrections_nothing_is_read_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = in_parquet(tmp_path, frame(SAID).drop("correction"))
    monkeypatch.setattr(reading, "corrections_of", None)
    assert len(standing(tmp_path, address, MIDNIGHT, MIDNIGHT + DAY)) == 3
    desk = desk_with(tmp_path / "desk", fills([a_fill(NOON)]), [a_quote(NOON)])
    monkeypatch.setattr(engine_fills, "corrections_of", None)
    monkeypatch.setattr(engine_fills, "_BYTES_READ", 1e12)
    assert report_by_days(desk, start=MIDNIGHT, end=MIDNIGHT + DAY).coverage.fills == 1


@pytest.mark.parametrize("bytes_read", [300, 1e12])
@pytest.mark.parametrize("files", [1, 5])
def test_a_report_on_a_day_says_what_a_longer_one_says_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bytes_read: float, files: int
) -> None:
    monkeypatch.setattr(engine_fills, "_BYTES_READ", bytes_read)
    rows = fills([a_fill(at) for _, at, _, _ in SAID], [name for name, *_ in SAID])
    rows = rows.with_columns(correction=pl.Series([word for *_, word in SAID], dtype=pl.String))
    market = [a_quote(at - timedelta(seconds=1)) for at in (NOON, NOON + DAY)]
    desk = desk_with(tmp_path / "desk", rows, market, files=files)
    for days in (1, 2, 100):
        period = {"start": MIDNIGHT, "end": MIDNIGHT + days * DAY, "by": ("day",)}
        whole = report(desk, **period)
        hold_alike(whole, report_by_days(desk, **period))
        (first,) = [row for row in whole.by["day"] if row.key["day"] == "2026-03-08"]
        assert (first.fills, first.priced) == (1, 1)


WORDS = st.sampled_from([None, None, None, "bust", "correct"])
MOMENTS = st.one_of(
    st.none(), st.integers(0, 95).map(lambda hour: MIDNIGHT + timedelta(hours=hour))
)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.tuples(st.sampled_from("abcd"), MOMENTS, WORDS), max_size=12))
def test_the_days_of_a_period_have_its_fills_each_once(
    tmp_path: Path, rows: list[tuple[str, datetime | None, str | None]]
) -> None:
    said: Rows = [(name, at, float(place), word) for place, (name, at, word) in enumerate(rows)]
    address = in_parquet(tmp_path, frame(said))
    timed = {(name, price) for name, at, price, _ in said if at is not None}
    end = MIDNIGHT + 4 * DAY
    whole = [row for row in standing(tmp_path, address, MIDNIGHT, end) if row in timed]
    days = [
        row
        for number in range(4)
        for row in standing(
            tmp_path, address, MIDNIGHT + number * DAY, MIDNIGHT + (number + 1) * DAY
        )
        if row in timed
    ]
    assert sorted(days) == whole
