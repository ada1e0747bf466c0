"""How an orchestrator's flows stand, and what is known of that when it cannot be asked."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Generic, TypeVar

from mechexo.flows.orchestrators.values import Deployment, OrchestratorRun
from mechexo.outside import Standing as Asking
from mechexo.value_classes import dataclass

if TYPE_CHECKING:
    from mechexo.flows.orchestrators.rules import Observation

Found = TypeVar("Found")


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

    @property
    def names(self) -> dict[str, str]:
        """The deployments' names by their ids."""
        return {one.deployment.id: one.deployment.name for one in self.deployments}


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


@dataclass(frozen=True, slots=True)
class Latest(Generic[Found]):
    """What was asked for: as it is now, or as it was when the orchestrator last answered."""

    found: Found
    why: str = ""
    """Why it is not of now: the orchestrator's silence in words; empty when it is of now."""

    @property
    def is_current(self) -> bool:
        """Whether it is of now."""
        return not self.why


@dataclass(frozen=True, slots=True)
class Look:
    """All that one look at an orchestrator brought."""

    standing: Standing
    runs: tuple[OrchestratorRun, ...]
    """Those that were read, newest first; of a look that was kept the newest of them."""
    note: str = ""
    """What could not be learnt beside it; empty when nothing was missed."""


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a configured orchestrator, and how old that is. Asks nobody."""

    name: str
    kind: str
    look: Look | None
    """The last good one; None when there never was one for this configuration."""
    good_at: datetime | None
    """When that was so."""
    asked_at: datetime | None
    why: str
    """Why the last question brought nothing; empty when it did."""
    standing: Asking
    until: datetime | None
    """While open or held: until when it is not asked."""
    failures: int
    """Failures in a row."""
