"""Commissions that are not known: stated in a currency without a rate, or not stated at all. Then
there is no total, and the slippages have their statistics."""

from __future__ import annotations

import csv
import io
import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from costs.frames import fills_frame
from costs.oracle import Fill, at
from mechexo.cli import main
from mechexo.cli.costs_tables import bps
from mechexo.costs.fills import normalise_fills
from mechexo.costs.operations import report
from mechexo.costs.report_html import write_report
from mechexo.costs.report_html.details import coverage_section
from mechexo.costs.results import compute
from mechexo.costs.values import CostReport
from mechexo.desk import Desk

pytestmark = pytest.mark.slow

OPEN = datetime(2026, 3, 2, 14, 30, tzinfo=UTC)
TOML = """
[costs]
fills = "fills.parquet"
quotes = "quotes.parquet"
zone = "UTC"
"""
CURRENCIES = ("USD", "CHF", "CHF", "SEK", None)
"""Of the commissions of five fills; that of the fifth is not stated."""


def commissions(rows: list[tuple[float | None, str | None]], **kinds: object) -> pl.DataFrame:
    fills = [Fill(f"f{n}", at(n), "AAA", "buy", 10, 100.0) for n in range(len(rows))]
    stated = {
        "commission": pl.Series([amount for amount, _ in rows], dtype=pl.Float64),
        "commission_currency": pl.Series([name for _, name in rows], dtype=pl.String),
    }
    frame = fills_frame(fills).with_columns(**stated)
    return normalise_fills(frame, "USD", **kinds).accepted  # type: ignore[arg-type]


def test_a_commission_in_a_currency_without_a_rate_is_unknown_and_names_it() -> None:
    found = commissions([(1.0, "CHF"), (1.0, "USD"), (1.0, None), (None, "CHF"), (0.0, "CHF")])
    assert found["commission"].to_list() == [None, 1.0, 1.0, None, None]
    assert found["unrated_currency"].to_list() == ["CHF", None, None, None, "CHF"]


def test_with_a_rate_the_currency_is_no_matter() -> None:
    rates = pl.DataFrame({"ts": [at(0)], "currency": ["CHF"], "rate": [1.25]})
    found = commissions([(2.0, "CHF"), (2.0, "SEK")], rates=rates)
    assert found["commission"].to_list() == [2.5, None]
    assert found["unrated_currency"].to_list() == [None, "SEK"]


def test_without_any_named_currency_none_lacks_a_rate() -> None:
    assert commissions([(2.0, None), (None, None)])["unrated_currency"].to_list() == [None, None]


@pytest.fixture
def desk(make_desk) -> Desk:
    """Five priced fills, and one in CHF that has no quote."""
    desk = make_desk(TOML)
    moments = [OPEN + timedelta(minutes=n) for n in range(5)]
    quotes = {"ts": moments, "symbol": "AAA", "bid": 99.99, "ask": 100.01}
    pl.DataFrame(quotes).write_parquet(desk.root / "quotes.parquet")
    fills = {
        "fill_id": [f"f{n}" for n in range(6)],
        "ts": [*(each + timedelta(seconds=1) for each in moments), OPEN + timedelta(hours=2)],
        "symbol": "AAA",
        "side": "buy",
        "quantity": 100.0,
        "price": 100.02,
        "commission": [1.0, 1.0, 1.0, 1.0, None, 1.0],
        "commission_currency": [*CURRENCIES, "CHF"],
    }
    pl.DataFrame(fills).write_parquet(desk.root / "fills.parquet")
    return desk


def report_of(desk: Desk) -> CostReport:
    return report(desk, start=OPEN - timedelta(hours=1), end=OPEN + timedelta(hours=5))


def test_the_coverage_counts_and_lists_the_fills_whose_commission_has_no_rate(desk: Desk) -> None:
    covered = report_of(desk).coverage
    assert (covered.priced, covered.without_commission, covered.unrated_count) == (5, 4, 3)
    assert covered.unrated_by_currency == {"CHF": 2, "SEK": 1}
    assert [fill.fill_id for fill in covered.unrated] == ["f1", "f2", "f3"]
    assert covered.unrated[2].reason == (
        "its commission is in SEK, which has no rate: give SEK one in [costs] rates of mechexo.toml"
    )


def test_a_rate_in_the_file_that_is_named_mends_it(desk: Desk) -> None:
    (desk.root / "rates.csv").write_text(
        "ts,currency,rate\n2026-03-02,CHF,1.25\n2026-03-02,SEK,0.1\n"
    )
    desk.config_path.write_text(desk.config_path.read_text() + 'rates = "rates.csv"\n')
    answer = report_of(Desk.open(desk.config_path, clock=desk.clock, actor=desk.actor))
    assert (answer.coverage.without_commission, answer.coverage.unrated_count) == (1, 0)
    assert answer.totals.commission_ccy == pytest.approx(1 + 2 * 1.25 + 0.1)


