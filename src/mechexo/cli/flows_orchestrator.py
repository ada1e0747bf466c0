"""`mechexo flows`, as far as other programs run the flows: look at them, and act through them."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mechexo.cli import render
from mechexo.cli.invocation import open_desk
from mechexo.cli.options import Csv, Json, Reason

if TYPE_CHECKING:
    from datetime import datetime

    from mechexo.desk import Desk
    from mechexo.flows.orchestrators.acting import Proposal
    from mechexo.flows.orchestrators.standings import Latest

Source = Annotated[
    str, typer.Option("--source", help="The orchestrator, as [orchestrators.NAME] calls it.")
]
Confirmed = Annotated[bool, typer.Option("--yes", help="For scripts: it counts as confirmed.")]
DeploymentName = Annotated[
    str, typer.Argument(help="Its name or id, or the flow of [flows] that it is.")
]
RunId = Annotated[str, typer.Argument(help="The run's id, as in: flows runs --source NAME.")]


def register(app: typer.Typer) -> None:
    """Adds the commands of this file, and of the one about versions, to `mechexo flows`."""
    from mechexo.cli import flows_redeploy

    app.command("deployments")(deployments)
    app.command("log")(log)
    app.command("run-now")(run_now)
    app.command("retry")(retry)
    app.command("cancel")(cancel)
    app.command("pause")(pause)
    app.command("resume")(resume)
    flows_redeploy.register(app)


def deployments(ctx: typer.Context, source: Source, json_: Json = False, csv: Csv = False) -> None:
    """How an orchestrator's flows stand: schedule, last run, what is wrong."""
    from mechexo.cli import orchestrator_tables as tables
    from mechexo.flows.orchestrators import operations

    desk = open_desk(ctx)
    latest = operations.latest_standing(desk, source)
    found = latest.found
    if json_:
        body = tables.standing_body(latest)
        render.json_document("flows_deployments", found.observed_at, body)
    elif csv:
        render.csv_rows(*tables.standing_values(found))
    else:
        columns, rows = tables.standing_rows(found)
        title = _title(desk, f"Deployments of {source}", latest, found.observed_at)
        render.table(title, columns, rows, zone=desk.zone, named_by=1)
        for said in found.observations:
            render.text(f"▲ {said.trouble.replace('_', ' ')}: {said.deployment}: {said.why}")
    _say_age(desk, latest, found.observed_at)


def show_runs(
    desk: Desk, source: str, *, deployment: str, limit: int, json_: bool, csv: bool
) -> None:
    """`flows runs --source NAME`: the newest runs of an orchestrator, newest first."""
    from mechexo.cli import orchestrator_tables as tables
    from mechexo.flows.orchestrators import operations

    latest = operations.latest_runs(desk, source, deployment=deployment, limit=limit)
    found = latest.found
    if json_:
        body = {"source": source, "runs": found.runs, "is_cut": found.is_cut}
        body |= {"is_current": latest.is_current, "why": latest.why}
        render.json_document("flows_source_runs", found.observed_at, body)
    elif csv:
        render.csv_rows(*tables.run_values(found))
    else:
        title = _title(desk, f"Runs of {source}", latest, found.observed_at)
        render.table(title, *tables.run_rows(found), zone=desk.zone)
        if found.is_cut and latest.is_current:
            render.note(f"The newest {limit}; there are more: --limit N")
    _say_age(desk, latest, found.observed_at)


def _title(desk: Desk, words: str, latest: Latest[Any], observed_at: datetime) -> str:
    from mechexo.outside.words import age_words

    age = age_words(observed_at, desk.clock.now())
    return words if latest.is_current else f"{words} ({age}, not reachable)"


def _say_age(desk: Desk, latest: Latest[Any], observed_at: datetime) -> None:
    """That what was shown is old, and why; with the exit code of what could not be reached.

    Raises:
        typer.Exit: it is old.
    """
    from mechexo.outside.words import age_words

    if latest.is_current:
        return
    age = age_words(observed_at, desk.clock.now())
    render.note(f"mechexo: {latest.why}; shown is what the tick learnt last, {age}")
    raise typer.Exit(5)


