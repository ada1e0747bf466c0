"""Probes as rows: the machine's, and those of risk, trading and capital."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from mechexo_tui.widgets import format as shown_as
from mechexo_tui.widgets.lines import Line, Row
from mechexo_tui.widgets.table import Column, Table, natural

if TYPE_CHECKING:
    from mechexo.health.values import Card, ProbeState, Uptime
    from mechexo_tui.widgets.format import Look

RISK_CARDS = frozenset({"risk", "trading", "capital"})
MACHINE_KINDS = frozenset({"host", "process", "tcp", "http"})

_COLUMNS = (
    Column("status", 10),
    Column("probe", 26),
    Column("value", 16, right=True),
    Column("history", 16, drop=3),
    Column("what it says", 28, grows=True),
    Column("since", 11, right=True, drop=2),
    Column("latency", 8, right=True, drop=4),
    Column("card", 9, drop=5),
)

LONGEST_UNIT = 5

History = Mapping[str, Sequence[float]]
"""The numbers each probe has shown, oldest first."""


def machine_probes(probes: Sequence[ProbeState]) -> list[ProbeState]:
    """Those about machines, processes and connections: of such a kind, or on the system card."""
    return [
        probe
        for probe in probes
        if probe.card not in RISK_CARDS and (probe.kind in MACHINE_KINDS or probe.card == "system")
    ]


def risk_probes(probes: Sequence[ProbeState]) -> list[ProbeState]:
    """Those of the cards risk, trading and capital."""
    order = {"risk": 0, "trading": 1, "capital": 2}
    return sorted(
        (probe for probe in probes if probe.card in RISK_CARDS), key=lambda p: order[p.card]
    )


def is_bad(probe: ProbeState) -> bool:
    """Whether a person has to know of it: also when nobody could look."""
    return probe.status.value != "ok"


def probes_aside(probes: Sequence[ProbeState]) -> str:
    """Probes in one line, for the closed section: the bad ones by name."""
    if not probes:
        return "no probe watches this"
    bad = sorted(filter(is_bad, probes), key=lambda p: -p.status.rank)
    if not bad:
        return f"{shown_as.count(len(probes), 'probe')}, all ok"
    named = ", ".join(f"{probe.name} {probe.status.value}" for probe in bad[:3])
    more = f" and {len(bad) - 3} more" if len(bad) > 3 else ""
    return f"{len(bad)} of {shown_as.count(len(probes), 'probe')} not ok: {named}{more}"


def probe_rows(probes: Sequence[ProbeState], history: History, look: Look) -> list[Row]:
    """Probes with their values."""
    if not probes:
        return [Row((("  no probe watches this; [probes.NAME] in mechexo.toml adds one", "dim"),))]
    cells = [
        (
            shown_as.status(probe.status.value, look.glyphs),
            (probe.name, "bold"),
            _value(probe, look),
            (shown_as.plot(history.get(probe.name, ()), 16, look.glyphs), "accent"),
            (_says(probe, look), ""),
            (shown_as.moment(probe.since, look), "dim"),
            _latency(probe, look),
            (probe.card, "dim"),
        )
        for probe in probes
    ]
    columns = natural(_COLUMNS, cells)
    columns[4] = _COLUMNS[4]
    if not any(history.get(probe.name) for probe in probes):
        columns[3] = Column("", 0, drop=9)
    table = Table.fitting(columns, look.width - 1)
    rows = [Row(table.head())]
    return rows + [
        Row(table.row(row), f"probe:{probe.name}") for probe, row in zip(probes, cells, strict=True)
    ]


def uptime_rows(uptime: Uptime, look: Look) -> list[Row]:
    """How often the desk was well, against its objective: first what matters most."""
    glyphs = look.glyphs
    line: Line = (
        ("  uptime  ", "dim"),
        (shown_as.percent(uptime.achieved_pct, glyphs, decimals=2), "bold"),
        (f" of {uptime.objective_pct:g}% over {uptime.window_days} days", ""),
    )
    left = uptime.budget_left_s
    if left is None:
        return [Row((*line, ("  not measured yet", "dim")))]
    for burn in (uptime.fast, uptime.slow):
        if burn.is_over:
            line += ((f"  spent {burn.rate:.1f}x too fast over {burn.long}", "warning"),)
    if left < 0:
        line += ((f"  overspent by {shown_as.duration(-left, glyphs)}", "warning"),)
    else:
        line += ((f"  {shown_as.duration(left, glyphs)} of the budget left", "dim"),)
    for window in uptime.windows:
        if window.hours != 24 * uptime.window_days:
            share = shown_as.percent(window.achieved_pct, glyphs, decimals=2)
            line += ((f" {glyphs.dot} {window.label} {share}", "dim"),)
    return [Row(line)]


def uptime_aside(uptime: Uptime, look: Look) -> str:
    """The uptime in a few words, for the closed section; empty when it was never measured."""
    left = uptime.budget_left_s
    if left is None:
        return ""
    said = f"uptime {shown_as.percent(uptime.achieved_pct, look.glyphs, decimals=2)}"
    if uptime.fast.is_over or uptime.slow.is_over:
        return f"{said}, spent too fast"
    return f"{said}, overspent" if left < 0 else said


def card_rows(cards: Sequence[Card], look: Look) -> list[Row]:
    """Cards as lines, for terminals too small for a row of them."""
    return [
        Row(
            (
                shown_as.status(card.status.value, look.glyphs),
                (f" {card.name} ", "bold"),
                (card.summary, "dim"),
            ),
            f"card:{card.name}",
        )
        for card in cards
    ]


def _says(probe: ProbeState, look: Look) -> str:
    flapping = f" {look.glyphs.dot} flapping" if probe.flapping else ""
    failing = ""
    if probe.failures and probe.status.value == "ok":
        failing = f" {look.glyphs.dot} failed {probe.failures}x in a row"
    if probe.observed_at is None:
        return "never looked at"
    return f"{shown_as.told(probe.detail, look)}{failing}{flapping}"


def _value(probe: ProbeState, look: Look) -> str:
    """The value with its unit; a unit in words stands in what the probe says, once."""
    unit = probe.unit if len(probe.unit) <= LONGEST_UNIT else ""
    return shown_as.measure(probe.value, unit, look.glyphs)


def _latency(probe: ProbeState, look: Look) -> tuple[str, str]:
    if probe.latency_ms is None:
        return look.glyphs.missing, "dim"
    return f"{probe.latency_ms:,.0f} ms", "dim"
