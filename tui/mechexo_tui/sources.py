"""What the screens show, asked from the operations: each part with its own failure and age."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from mechexo.errors import MechexoError
from mechexo.value_classes import dataclass

if TYPE_CHECKING:
    from mechexo.alerts.escalation import Outlook
    from mechexo.alerts.values import (
        Alert,
        AlertStatistics,
        ChannelDay,
        HourOfAlerts,
        Silence,
    )
    from mechexo.costs.values import CostReport
    from mechexo.desk import Desk
    from mechexo.desk_status import DeskStatus
    from mechexo.flows.ci.values import CiStanding
    from mechexo.flows.orchestrators.standings import Known
    from mechexo.flows.values import FlowRun, FlowSummary
    from mechexo.health.values import ProbeState
    from mechexo.incidents.values import Incident
    from mechexo.resources.plot_values import PlotStanding
    from mechexo.resources.values import HostStanding
    from mechexo.risk_report import RiskReport
    from mechexo.runbook.values import Entry
    from mechexo.state import AuditEntry
    from mechexo_tui.mailbox import MailboxMessage

KEPT_VALUES = 40
"""How many values of each probe are kept for its small plot."""

MOST_INCIDENTS = 500

PLOTTED = timedelta(hours=6)
"""How far back the small plots of probes reach."""

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Part(Generic[Value]):
    """One thing that was asked for: the last good value and when it was read, and why the
    latest attempt failed (empty when it did not). Nothing at all: it was not read yet."""

    value: Value | None = None
    read_at: datetime | None = None
    error: str = ""

    @property
    def pending(self) -> bool:
        """Whether it was never tried."""
        return self.value is None and not self.error


@dataclass(frozen=True, slots=True)
class Overview:
    """Everything the console knows at a moment."""

    status: Part[DeskStatus] = Part()
    alerts: Part[tuple[Alert, ...]] = Part()
    following: Part[Mapping[int, Outlook]] = Part()
    """What happens next to each of these alerts, by its id."""
    hours: Part[tuple[HourOfAlerts, ...]] = Part()
    """The alerts that started in each of the last 24 hours."""
    channels: Part[tuple[ChannelDay, ...]] = Part()
    """What became of today's messages."""
    statistics: Part[AlertStatistics] = Part()
    silences: Part[tuple[Silence, ...]] = Part()
    flows: Part[tuple[FlowSummary, ...]] = Part()
    runs: Part[tuple[FlowRun, ...]] = Part()
    ci: Part[tuple[CiStanding, ...]] = Part()
    orchestrators: Part[tuple[Known, ...]] = Part()
    risk: Part[tuple[RiskReport, ...]] = Part()
    machine: Part[HostStanding] = Part()
    plots: Part[tuple[PlotStanding, ...]] = Part()
    probes: Part[tuple[ProbeState, ...]] = Part()
    history: Part[Mapping[str, tuple[float, ...]]] = Part()
    """The last numbers of each probe, oldest first."""
    costs: Part[CostReport] = Part()
    entries: Part[tuple[Entry, ...]] = Part()
    incidents: Part[tuple[Incident, ...]] = Part()
    audit: Part[tuple[AuditEntry, ...]] = Part()
    messages: Part[tuple[MailboxMessage, ...]] = Part()

    def with_part(self, name: str, part: Part[Any]) -> Overview:
        """The same with one part read anew; a failed reading keeps the last good value."""
        if part.error:
            part = replace(self.part(name), error=part.error)
        return replace(self, **{name: part})

    def part(self, name: str) -> Part[Any]:
        """A part by its name."""
        return cast("Part[Any]", getattr(self, name))


def _status(desk: Desk) -> DeskStatus:
    from mechexo.desk_status import read_status

    return read_status(desk)


def _alerts(desk: Desk) -> tuple[Alert, ...]:
    from mechexo.alerts import reading

    return reading.list_alerts(desk)


def _following(desk: Desk, alerts: tuple[Alert, ...]) -> Mapping[int, Outlook]:
    from mechexo.alerts import reading

    return reading.outlooks(desk, alerts)


def _hours(desk: Desk) -> tuple[HourOfAlerts, ...]:
    from mechexo.alerts import history

    return history.history_24h(desk)


def _channels(desk: Desk) -> tuple[ChannelDay, ...]:
    from mechexo.alerts import history

    return history.deliveries_today(desk)


def _statistics(desk: Desk) -> AlertStatistics:
    from mechexo.alerts import history

    return history.statistics(desk)


def _silences(desk: Desk) -> tuple[Silence, ...]:
    from mechexo.alerts import operations

    return operations.silences(desk)


def _flows(desk: Desk) -> tuple[FlowSummary, ...]:
    from mechexo.flows import operations

    return operations.summaries(desk)


