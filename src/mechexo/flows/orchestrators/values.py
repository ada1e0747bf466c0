"""What an orchestrator says of its flows, in our words. Moments are UTC, durations seconds."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from mechexo.value_classes import dataclass


class Phase(StrEnum):
    """How a run stands, whatever its orchestrator calls that. `unknown` is a state that we do not
    know: shown by its own name, never taken for a good one."""

    SCHEDULED = "scheduled"
    LATE = "late"
    PENDING = "pending"
    RUNNING = "running"
    PAUSED = "paused"
    CANCELLING = "cancelling"
    COMPLETED = "completed"
    FAILED = "failed"
    CRASHED = "crashed"
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"


WAITING = frozenset({Phase.SCHEDULED, Phase.LATE, Phase.PENDING})
"""It has not started."""
UNDER_WAY = frozenset({Phase.RUNNING, Phase.PAUSED, Phase.CANCELLING})
NOT_WELL = frozenset({Phase.FAILED, Phase.CRASHED})
ENDED = frozenset({Phase.COMPLETED, Phase.CANCELLED}) | NOT_WELL


@dataclass(frozen=True, slots=True)
class Schedule:
    """When a deployment runs by itself."""

    text: str
    """A cron expression, an interval or a rule, as its orchestrator has it."""
    zone: str
    """Its IANA zone; empty when it is not told."""
    active: bool | None
    """None when it is not told."""


@dataclass(frozen=True, slots=True)
class Deployment:
    """A flow as it is deployed: what can be run, and when it runs by itself."""

    id: str
    name: str
    """What people call it: `flow/deployment`, a DAG's id, `location/repository/job`."""
    paused: bool | None
    """None when it is not told."""
    schedules: tuple[Schedule, ...]
    status: str = ""
    """In the orchestrator's words, such as whether a worker is there for it."""
    version: str = ""
    created_at: datetime | None = None
    next_run_at: datetime | None = None
    tells_next_run: bool = False
    """Whether that there is no next run means that none is planned."""
    flow: str = ""
    """The flow of `[flows]` that it is; empty when the configuration does not say."""

    @property
    def runs_by_itself(self) -> bool:
        """Whether a schedule of it is at work."""
        return not self.paused and any(each.active is not False for each in self.schedules)


@dataclass(frozen=True, slots=True)
class OrchestratorRun:
    """One run. What is not known is None."""

    id: str
    deployment_id: str
    """Empty when it belongs to no deployment."""
    name: str
    phase: Phase
    state: str
    """As its orchestrator calls it."""
    due_at: datetime | None
    """When it should have started, or should start."""
    started_at: datetime | None
    ended_at: datetime | None
    duration_s: float | None
    """Of a run under way: so far."""
    late_s: float | None
    """How long after its time it started, or has not started yet."""
    retries: int | None
    reason: str = ""
    """What its orchestrator says of the state: of a failed run why it failed. One line."""


@dataclass(frozen=True, slots=True)
class LogLine:
    """One message of a run's log; `at` and `level` are None and "" when they are not told."""

    at: datetime | None
    level: str
    text: str


@dataclass(frozen=True, slots=True)
class Runs:
    """Runs, newest first. `is_cut`: there are more than were asked for."""

    runs: tuple[OrchestratorRun, ...]
    is_cut: bool


@dataclass(frozen=True, slots=True)
class Accepted:
    """What the orchestrator answered to an action that it took on."""

    run_id: str
    """The run that it is about; empty when it is about a deployment."""
    state: str
    """What stands now, in the orchestrator's words."""


class Action(StrEnum):
    """What can be asked of an orchestrator."""

    RUN_NOW = "run-now"
    RETRY = "retry"
    CANCEL = "cancel"
    PAUSE = "pause"
    RESUME = "resume"


ON_RUNS = frozenset({Action.RETRY, Action.CANCEL})
"""The actions whose target is a run; that of the others is a deployment."""
