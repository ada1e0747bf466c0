"""One look at an orchestrator, and what the tick keeps of it.

`known` and `known_of` read the state file alone and import nothing heavy; httpx is imported by
`look`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from mechexo.errors import NotFoundError
from mechexo.flows.orchestrators import keeping, versions
from mechexo.flows.orchestrators.rules import (
    Limits,
    Observation,
    Promise,
    Trouble,
    observe,
    usual_p95_s,
)
from mechexo.flows.orchestrators.standings import DeploymentStanding, Known, Look, Standing
from mechexo.flows.orchestrators.values import Deployment, OrchestratorRun
from mechexo.outside import Reading, ask_all, readings

if TYPE_CHECKING:
    from mechexo.config import FlowSettings, OrchestratorSettings
    from mechexo.desk import Desk
    from mechexo.flows.orchestrators.protocol import Orchestrator

PREFIX = "orchestrator:"
AHEAD = timedelta(minutes=1)
"""A run created now may be due a moment later than now, by another machine's clock."""
_MARGIN = timedelta(hours=1)
"""A promise that is broken by less than this is seen as well."""
MOST_REVISITED = 200
"""So many runs that were in trouble before are asked for by their ids; what was wrong with more of
them counts as it was."""


def look(desk: Desk, *, deadline_s: float, force: bool = False) -> tuple[Known, ...]:
    """Asks every orchestrator that is due and may be asked, and returns what is known of all. How
    their deployments are defined is kept, where that changed.

    Ends within about `deadline_s` seconds, whatever hangs. `force`: also those not due, or left
    alone for their failures.

    Raises:
        BusyError, StateError: what they said could not be kept.
    """
    from mechexo.flows.orchestrators.source import OrchestratorSource

    tables, began_at = desk.settings.orchestrators, desk.clock.now()
    sources = [OrchestratorSource.of(desk, name) for name in tables]
    found = ask_all(
        desk.state,
        desk.clock,
        [each.source for each in sources],
        prefix=PREFIX,
        deadline_s=deadline_s,
        tick=desk.settings.refresh.tick,
        force=force,
    )
    seen = tuple(_known(name, each, found[PREFIX + name], False) for name, each in tables.items())
    for one, asked in zip(seen, sources, strict=True):
        if asked.defined:
            names = one.look.standing.names if one.look else {}
            versions.keep(desk, one.name, asked.defined, names, seen_at=began_at)
    return seen


def known(desk: Desk, *, runs: bool = False) -> tuple[Known, ...]:
    """What is known of each configured orchestrator, in the order of the file. Asks nobody. `runs`:
    also the newest runs, which take longer to read."""
    tables = desk.settings.orchestrators
    if not tables:
        return ()
    named = [(PREFIX + name, "") for name in tables]
    found = readings(desk.state, desk.clock, named, prefix=PREFIX)
    return tuple(_known(name, each, found[PREFIX + name], runs) for name, each in tables.items())


def known_of(desk: Desk, source: str) -> Known:
    """What is known of one of them, with its newest runs.

    Raises:
        NotFoundError: the configuration has none of that name.
    """
    for each in known(desk, runs=True):
        if each.name == source:
            return each
    raise NotFoundError(f"{desk.config_path}: no [orchestrators.{source}]")


