"""How the flows that are looked after stand, read from the state file alone.

Apart from the running half, so that a command that only reads does not load how jobs are run.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from mechexo.flows import records, rules
from mechexo.flows.values import FlowRun, FlowStanding, RunState
from mechexo.processes import is_alive

if TYPE_CHECKING:
    from datetime import datetime

    from mechexo.config import FlowSettings
    from mechexo.desk import Desk

_LOOKED_THROUGH = 50
"""How many newest runs are looked through for one that has ended."""
_LONGEST_RUN = timedelta(days=2)
"""A run that failed is looked for so long before its end."""


def watched(desk: Desk) -> dict[str, FlowSettings]:
    """The flows that are looked after: those of the configuration, in the order of the file, then
    those whose job said how often it is due. What the configuration says stands above that."""
    told = records.expectations(desk.state)
    if not told:
        return dict(desk.settings.flows)
    from mechexo.config import FlowSettings

    found = dict(desk.settings.flows)
    for flow, said in told.items():
        settings = found.get(flow) or FlowSettings()
        if settings.expect_every is None:
            grace = said.grace if settings.grace is None else settings.grace
            settings = replace(settings, expect_every=said.expect_every, grace=grace)
        found[flow] = settings
    return found


def standings(desk: Desk) -> tuple[FlowStanding, ...]:
    """How each watched flow stands now, in the order of `watched`."""
    looked_after = watched(desk)
    if not looked_after:
        return ()
    now, lost = desk.clock.now(), lost_runs(desk)
    latest = now + rules.CLOCK_TOLERANCE
    last = records.last_of_each(desk.state, until=latest)
    last_well = records.last_well(desk.state, until=latest)
    first_seen = records.first_seen(desk.state)
    found = []
    for flow, settings in looked_after.items():
        newest = as_seen(last[flow], lost) if flow in last else None
        runs = newest is not None and newest.state is RunState.RUNNING
        found.append(
            FlowStanding(
                flow=flow,
                label=settings.label or flow,
                settings=settings,
                runs=runs,
                ended=_newest_ended(desk, flow, lost) if runs else newest,
                why_overdue=rules.why_overdue(
                    expect_every=settings.expect_every,
                    last_well=last_well.get(flow),
                    first_seen=first_seen.get(flow),
                    now=now,
                    grace=settings.grace,
                ),
            )
        )
    return tuple(found)


def lost_runs(desk: Desk) -> frozenset[int]:
    """The runs whose wrapper died without recording an end."""
    return frozenset(run_id for run_id, by in records.running(desk.state) if not is_alive(by))


def as_seen(run: FlowRun, lost: Collection[int]) -> FlowRun:
    """The run, `lost` when it is one of those whatever its record says still."""
    if run.id in lost and run.state is RunState.RUNNING:
        return replace(run, state=RunState.LOST)
    return run


def failures(desk: Desk, *, start: datetime, end: datetime, limit: int) -> tuple[FlowRun, ...]:
    """The runs that ended between two moments and not well, newest first; a lost one counts when
    it started. Writes nothing."""
    lost = lost_runs(desk)
    found = records.not_well_between(
        desk.state, start, end, longest=_LONGEST_RUN, limit=limit + len(lost)
    )
    seen = (as_seen(run, lost) for run in found)
    return tuple(run for run in seen if run.state is not RunState.RUNNING)[:limit]


def _newest_ended(desk: Desk, flow: str, lost: Collection[int]) -> FlowRun | None:
    recent = records.newest(desk.state, flow=flow, limit=_LOOKED_THROUGH)
    every = [as_seen(run, lost) for run in recent]
    ended = [run for run in every if run.state is not RunState.RUNNING]
    # One of a clock that was ahead stands only where there is no other.
    latest = desk.clock.now() + rules.CLOCK_TOLERANCE
    return next((run for run in ended if run.started_at <= latest), next(iter(ended), None))


def under_way(desk: Desk, flow: str) -> tuple[FlowRun, ...]:
    """The runs of a flow whose wrapper lives and that have not ended, newest first."""
    lost = lost_runs(desk)
    recent = records.newest(desk.state, flow=flow, limit=_LOOKED_THROUGH)
    return tuple(run for run in recent if as_seen(run, lost).state is RunState.RUNNING)
