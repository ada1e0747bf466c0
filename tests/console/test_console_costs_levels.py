"""Where the levels of the costs screen lead, and what is known of each."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from console.costs_values import FILL, HEAD, NOW, ROW, seen
from mechexo.costs.views import (
    PAGE,
    ExceptionsAsked,
    FillAsked,
    FillsAsked,
    FillsPage,
    Period,
    PlotsAsked,
    TableAsked,
)
from mechexo_tui.costs_apart import Seen
from mechexo_tui.screens.costs_known import Known
from mechexo_tui.screens.costs_levels import Level, crumbs
from mechexo_tui.widgets.lines import Row, text_of
from mechexo_tui.widgets.paged_rows import KEPT, PagedRows

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
