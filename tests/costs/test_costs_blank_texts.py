"""Text that is empty or blank says nothing, as no text does, whichever way it is read."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest

from costs.engine_desks import END, START, a_fill, a_quote, desk_with, fills, hold_alike
from costs.store_rows import MIDNIGHT, new_desk, on_store, put, quotes
from mechexo.config.costs import CostSettings
from mechexo.costs import engine_fills
from mechexo.costs.day_report import report_by_days
from mechexo.costs.expecting import impact
from mechexo.costs.ingest import ingest
from mechexo.costs.operations import report
from mechexo.costs.sources import read_fills, read_orders, read_quotes
from mechexo.costs.sources.protocol import Window

WINDOW = Window(START, END)
BLANKS = ["", " ", "\t\n", None, "named", " named"]
KEPT = [None, None, None, None, "named", " named"]
TAGS = ("strategy", "venue", "broker", "order_id", "order_type", "liquidity", "algo")
BY = ("day", "strategy", "algo", "strategy+venue", "order_id")


def blank_fills(blanks: list[str | None]) -> pl.DataFrame:
    """Fills on the days about `MIDNIGHT` with these for their optional texts."""
    rows = [a_fill(MIDNIGHT + timedelta(hours=place - 3)) for place in range(len(blanks))]
    texts = pl.Series(blanks, dtype=pl.String)
    return fills(rows).with_columns(
        *(texts.alias(name) for name in TAGS),
        commission_currency=texts.replace(["named", " named"], ["USD", None]),
    )


def written(folder: Path, name: str, frame: pl.DataFrame) -> str:
    """The file's name, of Parquet or of a CSV file that quotes all that there is."""
    if name.endswith(".parquet"):
        frame.write_parquet(folder / name)
    else:
        filled = frame.with_columns(pl.col(pl.String).fill_null(""))
        filled.write_csv(folder / name, quote_style="always")
    return name


@pytest.mark.parametrize("ending", ["parquet", "csv"])
def test_optional_text_that_is_blank_is_none(tmp_path: Path, ending: str) -> None:
    name = written(tmp_path, f"f.{ending}", blank_fills(BLANKS))
    settings = CostSettings(fills=name, tags=("algo",))
    rows = read_fills(settings, tmp_path, WINDOW).frame
    for tag in TAGS:
        assert rows[tag].to_list() == KEPT, tag
    assert rows["commission_currency"].to_list() == [None, None, None, None, "USD", None]


@pytest.mark.parametrize("ending", ["parquet", "csv"])
def test_so_it_is_of_orders_and_quotes(tmp_path: Path, ending: str) -> None:
    texts = pl.DataFrame({"ts": [MIDNIGHT] * len(BLANKS), "venue": BLANKS, "algo": BLANKS})
    market = texts.with_columns(symbol=pl.lit("AAA"), bid=1.0, ask=2.0)
    ordered = texts.with_columns(
        order_id=pl.lit("1"), symbol=pl.lit("AAA"), side=pl.lit("buy"), quantity=1.0
    )
    settings = CostSettings(
        quotes=written(tmp_path, f"q.{ending}", market),
        orders=written(tmp_path, f"o.{ending}", ordered),
    )
    assert read_quotes(settings, tmp_path, WINDOW).frame["venue"].to_list() == KEPT
    found = read_orders(settings, tmp_path, WINDOW)
    assert found is not None
    assert found.frame["algo"].to_list() == KEPT


@pytest.mark.parametrize("kind", [pl.Categorical, pl.Enum(["", " ", "named"])])
def test_it_is_none_whatever_kind_of_text_a_file_has(tmp_path: Path, kind: pl.DataType) -> None:
    frame = blank_fills(["", " ", "named"]).with_columns(pl.col("strategy").cast(kind))
    written(tmp_path, "f.parquet", frame)
    rows = read_fills(CostSettings(fills="f.parquet"), tmp_path, WINDOW).frame
    assert rows["strategy"].to_list() == [None, None, "named"]


@pytest.mark.parametrize("name", ["symbol", "fill_id", "side"])
def test_a_blank_where_a_fill_needs_a_text_is_rejected_with_its_reason(
    tmp_path: Path, name: str
) -> None:
    rows = blank_fills(["named", "named"]).with_columns(
        pl.when(pl.col("fill_id") == "f001").then(pl.lit(" ")).otherwise(name).alias(name)
    )
    desk = desk_with(tmp_path / "desk", rows, [a_quote(START)])
    coverage = report(desk, start=START, end=END).coverage
    reason = {"symbol": "no symbol", "fill_id": "no fill id"}.get(name, "neither buy nor sell")
    assert (coverage.fills, coverage.rejected_count) == (1, 1)
    assert reason in coverage.rejected[0].reason


@pytest.mark.parametrize("bytes_read", [300, 1e12])
def test_all_ways_of_computing_take_blanks_for_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bytes_read: float
) -> None:
    monkeypatch.setattr(engine_fills, "_BYTES_READ", bytes_read)
    market = [a_quote(MIDNIGHT + timedelta(hours=n, seconds=-1)) for n in range(-6, 6)]
    more = 'tags = ["algo"]\n'
    blank = desk_with(tmp_path / "blank", blank_fills(BLANKS), market, more)
    none = desk_with(tmp_path / "none", blank_fills(KEPT), market, more)
    expected = report(none, start=START, end=END, by=BY)
    assert [row.key["strategy"] for row in expected.by["strategy"]] == [" named", "(none)", "named"]
    assert expected.coverage.without_commission == 0
    hold_alike(expected, report(blank, start=START, end=END, by=BY))
    hold_alike(expected, report_by_days(blank, start=START, end=END, by=BY))


def test_a_blank_order_id_makes_no_order_of_fills_that_have_none(tmp_path: Path) -> None:
    desk = desk_with(
        tmp_path / "desk", blank_fills(["", " ", "named"]), [], 'bars = "bars.parquet"\n'
    )
    pl.DataFrame({"ts": [START], "symbol": ["AAA"], "close": [1.0]}).write_parquet(
        desk.root / "bars.parquet"
    )
    found = impact(desk, START, END).orders
    assert sorted(each.order_id for each in found) == ["fill f000", "fill f001", "named"]


def test_quotes_of_blank_venues_are_stored_as_those_of_none(tmp_path: Path) -> None:
    settings = 'fills = "fills.parquet"\nquotes = "quotes/*.parquet"\nvenue_expiry = "30s"\n'
    desk = new_desk(tmp_path / "desk", settings + 'zone = "UTC"\n')
    rows = [a_quote(MIDNIGHT + timedelta(seconds=n)) for n in range(len(BLANKS))]
    put(desk, "q.parquet", quotes(rows).with_columns(venue=pl.Series(BLANKS)))
    ingest(desk)
    stored = on_store(desk)
    found = read_quotes(stored.settings.costs, stored.root, WINDOW).frame
    assert found["venue"].to_list() == KEPT
