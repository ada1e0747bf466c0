"""Laying cells out in columns: which columns fit, how wide they are, one line per row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from mechexo.value_classes import dataclass
from mechexo_tui.widgets.lines import Line, Span, fitted, opens_address, width_of

GAP = 2


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table. Where space is short, the highest `drop` goes first; 0 always stays."""

    title: str
    width: int
    right: bool = False
    grows: bool = False
    drop: int = 0


@dataclass(frozen=True, slots=True)
class Table:
    """Columns with their final widths, and where they stand among the cells of a row."""

    columns: tuple[tuple[int, Column], ...]
    indent: int = 2

    @classmethod
    def fitting(cls, columns: Sequence[Column], width: int, *, indent: int = 2) -> Table:
        """The columns that fit into `width` cells; growing ones share what is left."""
        kept = list(enumerate(columns))

        def needed() -> int:
            return indent + sum(column.width for _, column in kept) + GAP * (len(kept) - 1)

        while needed() > width and (droppable := [pair for pair in kept if pair[1].drop]):
            kept.remove(max(droppable, key=lambda pair: pair[1].drop))
        spare = width - needed()
        growing = [position for position, (_, column) in enumerate(kept) if column.grows]
        for order, position in enumerate(growing):
            index, column = kept[position]
            share = spare // (len(growing) - order)
            kept[position] = index, replace(column, width=max(1, column.width + share))
            spare -= share
        return cls(tuple(kept), indent)

    def head(self, *, sorted_by: str = "", mark: str = "") -> Line:
        """The titles; the column it is sorted by carries a mark."""
        titles = [
            (f"{column.title}{mark}" if column.title == sorted_by else column.title, "dim")
            for _, column in self.columns
        ]
        return self._line(titles)

    def row(self, cells: Sequence[Span | str]) -> Line:
        """One row of cells, in the order of the columns as they were given."""
        return self._line([cells[index] for index, _ in self.columns])

    def _line(self, cells: Sequence[Span | str]) -> Line:
        spans: list[Span] = [(" " * self.indent, "")] if self.indent else []
        for position, (cell, (_, column)) in enumerate(zip(cells, self.columns, strict=True)):
            text, style = (cell, "") if isinstance(cell, str) else cell
            shown = fitted(text, column.width, right=column.right)
            if opens_address(style) and not column.right:
                # The space behind it belongs to the column and not to the link.
                spans.append((shown.rstrip(), style))
                spans.append((" " * (len(shown) - len(shown.rstrip())), ""))
            else:
                spans.append((shown, style))
            if position < len(self.columns) - 1:
                spans.append((" " * GAP, ""))
        return tuple(spans)


def natural(columns: Sequence[Column], rows: Sequence[Sequence[Span | str]]) -> list[Column]:
    """The columns as narrow as their titles and cells allow (never wider than they were)."""
    widths = []
    for index, column in enumerate(columns):
        cells = (row[index] for row in rows)
        texts = [cell if isinstance(cell, str) else cell[0] for cell in cells]
        widest = max((width_of(text) for text in (*texts, column.title)), default=1)
        widths.append(replace(column, width=min(widest, column.width)))
    return widths
