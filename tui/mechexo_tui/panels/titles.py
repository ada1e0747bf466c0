"""Titles of panels, and what stands where a panel has nothing good to show."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mechexo_tui.widgets import format as shown_as
from mechexo_tui.widgets.lines import Line, Row, Span, cut, harmless, width_of, wrapped

if TYPE_CHECKING:
    from mechexo_tui.sources import Part
    from mechexo_tui.widgets.format import Look


def title(text: str, look: Look, *, aside: str = "") -> Line:
    """A panel's title with a remark beside it."""
    room = look.width - width_of(text) - 4
    return (" ", ""), (text, "title"), ("  " + cut(aside, max(0, room)) if aside else "", "dim")


def folding_title(key: str, text: str, look: Look, *, opened: bool, aside: str) -> Line:
    """The title of a section that opens and closes; its key stands in front of it."""
    glyph = look.glyphs.opened if opened else look.glyphs.closed
    head: tuple[Span, ...] = (
        (f" {glyph} ", "accent"),
        (key, "key"),
        (f"  {text}", "title"),
    )
    room = look.width - width_of("".join(part for part, _ in head)) - 3
    return (*head, ("  " + cut(aside, max(0, room)) if aside else "", "dim"))


def reason_line(reasons: Sequence[str], look: Look) -> Line:
    """Why the desk is not ok: the first reason, and how many more there are."""
    sign, style = shown_as.verdict(False, look.glyphs)
    more = f" (and {len(reasons) - 1} more: o)" if len(reasons) > 1 else ""
    room = look.width - width_of(sign) - width_of(more) - 4
    return (
        (" ", ""),
        (sign, style),
        ("  ", ""),
        (cut(shown_as.told(reasons[0], look), room), ""),
        (more, "dim"),
    )


def trouble(part: Part[Any], what: str, look: Look) -> list[Row]:
    """What to say when a part is not there or not fresh; nothing when it is well."""
    if part.pending:
        return [Row(((f"  reading {what}", "dim"),))]
    if not part.error:
        return []
    sign, style = shown_as.status("unknown", look.glyphs)
    since = ""
    if part.value is not None:
        since = f" (shown as of {shown_as.moment(part.read_at, look)})"
    text = f"  {what}{since}: {harmless(shown_as.told(part.error, look))}"
    lines = wrapped(text, look.width - width_of(sign) - 4)
    rows = [Row((("  ", ""), (sign, style), (lines[0], "")))]
    rows += [Row(((" " * (width_of(sign) + 4), ""), (text, ""))) for text in lines[1:4]]
    return rows
