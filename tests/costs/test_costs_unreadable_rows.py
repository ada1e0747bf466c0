"""Rows of quotes, trades, bars and rates that cannot be read are counted and said, and are no
withdrawal."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest

from costs.engine_desks import a_fill, fills, hold_alike
from costs.store_rows import MIDNIGHT, new_desk, reopened
from mechexo.cli.costs_documents import document
from mechexo.cli.costs_tables import print_report
from mechexo.costs import engine_fills
from mechexo.costs.day_report import report_by_days
from mechexo.costs.ingest import ingest
from mechexo.costs.operations import report
from mechexo.costs.report_html.details import coverage_section
from mechexo.costs.sources.looking import look_at_sources
from mechexo.costs.values import CostReport
from mechexo.desk import Desk

NOON = MIDNIGHT + timedelta(hours=12)
DAY = timedelta(days=1)
QUOTES = """ts,symbol,bid,ask
2026-03-08T16:59:10Z,AAA,100.00,100.02
03/08/2026 16:59:55Z,AAA,100.98,101.00
2026-03-08T16:59:55Z,,100.98,101.00
2026-03-08T16:59:56Z,AAA,"100,00","100,02"
2026-03-08T16:59:57Z,ZZZ,1.0,n/a
2026-03-11T16:59:57Z,AAA,1.0,n/a
"""
SETTINGS = """
fills = "fills.parquet"
quotes = "quotes/*.csv"
zone = "America/New_York"
"""


def desk_of(folder: Path, market: str = QUOTES, more: str = "", days: int = 1) -> Desk:
    desk = new_desk(folder, SETTINGS + more)
    (desk.root / "quotes" / "day.csv").write_text(market)
    at = MIDNIGHT.replace(hour=17)
    fills([a_fill(at + n * DAY) for n in range(days)]).write_parquet(desk.root / "fills.parquet")
    return desk


def both_ways(desk: Desk, days: int = 1) -> CostReport:
    """The report on all at once, which the one day by day must be, also with fills read by day."""
    period = {"start": MIDNIGHT, "end": MIDNIGHT + days * DAY, "by": ("day",)}
    whole = report(desk, **period)
    hold_alike(whole, report_by_days(desk, **period))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine_fills, "_BYTES_READ", 1e12)
        hold_alike(whole, report_by_days(desk, **period))
    return whole


def test_rows_without_a_time_a_symbol_or_a_number_are_counted_once(tmp_path: Path) -> None:
    answer = both_ways(desk_of(tmp_path / "desk"))
    assert answer.coverage.unreadable == {"quotes": 3}
    answer = both_ways(desk_of(tmp_path / "desk", days=4), days=4)
    assert answer.coverage.unreadable == {"quotes": 4}


def test_rows_of_a_file_that_has_no_others_are_counted_too(tmp_path: Path) -> None:
    desk = desk_of(tmp_path / "desk")
    comma = 'ts,symbol,bid,ask\n2026-03-08T16:59:56Z,AAA,"100,00","100,02"\n'
    (desk.root / "quotes" / "other.csv").write_text(comma)
    assert both_ways(desk).coverage.unreadable == {"quotes": 4}


def test_a_price_that_is_no_number_withdraws_nothing_and_an_empty_one_does(tmp_path: Path) -> None:
    for price, priced in (
        ('"100,00"', True), ("n/a", True), ("", False), ("null", False), ("NULL", False),
        ("0", False), ("nan", False), (" 99.99 ", True),
    ):  # fmt: skip
        market = (
            "ts,symbol,bid,ask\n2026-03-08T16:59:50Z,AAA,99.99,100.01\n"
            f"2026-03-08T16:59:55Z,AAA,{price},100.01\n"
        )
        answer = both_ways(desk_of(tmp_path / "desk", market))
        assert (answer.coverage.priced == 1) is priced, price
        counted = {"quotes": 1} if price in ('"100,00"', "n/a") else {}
        assert answer.coverage.unreadable == counted, price


def test_sound_quotes_have_nothing_to_tell(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    answer = both_ways(desk_of(tmp_path / "desk", "\n".join(QUOTES.splitlines()[:2])))
    assert answer.coverage.unreadable == {}
    print_report(answer, ())
    assert "could not be read" not in capsys.readouterr().out
    assert "could not be read" not in coverage_section(answer)


def test_the_tables_the_document_and_the_page_say_it(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    answer = both_ways(desk_of(tmp_path / "desk"))
    said = "3 rows of quotes could not be read: without a time, a symbol or a number; left out"
    print_report(answer, ())
    assert said in capsys.readouterr().out
    assert said in coverage_section(answer)
    assert document(answer, (), None)["coverage"].unreadable == {"quotes": 3}


def test_the_sources_say_how_many_of_their_rows_cannot_be_read(tmp_path: Path) -> None:
    desk = desk_of(tmp_path / "desk")
    looks = {each.setting: each for each in look_at_sources(desk.settings.costs, desk.root)}
    assert (looks["quotes"].rows, looks["quotes"].unreadable) == (6, 5)
    assert looks["fills"].unreadable is None


def parquet_of(name: str) -> Callable[[Desk], None]:
    def write(desk: Desk) -> None:
        frame = pl.DataFrame(
            {
                "ts": [NOON, None, NOON, NOON],
                name: ["AAA", "AAA", None, ""],
                "price": 1.0, "close": 1.0, "rate": 1.0,
            },
            schema_overrides={"ts": pl.Datetime("us", "UTC")},
        )  # fmt: skip
        frame.write_parquet(desk.root / "further.parquet")

    return write


@pytest.mark.parametrize(
    ("setting", "write"),
    [
        ("trades", parquet_of("symbol")),
        ("bars", parquet_of("symbol")),
        ("rates", parquet_of("currency")),
    ],
)
def test_trades_bars_and_rates_are_counted_too(
    tmp_path: Path, setting: str, write: Callable[[Desk], None]
) -> None:
    desk = desk_of(tmp_path / "desk", more=f'{setting} = "further.parquet"\n')
    write(desk)
    assert both_ways(desk).coverage.unreadable == {"quotes": 3, setting: 3}


def test_the_store_has_said_at_ingest_what_it_left_out(tmp_path: Path) -> None:
    desk = desk_of(tmp_path / "desk")
    files = both_ways(desk)
    assert ingest(desk).unreadable == 5
    text = desk.config_path.read_text().replace('"quotes/*.csv"', '"store"')
    desk.config_path.write_text(text)
    stored = both_ways(reopened(desk.root))
    assert stored.coverage.unreadable == {}
    hold_alike(
        dataclasses.replace(files, coverage=dataclasses.replace(files.coverage, unreadable={})),
        stored,
    )


def test_a_symbol_that_is_empty_is_none_at_ingest_too(tmp_path: Path) -> None:
    market = "ts,symbol,bid,ask\n" + "".join(
        f"2026-03-08T16:59:5{second}Z,{symbol},99.99,100.01\n"
        for second, symbol in enumerate(("AAA", '""', ""))
    )
    desk = desk_of(tmp_path / "desk", market)
    assert both_ways(desk).coverage.unreadable == {"quotes": 2}
    answer = ingest(desk)
    assert (answer.unreadable, answer.rows) == (2, 1)


def test_of_the_store_nothing_is_counted_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = desk_of(tmp_path / "desk")
    ingest(desk)
    desk.config_path.write_text(desk.config_path.read_text().replace('"quotes/*.csv"', '"store"'))
    monkeypatch.setattr("mechexo.costs.sources.reading.not_readable", None)
    assert both_ways(reopened(desk.root)).coverage.priced == 1
