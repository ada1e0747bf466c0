"""What the probes, the flows, the costs and the tick itself mean to the alerts wing. Pure.

A critical probe raises an alert of its own severity under the key `probe:NAME`.

A probe at its warning threshold raises one of severity `low` under `probe:NAME:warning`: it is on
the list, and on a channel that asks for it, but it wakes nobody. The two exclude each other, so an
alert that eased to a warning is resolved and the warning stands in its place, and the other way
round: what resolves the one says so.

A probe that failed, but not yet often enough in a row to be critical, says nothing either way: that
patience is what `fail_after` is for. Nor does a critical one that is on its way back, for that is
what `recover_after` is for: its alert keeps the words of what was wrong.

A probe that has been unable to look for longer than `fail_after` looks raises the first kind and
says so: not knowing is not fine. Until then it neither raises nor resolves.

A flow that the configuration names raises `flow:NAME:failed` when its newest finished run did not
end well: somebody named it, so somebody must hear of it. It raises `flow:NAME:overdue` when it is
late, but not while it fails: that is why it is late, and one trouble pages once. The next run that
ends well resolves both.

The error budget of the uptime objective raises `uptime:fast_burn` and `uptime:slow_burn` while it
is spent too fast. When too little is known to tell, it neither raises nor resolves.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from mechexo.alerts.values import Alert, Observation, milder
from mechexo.config.watching import watched
from mechexo.flow_words import CARD, ending, has_failed
from mechexo.health.error_budget import UPTIME_CARD, burn_words
from mechexo.health.values import ProbeState, Status
from mechexo.times import format_duration

if TYPE_CHECKING:
    from mechexo.config import FlowSettings, ProbeSettings, Settings, UptimeSettings
    from mechexo.costs.findings import CostJudgement
    from mechexo.flows.values import FlowStanding
    from mechexo.health.values import Burn, Uptime
    from mechexo.tick_log import Stage

WARNING_SEVERITY = "low"
OWN_SEVERITY = "high"
"""Of mechexo's own troubles."""
# A rollback that was cut off and cannot be put back has left the desk neither old nor new.
_STAGE_SEVERITY = {"rollback": "critical"}


def probe_observations(
    probes: Iterable[ProbeState], settings: Mapping[str, ProbeSettings], now: datetime
) -> list[Observation]:
    """What each probe's state says about its two alerts."""
    said: list[Observation] = []
    for probe in probes:
        match probe.status:
            case Status.OK:
                said += [_of_probe(probe, False), _of_probe(probe, False, warning=True)]
            case Status.WARNING if not probe.failures:
                said += [
                    _of_probe(probe, False, prefix="eased to a warning: "),
                    _of_probe(probe, True, warning=True),
                ]
            case Status.CRITICAL if not probe.successes:
                said += [
                    _of_probe(probe, True),
                    _of_probe(probe, False, warning=True, prefix="superseded by a worse one: "),
                ]
            case Status.UNKNOWN if _unknown_too_long(probe, settings.get(probe.name), now):
                said += [_of_probe(probe, True, prefix=_blindness(probe, now))]
    return said


def _unknown_too_long(probe: ProbeState, settings: ProbeSettings | None, now: datetime) -> bool:
    if settings is None or probe.since is None:
        return False
    return now - probe.since >= settings.fail_after * settings.every


def _blindness(probe: ProbeState, now: datetime) -> str:
    return (
        "" if probe.since is None else f"could not look for {format_duration(now - probe.since)}: "
    )


def _of_probe(
    probe: ProbeState, firing: bool, *, warning: bool = False, prefix: str = ""
) -> Observation:
    labels = {"probe": probe.name, "card": probe.card, "kind": probe.kind}
    if probe.suspect:
        labels["suspect"] = probe.suspect
    return Observation(
        key=f"probe:{probe.name}:warning" if warning else f"probe:{probe.name}",
        firing=firing,
        severity=_eased(probe.severity) if warning else probe.severity,
        name=probe.name,
        summary=prefix + probe.detail,
        source="probe",
        labels=labels,
        runbook=probe.runbook,
        observed_at=probe.observed_at,
    )


def _eased(severity: str) -> str:
    return "info" if severity == "info" else WARNING_SEVERITY


