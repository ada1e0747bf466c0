"""The dry run of a rollback that an alert or a change led to, with the way on to its plan."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from mechexo_tui.screens.text import TextScreen

if TYPE_CHECKING:
    from mechexo.rollback.values import Plan
    from mechexo_tui.widgets.lines import Row


class DryRunScreen(TextScreen):
    """The text of a dry run; once its plan is there, enter goes on with that one."""

    plan: Plan | None = None

    def planned(self, plan: Plan, rows: Callable[[int], Sequence[Row]]) -> None:
        """The plan is there, and shown so."""
        self.plan = plan
        self.become(rows)

    def perform(self, action_id: str) -> None:
        """Goes on to the plan; the rest is as ever."""
        if action_id != "go-on":
            super().perform(action_id)
        elif self.plan is None:
            self.say("there is no plan to go on with", bad=True)
        else:
            self._open(self.plan)

    def _open(self, plan: Plan) -> None:
        from mechexo.rollback import operations
        from mechexo_tui.screens.rollback_plan import RollbackPlanScreen

        self.console_app.open_screen(
            RollbackPlanScreen(
                f"{self.crumbs} > plan", lambda desk: operations.plan_by_id(desk, plan.id)
            )
        )
