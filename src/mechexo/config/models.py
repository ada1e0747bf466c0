"""The shape of mechexo.toml. Each field's docstring is its documentation.

Unknown keys are errors everywhere but in `[probes.*]`, whose further keys belong to the probe's
kind and are checked by it.
"""

from __future__ import annotations

import re
from datetime import time, timedelta
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from mechexo.actor import Role
from mechexo.errors import UsageError
from mechexo.times import parse_duration

Severity = Literal["critical", "high", "medium", "low", "info"]
RoleName = Literal["viewer", "responder", "operator", "admin"]


def _duration(value: object) -> object:
    if isinstance(value, timedelta):
        return value
    if not isinstance(value, str):
        raise ValueError("a duration in quotes, like 90s, 15m, 2h or 7d")
    try:
        return parse_duration(value)
    except UsageError:
        raise ValueError("a duration like 90s, 15m, 2h or 7d") from None


def _positive(value: timedelta) -> timedelta:
    if value <= timedelta(0):
        raise ValueError("a duration longer than zero")
    return value


def _zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("an IANA time zone like America/New_York or UTC") from None
    return value


def _clock_time(value: object) -> object:
    if isinstance(value, str) and re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", value):
        return time.fromisoformat(value)
    if isinstance(value, time):
        return value
    raise ValueError("a time of day in quotes, like 22:00")


Duration = Annotated[timedelta, BeforeValidator(_duration), AfterValidator(_positive)]
Zone = Annotated[str, AfterValidator(_zone)]
ClockTime = Annotated[time, BeforeValidator(_clock_time)]


class Table(BaseModel):
    """A table of the file: frozen, and no key that we do not know."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class DeskSettings(Table):
    """`[desk]`: which desk this is."""

    name: str = Field(min_length=1, max_length=40)
    """Shown in the header and in every message."""
    mode: Literal["paper", "live"] = "paper"
    """`live` when real money is at stake: changes then need a reason."""
    zone: Zone = "UTC"
    """The time zone of the screens. Records stay in UTC."""
    state: str = "state/mechexo.sqlite"
    """The state file, beside this file unless absolute. On a local disk."""


class RefreshSettings(Table):
    """`[refresh]`: how often things are looked at."""

    dashboard: Duration = timedelta(minutes=5)
    """How often the console reads everything again."""
    tick: Duration = timedelta(minutes=1)
    """How often cron (or the server) runs `mechexo tick`."""


class AccessSettings(Table):
    """`[access]`: who may do what, by user name or uid."""

    admin: tuple[str, ...] = ()
    operator: tuple[str, ...] = ()
    responder: tuple[str, ...] = ()
    viewer: tuple[str, ...] = ()
    owner_is_admin: bool = True
    """The owner of this file is admin unless listed otherwise."""
    others: RoleName = "viewer"
    """The role of everyone who is not listed."""

    def names(self, role: Role) -> frozenset[str]:
        """The user names and uids listed for a role."""
        return frozenset(getattr(self, role.label))


class CardSettings(Table):
    """`[cards]`: which health cards there are."""

    show: tuple[str, ...] = ("system", "trading", "risk", "data", "flows", "ci", "capital")
    """Shown in this order, also without a probe; cards that only probes name come after."""


class ProbeSettings(BaseModel):
    """`[probes.NAME]`: one thing to watch. Keys not listed here belong to its kind."""

    model_config = ConfigDict(extra="allow", frozen=True, use_attribute_docstrings=True)

    kind: str
    """http, tcp, host, process, freshness, sql, prometheus, heartbeat, flag, or a plug-in's."""
    card: str = "system"
    """The card it belongs to."""
    severity: Severity = "high"
    """How bad it is when it fails; `critical` also takes ops_ok away."""
    every: Duration = timedelta(minutes=1)
    timeout: Duration = timedelta(seconds=5)
    fail_after: int = Field(default=2, ge=1, le=100)
    """Failures in a row until it is critical."""
    recover_after: int = Field(default=2, ge=1, le=100)
    """Successes in a row until it is well again."""
    runbook: str = ""
    """The runbook entry of its alert."""
    suspect: str = ""
    """The configured file or flow that a rollback of its alert would start from."""

    @property
    def options(self) -> dict[str, Any]:
        """The keys that belong to the probe's kind."""
        return dict(self.model_extra or {})


