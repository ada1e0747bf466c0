"""Reading fills and quotes: what fits is read, what does not says so in one line."""

from __future__ import annotations

import os
import signal
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from mechexo.config.costs import CostSettings
from mechexo.costs.sources import read_fills, read_quotes
from mechexo.costs.sources.protocol import Window
from mechexo.errors import ConfigError, MechexoError, UnreachableError

DAY = datetime(2026, 3, 2, tzinfo=UTC)
WINDOW = Window(DAY, DAY + timedelta(days=1))
QUOTE = {"ts": [DAY + timedelta(hours=15)], "symbol": ["AAA"], "bid": [99.0], "ask": [101.0]}


def quotes(folder: Path, window: Window = WINDOW, **settings: object) -> pl.DataFrame:
    chosen = {"quotes": "*.parquet", **settings}
    return read_quotes(CostSettings(**chosen), folder, window).frame  # type: ignore[arg-type]


def write(folder: Path, name: str = "a.parquet", **columns: object) -> Path:
    path = folder / name
    pl.DataFrame({**QUOTE, **columns}).write_parquet(path)
    return path


def refusal(kind: type[MechexoError], read: Callable[[], object]) -> str:
    with pytest.raises(kind) as caught:
        read()
    text = str(caught.value)
    assert "\n" not in text
    return text


def test_a_glob_reads_all_its_files_in_the_order_of_their_names(tmp_path: Path) -> None:
    write(tmp_path, "b.parquet", bid=[2.0])
    write(tmp_path, "a.parquet", bid=[1.0])
    assert quotes(tmp_path)["bid"].to_list() == [1.0, 2.0]


def test_files_may_differ_in_units_and_types(tmp_path: Path) -> None:
    write(tmp_path, "a.parquet", bid=[98], seq=[1])
    rows = pl.DataFrame(QUOTE).with_columns(
        pl.col("ts").dt.cast_time_unit("ns").dt.convert_time_zone("America/New_York"),
        pl.col("symbol").cast(pl.Categorical),
    )
    rows.write_parquet(tmp_path / "b.parquet")
    read = quotes(tmp_path)
    assert read["ts"].to_list() == QUOTE["ts"] * 2
    assert read["seq"].to_list() == [1, None]


def test_a_row_at_the_start_is_in_the_window_and_one_at_the_end_is_not(tmp_path: Path) -> None:
    edge = [WINDOW.start, WINDOW.end]
    pl.DataFrame({"ts": edge, "symbol": "A", "bid": 1.0, "ask": 2.0}).write_parquet(
        tmp_path / "a.parquet"
    )
    assert quotes(tmp_path)["ts"].to_list() == [WINDOW.start]