def log(
    ctx: typer.Context,
    run: RunId,
    source: Source,
    lines: Annotated[int, typer.Option(min=1, max=200, help="The last N messages.")] = 20,
    json_: Json = False,
) -> None:
    """The end of a run's log."""
    from mechexo.flows.orchestrators import operations
    from mechexo.times import in_zone

    desk = open_desk(ctx)
    found = operations.log_tail(desk, source, run, lines=lines)
    if json_:
        body = {"source": source, "run": run, "lines": found}
        return render.json_document("flows_log", desk.clock.now(), body)
    for line in found:
        at = in_zone(line.at, desk.zone) if line.at else render.MISSING
        render.text(f"{at} {line.level or render.MISSING}: {line.text}")
    if not found:
        render.text("It has logged nothing.")
    return None


def run_now(
    ctx: typer.Context,
    deployment: DeploymentName,
    source: Source,
    reason: Reason = "",
    yes: Confirmed = False,
    json_: Json = False,
) -> None:
    """Begin a run of a deployment now."""
    _act(ctx, source, "run-now", deployment, reason, yes, json_)


def retry(
    ctx: typer.Context,
    run: RunId,
    source: Source,
    reason: Reason = "",
    yes: Confirmed = False,
    json_: Json = False,
) -> None:
    """Run a run that failed or was cancelled once more."""
    _act(ctx, source, "retry", run, reason, yes, json_)


def cancel(
    ctx: typer.Context,
    run: RunId,
    source: Source,
    reason: Reason = "",
    yes: Confirmed = False,
    json_: Json = False,
) -> None:
    """End a run that has not ended."""
    _act(ctx, source, "cancel", run, reason, yes, json_)


def pause(
    ctx: typer.Context,
    deployment: DeploymentName,
    source: Source,
    reason: Reason = "",
    yes: Confirmed = False,
    json_: Json = False,
) -> None:
    """Let a deployment begin no run by itself."""
    _act(ctx, source, "pause", deployment, reason, yes, json_)


def resume(
    ctx: typer.Context,
    deployment: DeploymentName,
    source: Source,
    reason: Reason = "",
    yes: Confirmed = False,
    json_: Json = False,
) -> None:
    """Let a deployment run by its schedule again."""
    _act(ctx, source, "resume", deployment, reason, yes, json_)


def _act(
    ctx: typer.Context, source: str, word: str, target: str, reason: str, yes: bool, json_: bool
) -> None:
    from mechexo.flows.orchestrators import acting
    from mechexo.flows.orchestrators.values import Action

    desk = open_desk(ctx)
    proposal = acting.propose(desk, source, Action(word), target, reason=reason)
    _confirm(proposal, yes)
    done = acting.act(desk, proposal, reason=reason)
    if done.note:
        render.note(f"mechexo: {done.note}")
    if json_:
        body = {"proposal": proposal, "accepted": done.accepted}
        return render.json_document("flows_action", desk.clock.now(), body)
    is_new = done.accepted.run_id not in ("", proposal.target_id)
    run = f" (run {done.accepted.run_id})" if is_new else ""
    said = f"{proposal.name}: {word} asked for and taken on; it is {done.accepted.state} now{run}"
    return render.text(said)


def _confirm(proposal: Proposal, yes: bool) -> None:
    """Asks for the target's name.

    Raises:
        UnconfirmedError: it was not typed, or nobody is there to type it.
    """
    from mechexo.flows.orchestrators.acting import UnconfirmedError

    if yes:
        return
    if not sys.stdin.isatty():
        raise UnconfirmedError(proposal)
    render.note(f"{proposal.words}.")
    typed = typer.prompt(
        f"Type its name to do it ({proposal.target})", default="", show_default=False, err=True
    )
    if typed.strip() != proposal.target:
        raise UnconfirmedError(proposal)
