"""`mechexo flows`: run jobs on record; their history and performance."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from mechexo.cli import flows_crontab, flows_exec, flows_orchestrator, flows_timers, render
from mechexo.cli.invocation import command_group, open_desk
from mechexo.cli.options import Csv, Json, Reason

app = command_group("Flow runs; a wrapper for cron jobs.")
flows_exec.register(app)
flows_crontab.register(app)
flows_orchestrator.register(app)
flows_timers.register(app)


@app.command("runs")
def runs(
    ctx: typer.Context,
    flow: Annotated[str | None, typer.Option(help="Only this flow.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="The newest N runs.")] = 50,
    source: flows_orchestrator.Source = "",
    json_: Json = False,
    csv: Csv = False,
) -> None:
    """The newest runs, newest first: of our own jobs, or with --source of an orchestrator."""
    from mechexo.flows import operations as flows

    desk = open_desk(ctx)
    if source:
        return flows_orchestrator.show_runs(
            desk, source, deployment=flow or "", limit=limit, json_=json_, csv=csv
        )
    found = flows.runs(desk, flow=flow, limit=limit)
    from mechexo.cli import flow_tables

    if json_:
        said = [{**asdict(run), "last_line": flow_tables.run_values(run)[-1]} for run in found]
        return render.json_document("flows_runs", desk.clock.now(), {"runs": said})
    if csv:
        return render.csv_rows(flow_tables.RUN_FIELDS, map(flow_tables.run_values, found))
    return render.table("Flow runs", *flow_tables.run_rows(found), zone=desk.zone)


@app.command("list")
def list_(ctx: typer.Context, json_: Json = False, csv: Csv = False) -> None:
    """Each flow's last run, success rate and durations over 7 days; which are overdue or slow."""
    from mechexo.flows import operations as flows

    desk = open_desk(ctx)
    found = flows.summaries(desk)
    if json_:
        return render.json_document("flows", desk.clock.now(), {"flows": found})
    from mechexo.cli import flow_tables

    if csv:
        return render.csv_rows(*flow_tables.summary_values(found))
    rows = flow_tables.summary_rows(found, desk.clock.now())
    return render.table("Flows, 7 days", *rows, named_by=1)


@app.command("ping")
def ping(
    ctx: typer.Context,
    job: Annotated[str, typer.Argument(help="The job's name, as in its heartbeat probe.")],
    fail: Annotated[bool, typer.Option("--fail", help="It went wrong.")] = False,
    detail: Annotated[str, typer.Option(help="What to say about it.")] = "",
) -> None:
    """Check a job in with the heartbeat probe that watches it.

    Exit 1, with the check-in on record, when nothing in the configuration expects the job.
    """
    from mechexo import jobs

    desk = open_desk(ctx)
    jobs.ping(desk, job, ok=not fail, detail=detail)
    if why := jobs.why_unexpected(desk, job):
        render.note(f"mechexo: checked in, but {why}")
        raise typer.Exit(1)


@app.command("forget")
def forget(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="The flow that runs no more.", show_default=False)],
    reason: Reason = "",
) -> None:
    """Stop missing a flow that only its own --expect-every made known."""
    from mechexo.flows import operations as flows
    from mechexo.times import exact_duration

    was = flows.forget(open_desk(ctx), name, reason=reason)
    render.text(f"{name} is no longer expected every {exact_duration(was.expect_every)}")


@app.command("deployed")
def deployed(
    ctx: typer.Context,
    name: Annotated[
        str, typer.Argument(help="A flow of [rollback.flows] or [flows].", show_default=False)
    ] = "",
    commit: Annotated[
        str, typer.Option(help="The commit's id, or the beginning of it; else the checked-out one.")
    ] = "",
    reason: Reason = "",
    release_hold: Annotated[
        bool, typer.Option("--release-hold", help="Although the commit was rolled back.")
    ] = False,
    hook: Annotated[bool, typer.Option("--hook", hidden=True)] = False,
    json_: Json = False,
) -> None:
    """Tell the deployment ledger that a flow runs a commit from now on."""
    from mechexo.errors import UsageError
    from mechexo.rollback import ledger_operations
    from mechexo.times import in_zone

    if hook == bool(name):
        raise UsageError("name the flow that was deployed: mechexo flows deployed NAME")
    desk = open_desk(ctx)
    if hook:
        moved = ledger_operations.checkout_moved(desk)
        return render.note(f"mechexo: {moved.on_hold}") if moved and moved.on_hold else None
    told = ledger_operations.deployed(desk, name, commit, reason=reason, release_hold=release_hold)
    if json_:
        body = {"deployment": told.deployment, "released": told.released}
        return render.json_document("flows_deployed", desk.clock.now(), body)
    row = told.deployment
    released = "; released from hold" if told.released else ""
    return render.text(f"{name} runs {row.oid[:12]} since {in_zone(row.at, desk.zone)}{released}")
