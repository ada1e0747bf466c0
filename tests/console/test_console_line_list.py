"""The line list: any number of rows, and only what changed is painted."""

from __future__ import annotations

from typing import Any

from textual.app import App, ComposeResult
from textual.geometry import Region

from mechexo_tui.widgets.line_list import LazyRows, LineList
from mechexo_tui.widgets.lines import Palette, Row


class Watched(LineList):
    """Remembers what it was asked to paint."""

    def __init__(self, *, cursor: bool = True) -> None:
        super().__init__(cursor=cursor)
        self.painted: list[tuple[Region, ...]] = []

    def refresh(self, *regions: Region, **options: Any) -> Watched:
        self.painted.append(regions)
        super().refresh(*regions, **options)
        return self


class OneList(App[None]):
    def __init__(self, *, cursor: bool = True) -> None:
        super().__init__()
        self.palette = Palette()
        self.list = Watched(cursor=cursor)

    def compose(self) -> ComposeResult:
        yield self.list


def rows(*texts: str) -> list[Row]:
    return [Row(((text, ""),), f"key:{text}") for text in texts]


async def test_a_hundred_thousand_rows_make_only_the_ones_in_view() -> None:
    made: list[int] = []

    def make(number: int) -> Row:
        made.append(number)
        return Row(((f"row {number}", ""),), f"row:{number}")

    async with OneList().run_test(size=(80, 24)) as pilot:
        shown = pilot.app.query_one(Watched)
        shown.show(LazyRows(range(100_000), make))
        await pilot.pause()
        assert shown.text.splitlines()[0] == "row 0"
        assert len(set(made)) < 60
        shown.go_last()
        await pilot.pause()
        assert shown.key == "row:99999"
        assert shown.text.splitlines()[-1] == "row 99999"
        assert len(set(made)) < 120


async def test_moving_the_cursor_paints_two_lines() -> None:
    async with OneList().run_test(size=(80, 24)) as pilot:
        shown = pilot.app.query_one(Watched)
        shown.show(rows(*"abcdef"))
        await pilot.pause()
        shown.painted.clear()
        shown.move(1)
        painted = [region for call in shown.painted for region in call]
        assert [(region.y, region.height) for region in painted] == [(0, 1), (1, 1)]


async def test_showing_the_same_again_paints_nothing() -> None:
    async with OneList().run_test(size=(80, 24)) as pilot:
        shown = pilot.app.query_one(Watched)
        shown.show(rows(*"abc"))
        await pilot.pause()
        shown.painted.clear()
        shown.show(rows(*"abc"))
        assert shown.painted == []


async def test_a_changed_cell_paints_its_span_only() -> None:
    async with OneList().run_test(size=(80, 24)) as pilot:
        shown = pilot.app.query_one(Watched)
        shown.show([Row((("age 3m old", ""),), "a")])
        await pilot.pause()
        shown.painted.clear()
        shown.show([Row((("age 4m old", ""),), "a")])
        assert shown.painted == [(Region(4, 0, 1, 1),)]


async def test_the_cursor_stays_on_its_row_when_others_come_before_it() -> None:
    async with OneList().run_test(size=(80, 24)) as pilot:
        shown = pilot.app.query_one(Watched)
        shown.show(rows(*"bcd"))
        await pilot.pause()
        shown.move(1)
        shown.show(rows(*"abcd"))
        assert shown.key == "key:c"


async def test_the_cursor_leaps_over_rows_that_cannot_be_chosen() -> None:
    async with OneList().run_test(size=(80, 24)) as pilot:
        shown = pilot.app.query_one(Watched)
        shown.show([Row((("title", ""),)), *rows("a"), Row((("title", ""),)), *rows("b")])
        await pilot.pause()
        assert shown.key == "key:a"
        shown.move(1)
        assert shown.key == "key:b"
        shown.move(1)
        assert shown.key == "key:b"


async def test_text_without_a_cursor_scrolls_and_stops_at_its_ends() -> None:
    async with OneList(cursor=False).run_test(size=(80, 10)) as pilot:
        shown = pilot.app.query_one(Watched)
        shown.show(rows(*(f"{number}" for number in range(30))))
        await pilot.pause()
        shown.move_pages(1)
        assert shown.top == 9
        shown.go_last()
        assert shown.top == 20
        shown.move(5)
        assert shown.top == 20
        shown.go_first()
        assert shown.top == 0


async def test_an_empty_list_has_no_key_and_can_be_moved_in() -> None:
    async with OneList().run_test(size=(80, 10)) as pilot:
        shown = pilot.app.query_one(Watched)
        shown.show([])
        shown.move(1)
        shown.move_pages(-1)
        shown.go_last()
        assert shown.key == ""


async def test_a_list_shifts_sideways_as_far_as_there_is_text_and_says_so() -> None:
    async with OneList(cursor=False).run_test(size=(20, 5)) as pilot:
        shown = pilot.app.query_one(Watched)
        shown.show(rows("0123456789" * 3, "short"))
        await pilot.pause()
        shown.shift(8)
        assert [shown.render_line(y).text.rstrip() for y in (0, 1)] == ["…9012345678901234567", "…"]
        shown.shift(800)
        assert shown.render_line(0).text == "…234567890123456789 "
        shown.go_first()
        assert shown.render_line(0).text == "01234567890123456789"


async def test_nothing_shifts_where_every_line_fits() -> None:
    async with OneList(cursor=False).run_test(size=(20, 5)) as pilot:
        shown = pilot.app.query_one(Watched)
        shown.show(rows("short"))
        await pilot.pause()
        shown.shift(8)
        assert shown.render_line(0).text.rstrip() == "short"


async def test_after_a_change_of_size_lines_that_go_are_painted_over() -> None:
    async with OneList().run_test(size=(80, 10)) as pilot:
        shown = pilot.app.query_one(Watched)
        shown.show(rows(*"abcdefgh"))
        await pilot.pause()
        await pilot.resize_terminal(80, 7)
        await pilot.pause(0.1)
        shown.painted.clear()
        shown.show(rows("a"))
        painted = {region.y for regions in shown.painted for region in regions}
        assert set(range(1, 7)) <= painted
