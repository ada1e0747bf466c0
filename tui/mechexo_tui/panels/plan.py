"""A dry-run rollback as rows: what, to when, whether it may be done, and every changed line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mechexo.value_classes import dataclass
from mechexo_tui.widgets import format as shown_as
from mechexo_tui.widgets.diff import diff_lines
from mechexo_tui.widgets.lines import Line, cut, harmless

if TYPE_CHECKING:
    from mechexo.rollback.happenings import Gap, Happening
    from mechexo.rollback.values import Plan
    from mechexo_tui.widgets.format import Look


@dataclass(frozen=True, slots=True)
class Undoing:
    """The change that a plan takes back, and why that one."""

    change: Happening
    why: str
    gaps: Sequence[Gap] = ()
    """What could not be read while it was looked for: something else may have changed."""


def plan_lines(plan: Plan, undoing: Undoing, look: Look) -> list[Line]:
    """Target, time, commit, the change it takes back, guards, diff."""
    glyphs, change = look.glyphs, undoing.change
    commit = f"{change.commit[:12]}  " if change.commit else ""
    who = f"{change.who}, " if change.who else ""
    facts = [
        ("would restore", plan.target),
        ("as it was at", shown_as.exact(plan.to, look)),
        ("from commit", f"{plan.commit[:12]}  {plan.commit_subject}"),
        ("committed", shown_as.exact(plan.commit_time, look)),
        ("undoing", f"{commit}{change.what}"),
        ("", f"{who}{shown_as.exact(change.at, look)}"),
        ("why this one", undoing.why),
    ]
    lines: list[Line] = [
        ((" Rollback, dry run", "title"), ("  nothing has been changed", "ok")),
        (),
    ]
    for name, value in facts:
        lines.append(((f"   {name:<15}", "dim"), (cut(value, look.width - 20), "")))
    sign, style = shown_as.status("unknown", glyphs)
    for gap in undoing.gaps:
        lines.append(
            ((" ", ""), (sign, style), (f"  {gap.source}: ", "bold"), (harmless(gap.reason), ""))
        )
    lines += [(), *_guard_summary(plan, look)]
    lines.append(())
    if plan.empty:
        well = all(guard.ok for guard in plan.guards)
        why = "it is already as it was then" if well else "see the warnings above"
        return [*lines, ((f" Nothing to do: {why}.", ""),)]
    added = sum(changed.added for changed in plan.changes)
    removed = sum(changed.removed for changed in plan.changes)
    files = shown_as.count(len(plan.changes), "file")
    lines.append(((" Diff", "title"), (f"  {files}, +{added} -{removed}", "dim")))
    lines += diff_lines(plan.diff)
    lines += [(), ((" Guards", "title"),)]
    for guard in plan.guards:
        sign, style = shown_as.check(guard.ok, glyphs)
        lines.append(
            (("   ", ""), (f"{sign:<9}", style), (f"{guard.name}  ", ""), (guard.detail, "dim"))
        )
    end: Line = (
        (f" Plan {plan.id}; nothing has been changed; ", "dim"),
        ("enter", "key"),
        (" goes on with it.", ""),
    )
    return [*lines, (), end]


def _guard_summary(plan: Plan, look: Look) -> list[Line]:
    """What stands in the way, each with its reason; one line when nothing does."""
    failed = [guard for guard in plan.guards if not guard.ok]
    if not failed:
        sign, style = shown_as.check(True, look.glyphs)
        count = shown_as.count(len(plan.guards), "guard holds", "guards hold")
        return [((" ", ""), (sign, style), (f"  {count}; they are listed below", "dim"))]
    sign, style = shown_as.check(False, look.glyphs)
    return [
        ((" ", ""), (sign, style), (f"  {guard.name}: ", "bold"), (guard.detail, ""))
        for guard in failed
    ]
