"""mechexo.toml to typed settings; an error names file, table, key, value and expectation."""

from mechexo.config.costs import CostAlertSettings, CostSettings
from mechexo.config.loading import find_config, load_settings
from mechexo.config.models import (
    AccessSettings,
    AlertSettings,
    CardSettings,
    ChannelSettings,
    ConsoleSettings,
    DeskSettings,
    FlowSettings,
    OnCallSettings,
    ProbeSettings,
    QuietHoursSettings,
    RefreshSettings,
    RollbackSettings,
    RunbookSettings,
    Settings,
    UptimeSettings,
)
from mechexo.config.secrets import redact, resolve_references

__all__ = [
    "AccessSettings",
    "AlertSettings",
    "CardSettings",
    "ChannelSettings",
    "ConsoleSettings",
    "CostAlertSettings",
    "CostSettings",
    "DeskSettings",
    "FlowSettings",
    "OnCallSettings",
    "ProbeSettings",
    "QuietHoursSettings",
    "RefreshSettings",
    "RollbackSettings",
    "RunbookSettings",
    "Settings",
    "UptimeSettings",
    "find_config",
    "load_settings",
    "redact",
    "resolve_references",
]