def _runs(desk: Desk) -> tuple[FlowRun, ...]:
    from mechexo.flows import operations

    return operations.runs(desk, limit=200)


def _ci(desk: Desk) -> tuple[CiStanding, ...]:
    from mechexo.flows.ci import operations

    return operations.standings(desk)


def _orchestrators(desk: Desk) -> tuple[Known, ...]:
    from mechexo.flows.orchestrators import looking

    return looking.known(desk)


def _risk(desk: Desk) -> tuple[RiskReport, ...]:
    from mechexo import risk_report

    return risk_report.reports(desk)


def _machine(desk: Desk) -> HostStanding:
    from mechexo.resources import operations

    return operations.standing(desk)


def _plots(desk: Desk) -> tuple[PlotStanding, ...]:
    from mechexo.resources import plot_operations

    return plot_operations.plots(desk)


def _probes(desk: Desk) -> tuple[ProbeState, ...]:
    from mechexo.health import operations

    return operations.probe_states(desk)


def _history(desk: Desk) -> Mapping[str, tuple[float, ...]]:
    from mechexo.health import operations

    since = desk.clock.now() - PLOTTED
    found = {}
    for probe in operations.probe_states(desk):
        if isinstance(probe.value, float | int):
            samples = operations.history(desk, probe.name, since=since)
            found[probe.name] = tuple(value for _, value in samples[-KEPT_VALUES:])
    return found


def _entries(desk: Desk) -> tuple[Entry, ...]:
    from mechexo.runbook import operations

    return operations.entries(desk)


def _incidents(desk: Desk) -> tuple[Incident, ...]:
    from mechexo.incidents import operations

    return operations.list_incidents(desk, all=True, limit=MOST_INCIDENTS)


def _audit(desk: Desk) -> tuple[AuditEntry, ...]:
    return tuple(reversed(desk.audit_entries(200)))


def _messages(desk: Desk) -> tuple[MailboxMessage, ...]:
    from mechexo_tui.mailbox import newest

    return newest(desk, 200)


Loaders = Mapping[str, Callable[["Desk"], object]]

LOADERS: Loaders = {
    "status": _status,
    "alerts": _alerts,
    "hours": _hours,
    "channels": _channels,
    "statistics": _statistics,
    "silences": _silences,
    "flows": _flows,
    "runs": _runs,
    "ci": _ci,
    "orchestrators": _orchestrators,
    "risk": _risk,
    "machine": _machine,
    "plots": _plots,
    "probes": _probes,
    "history": _history,
    "entries": _entries,
    "incidents": _incidents,
    "audit": _audit,
    "messages": _messages,
}
"""All but the costs, which are worked out in a process apart, and what happens next to the alerts,
which goes with those that were read."""

FOLLOWING = "following"

FIRST = ("status", "alerts", "probes", "statistics", "flows")
"""What the first frame shows; from the state file alone."""

ALERTED = ("alerts", FOLLOWING, "status", "silences")
"""What a person who has just done something to an alert looks at."""

STATE = (*FIRST, FOLLOWING, "machine", "plots", "hours", "channels", "history", "risk",
         "runs", "ci", "orchestrators", "silences", "incidents", "audit")  # fmt: skip
"""What changes when the state file changes."""

JUDGED = ("status", "probes", "risk", "machine", "plots")
"""What passing time alone changes: a state that nobody renews is unknown, a desk without ticks
is not known to be well."""

GROUPS: dict[str, tuple[str, ...]] = {
    "state": STATE,
    "costs": ("costs",),
    "runbook": ("entries",),
    "messages": ("messages",),
}
"""What is read together, in one thread each, so that a slow one holds up no other."""


def read_part(desk: Desk, name: str, loaders: Loaders = LOADERS) -> Part[Any]:
    """Reads one part. A failure is a value: its reason."""
    try:
        return Part(loaders[name](desk), desk.clock.now())
    except MechexoError as error:
        return Part(error=str(error))
    except Exception as error:  # noqa: BLE001 - a defect behind one panel must not take the others
        return Part(error=f"a defect in mechexo: {type(error).__name__}: {error}")


def read_parts(
    desk: Desk, names: Iterable[str], loaders: Loaders = LOADERS
) -> dict[str, Part[Any]]:
    """Reads several parts, each on its own; what happens next, of the alerts among them."""
    found: dict[str, Part[Any]] = {}
    for name in names:
        alerts = found.get("alerts", Part())
        if name != FOLLOWING:
            found[name] = read_part(desk, name, loaders)
        elif alerts.value is not None:
            of_these: Loaders = {name: partial(_following, alerts=alerts.value)}
            found[name] = read_part(desk, name, of_these)
        else:
            found[name] = Part(error=alerts.error)
    return found
