"""Incidents as rows: the list, one incident's head, its timeline."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mechexo_tui.widgets import format as shown_as
from mechexo_tui.widgets.lines import Line, Row, Span, cut, fitted, harmless, width_of, wrapped
from mechexo_tui.widgets.table import Column, Table, natural

if TYPE_CHECKING:
    from mechexo.incidents.values import Incident, Moment
    from mechexo_tui.widgets.format import Glyphs, Look

COLUMNS = (
    Column("id", 4, right=True),
    Column("severity", 8),
    Column("status", 12),
    Column("title", 20, grows=True),
    Column("commander", 14, drop=1),
    Column("began", 11, right=True, drop=2),
    Column("lasted", 8, right=True, drop=3),
)
SOURCE = 9
"""Cells of what a line of the timeline is about."""


def status(incident: Incident, glyphs: Glyphs) -> Span:
    """How an incident stands, as glyph and word."""
    style = {"open": "critical", "mitigated": "warning", "closed": "ok"}[incident.status.value]
    sign = getattr(glyphs, style)
    return f"{sign} {incident.status.value}", style


def in_brief(incident: Incident | None, look: Look) -> str:
    """Which incident one is in, in a few words."""
    if incident is None:
        return "no incident"
    text, _ = status(incident, look.glyphs)
    return f"incident {incident.id} {text}"


def list_rows(found: Sequence[Incident], look: Look) -> list[Row]:
    """The list with its head; each can be chosen."""
    cells = [_cells(each, look) for each in found]
    table = Table.fitting(natural(COLUMNS, cells), look.width - 1)
    rows = [Row(table.head())]
    return rows + [
        Row(table.row(each), f"incident:{incident.id}")
        for incident, each in zip(found, cells, strict=True)
    ]


def _cells(incident: Incident, look: Look) -> tuple[Span | str, ...]:
    end = incident.closed_at or look.now
    return (
        (str(incident.id), "dim"),
        shown_as.severity(incident.severity, look.glyphs),
        status(incident, look.glyphs),
        (incident.title, "" if incident.is_closed else "bold"),
        incident.commander or "nobody",
        (shown_as.moment(incident.began_at, look), "dim"),
        (shown_as.minutes(end - incident.began_at), "dim"),
    )


def head_lines(incident: Incident, look: Look) -> list[Line]:
    """What an incident is, who is there, since when."""
    glyphs = look.glyphs
    sign, style = shown_as.severity(incident.severity, glyphs)
    how, how_style = status(incident, glyphs)
    end = incident.closed_at or look.now
    lasted = shown_as.minutes(end - incident.began_at)
    room = look.width - width_of(sign) - width_of(how) - 8
    lines: list[Line] = [
        ((" ", ""), (sign, style), ("  ", ""), (how, how_style), ("  ", ""),
         (cut(incident.title, max(8, room)), "bold")),
    ]  # fmt: skip
    facts = [
        f"began {shown_as.moment(incident.began_at, look)}",
        f"{'lasted' if incident.is_closed else 'for'} {lasted}",
        f"led by {incident.commander or 'nobody'}",
        f"there: {shown_as.listed(incident.attendees, glyphs)}",
    ]
    if incident.runbook:
        facts.append(f"runbook {incident.runbook}")
    if incident.flows:
        facts.append(f"flows {', '.join(incident.flows)}")
    said = f" {glyphs.dot} ".join(facts)
    return lines + [((f"  {text}", "dim"),) for text in wrapped(said, look.width - 4)]


def timeline_rows(moments: Sequence[Moment], gaps: Sequence[str], look: Look) -> list[Row]:
    """The timeline, oldest first, what could not be read on top. A row opens in full."""
    rows = []
    sign, style = shown_as.status("unknown", look.glyphs)
    for gap in gaps:
        for at, text in enumerate(wrapped(harmless(shown_as.told(gap, look)), look.width - 14)):
            head: Span = (f" {sign if not at else '':<10} ", style)
            rows.append(Row((head, (text, ""))))
    day = ""
    for moment in moments:
        local = moment.at.astimezone(look.zone)
        if f"{local:%Y-%m-%d}" != day:
            day = f"{local:%Y-%m-%d}"
            rows.append(Row(((f" {local:%A} {day}", "title"),)))
        rows.append(Row(_moment_line(moment, look), f"moment:{moment.key}"))
    return rows or [Row((("  nothing yet", "dim"),))]


def _moment_line(moment: Moment, look: Look) -> Line:
    when = f" {moment.at.astimezone(look.zone):%H:%M:%S} "
    about = fitted(moment.source, SOURCE)
    who = f"  {moment.who}" if moment.who else ""
    more = f" {look.glyphs.opened}" if moment.detail else ""
    said = " ".join(harmless(shown_as.told(moment.text, look)).split())
    who = cut(who, max(0, look.width // 4))
    room = look.width - width_of(when) - SOURCE - 2 - width_of(who) - width_of(more) - 1
    style = "bold" if moment.source == "incident" else ""
    return (
        (when, "dim"), (about, "dim"), (" ", ""),
        (cut(said, max(8, room)), style), (more, "accent"), (who, "dim"),
    )  # fmt: skip


def moment_lines(moment: Moment, look: Look) -> list[Line]:
    """One line of the timeline in full."""
    lines: list[Line] = [((f" {shown_as.exact(moment.at, look)}", "title"),)]
    facts = (
        ("who", moment.who),
        ("source", moment.source),
        ("about", moment.ref),
        ("kind", moment.kind),
    )
    lines += [((f"  {name:<8}", "dim"), (harmless(value), "")) for name, value in facts if value]
    lines.append(())
    for text in (moment.text, *moment.detail.split("\n")):
        lines += [
            ((f"  {piece}", ""),)
            for piece in wrapped(harmless(shown_as.told(text, look)), look.width - 4)
        ]
    return lines
