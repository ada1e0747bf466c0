"""Fills, one by one and in full, and the exceptions among them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from console.costs_values import FILL, HEAD, LOOK, NOW, WIDTHS, texts
from mechexo.costs.findings import CostException
from mechexo.costs.views import (
    ExceptionsPage,
    FillDetail,
    QuoteRow,
)
from mechexo_tui.panels.costs_bar import UNSPLIT
from mechexo_tui.panels.costs_exceptions import exception_row, exceptions_aside, exceptions_table
from mechexo_tui.panels.costs_fills import fill_lines, fill_row, fills_table, price, quantity, since
from mechexo_tui.widgets.format import UNICODE, fine_bps
from mechexo_tui.widgets.lines import text_of, width_of

# Fills


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("dated", [True, False])
def test_a_fill_fits_its_terminal_with_time_symbol_side_and_total(width: int, dated: bool) -> None:
    look = LOOK.wide(width)
    table = fills_table(look, 3.0, 0.0, dated=dated)
    shown = text_of(fill_row(FILL, table, look, dated=dated))
    assert len(shown) <= width
    for word in ("14:33:00.000", "AAPL", "buy", "+2.50", "│"):
        assert word in shown
    assert ("03-02" in shown) is dated


def test_a_fill_outside_the_figures_says_why_in_place_of_its_bar() -> None:
    out = replace(FILL, reason="no quote of this symbol", ref_source="none", total_bps=None)
    shown = text_of(fill_row(out, fills_table(LOOK, 3.0, 0.0, dated=True), LOOK, dated=True))
    assert "no quote of this symbol" in shown
    assert "│" not in shown


QUOTES = (
    QuoteRow(NOW - timedelta(seconds=2), "used", 99.98, 100.02, NOW - timedelta(seconds=2)),
    QuoteRow(NOW - timedelta(seconds=1), "used", 99.99, 100.01, NOW - timedelta(seconds=1), True),
)
LATER = (
    QuoteRow(NOW, "crossed", 99.99, 100.01, NOW - timedelta(seconds=1)),
    QuoteRow(NOW + timedelta(minutes=3), "withdrawn", None, None, None),
)
DETAIL = FillDetail(FILL, 1.0, 1.0, {"1s": 100.01}, QUOTES, LATER)


@pytest.mark.parametrize("width", WIDTHS)
def test_a_fill_in_full_says_what_it_was_measured_by_and_shows_the_quotes_around_it(
    width: int,
) -> None:
    lines = fill_lines(DETAIL, HEAD, LOOK.wide(width))
    said = texts(lines)
    assert all(width_of(text_of(line)) <= width for line in lines)
    for words in (
        "bought 100 AAPL at 100.02",
        "2026-03-02 09:33:00.000000 New York",
        "the mid of the last valid quote before it",
        "mid 100.00: 99.99 to 100.01, 1.0s old",
        *(("half-spread + beyond the touch", "slippage + commission") if width >= 80 else ()),
        "the parts add up to within 1e-12 bps",
    ):
        assert words in said, words
    rows = [line for line in said.splitlines() if line.startswith("   09:3")]
    assert len(rows) == 5
    assert "▸ reference" in rows[1]
    assert ("-1.000s" in rows[1]) is (width >= 80)
    assert "the fill" in rows[2]
    if width >= 120:
        assert "crossed, not used" in rows[3]
        assert "+3m0s" in rows[4]
        assert "withdrawn" in rows[4]
        assert rows[4].split()[2:4] == ["–", "–"]


def test_flags_and_the_reason_are_words() -> None:
    flagged = replace(FILL, flags="suspect after_wide", reason="further than 5 % from the mid")
    said = texts(fill_lines(replace(DETAIL, fill=flagged), HEAD, LOOK))
    assert "suspect: so far from its reference that a wrong price" in said
    assert "after wide: a quote much wider than usual came after its quote" in said
    assert "not in the figures: further than 5 % from the mid" in said


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("stale", "which was old (stale)"),
        ("trade", "the market's last trade"),
        ("bar", "the last minute's bar"),
        ("arrival", "the broker's arrival price"),
        ("auction", "the price of its auction"),
    ],
)
def test_what_takes_the_place_of_a_quote_is_said(source: str, words: str) -> None:
    other = replace(FILL, ref_source=source, bid=None, ask=None, spread_bps=None, beyond_bps=None)
    said = texts(fill_lines(replace(DETAIL, fill=other), HEAD, LOOK))
    assert words in said
    assert UNSPLIT * 3 in said


def test_without_quotes_and_figures_a_fill_says_so() -> None:
    bare = replace(
        FILL, ref_source="none", mid=None, bid=None, ask=None, total_bps=None, slippage_bps=None,
        spread_bps=None, beyond_bps=None, commission_bps=None, notional=None, residual_bps=None,
    )  # fmt: skip
    found = FillDetail(bare, 50.0, 1.25, {"1s": None}, (), ())
    said = texts(fill_lines(found, HEAD, LOOK))
    assert "no quote of this symbol was read" in said
    assert "multiplier 50, rate 1.25 to USD" in said
    assert "measured by   none" in said


@pytest.mark.parametrize(
    ("value", "said"),
    [(100.0, "100.00"), (50.017695, "50.017695"), (1234.5, "1,234.50"), (0.000012, "0.000012")],
)
def test_a_price_keeps_its_digits(value: float, said: str) -> None:
    assert price(value) == said


def test_quantities_and_distances_in_time() -> None:
    assert [quantity(value) for value in (1500.0, 0.25)] == ["1,500", "0.25"]
    assert [since(value) for value in (-0.00015, 12.5, -63.0, 7500.0)] == [
        "-0.000150s",
        "+12.500s",
        "-1m3s",
        "+2h5m",
    ]
    assert [fine_bps(value, UNICODE) for value in (1.234, -123.45, 12345.6, None, 0.001)] == [
        "+1.23",
        "-123.5",
        "+12346",
        "–",
        "0.00",
    ]


# Exceptions


FOUND = CostException("f1", "outside_touch", "bought 2.0 spreads above the ask", NOW, "AAPL",
                      "buy", 2.0, total_bps=9.0, total_ccy=12.5)  # fmt: skip


@pytest.mark.parametrize("width", WIDTHS)
def test_an_exception_has_its_kind_and_reason_and_who_looked_at_it(width: int) -> None:
    look = LOOK.wide(width)
    table = exceptions_table(look)
    assert "outside touch" in text_of(exception_row(FOUND, table, look))
    done = replace(FOUND, acknowledged_by="ada", note="known")
    shown = text_of(exception_row(done, table, look))
    assert "✔ ada: known" in shown
    if width >= 120:
        assert len(shown) <= width
    # On a narrow terminal the line is longer than it: the reason is whole, and can be shifted to.
    assert "bought 2.0 spreads above the ask" in shown


def test_a_rejected_row_without_id_and_time_has_dashes() -> None:
    bare = replace(FOUND, fill_id="", at=None, symbol="", total_bps=None, total_ccy=None)
    cells = text_of(exception_row(bare, exceptions_table(LOOK.wide(200)), LOOK)).split()
    assert cells.count("–") == 6


def test_exceptions_are_counted_by_kind() -> None:
    page = ExceptionsPage(3, 0, (FOUND,), {"suspect": 2, "worst_cash": 1}, 1)
    assert exceptions_aside(page, 42) == ("3 of 42 fills, 1 looked at: 2 suspect, 1 worst cash")
    assert exceptions_aside(ExceptionsPage(0, 0, (), {}, 0), 1) == "0 of 1 fill, 0 looked at"
