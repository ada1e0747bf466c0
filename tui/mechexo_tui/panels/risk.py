"""What the desk holds, earns and may lose, as rows: each source in a few lines, then the limits,
the broken ones first. What is not known is a dash with its reason, never a zero."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from mechexo.outside.words import asking_words
from mechexo.risk.values import NOT_TOLD, NOTHING_YET, Broker, Trading
from mechexo_tui.panels.probes import History, is_bad, probes_aside
from mechexo_tui.panels.titles import title
from mechexo_tui.widgets import format as shown_as
from mechexo_tui.widgets.lines import Line, Row, Span, cropped, harmless, width_of, wrapped
from mechexo_tui.widgets.table import Column, Table, natural

if TYPE_CHECKING:
    from mechexo.health.values import ProbeState
    from mechexo.risk.values import Total
    from mechexo.risk_report import LimitRow, RiskReport
    from mechexo_tui.widgets.format import Look

_LIMITS = (
    Column("status", 10),
    Column("limit", 24),
    Column("in use", 24),
    Column("", 6, right=True),
    Column("used", 16, right=True, drop=3),
    Column("of", 16, right=True, drop=4),
    Column("left", 16, right=True),
    Column("unit", 14, drop=1),
    Column("source", 12, drop=5),
    Column("history", 16, drop=6),
)
BAR, NARROW_BAR = 24, 12
NO_HISTORY: History = MappingProxyType({})
WIDE = 110
ROOMY = 80
_LABEL = 10
_HEADING = 27
"""Cells of a section's name in the overview, with the sign between two texts."""
_MOST_NOTES = 3


def brief_aside(reports: Sequence[RiskReport], look: Look) -> str:
    """The first source's exposure and P&L in a few words, and that there are others; empty without
    a source. What is wrong is said by their probes."""
    if not reports:
        return ""
    first = reports[0]
    pnl = cash(first.pnl_today, look, signed=True)
    said = f"gross {cash(first.exposure.gross, look)}, P&L today {pnl}"
    return said if len(reports) == 1 else f"{first.standing.name}: {said}"


def overview_aside(reports: Sequence[RiskReport], probes: Sequence[ProbeState], look: Look) -> str:
    """What is held and earned, and what its probes say; where both have no room, how many of them
    are not ok comes first."""
    held, judged = brief_aside(reports, look), probes_aside(probes)
    said = (held, judged)
    if held and width_of(held + judged) > look.width - _HEADING and any(map(is_bad, probes)):
        said = (f"{sum(map(is_bad, probes))} of {len(probes)} not ok", held)
    return f" {look.glyphs.dot} ".join(filter(None, said))


def brief_rows(reports: Sequence[RiskReport], look: Look) -> list[Row]:
    """Each source in three lines: how it is, its capital, what it earned."""
    rows = []
    for each in reports:
        name: Line = ((f"  {each.standing.name}", "bold"),) if len(reports) > 1 else ()
        rows.append(Row(cropped((*name, *_state(each, look)), look.width)))
        rows.append(Row(cropped(_capital(each, look), look.width)))
        rows.append(Row(_earned(each, look)))
    return rows


def source_rows(report: RiskReport, look: Look, *, alone: bool) -> list[Row]:
    """A source: how it is, its capital as a bar, what it earned, what it holds, what to mind."""
    standing = report.standing
    age = shown_as.age(standing.good_at, look)
    told = "never read" if standing.good_at is None else f"told {age} ago"
    head = "Risk and trading" if alone else f"Risk and trading: {standing.name}"
    rows = [Row(title(head, look, aside=f"{standing.name} ({standing.kind}), {told}"))]
    rows.append(Row(cropped(_state(report, look), look.width)))
    rows.append(Row(cropped(_capital(report, look), look.width)))
    rows.append(Row(_earned(report, look)))
    exposure = report.exposure
    rows.append(
        Row(
            _figures(
                "exposure",
                [
                    ("gross", exposure.gross, False),
                    ("net", exposure.net, True),
                    ("long", exposure.long, False),
                    ("short", exposure.short, False),
                ],
                look,
            )
        )
    )
    if len(exposure.by_currency) > 1:
        rows.append(Row(cropped(_currencies(report, look), look.width)))
    return rows + [Row(((" " * (2 + _LABEL) + each, "dim"),)) for each in notes(report, look)]


def notes(report: RiskReport, look: Look) -> list[str]:
    """What a person must know beside the numbers, in lines that fit."""
    standing, known = report.standing, report.standing.look
    said = []
    if report.status.value != "ok":
        said.append(report.detail)
    if asking := asking_words(standing, look.now):
        said.append(asking)
    if known is not None:
        if known.priced:
            said.append(f"values are at {known.priced}")
        quiet = (NOT_TOLD, NOTHING_YET)
        sums = (report.capital, report.capital_used, report.exposure.gross)
        for each in (*sums, report.pnl_today, report.pnl_month):
            if each.why and each.why not in quiet:
                said.append(each.why)
        said += known.remarks
    room = max(20, look.width - 3 - _LABEL)
    lines: list[str] = []
    for text in dict.fromkeys(said):
        lines += wrapped(harmless(shown_as.told(text, look)), room)[:2]
    return lines[: 2 * _MOST_NOTES]


