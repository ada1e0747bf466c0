"""What changed, as rows: the time line with each suspect's place in it; the story of one row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from mechexo.rollback.diffing import shown_path
from mechexo.rollback.happenings import Happening, Kind
from mechexo.times import format_duration
from mechexo.value_classes import dataclass
from mechexo_tui.panels.words import fits
from mechexo_tui.widgets import format as shown_as
from mechexo_tui.widgets.lines import Line, Row, Span, harmless, wrapped
from mechexo_tui.widgets.table import Column, Table, natural

if TYPE_CHECKING:
    from mechexo.rollback.happenings import Gap
    from mechexo.rollback.ranking import Suspect
    from mechexo.what_changed import WhatChanged
    from mechexo_tui.widgets.format import Look

FURTHER_BACK = 5
"""Of so many of the likeliest suspects those that can be taken back are listed although they are
older than the time line."""
COLUMNS = (
    Column("suspect", 7, right=True),
    Column("when", 14, right=True),
    Column("kind", 14),
    Column("what", 12, grows=True),
    Column("who", 14, drop=1),
    Column("files", 28, drop=2),
)
NARROW = 100
"""Below this width the files stand in the story only."""
SORT_MARK = 2
"""Cells of the mark behind the title of the column that the list is sorted by."""


@dataclass(frozen=True, slots=True)
class Told:
    """One row: something that happened with its place among the suspects, or a gap."""

    happening: Happening | None
    suspect: Suspect | None = None
    gap: Gap | None = None
    own: bool = False
    """Whether it is the alert itself."""

    @property
    def key(self) -> str:
        """What the row stands for."""
        if self.happening is not None:
            return f"change:{self.happening.key}"
        return f"gap:{self.gap.source}:{self.gap.reason}" if self.gap else ""

    @property
    def text(self) -> str:
        """What a filter looks through."""
        if self.happening is None:
            return f"unknown {self.gap.source} {self.gap.reason}" if self.gap else ""
        each = self.happening
        names = (*map(shown_path, each.paths), *each.flows, *each.flags)
        return " ".join((each.kind.word, each.what, each.who, *names))


def told(found: WhatChanged, words: str, *, by_rank: bool = False) -> list[Told]:
    """The rows with a filter's words: gaps first, then the newest, or the likeliest, first."""
    own = f"alert:{found.alert.id}" if found.alert else ""
    listed = [Told(row.happening, row.suspect, own=row.happening.key == own) for row in found.rows]
    known = {row.happening.key for row in found.rows}
    listed += [
        Told(each.happening, each)
        for each in found.suspects[:FURTHER_BACK]
        if each.happening.key not in known and each.happening.remedy is not None
    ]
    listed.sort(key=_by_rank if by_rank else _newest_first)
    gaps = [Told(None, gap=gap) for gap in sorted(found.gaps, key=lambda gap: not gap.unknown)]
    return [each for each in (*gaps, *listed) if fits(each.text, words)]


def _newest_first(each: Told) -> tuple[float, str]:
    assert each.happening is not None
    return -each.happening.at.timestamp(), each.key


def _by_rank(each: Told) -> tuple[float, float, str]:
    place = each.suspect.rank if each.suspect else float("inf")
    return (place, *_newest_first(each))


def first_key(found: WhatChanged) -> str:
    """The row that the cursor starts on: the likeliest suspect that can be taken back."""
    first = found.first
    return f"change:{first.happening.key}" if first else ""


def head_words(found: WhatChanged, read_at: datetime | None, look: Look) -> str:
    """What the time line is about, and as of when."""
    about = f"{found.alert.name}, started" if found.alert else "now,"
    parts = (
        f"{about} {shown_as.moment(found.around, look)}",
        f"{format_duration(found.end - found.around)} around it",
        f"read {shown_as.moment(read_at, look)}",
    )
    return f" {look.glyphs.dot} ".join(parts)


def list_table(
    found: Sequence[Told], around: datetime, look: Look, *, sorted_by: str = ""
) -> Table:
    """The columns in this width, no wider than these rows need; the one it is sorted by has room
    for its mark."""
    columns = {column.title: column for column in COLUMNS}
    width = look.width - 1
    if width < NARROW:
        columns["files"] = replace(columns["files"], width=0, drop=9)
    wanted = [column for column in columns.values() if column.width]
    cells = [_cells(each, around, look)[: len(wanted)] for each in found if each.happening]
    measured = natural(wanted, cells) if cells else wanted
    measured[3] = columns["what"]
    measured = [
        replace(column, width=max(column.width, len(column.title) + SORT_MARK))
        if column.title == sorted_by
        else column
        for column in measured
    ]
    return Table.fitting(measured, width, indent=1)


def list_row(each: Told, around: datetime, table: Table, look: Look) -> Row:
    """A row of the list."""
    if each.gap is not None:
        sign = shown_as.status("unknown", look.glyphs) if each.gap.unknown else ("note", "dim")
        said = f"  {each.gap.source}: {shown_as.told(harmless(each.gap.reason), look)}"
        return Row(((" ", ""), sign, (said, "")), each.key)
    return Row(table.row(_cells(each, around, look)), each.key)


