"""The runbook: all entries, found by words; enter opens one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mechexo_tui import deeds
from mechexo_tui.panels.titles import title, trouble
from mechexo_tui.panels.words import fits
from mechexo_tui.screens.base import ConsoleScreen
from mechexo_tui.widgets import format as shown_as
from mechexo_tui.widgets.line_list import LineList
from mechexo_tui.widgets.lines import Row
from mechexo_tui.widgets.table import Column, Table, natural

if TYPE_CHECKING:
    from mechexo.runbook.values import Entry

_COLUMNS = (
    Column("severity", 10),
    Column("title", 30, grows=True),
    Column("entry", 30, drop=1),
    Column("owner", 18, drop=2),
    Column("from", 8, drop=3),
)


class RunbookScreen(ConsoleScreen):
    """The list of entries."""

    title_id = "runbook"

    def show_body(self) -> None:
        """Shows the entries with the filter's words."""
        look, part = self.look, self.overview.entries
        found = [entry for entry in part.value or () if self._fits(entry)]
        count = shown_as.count(len(found), "entry", "entries")
        rows = [Row(title("Runbook", look, aside=count)), *trouble(part, "the runbook", look)]
        cells = [
            (
                shown_as.severity(entry.severity, look.glyphs),
                (entry.title, "bold"),
                (entry.id, "dim"),
                (entry.owner, "dim"),
                (entry.origin, "dim"),
            )
            for entry in found
        ]
        if cells:
            columns = natural(_COLUMNS, cells)
            table = Table.fitting(columns, look.width - 1)
            rows.append(Row(table.head()))
            rows += [
                Row(table.row(row), f"entry:{entry.id}")
                for entry, row in zip(found, cells, strict=True)
            ]
        elif part.value is not None:
            rows.append(Row((("  no entry has these words; esc shows all", "dim"),)))
        self.query_one(LineList).show(rows)

    def open_row(self) -> None:
        """Opens the chosen entry."""
        name = self.active.key.partition(":")[2]
        entry = next((e for e in self.overview.entries.value or () if e.id == name), None)
        if entry is not None:
            deeds.open_entry(self.console_app, entry)

    def _fits(self, entry: Entry) -> bool:
        text = (
            f"{entry.id} {entry.title} {entry.severity} {' '.join(entry.alerts)} "
            f"{' '.join(entry.symptoms)} {entry.body}"
        )
        return fits(text, self.words)
