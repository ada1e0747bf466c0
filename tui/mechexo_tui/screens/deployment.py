"""One deployment of an orchestrator: how it is, its runs; enter shows the end of a run's log.

What the tick kept is there at once; the orchestrator is asked beside it, in a thread, and may take
its time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mechexo.errors import MechexoError
from mechexo.value_classes import dataclass
from mechexo_tui.panels import deployments as panel
from mechexo_tui.panels.titles import title, trouble
from mechexo_tui.panels.words import fits
from mechexo_tui.screens.base import ConsoleScreen
from mechexo_tui.screens.text import TextScreen
from mechexo_tui.sources import Part, read_part
from mechexo_tui.widgets import format as shown_as
from mechexo_tui.widgets.line_list import LineList
from mechexo_tui.widgets.lines import BLANK, Row, rows_of, wrapped

if TYPE_CHECKING:
    from mechexo.desk import Desk
    from mechexo.flows.orchestrators.standings import DeploymentStanding
    from mechexo.flows.orchestrators.values import OrchestratorRun

MOST_RUNS = 100
LOG_LINES = 200


@dataclass(frozen=True, slots=True)
class Asked:
    """The runs of a deployment; `why` they are not of now, empty when they are."""

    runs: tuple[OrchestratorRun, ...]
    why: str = ""
    is_cut: bool = False


class DeploymentScreen(ConsoleScreen):
    """A deployment, as it was when its orchestrator was asked last."""

    title_id = "deployment"

    def __init__(self, source: str, one: DeploymentStanding) -> None:
        super().__init__()
        self.source = source
        self._one = one
        self.crumbs = f"flows > {one.deployment.name}"
        self._runs: Part[Asked] = Part()
        self._asking = False

    @property
    def standing(self) -> DeploymentStanding:
        """The deployment as the tick knows it now."""
        for known in self.overview.orchestrators.value or ():
            if known.name == self.source and known.look is not None:
                for one in known.look.standing.deployments:
                    if one.deployment.id == self._one.deployment.id:
                        self._one = one
        return self._one

    @property
    def run(self) -> OrchestratorRun | None:
        """The chosen run."""
        kind, _, wanted = self.active.key.partition(":")
        runs = self._runs.value.runs if self._runs.value else ()
        return next((run for run in runs if kind == "run" and run.id == wanted), None)

    def on_mount(self) -> None:
        """Shows what is kept, and asks for what is new."""
        super().on_mount()
        self.read()

    def read(self) -> None:
        """Reads what is kept, then asks the orchestrator, in a thread."""
        app, desk, source = self.console_app, self.console_app.desk, self.source
        wanted = self._one.deployment.id
        self._asking = True

        def kept(desk: Desk) -> Asked:
            from mechexo.flows.orchestrators import looking

            look = looking.known_of(desk, source).look
            runs = look.runs if look else ()
            mine = tuple(run for run in runs if run.deployment_id == wanted)
            return Asked(mine[:MOST_RUNS], f"{source} is being asked")

        def fresh(desk: Desk) -> Asked:
            from mechexo.flows.orchestrators import operations

            found = operations.latest_runs(desk, source, deployment=wanted, limit=MOST_RUNS)
            runs = tuple(each.run for each in found.found.runs)
            return Asked(runs, found.why, found.found.is_cut)

        def read() -> None:
            app.call_from_thread(self._take, read_part(desk, "kept", {"kept": kept}), True)
            app.call_from_thread(self._take, read_part(desk, "fresh", {"fresh": fresh}), False)

        self.run_worker(read, thread=True, exclusive=True, group="deployment", exit_on_error=False)
        self.show_now()

    def _take(self, found: Part[Asked], more_comes: bool) -> None:
        before = self._runs
        self._asking = more_comes
        if more_comes and (found.error or before.value is not None):
            return  # what is shown already is at least as new
        self._runs = Part(before.value, before.read_at, found.error) if found.error else found
        self.show_now()

    def show_body(self) -> None:
        """Shows the deployment and its runs."""
        look, asked = self.look, self._runs.value
        why = self._why_not_now()
        every = asked.runs if asked else ()
        first, *others = panel.head_lines(self.source, self.standing, look, why=why)
        # It can be chosen, so that the page opens at its top and not at the first run.
        rows = [Row(first, "about:"), *rows_of(others)]
        rows += rows_of(panel.trend_lines(self.standing, every, look))
        runs = [
            run
            for run in every
            if fits(f"{run.name} {run.id} {run.state} {run.reason}", self.words)
        ]
        aside = f"{shown_as.count(len(runs), 'run')}, newest first; enter shows the log's end"
        if self._asking:
            aside = f"asking {self.source}"
        elif asked is not None and asked.is_cut:
            aside += "; there are more"
        rows += [Row(BLANK), Row(title("Runs", look, aside=aside))]
        rows += trouble(self._runs, "the runs", look)
        if asked is not None:
            if asked.why and not self._asking:
                sign, style = shown_as.status("unknown", look.glyphs)
                said = f"as kept by the tick: {shown_as.told(asked.why, look)}"
                line, *more = wrapped(said, look.width - 16)
                rows.append(Row((("  ", ""), (sign, style), (f"  {line}", ""))))
                rows += [Row(((f"             {text}", ""),)) for text in more[:2]]
            rows += panel.run_rows(runs, look)
        self.query_one(LineList).show(rows)

    def _why_not_now(self) -> str:
        """Why what the tick knows of the orchestrator does not stand for now."""
        from mechexo.orchestrator_words import not_current

        settings, now = self.console_app.desk.settings, self.look.now
        for known in self.overview.orchestrators.value or ():
            if known.name == self.source:
                table = settings.orchestrators[known.name]
                return not_current(known, table, now, settings.refresh.tick)
        return ""

    def open_row(self) -> None:
        """The end of a run's log, asked for in a thread."""
        run, app, source = self.run, self.console_app, self.source
        if run is None:
            return
        screen = TextScreen(
            "tail", f"{self.crumbs} > log", [Row(((f"  asking {source} for the log", "dim"),))]
        )
        app.open_screen(screen)

        def ask() -> None:
            from mechexo.flows.orchestrators import operations

            try:
                lines = operations.log_tail(app.desk, source, run.id, lines=LOG_LINES)
            except MechexoError as error:
                failed = str(error)
                app.call_later(screen.become, lambda width: _unread(failed, width))
                return
            app.call_later(
                screen.become,
                lambda width: rows_of(panel.log_lines(run, lines, app.look(width))),
            )

        def _unread(text: str, width: int) -> list[Row]:
            look = app.look(width)
            sign, style = shown_as.status("unknown", look.glyphs)
            said = wrapped(f"the log: {shown_as.told(text, look)}", width - 14)
            return [
                Row((("  ", ""), (sign if not n else " " * len(sign), style), (f"  {part}", "")))
                for n, part in enumerate(said)
            ]

        self.run_worker(ask, thread=True, group="log", exit_on_error=False)

    def perform(self, action_id: str) -> None:
        """Acts on the deployment or the chosen run; the rest is as everywhere."""
        from mechexo_tui import flow_deeds

        deployment = self.standing.deployment
        if action_id == "rollback-flow":
            flow_deeds.show_rollback(self, deployment.flow or deployment.name)
        elif action_id in flow_deeds.ON_DEPLOYMENTS:
            flow_deeds.ON_DEPLOYMENTS[action_id](self, self.source, deployment)
        elif action_id in flow_deeds.ON_RUNS:
            if self.run is None:
                self.say("choose a run first", bad=True)
            else:
                flow_deeds.ON_RUNS[action_id](self, self.source, self.run)
        else:
            if action_id == "refresh":
                self.read()
            super().perform(action_id)
