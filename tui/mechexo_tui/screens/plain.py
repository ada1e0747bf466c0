"""Everything in one narrow list, for terminals below 60x16: still enough to act on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mechexo_tui.panels import alerts, probes
from mechexo_tui.panels.titles import trouble
from mechexo_tui.widgets import format as shown_as
from mechexo_tui.widgets.header import mode_mark
from mechexo_tui.widgets.lines import Row

if TYPE_CHECKING:
    from mechexo.desk import Desk
    from mechexo_tui.sources import Overview
    from mechexo_tui.widgets.format import Look


def plain_rows(overview: Overview, desk: Desk, look: Look, words: str) -> list[Row]:
    """Mode and state, then alerts, then the cards that are not well, then the well ones."""
    status = overview.status.value
    name = desk.settings.desk.name
    rows = [Row((mode_mark(desk.is_live, look.glyphs), (f" {name}", "bold")))]
    rows += trouble(overview.status, "the status", look)
    if status is not None:
        sign = shown_as.verdict(status.ops_ok, look.glyphs)
        first = status.reasons[0] if status.reasons else ""
        rows.append(Row((sign, (f" {first}", ""))))
    rows += trouble(overview.alerts, "the alerts", look)
    for alert in alerts.matching(overview.alerts.value or (), words):
        sign = shown_as.severity(alert.severity, look.glyphs)
        rows.append(Row((sign, (f" {alert.name}", "bold"), (f" {alert.summary}", "")),
                        f"alert:{alert.id}"))  # fmt: skip
    if status is not None:
        cards = sorted(status.cards, key=lambda card: -card.status.rank)
        rows += probes.card_rows(cards, look)
    return rows
