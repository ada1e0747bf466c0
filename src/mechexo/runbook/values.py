"""What the runbook wing says: entries and their steps, search results, findings, exports."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import field
from datetime import date
from pathlib import Path

from mechexo.value_classes import dataclass

SECTIONS = (
    "First 60 seconds",
    "Meaning",
    "Impact",
    "Diagnosis",
    "Decision table",
    "Mitigation",
    "Verify recovery",
    "Roll back / undo",
    "Escalate",
    "Communicate",
    "After",
)
"""The sections of every entry, in this order."""


def _slug(text: str) -> str:
    return "-".join(re.findall(r"[a-z0-9]+", text.lower()))


@dataclass(frozen=True, slots=True)
class Step:
    """An ordered-list item with an optional command. Without `id` it can never be run."""

    number: int
    text: str
    section: str
    command: str = ""
    id: str = ""
    risk: str = "read"
    confirm: str = ""
    """`typed` when the person must type the step's id before it may run."""
    expect: str = ""
    """A regular expression that the output of a good run matches."""
    timeout_s: int | None = None
    undo: str = ""
    """The id of the step that takes this one back."""
    line: int = 0
    """Where it is in the file, from 1."""
    unset: tuple[str, ...] = ()
    """Variables of the command that the desk has not set: it cannot be run as it stands."""
    exits: tuple[int, ...] = (0,)
    """The exit codes of a good run: a diagnosis such as `mechexo status` says with its own how the
    desk is, and has not failed for that."""
    background: str = "end"
    """What becomes of what a change leaves running when it ends by itself: `end` or `keep`."""
    repeat: int = 1
    """How often its name has come up in the entry by here: 1 unless names are used twice."""

    @property
    def key(self) -> str:
        """What a tick is kept under: its id, or `first-60-seconds#2` (its section and number)."""
        name = self.id or f"{_slug(self.section) or 'before'}#{self.number}"
        return name if self.repeat == 1 else f"{name}#{self.repeat}"


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
    path: Path | None = None
    last_drilled: date | None = None
    schema: int | None = None
    source: str = ""
    """The whole file as it is, front matter included, variables not filled in; harmless too."""
    problems: tuple[str, ...] = ()
    """Why (a part of) the file could not be read; the rest is shown all the same."""
    unset: tuple[str, ...] = ()
    """Variables that it uses and the desk has not set."""
    extends: str = ""
    """`shipped` when it is the desk's own and says only what is other than in the shipped one."""


@dataclass(frozen=True, slots=True)
class Found:
    """A search result: the entry, how well it fits (0 to 1), and why it was found."""

    entry: Entry
    score: float
    why: str


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that `runbook check` holds against an entry. A warning does not fail the check."""

    path: str
    line: int
    message: str
    level: str = "error"
    """`error` breaks a rule; `warning` is a remark: the entry can be used, but not all of it."""

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.message}"


@dataclass(frozen=True, slots=True)
class KnownCommand:
    """A command of mechexo's own tree, as far as an entry can be held to it."""

    options: Mapping[str, bool] = field(default_factory=dict)
    """Option name -> whether it takes a value."""
    subcommands: Mapping[str, KnownCommand] = field(default_factory=dict)
    required_arguments: int = 0
    most_arguments: int | None = 0
    """None when it takes any number of them."""
    needs_subcommand: bool = False


@dataclass(frozen=True, slots=True)
class DeskNames:
    """What a desk's configuration has a name for, as far as entries can name it too."""

    alerts: frozenset[str] = frozenset()
    """The alerts that can be raised here; patterns with `*` among them."""
    flows: frozenset[str] = frozenset()
    deployments: frozenset[str] = frozenset()
    """The flows that can be rolled back."""
    flags: frozenset[str] = frozenset()
    owners: frozenset[str] = frozenset()
    """Who may own an entry; none: the configuration does not say."""


@dataclass(frozen=True, slots=True)
class Exported:
    """What an export wrote, with the SHA-256 of each file."""

    path: Path
    files: tuple[tuple[str, str], ...]
    entries: int