def said(desk: Desk, monkeypatch, capsys, *words: str) -> str:
    asked = ["costs", "--from", "2026-03-02", "--to", "2026-03-02", *words]
    monkeypatch.setattr(sys, "argv", ["mechexo", "--config", str(desk.config_path), *asked])
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code
    return capsys.readouterr().out


def test_the_table_says_which_currency_and_what_to_set(desk: Desk, monkeypatch, capsys) -> None:
    text = said(desk, monkeypatch, capsys)
    assert "4 priced fills without a commission" in text
    assert "2 of them: its commission is in CHF, which has no rate" in text
    assert "give SEK one in [costs] rates of mechexo.toml" in text


@pytest.mark.parametrize("way", [(), ("--day-by-day",)])
def test_so_does_the_json_document_also_day_by_day(
    desk: Desk, monkeypatch, capsys, way: tuple[str, ...]
) -> None:
    covered = json.loads(said(desk, monkeypatch, capsys, "--json", *way))["coverage"]
    assert (covered["unrated_count"], covered["unrated_by_currency"]) == (3, {"CHF": 2, "SEK": 1})
    assert [fill["fill_id"] for fill in covered["unrated"]] == ["f1", "f2", "f3"]


def test_so_does_the_report_to_read(desk: Desk) -> None:
    page = str(coverage_section(report_of(desk)))
    assert "2 of them: its commission is in CHF, which has no rate" in page
    assert "Fills whose commission has no rate: 3 of 3" in page


@pytest.fixture
def unpaid(desk: Desk) -> Desk:
    """The same desk, which knows no commission."""
    path = desk.root / "fills.parquet"
    pl.read_parquet(path).drop("commission", "commission_currency").write_parquet(path)
    return desk


def test_without_any_commission_the_table_gives_the_slippages_and_says_so(
    unpaid: Desk, monkeypatch, capsys
) -> None:
    text = said(unpaid, monkeypatch, capsys)
    assert "slippage p50" in text
    assert "Spread of the fills' own slippages, bps; no commission is known" in text


def test_with_one_commission_the_percentiles_are_those_of_the_totals(
    desk: Desk, monkeypatch, capsys
) -> None:
    text = said(desk, monkeypatch, capsys)
    assert "slippage p50" not in text
    assert "Spread of the fills' own totals, bps" in text


def test_so_does_the_report_to_read_of_the_slippages(unpaid: Desk, tmp_path: Path) -> None:
    asked = {"start": OPEN - timedelta(hours=1), "end": OPEN + timedelta(hours=5)}
    write_report(str(tmp_path / "report.html"), unpaid, compute(unpaid, **asked))
    page = (tmp_path / "report.html").read_text()
    assert "How the fills&#x27; own slippages are spread" in page
    assert "No commission is known, so no fill has a total to draw" in page
    assert page.count("slippage p95</button>") == 3


@pytest.mark.parametrize("way", [(), ("--day-by-day",)])
def test_json_and_csv_carry_the_slippages_statistics(
    unpaid: Desk, monkeypatch, capsys, way: tuple[str, ...]
) -> None:
    row = json.loads(said(unpaid, monkeypatch, capsys, "--json", *way))["totals"]
    assert (row["total_bps"], row["p50_bps"]) == (None, None)
    assert row["slippage_p50_bps"] == pytest.approx(2.0)
    assert row["slippage_weighted_p95_bps"] == pytest.approx(2.0)
    text = said(unpaid, monkeypatch, capsys, "--csv", "-", *way)
    (line, *_) = csv.DictReader(io.StringIO(text))
    assert (line["p50_bps"], float(line["slippage_p99_bps"])) == ("", pytest.approx(2.0))


def test_json_and_csv_count_the_fills_behind_each_markout(desk: Desk, monkeypatch, capsys) -> None:
    row = json.loads(said(desk, monkeypatch, capsys, "--json"))["totals"]
    # Whether the last quote still stood after the last fill, nobody knows.
    assert (row["priced"], row["markout_fills"]["1s"], row["markout_fills"]["30m"]) == (5, 4, 0)
    assert row["realised_bps"]["30m"] is None
    (line, *_) = csv.DictReader(io.StringIO(said(desk, monkeypatch, capsys, "--csv", "-")))
    assert (line["markout_1s_fills"], line["markout_30m_fills"]) == ("4", "0")


@pytest.mark.parametrize(
    ("value", "text"), [(-0.001, "0.00"), (0.0, "0.00"), (-0.005001, "-0.01"), (None, None)]
)
def test_what_rounds_to_zero_has_no_sign(value: float | None, text: str | None) -> None:
    assert bps(value) == text
