"""What the runbook wing says: entries and their steps."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class Step:
    """An ordered-list item with an optional command. Without `id` it can never be run."""

    number: int
    text: str
    section: str
    command: str = ""
    id: str = ""
    risk: str = "read"


@dataclass(frozen=True, slots=True)
class Entry:
    """One runbook entry."""

    id: str
    title: str
    severity: str
    owner: str
    backup_owner: str
    alerts: tuple[str, ...]
    symptoms: tuple[str, ...]
    last_reviewed: date | None
    review_every_days: int | None
    max_minutes: int | None
    requires: str
    body: str
    """The markdown after the front matter, harmless to display."""
    sections: tuple[str, ...]
    steps: tuple[Step, ...]
    origin: str
    """`shipped`, or the desk's own file."""


@dataclass(frozen=True, slots=True)
class Found:
    """A search result: the entry, how well it fits (0 to 1), and why it was found."""

    entry: Entry
    score: float
    why: str
