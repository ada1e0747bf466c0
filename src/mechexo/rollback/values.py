"""What the rollback wing says: plans, their changes and guards, commits."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from mechexo.value_classes import dataclass


@dataclass(frozen=True, slots=True)
class PlannedChange:
    """One path of a plan: what would happen to it."""

    path: str
    action: str
    """restore (it is missing now), revert (its content differs), delete, or mode."""
    old_blob: str | None
    """The object id of what is there now; None when nothing is."""
    new_blob: str | None
    added: int
    removed: int
    binary: bool


@dataclass(frozen=True, slots=True)
class Guard:
    """A condition of the plan and whether it holds."""

    name: str
    ok: bool
    detail: str
    overridden: bool = False
    """Whether it did not hold and was set aside by name."""


@dataclass(frozen=True, slots=True)
class ChangedKey:
    """One value of a YAML, TOML or JSON file that would change; secrets are masked."""

    file: str
    path: str
    old: str | None
    """None when the key is not there now."""
    new: str | None


@dataclass(frozen=True, slots=True)
class PlannedFlag:
    """One flag of a plan: what would be done about it."""

    name: str
    old: str
    new: str
    direction: str
    """up, down, neutral or unknown: whether the change adds risk."""
    when: str
    """first (before any file), after (the files), or re-arm (never by a rollback)."""
    version: int
    """The number of its last change in the flags' history; 0 when it has none."""
    old_written: str
    """The value with its type, as JSON."""
    new_written: str


@dataclass(frozen=True, slots=True)
class Plan:
    """A dry-run rollback. Making it changed nothing."""

    id: str
    digest: str
    """SHA-256 over everything the plan assumed."""
    target: str
    to: datetime
    commit: str
    commit_time: datetime
    commit_subject: str
    source: str
    """Which record spoke about the time: the ledger, the reflog or the commit times."""
    changes: tuple[PlannedChange, ...]
    guards: tuple[Guard, ...]
    diff: str
    """Unified text with secrets masked."""
    made_at: datetime
    keys: tuple[ChangedKey, ...] = ()
    flags: tuple[PlannedFlag, ...] = ()
    expires_at: datetime | None = None
    """Until when it can be applied; None of a plan that cannot be (any more)."""
    made_by: str = ""
    undoes: str = ""
    """The rollback that it would take back."""

    @property
    def empty(self) -> bool:
        """Whether there is nothing to do."""
        return not self.changes and not any(flag.when != "re-arm" for flag in self.flags)

    @property
    def held_back(self) -> tuple[Guard, ...]:
        """The guards that do not hold: while there is one it is not applied."""
        return tuple(guard for guard in self.guards if not guard.ok)


class RunState(StrEnum):
    """How far an application of a plan has come, or how it ended."""

    UNDER_WAY = "under way"
    APPLIED = "applied"
    """Everything is as the plan says."""
    REDEPLOY_FAILED = "redeploy failed"
    """Files, commit and flags are as the plan says; the orchestrator has not been told."""
    UNDONE = "undone"
    """It failed and everything was put back."""
    NEEDS_HUMAN = "needs a person"
    """It failed, and something was changed by others meanwhile: it could not be put back."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step of an application, as it was done."""

    at: datetime
    name: str
    detail: str
    ok: bool = True


@dataclass(frozen=True, slots=True)
class Run:
    """The application of a plan."""

    id: str
    """The plan's id: a plan is applied once."""
    target: str
    state: RunState
    started_at: datetime
    ended_at: datetime | None
    actor: str
    reason: str
    old_commit: str
    new_commit: str
    """The commit that was made; empty when none was."""
    steps: tuple[Step, ...]
    undo_plan: str = ""
    """The id of the plan that takes it back."""


@dataclass(frozen=True, slots=True)
class Change:
    """One commit on the deployed line that touched watched files."""

    commit: str
    at: datetime
    author: str
    subject: str
    paths: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Hold:
    """A commit that was rolled back and is not to be deployed again until it is released."""

    repository: str
    commit: str
    run_id: str
    since: datetime
