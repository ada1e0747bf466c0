"""Printing an answer: one JSON document, CSV, or a table for people."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from mechexo.streams import data_on_stdout
from mechexo.times import in_zone, iso_z

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

MISSING = "–"
"""Shown where there is no value: never a zero, never an empty cell."""


class Linked(str):
    """A cell that leads to an address: clicked on where the terminal has hyperlinks (OSC 8), plain
    text elsewhere. The address is one that `outside.shaping.link` let through."""

    address: str

    def __new__(cls, shown: str, address: str) -> Linked:
        """The text that is shown, with its address; "" leads nowhere."""
        cell = super().__new__(cls, shown)
        cell.address = address
        return cell


def has_links() -> bool:
    """Whether stdout is a terminal to which hyperlinks may be written."""
    return sys.stdout.isatty() and os.environ.get("TERM") != "dumb"


def _linked(cell: str) -> str:
    if not isinstance(cell, Linked) or not cell.address or not has_links():
        return cell
    return f"\x1b]8;;{cell.address}\x1b\\{cell}\x1b]8;;\x1b\\"


def json_document(name: str, at: datetime, body: Mapping[str, object]) -> None:
    """Prints `body` as the one document `mechexo.<name>/1` on stdout."""
    from mechexo.documents import json_text

    with data_on_stdout():
        sys.stdout.write(json_text(name, at, body, indent=2) + "\n")


def csv_rows(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Prints rows as CSV; a missing value is an empty field."""
    import csv

    from mechexo.documents import plain

    with data_on_stdout():
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(["" if cell is None else plain(cell) for cell in row] for row in rows)


def table(
    title: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    zone: ZoneInfo | None = None,
    named_by: int | None = None,
    empty: str = "none",
) -> None:
    """Prints a table for people, no wider than the terminal; a pipe has no width.

    A column whose name starts with `>` is right-aligned; one that starts with `?` is left out
    where there is no room for it, and one that starts with `+` takes most of the room that is left.
    `named_by` is how many of the first columns name the row, when
    that is not plain from their alignment. Cells are text as they are (no markup), times in
    `zone`, which the title names; None is shown as a dash.
    """
    cells = [tuple(_cell(cell, zone) for cell in row) for row in rows]
    if not cells:
        return text(f"{title}: {empty}")
    from rich.cells import cell_len

    from mechexo.cli.table_layout import column, layout

    names = [name.lstrip(">?+") for name in columns]
    right = [name.startswith(">") for name in columns]
    out = console()
    parts = layout(
        [
            column(
                names[at],
                [(row[at], cell_len(row[at])) for row in cells],
                right=right[at],
                optional=columns[at].startswith("?"),
                grows=columns[at].startswith("+"),
            )
            for at in range(len(columns))
        ],
        out.width,
        named_by,
    )
    text(title if zone is None else f"{title} (times: {zone.key})")
    for part in parts:
        text()
        rows_of_part = [tuple(row[at] for at, _ in part) for row in cells]
        shown = [(names[at], right[at], width) for at, width in part]
        _print_rows(out, shown, rows_of_part)
    return text()


def _print_rows(
    out: Any, columns: Sequence[tuple[str, bool, int]], rows: Sequence[Sequence[str]]
) -> None:
    """Prints one part of a table; a column is its name, whether it is right-aligned, its width.

    Rich prints the heading and whatever folds. A row that stands on one line is printed here, just
    as Rich would, in a hundredth of its time: lists have thousands of rows.
    """
    from rich import box
    from rich.cells import cell_len
    from rich.table import Table
    from rich.text import Text

    def rich_rows(rows: Iterable[Sequence[str]], *, heading: bool) -> None:
        shown = Table(
            box=box.SIMPLE_HEAD,
            pad_edge=False,
            show_edge=False,
            show_header=heading,
            padding=(0, 1, 0, 0),
        )
        for name, right, width in columns:
            justify: Literal["right", "left"] = "right" if right else "left"
            shown.add_column(name, justify=justify, width=width, overflow="fold")
        for row in rows:
            shown.add_row(*(Text(cell, _link_style(cell)) for cell in row))
        out.print(shown)

    def on_one_line(row: Sequence[str]) -> str | None:
        parts = []
        for cell, (_, right, width) in zip(row, columns, strict=True):
            blanks = width - cell_len(cell)
            if blanks < 0 or not cell.isprintable() or cell != cell.strip():
                return None
            seen = _linked(cell)
            parts.append(" " * blanks + seen if right else seen + " " * blanks)
        return "  ".join(parts)

    rich_rows([], heading=True)
    for row in rows:
        line = on_one_line(row)
        if line is None:
            rich_rows([row], heading=False)
        else:
            text(line)


def _link_style(cell: str) -> Any:
    from rich.style import Style

    address = cell.address if isinstance(cell, Linked) and has_links() else ""
    return Style(link=address or None)


def _cell(cell: object, zone: ZoneInfo | None) -> str:
    if cell is None:
        return MISSING
    if isinstance(cell, datetime):
        return iso_z(cell) if zone is None else in_zone(cell, zone, named=False)
    return cell if isinstance(cell, Linked) else _tame(str(cell))


def _tame(text: str) -> str:
    """The text without what could drive the terminal; its lines stay."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c == "\n" else " " for c in text)


def text(line: object = "") -> None:
    """Prints one plain line on stdout."""
    sys.stdout.write(f"{line}\n")


def note(line: str) -> None:
    """Prints a remark for the person on stderr, so that stdout stays the answer."""
    sys.stderr.write(f"{line}\n")


def width() -> int:
    """How many cells of width a table has; a pipe has as many as it needs."""
    return int(console().width)


def complain(damaged: Sequence[str]) -> None:
    """Says which rows cannot be read: an answer that is not whole must not pass for one."""
    for each in damaged:
        note(each)
    if damaged:
        import typer

        raise typer.Exit(5)


def console() -> Any:
    """A Rich console on stdout: no control codes when stdout is no terminal or NO_COLOR is set."""
    from rich.console import Console

    size = shutil.get_terminal_size()
    return Console(
        file=sys.stdout,
        # A pipe or a file has no width: nothing is folded there. With both given, a dumb terminal
        # is as wide as it says.
        width=size.columns if sys.stdout.isatty() else 10_000,
        height=size.lines,
        no_color="NO_COLOR" in os.environ or None,
        highlight=False,
    )