def test_the_pages_of_a_file_outside_the_window_are_not_read(tmp_path: Path) -> None:
    write(tmp_path, "a.parquet")
    later = pl.DataFrame(
        {"ts": pl.Series([DAY + timedelta(days=40, seconds=n) for n in range(9999)])}
    )
    other = later.with_columns(
        symbol=pl.lit("AAA"), bid=pl.lit(1.0), ask=pl.int_range(pl.len()) * 1.0
    )
    path = tmp_path / "b.parquet"
    other.write_parquet(path)
    content = bytearray(path.read_bytes())
    content[100 : len(content) // 2] = b"\xaa" * (len(content) // 2 - 100)
    path.write_bytes(content)
    assert len(quotes(tmp_path)) == 1
    month = Window(DAY, DAY + timedelta(days=60))
    assert "b.parquet cannot be read" in refusal(UnreachableError, lambda: quotes(tmp_path, month))


def test_an_empty_table_is_read_as_no_rows(tmp_path: Path) -> None:
    write(tmp_path, ts=[], symbol=[], bid=[], ask=[])
    assert quotes(tmp_path).is_empty()
    write(tmp_path, "b.parquet")
    assert len(quotes(tmp_path)) == 1


@pytest.mark.parametrize("content", [b"", b"PAR1 rubbish PAR1", b"not parquet at all" * 50])
def test_a_corrupted_parquet_file_is_named(tmp_path: Path, content: bytes) -> None:
    write(tmp_path, "good.parquet")
    (tmp_path / "bad.parquet").write_bytes(content)
    assert "bad.parquet cannot be read" in refusal(UnreachableError, lambda: quotes(tmp_path))


def test_a_file_replaced_while_it_is_read_is_read_as_it_was(tmp_path: Path) -> None:
    from mechexo.costs.sources.files import FileSource

    path = write(tmp_path)
    batches = FileSource.parse("*.parquet", "quotes", tmp_path).batches(WINDOW, "ts")
    (table,) = next(batches)
    table.frame.collect_schema()
    beside = tmp_path / "new.part"
    pl.DataFrame({"other": list(range(1000))}).write_parquet(beside)
    beside.replace(path)
    assert table.frame.collect()["bid"].to_list() == [99.0]


def test_a_glob_without_a_match_is_said(tmp_path: Path) -> None:
    text = refusal(UnreachableError, lambda: quotes(tmp_path))
    assert "[costs] quotes: no file matches" in text


def test_a_source_that_is_not_set_is_said(tmp_path: Path) -> None:
    text = refusal(ConfigError, lambda: quotes(tmp_path, quotes=""))
    assert text.startswith("[costs] quotes is not set")


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.xlsx").write_bytes(b"x")
    assert "neither .parquet nor .csv" in refusal(
        ConfigError, lambda: quotes(tmp_path, quotes="*.xlsx")
    )


def test_a_url_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    text = refusal(ConfigError, lambda: quotes(tmp_path, quotes="sqllite:///desk.sqlite?table=q"))
    assert "sqllite:// is no kind of source; did you mean sqlite" in text


def test_a_missing_column_is_named_with_the_closest_ones(tmp_path: Path) -> None:
    pl.DataFrame(QUOTE).rename({"bid": "bidd"}).write_parquet(tmp_path / "a.parquet")
    text = refusal(ConfigError, lambda: quotes(tmp_path))
    assert "a.parquet: no column 'bid'; close names: bidd" in text
    assert "[costs.quote_columns] bid" in text


def test_a_mapping_of_a_column_that_is_not_ours_is_refused(tmp_path: Path) -> None:
    write(tmp_path)
    text = refusal(ConfigError, lambda: quotes(tmp_path, quote_columns={"bids": "BID"}))
    assert "[costs.quote_columns] bids" in text
    assert "close names: bid" in text


def test_a_declared_mapping_finds_the_columns(tmp_path: Path) -> None:
    pl.DataFrame(QUOTE).rename({"bid": "BID", "ask": "OFR"}).write_parquet(tmp_path / "a.parquet")
    read = quotes(tmp_path, quote_columns={"bid": "BID", "ask": "OFR"})
    assert read.row(0) == (QUOTE["ts"][0], "AAA", 99.0, 101.0)


def test_times_without_a_zone_are_refused(tmp_path: Path) -> None:
    write(tmp_path, ts=[datetime(2026, 3, 2, 10)])  # noqa: DTZ001
    assert "naive_zone" in refusal(ConfigError, lambda: quotes(tmp_path))


def test_times_without_a_zone_are_read_in_the_declared_one(tmp_path: Path) -> None:
    write(tmp_path, ts=[datetime(2026, 3, 2, 10)])  # noqa: DTZ001
    read = quotes(tmp_path, naive_zone="America/New_York")
    assert read["ts"].to_list() == [DAY + timedelta(hours=15)]


def test_a_date_or_a_bare_number_is_no_time(tmp_path: Path) -> None:
    write(tmp_path, ts=[1772463600])
    assert "the time is Int64" in refusal(ConfigError, lambda: quotes(tmp_path))
    write(tmp_path, ts=[DAY.date()])
    assert "the time is Date" in refusal(ConfigError, lambda: quotes(tmp_path))


CSV = "id,when,sym,qty,px,fee\n"


def csv_fills(folder: Path, body: str, **settings: object) -> pl.DataFrame:
    (folder / "fills.csv").write_text(CSV + body)
    mapping = {
        "fill_id": "id", "ts": "when", "symbol": "sym", "quantity": "qty", "price": "px",
        "commission": "fee",
    }  # fmt: skip
    chosen = CostSettings(fills="fills.csv", fill_columns=mapping, **settings)  # type: ignore[arg-type]
    return read_fills(chosen, folder, WINDOW).frame


@pytest.mark.parametrize(
    "when",
    ["2026-03-02T15:00:00Z", "2026-03-02 15:00:00+00:00", "2026-03-02T10:00:00.000-0500",
     "2026-03-02 15:00:00.000000+00", "2026-03-02T15:00Z", "2026-03-02t15:00:00z"],
)  # fmt: skip
def test_csv_times_are_read_in_the_usual_spellings(tmp_path: Path, when: str) -> None:
    read = csv_fills(tmp_path, f"1,{when},AAA,10,100.5,0.35\n")
    assert read["ts"].to_list() == [DAY + timedelta(hours=15)]
    assert read.select("quantity", "price", "commission").row(0) == (10.0, 100.5, 0.35)


def test_csv_values_that_cannot_be_read_stay_as_missing_not_lost(tmp_path: Path) -> None:
    read = csv_fills(tmp_path, "1,yesterday,AAA,ten,100,\n2,2026-03-02,AAA,1,1,1\n")
    assert read["ts"].to_list() == [None, None]
    assert read["quantity"].to_list() == [None, 1.0]
    assert read["commission"].to_list() == [None, 1.0]


def test_csv_times_without_a_zone_are_refused_or_placed(tmp_path: Path) -> None:
    body = "1,2026-03-02 10:00:00,AAA,10,100,0\n"
    assert "naive_zone" in refusal(ConfigError, lambda: csv_fills(tmp_path, body))
    read = csv_fills(tmp_path, body, naive_zone="America/New_York")
    assert read["ts"].to_list() == [DAY + timedelta(hours=15)]


def test_a_csv_with_a_torn_line_is_named(tmp_path: Path) -> None:
    body = "1,2026-03-02T15:00:00Z,AAA,10,100,0,too,many\n"
    assert "fills.csv cannot be read" in refusal(
        UnreachableError, lambda: csv_fills(tmp_path, body)
    )


def test_an_empty_csv_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "empty.csv").write_text("")
    text = refusal(UnreachableError, lambda: quotes(tmp_path, quotes="empty.csv"))
    assert "empty.csv cannot be read" in text


