"""Tables fit the terminal: numbers and times whole, text folded, the rest in parts."""

from __future__ import annotations

import io
import sys
from contextlib import redirect_stdout
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from mechexo.cli import render
from mechexo.cli.table_layout import GAP, Column, column, layout

figures = st.builds(
    lambda heading, values: column(heading, [(v, len(v)) for v in values], right=True),
    st.sampled_from(["n", "slippage", "p50 by notional"]),
    st.lists(st.integers(-(10**9), 10**9).map(str), min_size=1, max_size=4),
)
texts = st.builds(
    lambda heading, values: column(heading, [(v, len(v)) for v in values]),
    st.sampled_from(["summary", "files"]),
    st.lists(st.text("ab cd/", min_size=1, max_size=60), min_size=1, max_size=4),
)
tables = st.lists(figures | texts, min_size=1, max_size=14)


@given(tables, st.integers(44, 200))
def test_every_column_is_shown_and_no_part_is_wider_than_the_terminal(
    columns: list[Column], width: int
) -> None:
    parts = layout(columns, width)
    assert {at for part in parts for at, _ in part} == set(range(len(columns)))
    for part in parts:
        assert sum(size for _, size in part) + GAP * (len(part) - 1) <= width
        assert all(size >= columns[at].least for at, size in part if columns[at].right)


@given(tables)
def test_a_pipe_shows_every_column_on_one_line(columns: list[Column]) -> None:
    (part,) = layout(columns, 10_000)
    assert part == tuple((at, each.natural) for at, each in enumerate(columns))


@given(tables, st.integers(44, 200))
def test_each_part_begins_with_what_names_the_row(columns: list[Column], width: int) -> None:
    parts = layout(columns, width)
    assert {part[0][0] for part in parts} == {0}
    assert all(sorted(part) == list(part) for part in parts)


cells = st.text("ab  é漢\u200b\t\n0.%–", max_size=30) | st.text(max_size=8)


@given(
    st.lists(st.tuples(cells, cells, cells), min_size=1, max_size=6),
    st.sampled_from([60, 80, 10_000]),
)
def test_a_row_is_printed_as_rich_would_print_it(
    rows: list[tuple[str, str, str]], width: int
) -> None:
    parts = [("summary", False, 24), ("n", True, 20), ("files", False, 9)]
    ours, rich = io.StringIO(), io.StringIO()
    with redirect_stdout(ours):
        render._print_rows(Console(file=ours, width=width, highlight=False), parts, rows)
    whole = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 1, 0, 0))
    for name, right, size in parts:
        whole.add_column(name, justify="right" if right else "left", width=size, overflow="fold")
    for row in rows:
        whole.add_row(*map(Text, row))
    Console(file=rich, width=width, highlight=False).print(whole)
    assert ours.getvalue() == rich.getvalue()


def test_an_optional_column_is_left_out_where_the_rest_then_stands_together() -> None:
    flow = column("flow", [("bars", 4)])
    words = column("last words", [("no quotes since half past nine", 30)], optional=True)
    assert [len(part) for part in layout([flow, words], 40)] == [2]
    assert [len(part) for part in layout([flow, words], 12)] == [1]


NAMES = ("symbol", ">fills", ">notional USD", ">commission", ">slippage", "why", "at")
AT = datetime(2026, 3, 2, 14, 30, 5, 999999, tzinfo=UTC)
ROW = ("ETSY", 130, "37,387,870", "0.17", "-1052.25", "the quote was withdrawn too late", AT)


@pytest.fixture
def shown_at(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """Prints one table as on a terminal of so many columns."""

    def show(width: int) -> list[str]:
        monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
        monkeypatch.setenv("COLUMNS", str(width))
        monkeypatch.setenv("NO_COLOR", "1")
        monkeypatch.setenv("TERM", "dumb")
        render.table("Costs", NAMES, [ROW], zone=ZoneInfo("America/New_York"))
        return capsys.readouterr().out.splitlines()

    return show


@pytest.mark.parametrize("width", [120, 80, 60, 40])
def test_figures_and_times_are_whole_at_any_width(shown_at, width: int) -> None:
    lines = shown_at(width)
    assert max(map(len, lines)) <= width
    words = " ".join(lines).split()
    assert {"130", "37,387,870", "0.17", "-1052.25", "withdrawn"} <= set(words)
    assert any("2026-03-02 09:30:05" in line for line in lines)


def test_the_zone_is_said_once(shown_at) -> None:
    text = "\n".join(shown_at(60))
    assert text.startswith("Costs (times: America/New_York)\n")
    assert text.count("New_York") == 1
    assert "EST" not in text


def test_a_column_that_grows_takes_most_of_the_room_that_is_left() -> None:
    cell = [("word " * 20, 100)]
    plain, growing = column("note", cell), column("summary", cell, grows=True)
    assert layout([plain, growing], 74) == [((0, 26), (1, 46))]
    assert layout([plain, plain], 74) == [((0, 36), (1, 36))]