def read(
    orchestrator: Orchestrator,
    table: OrchestratorSettings,
    flows: Mapping[str, FlowSettings],
    source: str,
    now: datetime,
    before: Look | None = None,
) -> Look:
    """How the flows of one orchestrator stand, and what is wrong with them.

    Runs that were in trouble `before` and are not among those that are read are asked for by their
    ids: that they are older than `look_back`, or that there are more than `most_runs` newer ones,
    does not make them well.

    Raises:
        SourceError: it could not be read.
    """
    deployments = named_flows(orchestrator.deployments(next_runs=True), table)
    promised = {
        name: Promise(flow.expect_every, flow.grace)
        for name, flow in flows.items()
        if flow.expect_every is not None
    }
    since = now - _reach(table, [promised[one.flow] for one in deployments if one.flow in promised])
    found = orchestrator.runs(
        since=since, until=now + AHEAD, deployment_id="", limit=table.most_runs
    )
    runs = found.runs
    wanted = _out_of_sight(runs, before)
    runs += _revisited(orchestrator, wanted[:MOST_REVISITED])
    said = observe(
        deployments,
        runs,
        now=now,
        since=since,
        limits=limits_of(table),
        usual={name: flow.usual for name, flow in flows.items() if flow.usual is not None},
        promised=promised,
        runs_are_cut=found.is_cut,
    )
    own: defaultdict[str, list[OrchestratorRun]] = defaultdict(list)
    wrong: defaultdict[str, list[Observation]] = defaultdict(list)
    for run in runs:
        own[run.deployment_id].append(run)
    unseen = {one.id for one in deployments if not own[one.id]} if found.is_cut else set()
    for each in (*said, *_still(before, wanted[MOST_REVISITED:], unseen, said)):
        wrong[each.deployment_id].append(each)
    standings = []
    for one in deployments:
        mine = own[one.id]
        last = mine[0] if mine else None
        standings.append(DeploymentStanding(one, last, usual_p95_s(mine), tuple(wrong[one.id])))
    return Look(Standing(source, now, since, found.is_cut, tuple(standings)), runs)


def named_flows(
    deployments: tuple[Deployment, ...], table: OrchestratorSettings
) -> tuple[Deployment, ...]:
    """The deployments, each with the flow that the configuration says it is."""
    return tuple(
        replace(one, flow=table.flows.get(one.name) or table.flows.get(one.id, ""))
        for one in deployments
    )


def limits_of(table: OrchestratorSettings) -> Limits:
    """From when on something is wrong, by the configuration."""
    return Limits(
        late_after=table.late_after,
        stuck_factor=table.stuck_factor,
        stuck_after=table.stuck_after,
        failing_after=table.failing_after,
        never_after=table.never_after,
    )


def _out_of_sight(runs: Sequence[OrchestratorRun], before: Look | None) -> list[str]:
    """The runs that were in trouble and are not among those that were read."""
    if before is None:
        return []
    seen = {run.id for run in runs}
    wanted = [said.run_id for said in before.standing.observations if said.run_id]
    return [one for one in dict.fromkeys(wanted) if one not in seen]


def _revisited(orchestrator: Orchestrator, wanted: Sequence[str]) -> tuple[OrchestratorRun, ...]:
    """Those runs as they stand; one that was deleted there is no trouble any more."""
    from mechexo.flows.orchestrators.protocol import ByIds, MissingError

    if not wanted:
        return ()
    if isinstance(orchestrator, ByIds):
        return orchestrator.runs_by_ids(wanted)
    found = []
    for run_id in wanted:
        try:
            found.append(orchestrator.run(run_id))
        except MissingError:
            continue
    return tuple(found)


def _reach(table: OrchestratorSettings, promises: Sequence[Promise]) -> timedelta:
    """How far back runs are read: far enough to tell that a promise is not kept."""
    longest = [each.every + (each.grace or timedelta(0)) + _MARGIN for each in promises]
    return max(table.look_back, *longest) if longest else table.look_back


def _still(
    before: Look | None,
    unasked: Sequence[str],
    unseen: Collection[str],
    said: Sequence[Observation],
) -> list[Observation]:
    """What was wrong with runs that were not asked for, and that deployments none of whose runs
    were read never ran or are overdue; unless the same is said anew."""
    anew = {(one.deployment_id, one.trouble) for one in said}
    then = before.standing.observations if before else ()
    return [
        one
        for one in then
        if (one.deployment_id, one.trouble) not in anew
        and (
            one.run_id in unasked
            if one.run_id
            else one.deployment_id in unseen and one.trouble in (Trouble.NEVER_RAN, Trouble.OVERDUE)
        )
    ]


def _known(name: str, table: OrchestratorSettings, reading: Reading, runs: bool) -> Known:
    # What was kept for another configuration says nothing of this one.
    look = keeping.from_text(table, reading.value, runs=runs)
    return Known(
        name=name,
        kind=table.kind,
        look=look,
        good_at=reading.good_at if look else None,
        asked_at=reading.asked_at,
        why=reading.why,
        standing=reading.standing,
        until=reading.until,
        failures=reading.failures,
    )
