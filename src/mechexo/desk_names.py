"""What the runbook's entries can name, from the desk's configuration: every wing's part of it.

Pure, from the settings alone: `runbook check` needs no state file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mechexo.config.watching import watched
from mechexo.flows.orchestrators.rules import Trouble
from mechexo.runbook.values import DeskNames

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mechexo.config.models import Settings

ALWAYS = frozenset(
    {"tick_*", "uptime_fast_burn", "uptime_slow_burn", "channel_failing", "damaged_*"}
)
"""The alerts about mechexo itself and its objective, which need no configuration."""


def desk_names(settings: Settings) -> DeskNames:
    """The names of a desk's alerts, flows, flags and owners."""
    flags = {
        str(probe.options.get("key") or name)
        for name, probe in settings.probes.items()
        if probe.kind == "flag"
    }
    beating = {name for name, probe in settings.probes.items() if probe.kind == "heartbeat"}
    jobs = {str(settings.probes[name].options.get("job") or name) for name in beating}
    return DeskNames(
        alerts=frozenset(_alerts(settings)),
        flows=frozenset({*settings.flows, *settings.rollback.flows, *jobs}),
        deployments=frozenset(settings.rollback.flows),
        flags=frozenset({*settings.rollback.flags.safer, *flags}),
        owners=frozenset(settings.runbook.owners),
    )


def _alerts(settings: Settings) -> Iterator[str]:
    """As `observing` and `costs` name them; what people raise by hand has any name."""
    yield from ALWAYS
    yield from watched(settings)
    yield from settings.runbook.alerts_from_outside
    for flow in settings.flows:
        yield from (f"{flow}_failed", f"{flow}_overdue")
    for repository in settings.ci:
        yield from (f"{repository}_ci_failed", f"{repository}_ci_unknown")
    for name in settings.orchestrators:
        yield f"{name}_unknown"
        yield from (f"{name}_{trouble}" for trouble in Trouble)
    limits = settings.costs.alerts
    named = {
        "cost_total_high": limits.total_bps,
        "cost_slippage_high": limits.slippage_bps,
        "cost_total_unusual": limits.deviations,
        "cost_unpriced_high": limits.unpriced_pct,
    }
    yield from (name for name, limit in named.items() if limit is not None)
