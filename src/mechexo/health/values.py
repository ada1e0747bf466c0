"""What the health wing says: the outcome of a look, a probe's state, a card."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from mechexo.value_classes import dataclass


class Status(StrEnum):
    """How something is. `unknown` ranks above `warning`: not knowing is not a small thing."""

    OK = "ok"
    WARNING = "warning"
    UNKNOWN = "unknown"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """0 for the best, 3 for the worst."""
        return list(Status).index(self)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one run of a probe found. `unknown` means that it could not look; `detail` says why."""

    status: Status
    detail: str
    value: float | str | None = None
    unit: str = ""


FLOW_KIND = "flow"
"""The kind under which the flows of the configuration stand on a card beside its probes."""

CHANNEL_KIND = "channel"
"""The kind under which the channels of the configuration stand on their card."""

CI_KIND = "ci"
"""The kind under which the repositories of `[ci]` stand on their card."""

ORCHESTRATOR_KIND = "orchestrator"
"""The kind under which the orchestrators of the configuration stand on their card."""

TOKEN_KIND = "token"
"""The kind under which tokens that end stand on the card of the channels."""

STATE_FILE_KIND = "state file"
"""The kind under which the state file stands on the card of the channels while rows of it cannot be
read."""


@dataclass(frozen=True, slots=True)
class ProbeState:
    """A probe after hysteresis, as stored. Never run: unknown, and `observed_at` is None."""

    name: str
    kind: str
    card: str
    severity: str
    status: Status
    detail: str
    value: float | str | None = None
    unit: str = ""
    observed_at: datetime | None = None
    since: datetime | None = None
    """When it took its present status."""
    latency_ms: float | None = None
    flapping: bool = False
    failures: int = 0
    """Failed runs in a row, also before `fail_after` is reached."""
    runbook: str = ""
    suspect: str = ""
    successes: int = 0
    """Runs in a row that did not fail."""
    down: bool = False
    """Whether `fail_after` was reached and `recover_after` has not been since; outlives unknown."""
    changes: tuple[datetime, ...] = ()
    """When its status changed lately, oldest first: what `flapping` is judged by."""
    halts_trading: bool = False
    """Whether trading is halted while it is critical: of flags, by their configuration."""


@dataclass(frozen=True, slots=True)
class CheckIn:
    """The last sign of life of a job."""

    job: str
    at: datetime
    ok: bool
    detail: str = ""


@dataclass(frozen=True, slots=True)
class ProbeChange:
    """A probe's status became another."""

    id: int
    probe: str
    at: datetime
    before: Status | None
    """None at its first look."""
    after: Status
    detail: str


@dataclass(frozen=True, slots=True)
class Card:
    """Probes rolled up by worst-of. A card that nothing watches is unknown and says so."""

    name: str
    status: Status
    summary: str
    observed_at: datetime | None
    """The oldest of its probes' observations: how far back the card can be trusted."""
    probes: tuple[ProbeState, ...] = ()


UPTIME_KIND = "uptime"
"""The kind under which the uptime of a window stands on the card `uptime`."""


@dataclass(frozen=True, slots=True)
class UptimeWindow:
    """`ops_ok` over one window. What is unknown is in no figure but `unknown_s`."""

    hours: int
    achieved_pct: float | None
    """Time well / time known, in per cent; None when nothing is known."""
    budget_s: float
    """Seconds that the objective allows not to be well in a whole window."""
    spent_s: float
    """Seconds that were not well."""
    known_s: float
    unknown_s: float
    """Seconds since the first sample of all in which nobody looked."""

    @property
    def budget_left_s(self) -> float | None:
        """What may still be lost; below zero when overspent, None when nothing is known."""
        return None if self.achieved_pct is None else self.budget_s - self.spent_s

    @property
    def label(self) -> str:
        """`24h`, `7d`."""
        return f"{self.hours}h" if self.hours <= 24 else f"{self.hours // 24}d"


@dataclass(frozen=True, slots=True)
class Burn:
    """How fast the error budget is spent: 1.0 spends it in exactly the objective's window."""

    long: str
    """The window that says that it matters, such as `1h`."""
    short: str
    """The window that says that it goes on, such as `5m`."""
    limit: float
    rate: float | None
    """The lower of the two windows' rates; None when too little of a window is known."""
    why_unknown: str = ""

    @property
    def is_over(self) -> bool | None:
        """Whether both windows burn above the limit; None when that is not known."""
        return None if self.rate is None else self.rate > self.limit


@dataclass(frozen=True, slots=True)
class Uptime:
    """`ops_ok` over the objective's window. `achieved_pct` is None until there is a sample."""

    objective_pct: float
    window_days: int
    achieved_pct: float | None
    """Time well / time known. Time in which nobody looked is in neither."""
    budget_left_s: float | None
    """What may still be lost in a whole window; below zero when the objective is missed."""
    known_s: float
    """Seconds of the window in which it is known how the desk was."""
    unknown_s: float
    """Seconds of the window since the first sample of all in which nobody looked."""
    windows: tuple[UptimeWindow, ...]
    """24h, 7d, 30d and the objective's own, the shortest first."""
    fast: Burn
    slow: Burn
