"""The shape of mechexo.toml. Each field's docstring is its documentation.

The tables are plain frozen dataclasses which pydantic validates (`config/loading.py`); their checks
are in `config/fields.py`. Unknown keys are errors everywhere but in `[probes.*]`, whose further
keys belong to the probe's kind and are checked by it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import field, fields
from datetime import timedelta
from typing import Annotated, Any, Literal

from mechexo.actor import Role
from mechexo.config.alerting import (
    AlertSettings,
    ChannelSettings,
    EscalationSettings,
    MaintenanceSettings,
    OnCallSettings,
    PersonSettings,
    QuietHoursSettings,
    RouteSettings,
    SuppressionSettings,
)
from mechexo.config.ci import CiSettings
from mechexo.config.costs import CostSettings
from mechexo.config.fields import (
    Duration,
    RoleName,
    Severity,
    Table,
    Wait,
    Zone,
    at_least,
    at_most,
    between,
    text,
)
from mechexo.config.grafana import GrafanaSettings
from mechexo.config.incidents import IncidentSettings
from mechexo.config.market import MarketSettings
from mechexo.config.orchestrators import OrchestratorSettings
from mechexo.config.resources import PrometheusSettings, ResourceSettings
from mechexo.config.risk import RiskTables
from mechexo.config.rollback import RollbackSettings
from mechexo.value_classes import dataclass


@dataclass(frozen=True, kw_only=True)
class DeskSettings(Table):
    """`[desk]`: which desk this is."""

    name: Annotated[str, text(40)]
    """Shown in the header and in every message."""
    mode: Literal["paper", "live"] = "paper"
    """`live` when real money is at stake: changes then need a reason, acknowledging does not."""
    zone: Zone = "UTC"
    """The time zone of the screens. Records stay in UTC."""
    state: str = "state/mechexo.sqlite"
    """The state file, beside this file unless absolute. On a local disk."""


@dataclass(frozen=True, kw_only=True)
class RefreshSettings(Table):
    """`[refresh]`: how often things are looked at."""

    dashboard: Duration = timedelta(minutes=5)
    """How often the console reads everything again."""
    tick: Duration = timedelta(minutes=1)
    """How often cron (or the server) runs `mechexo tick`."""


@dataclass(frozen=True, kw_only=True)
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


@dataclass(frozen=True, kw_only=True)
class CardSettings(Table):
    """`[cards]`: which health cards there are."""

    show: tuple[str, ...] = ("system", "trading", "risk", "data", "flows", "ci", "capital")
    """Shown in this order, also without a probe; cards that only probes name come after. `uptime`
    among them also has the windows of the uptime objective."""


@dataclass(frozen=True, kw_only=True)
class ProbeSettings(Table):
    """`[probes.NAME]`: one thing to watch. Keys not listed here belong to its kind."""

    kind: str
    """http, tcp, host, process, timer, freshness, sql, prometheus, heartbeat, flag, or another
    package's."""
    card: str = "system"
    """The card it belongs to."""
    severity: Severity = "high"
    """How bad it is when it fails; `critical` also takes ops_ok away."""
    every: Duration = timedelta(minutes=1)
    timeout: Annotated[Duration, at_most("5s", "a tick looks no longer")] = timedelta(seconds=5)
    """How long one look may take; at most 5s, because the whole tick ends within 12s."""
    fail_after: Annotated[int, between(1, 100)] = 2
    """Failures in a row until it is critical."""
    recover_after: Annotated[int, between(1, 100)] = 2
    """Successes in a row until it is well again."""
    runbook: str = ""
    """The runbook entry of its alert."""
    suspect: str = ""
    """The configured file or flow that a rollback of its alert would start from."""

    options: dict[str, Any] = field(default_factory=dict)
    """The further keys of the table; in the file they stand beside the others."""

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Callable[[Any], Any]) -> Any:
        from pydantic_core import core_schema

        return core_schema.no_info_before_validator_function(cls._gather_options, handler(source))

    @classmethod
    def _gather_options(cls, table: Any) -> Any:
        if not isinstance(table, dict):
            return table
        common = {each.name for each in fields(cls)} - {"options"}
        own = {key: value for key, value in table.items() if key in common}
        return own | {"options": {k: v for k, v in table.items() if k not in common}}


@dataclass(frozen=True, kw_only=True)
class RunbookSettings(Table):
    """`[runbook]`."""

    folder: str = ""
    """The desk's own entries; they override the shipped ones by id."""
    variables: dict[str, str] = field(default_factory=dict)
    """Names that the entries may use, as `$NAME`."""
    owners: tuple[str, ...] = ()
    """The owners that an entry may name; with none listed any will do."""
    alerts_from_outside: tuple[str, ...] = ()
    """Names, or patterns with `*`, of alerts that others send in; for `runbook check`."""


@dataclass(frozen=True, kw_only=True)
class FlowSettings(Table):
    """`[flows.NAME]`: a job that the desk runs."""

    label: str = ""
    """What it is called on screens."""
    expect_every: Duration | None = None
    """A run must end well this often. What `flows exec --expect-every` says holds only without."""
    grace: Wait | None = None
    """How much later than that it may end before it counts as overdue; none unless the job said
    so itself."""
    usual: Duration | None = None
    """How long it may take before it is called slow."""
    severity: Severity = "high"
    """How bad it is when a run fails or is overdue; `critical` also takes ops_ok away when its
    last run failed, or none ever ran."""
    runbook: str = ""
    """The runbook entry of its alerts."""
    suspect: str = ""
    """The configured file or flow that a rollback of its alerts would start from."""


