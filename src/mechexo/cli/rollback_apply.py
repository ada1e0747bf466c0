"""What changes the desk: `mechexo rollback apply`, `undo`, `recover`, `redeploy`, `release`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from mechexo.cli import render
from mechexo.cli.invocation import open_desk
from mechexo.cli.options import Json, Reason, Yes

if TYPE_CHECKING:
    from mechexo.desk import Desk
    from mechexo.rollback.values import Plan, Run, Step

Confirm = Annotated[
    str, typer.Option(help="The first 8 characters of the plan's digest; asked for when left out.")
]
Confirmed = Annotated[
    bool, typer.Option("--yes", help="For scripts: the named plan counts as confirmed.")
]
PlanId = Annotated[str, typer.Argument(metavar="PLAN", help="The plan's id, or its beginning.")]
RunId = Annotated[str, typer.Argument(metavar="ID", help="The rollback's id, or its beginning.")]


def apply(
    ctx: typer.Context,
    plan_id: PlanId,
    confirm: Confirm = "",
    yes: Confirmed = False,
    reason: Reason = "",
    json_: Json = False,
) -> None:
    """Carry a plan out: all of it, or nothing. It must be as the world is now, and confirmed."""
    from mechexo.rollback import operations as rollback

    desk = open_desk(ctx)
    _carry_out(desk, rollback.plan_by_id(desk, plan_id), confirm, yes, reason, json_)


def undo(
    ctx: typer.Context,
    run_id: RunId,
    confirm: Confirm = "",
    yes: Confirmed = False,
    reason: Reason = "",
    override: Annotated[
        list[str] | None, typer.Option(help="A guard to set aside by its name.")
    ] = None,
    json_: Json = False,
) -> None:
    """Take a rollback back, to what it recorded. Shows the plan; --yes carries it out at once."""
    from mechexo.cli.plan_text import plan_body, plan_lines
    from mechexo.rollback import operations as rollback

    desk = open_desk(ctx)
    plan = rollback.plan_undo(desk, run_id, overrides=override or ())
    if not (yes or confirm or sys.stdin.isatty()):
        if json_:
            return render.json_document("rollback_plan", plan.made_at, plan_body(plan))
        render.text("\n".join(plan_lines(plan, desk.zone)))
        return render.text(f"Carry it out with: mechexo rollback apply {plan.id}")
    if not json_:
        render.text("\n".join(plan_lines(plan, desk.zone)))
    return _carry_out(desk, plan, confirm, yes, reason, json_)


def recover(
    ctx: typer.Context,
    leave: Annotated[
        str, typer.Option(metavar="ID", help="Leave this one as it stands, and its journal.")
    ] = "",
    reason: Reason = "",
    yes: Yes = False,
    json_: Json = False,
) -> None:
    """Finish rollbacks that were cut off: each becomes all old or all new."""
    from mechexo import rolling_back
    from mechexo.cli.rollback_words import run_body, run_lines

    desk = open_desk(ctx)
    ended = (
        (rolling_back.leave(desk, leave, reason=reason),) if leave else rolling_back.recover(desk)
    )
    if json_:
        body = {"runs": [run_body(run) for run in ended]}
        return render.json_document("rollback_runs", desk.clock.now(), body)
    if not ended:
        return render.text("Nothing was cut off.")
    return render.text("\n".join(line for run in ended for line in run_lines(run, desk.zone)))


def redeploy(
    ctx: typer.Context,
    run_id: RunId,
    reason: Reason = "",
    yes: Yes = False,
    json_: Json = False,
) -> None:
    """Tell the orchestrator once more of what a rollback changed."""
    from mechexo import rolling_back
    from mechexo.rollback.values import RunState

    desk = open_desk(ctx)
    run = rolling_back.redeploy(desk, run_id, reason=reason, progress=_progress(json_))
    _show_run(desk, run, json_)
    if run.state is not RunState.APPLIED:
        raise typer.Exit(1)


def holds(ctx: typer.Context, json_: Json = False) -> None:
    """The commits that were rolled back and not released yet."""
    from mechexo.rollback import operations as rollback

    desk = open_desk(ctx)
    found = rollback.holds(desk)
    if json_:
        return render.json_document("rollback_holds", desk.clock.now(), {"holds": found})
    rows = [(hold.commit[:12], hold.since, hold.run_id, hold.repository) for hold in found]
    columns = ("commit", "since", "rolled back by", "repository")
    return render.table("Commits on hold", columns, rows, zone=desk.zone)


def release(
    ctx: typer.Context,
    what: Annotated[str, typer.Argument(help="A commit on hold, or the rollback that held it.")],
    reason: Reason = "",
    yes: Yes = False,
) -> None:
    """Let commits that were rolled back be deployed again."""
    from mechexo.rollback import operations as rollback

    desk = open_desk(ctx)
    number = rollback.release(desk, what, reason=reason)
    render.text(f"Released: {number} {'commit' if number == 1 else 'commits'}.")


def add_to(app: typer.Typer) -> None:
    """Adds the commands of this file to `mechexo rollback`."""
    for command in (apply, undo, recover, redeploy, holds, release):
        app.command(command.__name__)(command)


def _carry_out(desk: Desk, plan: Plan, confirm: str, yes: bool, reason: str, as_json: bool) -> None:
    from mechexo import rolling_back
    from mechexo.rollback.values import RunState

    if not confirm and yes:
        confirm = plan.digest[:8]
    if not confirm and sys.stdin.isatty():
        render.note(f"This changes the desk: {plan.target}. Plan {plan.id}, digest {plan.digest}")
        confirm = typer.prompt(
            "Type the first 8 characters of the digest", default="", show_default=False, err=True
        )
    run = rolling_back.apply(
        desk, plan.id, confirm=confirm, reason=reason, progress=_progress(as_json)
    )
    if plan.empty and not as_json:
        return render.text("Nothing to do: everything is as it was then.")
    _show_run(desk, run, as_json)
    if run.state is not RunState.APPLIED:
        raise typer.Exit(1)
    return None


def _progress(as_json: bool) -> Callable[[Step], None]:
    from mechexo.cli.rollback_words import step_line

    return lambda step: None if as_json else render.text(step_line(step))


def _show_run(desk: Desk, run: Run, as_json: bool) -> None:
    from mechexo.cli.rollback_words import run_body, run_lines

    if as_json:
        return render.json_document("rollback_run", desk.clock.now(), {"run": run_body(run)})
    return render.text("\n".join(run_lines(run, desk.zone, with_steps=False)))
