"""Grafana as rows: dashboards and panels as links, and how the annotations stand."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from mechexo.grafana.words import annotating_words, dashboards_words
from mechexo_tui.panels.words import fits
from mechexo_tui.widgets import format as shown_as
from mechexo_tui.widgets.lines import Line, Row, Span, harmless, linked, rows_of, wrapped
from mechexo_tui.widgets.table import Column, Table, natural

if TYPE_CHECKING:
    from mechexo.grafana.values import Annotating, Dashboard, Dashboards, Panel
    from mechexo_tui.widgets.format import Look

BOARDS = (
    Column("title", 46, grows=True),
    Column("folder", 26),
    Column("tags", 24, drop=1),
    Column("uid", 16, drop=2),
)
PANELS = (Column("title", 50, grows=True), Column("kind", 20), Column("number", 6, right=True))
WIDEST = 130
"""On a wider terminal a row would be hard to follow from its title to its folder."""
MOST_TROUBLES = 5
"""So many annotations that could not be written are named; the command lists all."""


def standing_rows(found: Dashboards, every: timedelta, look: Look) -> list[Row]:
    """How far the list can be believed."""
    fresh = found.is_fresh(look.now, every)
    return _said("ok" if fresh else "unknown", dashboards_words(found, look.now), look)


def kept(found: Sequence[Dashboard], words: str) -> list[Dashboard]:
    """The dashboards with the filter's words."""
    return [
        each
        for each in found
        if fits(f"{each.title} {each.folder} {each.uid} {' '.join(each.tags)}", words)
    ]


def board_rows(found: Sequence[Dashboard], look: Look) -> list[Row]:
    """The dashboards with their head; a title opens in the browser."""
    cells: list[tuple[Span | str, ...]] = [
        (
            linked(each.title, each.link),
            (each.folder or "-", "" if each.folder else "dim"),
            (", ".join(each.tags), "dim"),
            (each.uid, "dim"),
        )
        for each in found
    ]
    keys = [f"board:{each.uid}" for each in found]
    return _table(BOARDS, cells, keys, look)


def panel_rows(found: Sequence[Panel], board_link: str, look: Look) -> list[Row]:
    """The panels of a dashboard with their head; a title opens the panel in the browser."""
    cells: list[tuple[Span | str, ...]] = [
        (
            linked(each.title, panel_link(board_link, each.id)),
            (each.kind, "dim"),
            (str(each.id), "dim"),
        )
        for each in found
    ]
    return _table(PANELS, cells, [f"panel:{each.id}" for each in found], look)


def panel_link(board_link: str, panel_id: int) -> str:
    """The address at which a browser shows one panel alone; "" without the dashboard's."""
    return f"{board_link}?viewPanel={panel_id}" if board_link else ""


def annotation_rows(found: Annotating, look: Look) -> list[Row]:
    """How the annotations stand, and the newest that could not be written."""
    status = "warning" if found.is_stuck else "ok"
    rows = _said(status, annotating_words(found, look.now), look)
    for each in found.failing[:MOST_TROUBLES]:
        rows += rows_of(_wrapped(f"{each.subject} {each.state}: {each.why}", look, indent=4))
    return rows


def picture_words(title: str, start: datetime, end: datetime, look: Look) -> str:
    """The line below a picture."""
    span = f"{shown_as.moment(start, look)} to {shown_as.moment(end, look)}"
    return f"{harmless(title)}  {span}  any key goes back"


def _table(
    columns: Sequence[Column],
    cells: Sequence[tuple[Span | str, ...]],
    keys: Sequence[str],
    look: Look,
) -> list[Row]:
    table = Table.fitting(natural(columns, cells), min(look.width, WIDEST) - 1)
    rows = [Row(table.head())]
    return rows + [Row(table.row(each), key) for each, key in zip(cells, keys, strict=True)]


def _said(status: str, text: str, look: Look) -> list[Row]:
    sign, style = shown_as.status(status, look.glyphs)
    first, *more = wrapped(f"  {harmless(shown_as.told(text, look))}", look.width - len(sign) - 4)
    rows = [Row((("  ", ""), (sign, style), (first, "")))]
    return rows + [Row(((" " * (len(sign) + 4), ""), (each, ""))) for each in more]


def _wrapped(text: str, look: Look, *, indent: int) -> list[Line]:
    lines = wrapped(harmless(shown_as.told(text, look)), look.width - indent - 2)
    return [((" " * indent + each, "dim"),) for each in lines]