class AlertSettings(Table):
    """`[alerts]`."""

    first_escalation: Duration = timedelta(minutes=15)
    """How long a critical alert may stay unacknowledged before ops_ok is false."""
    keep_resolved: Duration = timedelta(days=90)
    """How long resolved alerts stay in the history."""


class ChannelSettings(Table):
    """`[channels.NAME]`: where alerts go."""

    url: str = Field(min_length=1)
    """An Apprise URL with its secrets by reference, or `file:///path` for a mailbox file."""
    severities: tuple[Severity, ...] = ("critical", "high", "medium")
    """Which alerts it gets."""
    timeout: Duration = timedelta(seconds=8)
    """How long one attempt may take; at most 10s counts."""


class OnCallSettings(Table):
    """`[oncall]`: who is told first, second, third."""

    level1: str = ""
    level2: str = ""
    level3: str = ""


class QuietHoursSettings(Table):
    """`[quiet_hours]`: when only critical alerts page."""

    enabled: bool = True
    start: ClockTime = time(22, 0)
    end: ClockTime = time(6, 0)
    zone: Zone | None = None
    """The desk's zone unless set."""


class CostSettings(Table):
    """`[costs]`: where fills and quotes are and how they are matched."""

    fills: str = ""
    """Parquet or CSV glob, or `sqlite:///path?table=NAME`."""
    quotes: str = ""
    """Parquet or CSV glob, or `sqlite:///path?table=NAME`."""
    currency: str = "USD"
    """The desk's base currency: the unit of every amount."""
    zone: Zone | None = None
    """The exchange's zone, for days and hours; the desk's unless set."""
    naive_zone: Zone | None = None
    """The zone of timestamps that carry none; without it they are refused."""
    max_age: Duration = timedelta(seconds=60)
    """A quote older than this is not a reference."""
    quote_rule: Literal["strictly_before", "at_or_before"] = "strictly_before"
    suspect_pct: float = Field(default=5.0, gt=0)
    """A fill further than this from its mid is listed as suspect and left out of the headline."""
    fill_columns: dict[str, str] = {}
    """Our column name = the file's, where they differ."""
    quote_columns: dict[str, str] = {}
    """Our column name = the file's, where they differ."""


class RollbackSettings(Table):
    """`[rollback]`: what can be taken back."""

    repository: str = ""
    """The git repository of flow code and configuration."""
    configs: tuple[str, ...] = ()
    """Globs, inside the repository, of the files that may be rolled back."""


class RunbookSettings(Table):
    """`[runbook]`."""

    folder: str = ""
    """The desk's own entries; they override the shipped ones by id."""
    variables: dict[str, str] = {}
    """Names that the entries may use, as `$NAME`."""


class FlowSettings(Table):
    """`[flows.NAME]`: a job that the desk runs."""

    label: str = ""
    """What it is called on screens."""
    expect_every: Duration | None = None
    """A run must end well this often."""
    usual: Duration | None = None
    """How long it may take before it is called slow."""


class UptimeSettings(Table):
    """`[uptime]`: the objective that `status` measures against."""

    objective_pct: float = Field(default=99.5, gt=0, lt=100)
    window_days: int = Field(default=30, ge=1, le=366)


class ConsoleSettings(Table):
    """`[console]`: how the screens look."""

    theme: Literal["ansi-dark", "ansi-light"] = "ansi-dark"
    ascii: bool = False
    """Only ASCII glyphs, for terminals without others."""
    mouse: bool = False
    colour_axis: Literal["red-green", "blue-yellow"] = "red-green"
    """`blue-yellow` when red and green look alike to you."""


class Settings(Table):
    """The whole file."""

    desk: DeskSettings
    refresh: RefreshSettings = RefreshSettings()
    access: AccessSettings = AccessSettings()
    cards: CardSettings = CardSettings()
    probes: dict[str, ProbeSettings] = {}
    alerts: AlertSettings = AlertSettings()
    channels: dict[str, ChannelSettings] = {}
    oncall: OnCallSettings = OnCallSettings()
    quiet_hours: QuietHoursSettings = QuietHoursSettings()
    costs: CostSettings = CostSettings()
    rollback: RollbackSettings = RollbackSettings()
    runbook: RunbookSettings = RunbookSettings()
    flows: dict[str, FlowSettings] = {}
    uptime: UptimeSettings = UptimeSettings()
    console: ConsoleSettings = ConsoleSettings()
