"""The head of every screen: which desk, how real, who is on call, how old what is shown is."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from mechexo.value_classes import dataclass
from mechexo_tui.widgets import format as shown_as
from mechexo_tui.widgets.line_block import LineBlock
from mechexo_tui.widgets.lines import Line, Span, cut, text_of, width_of

if TYPE_CHECKING:
    from mechexo_tui.widgets.format import Glyphs, Look

_ONE_LINE = 110
"""Below this width the header always has two lines, so that nothing jumps."""


@dataclass(frozen=True, slots=True)
class Heading:
    """What the header says."""

    desk: str
    live: bool
    crumbs: str
    ops_ok: bool | None
    on_call: str
    quiet: str
    tick_at: datetime | None
    """When the desk was last looked at, by the tick; the console only reads what that found."""
    next_at: datetime | None
    paused: bool = False
    note: str = ""
    known: bool = True
    """False when there was a verdict, but it is too old or could not be read again."""
    cards: str = ""
    """How many cards are not ok, in words: `ops_ok` asks for less than they show."""


def mode_mark(live: bool, glyphs: Glyphs) -> Span:
    """LIVE and PAPER: another word, another shape, another colour."""
    if live:
        return f" {glyphs.live}{glyphs.live} LIVE {glyphs.live}{glyphs.live} ", "live"
    return "( PAPER )", "paper"


def header_lines(heading: Heading, look: Look) -> list[Line]:
    """One line where it fits, else two."""
    zone = look.now.astimezone(look.zone)
    clock = f"{zone:%H:%M} {zone:%Z}"
    if heading.tick_at is not None:
        looked = f"tick {shown_as.age(heading.tick_at, look)} ago"
    else:
        looked = "reading" if heading.ops_ok is None and heading.known else "no tick yet"
    if heading.paused:
        following = "PAUSED"
    elif heading.next_at is None:
        following = ""
    else:
        following = f"reads again in {shown_as.minutes(heading.next_at - look.now, up=True)}"
    dot = f" {look.glyphs.dot} "
    times = dot.join(word for word in (clock, looked, following) if word)
    mark = mode_mark(heading.live, look.glyphs)
    ops: Line = ()
    if heading.ops_ok is not None:
        ops = ("ops_ok ", "dim"), shown_as.verdict(heading.ops_ok, look.glyphs)
    elif not heading.known:
        ops = ("ops_ok ", "dim"), shown_as.status("unknown", look.glyphs)
    people = f"on call {heading.on_call or 'nobody'}"
    if heading.quiet:
        people += dot + heading.quiet
    if heading.note:
        people += dot + heading.note
    crumbs = f"  {heading.crumbs}" if heading.crumbs else ""
    name = cut(heading.desk, 24)
    room = look.width - width_of(text_of((mark, *ops))) - width_of(name) - 6
    # Where one is needs its room; but beside an OK the worst cards are said in the least of words.
    for words in _ever_shorter(heading.cards) if ops else ():
        if width_of(crumbs) + width_of(f"{dot}{words}") <= room:
            ops += ((f"{dot}{words}", ""),)
            break
    crumbs = cut(crumbs, max(0, room))
    first: Line = (" ", ""), mark, ("  ", ""), (name, "bold"), (crumbs, "accent")
    taken = sum(width_of(text) for text in (text_of(first), text_of(ops), people, times))
    if taken + 8 <= look.width and look.width >= _ONE_LINE:
        gap = " " * (look.width - taken - 5)
        return [(*first, ("  ", ""), *ops, ("  ", ""), (people, "dim"), (gap, ""), (times, "dim"))]
    people = cut(people, look.width - width_of(times) - 4)
    second = _apart(((" ", ""), (people, "dim")), ((times, "dim"),), look.width)
    return [_apart(first, ops, look.width), second]


def _ever_shorter(cards: str) -> tuple[str, ...]:
    """`2 cards critical, 1 unknown`, then `2 cards critical`, then `2 critical`."""
    if not cards:
        return ()
    worst = cards.partition(",")[0]
    amount, _, status = worst.split(" ", 2)
    return cards, worst, f"{amount} {status}"


def _apart(left: Line, right: Line, width: int) -> Line:
    """One thing at the left edge, another at the right one."""
    space = width - width_of(text_of(left)) - width_of(text_of(right)) - 1
    return (*left, (" " * max(1, space), ""), *right)


class Header(LineBlock):
    """The header as a widget."""

    def show_heading(self, heading: Heading, look: Look) -> None:
        """Shows a heading; an equal one paints nothing."""
        self.show(header_lines(heading, look))
