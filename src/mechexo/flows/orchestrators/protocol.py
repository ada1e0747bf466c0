"""What an orchestrator must be able to do, and what goes wrong in asking it.

A kind is a module (or any object) with `connect(access) -> Orchestrator`. Other packages add kinds
through the entry-point group `mechexo.orchestrators`:

    [project.entry-points."mechexo.orchestrators"]
    luigi = "our_package.luigi"
"""

from __future__ import annotations

from dataclasses import field
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from mechexo.errors import ConflictError, NotFoundError, UnreachableError
from mechexo.value_classes import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mechexo.flows.orchestrators.values import (
        Accepted,
        Deployment,
        LogLine,
        OrchestratorRun,
        Runs,
    )
    from mechexo.flows.orchestrators.versions import Definition


@dataclass(frozen=True, slots=True)
class Access:
    """Where an orchestrator is and how it is entered; secrets are filled in and not shown."""

    name: str
    """What the configuration calls it."""
    url: str = field(repr=False)
    timeout: timedelta
    token: str = field(default="", repr=False)
    user: str = ""
    password: str = field(default="", repr=False)
    ca_file: Path | None = None
    ends_at_s: float | None = None
    """From then on, by `time.monotonic`, nobody waits for an answer; None when somebody does."""


class SourceError(UnreachableError):
    """An orchestrator could not be asked, or its answer could not be used."""


class GarbledError(SourceError):
    """Its answer is not of the shape that its documentation gives."""


class RefusedForNowError(SourceError):
    """It answered that it is not to be asked now; its headers may say until when."""

    def __init__(self, text: str, status: int, headers: Mapping[str, str]) -> None:
        super().__init__(text)
        self.status = status
        self.headers = headers


class MissingError(NotFoundError):
    """It answered, and knows no such deployment or run."""


class RefusedError(ConflictError):
    """The orchestrator did not do what it was asked for, and nothing changed."""


class OutcomeUnknownError(UnreachableError):
    """An action was sent and no usable answer came: it may have been done."""


class Orchestrator(Protocol):
    """One orchestrator. Reading raises `SourceError`; acting also `RefusedError` when nothing was
    done and `OutcomeUnknownError` when that is not known."""

    def version(self) -> str:
        """Its version, as told to one who is let in; "" when it tells none."""
        ...

    def deployments(self, *, next_runs: bool) -> tuple[Deployment, ...]:
        """All that it has deployed, by name. `next_runs`: also when each runs next, where that has
        to be asked for; `tells_next_run` says whether it was."""
        ...

    def runs(self, *, since: datetime, until: datetime, deployment_id: str, limit: int) -> Runs:
        """The newest runs whose time lies between two moments, of one deployment or ("") all."""
        ...

    def run(self, run_id: str) -> OrchestratorRun:
        """One run as it stands.

        Raises:
            MissingError: there is none of that id.
        """
        ...

    def log_tail(self, run_id: str, lines: int) -> tuple[LogLine, ...]:
        """The last messages of a run's log, oldest first."""
        ...

    def run_now(self, deployment_id: str, *, key: str) -> Accepted:
        """Begins a run. Asked twice with the same key it begins one, where it knows keys."""
        ...

    def retry(self, run_id: str, *, why: str) -> Accepted:
        """Runs a run that has ended once more."""
        ...

    def cancel(self, run_id: str, *, why: str) -> Accepted:
        """Ends a run that has not ended."""
        ...

    def pause(self, deployment_id: str) -> Accepted:
        """Lets a deployment begin no run by itself."""
        ...

    def resume(self, deployment_id: str) -> Accepted:
        """Lets a deployment run by its schedule again."""
        ...


@runtime_checkable
class ByIds(Protocol):
    """An orchestrator that can be asked for many runs at once."""

    def runs_by_ids(self, ids: Sequence[str]) -> tuple[OrchestratorRun, ...]:
        """Those of them that there are, as they stand; newest first."""
        ...


@runtime_checkable
class Redeployable(Protocol):
    """An orchestrator that tells how its deployments are defined, and takes a definition back."""

    def definitions(self) -> tuple[Definition, ...]:
        """How each of its deployments is defined now."""
        ...

    def definition(self, deployment_id: str) -> Definition:
        """How one is defined now.

        Raises:
            MissingError: there is none of that id.
        """
        ...

    def redefine(self, deployment_id: str, fields: Mapping[str, Any]) -> None:
        """Sets these fields of a deployment, and no other."""
        ...
