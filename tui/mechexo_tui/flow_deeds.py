"""What a person does to flows: the dry run of a rollback, and what an orchestrator is asked to do.

An action is proposed first, so that what is confirmed is how its target stands; it is confirmed by
the deployment's name, or the beginning of the run's id.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from mechexo.errors import MechexoError, NotFoundError
from mechexo_tui.deeds import in_background
from mechexo_tui.widgets.lines import cut, harmless

if TYPE_CHECKING:
    from mechexo.desk import Desk
    from mechexo.flows.orchestrators.acting import Proposal
    from mechexo.flows.orchestrators.values import Action, Deployment, OrchestratorRun
    from mechexo.rollback.values import Plan
    from mechexo_tui.screens.base import ConsoleScreen

NO_DEPLOYMENT = (
    "choose a deployment of an orchestrator; our own jobs are run by what schedules them"
)
LOOK_S = 8.0
"""How long the orchestrators are asked, after an action, how their flows stand."""
CONFIRMED_BY = 8
"""Characters of a run's id that confirm an action on it."""


def show_rollback(screen: ConsoleScreen, flow: str) -> None:
    """Opens the plan that would bring a flow back to before its last change. Applies nothing."""
    from mechexo_tui.screens.rollback_plan import RollbackPlanScreen

    if why_not := why_no_rollback(screen.console_app.desk, flow):
        screen.say(why_not, bad=True)
        return

    def plan(desk: Desk) -> Plan:
        from mechexo.rollback.choosing import choices
        from mechexo.rollback.replanning import plan_to

        found = choices(desk)
        target = next(one for one in found.targets if (one.kind, one.name) == ("flow", flow))
        if len(target.moments) < 2:
            gaps = "".join(f"; {gap.source}: {gap.reason}" for gap in found.gaps)
            age = desk.settings.rollback.limits.age
            raise NotFoundError(
                f"no change of the flow {flow} is known in the last {age.days} days{gaps}; "
                "X chooses what and when"
            )
        return plan_to(desk, target.kind, target.name, target.moments[1])

    screen.console_app.open_screen(RollbackPlanScreen(f"rollback > {flow}", plan))


def why_no_rollback(desk: Desk, flow: str) -> str:
    """Why there is no rollback of a flow; empty when there is one."""
    if not flow:
        return "choose a flow first"
    known = desk.settings.rollback.flows
    if flow in known:
        return ""
    named = f"it names {', '.join(known)}" if known else "it names none"
    return f"{harmless(flow)} is no flow of [rollback.flows]: {named}; X chooses among all"


def run_now(screen: ConsoleScreen, source: str, deployment: Deployment) -> None:
    """Asks for a run of a deployment now."""
    from mechexo.flows.orchestrators.values import Action

    _propose(screen, source, Action.RUN_NOW, deployment.id)


def turn_schedule(screen: ConsoleScreen, source: str, deployment: Deployment) -> None:
    """Pauses a deployment's schedule, or resumes it when it is paused."""
    from mechexo.flows.orchestrators.values import Action

    _propose(screen, source, Action.RESUME if deployment.paused else Action.PAUSE, deployment.id)


def retry_run(screen: ConsoleScreen, source: str, run: OrchestratorRun) -> None:
    """Asks for a run to be run once more."""
    from mechexo.flows.orchestrators.values import Action

    _propose(screen, source, Action.RETRY, run.id)


def cancel_run(screen: ConsoleScreen, source: str, run: OrchestratorRun) -> None:
    """Asks for a run to be ended."""
    from mechexo.flows.orchestrators.values import Action

    _propose(screen, source, Action.CANCEL, run.id)


def _propose(screen: ConsoleScreen, source: str, action: Action, target: str) -> None:
    """Asks why, then the orchestrator how the target stands, then the person to confirm it."""
    app = screen.console_app
    live = app.desk.is_live

    def with_reason(text: str | None) -> None:
        if text is None:
            screen.say(f"no {action} was asked for")
            return
        reason = text.strip()
        screen.say(f"asking {source} how it stands")

        def work() -> None:
            from mechexo.flows.orchestrators import acting

            proposal = acting.propose(app.desk, source, action, target, reason=reason)
            app.call_later(_confirm, screen, proposal, reason)

        in_background(app, work)

    needed = "a live desk needs a reason; esc leaves"
    screen.ask(
        f"{action} on {source}, because: ",
        with_reason,
        hint="the reason" if live else "the reason, or just enter",
        judge=(lambda text: "" if text.strip() else needed) if live else None,
    )


def _confirm(screen: ConsoleScreen, proposal: Proposal, reason: str) -> None:
    from mechexo.flows.orchestrators.values import ON_RUNS

    app = screen.console_app
    if app.front is not screen:
        app.front.say(f"{proposal.words}: not asked for, you went on to another screen")
        return
    on_run = proposal.action in ON_RUNS
    expected = proposal.target[:CONFIRMED_BY] if on_run else proposal.target
    what = "its id begins with" if on_run else "its name is"
    called = proposal.name.removeprefix("run ").split(" (")[0] if on_run else proposal.name
    # Short: what is typed stands behind it on the same line.
    shown = cut(called, max(12, screen.size.width // 3), mark=app.glyphs.cut)

    def answered(text: str | None) -> None:
        if text is None:
            screen.say(f"no {proposal.action} was asked for")
            return
        screen.say(f"asking {proposal.source}")
        in_background(app, lambda: _act(screen, proposal, reason), failed=failed)

    def failed(text: str) -> None:
        app.bell()
        app.front.say(text, bad=True)
        _read_again(screen)

    screen.ask(
        f"{proposal.action} {shown} ({harmless(proposal.before)}); {what}: ",
        answered,
        hint=expected,
        judge=lambda text: (
            "" if text.strip() == expected else f"type {expected} to confirm it; esc leaves"
        ),
    )


def _act(screen: ConsoleScreen, proposal: Proposal, reason: str) -> str:
    from mechexo.flows.orchestrators import acting, looking

    desk = screen.console_app.desk
    done = acting.act(desk, proposal, reason=reason)
    said = [f"{proposal.action} of {proposal.name}: {proposal.source} says {done.accepted.state}"]
    said += [done.note] if done.note else []
    try:
        # What the tick knows was before the action.
        looking.look(desk, deadline_s=LOOK_S, force=True)
    except MechexoError as error:
        said.append(f"how it stands now is not known yet: {error}")
    screen.console_app.call_later(_read_again, screen)
    return "; ".join(said)


def _read_again(screen: ConsoleScreen) -> None:
    """What the screen shows was before the action."""
    if screen.is_attached:
        screen.perform("refresh")


ON_DEPLOYMENTS: Mapping[str, Callable[[ConsoleScreen, str, Deployment], None]] = {
    "run-now": run_now,
    "turn-schedule": turn_schedule,
}
"""What is done to a deployment, by the action's id."""

ON_RUNS: Mapping[str, Callable[[ConsoleScreen, str, OrchestratorRun], None]] = {
    "retry-run": retry_run,
    "cancel-run": cancel_run,
}
"""What is done to a run, by the action's id."""
