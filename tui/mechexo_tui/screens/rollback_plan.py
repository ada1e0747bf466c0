"""One plan: what it would do and whether it may, its application step by step, its undo."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from textual.app import ComposeResult

from mechexo_tui.panels import rollback_plan, rollback_run
from mechexo_tui.panels.rollback_plan import PlanRows, Seen
from mechexo_tui.screens.base import ConsoleScreen
from mechexo_tui.widgets import diff
from mechexo_tui.widgets import format as shown_as
from mechexo_tui.widgets.line_block import LineBlock
from mechexo_tui.widgets.line_list import LineList
from mechexo_tui.widgets.lines import BLANK, Line, rows_of

if TYPE_CHECKING:
    from mechexo.desk import Desk
    from mechexo.rollback.values import Plan, Run, Step

Find = Callable[["Desk"], "Plan"]
"""Makes a plan, or reads one."""

WIDE = 140
"""From this width on before and after stand beside each other, until somebody says otherwise."""
COUNT_DOWN_S = 1.0


class RollbackPlanScreen(ConsoleScreen):
    """What decides stays in sight above; below it all of the plan, or what is being done."""

    def __init__(self, crumbs: str, find: Find) -> None:
        super().__init__()
        self.crumbs = crumbs
        self.seen: Seen | None = None
        self.applying = False
        """Whether this screen's plan is being carried out."""
        self._find = find
        self._trouble = ""
        """Why there is no plan, or why it was not applied just now."""
        self._steps: list[Step] = []
        self._beside: bool | None = None
        self._rows: PlanRows | None = None
        self._file = 0
        self._top = -1
        """Where the last step from file to file led to."""

    @property
    def title_id(self) -> str:  # type: ignore[override]
        """Its name in the table of actions, by what can be done with the plan now."""
        from mechexo.rollback.values import RunState

        if self.applying:
            return "plan-applying"
        if self.seen is None:
            return "plan-spent"
        run = self.seen.run
        if run is None:
            return rollback_plan.can_be(self.seen.plan, self.console_app.desk.clock.now())
        return {
            RunState.APPLIED: "plan-applied",
            RunState.REDEPLOY_FAILED: "plan-not-redeployed",
            RunState.UNDONE: "plan-undone",
        }.get(run.state, "plan-unfinished")

    @property
    def beside(self) -> bool:
        """Whether before and after stand beside each other."""
        wide_enough = self.size.width >= 2 * diff.NARROWEST_SIDE
        return wide_enough and (self.size.width >= WIDE if self._beside is None else self._beside)

    def compose_body(self) -> ComposeResult:
        """What stays in sight, and the text."""
        yield LineBlock(id="head")
        yield LineList(cursor=False, id="rows")

    def on_mount(self) -> None:
        """Makes the plan, or reads it."""
        super().on_mount()
        self.set_interval(COUNT_DOWN_S, self._count_down)
        self.read(self._find)

    def read(self, find: Find) -> None:
        """Makes or reads a plan in a thread, and shows it in place of what is shown."""
        from mechexo_tui.deeds import in_background

        app = self.console_app

        def look() -> None:
            from mechexo.rollback import operations

            plan = find(app.desk)
            seen = Seen(plan, operations.run_of(app.desk, plan))
            _ = seen.parts, seen.pairs  # taken apart here, where nobody waits
            app.call_later(self.become, seen)

        in_background(app, look, failed=self._not_planned)

    def become(self, seen: Seen, trouble: str = "") -> None:
        """Shows a plan, or how it stands now."""
        self._find = lambda desk: _plan_with(desk, seen.plan.id)
        other = self.seen is None or self.seen.plan.id != seen.plan.id
        if other:
            self._file, self._top = 0, -1
        self.seen, self._trouble, self.applying = seen, trouble, False
        self.show_now()
        if (other or trouble or seen.run is not None) and self.is_attached:
            self.query_one("#rows", LineList).go_first()

    def begin(self) -> None:
        """The plan is being carried out from now on."""
        self.applying, self._steps, self._trouble = True, [], ""
        self.show_now()
        self.query_one("#rows", LineList).go_first()

    def step(self, step: Step) -> None:
        """One step more was done."""
        self._steps.append(step)
        self.show_now()
        if self.is_attached:  # else somebody went elsewhere meanwhile
            self.query_one("#rows", LineList).go_last()

    def ended(self, run: Run | None, trouble: str) -> None:
        """It ended so, or was not even begun."""
        assert self.seen is not None
        self.become(Seen(self.seen.plan, run), trouble)

    def _not_planned(self, text: str) -> None:
        self._trouble = text
        self.show_now()

    def show_body(self) -> None:
        """Shows the plan, what is being done, or why there is none."""
        seen, look, rows = self.seen, self.look, self.query_one("#rows", LineList)
        if seen is None:
            self._rows = None
            rows.show(rows_of(self._nothing_yet()))
        elif self.applying:
            self._rows = None
            rows.show(rows_of(rollback_run.under_way_lines(self._steps, look)))
        else:
            self._rows = rollback_plan.plan_rows(seen, self._trouble, look, beside=self.beside)
            rows.show(self._rows)
        self._show_head()

    def _show_head(self) -> None:
        # Always two lines: what is below would be painted anew when it moves.
        lines: Sequence[Line] = (BLANK, BLANK)
        if self.seen is not None:
            places = len(self._rows.starts) if self._rows else 0
            look = self.look
            lines = rollback_plan.head_lines(self.seen, look, file=self._file, places=places)
        self.query_one("#head", LineBlock).show(lines)

    def _nothing_yet(self) -> list[Line]:
        if not self._trouble:
            return [(("  planning", "dim"),)]
        said = shown_as.told(self._trouble, self.look)
        sign = f"{self.look.glyphs.warning} NO PLAN"
        lines = rollback_plan.sentence(sign, "warning", said, self.look)
        return [*lines, (), (("   q goes back, to choose another target or time", "dim"),)]

    def _count_down(self) -> None:
        """Paints what time alone has moved."""
        if self.console_app.front is self:
            self._show_head()

    def perform(self, action_id: str) -> None:
        """What is done to a plan is asked for and done elsewhere."""
        from mechexo_tui import rollback_deeds

        if action_id in rollback_deeds.TO_PLANS:
            if self.seen is not None:
                rollback_deeds.TO_PLANS[action_id](self, self.seen)
            else:
                self.say("there is no plan yet", bad=True)
        elif action_id in ("next-file", "previous-file"):
            self._go_to_file(1 if action_id == "next-file" else -1)
        elif action_id == "beside":
            self._turn_view()
        else:
            if action_id == "refresh" and not self.applying:
                self.read(self._find)
            super().perform(action_id)

    def _go_to_file(self, by: int) -> None:
        rows, starts = self.query_one("#rows", LineList), self._rows.starts if self._rows else []
        if not starts:
            self.say("there is no diff", bad=True)
            return
        if rows.top == self._top:
            self._file = max(0, min(len(starts) - 1, self._file + by))
        else:
            # Somebody scrolled: it goes on from what is in view.
            above = [at for at, start in enumerate(starts) if start <= rows.top]
            first = above[-1] if above else -1
            begins_there = first >= 0 and starts[first] == rows.top
            back = first - 1 if begins_there else first
            self._file = max(0, min(len(starts) - 1, first + 1 if by > 0 else back))
        rows.scroll_rows(starts[self._file] - rows.top)
        self._top = rows.top
        self._show_head()

    def _turn_view(self) -> None:
        if self.size.width < 2 * diff.NARROWEST_SIDE:
            self.say(f"side by side needs {2 * diff.NARROWEST_SIDE} columns", bad=True)
            return
        self._beside = not self.beside
        self._top = -1
        self.show_now()
        self.say("before and after side by side" if self._beside else "before and after in one")


def _plan_with(desk: Desk, plan_id: str) -> Plan:
    from mechexo.rollback import operations

    return operations.plan_by_id(desk, plan_id)