def flow_observations(
    standings: Iterable[FlowStanding], settings: Mapping[str, FlowSettings]
) -> list[Observation]:
    """Whether the newest run that ended of each named flow failed, or else the flow is overdue."""
    said: list[Observation] = []
    for standing in standings:
        flow, failed = settings[standing.flow], has_failed(standing)
        overdue = bool(standing.why_overdue) and not failed
        late = standing.why_overdue if overdue else "on time again"
        if failed:
            late = "superseded: its last run failed"
        said.append(_of_flow(standing, flow, "overdue", overdue, late))
        if standing.ended is not None:
            failure = _of_flow(standing, flow, "failed", failed, ending(standing.ended))
            # Each tick looks anew whether a run is late, but a run ends only once.
            at = standing.ended.ended_at or standing.ended.started_at
            said.append(replace(failure, observed_at=at))
    return said


def _of_flow(
    standing: FlowStanding, settings: FlowSettings, trouble: str, firing: bool, detail: str
) -> Observation:
    labels = {"flow": standing.flow, "card": CARD}
    if settings.suspect:
        labels["suspect"] = settings.suspect
    return Observation(
        key=f"flow:{standing.flow}:{trouble}",
        firing=firing,
        severity=settings.severity,
        name=f"{standing.flow}_{trouble}",
        summary=f"{standing.label}: {detail}",
        source="flow",
        labels=labels,
        runbook=settings.runbook,
    )


def cost_observations(judged: CostJudgement, at: datetime | None) -> list[Observation]:
    """Whether the newest saved day of costs, computed at a moment, keeps its limits."""
    return [
        Observation(
            key=said.key,
            firing=said.firing,
            severity=said.severity,
            name=said.name,
            summary=said.summary,
            source="costs",
            labels={**said.labels, "card": "trading"},
            observed_at=at,
        )
        for said in judged.observations
    ]


def uptime_observations(uptime: Uptime, settings: UptimeSettings) -> list[Observation]:
    """Whether the error budget is spent too fast, as far as that is known."""
    speeds = (
        ("fast", uptime.fast, settings.severity),
        ("slow", uptime.slow, milder(settings.severity)),
    )
    return [
        Observation(
            key=f"uptime:{speed}_burn",
            firing=burn.is_over,
            severity=severity,
            name=f"uptime_{speed}_burn",
            summary=_burning(burn, uptime),
            source="uptime",
            labels={"card": UPTIME_CARD, "window": burn.long},
        )
        for speed, burn, severity in speeds
        if burn.is_over is not None
    ]


def _burning(burn: Burn, uptime: Uptime) -> str:
    said = f"the uptime's error budget is {burn_words(burn)} (limit {burn.limit:g}x)"
    left_s = uptime.budget_left_s
    if left_s is None:
        return said
    promise = f"{uptime.objective_pct:g} % over {uptime.window_days}d"
    if left_s < 0:
        return f"{said}; overspent by {format_duration(-left_s)} for {promise}"
    return f"{said}; {format_duration(left_s)} left for {promise}"


def stage_observations(stages: Iterable[Stage]) -> list[Observation]:
    """Whether a stage of this very tick failed: a watcher that cannot look must say so."""
    return [
        Observation(
            key=f"tick:{stage.name}",
            firing=not stage.ok,
            severity=_STAGE_SEVERITY.get(stage.name, OWN_SEVERITY),
            name=f"tick_{stage.name}",
            summary=f"mechexo could not do its {stage.name}: {stage.detail}"
            if not stage.ok
            else f"{stage.name} work again",
            source="tick",
            labels={"stage": stage.name},
        )
        for stage in stages
    ]


def gone(
    open_alerts: Iterable[Alert], observations: Iterable[Observation], settings: Settings
) -> Iterator[Observation]:
    """Resolves open alerts of what left the configuration."""
    said = {observation.key for observation in observations}
    for alert in open_alerts:
        known: Mapping[str, object]
        match alert.source:
            case "probe":
                known, name = watched(settings), alert.labels.get("probe", "")
            case "flow":
                known, name = settings.flows, alert.labels.get("flow", "")
            case "ci-runs":
                known, name = settings.ci, alert.labels.get("ci", "")
            case "orchestrators":
                known, name = settings.orchestrators, alert.labels.get("orchestrator", "")
            case _:
                continue
        if name not in known and alert.key not in said:
            yield Observation(
                key=alert.key,
                firing=False,
                severity=alert.severity,
                name=alert.name,
                summary=f"{name} is no longer in the configuration",
                source=alert.source,
                labels=alert.labels,
                runbook=alert.runbook,
            )
