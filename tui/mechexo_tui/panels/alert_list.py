"""The list of the alerts screen: where each alert stands, who is told next, and when."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from mechexo.alerts.values import SEVERITIES, Alert, AlertState
from mechexo_tui.panels.alerts import MEASURED, ROOMY, STATE_IN_FULL, state_of
from mechexo_tui.widgets import format as shown_as
from mechexo_tui.widgets.lines import Row, Span, cut
from mechexo_tui.widgets.table import Column, Table, natural

if TYPE_CHECKING:
    from mechexo.alerts.escalation import Outlook
    from mechexo_tui.widgets.format import Look

Following = Mapping[int, "Outlook"]
"""What happens next to each alert, by its id."""

COLUMNS = (
    Column("severity", 10),
    Column("name", 22),
    Column("summary", 8, grows=True, drop=2),
    Column("state", 13),
    Column("since", 11, right=True, drop=4),
    Column("age", 6, right=True, drop=1),
    Column("level", 5, right=True, drop=3),
    Column("next", 18),
)
NARROW = 100
"""Below this width long names are cut, so that the times stay."""

NARROWEST = 72
"""Below this one who is told next is cut too."""

SORT_MARK = 2
"""Cells of the mark behind the title of the column that the list is sorted by."""

NEVER = datetime.max.replace(tzinfo=UTC)


def list_table(
    alerts: Sequence[Alert], following: Following, look: Look, *, sorted_by: str = ""
) -> Table:
    """The columns in this width, no wider than the alerts need: what they save goes to the
    summary. The state and who is told next always stay; the column it is sorted by has room for
    its mark."""
    columns = {column.title: column for column in COLUMNS}
    width = look.width - 1
    if width < NARROW:
        columns["name"] = replace(columns["name"], width=14 if width < NARROWEST else 16)
        columns["next"] = replace(columns["next"], width=14 if width < NARROWEST else 16)
    elif width >= ROOMY:
        columns["name"] = replace(columns["name"], width=28)
        columns["state"] = replace(columns["state"], width=STATE_IN_FULL)
        columns["next"] = replace(columns["next"], width=30)
    wanted = [*columns.values()]
    room = columns["next"].width
    cells = [_cells(alert, following.get(alert.id), look, room) for alert in alerts[:MEASURED]]
    measured = natural(wanted, cells) if cells else wanted
    measured[2] = columns["summary"]
    measured = [
        replace(column, width=max(column.width, len(column.title) + SORT_MARK))
        if column.title == sorted_by
        else column
        for column in measured
    ]
    table = Table.fitting(measured, width)
    if all(column.title != "summary" for _, column in table.columns):
        measured[1] = replace(measured[1], grows=True)
        table = Table.fitting(measured, width)
    return table


def list_row(alert: Alert, following: Following, table: Table, look: Look) -> Row:
    """An alert as a row of the list."""
    room = next(column.width for _, column in table.columns if column.title == "next")
    return Row(table.row(_cells(alert, following.get(alert.id), look, room)), key_of(alert))


def key_of(alert: Alert) -> str:
    """The key of an alert's row."""
    return f"alert:{alert.id}"


def _cells(
    alert: Alert, following: Outlook | None, look: Look, room: int
) -> tuple[Span | str, ...]:
    glyphs = look.glyphs
    return (
        shown_as.severity(alert.severity, glyphs),
        (alert.name, "bold" if alert.state is AlertState.FIRING else ""),
        shown_as.told(alert.summary, look),
        state_of(alert, look, in_full=look.width > ROOMY),
        (shown_as.moment(alert.started_at, look), "dim"),
        (shown_as.age(alert.started_at, look), ""),
        str(alert.level) if alert.pages else glyphs.missing,
        next_of(alert, following, look, room),
    )


def next_of(alert: Alert, following: Outlook | None, look: Look, room: int) -> Span:
    """Who is told next and how long it is until then, in `room` cells; the time is never cut."""
    if following is None:
        return look.glyphs.missing, "dim"
    if following.at is not None:
        time = shown_as.countdown(following.at - look.now)
        who = cut(following.who, room - len(time) - 1, mark=look.glyphs.cut)
        return f"{who} {time}", "accent" if following.at <= look.now else ""
    if alert.state is AlertState.ACKNOWLEDGED:
        return f"{alert.acknowledged_by} knows", "dim"
    who = following.who if look.width > ROOMY else following.who.partition(" ")[0]
    # The mild ones go no further by design.
    waits = alert.suppressed_by is None and alert.severity in ("critical", "high")
    return who, "warning" if waits else "dim"


def in_order(
    alerts: Sequence[Alert], following: Following, by: str, *, turned_round: bool = False
) -> Sequence[Alert]:
    """The alerts by a column: worst, youngest, first by name, highest, soonest first. By what is
    next, those that nothing happens to by itself come last."""

    def soonest(alert: Alert) -> datetime:
        found = following.get(alert.id)
        return NEVER if found is None or found.at is None else found.at

    orders = {
        "severity": lambda alert: SEVERITIES.index(alert.severity),
        "age": lambda alert: -alert.started_at.timestamp(),
        "name": lambda alert: alert.name.lower(),
        "level": lambda alert: -alert.level if alert.pages else 0,
        "next": soonest,
    }
    return sorted(alerts, key=orders[by], reverse=turned_round) if by else alerts


def countdowns(alerts: Sequence[Alert], following: Following, look: Look) -> tuple[str, ...]:
    """What moves in these rows as time passes: compared, it says whether to paint them again."""
    found = [following.get(alert.id) for alert in alerts]
    return tuple(
        shown_as.countdown(each.at - look.now)
        for each in found
        if each is not None and each.at is not None
    ) + tuple(shown_as.age(alert.started_at, look) for alert in alerts)