def database(folder: Path) -> Path:
    path = folder / "desk.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE executions (fill_id, ts, symbol, side, quantity, price)")
        connection.executemany(
            "INSERT INTO executions VALUES (?, ?, ?, ?, ?, ?)",
            [
                (1, "2026-03-02T15:00:00.123456Z", "AAA", "buy", 10, 100.1),
                (2, "2026-03-09T15:00:00Z", "AAA", "buy", 10, 100.1),
                (3, None, "AAA", "buy", 10, 100.1),
                (4, "soon", "AAA", "buy", 10, 100.1),
            ],
        )
    connection.close()
    return path


def sqlite_fills(
    folder: Path, address: str = "sqlite:///desk.sqlite?table=executions"
) -> pl.DataFrame:
    return read_fills(CostSettings(fills=address), folder, WINDOW).frame


def test_a_table_of_a_database_is_read_without_changing_it(tmp_path: Path) -> None:
    path = database(tmp_path)
    path.chmod(0o444)
    before = path.read_bytes()
    read = sqlite_fills(tmp_path)
    assert read["fill_id"].to_list() == ["1", "3", "4"]
    assert read["ts"].to_list() == [DAY + timedelta(hours=15, microseconds=123456), None, None]
    assert read["price"].to_list()[0] == 100.1
    assert path.read_bytes() == before
    assert [each.name for each in tmp_path.glob("desk*")] == ["desk.sqlite"]


def test_an_absolute_database_path_has_four_slashes(tmp_path: Path) -> None:
    path = database(tmp_path)
    assert len(sqlite_fills(tmp_path / "elsewhere", f"sqlite:///{path}?table=executions")) == 3


def test_a_missing_table_is_said_with_the_ones_there_are(tmp_path: Path) -> None:
    database(tmp_path)
    text = refusal(ConfigError, lambda: sqlite_fills(tmp_path, "sqlite:///desk.sqlite?table=fills"))
    assert "no table 'fills'; it has: executions" in text


@pytest.mark.parametrize(
    "address", ["sqlite:///desk.sqlite", "sqlite://?table=x", "sqlite:///?table=x"]
)
def test_an_address_that_is_none_is_refused(tmp_path: Path, address: str) -> None:
    assert "sqlite:///path?table=NAME" in refusal(
        ConfigError, lambda: sqlite_fills(tmp_path, address)
    )


def test_a_missing_or_broken_database_is_named(tmp_path: Path) -> None:
    assert "there is no database" in refusal(UnreachableError, lambda: sqlite_fills(tmp_path))
    (tmp_path / "desk.sqlite").write_bytes(b"rubbish " * 200)
    assert "cannot be read" in refusal(UnreachableError, lambda: sqlite_fills(tmp_path))


class Interrupted(pl.exceptions.PanicException):  # type: ignore[misc]
    """As Polars panics when the interrupt key reaches Python code that it called."""

    def __init__(self) -> None:
        super().__init__("called `Result::unwrap()`: PyErr { type: <class 'KeyboardInterrupt'> }")


def test_a_panic_of_the_interrupt_key_is_an_interrupt_and_no_unreadable_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path)

    def panic(*_: object) -> None:
        raise Interrupted

    monkeypatch.setattr("mechexo.costs.sources.reading.readable", panic)
    with pytest.raises(KeyboardInterrupt):
        quotes(tmp_path)
    monkeypatch.undo()
    monkeypatch.setattr(pl.LazyFrame, "collect", lambda *_, **__: panic())
    with pytest.raises(KeyboardInterrupt):
        quotes(tmp_path)


def test_another_panic_names_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path)

    def panic(*_: object) -> None:
        raise pl.exceptions.PanicException("index out of bounds")

    monkeypatch.setattr("mechexo.costs.sources.reading.readable", panic)
    text = refusal(UnreachableError, lambda: quotes(tmp_path))
    assert "a.parquet cannot be read: index out of bounds" in text


def test_the_interrupt_key_waits_while_rust_calls_python(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mechexo.costs.sources import reading

    write(tmp_path)
    done = []

    def interrupted(*given: Any) -> Any:
        os.kill(os.getpid(), signal.SIGINT)
        found = readable(*given)
        done.append(1)
        return found

    readable = reading.readable
    monkeypatch.setattr(reading, "readable", interrupted)
    # A suite that was started in the background has the key switched off.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            quotes(tmp_path)
        assert done
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)