def limit_rows(
    limits: Sequence[LimitRow], look: Look, *, alone: bool, history: History = NO_HISTORY
) -> list[Row]:
    """Limits, broken ones first, with bars of what is used of them, and how that went lately for
    those that are watched."""
    if not limits:
        return [Row((("  no limit is told, and [risk.NAME.limits] watches none", "dim"),))]
    width = BAR if look.width >= WIDE else NARROW_BAR
    cells = [
        (
            shown_as.status(row.status.value, look.glyphs),
            (row.name, "bold"),
            (_bar(row, width, look), row.status.value if row.status.value != "ok" else "accent"),
            shown_as.percent(row.used_pct, look.glyphs, decimals=0),
            shown_as.exact_number(row.used, look.glyphs, trimmed=True),
            shown_as.exact_number(row.limit, look.glyphs, trimmed=True),
            shown_as.exact_number(row.left, look.glyphs, trimmed=True),
            (row.unit, "dim"),
            (row.source, "dim"),
            (shown_as.plot(history.get(row.probe, ()), 16, look.glyphs), "accent"),
        )
        for row in limits
    ]
    columns = natural(_LIMITS, cells)
    if look.width < ROOMY:
        columns[1] = replace(columns[1], width=min(columns[1].width, 14))
    if alone:
        columns[8] = Column("", 0, drop=9)
    if not any(history.get(row.probe) for row in limits):
        columns[9] = Column("", 0, drop=9)
    table = Table.fitting(columns, look.width - 1)
    return [
        Row(table.head()),
        *(Row(table.row(row), limit_key(each)) for each, row in zip(limits, cells, strict=True)),
    ]


def limit_key(row: LimitRow) -> str:
    """The key of a limit's row: its probe's, else what its source calls it."""
    return f"probe:{row.probe}" if row.probe else f"told:{row.source}:{row.name}"


def limits_aside(limits: Sequence[LimitRow]) -> str:
    """The limits in a few words."""
    broken = sum(row.status.value == "critical" for row in limits)
    near = sum(row.status.value == "warning" for row in limits)
    unknown = sum(row.status.value == "unknown" for row in limits)
    said = [
        f"{amount} {word}"
        for amount, word in ((broken, "broken"), (near, "near"), (unknown, "not known"))
        if amount
    ]
    return ", ".join(said) or (f"all {len(limits)} kept" if limits else "")


def cash(found: Total, look: Look, *, signed: bool = False) -> str:
    """A sum with its currency; a dash when it is not known."""
    shown = shown_as.exact_number(found.value, look.glyphs, signed=signed)
    return shown if found.value is None else f"{shown} {found.currency}"


def _state(report: RiskReport, look: Look) -> Line:
    glyphs, known = look.glyphs, report.standing.look
    trading = known.trading if known else Trading.UNKNOWN
    broker = known.broker if known else Broker.UNKNOWN
    on: Span = {
        Trading.ON: (f"{glyphs.ok} ON", "ok"),
        Trading.HALTED: (f"{glyphs.warning} HALTED", "warning"),
    }.get(trading, (f"{glyphs.unknown} UNKNOWN", "unknown"))
    there: Span = {
        Broker.CONNECTED: (f"{glyphs.ok} CONNECTED", "ok"),
        Broker.AWAY: (f"{glyphs.critical} AWAY", "critical"),
    }.get(broker, (f"{glyphs.unknown} UNKNOWN", "unknown"))
    return (
        ("  ", ""),
        shown_as.status(report.status.value, glyphs),
        ("   trading ", "dim"),
        on,
        ("   broker ", "dim"),
        there,
        _as_of(report, look),
    )


def _as_of(report: RiskReport, look: Look) -> Span:
    known = report.standing.look
    if known is None or known.as_of is None:
        return "", ""
    return f"   its data are of {shown_as.moment(known.as_of, look)}", "dim"


def _capital(report: RiskReport, look: Look) -> Line:
    share = None if report.used_pct is None else report.used_pct / 100
    width = BAR if look.width >= WIDE else NARROW_BAR
    used, whole = cash(report.capital_used, look), cash(report.capital, look)
    return (
        (f"  {'capital'.ljust(_LABEL)}", "dim"),
        (shown_as.bar(share, width, look.glyphs), "accent"),
        (f" {shown_as.percent(report.used_pct, look.glyphs, decimals=0)} used", "bold"),
        (f"   {used} of {whole}", ""),
    )


def _earned(report: RiskReport, look: Look) -> Line:
    figures = [
        ("today", report.pnl_today, True),
        ("month", report.pnl_month, True),
        ("not realised", report.unrealised, True),
    ]
    return _figures("P&L", figures, look)


def _figures(label: str, figures: Sequence[tuple[str, Total, bool]], look: Look) -> Line:
    """Figures in a row, as many as there is room for."""
    line: Line = ((f"  {label.ljust(_LABEL)}", "dim"),)
    taken = 2 + _LABEL
    for name, found, signed in figures:
        shown = cash(found, look, signed=signed)
        taken += width_of(name) + width_of(shown) + 4
        if taken > look.width:
            break
        style = "unknown" if found.value is None else "bold"
        line += ((f"{name} ", "dim"), (shown, style), ("   ", ""))
    return line


def _currencies(report: RiskReport, look: Look) -> Line:
    shown = [
        f"{shown_as.exact_number(each.value, look.glyphs, signed=True)} {each.currency}"
        for each in report.exposure.by_currency[:6]
    ]
    return (f"  {'net by'.ljust(_LABEL)}", "dim"), (f" {look.glyphs.dot} ".join(shown), "")


def _bar(row: LimitRow, width: int, look: Look) -> str:
    """What is used, with a mark where the warning begins."""
    if row.used_pct is None:
        return look.glyphs.missing.ljust(width)
    drawn = shown_as.bar(row.used_pct / 100, width, look.glyphs)
    if row.warn is None or not row.limit or row.warn >= row.limit:
        return drawn
    at = min(width - 1, int(width * row.warn / row.limit))
    return f"{drawn[:at]}{look.glyphs.axis}{drawn[at + 1 :]}"
