"""What is watched as a probe: `[probes]`, and what `[risk]` adds to them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from mechexo.config.risk import LimitSettings, RiskSettings, limit_probe, source_probe

if TYPE_CHECKING:
    from mechexo.config.models import ProbeSettings, Settings

RISK_KIND = "risk"
"""The kind of the probes that `[risk]` adds. None of [probes]: they are not looked at one by one,
but told by the reading of their source."""
RISK_CARD = "risk"


def watched(settings: Settings) -> Mapping[str, ProbeSettings]:
    """Every probe there is, by name: those of `[probes]`, then for each source of `[risk]` itself
    and its limits."""
    if not settings.risk:
        return settings.probes
    return {**settings.probes, **{name: probe for _, name, probe in risk_probes(settings)}}


def risk_probes(settings: Settings) -> Iterator[tuple[str, str, ProbeSettings]]:
    """The probes that `[risk]` adds: the table that each comes from, its name, and itself."""
    for name, table in settings.risk.items():
        yield f"risk.{name}", source_probe(name), _probe(table, table)
        for limit, each in table.limits.items():
            yield f"risk.{name}.limits.{limit}", limit_probe(name, limit), _probe(table, each)


def _probe(source: RiskSettings, of: RiskSettings | LimitSettings) -> ProbeSettings:
    from mechexo.config.models import ProbeSettings

    return ProbeSettings(
        kind=RISK_KIND,
        card=RISK_CARD,
        severity=of.severity,
        every=source.every,
        timeout=source.timeout,
        fail_after=of.fail_after,
        recover_after=of.recover_after,
        runbook=of.runbook,
        suspect=of.suspect,
    )
