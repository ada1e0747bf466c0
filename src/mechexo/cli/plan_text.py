"""How rollback plans look for people and in JSON."""

from __future__ import annotations

from collections.abc import Sequence
from zoneinfo import ZoneInfo

from mechexo.rollback.values import Plan
from mechexo.times import format_duration, in_zone, stamps_in_zone

OK, WARNING = "● OK     ", "▲ WARNING"


def plan_body(plan: Plan) -> dict[str, object]:
    """The plan's part of its JSON document."""
    return {
        **{"id": plan.id, "digest": plan.digest, "target": plan.target, "to": plan.to},
        **{"commit": plan.commit, "commit_time": plan.commit_time},
        **{"commit_subject": plan.commit_subject, "source": plan.source},
        **{"changes": plan.changes, "flags": [], "guards": plan.guards},
        **{"diff": plan.diff, "empty": plan.empty, "made_at": plan.made_at},
    }


def plan_lines(plan: Plan, zone: ZoneInfo, *, read_as: str = "") -> list[str]:
    """The plan as plain lines: where to, which commit, each guard, what it would do, the diff.

    `read_as` says how the moment was understood when a person has just typed it.
    """
    ago = format_duration(plan.made_at - plan.to)
    said = f" (read from {read_as})" if read_as else ""
    when = in_zone(plan.commit_time, zone)
    lines = [
        f"Plan {plan.id}: {plan.target}",
        f"  back to   {in_zone(plan.to, zone)}, {ago} before the plan{said}",
        f"  commit    {plan.commit[:12]} of {when} by the {plan.source}: "
        f"{printable(plan.commit_subject)}",
        f"  digest    {plan.digest}",
        *(
            f"  {OK if guard.ok else WARNING} {guard.name}: "
            f"{printable(stamps_in_zone(guard.detail, zone))}"
            for guard in plan.guards
        ),
    ]
    if plan.empty:
        well = all(guard.ok for guard in plan.guards)
        why = "the file is as it was then" if well else "see the warnings above"
        return [*lines, f"Nothing to do: {why}."]
    for change in plan.changes:
        counts = "binary" if change.binary else f"+{change.added} -{change.removed}"
        lines.append(f"  would {change.action} {change.path} ({counts})")
    return [*lines, "", *plan.diff.removesuffix("\n").split("\n")]


def history_rows(plans: Sequence[Plan]) -> tuple[Sequence[str], list[Sequence[object]]]:
    """A table of plans."""
    columns = ("id", "made", "target", "back to", "commit", "would")
    return columns, [
        (
            *(plan.id, plan.made_at, plan.target, plan.to, plan.commit[:12]),
            "nothing to do" if plan.empty else plan.changes[0].action,
        )
        for plan in plans
    ]


def printable(text: str) -> str:
    """The text without what could move the cursor."""
    return "".join(each for each in text if each.isprintable())
