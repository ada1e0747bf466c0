"""mechexo.toml to typed settings; an error names file, table, key, value and expectation.

What is named here is loaded when it is first asked for: a job's wrapper needs a word or two of it,
and the shape of all settings costs it more than the rest of its work.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mechexo.config.alerting import (
        AlertSettings,
        ChannelSettings,
        EscalationSettings,
        LayerSettings,
        LevelSettings,
        MaintenanceSettings,
        OnCallSettings,
        PersonSettings,
        QuietHoursSettings,
        RouteSettings,
        ScheduleSettings,
        SuppressionSettings,
    )
    from mechexo.config.ci import CiSettings
    from mechexo.config.costs import CostAlertSettings, CostSettings
    from mechexo.config.finding import find_config
    from mechexo.config.grafana import GrafanaSettings
    from mechexo.config.incidents import IncidentSettings
    from mechexo.config.loading import load_settings
    from mechexo.config.market import MarketSettings
    from mechexo.config.models import (
        AccessSettings,
        CardSettings,
        ConsoleSettings,
        DeskSettings,
        FlowSettings,
        ProbeSettings,
        RefreshSettings,
        RunbookSettings,
        ServerSettings,
        Settings,
        UptimeSettings,
        WatchdogSettings,
    )
    from mechexo.config.orchestrators import OrchestratorSettings
    from mechexo.config.resources import (
        PlotSettings,
        PrometheusSettings,
        ResourceSettings,
        ThresholdSettings,
        WatchedProcessSettings,
    )
    from mechexo.config.risk import LimitSettings, RiskSettings
    from mechexo.config.rollback import (
        FlagSettings,
        RollbackFlowSettings,
        RollbackLimits,
        RollbackSettings,
    )
    from mechexo.config.secrets import redact, resolve_references
    from mechexo.config.watching import watched

__all__ = [
    "AccessSettings",
    "AlertSettings",
    "CardSettings",
    "ChannelSettings",
    "CiSettings",
    "ConsoleSettings",
    "CostAlertSettings",
    "CostSettings",
    "DeskSettings",
    "EscalationSettings",
    "FlagSettings",
    "FlowSettings",
    "GrafanaSettings",
    "IncidentSettings",
    "LayerSettings",
    "LevelSettings",
    "LimitSettings",
    "MaintenanceSettings",
    "MarketSettings",
    "OnCallSettings",
    "OrchestratorSettings",
    "PersonSettings",
    "PlotSettings",
    "ProbeSettings",
    "PrometheusSettings",
    "QuietHoursSettings",
    "RefreshSettings",
    "ResourceSettings",
    "RiskSettings",
    "RollbackFlowSettings",
    "RollbackLimits",
    "RollbackSettings",
    "RouteSettings",
    "RunbookSettings",
    "ScheduleSettings",
    "ServerSettings",
    "Settings",
    "SuppressionSettings",
    "ThresholdSettings",
    "UptimeSettings",
    "WatchdogSettings",
    "WatchedProcessSettings",
    "find_config",
    "load_settings",
    "redact",
    "resolve_references",
    "watched",
]

_PARTS = (
    *("secrets", "finding", "loading", "models"),
    "alerting",
    "ci",
    "costs",
    "grafana",
    "incidents",
    "market",
    "orchestrators",
    "resources",
    "risk",
    "rollback",
    "watching",
)

if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        """The part of the package that has a name of `__all__` is imported now."""
        if name in __all__:
            for part in _PARTS:
                found = vars(importlib.import_module(f"{__name__}.{part}"))
                if name in found:
                    return globals().setdefault(name, found[name])
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