@dataclass(frozen=True, kw_only=True)
class FlowHistorySettings(Table):
    """`[flow_history]`: how long runs of flows are kept. Beyond that a flow's newest 1,000 runs
    stay, and its newest good one."""

    runs: Annotated[Duration, at_least("8d", "the screens show a week")] = timedelta(days=400)
    """A run older than this goes."""
    output: Duration = timedelta(days=30)
    """The end of a good run's output goes after this; of one that failed it stays with the run."""


@dataclass(frozen=True, kw_only=True)
class UptimeSettings(Table):
    """`[uptime]`: the objective that `status` measures against."""

    objective_pct: Annotated[float, between(1, 99.999)] = 99.5
    window_days: Annotated[int, between(1, 366)] = 30
    fast_burn: Annotated[float, between(1, 1000)] = 14.4
    """An alert when the error budget burns this many times too fast over 1h and 5m."""
    slow_burn: Annotated[float, between(1, 1000)] = 6.0
    """An alert when it burns this many times too fast over 6h and 30m."""
    severity: Severity = "high"
    """How bad a fast burn is; a slow one is one step milder."""


@dataclass(frozen=True, kw_only=True)
class WatchdogSettings(Table):
    """`[watchdog]`: who outside hears that mechexo itself works."""

    url: str = ""
    """Asked for after each tick that did all its work. By reference where it is a secret."""


@dataclass(frozen=True, kw_only=True)
class ServerSettings(Table):
    """`[server]`: the HTTP endpoint of `mechexo serve`."""

    host: str = "127.0.0.1"
    """Loopback unless you put a proxy with TLS before it."""
    port: Annotated[int, between(0, 65_535)] = 8420
    body_limit_kb: Annotated[int, between(1, 100_000)] = 1024
    """A larger request body is refused."""
    request_timeout: Duration = timedelta(seconds=10)
    """How long a client may take to send its request."""
    per_minute: Annotated[int, between(1, 10_000_000)] = 6_000
    """How many requests a minute one token may make; more are answered 429."""
    open_reading: bool = True
    """Whether /healthz, /livez, /readyz and /metrics answer without a token."""


@dataclass(frozen=True, kw_only=True)
class ConsoleSettings(Table):
    """`[console]`: how the screens look."""

    theme: Literal["ansi-dark", "ansi-light"] = "ansi-dark"
    ascii: bool = False
    """Only ASCII glyphs, for terminals without others."""
    mouse: bool = False
    colour_axis: Literal["red-green", "blue-yellow"] = "red-green"
    """`blue-yellow` when red and green look alike to you."""


@dataclass(frozen=True, kw_only=True)
class Settings(Table):
    """The whole file."""

    desk: DeskSettings
    refresh: RefreshSettings = field(default_factory=RefreshSettings)
    access: AccessSettings = field(default_factory=AccessSettings)
    cards: CardSettings = field(default_factory=CardSettings)
    probes: dict[str, ProbeSettings] = field(default_factory=dict)
    alerts: AlertSettings = field(default_factory=AlertSettings)
    channels: dict[str, ChannelSettings] = field(default_factory=dict)
    people: dict[str, PersonSettings] = field(default_factory=dict)
    oncall: OnCallSettings = field(default_factory=OnCallSettings)
    escalation: dict[str, EscalationSettings] = field(default_factory=dict)
    routes: dict[str, RouteSettings] = field(default_factory=dict)
    suppress: dict[str, SuppressionSettings] = field(default_factory=dict)
    maintenance: dict[str, MaintenanceSettings] = field(default_factory=dict)
    quiet_hours: QuietHoursSettings = field(default_factory=QuietHoursSettings)
    costs: CostSettings = field(default_factory=CostSettings)
    rollback: RollbackSettings = field(default_factory=RollbackSettings)
    market: MarketSettings = field(default_factory=MarketSettings)
    runbook: RunbookSettings = field(default_factory=RunbookSettings)
    incidents: IncidentSettings = field(default_factory=IncidentSettings)
    flows: dict[str, FlowSettings] = field(default_factory=dict)
    ci: dict[str, CiSettings] = field(default_factory=dict)
    orchestrators: dict[str, OrchestratorSettings] = field(default_factory=dict)
    resources: ResourceSettings = field(default_factory=ResourceSettings)
    prometheus: PrometheusSettings = field(default_factory=PrometheusSettings)
    grafana: GrafanaSettings = field(default_factory=GrafanaSettings)
    risk: RiskTables = field(default_factory=dict)
    flow_history: FlowHistorySettings = field(default_factory=FlowHistorySettings)
    uptime: UptimeSettings = field(default_factory=UptimeSettings)
    watchdog: WatchdogSettings = field(default_factory=WatchdogSettings)
    server: ServerSettings = field(default_factory=ServerSettings)
    console: ConsoleSettings = field(default_factory=ConsoleSettings)
