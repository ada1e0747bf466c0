"""What the flows wing says: runs and what they add up to."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from mechexo.flows.tallies import DayOfRuns
from mechexo.value_classes import dataclass

if TYPE_CHECKING:
    from mechexo.config import FlowSettings


class RunState(StrEnum):
    """How a run is. `lost` means that its wrapper died without recording an end; `skipped` that
    it did not take place, because another run held the flow's lock."""

    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    LOST = "lost"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class FlowRun:
    """One run of a flow. `exit_code` is None while it runs; `tail` is the end of its output.

    A skipped one is no run: it is among the listed runs only, with a negative id, no exit code,
    and in `tail` why it was skipped.
    """

    id: int
    flow: str
    state: RunState
    started_at: datetime
    ended_at: datetime | None
    duration_s: float | None
    exit_code: int | None
    tail: str


@dataclass(frozen=True, slots=True)
class FlowSummary:
    """A flow's performance over the last days. Figures are None when there is no run for them."""

    flow: str
    label: str
    days: int
    runs: int
    failed: int
    success_pct: float | None
    p50_s: float | None
    p95_s: float | None
    last: FlowRun | None
    recent_durations_s: tuple[float, ...]
    """Finished runs' durations, oldest first, at most 20."""
    overdue: bool
    """No run ended well within `expect_every`, also when none ever ran, or a clock is wrong."""
    why_overdue: str = ""
    """In words; empty when it is not overdue."""
    slow: bool = False
    """The newest run takes, or took, longer than `usual`."""
    by_day: tuple[DayOfRuns, ...] = ()
    """The days of the window, oldest first; the first one only from where the window begins."""
    usual_s: float | None = None
    """How long a run usually takes at most: as the configuration says, else the p95."""
    expected_by: datetime | None = None
    """When the next run should have ended well; None when it is not expected at a time."""


@dataclass(frozen=True, slots=True)
class FlowStanding:
    """How a flow that is looked after stands now."""

    flow: str
    label: str
    settings: FlowSettings
    """As the configuration has them, or else as its job said."""
    runs: bool
    """Whether a run is under way."""
    ended: FlowRun | None
    """The newest run that ended, a lost one included; None when there is none."""
    why_overdue: str = ""
    """In words; empty when it is not overdue."""


@dataclass(frozen=True, slots=True)
class Expectation:
    """How often a job said of itself that a run must end well, and how much later it may."""

    expect_every: timedelta
    grace: timedelta
