"""Messages in the desk's mailbox, and the audit log: who did what."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mechexo.times import from_iso_z
from mechexo_tui.panels.titles import title, trouble
from mechexo_tui.panels.words import fits
from mechexo_tui.screens.base import ConsoleScreen
from mechexo_tui.screens.text import TextScreen
from mechexo_tui.widgets import format as shown_as
from mechexo_tui.widgets.line_list import LineList
from mechexo_tui.widgets.lines import BLANK, Line, Row, fitted, rows_of
from mechexo_tui.widgets.table import Column, Table, natural

if TYPE_CHECKING:
    from mechexo.state import AuditEntry
    from mechexo_tui.mailbox import MailboxMessage
    from mechexo_tui.widgets.format import Look

_AUDIT = (
    Column("at", 19),
    Column("who", 14),
    Column("what", 24),
    Column("target", 20, grows=True),
    Column("outcome", 9),
)


class MessagesScreen(ConsoleScreen):
    """The newest first, in both lists."""

    title_id = "messages"

    def show_body(self) -> None:
        """Shows messages and audit entries with the filter's words."""
        look, seen = self.look, self.overview
        messages = [found for found in seen.messages.value or () if fits(str(found), self.words)]
        rows = [Row(title("Messages", look, aside="in the desk's mailbox files, newest first"))]
        rows += trouble(seen.messages, "the messages", look)
        rows += _message_rows(messages[:100], look)
        if seen.messages.value is not None and not messages:
            rows.append(Row((("  none", "dim"),)))
        entries = [entry for entry in seen.audit.value or () if fits(str(entry), self.words)]
        rows += [Row(BLANK), Row(title("Audit log", look, aside="who did what, newest first"))]
        rows += trouble(seen.audit, "the audit log", look)
        rows += _audit_rows(entries, look)
        self.query_one(LineList).show(rows)

    def open_row(self) -> None:
        """One message or audit entry in full."""
        kind, _, number = self.active.key.partition(":")
        if kind == "message":
            chosen = self._message(number)
            crumbs = f"messages > {chosen.channel}" if chosen else "messages"
            lines = _message_lines(chosen, self.look) if chosen else []
            self.console_app.open_screen(TextScreen("tail", crumbs, rows_of(lines)))
            return
        entries = self.overview.audit.value or ()
        entry = next((entry for entry in entries if str(entry.seq) == number), None)
        if entry is not None:
            crumbs = f"messages > audit {entry.seq}"
            self.console_app.open_screen(TextScreen("tail", crumbs, rows_of(_entry_lines(entry))))

    def _message(self, mark: str) -> MailboxMessage | None:
        found = self.overview.messages.value or ()
        return next((message for message in found if _mark(message) == mark), None)


def _message_rows(messages: Sequence[MailboxMessage], look: Look) -> list[Row]:
    return [
        Row(
            (
                (f"  {fitted(shown_as.exact(found.at, look), 19)}  ", "dim"),
                (f"{fitted(found.channel, 10)}  ", ""),
                (found.title, "bold"),
            ),
            f"message:{_mark(found)}",
        )
        for found in messages
    ]


def _message_lines(message: MailboxMessage, look: Look) -> list[Line]:
    lines: list[Line] = [
        ((f" {message.title}", "title"),),
        ((f" {shown_as.exact(message.at, look)}  {message.channel}", "dim"),),
        (),
    ]
    return lines + [((f"   {text}", ""),) for text in message.body.splitlines()]


def _mark(message: MailboxMessage) -> str:
    return f"{message.channel} {message.at} {message.title}"


def _audit_rows(entries: list[AuditEntry], look: Look) -> list[Row]:
    cells = [
        (
            (shown_as.exact(from_iso_z(entry.at), look), "dim"),
            str(_loaded(entry.actor).get("name", "")),
            (entry.action, "bold"),
            entry.target,
            (entry.outcome, "" if entry.outcome == "done" else "warning"),
        )
        for entry in entries
    ]
    if not cells:
        return [Row((("  none", "dim"),))]
    columns = natural(_AUDIT, cells)
    columns[3] = _AUDIT[3]
    table = Table.fitting(columns, look.width - 1)
    rows = [Row(table.head())]
    return rows + [
        Row(table.row(row), f"audit:{entry.seq}") for entry, row in zip(entries, cells, strict=True)
    ]


def _entry_lines(entry: AuditEntry) -> list[Line]:
    lines: list[Line] = [((f" {entry.action} {entry.target}", "title"),), ()]
    facts = {"outcome": entry.outcome, "at": entry.at}
    facts |= {f"actor {key}": str(value) for key, value in _loaded(entry.actor).items()}
    lines += [((f"   {name:<22}", "dim"), (value, "")) for name, value in facts.items()]
    for key, value in _loaded(entry.payload).items():
        text = json.dumps(value, indent=2, ensure_ascii=False).splitlines() or [""]
        lines.append(((f"   {key:<22}", "dim"), (text[0], "")))
        lines += [((" " * 25 + more, ""),) for more in text[1:]]
    return [*lines, (), ((f"   hash {entry.hash}", "dim"),)]


def _loaded(text: str) -> dict[str, Any]:
    """Canonical JSON of the log; damaged text is shown as it is."""
    try:
        found = json.loads(text)
    except ValueError:
        return {"": text}
    return found if isinstance(found, dict) else {"": found}
