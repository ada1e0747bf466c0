"""How rollback plans look for people and in JSON."""

from __future__ import annotations

import shlex
import textwrap
from collections import Counter
from collections.abc import Sequence
from zoneinfo import ZoneInfo

from mechexo.rollback.guards import OVERRIDES
from mechexo.rollback.values import ChangedKey, Plan, PlannedFlag
from mechexo.times import format_duration, in_zone, iso_z, stamps_in_zone

_WIDTH = 78
OK, WARNING = "● OK     ", "▲ WARNING"


def plan_body(plan: Plan) -> dict[str, object]:
    """The plan's part of its JSON document."""
    return {
        **{"id": plan.id, "digest": plan.digest, "target": plan.target, "to": plan.to},
        **{"commit": plan.commit, "commit_time": plan.commit_time},
        **{"commit_subject": plan.commit_subject, "source": plan.source},
        "changes": plan.changes,
        "flags": [_flag_body(flag) for flag in plan.flags],
        **{"guards": plan.guards, "keys": plan.keys},
        **{"diff": plan.diff, "empty": plan.empty, "made_at": plan.made_at},
        **{"expires_at": plan.expires_at, "undoes": plan.undoes},
    }


def plan_lines(
    plan: Plan, zone: ZoneInfo, *, read_as: str = "", every_guard: bool = False
) -> list[str]:
    """The plan as plain lines: where to, which commit, each guard, what it would do, the diff.

    Guards that simply hold are only named, but with `every_guard`. `read_as` says how the moment
    was understood when a person has just typed it.
    """
    ago = format_duration(plan.made_at - plan.to)
    said = f" (read from {read_as})" if read_as else ""
    when = in_zone(plan.commit_time, zone)
    utc = "" if zone.key == "UTC" else f" ({iso_z(plan.to)})"
    lines = [
        f"Plan {plan.id}: {plan.target}",
        f"  back to   {in_zone(plan.to, zone)}{utc}, {ago} before the plan{said}",
        *(
            [
                f"  commit    {plan.commit[:12]} of {when} by the {plan.source}: "
                f"{printable(plan.commit_subject)}"
            ]
            if plan.commit
            else [f"  source    {plan.source}"]
        ),
        f"  digest    {plan.digest}",
        *_guard_lines(plan, zone, every_guard),
    ]
    if plan.empty and plan.flags:
        left = [f"  {flag_line(flag)}" for flag in plan.flags]
        return [
            *lines,
            *left,
            "Nothing to do: what differs is left to: mechexo flags set NAME VALUE",
        ]
    if plan.empty:
        well = all(guard.ok for guard in plan.guards)
        why = "everything is as it was then" if well else "see the warnings above"
        return [*lines, f"Nothing to do: {why}."]
    for change in plan.changes:
        counts = "binary" if change.binary else f"+{change.added} -{change.removed}"
        lines.append(f"  would {change.action} {change.path} ({counts})")
    lines += [f"  {flag_line(flag)}" for flag in plan.flags]
    if plan.keys:
        lines += ["", "Changed keys:", *(f"  {key_line(key)}" for key in plan.keys)]
    if plan.diff:
        lines += ["", *plan.diff.removesuffix("\n").split("\n")]
    return [*lines, "", *_what_next(plan, zone)]


def _guard_lines(plan: Plan, zone: ZoneInfo, every_guard: bool) -> list[str]:
    quiet = [] if every_guard else [each for each in plan.guards if each.ok and not each.overridden]
    told = [each for each in plan.guards if each not in quiet]
    lines = [
        f"  {OK if guard.ok and not guard.overridden else WARNING} {guard.name}: "
        f"{printable(stamps_in_zone(guard.detail, zone))}"
        for guard in sorted(told, key=lambda guard: guard.ok)
    ]
    if quiet:
        named = f"{len(quiet)} guards hold: {', '.join(guard.name for guard in quiet)}"
        lines += textwrap.wrap(
            named, _WIDTH, initial_indent=f"  {OK} ", subsequent_indent=" " * (len(OK) + 3)
        )
    return lines


def flag_line(flag: PlannedFlag) -> str:
    """What a plan does about a flag, as a line."""
    change = printable(f"{flag.name}: {_value(flag.old)} -> {_value(flag.new)}")
    risk = {"up": "adds risk", "down": "lowers the risk", "neutral": "risk stays"}
    says = risk.get(flag.direction, "its risk is not known")
    match flag.when:
        case "first":
            return f"would set flag {change} before any file ({says})"
        case "after":
            return f"would set flag {change} with the files ({says})"
        case _:
            return f"leaves flag {change} alone ({says}); mechexo rollback plan rearm sets it"


def key_line(key: ChangedKey) -> str:
    """A changed value of a configuration file, as a line."""
    return printable(f"{key.file}: {key.path}: {_value(key.old)} -> {_value(key.new)}")


def _value(value: str | None) -> str:
    return "nothing" if value is None else value


def _flag_body(flag: PlannedFlag) -> dict[str, object]:
    return {
        **{"name": flag.name, "from": flag.old, "to": flag.new},
        **{"direction": flag.direction, "when": flag.when},
    }


def _what_next(plan: Plan, zone: ZoneInfo) -> list[str]:
    if plan.held_back:
        names = [guard.name for guard in plan.held_back]
        line = f"It cannot be applied while this does not hold: {', '.join(names)}."
        aside = " ".join(f"--override {shlex.quote(each)}" for each in names if each in OVERRIDES)
        return [f"{line} To set it aside: {aside}" if aside else line]
    if plan.expires_at is None:
        return []
    return [
        f"Apply it until {in_zone(plan.expires_at, zone)} with: mechexo rollback apply {plan.id} "
        f"--confirm {plan.digest[:8]}"
    ]


def history_rows(plans: Sequence[Plan]) -> tuple[Sequence[str], list[Sequence[object]]]:
    """A table of plans."""
    columns = ("id", "made", "target", "back to", "commit", "would")
    return columns, [
        (
            *(plan.id, plan.made_at, plan.target, plan.to, plan.commit[:12]),
            _would(plan),
        )
        for plan in plans
    ]


def _would(plan: Plan) -> str:
    counts = Counter(change.action for change in plan.changes)
    said = [f"{action} {number}" if number > 1 else action for action, number in counts.items()]
    moving = sum(flag.when != "re-arm" for flag in plan.flags)
    said += [f"set {moving} {'flag' if moving == 1 else 'flags'}"] if moving else []
    return ", ".join(said) or "nothing to do"


def printable(text: str) -> str:
    """The text without what could move the cursor."""
    return "".join(each for each in text if each.isprintable())
