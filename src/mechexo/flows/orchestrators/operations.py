"""What can be asked of an orchestrator: how its flows stand, its runs, the log of a run.

Nothing here writes; see `acting` for what does.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from mechexo.errors import NotFoundError, UsageError, close_names
from mechexo.flows.orchestrators.kinds import connect
from mechexo.flows.orchestrators.rules import Limits, Observation, observe, usual_p95_s
from mechexo.flows.orchestrators.values import Deployment, LogLine, OrchestratorRun

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mechexo.config import OrchestratorSettings
    from mechexo.desk import Desk
    from mechexo.flows.orchestrators.protocol import Orchestrator

LINES = 20
MOST_LINES = 200
_AHEAD = timedelta(minutes=1)
"""A run created now may be due a moment later than now, by another machine's clock."""


@dataclass(frozen=True, slots=True)
class DeploymentStanding:
    """One deployment with the newest of its runs and what is wrong with it."""

    deployment: Deployment
    last: OrchestratorRun | None
    """The newest run whose time has come; None when none was read."""
    p95_s: float | None
    """Of the good runs that were read; None when they are too few to tell."""
    troubles: tuple[Observation, ...]


@dataclass(frozen=True, slots=True)
class Standing:
    """How an orchestrator's flows stand, as of one moment."""

    source: str
    observed_at: datetime
    since: datetime
    """Runs since then were read."""
    is_cut: bool
    """There were more runs than `most_runs`: what is usual was told by the newest."""
    deployments: tuple[DeploymentStanding, ...]

    @property
    def observations(self) -> tuple[Observation, ...]:
        """Everything that is wrong, in the order of the deployments."""
        return tuple(said for one in self.deployments for said in one.troubles)


@dataclass(frozen=True, slots=True)
class SourceRun:
    """A run with the name of its deployment."""

    run: OrchestratorRun
    deployment: str
    """Empty when it belongs to none, or to one that is gone."""
    flow: str


@dataclass(frozen=True, slots=True)
class SourceRuns:
    """Runs of an orchestrator, newest first."""

    source: str
    observed_at: datetime
    runs: tuple[SourceRun, ...]
    is_cut: bool


def standing(desk: Desk, source: str) -> Standing:
    """How the flows of one orchestrator stand, and what is wrong with them.

    Raises:
        NotFoundError, ConfigError: it is not configured, or cannot be used.
        SourceError: it could not be read.
    """
    orchestrator, table = connect(desk, source), desk.settings.orchestrators[source]
    now = desk.clock.now()
    since = now - table.look_back
    deployments = known(orchestrator, table, next_runs=True)
    found = orchestrator.runs(
        since=since, until=now + _AHEAD, deployment_id="", limit=table.most_runs
    )
    flows = desk.settings.flows
    said = observe(
        deployments,
        found.runs,
        now=now,
        since=since,
        limits=_limits(table),
        usual={name: flow.usual for name, flow in flows.items() if flow.usual is not None},
        runs_are_cut=found.is_cut,
    )
    own: defaultdict[str, list[OrchestratorRun]] = defaultdict(list)
    wrong: defaultdict[str, list[Observation]] = defaultdict(list)
    for run in found.runs:
        own[run.deployment_id].append(run)
    for each in said:
        wrong[each.deployment_id].append(each)
    standings = []
    for one in deployments:
        runs = own[one.id]
        last = runs[0] if runs else None
        standings.append(DeploymentStanding(one, last, usual_p95_s(runs), tuple(wrong[one.id])))
    return Standing(source, now, since, found.is_cut, tuple(standings))


def runs(desk: Desk, source: str, *, deployment: str = "", limit: int = 50) -> SourceRuns:
    """The newest runs of one orchestrator, of one deployment or of all; planned ones not yet.

    Raises:
        NotFoundError: no such orchestrator or deployment.
        ConfigError, SourceError: it cannot be used, or not be read.
    """
    orchestrator, table = connect(desk, source), desk.settings.orchestrators[source]
    now = desk.clock.now()
    deployments = known(orchestrator, table)
    chosen = chosen_deployment(deployments, deployment, source).id if deployment else ""
    found = orchestrator.runs(
        since=now - table.look_back, until=now + _AHEAD, deployment_id=chosen, limit=limit
    )
    by_id = {one.id: one for one in deployments}
    shown = []
    for run in found.runs:
        own = by_id.get(run.deployment_id)
        shown.append(SourceRun(run, own.name if own else "", own.flow if own else ""))
    return SourceRuns(source, now, tuple(shown), found.is_cut)


def log_tail(desk: Desk, source: str, run_id: str, *, lines: int = LINES) -> tuple[LogLine, ...]:
    """The last messages of a run's log, oldest first.

    Raises:
        NotFoundError, ConfigError, SourceError: as they say; `MissingError` for no such run.
    """
    if not 1 <= lines <= MOST_LINES:
        raise UsageError(f"{lines} lines of a log: ask for 1 to {MOST_LINES}")
    orchestrator = connect(desk, source)
    orchestrator.run(run_id)  # A run that is not there has no log: no empty one either.
    return orchestrator.log_tail(run_id, lines)


def known(
    orchestrator: Orchestrator, table: OrchestratorSettings, *, next_runs: bool = False
) -> tuple[Deployment, ...]:
    """The deployments, each with the flow that the configuration says it is, and on request when
    each runs next."""
    return tuple(
        replace(one, flow=table.flows.get(one.name) or table.flows.get(one.id, ""))
        for one in orchestrator.deployments(next_runs=next_runs)
    )


def chosen_deployment(deployments: Sequence[Deployment], wanted: str, source: str) -> Deployment:
    """The deployment of that name or id, or the only one that is the flow of that name.

    Raises:
        NotFoundError: there is none; the text has close names.
        UsageError: several are meant.
    """
    for found in (
        [one for one in deployments if one.id == wanted],
        [one for one in deployments if one.name == wanted],
        [one for one in deployments if one.flow == wanted],
    ):
        if len(found) == 1:
            return found[0]
        if found:
            ids = ", ".join(f"{one.name} ({one.id})" for one in found)
            raise UsageError(f"{wanted!r} is more than one deployment of {source}: {ids}")
    names = sorted({one.name for one in deployments})
    hint = close_names(wanted, names) if names else "it has none"
    raise NotFoundError(f"{wanted!r} is no deployment of {source}; {hint}")


def _limits(table: OrchestratorSettings) -> Limits:
    return Limits(
        late_after=table.late_after,
        stuck_factor=table.stuck_factor,
        stuck_after=table.stuck_after,
        failing_after=table.failing_after,
        never_after=table.never_after,
    )
