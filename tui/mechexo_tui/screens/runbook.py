"""The runbook: all entries, searched as one types; enter opens one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mechexo_tui import deeds
from mechexo_tui.panels.titles import title, trouble
from mechexo_tui.screens.base import ConsoleScreen
from mechexo_tui.widgets import format as shown_as
from mechexo_tui.widgets.line_list import LineList
from mechexo_tui.widgets.lines import Row, Span
from mechexo_tui.widgets.table import Column, Table, natural

if TYPE_CHECKING:
    from mechexo.runbook.values import Entry

_COLUMNS = (
    Column("severity", 10),
    Column("title", 30, grows=True),
    Column("entry", 30, drop=1),
    Column("reviewed", 14),
    Column("why found", 40, drop=2),
    Column("owner", 18, drop=3),
    Column("from", 8, drop=4),
)
_WHY = 4
"""The column that is there while one searches."""


class RunbookScreen(ConsoleScreen):
    """The list of entries."""

    title_id = "runbook"
    filter_hint = "id, alert, symptom or any words"

    def show_body(self) -> None:
        """Shows the entries, or those that fit the words, best first, each with the reason."""
        look, part = self.look, self.overview.entries
        every = part.value or ()
        if self.words:
            from mechexo.runbook.lookup import search_entries

            found = [(each.entry, each.why) for each in search_entries(every, self.words)]
        else:
            found = [(entry, "") for entry in every]
        count = shown_as.count(len(found), "entry", "entries")
        rows = [Row(title("Runbook", look, aside=count)), *trouble(part, "the runbook", look)]
        cells: list[tuple[Span | str, ...]] = [
            (
                shown_as.severity(entry.severity, look.glyphs),
                (entry.title, "bold"),
                (entry.id, "dim"),
                self._reviewed(entry),
                (why, "dim"),
                (entry.owner, "dim"),
                (entry.origin, "dim"),
            )
            for entry, why in found
        ]
        if cells:
            shown = [at for at in range(len(_COLUMNS)) if self.words or at != _WHY]
            cells = [tuple(row[at] for at in shown) for row in cells]
            columns = natural([_COLUMNS[at] for at in shown], cells)
            table = Table.fitting(columns, look.width - 1)
            rows.append(Row(table.head()))
            rows += [
                Row(table.row(row), f"entry:{entry.id}")
                for (entry, _), row in zip(found, cells, strict=True)
            ]
        elif part.value is not None:
            rows.append(Row((("  no entry fits these words; esc shows all", "dim"),)))
        self.query_one(LineList).show(rows)

    def _reviewed(self, entry: Entry) -> Span:
        """How long ago an entry was reviewed, and whether that is too long."""
        look = self.look
        if entry.last_reviewed is None:
            return f"{look.glyphs.warning} never", "warning"
        days = (look.now.astimezone(look.zone).date() - entry.last_reviewed).days
        late = days - (entry.review_every_days or days)
        if late > 0:
            return f"{look.glyphs.warning} {late}d overdue", "warning"
        return f"{max(0, days)}d ago", "dim"

    def open_row(self) -> None:
        """Opens the chosen entry."""
        name = self.active.key.partition(":")[2]
        entry = next((e for e in self.overview.entries.value or () if e.id == name), None)
        if entry is not None:
            deeds.open_entry(self.console_app, entry)
