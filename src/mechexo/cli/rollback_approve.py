"""The second person: `mechexo rollback approve` and `approvals`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mechexo.cli import render
from mechexo.cli.invocation import open_desk
from mechexo.cli.options import Json, Reason
from mechexo.cli.plan_text import OK, WARNING, plan_lines, printable
from mechexo.times import in_zone

if TYPE_CHECKING:
    from mechexo.desk import Desk
    from mechexo.rollback.approval import Judged
    from mechexo.rollback.values import Plan

PlanId = Annotated[str, typer.Argument(metavar="PLAN", help="The plan's id, or its beginning.")]


def approve(
    ctx: typer.Context,
    plan_id: PlanId,
    key: Annotated[
        Path | None,
        typer.Option(
            help="The SSH key to sign with, or a public one that the agent holds; your own when "
            "left out."
        ),
    ] = None,
    signature: Annotated[
        Path | None, typer.Option(help="A signature made on another machine; - is stdin.")
    ] = None,
    confirm: Annotated[
        str,
        typer.Option(help="The first 8 characters of the plan's digest; asked for when left out."),
    ] = "",
    yes: Annotated[
        bool, typer.Option("--yes", help="For scripts: the named plan counts as read.")
    ] = False,
    reason: Reason = "",
    json_: Json = False,
) -> None:
    """Approve of a plan that somebody else made, by a signature with your SSH key."""
    from mechexo.rollback import approval
    from mechexo.rollback import operations as rollback

    desk = open_desk(ctx)
    plan = rollback.plan_by_id(desk, plan_id)
    if not json_:
        render.text("\n".join(plan_lines(plan, desk.zone)))
    digest = plan.digest if yes and not confirm else confirm or _asked(plan, signature)
    text = _read(signature) if signature else ""
    made = approval.approve(desk, plan.id, digest, key=key, signature=text, reason=reason)
    if json_:
        return render.json_document("rollback_approval", made.at, {"approval": made})
    return render.text(f"Approved as {printable(made.principal)}: plan {plan.id}.")


def approvals(ctx: typer.Context, plan_id: PlanId, json_: Json = False) -> None:
    """The approvals of a plan, whether each counts now, and how to sign on another machine."""
    from mechexo.rollback import approval
    from mechexo.rollback import operations as rollback

    desk = open_desk(ctx)
    plan = rollback.plan_by_id(desk, plan_id)
    found = approval.judged(desk, plan)
    if json_:
        rows = [{"approval": each.approval, "why_not": each.why_not or None} for each in found]
        return render.json_document("rollback_approvals", desk.clock.now(), {"approvals": rows})
    lines = [_line(desk, each) for each in found] or [f"Nobody approved of plan {plan.id}."]
    command = approval.signing_command(plan)
    return render.text(
        "\n".join([*lines, "Sign on another machine with:", f"  {command}", "and hand it in with:"])
        + f"\n  mechexo rollback approve {plan.id} --signature approval.sig"
    )


def add_to(app: typer.Typer) -> None:
    """Adds the commands of this file to `mechexo rollback`."""
    app.command("approve")(approve)
    app.command("approvals")(approvals)


def _line(desk: Desk, each: Judged) -> str:
    given = each.approval
    who = f"{printable(given.principal)}, {in_zone(given.at, desk.zone)}"
    return f"{WARNING} {who}: {printable(each.why_not)}" if each.why_not else f"{OK} {who}"


def _asked(plan: Plan, signature: Path | None) -> str:
    """What the person types; nothing where there is nobody, or where stdin is the signature."""
    if not sys.stdin.isatty() or signature == Path("-"):
        return ""
    render.note(f"This approves of plan {plan.id}, digest {plan.digest}")
    return str(
        typer.prompt(
            "Type the first 8 characters of the digest", default="", show_default=False, err=True
        )
    )


def _read(place: Path) -> str:
    """The text of a signature, no more of it than one can be long."""
    from mechexo.errors import UsageError
    from mechexo.rollback.signatures import LONGEST_SIGNATURE_BYTES

    try:
        source = sys.stdin.buffer if place == Path("-") else place.open("rb")
        with source:
            data = source.read(LONGEST_SIGNATURE_BYTES + 1)
    except OSError as error:
        raise UsageError(f"--signature {place}: cannot be read: {error.strerror}") from error
    return data.decode("ascii", "replace") or " "
