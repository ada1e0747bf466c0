"""What a person does to a plan, each asked for, done through an operation, and told.

The question names the plan; what would be refused is said at the question, which stays.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from mechexo.errors import MechexoError
from mechexo.rollback.guards import OVERRIDES
from mechexo_tui.actions import completed
from mechexo_tui.deeds import ROLLBACK, in_background
from mechexo_tui.panels.rollback_plan import CONFIRMED_BY, Seen, in_the_way
from mechexo_tui.widgets.format import told

if TYPE_CHECKING:
    from mechexo.rollback.values import Plan, Run, Step
    from mechexo_tui.screens.base import ConsoleScreen
    from mechexo_tui.screens.rollback_plan import RollbackPlanScreen
    from mechexo_tui.widgets.prompt import Judge


def apply(screen: RollbackPlanScreen, seen: Seen) -> None:
    """Asks why, and for the beginning of the digest; then carries the plan out."""
    plan, app = seen.plan, screen.console_app
    why_not = why_not_applied(screen, plan)
    if why_not:
        screen.say(why_not, bad=True)
        return
    live = app.desk.is_live

    def with_reason(reason: str | None) -> None:
        if reason is None:
            screen.say("not applied")
            return

        def confirmed(digest: str | None) -> None:
            if digest is None:
                screen.say("not applied")
            else:
                _carry_out(screen, plan, digest.strip(), reason.strip())

        screen.ask(
            f"apply {plan.id}, its digest begins with: ",
            confirmed,
            hint=f"its first {CONFIRMED_BY} characters, as they stand above",
            judge=_digest_of(plan),
        )

    screen.ask(
        f"apply {plan.id}, because: ",
        with_reason,
        hint="the reason" if live else "the reason, or just enter",
        judge=_needed("a live desk needs a reason; esc leaves") if live else None,
    )


def why_not_applied(screen: RollbackPlanScreen, plan: Plan) -> str:
    """Why a plan is not even asked about; empty when it is."""
    app = screen.console_app
    if plan.expires_at is None or app.desk.clock.now() > plan.expires_at:
        return "the plan has expired; m makes it again"
    if plan.empty:
        return "there is nothing to do"
    failing = in_the_way(plan)
    if not failing:
        return ""
    first = failing[0]
    more = f" (and {len(failing) - 1} more)" if len(failing) > 1 else ""
    aside = "; o sets it aside" if first.name in OVERRIDES else ""
    return f"{first.name}: {told(first.detail, screen.look)}{more}{aside}"


def _digest_of(plan: Plan) -> Judge:
    def judge(text: str) -> str:
        if text.strip().lower() == plan.digest[:CONFIRMED_BY]:
            return ""
        return "that is not how this plan's digest begins; it stands above; esc leaves"

    return judge


def _carry_out(screen: RollbackPlanScreen, plan: Plan, digest: str, reason: str) -> None:
    app = screen.console_app

    def work() -> None:
        from mechexo import rolling_back

        _ended(
            screen,
            plan,
            lambda: rolling_back.apply(
                app.desk,
                plan.id,
                confirm=digest,
                reason=reason,
                progress=_shown_on(screen),
            ),
        )

    screen.begin()
    in_background(app, work, failed=lambda text: screen.ended(None, text), name=ROLLBACK)


def _ended(screen: RollbackPlanScreen, plan: Plan, work: Callable[[], Run | None]) -> None:
    """Does it, and shows how the plan stands then, also when it was refused or failed."""
    from mechexo.rollback import operations

    app, trouble = screen.console_app, ""
    try:
        run = work()
    except (MechexoError, OSError) as error:
        trouble = str(error)
        run = operations.run_of(app.desk, plan)
    if run is not None and not plan.empty:
        # Whoever went elsewhere meanwhile hears of it there.
        bad = bool(trouble) or run.state != "applied"
        app.call_later(_tell, screen, f"rollback {run.id} ({plan.target}): {run.state}", bad)
    app.call_later(screen.ended, run, trouble)


def _tell(screen: RollbackPlanScreen, text: str, bad: bool) -> None:
    app = screen.console_app
    if bad:
        app.bell()
    if app.front is not screen:
        app.front.say(text, bad=bad)


def _shown_on(screen: RollbackPlanScreen) -> Callable[[Step], None]:
    """Shows each step as it is done."""
    app = screen.console_app

    def progress(step: Step) -> None:
        app.call_later(screen.step, step)

    return progress


def undo(screen: RollbackPlanScreen, seen: Seen) -> None:
    """Shows a fresh plan that takes the rollback back; it is confirmed like any other."""
    if seen.run is not None:
        show_undo(screen, seen.run)


def show_undo(screen: ConsoleScreen, run: Run) -> None:
    """Opens the plan that takes a rollback back."""
    from mechexo.rollback import operations
    from mechexo_tui.screens.rollback_plan import RollbackPlanScreen

    crumbs = f"rollback > undo of {run.id}"
    plan_undo = RollbackPlanScreen(crumbs, lambda desk: operations.plan_undo(desk, run.id))
    screen.console_app.open_screen(plan_undo)


def again(screen: RollbackPlanScreen, seen: Seen) -> None:
    """Makes the plan again, on the world of now."""
    from mechexo.rollback.replanning import plan_again

    screen.say("planning again")
    screen.read(lambda desk: plan_again(desk, seen.plan.id))


def set_aside(screen: RollbackPlanScreen, seen: Seen) -> None:
    """Asks which guard is to be set aside, by its name, and makes the plan again so."""
    from mechexo.rollback.replanning import can_be_set_aside, plan_again

    names = can_be_set_aside(seen.plan)
    if not names:
        failing = bool(in_the_way(seen.plan))
        screen.say(
            "what does not hold cannot be set aside" if failing else "every guard holds", bad=True
        )
        return
    words = dict.fromkeys(names)

    def answered(text: str | None) -> None:
        if text is None:
            screen.say("nothing is set aside")
            return
        name = completed(text, words)[0]
        screen.say(f"planning again, with {name} set aside")
        screen.read(lambda desk: plan_again(desk, seen.plan.id, set_aside=(name,)))

    def judge(text: str) -> str:
        known = text.strip() and completed(text, words)[0] in words
        return "" if known else f"one of: {', '.join(names)}; esc leaves"

    screen.ask(
        "set which guard aside? ",
        answered,
        hint=f"{', '.join(names)}; it is on record",
        complete=lambda text: completed(text, words),
        judge=judge,
    )


def redeploy(screen: RollbackPlanScreen, seen: Seen) -> None:
    """Tells the orchestrator once more; asks why on a live desk."""

    def answered(reason: str | None) -> None:
        if reason is None:
            screen.say("not redeployed")
            return
        _do(screen, seen, lambda: _redeploy(screen, seen, reason.strip()))

    live = screen.console_app.desk.is_live
    screen.ask(
        f"redeploy {seen.plan.id}, because: ",
        answered,
        hint="the reason" if live else "the reason, or just enter",
        judge=_needed("a live desk needs a reason; esc leaves") if live else None,
    )


def _redeploy(screen: RollbackPlanScreen, seen: Seen, reason: str) -> Run:
    from mechexo import rolling_back

    app = screen.console_app
    return rolling_back.redeploy(
        app.desk,
        seen.plan.id,
        reason=reason,
        progress=_shown_on(screen),
    )


def recover(screen: RollbackPlanScreen, seen: Seen) -> None:
    """Finishes what was cut off or waits for a person: all old or all new."""

    def answered(text: str | None) -> None:
        if text is None:
            screen.say("left as it is")
        else:
            _do(screen, seen, lambda: _recover(screen, seen))

    screen.ask(f"finish {seen.plan.id}: enter begins, esc leaves ", answered)


def _recover(screen: RollbackPlanScreen, seen: Seen) -> Run | None:
    from mechexo import rolling_back
    from mechexo.rollback import operations

    app = screen.console_app
    rolling_back.recover(app.desk, progress=_shown_on(screen))
    return operations.run_of(app.desk, seen.plan)


def _do(screen: RollbackPlanScreen, seen: Seen, work: Callable[[], Run | None]) -> None:
    screen.begin()
    in_background(
        screen.console_app,
        lambda: _ended(screen, seen.plan, work),
        failed=lambda text: screen.ended(seen.run, text),
        name=ROLLBACK,
    )


def _needed(wrong: str) -> Judge:
    return lambda text: "" if text.strip() else wrong


TO_PLANS: Mapping[str, Callable[[RollbackPlanScreen, Seen], None]] = {
    "apply-plan": apply,
    "undo-run": undo,
    "plan-again": again,
    "set-aside": set_aside,
    "redeploy-run": redeploy,
    "recover-run": recover,
}
"""What is done to a plan, by the action's id."""