def _cells(each: Told, around: datetime, look: Look) -> tuple[Span | str, ...]:
    what = each.happening
    assert what is not None
    rank = str(each.suspect.rank) if each.suspect else look.glyphs.missing
    weight = "bold" if each.suspect and each.suspect.rank == 1 else ""
    return (
        (rank, weight if each.suspect else "dim"),
        (_when(what.at, around, own=each.own), ""),
        kind_of(each, look),
        (shown_as.told(what.what, look), weight),
        (what.who or look.glyphs.missing, "dim"),
        (shown_as.listed(map(shown_path, what.paths), look.glyphs), "dim"),
    )


def _when(at: datetime, around: datetime, *, own: bool) -> str:
    if own:
        return "start"
    before = around - at
    if abs(before) < timedelta(seconds=1):
        return "at once"
    side = "before" if before > timedelta(0) else "after"
    return f"{format_duration(abs(before))} {side}".replace("m0s", "m")


def kind_of(each: Told, look: Look) -> Span:
    """What happened as glyph and word."""
    glyphs, what = look.glyphs, each.happening
    assert what is not None
    word = what.kind.word
    if each.own:
        return f"{glyphs.closed} THIS ALERT", "title"
    match what.kind:
        case Kind.EDIT:
            return f"{glyphs.warning} {word}", "warning"
        case Kind.FLAG:
            return (f"{glyphs.warning} {word}", "warning") if what.adds_risk else (
                f"{glyphs.live} {word}", "accent")  # fmt: skip
        case Kind.COMMIT | Kind.DEPLOYMENT:
            return f"{glyphs.live} {word}", "accent"
        case Kind.FLOW_FAILURE | Kind.ALERT:
            return f"{glyphs.critical} {word}", "critical"
        case Kind.ON_CALL:
            return f"{glyphs.dot} {word}", "dim"


def story_lines(each: Told, found: WhatChanged, look: Look) -> list[Line]:
    """Everything that is known of a row: why it is suspected point by point, what it was, and the
    command that plans its rollback."""
    width = look.width - 2
    if each.happening is None:
        assert each.gap is not None
        sign = shown_as.status("unknown", look.glyphs) if each.gap.unknown else ("note", "dim")
        said = wrapped(shown_as.told(harmless(each.gap.reason), look), width - 2)
        head: list[Line] = [((" ", ""), sign, (f"  {each.gap.source}", "title"))]
        return head + [((f"   {line}", ""),) for line in said]
    lines = _why(each, found, look, width)
    what = each.happening
    by = f" by {what.who}" if what.who and what.kind in (Kind.COMMIT, Kind.DEPLOYMENT) else ""
    commit = f" {what.commit[:12]}" if what.commit else ""
    kind, style = kind_of(each, look)
    lines.append(
        ((" ", ""), (kind, style), (f"{commit}{by}, {shown_as.exact(what.at, look)}", "dim"))
    )
    lines += [((f"   {text}", ""),) for text in wrapped(shown_as.told(what.what, look), width - 3)]
    for name, values in (
        ("files", [shown_path(path) for path in what.paths]),
        ("flows", what.flows),
        ("flags", what.flags),
    ):
        if values:
            shown = wrapped(", ".join(values), width - 11)
            lines += [
                ((f"   {'' if number else name:<8}", "dim"), (text, ""))
                for number, text in enumerate(shown)
            ]
    return lines + _way_back(what, width)


def _why(each: Told, found: WhatChanged, look: Look, width: int) -> list[Line]:
    if each.suspect is None:
        why = "This is the alert itself." if each.own else "Not suspected: it came after the start."
        what = each.happening
        if not each.own and what is not None and what.at <= found.around:
            why = "Not suspected: too long ago, the same trouble, or of the same look."
        return [((f" {why}", ""),)]
    suspect = each.suspect
    lines: list[Line] = [
        (
            (f" Suspect {suspect.rank}", "title"),
            (f" of {len(found.suspects)}", "dim"),
            (f"  {shown_as.count(suspect.score, 'point')}", "bold"),
        )
    ]
    for reason in suspect.reasons:
        for number, text in enumerate(wrapped(reason.why, width - 9)):
            points = f"{reason.points:>5}" if not number else " " * 5
            lines.append(((f"  {points}  ", "accent"), (text, "")))
    return lines


def _way_back(what: Happening, width: int) -> list[Line]:
    if what.remedy is None:
        said = f"no rollback: {what.no_remedy}" if what.no_remedy else "no rollback"
        return [((f"   {text}", "dim"),) for text in wrapped(said, width - 3)]
    target = f"{what.remedy.kind} {shown_path(what.remedy.name)}"
    lines: list[Line] = [((" x", "key"), (f"  dry run of its rollback: {target}", ""))]
    if what.partly:
        lines.append(((f"    {what.partly}", "warning"),))
    return lines + [((f"    {text}", "dim"),) for text in wrapped(what.remedy.command, width - 4)]
