"""What the parts of the costs screen look like, and where its levels lead."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mechexo.costs.findings import CostException
from mechexo.costs.own_values import component_of
from mechexo.costs.values import (
    CostReport,
    CostRow,
    Coverage,
    FillCost,
    MarkoutPoint,
    SourceShare,
)
from mechexo.costs.views import (
    DEFAULT_PERIOD,
    PAGE,
    ExceptionsAsked,
    ExceptionsPage,
    FillAsked,
    FillDetail,
    FillsAsked,
    FillsPage,
    Histogram,
    Period,
    Plots,
    PlotsAsked,
    QuoteRow,
    RunHead,
    TableAsked,
    TablePage,
)
from mechexo_tui.costs_apart import Seen
from mechexo_tui.panels.costs import cost_rows
from mechexo_tui.panels.costs_bar import CUT_OFF, UNSPLIT, Scale, bar, legend
from mechexo_tui.panels.costs_exceptions import exception_row, exceptions_aside, exceptions_table
from mechexo_tui.panels.costs_fills import fill_lines, fill_row, fills_table, price, quantity, since
from mechexo_tui.panels.costs_head import coverage_lines, remarks
from mechexo_tui.panels.costs_plots import bins_for, plot_lines
from mechexo_tui.panels.costs_shown import head_lines
from mechexo_tui.panels.costs_table import group_row, group_table, title_of_sort
from mechexo_tui.screens.costs_known import Known
from mechexo_tui.screens.costs_levels import Level, crumbs
from mechexo_tui.sources import Part
from mechexo_tui.widgets.charts import columns, signed_bar
from mechexo_tui.widgets.format import ASCII, UNICODE, Look, fine_bps
from mechexo_tui.widgets.lines import Row, text_of, width_of
from mechexo_tui.widgets.paged_rows import KEPT, PagedRows

NOW = datetime(2026, 3, 2, 14, 33, tzinfo=UTC)
LOOK = Look(120, NOW, ZoneInfo("UTC"))
WIDTHS = (60, 80, 120, 200)

ROW = CostRow(
    key={"day": "2026-03-02"}, fills=40, priced=40, notional=1e6,
    commission_bps=1.0, spread_bps=2.0, slippage_bps=1.5, total_bps=2.5, p50_bps=2.0,
    p95_bps=4.0, p99_bps=5.0, commission_ccy=100.0, slippage_ccy=150.0, total_ccy=250.0,
    spread_ccy=200.0, beyond_bps=-0.5, beyond_ccy=-50.0, with_total=40,
    sources={"quote": SourceShare(40, 1.0, 1.0)},
)  # fmt: skip
NOTHING = CostRow({"day": "2026-03-03"}, 2, 0, 0.0, *(None,) * 10,
                  sources={"none": SourceShare(2, 1.0, 1.0)}, few=True)  # fmt: skip

FILL = FillCost(
    fill_id="f1", at=NOW, symbol="AAPL", side="buy", quantity=100.0, price=100.02, bid=99.99,
    ask=100.01, quote_age_s=1.0, ref_source="quote", flags="", reason="", notional=10_000.0,
    commission_bps=0.5, spread_bps=1.0, beyond_bps=1.0, slippage_bps=2.0, total_bps=2.5,
    commission_ccy=0.5, slippage_ccy=2.0, total_ccy=2.5, order_id="o1", mid=100.0,
    spread_ccy=1.0, beyond_ccy=1.0, residual_bps=1e-12,
    realised_bps={"1s": 0.5}, impact_bps={"1s": 1.5},
)  # fmt: skip

HEAD = RunHead(
    start=NOW - timedelta(days=5), end=NOW, currency="USD", zone="America/New_York",
    quote_rule="mid of the last valid quote strictly before the fill", fills=42, priced=40,
    unpriced=2, suspect=0, rejected=3, without_commission=0, by_source={"quote": 40},
    newest_fill_at=NOW, newest_quote_at=NOW, dimensions=("day", "symbol", "hour", "order_id"),
)  # fmt: skip


def texts(lines: Any) -> str:
    return "\n".join(text_of(line) for line in lines)


def seen(view: Any) -> Seen[Any]:
    return Seen(view, HEAD, 1, NOW)


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


FIGURE = st.one_of(st.none(), st.floats(-50, 50))


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


# Plots


def point(label: str, markout: float) -> MarkoutPoint:
    return MarkoutPoint(label, 1.0, 40, 1e6, 1.5, -markout, 1.5 + markout, markout, 0.2)


PLOTS = Plots(
    totals=replace(ROW, p5_bps=0.5, p25_bps=1.5, p75_bps=3.0, mean_bps=2.2, few=True),
    days=tuple(
        replace(ROW, key={"day": f"2026-03-{n + 1:02}"}, total_bps=value)
        for n, value in enumerate((1.0, 3.0, None, -1.0))
    ),
    times=(replace(ROW, key={"half_hour": "09:30"}),),
    histogram=Histogram(0.0, 0.5, (1, 2, 4, 8, 4, 2, 1), 1, 2),
    markouts=(point("1s", -1.0), point("5m", 0.5)),
)


@pytest.mark.parametrize("width", WIDTHS)
def test_plots_fit_their_terminal_and_say_what_they_show(width: int) -> None:
    lines = plot_lines(PLOTS, LOOK.wide(width), what="all fills")
    assert all(width_of(text_of(line)) <= width for line in lines)
    said = texts(lines)
    for words in ("Total by day", "Total by time of day", "Distribution", "Markout", "p95 +4.00*"):
        assert words in said
    assert ("Total by time of day" in said.splitlines()[2]) is (width >= 140)


def test_plots_work_in_ascii() -> None:
    look = Look(120, NOW, ZoneInfo("UTC"), ASCII)
    assert texts(plot_lines(PLOTS, look, what="all fills")).isascii()


def test_columns_stand_on_a_zero_line_and_hang_from_it() -> None:
    lines = [text_of(line) for line in columns((2.0, 1.0, None, -1.0), 3, 8, UNICODE,
                                               top="+2", bottom="-1")]  # fmt: skip
    assert lines == [
        "  +2 ██",
        "     ████",
        "   0 ────··──",
        "  -1       ██",
    ]


def test_columns_that_do_not_fit_are_left_out_on_the_left() -> None:
    lines = [text_of(line) for line in columns(range(100), 4, 20, UNICODE, top="99")]
    assert max(len(line) for line in lines) == 5 + 20


@given(st.lists(FIGURE, max_size=40), st.integers(2, 12), st.integers(10, 60))
def test_columns_never_leave_their_room(values: list[float | None], height: int, room: int) -> None:
    lines = columns(values, height, room, UNICODE, top="x", bottom="y")
    assert len(lines) <= height + 1
    assert all(width_of(text_of(line)) <= room + 4 for line in lines)


def test_a_bar_with_a_sign_goes_to_its_side() -> None:
    assert signed_bar(1.0, 2.0, 9, UNICODE) == "    │██  "
    assert signed_bar(-2.0, 2.0, 9, UNICODE) == "████│    "
    assert signed_bar(None, 2.0, 9, UNICODE).strip() == "│"


def test_a_good_markout_goes_to_the_right() -> None:
    said = texts(plot_lines(PLOTS, LOOK, what="all fills")).splitlines()
    at_once, after_a_second, later = (
        next(line for line in said if line.strip().startswith(label))
        for label in ("0s", "1s", "5m")
    )
    assert at_once.split()[1] == "-1.50"
    assert after_a_second.split()[1:3] == ["-1.00", "0.20"]
    assert "█│" in after_a_second
    assert "│█" in later


def test_nothing_to_draw_is_said() -> None:
    empty = Plots(NOTHING, (), (), None, ())
    said = texts(plot_lines(empty, LOOK, what="all fills"))
    assert said.count("no fills") == 2
    assert "no fill has a total" in said
    assert "the market after the fills is not known" in said


@pytest.mark.parametrize("width", WIDTHS)
def test_a_distribution_has_as_many_bars_as_there_is_room_for(width: int) -> None:
    assert 8 <= bins_for(width) <= 80


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


# Where levels lead


ALL = ("day", "symbol", "hour", "side", "order_id")


def test_a_day_opens_into_symbols_orders_and_fills() -> None:
    level = Level().into((("day", "2026-03-02"),), ALL)
    assert (level.kind, level.by) == ("table", ("symbol",))
    level = level.into((("symbol", "AAPL"),), ALL)
    assert (level.kind, level.by) == ("table", ("order_id",))
    level = level.into((("order_id", "o1"),), ALL)
    assert level.kind == "fills"
    assert level.among == (("day", "2026-03-02"), ("symbol", "AAPL"), ("order_id", "o1"))
    assert crumbs([level]) == "costs > 2026-03-02 > AAPL > o1 > fills"
    assert crumbs([level, level.one_fill("f7")]) == "costs > 2026-03-02 > AAPL > o1 > fill f7"


def test_without_orders_a_symbol_opens_into_its_fills() -> None:
    assert Level(by=("symbol",)).into((("symbol", "AAPL"),), ("day", "symbol")).kind == "fills"


def test_an_order_opens_into_its_fills_whatever_came_before() -> None:
    assert Level(by=("order_id",)).into((("order_id", "o1"),), ALL).kind == "fills"
    both = Level(by=("symbol", "hour")).into((("symbol", "AAPL"), ("hour", "09:00")), ALL)
    assert both.by == ("order_id",)


def test_tab_goes_round_the_dimensions_that_are_still_free() -> None:
    level = Level()
    names = []
    for _ in range(6):
        level = level.next_grouping(ALL)
        names.append(level.by[0])
    assert names == ["symbol", "hour", "side", "order_id", "day", "symbol"]
    inside = Level(by=("symbol",), among=(("day", "2026-03-02"),))
    assert inside.next_grouping(("day", "symbol")).by == ("symbol",)
    assert Level(by=("symbol", "hour")).next_grouping(ALL).by == ("day",)


def test_sorting_by_the_same_turns_it_round() -> None:
    level = Level().sorted_by("total")
    assert (level.sort, level.turned) == ("total", False)
    assert level.sorted_by("total").turned
    assert not level.sorted_by("total").sorted_by("key").turned


@pytest.mark.parametrize(
    ("level", "asked"),
    [
        (Level(), TableAsked(("day",), offset=200, limit=PAGE)),
        (Level("fills", sort="total"), FillsAsked(sort="total", offset=200, limit=PAGE)),
        (Level("fill", fill_id="f1"), FillAsked("f1")),
        (Level("plots"), PlotsAsked(bins=30)),
        (Level("exceptions", words="x"), ExceptionsAsked("x", 200, PAGE)),
    ],
)
def test_each_level_has_its_question(level: Level, asked: object) -> None:
    assert level.asked(200, bins=30) == asked


# Pages of rows


def paged(count: int = 1000) -> tuple[PagedRows[int], list[int]]:
    missed: list[int] = []
    rows: PagedRows[int] = PagedRows(count, 100)
    rows.made_by(lambda item: Row(((f"row {item}", ""),)), lambda: missed.append(1))
    return rows, missed


def test_a_row_that_is_not_here_has_a_mark_in_its_place_and_is_missed() -> None:
    rows, missed = paged()
    assert len(rows) == 1000
    assert text_of(rows[250].line) == " …"
    assert missed == [1]
    rows.put(200, range(200, 300))
    assert text_of(rows[250].line) == "row 250"
    assert rows[250].key == "row:250"
    assert missed == [1]


def test_the_first_page_that_is_missing_in_a_window_is_named() -> None:
    rows, _ = paged()
    rows.put(0, range(100))
    assert rows.missing(0, 60) is None
    assert rows.missing(60, 120) == 100
    assert rows.missing(990, 5000) == 900
    assert rows.missing(-40, 10) is None
    assert rows.start_of(250) == 200


def test_only_so_many_pages_are_kept() -> None:
    rows, _ = paged(100_000)
    for page in range(KEPT + 3):
        rows.put(page * 100, range(100))
    assert rows.missing(0, 10) == 0
    assert rows.missing(300, 310) is None


def test_rows_read_anew_show_those_of_before_until_they_are_here() -> None:
    rows, _ = paged()
    rows.put(0, range(100))
    fresh, missed = paged(900)
    fresh.take_place_of(rows)
    assert text_of(fresh[5].line) == "row 5"
    assert missed == [1]
    assert fresh.missing(0, 10) == 0
    fresh.put(0, range(1000, 1100))
    assert text_of(fresh[5].line) == "row 1005"
    assert fresh.missing(0, 10) is None
    assert fresh.item(250) is None


# What is known of a level


def ask(
    known: Known, stand: object = 1, window: tuple[int, int] = (0, 20), anew: bool = False
) -> Any:
    return known.needs(Period(), stand, 30, window, anew=anew)


def fills(count: int, offset: int) -> FillsPage:
    some = tuple(replace(FILL, fill_id=f"f{n}") for n in range(offset, min(count, offset + PAGE)))
    return FillsPage(count, offset, some, ROW)


def test_a_level_is_opened_with_the_first_window_and_then_only_missing_pages_are_asked() -> None:
    known = Known(Level("fills"))
    question = ask(known)
    assert question.first
    assert question.asked == FillsAsked()
    known.take(question, seen(fills(1000, 0)))
    assert ask(known) is None
    ahead = ask(known, window=(50, 80))
    assert ahead.asked.offset == PAGE
    assert not ahead.first
    known.take(ahead, seen(fills(1000, PAGE)))
    assert ask(known, window=(50, 80)) is None
    assert known.fill_id(150) == "f150"


def test_what_was_read_anew_is_asked_for_at_the_page_in_view_and_the_row_is_looked_for() -> None:
    known = Known(Level("fills"), index=3)
    known.take(ask(known), seen(fills(1000, 0)))
    again = ask(known, stand=2, anew=True)
    assert again.first
    assert again.anew
    assert again.asked.find == "f3"
    found = known.take(again, seen(replace(fills(1000, 0), found_at=7)))
    assert found == 7


def test_an_answer_to_what_is_no_longer_asked_changes_nothing() -> None:
    known = Known(Level("fills"))
    late = ask(known)
    known.level = replace(known.level, words="canary")
    assert known.take(late, seen(fills(1000, 0))) is None
    assert known.seen is None


def test_pages_of_another_run_do_not_mix() -> None:
    known = Known(Level("fills"))
    known.take(ask(known), seen(fills(1000, 0)))
    more = ask(known, window=(150, 180))
    known.take(more, Seen(fills(900, 100), HEAD, 2, NOW))
    assert len(known.rows) == 900
    # What was there before is seen until its page is here, which is asked for again.
    assert known.fill_id(0) == "f0"
    assert ask(known).asked.offset == 0


def test_what_was_asked_in_vain_is_not_asked_again_until_something_changes() -> None:
    known = Known(Level("fills"))
    question = ask(known)
    known.fail(question, "fills.csv: not found")
    assert known.part.error == "fills.csv: not found"
    assert ask(known) is None
    assert ask(known, stand=2) is not None
    known.failed = None
    assert ask(known) == question


def test_a_complaint_of_the_process_apart_is_shown_with_the_age_of_the_answer() -> None:
    known = Known(Level("fills"))
    known.take(ask(known), Seen(fills(10, 0), HEAD, 1, NOW, "quotes.csv: gone"))
    assert known.part.error == "quotes.csv: gone"
    assert known.part.read_at == NOW


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
