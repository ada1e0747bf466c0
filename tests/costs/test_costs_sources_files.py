"""Files: hive partitions, and files that change while they are read."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from mechexo.config.costs import CostSettings
from mechexo.costs.sources import files, read_quotes
from mechexo.costs.sources.files import FileSource
from mechexo.costs.sources.protocol import Window
from mechexo.errors import ConfigError, UnreachableError

DAY = datetime(2026, 3, 2, tzinfo=UTC)
NOON = DAY + timedelta(hours=12)
WINDOW = Window(DAY, DAY + timedelta(days=1))


def quotes(folder: Path, glob: str, window: Window = WINDOW, **mapping: str) -> pl.DataFrame:
    chosen = CostSettings(quotes=glob, quote_columns=mapping)
    return read_quotes(chosen, folder, window).frame


def partition(folder: Path, name: str, **columns: object) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    pl.DataFrame({"ts": [NOON], "bid": 1.0, "ask": 2.0, **columns}).write_parquet(path)
    return path


def test_folders_of_hive_partitions_are_columns(tmp_path: Path) -> None:
    partition(tmp_path, "day=2026-03-02/symbol=BRK%2FB/1.parquet")
    partition(tmp_path, "day=2026-03-02/symbol=0700/1.parquet")
    read = quotes(tmp_path, "**/*.parquet")
    assert sorted(read["symbol"].to_list()) == ["0700", "BRK/B"]
    read = quotes(tmp_path, "**/*.parquet", venue="day")
    assert read["venue"].to_list() == ["2026-03-02"] * 2


def test_a_column_of_the_file_comes_before_its_folders(tmp_path: Path) -> None:
    partition(tmp_path, "symbol=A/1.parquet", symbol=["B"])
    assert quotes(tmp_path, "*/*.parquet")["symbol"].to_list() == ["B"]


def test_the_default_partition_is_a_missing_value(tmp_path: Path) -> None:
    partition(tmp_path, "venue=__HIVE_DEFAULT_PARTITION__/1.parquet", symbol=["A"])
    assert quotes(tmp_path, "*/*.parquet")["venue"].to_list() == [None]


def test_a_partition_of_another_symbol_is_not_read(tmp_path: Path) -> None:
    partition(tmp_path, "symbol=A/1.parquet")
    torn = partition(tmp_path, "symbol=B/1.parquet", bid=[float(n) for n in range(1)])
    content = bytearray(torn.read_bytes())
    content[4:60] = b"\xaa" * 56
    torn.write_bytes(content)
    wanted = Window(WINDOW.start, WINDOW.end, ("A",))
    assert quotes(tmp_path, "*/*.parquet", wanted)["symbol"].to_list() == ["A"]
    with pytest.raises(UnreachableError, match=r"symbol=B/1.parquet cannot be read"):
        quotes(tmp_path, "*/*.parquet")


def test_csv_files_have_partitions_too(tmp_path: Path) -> None:
    (tmp_path / "symbol=A").mkdir()
    (tmp_path / "symbol=A" / "1.csv").write_text("ts,bid,ask\n2026-03-02T12:00:00Z,1,2\n")
    assert quotes(tmp_path, "*/*.csv").rows() == [(NOON, "A", 1.0, 2.0)]


def test_a_missing_column_that_no_folder_gives_is_named(tmp_path: Path) -> None:
    partition(tmp_path, "symbols=A/1.parquet")
    with pytest.raises(ConfigError, match="no column 'symbol'; close names: symbols"):
        quotes(tmp_path, "*/*.parquet")


def test_a_parquet_file_written_over_while_it_is_read_is_refused(tmp_path: Path) -> None:
    path = partition(tmp_path, "a.parquet", symbol=["A"])
    batches = FileSource.parse("a.parquet", "quotes", tmp_path).batches(WINDOW, "ts")
    next(batches)
    path.write_bytes(path.read_bytes() + b"more")
    with pytest.raises(UnreachableError, match=r"a.parquet changed while it was read; run"):
        next(batches)


FILL = "1,2026-03-02T12:00:00Z,A,1,100.25\n"


def test_a_csv_file_that_grows_while_it_is_read_is_read_up_to_its_last_whole_line(
    tmp_path: Path,
) -> None:
    path = tmp_path / "a.csv"
    path.write_text(FILL + FILL[:-4])

    class Growing(io.FileIO):
        def read(self, size: int | None = -1) -> bytes:
            content = super().read(size)
            with path.open("a") as more:
                more.write(FILL[-4:] + FILL)
            return content or b""

    with Growing(path) as file:
        assert files._whole_lines(file) == FILL.encode()  # type: ignore[arg-type]


def test_a_csv_file_that_grew_after_it_was_read_is_no_failure(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("fill_id,ts,symbol,quantity,price\n" + FILL)
    batches = FileSource.parse("a.csv", "fills", tmp_path).batches(WINDOW, "ts")
    (table,) = next(batches)
    with path.open("a") as more:
        more.write(FILL)
    assert len(table.frame.collect()) == 1
    assert next(batches, None) is None


def test_a_csv_file_written_over_while_it_is_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("fill_id,ts,symbol,quantity,price\n" + FILL)
    batches = FileSource.parse("a.csv", "fills", tmp_path).batches(WINDOW, "ts")
    next(batches)
    path.write_text("fill_id,ts,symbol,quantity,price\n")
    with pytest.raises(UnreachableError, match="changed while it was read"):
        next(batches)


@pytest.mark.parametrize("unit", ["ms", "us", "ns"])
@pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo"])
def test_a_window_has_the_rows_from_its_start_until_before_its_end_however_fine_their_times_are(
    tmp_path: Path, unit: str, zone: str
) -> None:
    us = timedelta(microseconds=1)
    window = Window(DAY + 1_500 * us, NOON + 1_500 * us)
    moments = [edge + step * us for edge in (window.start, window.end) for step in range(-1500, 3)]
    kind = pl.Datetime(unit, zone)
    there = pl.Series("ts", moments).cast(kind).unique()
    pl.DataFrame({"ts": there, "symbol": "A", "bid": 1.0, "ask": 2.0}).write_parquet(
        tmp_path / "a.parquet"
    )
    read = quotes(tmp_path, "a.parquet", window)["ts"].to_list()
    at = there.cast(pl.Datetime("us", "UTC")).to_list()
    assert sorted(read) == sorted(each for each in at if window.start <= each < window.end)


def test_a_window_may_end_in_the_millisecond_before_the_clocks_of_the_files_zone_skip_an_hour(
    tmp_path: Path,
) -> None:
    spring = datetime(2026, 3, 8, 7, tzinfo=UTC)
    there = [spring - timedelta(milliseconds=each) for each in (2, 1, 0)]
    kind = pl.Datetime("ms", "America/New_York")
    columns = {"ts": pl.Series(there).cast(kind), "symbol": "A", "bid": 1.0, "ask": 2.0}
    pl.DataFrame(columns).write_parquet(tmp_path / "a.parquet")
    window = Window(DAY, spring - timedelta(microseconds=500))
    assert quotes(tmp_path, "a.parquet", window)["ts"].to_list() == there[:2]
