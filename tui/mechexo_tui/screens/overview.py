"""The desk at a glance: cards, the worst alerts, costs, and four sections that open."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from textual.app import ComposeResult

from mechexo_tui.actions import SECTION_KEYS
from mechexo_tui.panels import alerts, ci, costs, flows, probes, resources, risk
from mechexo_tui.panels.titles import folding_title, reason_line, title, trouble
from mechexo_tui.screens.base import ConsoleScreen
from mechexo_tui.screens.plain import plain_rows
from mechexo_tui.widgets.cards import card_lines
from mechexo_tui.widgets.line_block import LineBlock
from mechexo_tui.widgets.line_list import LineList
from mechexo_tui.widgets.lines import BLANK, Row, beside

if TYPE_CHECKING:
    from mechexo_tui.sources import Part
    from mechexo_tui.widgets.format import Look

WIDE = 150
"""From this width on, costs stand beside the alerts and the sections in two columns."""

_OPEN_FROM = {
    "costs": 32,
    "flows": 40,
    "risk": 48,
    "history": 54,
    "resources": 60,
    "costs-wide": 0,
    "flows-wide": 44,
    "history-wide": 44,
    "risk-wide": 54,
    "resources-wide": 54,
}
"""The height from which on a section is open by itself."""

_ROWS_BESIDE = 19
"""What header, cards, the cost table and closed sections take on a small terminal."""

_KEYS = {name: key for key, name in SECTION_KEYS.items()}
_TITLES = {
    "costs": "Costs",
    "history": "Alert history and analysis",
    "flows": "Flow status and performance",
    "resources": "System resources",
    "risk": "Risk and trading",
}


class OverviewScreen(ConsoleScreen):
    """The first screen. It fits the terminal as long as its sections are closed."""

    title_id = "overview"
    filter_hint = "alerts with these words; !words leaves them out"

    def __init__(self) -> None:
        super().__init__()
        self._turned: set[str] = set()
        """The sections a person opened or closed against what the size suggests."""

    def compose_body(self) -> ComposeResult:
        """Cards above one list of everything else."""
        yield LineBlock(id="cards")
        yield LineList(id="rows")

    def show_body(self) -> None:
        """Shows the cards and the list."""
        self.set_class(self.size.height < 30, "-low")
        look = self.look
        rows = self.query_one("#rows", LineList)
        if self.small:
            rows.show(plain_rows(self.overview, self.console_app.desk, look, self.words))
            return
        status = self.overview.status
        tall = self.size.height >= 36 and self.size.width >= 100
        cards = card_lines(status.value.cards, look, tall=tall) if status.value else []
        cards += [row.line for row in trouble(status, "the status", look)]
        if status.value and not status.value.ops_ok:
            cards += [] if self.has_class("-low") else [BLANK]
            cards.append(reason_line(status.value.reasons, look))
        self.query_one("#cards", LineBlock).show(cards)
        head = 2 + len(cards) + (0 if self.size.height < 30 else 2)
        if len(self.query_one("#header", LineBlock).text.splitlines()) > 1:
            head += 1
        rows.show(self._rows(look, max(8, self.size.height - head)))

    def open_row(self) -> None:
        """A section opens or closes; an alert shows its runbook entry."""
        kind, _, name = self.active.key.partition(":")
        if kind == "section":
            self.fold(name)
        elif kind == "more":
            self.console_app.perform("show-alerts")
        elif kind == "alert":
            self.console_app.perform("runbook")

    def perform(self, action_id: str) -> None:
        """Opens and closes sections; the rest is as everywhere."""
        if action_id.startswith("fold-"):
            self.fold(action_id.removeprefix("fold-"))
        else:
            super().perform(action_id)

    def fold(self, name: str) -> None:
        """Opens a closed section, closes an open one, and goes to it."""
        self._turned ^= {name}
        self.show_now()
        self.active.choose(f"section:{name}")

    def is_open(self, name: str) -> bool:
        """Whether a section is open: as the height allows, unless a person turned it."""
        roomy = self.size.height >= _OPEN_FROM[name + ("-wide" if self._wide else "")]
        if name == "costs" and not roomy:
            # With few alerts there is room for the table on a small terminal too.
            roomy = len(self.overview.alerts.value or ()) <= self.size.height - _ROWS_BESIDE
        return roomy is not (name in self._turned)

    @property
    def _wide(self) -> bool:
        return self.size.width >= WIDE

    def _rows(self, look: Look, height: int) -> list[Row]:
        wide = self._wide
        section_rows = self._sections(look, wide)
        cost = look.wide(min(96, look.width * 2 // 5)) if wide else look
        cost_rows = self._section("costs", cost) if not wide else self._cost_block(cost)
        gap = 0 if self.size.height < 30 else 1
        used = len(section_rows) + (0 if wide else len(cost_rows) + gap) + 2 * gap
        room = max(5, height - used)
        if not wide:
            return [
                *self._alerts(look, room),
                *[Row(BLANK)] * gap,
                *cost_rows,
                *[Row(BLANK)] * gap,
                *section_rows,
            ]
        left = look.wide(look.width - cost.width - 3)
        alert_rows = self._alerts(left, max(room, len(cost_rows)))
        lines = beside(
            [row.line for row in alert_rows], [row.line for row in cost_rows], left.width, 3
        )
        keys = [row.key for row in alert_rows]
        keys += [""] * (len(lines) - len(keys))
        top = [Row(shown, key) for shown, key in zip(lines, keys, strict=True)]
        return [*top, *[Row(BLANK)] * gap, *section_rows]

    def _alerts(self, look: Look, room: int) -> list[Row]:
        """The worst alerts, as many as there is room for."""
        part, status = self.overview.alerts, self.overview.status.value
        found = alerts.matching(part.value or (), self.words)
        aside = alerts.tally(status.alerts) if status else ""
        if self.words:
            aside = alerts.filtered_aside(self.words, len(found), len(part.value or ()))
        rows = [Row(title("Alerts", look, aside=aside)), *trouble(part, "the alerts", look)]
        table = alerts.list_table(found, look)
        space = room - len(rows)
        shown = found if len(found) <= space else found[: max(1, space - 1)]
        rows += [alerts.list_row(alert, table, look) for alert in shown]
        if len(shown) < len(found):
            more = f"   and {len(found) - len(shown)} more: press 2"
            rows.append(Row(((more, "accent"),), "more:alerts"))
        if part.value is not None and not found:
            none = "no open alert has these words" if self.words else "no alert is open"
            rows.append(Row(((f"  {none}", "dim"),)))
        return rows

    def _sections(self, look: Look, wide: bool) -> list[Row]:
        gap = [Row(BLANK)]
        if not wide:
            rows: list[Row] = []
            for name in ("history", "flows", "resources", "risk"):
                section = self._section(name, look)
                rows += [*section, *(gap if len(section) > 1 else [])]
            return rows[:-1] if rows and not rows[-1].line else rows
        half = look.wide((look.width - 3) // 2)
        rows = []
        for left_name, right_name in (("history", "flows"), ("resources", "risk")):
            left = self._section(left_name, half)
            right = self._section(right_name, half)
            lines = beside([r.line for r in left], [r.line for r in right], half.width, 3)
            keys = [f"section:{left_name}"] + [""] * (len(lines) - 1)
            rows += [Row(shown, key) for shown, key in zip(lines, keys, strict=True)]
            rows += gap if len(lines) > 1 else []
        return rows

    def _cost_block(self, look: Look) -> list[Row]:
        """Costs beside the alerts, always open."""
        part = self.overview.costs
        aside = costs.cost_aside(part.value, look) if part.value else "today and the last 5 days"
        rows = [Row(title("Costs", look, aside=aside))]
        rows += trouble(part, "the costs", look)
        return rows + (costs.cost_rows(part.value, "day", look) if part.value else [])

    def _section(self, name: str, look: Look) -> list[Row]:
        """A section's title row, and its content when it is open."""
        opened = self.is_open(name)
        part, aside, content = self._content(name, look)
        complaint = trouble(part, _TITLES[name].lower(), look)
        if complaint:
            aside = complaint[0].line[-1][0].strip() if part.error else "reading"
        if complaint and opened:
            aside = ""  # it stands below, in full
        head = folding_title(_KEYS[name], _TITLES[name], look, opened=opened, aside=aside)
        rows = [Row(head, f"section:{name}")]
        return [*rows, *complaint, *content()] if opened else rows

    def _others_aside(self, look: Look) -> str:
        """How the flows of orchestrators are, by these; nothing where none is configured."""
        settings, found = self.console_app.desk.settings, self.overview.orchestrators.value
        if not settings.orchestrators or not found:
            return ""
        from mechexo_tui.panels.deployments import sources_aside

        return sources_aside(found, settings.orchestrators, settings.refresh.tick, look)

    def _others_rows(self, look: Look) -> list[Row]:
        """Each orchestrator in a few lines."""
        settings, part = self.console_app.desk.settings, self.overview.orchestrators
        if not settings.orchestrators:
            return []
        from mechexo_tui.panels.deployments import source_head

        rows = trouble(part, "the orchestrators", look)
        for each in part.value or ():
            table = settings.orchestrators[each.name]
            rows += source_head(each, table, settings.refresh.tick, look)
        return rows

    def _ci_aside(self, look: Look) -> str:
        settings = self.console_app.desk.settings
        return ci.ci_aside(self.overview.ci.value or (), settings.ci, settings.refresh.tick, look)

    def _ci_rows(self, look: Look) -> list[Row]:
        """Each repository in a line, below the flows; nothing where none is configured."""
        settings, part = self.console_app.desk.settings, self.overview.ci
        if not settings.ci:
            return []
        rows = trouble(part, "CI", look)
        for each in part.value or ():
            rows += ci.repository_row(each, settings.ci[each.name], settings.refresh.tick, look)
        return rows

    def _content(self, name: str, look: Look) -> tuple[Part[Any], str, Callable[[], list[Row]]]:
        """Where a section's facts come from, its line when closed, its rows when open."""
        seen = self.overview
        if name == "costs":
            report = seen.costs.value
            return (
                seen.costs,
                costs.cost_aside(report, look) if report else "",
                lambda: costs.cost_rows(report, "day", look) if report else [],
            )
        if name == "history":
            found = seen.statistics.value
            return (
                seen.statistics,
                alerts.analysis_aside(found, look) if found else "",
                lambda: (
                    alerts.analysis_rows(found, seen.silences.value or (), look) if found else []
                ),
            )
        if name == "flows":
            flow = seen.flows.value or ()
            parts = (flows.summary_aside(flow), self._others_aside(look), self._ci_aside(look))
            return (
                seen.flows,
                f" {look.glyphs.dot} ".join(filter(None, parts)),
                lambda: [
                    *flows.summary_rows(flow, look),
                    *self._others_rows(look),
                    *self._ci_rows(look),
                ],
            )
        history = seen.history.value or {}
        if name == "risk":
            risks = probes.risk_probes(seen.probes.value or ())
            sources = seen.risk.value or ()
            return (
                seen.probes,
                risk.overview_aside(sources, risks, look),
                lambda: [
                    *risk.brief_rows(sources, look),
                    *probes.probe_rows(risks, history, look),
                ],
            )
        machines = probes.machine_probes(seen.probes.value or ())
        uptime = seen.status.value.uptime if seen.status.value else None
        aside = probes.probes_aside(machines)
        missing = resources.brief_aside(seen.machine.value)
        measured = probes.uptime_aside(uptime, look) if uptime else ""
        return (
            seen.probes,
            f" {look.glyphs.dot} ".join(filter(None, (aside, missing, measured))),
            lambda: [
                *probes.probe_rows(machines, history, look),
                *resources.brief_rows(seen.machine.value, look),
                *(probes.uptime_rows(uptime, look) if uptime and measured else ()),
            ],
        )
