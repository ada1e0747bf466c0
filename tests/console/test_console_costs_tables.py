"""Groups of costs: their bars, figures, marks and what stands above them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.costs_values import FIGURE, HEAD, LOOK, NOTHING, NOW, ROW, WIDTHS, seen, texts
from mechexo.costs.own_values import component_of
from mechexo.costs.values import (
    CostReport,
    CostRow,
    Coverage,
    SourceShare,
)
from mechexo.costs.views import (
    DEFAULT_PERIOD,
    Histogram,
    Plots,
    TablePage,
)
from mechexo_tui.panels.costs import cost_rows
from mechexo_tui.panels.costs_bar import CUT_OFF, UNSPLIT, Scale, bar, legend
from mechexo_tui.panels.costs_head import coverage_lines, remarks
from mechexo_tui.panels.costs_plots import plot_lines
from mechexo_tui.panels.costs_shown import head_lines
from mechexo_tui.panels.costs_table import group_row, group_table, title_of_sort
from mechexo_tui.screens.costs_levels import Level
from mechexo_tui.sources import Part
from mechexo_tui.widgets.format import ASCII, UNICODE, Look
from mechexo_tui.widgets.lines import text_of, width_of

# The bar


def drawn(cost: Any, scale: Scale, glyphs: Any = UNICODE) -> str:
    return "".join(text for text, _ in bar(cost, scale, glyphs))


def test_a_bar_shows_its_parts_by_glyph_and_gains_to_the_left_of_zero() -> None:
    scale = Scale(3.0, -1.0, 41)
    assert (scale.left, scale.right) == (10, 30)
    assert drawn(ROW, scale) == " " * 5 + "░" * 5 + "│" + "█" * 10 + "▒" * 20
    assert drawn(ROW, scale, ASCII) == " " * 5 + "." * 5 + "|" + "#" * 10 + "=" * 20


def test_a_rebate_stands_beside_an_improvement() -> None:
    gained = replace(ROW, commission_bps=-1.0, spread_bps=2.0, beyond_bps=-1.0)
    assert drawn(gained, Scale(2.0, -2.0, 9)) == "░░██│▒▒▒▒"


def test_slippage_without_a_quote_has_a_sign_of_its_own() -> None:
    unsplit = replace(ROW, spread_bps=None, beyond_bps=None)
    assert drawn(unsplit, Scale(2.5, 0.0, 26)) == "│" + "█" * 10 + UNSPLIT * 15


def test_what_is_not_known_is_not_drawn_and_is_not_zero() -> None:
    assert drawn(NOTHING, Scale(2.0, -1.0, 10)).strip() == "│–"
    free = replace(ROW, commission_bps=0.0, spread_bps=0.0, beyond_bps=0.0)
    assert drawn(free, Scale(2.0, -1.0, 10)).strip() == "│"


def test_a_bar_beyond_the_scale_says_that_it_goes_on() -> None:
    shown = drawn(replace(ROW, commission_bps=90.0), Scale(3.0, 0.0, 11))
    assert shown == "│" + "█" * 9 + CUT_OFF
    assert CUT_OFF not in drawn(ROW, Scale(3.0, -0.5, 20))


@given(FIGURE, FIGURE, FIGURE, st.floats(0, 60), st.floats(-60, 0), st.integers(3, 60))
def test_a_bar_is_always_as_wide_as_its_column(
    commission: float | None, spread: float | None, beyond: float | None,
    most: float, least: float, width: int,
) -> None:  # fmt: skip
    cost = replace(ROW, commission_bps=commission, spread_bps=spread, beyond_bps=beyond)
    shown = drawn(cost, Scale(most, least, width))
    assert width_of(shown) == width
    assert "│" in shown


@given(st.floats(0, 10), st.floats(0, 10), st.floats(0, 10))
def test_the_length_of_a_bar_is_that_of_its_total(
    commission: float, spread: float, beyond: float
) -> None:
    cost = replace(ROW, commission_bps=commission, spread_bps=spread, beyond_bps=beyond)
    ink = len(drawn(cost, Scale(30.0, 0.0, 31)).strip("│ "))
    assert ink == round(commission + spread + beyond)


@pytest.mark.parametrize("width", WIDTHS)
def test_the_legend_explains_every_glyph_of_a_bar(width: int) -> None:
    for glyphs in (UNICODE, ASCII):
        said = text_of(legend(Look(width, NOW, ZoneInfo("UTC"), glyphs)))
        for sign, word in (
            (glyphs.commission, "commission"),
            (glyphs.spread, "half-spread"),
            (glyphs.beyond, "beyond"),
            (UNSPLIT, "quote"),
        ):
            assert sign * 2 in said[:width]
            assert word in said[:width]
        assert said.isascii() or glyphs is UNICODE
        assert len(said) <= width


# Tables


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("row", [ROW, NOTHING])
def test_a_row_fits_its_terminal_with_total_fills_and_bar(width: int, row: CostRow) -> None:
    look = LOOK.wide(width)
    table = group_table(("day",), look, 3.0, -1.0)
    head, shown = text_of(table.table.head()), text_of(group_row(row, table, look))
    assert len(shown) <= width
    assert "│" in shown
    for title in ("day", "total"):
        assert title in head


def test_a_wide_table_has_every_figure() -> None:
    table = group_table(("day",), LOOK.wide(200), 3.0, -1.0)
    shown = text_of(group_row(ROW, table, LOOK.wide(200)))
    assert shown.split()[:11] == [
        *("2026-03-02", "+2.50", "+1.50", "+1.00", "+2.00", "-0.50", "40"),
        *("250.00", "1,000,000", "+2.00", "+4.00"),
    ]


def test_a_missing_figure_is_a_dash_never_a_zero() -> None:
    table = group_table(("day",), LOOK.wide(200), 3.0, -1.0)
    shown = text_of(group_row(NOTHING, table, LOOK.wide(200)))
    assert shown.split()[1:6] == ["–"] * 5
    assert "0" not in shown.replace("2026-03-03", "")


def test_outer_percentiles_of_few_fills_and_partial_totals_carry_their_marks() -> None:
    table = group_table(("day",), LOOK.wide(200), 3.0, -1.0)
    few = replace(ROW, few=True, with_total=12, priced=15)
    cells = text_of(group_row(few, table, LOOK.wide(200))).split()
    assert cells[1] == "+2.50<"
    assert cells[7] == "250.00<"
    assert cells[9:12] == ["+2.00", "+4.00*", "+5.00*"]


def test_why_a_total_is_less_than_its_parts_stands_above_it() -> None:
    assert remarks(ROW, HEAD, LOOK, whole=True) == []
    said = texts(remarks(replace(ROW, with_total=28), HEAD, LOOK, whole=True))
    assert "< commission unknown for 12 of 40 priced fills" in said
    assert "in the slippage, not in the total" in said


def test_the_coverage_names_what_is_inside_and_what_is_not() -> None:
    totals = replace(
        ROW,
        fills=50,
        sources={
            "quote": SourceShare(30, 0.6, 0.6),
            "stale": SourceShare(10, 0.2, 0.2),
            "suspect": SourceShare(4, 0.08, 0.1),
            "none": SourceShare(6, 0.12, 0.1),
        },
    )
    said = texts(coverage_lines(totals, HEAD, LOOK, whole=True))
    assert said.strip() == (
        "priced 40 of 50 fills (80.0%): 30 quote, 10 stale quote; 6 unpriced, 4 suspect, 3 rejected"
    )
    assert "rejected" not in texts(coverage_lines(totals, HEAD, LOOK, whole=False))
    narrow = [text_of(line) for line in coverage_lines(totals, HEAD, LOOK.wide(60), whole=True)]
    assert narrow[1] == "  outside the figures: 6 unpriced, 4 suspect, 3 rejected"


PAGE_OF_GROUPS = TablePage(1, 0, (ROW,), ROW, 3.0, -1.0)


@pytest.mark.parametrize("height", [16, 24, 40])
def test_the_head_says_period_coverage_signs_and_order(height: int) -> None:
    level = Level(sort="total", turned=True)
    said = texts(
        head_lines(level, Part(1, NOW), seen(PAGE_OF_GROUPS), DEFAULT_PERIOD, LOOK, height)
    )
    assert "Costs by day  5 days: 02-25 09:33 to 03-02 09:33 New York" in said
    assert "priced 40 of 40 fills" in said
    assert "██ commission" in said
    assert "total^" in said
    assert "all" in said.splitlines()[-1]
    assert ("reference: mid of the last valid quote strictly before" in said) is (height >= 30)


def test_a_failure_stands_above_what_was_shown_before_with_its_age() -> None:
    part = Part(PAGE_OF_GROUPS, NOW - timedelta(hours=1), "fills.csv: not found")
    said = texts(head_lines(Level(), part, seen(PAGE_OF_GROUPS), DEFAULT_PERIOD, LOOK, 24))
    assert "? UNKNOWN" in said
    assert "shown as of 13:33" in said
    assert "fills.csv: not found" in said
    assert "priced 40" in said
    nothing = texts(head_lines(Level(), Part(), None, DEFAULT_PERIOD, LOOK, 24))
    assert "reading the costs" in nothing


# Without any commission


UNPAID = replace(
    ROW, commission_bps=None, total_bps=None, p50_bps=None, p95_bps=None, p99_bps=None,
    commission_ccy=None, total_ccy=None, with_total=0, few=True,
    slippage_statistics={"p50_bps": 1.25, "p95_bps": 3.75, "p99_bps": 4.5},
)  # fmt: skip


def test_without_any_total_the_percentiles_are_of_slippages_and_their_titles_say_so() -> None:
    wide = replace(LOOK, width=200)
    table = group_table(("day",), wide, 3.0, -1.0, component_of([UNPAID]))
    row = text_of(group_row(UNPAID, table, wide))
    assert "slip p50   slip p95   slip p99" in text_of(table.table.head())
    # All 40 fills have a slippage: no mark.
    assert [row.split()[place] for place in (-4, -3, -2)] == ["+1.25", "+3.75", "+4.50"]
    assert title_of_sort("p95", ("day",), "slippage") == "slip p95"


def test_in_a_table_of_totals_a_row_without_one_has_dashes() -> None:
    wide = replace(LOOK, width=200)
    table = group_table(("day",), wide, 3.0, -1.0, component_of([ROW, UNPAID]))
    assert "+3.75" not in text_of(group_row(UNPAID, table, wide))


def test_a_distribution_of_slippages_is_called_so() -> None:
    plots = Plots(UNPAID, (UNPAID,), (), Histogram(0.0, 1.0, (20, 20), 0, 0, "slippage"), ())
    said = texts(plot_lines(plots, LOOK, what="all fills"))
    assert "Distribution of the fills' slippages" in said
    assert "Slippage by day" in said
    assert "p95 +3.75" in said


def test_the_days_of_the_overview_say_slip_too() -> None:
    coverage = Coverage(40, 40, {}, (), (), (), without_commission=40)
    report = CostReport(NOW, NOW, "USD", "UTC", "rule", UNPAID, {"day": (UNPAID,)}, coverage, None)
    said = texts(row.line for row in cost_rows(report, "day", replace(LOOK, width=200)))
    assert "slip p95" in said
    assert "+3.8" in said or "+3.75" in said


def test_a_commission_without_a_rate_is_named_where_all_fills_are_shown() -> None:
    head = replace(HEAD, without_commission=12, unrated_by_currency={"CHF": 9})
    partly = replace(ROW, with_total=28)
    said = texts(remarks(partly, head, LOOK, whole=True))
    assert "of these 9 in CHF, which has no rate: set [costs] rates" in said
    assert "CHF" not in texts(remarks(partly, head, LOOK, whole=False))


def test_rows_of_the_market_that_could_not_be_read_are_told_where_all_fills_are_shown() -> None:
    head = replace(HEAD, unreadable={"quotes": 1_200})
    said = texts(remarks(ROW, head, replace(LOOK, width=200), whole=True))
    assert "1,200 rows of quotes could not be read: without a time, a symbol or a number" in said
    assert "quotes" not in texts(remarks(ROW, head, LOOK, whole=False))
