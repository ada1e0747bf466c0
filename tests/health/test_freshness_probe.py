"""The `freshness` kind against real files, SQLite tables and Parquet columns."""

from __future__ import annotations

import os
import sqlite3
from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest

from mechexo.health.values import Status

NOW = datetime(2026, 3, 2, 14, 30, tzinfo=UTC)


def touch(path, age_s: float) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    when = NOW.timestamp() - age_s
    os.utime(path, (when, when))


@pytest.mark.parametrize(
    ("age_s", "status", "detail"),
    [
        (60, Status.OK, "the newest is 1m old"),
        (200, Status.WARNING, "the newest is 3m20s old, older than 2m"),
        (400, Status.CRITICAL, "the newest is 6m40s old, older than 5m"),
        (-30, Status.OK, "the newest is 0s old"),
    ],
)
def test_the_newest_file_of_a_glob_decides(look_with, tmp_path, age_s, status, detail):
    touch(tmp_path / "quotes" / "day1" / "old.csv", 100_000)
    touch(tmp_path / "quotes" / "day2" / "new.csv", age_s)
    (tmp_path / "quotes" / "folder.csv").mkdir()
    outcome = look_with("freshness", glob="quotes/**/*.csv", max_age="5m", warn_age="2m")
    assert (outcome.status, outcome.detail) == (status, detail)
    assert (outcome.value, outcome.unit) == (max(age_s, 0), "s")


def test_no_file_at_all_is_a_failure_of_its_own(look_with):
    outcome = look_with("freshness", glob="quotes/*.csv", max_age="5m")
    assert (outcome.status, outcome.detail) == (
        Status.CRITICAL,
        "nothing matches quotes/*.csv",
    )


def test_a_file_from_the_future_is_unknown(look_with, tmp_path):
    touch(tmp_path / "a.csv", -7200)
    outcome = look_with("freshness", glob="*.csv", max_age="5m")
    assert outcome.status == Status.UNKNOWN
    assert "2h in the future" in outcome.detail


@pytest.fixture
def table(tmp_path):
    """Makes a table `fills` whose column `at` has the given values."""

    def make(*values: object) -> dict[str, str]:
        with sqlite3.connect(tmp_path / "desk.sqlite") as connection:
            connection.execute("CREATE TABLE fills (at)")
            connection.executemany("INSERT INTO fills VALUES (?)", [(each,) for each in values])
        connection.close()
        return {"database": "sqlite:///desk.sqlite", "table": "fills", "column": "at"}

    return make


@pytest.mark.parametrize(
    ("value", "more"),
    [
        ("2026-03-02T14:29:00Z", {}),
        ("2026-03-02T14:29:00+00:00", {}),
        ("2026-03-02 09:29:00", {"naive_zone": "America/New_York"}),
        (1772461740, {"number_unit": "s"}),
        (1772461740000, {"number_unit": "ms"}),
        (1772461740000000000, {"number_unit": "ns"}),
    ],
)
def test_the_newest_value_of_a_column_is_read_in_its_form(look_with, table, value, more):
    outcome = look_with("freshness", **table(value, None), max_age="5m", **more)
    assert (outcome.status, outcome.detail) == (Status.OK, "the newest is 1m old")


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("2026-03-02 09:29:00", "carries no time zone: set naive_zone"),
        (1772461740, "is a number: set number_unit"),
        ("yesterday", "is no ISO 8601 time"),
        (b"\x00", "is no time"),
    ],
)
def test_a_value_that_could_mean_several_moments_is_unknown(look_with, table, value, said):
    outcome = look_with("freshness", **table(value), max_age="5m")
    assert outcome.status == Status.UNKNOWN
    assert said in outcome.detail


def test_an_impossible_number_is_unknown(look_with, table):
    outcome = look_with("freshness", **table(10**30 * 1.0), max_age="5m", number_unit="s")
    assert outcome.status == Status.UNKNOWN


@pytest.mark.parametrize("values", [(), (None,)])
def test_a_table_without_a_value_is_a_failure_of_its_own(look_with, table, values):
    outcome = look_with("freshness", **table(*values), max_age="5m")
    assert (outcome.status, outcome.detail) == (
        Status.CRITICAL,
        "fills has no row with a value in at",
    )


def test_a_column_that_does_not_exist_is_unknown(look_with, table):
    where = table("2026-03-02T14:29:00Z") | {"column": "nope"}
    outcome = look_with("freshness", **where, max_age="5m")
    assert outcome.status == Status.UNKNOWN
    assert "no such column" in outcome.detail


def write(path, values: list[object], dtype: object = None) -> None:
    pl.DataFrame({"ts": pl.Series(values, dtype=dtype), "px": [1.0] * len(values)}).write_parquet(
        path
    )


def parquet(look_with, **more):
    return look_with("freshness", parquet="q/*.parquet", column="ts", max_age="5m", **more)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "q").mkdir()
    return tmp_path / "q"


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        ([NOW - timedelta(hours=1), NOW - timedelta(minutes=1)], pl.Datetime("us", "UTC")),
        ([NOW - timedelta(minutes=1)], pl.Datetime("ns", "UTC")),
        (["2026-03-02T14:29:00Z", None], pl.String),
    ],
)
def test_the_newest_value_of_a_parquet_column_decides(look_with, folder, values, dtype):
    write(folder / "a.parquet", values, dtype)
    write(folder / "b.parquet", values[:1], dtype)
    assert parquet(look_with).detail == "the newest is 1m old"


def test_a_naive_parquet_column_needs_its_zone(look_with, folder):
    write(folder / "a.parquet", [datetime(2026, 3, 2, 9, 29)], pl.Datetime("us"))  # noqa: DTZ001
    assert parquet(look_with).status == Status.UNKNOWN
    assert parquet(look_with, naive_zone="America/New_York").detail == "the newest is 1m old"


def test_a_date_is_the_beginning_of_its_day(look_with, folder):
    write(folder / "a.parquet", [date(2026, 3, 2)])
    assert parquet(look_with, naive_zone="UTC").detail == "the newest is 14h30m old, older than 5m"


def test_a_corrupted_parquet_file_is_unknown(look_with, folder):
    write(folder / "a.parquet", [NOW])
    whole = (folder / "a.parquet").read_bytes()
    (folder / "a.parquet").write_bytes(whole[: len(whole) // 2])
    outcome = parquet(look_with)
    assert outcome.status == Status.UNKNOWN
    assert outcome.detail.startswith("a.parquet cannot be read")


def test_a_parquet_file_without_the_column_is_unknown(look_with, folder):
    write(folder / "a.parquet", [NOW])
    outcome = look_with("freshness", parquet="q/*.parquet", column="nope", max_age="5m")
    assert outcome.status == Status.UNKNOWN
    assert "nope" in outcome.detail


def test_no_parquet_file_and_no_row_are_failures_of_their_own(look_with, folder):
    assert parquet(look_with).detail == "nothing matches q/*.parquet"
    write(folder / "a.parquet", [], pl.Datetime("us", "UTC"))
    assert parquet(look_with).status == Status.CRITICAL
    assert parquet(look_with).detail == "the newest files of q/*.parquet have no value in ts"


def test_different_types_in_different_files_are_unknown(look_with, folder):
    write(folder / "a.parquet", [NOW])
    write(folder / "b.parquet", ["2026-03-02T14:29:00Z"])
    assert "different types" in parquet(look_with).detail
