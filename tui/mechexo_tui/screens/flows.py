"""Flows: how each performs, the deployments of orchestrators, and the newest runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mechexo_tui.panels import flows
from mechexo_tui.panels.titles import title, trouble
from mechexo_tui.panels.words import fits
from mechexo_tui.screens.base import ConsoleScreen
from mechexo_tui.screens.text import TextScreen
from mechexo_tui.widgets.line_list import LineList
from mechexo_tui.widgets.lines import BLANK, Row, rows_of

if TYPE_CHECKING:
    from mechexo.flows.orchestrators.standings import DeploymentStanding


class FlowsScreen(ConsoleScreen):
    """Our own jobs first, then what orchestrators run, then the newest runs of our own."""

    title_id = "flows"

    def show_body(self) -> None:
        """Shows what has the filter's words."""
        look, seen = self.look, self.overview
        every = seen.flows.value or ()
        summaries = [
            each
            for each in every
            if fits(f"{each.flow} {each.label} {flows.flow_state(each, look)[0]}", self.words)
        ]
        runs = [run for run in seen.runs.value or () if fits(f"{run.flow} {run.state}", self.words)]
        rows = [Row(title("Flows", look, aside=flows.summary_aside(every)))]
        rows += trouble(seen.flows, "the flows", look)
        if seen.flows.value is not None:
            rows += flows.summary_rows(summaries, look)
        rows += self._orchestrators()
        rows += [Row(BLANK), Row(title("Runs", look, aside="enter shows the end of the output"))]
        rows += trouble(seen.runs, "the runs", look)
        if seen.runs.value is not None:
            rows += flows.run_rows(runs, look)
        self.query_one(LineList).show(rows)

    def _orchestrators(self) -> list[Row]:
        """What the tick learnt of them last: nobody is asked from here, so that none is slow."""
        settings, part, look = (
            self.console_app.desk.settings,
            self.overview.orchestrators,
            self.look,
        )
        if not settings.orchestrators:
            return []
        from mechexo_tui.panels import deployments

        rows = [Row(BLANK), *trouble(part, "the orchestrators", look)]
        for known in part.value or ():
            table = settings.orchestrators[known.name]
            rows += deployments.source_rows(
                known, table, settings.refresh.tick, look, keep=lambda text: fits(text, self.words)
            )
        return rows

    @property
    def deployment(self) -> tuple[str, DeploymentStanding] | None:
        """The chosen deployment, with its orchestrator's name."""
        kind, _, place = self.active.key.partition(":")
        source, _, wanted = place.partition(":")
        for known in self.overview.orchestrators.value or ():
            if kind == "deployment" and known.name == source and known.look is not None:
                for one in known.look.standing.deployments:
                    if one.deployment.id == wanted:
                        return source, one
        return None

    def open_row(self) -> None:
        """A flow or a deployment in full; a run with the end of its output."""
        kind, _, name = self.active.key.partition(":")
        app = self.console_app
        if kind == "flow":
            from mechexo_tui.screens.flow import FlowScreen

            app.open_screen(FlowScreen(name))
        elif kind == "deployment" and (chosen := self.deployment):
            from mechexo_tui.screens.deployment import DeploymentScreen

            app.open_screen(DeploymentScreen(*chosen))
        elif kind == "run":
            run = next((r for r in self.overview.runs.value or () if str(r.id) == name), None)
            if run is not None:
                lines = flows.run_lines(run, self.look)
                app.open_screen(TextScreen("tail", f"flows > {run.flow}", rows_of(lines)))

    def perform(self, action_id: str) -> None:
        """Acts on the chosen flow or deployment; the rest is as everywhere."""
        from mechexo_tui import flow_deeds

        if action_id == "rollback-flow":
            flow_deeds.show_rollback(self, self._flow())
        elif action_id in flow_deeds.ON_DEPLOYMENTS:
            if chosen := self.deployment:
                flow_deeds.ON_DEPLOYMENTS[action_id](self, chosen[0], chosen[1].deployment)
            else:
                self.say(flow_deeds.NO_DEPLOYMENT, bad=True)
        else:
            super().perform(action_id)

    def _flow(self) -> str:
        """The flow that the chosen row is about."""
        kind, _, name = self.active.key.partition(":")
        if kind == "flow":
            return name
        if kind == "run":
            runs = self.overview.runs.value or ()
            return next((run.flow for run in runs if str(run.id) == name), "")
        chosen = self.deployment
        return (chosen[1].deployment.flow or chosen[1].deployment.name) if chosen else ""
