"""What the rollback wing says: plans, their changes and guards, commits."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


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

    @property
    def empty(self) -> bool:
        """Whether there is nothing to do."""
        return not self.changes


@dataclass(frozen=True, slots=True)
class Change:
    """One commit on the deployed line that touched watched files."""

    commit: str
    at: datetime
    author: str
    subject: str
    paths: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Suspect:
    """The change that a rollback would most likely undo, and the time to go back to."""

    path: str
    change: Change
    to: datetime
    why: str
