"""Alerts as rows: the list, one alert's story, history and analysis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from itertools import compress
from typing import TYPE_CHECKING

from mechexo.alerts.values import (
    SEVERITIES,
    Alert,
    AlertCounts,
    AlertEvent,
    AlertState,
    AlertStatistics,
    Delivery,
    Silence,
)
from mechexo_tui.panels.words import kept_among
from mechexo_tui.widgets import format as shown_as
from mechexo_tui.widgets.lines import (
    Line,
    Row,
    Span,
    cut,
    harmless,
    rows_of,
    text_of,
    width_of,
    wrapped,
)
from mechexo_tui.widgets.table import Column, Table, natural

if TYPE_CHECKING:
    from mechexo.alerts.damage import Damaged
    from mechexo.alerts.escalation import Outlook
    from mechexo_tui.widgets.format import Look

COLUMNS = (
    Column("severity", 10),
    Column("name", 22),
    Column("summary", 16, grows=True),
    Column("state", 11, drop=2),
    Column("since", 11, right=True, drop=3),
)

MEASURED = 200
"""So many alerts, the first of the list, say how wide its columns need to be."""

ROOMY = 110
"""From this width on, long names and until when an alert is silenced are shown in full."""


STATE_IN_FULL = 20
"""How wide the column is where it also says until when an alert is silenced or held."""


def state_of(alert: Alert, look: Look, *, in_full: bool = False) -> Span:
    """Where an alert stands: acknowledged, silenced, both, caused by another, held, flapping;
    `in_full` also until when."""
    if alert.state is AlertState.RESOLVED:
        return "resolved", "dim"

    def until(word: str, end: datetime) -> str:
        return f"{word} to {shown_as.moment(end, look)}" if in_full else word

    acked = alert.state is AlertState.ACKNOWLEDGED
    sign = f"{look.glyphs.acknowledged} " if acked else ""
    if alert.silenced_until is not None and alert.silenced_until > look.now:
        return sign + until("silenced", alert.silenced_until), "ok" if acked else "dim"
    if acked:
        return f"{sign}acked", "ok"
    if alert.suppressed_by is not None:
        return f"caused by {alert.suppressed_by}", "dim"
    if alert.held_until is not None and alert.held_until > look.now:
        return until("held", alert.held_until), "accent"
    if alert.flapping_until is not None and alert.flapping_until > look.now:
        return until("flapping", alert.flapping_until), "warning"
    return "firing", ""


def list_table(alerts: Sequence[Alert], look: Look) -> Table:
    """The columns of the alert list in this width, no wider than its alerts need: what they save
    goes to the summary."""
    width = look.width - 1
    columns = list(COLUMNS)
    if width >= ROOMY:
        columns[1] = replace(columns[1], width=28)
        columns[3] = replace(columns[3], width=STATE_IN_FULL)
    cells = [_cells(alert, look) for alert in alerts[:MEASURED]]
    measured = natural(columns, cells) if cells else columns
    measured[2] = columns[2]
    return Table.fitting(measured, width)


def list_row(alert: Alert, table: Table, look: Look) -> Row:
    """An alert as a row of the list."""
    return Row(table.row(_cells(alert, look)), f"alert:{alert.id}")


def _cells(alert: Alert, look: Look) -> tuple[Span | str, ...]:
    return (
        shown_as.severity(alert.severity, look.glyphs),
        (alert.name, "bold" if alert.state is AlertState.FIRING else ""),
        shown_as.told(alert.summary, look),
        state_of(alert, look, in_full=look.width > ROOMY),
        (shown_as.moment(alert.started_at, look), "dim"),
    )


DAMAGED_SHOWN = 3
"""So many rows that cannot be read stand above the list, each with what is wrong with it."""


def damaged_lines(damaged: Sequence[Damaged], look: Look) -> list[Line]:
    """What is in force and cannot be read, a line each, and how many more there are."""
    glyphs, lines = look.glyphs, list[Line]()
    sign, style = f"{glyphs.critical} DAMAGED", "critical"
    room = look.width - width_of(sign) - 5
    for each in damaged[:DAMAGED_SHOWN]:
        named = f" {each.name}" if each.name else ""
        said = harmless(f"{each.what} {each.id}{named}: {each.problem}")
        lines.append((("  ", ""), (sign, style), ("  ", ""), (cut(said, room), "")))
    if damaged:
        more = len(damaged) - len(lines)
        also = f"and {more} more " if more > 0 else ""
        lines.append(((f"    {also}in the state file: mechexo alerts damaged", "dim"),))
    return lines


def in_words(alert: Alert) -> str:
    """An alert as one whole line, for the clipboard."""
    return f"{alert.severity.upper()} {alert.name}: {alert.summary}"


def tally(counts: AlertCounts) -> str:
    """The open alerts in a few words."""
    damaged = f", {counts.damaged} damaged" if counts.damaged else ""
    if not counts.open:
        return f"none open{damaged}"
    worst = [f"{counts.by_severity[name]} {name}" for name in SEVERITIES
             if counts.by_severity.get(name)]  # fmt: skip
    kept = (f", {counts.kept_back_words}" if counts.kept_back else "") + damaged
    return f"{counts.open} open, {counts.unacknowledged} unacknowledged{kept}: {', '.join(worst)}"


def matching(alerts: Sequence[Alert], words: str) -> Sequence[Alert]:
    """The alerts that carry all words somewhere; a leading `!` keeps the others."""
    if not words.strip(" !"):
        return alerts
    texts = _searched.texts_of(alerts)
    return list(compress(alerts, kept_among(texts, words)))


def filtered_aside(words: str, kept: int, among: int) -> str:
    """How many alerts a filter keeps, in words; a leading `!` has turned it round."""
    with_or_without = "without" if words.strip().startswith("!") else "with"
    return f"{kept:,} of {among:,}, {with_or_without} the words: {words.strip(' !')}"


class _Searched:
    """The texts of the list that was searched last: typing on must not make them anew."""

    def __init__(self) -> None:
        self._alerts: Sequence[Alert] = ()
        self._texts: list[str] = []

    def texts_of(self, alerts: Sequence[Alert]) -> list[str]:
        """The searched text of each alert, in lower case."""
        if self._alerts is not alerts:
            self._alerts, self._texts = alerts, [_text_of(alert) for alert in alerts]
        return self._texts


_searched = _Searched()


def _text_of(alert: Alert) -> str:
    labels = " ".join([f"{key}={value}" for key, value in alert.labels.items()])
    seen = f"{alert.severity} {alert.state} {alert.name} {alert.summary} {alert.source} {labels}"
    return seen.lower()


def story_lines(
    alert: Alert,
    events: Sequence[AlertEvent],
    deliveries: Sequence[Delivery],
    look: Look,
    *,
    note: str = "",
    following: Outlook | None = None,
    cause: str = "",
) -> list[Line]:
    """One alert in full: its facts, what happened, who was told. `note` is what whoever
    acknowledged it said, `following` what happens next, `cause` the name of the alert that causes
    it."""
    lines: list[Line] = [
        ((" ", ""), shown_as.severity(alert.severity, look.glyphs), ("  ", ""),
         (alert.name, "title")),
        (("   ", ""), (shown_as.told(alert.summary, look), "")),
    ]  # fmt: skip
    lines += _facts(_standing(alert, look, note, following, cause), look)
    lines += [(), ((" What happened", "title"),)]
    for event in events:
        who = f"  {event.actor}" if event.actor else ""
        head: Line = (
            (f"   {shown_as.exact(event.at, look)}  ", "dim"),
            (f"{event.kind:<13}", "accent"),
        )
        lines += _beside(head, shown_as.told(event.detail, look) + who, "", look)
    lines += [(), ((" Who was told", "title"),)]
    if not deliveries:
        lines.append((("   nobody so far", "dim"),))
    for delivery in deliveries:
        head = (
            (f"   {shown_as.exact(delivery.finished_at or delivery.due_at, look)}  ", "dim"),
            (f"{delivery.channel:<13}", ""),
            _delivery_state(delivery, look),
            ("  ", ""),
        )
        lines += _beside(head, shown_as.told(delivery.detail, look), "dim", look)
    return [*lines, (), ((" About it", "title"),), *_facts(_about(alert, look), look)]


def _standing(
    alert: Alert, look: Look, note: str, following: Outlook | None, cause: str
) -> list[tuple[str, str]]:
    """What happens next, who knows, and what keeps it quiet: what one wants to know first."""
    facts: list[tuple[str, str]] = []
    if following is not None:
        facts.append(("next", following.words(look.now, look.zone)))
    if alert.acknowledged_by:
        by = f"{alert.acknowledged_by}, {shown_as.exact(alert.acknowledged_at, look)}"
        facts.append(("acknowledged", by))
        facts += [("their note", note)] if note else []
    if alert.silenced_until:
        facts.append(("silenced until", shown_as.exact(alert.silenced_until, look)))
    if alert.held_until:
        facts.append(("held until", shown_as.exact(alert.held_until, look)))
    if alert.suppressed_by is not None:
        facts.append(("caused by", f"alert {alert.suppressed_by} {cause}".strip()))
    if alert.flapping_until:
        facts.append(("flapping until", shown_as.exact(alert.flapping_until, look)))
    return facts


def _about(alert: Alert, look: Look) -> list[tuple[str, str]]:
    facts = [("id", f"{alert.id}   {alert.key}"), ("source", alert.source)]
    if alert.labels:
        facts.append(("labels", "  ".join(f"{k}={v}" for k, v in sorted(alert.labels.items()))))
    missing = look.glyphs.missing
    return [
        *facts,
        ("started", shown_as.exact(alert.started_at, look)),
        ("last seen", f"{shown_as.exact(alert.last_seen_at, look)}  ({alert.count}x)"),
        ("level", f"{alert.level}" if alert.pages else missing),
        ("runbook", alert.runbook or missing),
    ]


def _facts(facts: Sequence[tuple[str, str]], look: Look) -> list[Line]:
    lines: list[Line] = []
    for name, value in facts:
        lines += _beside(((f"   {name:<15}", "dim"),), value, "", look)
    return lines


def _beside(head: Line, text: str, style: str, look: Look) -> list[Line]:
    """A text beside what it belongs to, going on below itself where the line is short."""
    indent = width_of(text_of(head))
    first, *more = wrapped(text, look.width - indent - 1)
    return [(*head, (first, style)), *(((" " * indent, ""), (part, style)) for part in more)]


def _delivery_state(delivery: Delivery, look: Look) -> Span:
    glyphs = look.glyphs
    marks: dict[str, Span] = {
        "sent": (f"{glyphs.acknowledged} SENT", "ok"),
        "failed": (f"{glyphs.critical} FAILED", "critical"),
        "due": (f"{glyphs.closed} DUE", "accent"),
        "cancelled": (f"{glyphs.dot} CANCELLED", "dim"),
    }
    return marks.get(delivery.state, (f"{glyphs.unknown} {delivery.state.upper()}", "unknown"))


def analysis_aside(found: AlertStatistics, look: Look) -> str:
    """History and analysis in one line, for the closed section."""
    dot = look.glyphs.dot
    return (
        f"{found.days} days: {shown_as.count(found.total, 'alert')} {dot} "
        f"acknowledged in {shown_as.duration(found.mean_acknowledge_s, look.glyphs)}"
    )


def analysis_rows(found: AlertStatistics, silences: Sequence[Silence], look: Look) -> list[Row]:
    """Alert history and analysis: per day, per severity, the noisiest, how fast people were."""
    glyphs = look.glyphs
    counts = [float(amount) for _, amount in found.by_day]
    days = f"{found.by_day[0][0][5:]} to {found.by_day[-1][0][5:]}" if found.by_day else ""
    per_day = " ".join(f"{amount}" for _, amount in found.by_day)
    severities = "  ".join(
        f"{name} {found.by_severity.get(name, 0)}" for name in SEVERITIES
        if found.by_severity.get(name)
    )  # fmt: skip
    lines: list[Line] = [
        (
            (f"  {'per day':<14}", "dim"),
            (shown_as.plot(counts, 30, glyphs), "accent"),
            (f"  {per_day}", ""),
            (f"  {days}", "dim"),
        ),
        ((f"  {'by severity':<14}", "dim"), (severities or "none", "")),
        (
            (f"  {'on average':<14}", "dim"),
            (f"acknowledged in {shown_as.duration(found.mean_acknowledge_s, glyphs)}", ""),
            (f", resolved in {shown_as.duration(found.mean_resolve_s, glyphs)}", ""),
        ),
    ]
    if found.noisiest:
        columns = natural([Column("noisiest", 40), Column("alerts", 8, right=True)],
                          [(name, str(amount)) for name, amount in found.noisiest])  # fmt: skip
        table = Table.fitting(columns, look.width)
        lines.append(table.head())
        lines += [table.row((name, str(amount))) for name, amount in found.noisiest]
    for silence in silences:
        what = " ".join(f"{key}={value}" for key, value in silence.matchers.items())
        until = shown_as.moment(silence.ends_at, look)
        lines.append(
            (
                ("  silenced      ", "dim"),
                (f"{what} until {until}", ""),
                (f"  {silence.author}: {silence.reason}", "dim"),
            )
        )
    return rows_of(lines)
