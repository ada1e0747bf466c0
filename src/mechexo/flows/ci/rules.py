"""What runs add up to: badges, and which runs are worth remembering. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from mechexo.flows.ci.values import CiBadge, CiRun, CiState

EARLIER_KEPT = 100
EARLIER_KEPT_FOR = timedelta(days=30)


def badges(runs: Iterable[CiRun], branches: Sequence[str]) -> tuple[CiBadge, ...]:
    """A badge for each workflow of each branch, in the order of the branches, then by name.

    The newest run that decides (passed, failed, or not understood) says how it is; runs that were
    cancelled or skipped decide nothing, and one under way stands beside it.
    """
    by_place: dict[tuple[str, str], list[CiRun]] = {}
    for run in runs:
        if run.branch in branches:
            by_place.setdefault(run.place, []).append(run)
    # By name as the newest run has it: a workflow may be renamed, and two may be called alike.
    newest_first = [sorted(each, key=_started_at, reverse=True) for each in by_place.values()]
    called = Counter((each[0].branch, each[0].workflow) for each in newest_first)
    found = [_badge(each, called) for each in newest_first]
    return tuple(sorted(found, key=lambda badge: (branches.index(badge.branch), badge.workflow)))


def _started_at(run: CiRun) -> datetime:
    return run.started_at


def _badge(newest_first: list[CiRun], called: Counter[tuple[str, str]]) -> CiBadge:
    newest = newest_first[0]
    branch, workflow = newest.branch, newest.workflow
    if called[branch, workflow] > 1 and newest.file:
        workflow = f"{workflow} ({newest.file.rpartition('/')[2]})"
    deciding = next((run for run in newest_first if run.state.decides), newest)
    goes_on = newest.state in (CiState.RUNNING, CiState.WAITING) and newest is not deciding
    return CiBadge(branch, workflow, deciding.state, deciding, newest if goes_on else None)


def silent_workflows(
    badges: Iterable[CiBadge], branch: str, named: Sequence[str]
) -> tuple[str, ...]:
    """The named workflows without a badge on a branch: they never ran there, or are called
    otherwise.

    A kind may name workflows in its own way (GitHub takes their numbers too), so that none is
    missed while there are as many as were named.
    """
    own = [badge.run for badge in badges if badge.branch == branch]
    if len({run.place for run in own}) >= len(named):
        return ()
    seen = {name for run in own for name in (run.workflow, run.file.rpartition("/")[2])}
    return tuple(name for name in named if name not in seen)


def still_telling(
    before: Iterable[CiRun], now_listed: Sequence[CiRun], now: datetime
) -> tuple[CiRun, ...]:
    """The deciding runs known before that the lists no longer reach and nothing newer replaces.

    Else a failed workflow would pass for gone as soon as a busier one has filled the list. Kept for
    30 days, one for each workflow of a branch, at most 100.
    """
    decided = {run.place for run in now_listed if run.state.decides}
    newest: dict[tuple[str, str], CiRun] = {}
    for run in before:
        place = run.place
        if not run.state.decides or place in decided or now - run.started_at > EARLIER_KEPT_FOR:
            continue
        if place not in newest or newest[place].started_at < run.started_at:
            newest[place] = run
    kept = sorted(newest.values(), key=lambda run: run.started_at, reverse=True)
    return tuple(kept[:EARLIER_KEPT])
