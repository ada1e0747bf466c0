"""What CI systems say, in one language."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from mechexo.outside import Standing
from mechexo.value_classes import dataclass


class CiState(StrEnum):
    """How a run is, as we read it. A word that we do not know is `unknown`, never `passed`."""

    WAITING = "waiting"
    RUNNING = "running"
    PASSED = "passed"
    FAILED = "failed"
    STOPPED = "stopped"
    """It ended and decided nothing: cancelled, skipped, stale, neutral, waiting for a person."""
    UNKNOWN = "unknown"

    @property
    def decides(self) -> bool:
        """Whether such a run says how its branch is; one that we cannot read does, as unknown."""
        return self in (CiState.PASSED, CiState.FAILED, CiState.UNKNOWN)


@dataclass(frozen=True, slots=True)
class CiRun:
    """One run of a workflow (a pipeline). All its texts are one line that steers no terminal."""

    id: str
    workflow: str
    branch: str
    state: CiState
    status: str
    """The system's own word."""
    conclusion: str | None
    """The system's own word for how it ended; None while it has not, or where it has none."""
    commit: str
    """The commit's id, empty when it was not said."""
    title: str
    link: str
    """An http(s) address of the run's page, or empty."""
    event: str
    number: int | None
    attempt: int | None
    started_at: datetime
    ended_at: datetime | None
    """When it changed last, of a run that ended."""
    file: str = ""
    """What tells its workflow from another of the same name; empty where the name is all."""

    @property
    def place(self) -> tuple[str, str]:
        """What it decides about: a branch, and a workflow of it."""
        return self.branch, self.file or self.workflow

    @property
    def duration_s(self) -> float | None:
        """Seconds from its start to its end; None while it has none."""
        if self.ended_at is None:
            return None
        return max((self.ended_at - self.started_at).total_seconds(), 0.0)


@dataclass(frozen=True, slots=True)
class CiPage:
    """What is kept of one list of runs, for the next question: its runs and its ETag."""

    path: str
    """The address asked for, without the base."""
    etag: str
    runs: tuple[CiRun, ...]
    next: str = ""
    """The path of the page after it; empty on the last, `elsewhere` when it is not to be asked."""


@dataclass(frozen=True, slots=True)
class CiLook:
    """What a look at a repository brought: its pages, and the deciding runs seen earlier that are
    on none of them any more."""

    pages: tuple[CiPage, ...]
    earlier: tuple[CiRun, ...] = ()
    silent_since: datetime | None = None
    """Since when looks show no run of the default branch, or of a workflow that is named; None when
    there is one of each."""

    @property
    def runs(self) -> tuple[CiRun, ...]:
        """The runs of all pages, the newest first, each once."""
        found = {run.id: run for page in reversed(self.pages) for run in page.runs}
        return tuple(sorted(found.values(), key=lambda run: run.started_at, reverse=True))


@dataclass(frozen=True, slots=True)
class CiBadge:
    """How a workflow of a branch is: by its newest run that decides, whatever runs now."""

    branch: str
    workflow: str
    state: CiState
    run: CiRun
    """The run that says so; when none decided yet, the newest."""
    under_way: CiRun | None = None
    """The newer run that has not ended."""


@dataclass(frozen=True, slots=True)
class CiStanding:
    """What is known of a configured repository, and how old that is."""

    name: str
    kind: str
    repository: str
    default_branch: str
    branches: tuple[str, ...]
    badges: tuple[CiBadge, ...]
    runs: tuple[CiRun, ...]
    """Newest first."""
    good_at: datetime | None
    """When that was so; None when it was never learnt."""
    asked_at: datetime | None
    why: str
    """Why the last question brought nothing; empty when it did."""
    standing: Standing
    until: datetime | None
    """While open or held: until when it is not asked."""
    failures: int
    silent: tuple[str, ...] = ()
    """The named workflows of whose runs on the default branch none is known."""
    silent_since: datetime | None = None
    """Since when there is one, or no run on the default branch at all."""
