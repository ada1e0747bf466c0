"""Risk, trading and capital."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mechexo.config.watching import RISK_KIND
from mechexo_tui.panels import probes, risk
from mechexo_tui.panels.probe_story import probe_lines
from mechexo_tui.panels.risk_positions import held, position_key, position_rows
from mechexo_tui.panels.risk_wholes import limit_lines, position_lines
from mechexo_tui.panels.titles import title, trouble
from mechexo_tui.panels.words import fits
from mechexo_tui.screens.base import ConsoleScreen
from mechexo_tui.screens.text import TextScreen
from mechexo_tui.widgets import format as shown_as
from mechexo_tui.widgets.line_list import LineList
from mechexo_tui.widgets.lines import BLANK, Line, Row, rows_of

if TYPE_CHECKING:
    from mechexo.risk_report import RiskReport

NO_SOURCE = "  no source of positions, P&L and limits; [risk] in mechexo.toml adds one"


MOST_SHOWN = 300
"""Positions that are drawn; a longer list would be felt at each refresh."""


class RiskScreen(ConsoleScreen):
    """The sources of [risk], their limits and positions, and the probes of the cards risk, trading
    and capital."""

    title_id = "risk"

    @property
    def chosen_alert(self) -> int | None:
        """The open alert of the chosen limit or probe."""
        name = self._probe()
        keys = {f"probe:{name}", f"probe:{name}:warning"}
        alerts = self.overview.alerts.value or ()
        return next((alert.id for alert in alerts if name and alert.key in keys), None)

    def show_body(self) -> None:
        """Shows what has the filter's words; how the sources are stands always."""
        part, look = self.overview.risk, self.look
        reports = part.value or ()
        alone = len(reports) == 1
        rows: list[Row] = []
        for each in reports:
            rows += [*risk.source_rows(each, look, alone=alone), Row(BLANK)]
        if not reports:
            rows += [Row(title("Risk and trading", look)), *trouble(part, "the risk", look)]
            rows += [] if part.value is None else [Row(((NO_SOURCE, "dim"),))]
            rows.append(Row(BLANK))
        else:
            rows = [*trouble(part, "the risk", look), *rows, *self._limits(reports)]
            rows += [Row(BLANK), *self._positions(reports), Row(BLANK)]
        rows += self._probes()
        self.query_one(LineList).show(rows)

    def open_row(self) -> None:
        """A limit, a position or a probe in full."""
        if found := self._whole():
            name, lines = found
            crumbs = f"{self.title_id} > {name}"
            self.console_app.open_screen(TextScreen("tail", crumbs, rows_of(lines)))

    def _whole(self) -> tuple[str, list[Line]] | None:
        """The name and all that is known of what the chosen row is of."""
        name, key, look = self._probe(), self.active.key, self.look
        for probe in self.overview.probes.value or ():
            if name and probe.name == name:
                history = (self.overview.history.value or {}).get(name, ())
                return name, probe_lines(probe, history, look)
        reports = self.overview.risk.value or ()
        for report in reports:
            for row in report.limits:
                if risk.limit_key(row) == key:
                    return row.name, limit_lines(row, report, look)
        for pair in held(reports):
            if position_key(pair) == key:
                report, position = pair
                return position.symbol, position_lines(position, report, look)
        return None

    def _probe(self) -> str:
        """The probe that the chosen row is of."""
        kind, _, name = self.active.key.partition(":")
        return name if kind == "probe" else ""

    def _limits(self, reports: Sequence[RiskReport]) -> list[Row]:
        every = [row for each in reports for row in each.limits]
        every.sort(key=lambda row: (-row.status.rank, -(row.used_pct or 0.0)))
        shown = [row for row in every if fits(f"{row.name} {row.status} {row.source}", self.words)]
        head = Row(title("Limits", self.look, aside=risk.limits_aside(every)))
        history = self.overview.history.value or {}
        alone = len(reports) == 1
        return [head, *risk.limit_rows(shown, self.look, alone=alone, history=history)]

    def _positions(self, reports: Sequence[RiskReport]) -> list[Row]:
        every, look = held(reports), self.look
        shown = [
            (report, each)
            for report, each in every
            if fits(f"{each.symbol} {each.currency} {each.account}", self.words)
        ]
        unknown = [each for each in reports if each.positions is None]
        aside = f"{shown_as.count(len(every), 'position')}, the largest first" if every else ""
        rows = [Row(title("Positions", look, aside=aside))]
        for each in unknown:
            sign, style = shown_as.status("unknown", look.glyphs)
            why = each.exposure.gross.why
            rows.append(Row((("  ", ""), (sign, style), (f"  {each.standing.name}: {why}", ""))))
        if shown:
            rows += position_rows(shown[:MOST_SHOWN], look, alone=len(reports) == 1)
            if more := len(shown) - MOST_SHOWN:
                rest = f"  and {more:,} smaller: / finds them, mechexo risk positions lists them"
                rows += [Row(((rest, "dim"),))] if more > 0 else []
            return rows
        return rows if unknown else [*rows, Row((("  none", "dim"),))]

    def _probes(self) -> list[Row]:
        part, look = self.overview.probes, self.look
        others = [each for each in part.value or () if each.kind != RISK_KIND]
        found = [
            each
            for each in probes.risk_probes(others)
            if fits(f"{each.name} {each.kind} {each.card} {each.status} {each.detail}", self.words)
        ]
        rows = [Row(title("Probes", look, aside=probes.probes_aside(found)))]
        rows += trouble(part, "the probes", look)
        if part.value is not None:
            rows += probes.probe_rows(found, self.overview.history.value or {}, look)
        return rows
