"""The head of every screen: which desk, how real, who is on call, how old what is shown is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from mechexo_tui.widgets import format as shown_as
from mechexo_tui.widgets.format import Glyphs, Look
from mechexo_tui.widgets.line_block import LineBlock
from mechexo_tui.widgets.lines import Line, Span, cut, line, text_of, width_of


@dataclass(frozen=True, slots=True)
class Heading:
    """What the header says."""

    desk: str
    live: bool
    crumbs: str
    ops_ok: bool | None
    on_call: str
    quiet: str
    read_at: datetime | None
    next_at: datetime | None
    paused: bool = False
    note: str = ""


def mode_mark(live: bool, glyphs: Glyphs) -> Span:
    """LIVE and PAPER: another word, another shape, another colour."""
    if live:
        return f" {glyphs.live}{glyphs.live} LIVE {glyphs.live}{glyphs.live} ", "live"
    return "( PAPER )", "paper"


def header_lines(heading: Heading, look: Look) -> list[Line]:
    """One line where it fits, else two."""
    zone = look.now.astimezone(look.zone)
    clock = f"{zone:%H:%M} {zone:%Z}"
    read = f"data {shown_as.age(heading.read_at, look)} old" if heading.read_at else "reading"
    if heading.paused:
        following = "PAUSED"
    elif heading.next_at is None:
        following = ""
    else:
        following = f"next in {shown_as.minutes(heading.next_at - look.now, up=True)}"
    dot = f" {look.glyphs.dot} "
    times = dot.join(word for word in (clock, read, following) if word)
    mark = mode_mark(heading.live, look.glyphs)
    ops: Span = ("", "")
    if heading.ops_ok is not None:
        ops = shown_as.verdict(heading.ops_ok, look.glyphs)
    people = f"on call {heading.on_call or 'nobody'}"
    if heading.quiet:
        people += dot + heading.quiet
    if heading.note:
        people += dot + heading.note
    first: Line = (
        (" ", ""),
        mark,
        ("  ", ""),
        (cut(heading.desk, 24), "bold"),
        (f"  {heading.crumbs}" if heading.crumbs else "", "accent"),
        ("  ", ""),
        ops,
    )
    space = look.width - width_of(text_of(first)) - width_of(times) - 2
    if space >= width_of(people) + 3:
        gap = space - width_of(people) - 2
        return [line(*first, ("  ", ""), (people, "dim"), (" " * gap, ""), (times, "dim"), " ")]
    if width_of(people) + width_of(times) + 4 <= look.width and space < 1:
        space = look.width - width_of(people) - width_of(times) - 2
        return [first, line(" ", (people, "dim"), (" " * space, ""), (times, "dim"), " ")]
    return [
        line(*first, (" " * max(1, space), ""), (times, "dim"), " "),
        line(" ", (cut(people, look.width - 2), "dim")),
    ]


class Header(LineBlock):
    """The header as a widget."""

    def show_heading(self, heading: Heading, look: Look) -> None:
        """Shows a heading; an equal one paints nothing."""
        self.show(header_lines(heading, look))
