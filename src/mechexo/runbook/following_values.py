"""What following an entry says: ticks, runs, how far an incident is, what a run would do."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from mechexo.errors import BusyError, StateError
from mechexo.runbook.values import Entry, Step
from mechexo.value_classes import dataclass


class StepOutcome(StrEnum):
    """How a run of a step stands. Only `OK` is well."""

    RUNNING = "running"
    OK = "ok"
    FAILED = "failed"
    """It ended with an exit code that is none of the step's good ones, or could not start."""
    UNEXPECTED = "unexpected"
    """It ended well, but what it said does not match the step's `expect`."""
    TIMED_OUT = "timed_out"
    CANCELLED = "cancelled"
    """A person ended it before its time."""
    UNKNOWN = "unknown"
    """Who ran it died before its end was recorded: nobody knows what the command did."""

    @property
    def word(self) -> str:
        """Glyph and word, as every face shows it."""
        return _WORDS[self]


_WORDS = {
    StepOutcome.RUNNING: "… running",
    StepOutcome.OK: "● ok",
    StepOutcome.FAILED: "✖ failed",
    StepOutcome.UNEXPECTED: "✖ unexpected output",
    StepOutcome.TIMED_OUT: "✖ timed out",
    StepOutcome.CANCELLED: "▲ cancelled",
    StepOutcome.UNKNOWN: "? outcome unknown",
}


class StepGoesOnError(BusyError):
    """Somebody runs the step now."""


class EndNotRecordedError(StateError):
    """The step was run; only how it ended could not be recorded."""


@dataclass(frozen=True, slots=True)
class Tick:
    """The newest word on a step: done, or taken back."""

    step_key: str
    ticked: bool
    at: datetime
    by: str


@dataclass(frozen=True, slots=True)
class StepRun:
    """One run of a step's command for an incident."""

    id: int
    incident_id: int
    entry_id: str
    step_id: str
    command: str
    """As it was shown and run, secrets hidden."""
    folder: str
    host: str
    by: str
    started_at: datetime
    ended_at: datetime | None = None
    outcome: StepOutcome = StepOutcome.RUNNING
    exit_code: int | None = None
    """As a shell says it: 128 + n for a signal. None when it did not end by itself."""
    duration_s: float | None = None
    output: str = ""
    """The end of what it said, harmless to show."""
    why: str = ""
    """Why it is not well, when the exit code does not say so."""

    @property
    def well(self) -> bool:
        """Whether it ended as a good run ends."""
        return self.outcome is StepOutcome.OK


@dataclass(frozen=True, slots=True)
class StepState:
    """A step as it stands in an incident."""

    step: Step
    ticked: bool = False
    ticked_by: str = ""
    ticked_at: datetime | None = None
    run: StepRun | None = None
    """Its newest run."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an incident is with one entry."""

    incident_id: int
    entry: Entry
    steps: tuple[StepState, ...]
    last_change: str = ""
    """Changes whenever a tick or a run of the incident does."""

    @property
    def ticked(self) -> int:
        """How many of the steps are ticked."""
        return sum(each.ticked for each in self.steps)


@dataclass(frozen=True, slots=True)
class Preview:
    """What running a step would do; nothing has been run."""

    entry_id: str
    step_id: str
    command: str
    """Exactly what would be run, secrets hidden."""
    folder: str
    host: str
    user: str
    environment: tuple[tuple[str, str], ...]
    """What is set for it besides what mechexo's own environment holds."""
    timeout_s: int
    risk: str
    confirm: str
    """`typed` when the step's id has to be typed, `yes` when a yes will do, empty when blocked."""
    needs_role: str
    needs_reason: bool
    blocked: str = ""
    """Why it cannot be run; empty when it can."""
    exits: tuple[int, ...] = (0,)
    expect: str = ""
    undo: str = ""
