"""What can be asked of an orchestrator: how its flows stand, its runs, the log of a run.

Nothing here writes; see `acting` for what does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mechexo.errors import NotFoundError, UsageError, close_names
from mechexo.flows.orchestrators import looking
from mechexo.flows.orchestrators.kinds import connect
from mechexo.flows.orchestrators.looking import AHEAD, named_flows, read
from mechexo.flows.orchestrators.protocol import SourceError
from mechexo.flows.orchestrators.standings import (
    DeploymentStanding,
    Latest,
    Look,
    SourceRun,
    SourceRuns,
    Standing,
)
from mechexo.flows.orchestrators.values import Deployment, LogLine, OrchestratorRun

__all__ = [
    "DeploymentStanding",
    "SourceRun",
    "SourceRuns",
    "Standing",
    "chosen_deployment",
    "known",
    "latest_runs",
    "latest_standing",
    "log_tail",
    "look_at",
    "runs",
    "standing",
]

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mechexo.config import OrchestratorSettings
    from mechexo.desk import Desk
    from mechexo.flows.orchestrators.protocol import Orchestrator

LINES = 20
MOST_LINES = 200


def standing(desk: Desk, source: str) -> Standing:
    """How the flows of one orchestrator stand, and what is wrong with them.

    Raises:
        NotFoundError, ConfigError: it is not configured, or cannot be used.
        SourceError: it could not be read.
    """
    return look_at(desk, source).standing


def look_at(desk: Desk, source: str) -> Look:
    """As `standing`, with the runs that it rests on."""
    orchestrator, table = connect(desk, source), desk.settings.orchestrators[source]
    # A run that was in trouble and is out of sight is asked for here as in the tick.
    before = looking.known_of(desk, source).look
    return read(orchestrator, table, desk.settings.flows, source, desk.clock.now(), before)


def latest_standing(desk: Desk, source: str) -> Latest[Standing]:
    """As `standing`; when the orchestrator cannot be read, what the tick learnt from it last.

    Raises:
        NotFoundError, ConfigError: as `standing`.
        SourceError: it could not be read, and nothing is known of it.
    """
    try:
        return Latest(standing(desk, source))
    except SourceError as error:
        look = looking.known_of(desk, source).look
        if look is None:
            raise
        return Latest(look.standing, str(error))


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
        since=now - table.look_back, until=now + AHEAD, deployment_id=chosen, limit=limit
    )
    return SourceRuns(source, now, _named(found.runs, deployments), found.is_cut)


def latest_runs(
    desk: Desk, source: str, *, deployment: str = "", limit: int = 50
) -> Latest[SourceRuns]:
    """As `runs`; when the orchestrator cannot be read, those of the newest that the tick kept.

    Raises:
        NotFoundError, ConfigError: as `runs`.
        SourceError: it could not be read, and nothing is known of it.
    """
    try:
        return Latest(runs(desk, source, deployment=deployment, limit=limit))
    except SourceError as error:
        look = looking.known_of(desk, source).look
        if look is None:
            raise
        deployments = tuple(one.deployment for one in look.standing.deployments)
        chosen = chosen_deployment(deployments, deployment, source).id if deployment else ""
        kept = tuple(run for run in look.runs if chosen in ("", run.deployment_id))
        # How many there were beside those that were kept is not known.
        found = SourceRuns(
            source, look.standing.observed_at, _named(kept[:limit], deployments), True
        )
        return Latest(found, str(error))


def _named(
    found: Sequence[OrchestratorRun], deployments: Sequence[Deployment]
) -> tuple[SourceRun, ...]:
    by_id = {one.id: (one.name, one.flow) for one in deployments}
    return tuple(SourceRun(run, *by_id.get(run.deployment_id, ("", ""))) for run in found)


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
    return named_flows(orchestrator.deployments(next_runs=next_runs), table)


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
