"""What the guards of a plan look at beside its paths."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from mechexo.rollback import guards, market_hours, run_records
from mechexo.rollback.planned_flags import FlagPart
from mechexo.rollback.undoing import recorded_names
from mechexo.rollback.values import Guard

if TYPE_CHECKING:
    from mechexo.desk import Desk
    from mechexo.rollback.git import Repository
    from mechexo.rollback.git_values import Head


def world(
    desk: Desk,
    *,
    repository: Repository | None,
    head: Head | None,
    commit: str,
    undo_of: str,
    paths: Collection[str],
    spanned: int,
    disagreement: str,
    later_changes: Sequence[str],
    flags: FlagPart,
    touches_code: bool,
    age: timedelta,
) -> guards.World:
    """The desk around a plan, as it is now."""
    now, limits = desk.clock.now(), desk.settings.rollback.limits
    moving = [flag for flag in flags.planned if flag.when != "re-arm"]
    adds_risk = touches_code or any(flag.direction != "down" for flag in moving)
    market = market_hours.market_at(desk, doubt=market_hours.clock_problem)
    return guards.World(
        in_progress=repository.in_progress() if repository else "",
        detached=head is not None and not head.ref,
        disagreement=disagreement,
        never=desk.settings.rollback.never,
        commits=spanned,
        age=timedelta(0) if undo_of else age,
        flags=len(moving),
        flag_conflicts=flags.conflicts,
        applied_lately=run_records.applied_since(desk.state, now - limits.rate_window),
        market_open=market.open,
        market_said=market.why,
        adds_risk=adds_risk,
        on_hold=_on_hold(desk, repository, commit, undo_of, paths),
        user_ids=(os.geteuid(), (*os.getgroups(), os.getegid())),
        live=desk.is_live,
        later_changes=later_changes,
    )


def limits_of(desk: Desk) -> guards.Limits:
    """How large a rollback of this desk may be."""
    limits = desk.settings.rollback.limits
    return guards.Limits(
        files=limits.files,
        deletes=limits.deletes,
        bytes=limits.bytes,
        commits=limits.commits,
        age=limits.age,
        flags=limits.flags,
        rate=limits.rate,
        rate_window=limits.rate_window,
    )


def with_second_person(
    desk: Desk, verdicts: tuple[Guard, ...], *, adds_risk: bool
) -> tuple[Guard, ...]:
    """The verdicts, and whether somebody else has to approve of what was set aside, or of a plan
    that adds risk."""
    asked = set(desk.settings.rollback.second_person)
    aside = [guard.name for guard in verdicts if guard.overridden]
    needing = [
        name
        for name in aside
        if ("limits" in asked and name in guards.LIMITS)
        or ("rate" in asked and name == "rate")
        or ("market" in asked and name == "market hours")
    ]
    if adds_risk and "risk-up" in asked:
        needing.append("it adds risk")
    if not needing:
        return (*verdicts, Guard(guards.SECOND_PERSON, True, "nobody else needs to approve"))
    detail = f"{', '.join(needing)}: a second person approves with: mechexo rollback approve ID"
    return (*verdicts, Guard(guards.SECOND_PERSON, False, detail))


def _on_hold(
    desk: Desk,
    repository: Repository | None,
    commit: str,
    undo_of: str,
    paths: Collection[str],
) -> str:
    """A commit is on hold for what was taken back of it. An undo brings back what its own run took
    back, so those commits do not stand against it."""
    if repository is None:
        return ""
    for hold in run_records.holds(desk.state, str(repository.root)):
        if hold.commit != commit or hold.run_id == undo_of:
            continue
        if recorded_names(run_records.recorded(desk.state, hold.run_id)).intersection(paths):
            return (
                f"{commit[:12]} was rolled back by {hold.run_id}; "
                f"release it with: mechexo rollback release {commit[:12]}"
            )
    return ""
