"""`mechexo flows versions` and `redeploy`: what a deployment was defined as, and back to it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated

import typer

from mechexo.cli import render
from mechexo.cli.flows_orchestrator import DeploymentName, Source
from mechexo.cli.invocation import open_desk
from mechexo.cli.options import Json, Reason
from mechexo.errors import UsageError

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from mechexo.flows.orchestrators.redeploying import Redeployment

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


def register(app: typer.Typer) -> None:
    """Adds the commands of this file to `mechexo flows`."""
    app.command("versions")(versions)
    app.command("redeploy")(redeploy)


def versions(
    ctx: typer.Context, deployment: DeploymentName, source: Source, json_: Json = False
) -> None:
    """What a deployment was defined as, as far as ticks saw it; asks nobody."""
    from mechexo.flows.orchestrators import versions as kept
    from mechexo.flows.orchestrators.versions import what_changed

    desk = open_desk(ctx)
    found = kept.versions(desk, source, deployment)
    changes = [
        what_changed(one, older) for one, older in zip(found, [*found[1:], None], strict=True)
    ]
    if json_:
        body = {
            "source": source,
            "deployment": found[0].deployment,
            "id": found[0].deployment_id,
            "versions": [
                {
                    "number": one.number,
                    "seen_at": one.seen_at,
                    "told": one.told or None,
                    "digest": one.digest,
                    # None where it is not known, for nothing older is kept.
                    "changed": changed,
                }
                for one, changed in zip(found, changes, strict=True)
            ],
        }
        return render.json_document("flows_versions", desk.clock.now(), body)
    rows = [
        [one.number, one.seen_at, one.told or None, ", ".join(changed) if changed else None]
        for one, changed in zip(found, changes, strict=True)
    ]
    columns = (">version", "seen first", "its own word", "what changed")
    title = f"Versions of {found[0].deployment} on {source}, newest first"
    return render.table(title, columns, rows, zone=desk.zone, named_by=1)


def redeploy(
    ctx: typer.Context,
    deployment: DeploymentName,
    source: Source,
    to: Annotated[
        int | None, typer.Option("--to", min=1, help="The version, as flows versions lists it.")
    ] = None,
    as_of: Annotated[
        str, typer.Option("--as-of", help="Instead: the version that stood at a time.")
    ] = "",
    reason: Reason = "",
    yes: Annotated[
        bool, typer.Option("--yes", help="Do it; without, show what would change.")
    ] = False,
    json_: Json = False,
) -> None:
    """Put an earlier definition of a deployment back: a dry run, unless with --yes."""
    from mechexo.flows.orchestrators import redeploying
    from mechexo.times import parse_instant

    desk = open_desk(ctx)
    if as_of and _DAY.fullmatch(as_of.strip()):
        raise UsageError(f"{as_of!r}: a date without a time is not a moment; write {as_of}T00:00")
    moment = parse_instant(as_of, desk.zone, desk.clock.now()).at if as_of else None
    plan = redeploying.plan_redeploy(desk, source, deployment, number=to, as_of=moment)
    if not yes:
        if json_:
            body = {"plan": plan, "done": False}
            return render.json_document("flows_redeploy", desk.clock.now(), body)
        for line in _plan_lines(plan, desk.zone):
            render.text(line)
        if plan.changed:
            render.note("Nothing was changed. To do it: the same again with --yes")
        return None
    done = redeploying.redeploy(desk, plan, reason=reason)
    if done.note:
        render.note(f"mechexo: {done.note}")
    if json_:
        body = {"plan": plan, "done": True}
        return render.json_document("flows_redeploy", desk.clock.now(), body)
    if not plan.changed:
        return render.text(f"{plan.deployment} is version {plan.number} already.")
    return render.text(
        f"{plan.deployment} on {source} is version {plan.number} again, and was read back so: "
        f"{', '.join(plan.changed)}"
    )


def _plan_lines(plan: Redeployment, zone: ZoneInfo) -> list[str]:
    from mechexo.times import in_zone

    told = f" ({plan.told})" if plan.told else ""
    seen = in_zone(plan.seen_at, zone)
    name = f"{plan.deployment} on {plan.source}"
    if not plan.changed:
        return [f"{name} is version {plan.number}{told} already: nothing would change."]
    return [
        f"Dry run: {name} back to version {plan.number}{told}, seen first at {seen}.",
        f"Would change: {', '.join(plan.changed)}. Its schedules, and whether it is paused, stay; "
        "so does code on a disk.",
        plan.diff,
    ]
