"""What an orchestrator means to its card and to the alerts. The meeting place of wings that know
nothing of each other. Pure.

A deployment raises `orchestrators:NAME:DEPLOYMENT:TROUBLE` for each thing that is wrong with it:
late, stuck, failing, never_ran, unplanned, unknown_state, overdue. A later look that does not find
it any more resolves it. While nobody knows (the orchestrator does not answer, what it said last is
too old) nothing is raised nor resolved; after a time `orchestrators:NAME:unknown` is raised, one
step milder: not knowing is not fine.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from mechexo.alerts.values import SEVERITIES, Alert, Observation, milder
from mechexo.flow_words import CARD as FLOWS_CARD
from mechexo.flows.orchestrators.rules import Trouble
from mechexo.flows.orchestrators.values import NOT_WELL, Phase
from mechexo.health.values import FLOW_KIND, ORCHESTRATOR_KIND, ProbeState, Status
from mechexo.outside.words import age_words, asking_words
from mechexo.times import format_duration

if TYPE_CHECKING:
    from mechexo.config import OrchestratorSettings, Settings
    from mechexo.flows.orchestrators.rules import Observation as Wrong
    from mechexo.flows.orchestrators.standings import DeploymentStanding, Known, Standing
    from mechexo.flows.values import FlowStanding

CARD = "orchestrators"
SOURCE = "orchestrators"
"""Whose alerts these are. Not `orchestrator`: so a desk's own may call itself that sends alerts."""
STANDS_FOR = 3
"""Intervals after which what was learnt no longer stands."""
UNKNOWN_AFTER = timedelta(minutes=15)
"""An orchestrator of which nobody knows for so long, or ten intervals if that is longer, raises an
alert."""
_NAMED = 3


def as_probe(known: Known, settings: Settings, now: datetime) -> ProbeState:
    """An orchestrator as its card shows it: critical when something is wrong with a flow of it;
    unknown, with what was known last, when it could not be asked."""
    table = settings.orchestrators[known.name]
    status, detail = verdict(known, table, now, settings.refresh.tick)
    wrong = known.look.standing.observations if known.look else ()
    severities = [_severity(said, settings, table) for said in wrong] or [table.severity]
    return ProbeState(
        name=known.name,
        kind=ORCHESTRATOR_KIND,
        card=CARD,
        severity=min(severities, key=SEVERITIES.index),
        status=status,
        detail=detail,
        observed_at=known.good_at,
        since=known.good_at,
        runbook=table.runbook,
        suspect=table.suspect,
    )


def elsewhere(
    standing: FlowStanding, found: Iterable[Known]
) -> tuple[Known, DeploymentStanding] | None:
    """The deployment that a flow of `[flows]` is, when no run of it was ever ours: how it is, and
    whether it is overdue, its orchestrator says. None when none is known to have it."""
    if standing.ended is not None or standing.runs:
        return None
    for known in found:
        for one in known.look.standing.deployments if known.look else ():
            if one.deployment.flow == standing.flow:
                return known, one
    return None


def ours(standings: Iterable[FlowStanding], found: Sequence[Known]) -> list[FlowStanding]:
    """The flows as our own records judge them: one that runs elsewhere is not overdue by them."""
    return [replace(one, why_overdue="") if elsewhere(one, found) else one for one in standings]


def as_flow(
    standing: FlowStanding, found: Iterable[Known], settings: Settings, now: datetime
) -> ProbeState | None:
    """A flow that runs elsewhere, as the card of the flows shows it; None of one that does not."""
    if (place := elsewhere(standing, found)) is None:
        return None
    known, one = place
    status, detail = _flow_verdict(known, one, settings, now)
    return ProbeState(
        name=standing.flow,
        kind=FLOW_KIND,
        card=FLOWS_CARD,
        severity=standing.settings.severity,
        status=status,
        detail=detail,
        observed_at=known.good_at,
        since=one.last.ended_at or one.last.started_at if one.last else None,
        runbook=standing.settings.runbook,
        suspect=standing.settings.suspect,
    )


def _flow_verdict(
    known: Known, one: DeploymentStanding, settings: Settings, now: datetime
) -> tuple[Status, str]:
    table, last = settings.orchestrators[known.name], one.last
    if one.troubles:
        unclear = all(said.trouble is Trouble.UNKNOWN_STATE for said in one.troubles)
        status = Status.UNKNOWN if unclear else Status.CRITICAL
        detail = "; ".join(f"{_word(said.trouble)}: {said.why}" for said in one.troubles)
    elif last is None:
        status, detail = Status.UNKNOWN, "no run of it was read"
    else:
        at = last.ended_at or last.started_at
        ago = f" {format_duration(max(now - at, timedelta(0)))} ago" if at else ""
        # Once is not failing, where it may happen; nor is it well.
        doubtful = last.phase in NOT_WELL or last.phase is Phase.CANCELLED
        status, detail = (Status.WARNING if doubtful else Status.OK), f"{last.state}{ago}"
    detail = f"{detail} (on {known.name})"
    if known.good_at and (why := not_current(known, table, now, settings.refresh.tick)):
        return Status.UNKNOWN, f"{age_words(known.good_at, now)}, {why}: {detail}"
    return status, detail


def verdict(
    known: Known, settings: OrchestratorSettings, now: datetime, tick: timedelta
) -> tuple[Status, str]:
    """How an orchestrator's flows are, and in words."""
    if known.look is None or known.good_at is None:
        said = (known.why or "not asked yet", asking_words(known, now))
        return Status.UNKNOWN, "; ".join(filter(None, said))
    status, detail = _seen(known.look.standing)
    if why := not_current(known, settings, now, tick):
        return Status.UNKNOWN, f"{age_words(known.good_at, now)}, {why}: {detail}"
    return status, "; ".join(filter(None, (detail, known.look.note)))


def not_current(
    known: Known, settings: OrchestratorSettings, now: datetime, tick: timedelta
) -> str:
    """Why what is known of it does not stand for now; "" when it does."""
    if known.why:
        words = f"not reachable ({known.why})"
    elif known.good_at is None:
        words = "not asked yet"
    elif now - known.good_at > STANDS_FOR * max(settings.every, tick):
        words = "nobody asked lately"
    else:
        return ""
    return ", ".join(filter(None, (words, asking_words(known, now))))


def _seen(standing: Standing) -> tuple[Status, str]:
    wrong = standing.observations
    count = len(standing.deployments)
    if not count:
        return Status.UNKNOWN, "it has no deployment"
    if not wrong:
        return Status.OK, f"{count} {'deployment' if count == 1 else 'deployments'} well"
    only_unclear = all(said.trouble is Trouble.UNKNOWN_STATE for said in wrong)
    return (Status.UNKNOWN if only_unclear else Status.CRITICAL), _troubles(wrong)


def _troubles(wrong: tuple[Wrong, ...]) -> str:
    if len(wrong) == 1:
        return f"{wrong[0].deployment} {_word(wrong[0].trouble)}: {wrong[0].why}"
    counts = Counter(said.trouble for said in wrong)
    counted = ", ".join(f"{number} {_word(trouble)}" for trouble, number in counts.items())
    names = list(dict.fromkeys(said.deployment for said in wrong))
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"{counted}: {', '.join(names[:_NAMED])}{more}"


def _word(trouble: Trouble) -> str:
    return trouble.replace("_", " ")


def observations(
    found: Iterable[Known], settings: Settings, now: datetime, open_alerts: Iterable[Alert]
) -> list[Observation]:
    """What each orchestrator says: of its flows, as far as that stands for now, and of itself.
    What is no longer wrong resolves those of the open alerts that are about it."""
    own = [alert for alert in open_alerts if alert.source == SOURCE]
    said: list[Observation] = []
    for known in found:
        table = settings.orchestrators[known.name]
        why = not_current(known, table, now, settings.refresh.tick)
        if not why and known.look is not None:
            firing = list(_firing(known, known.look.standing, settings, table))
            said += firing
            raised = {one.key for one in firing}
            mine = [one for one in own if one.labels.get("orchestrator") == known.name]
            said += [
                _over(alert, known.look.standing)
                for alert in mine
                if alert.key not in raised and "deployment" in alert.labels
            ]
            said.append(_unknown(known, table, False, "it answers again"))
        elif _unknown_too_long(known, table, now):
            _, detail = verdict(known, table, now, settings.refresh.tick)
            said.append(_unknown(known, table, True, detail))
    return said


def _firing(
    known: Known, standing: Standing, settings: Settings, table: OrchestratorSettings
) -> Iterator[Observation]:
    names = Counter(one.deployment.name for one in standing.deployments)
    for said in standing.observations:
        flow = settings.flows.get(said.flow)
        labels = {
            "orchestrator": known.name,
            "deployment": said.deployment,
            "trouble": said.trouble.value,
            "card": CARD,
            **({"flow": said.flow} if said.flow else {}),
            **({"run": said.run_id} if said.run_id else {}),
        }
        if suspect := (flow.suspect if flow else "") or table.suspect:
            labels["suspect"] = suspect
        # Two of one name are told apart; a name that is its own is what people look for.
        one = said.deployment if names[said.deployment] == 1 else said.deployment_id
        yield Observation(
            key=f"{_key(known.name)}:{one}:{said.trouble}",
            firing=True,
            severity=_severity(said, settings, table),
            name=f"{known.name}_{said.trouble}",
            summary=f"{said.deployment} on {known.name} {_word(said.trouble)}: {said.why}",
            source=SOURCE,
            labels=labels,
            runbook=(flow.runbook if flow else "") or table.runbook,
            observed_at=standing.observed_at,
        )


def _over(alert: Alert, standing: Standing) -> Observation:
    name = alert.labels.get("deployment", "")
    there = any(one.deployment.name == name for one in standing.deployments)
    word = alert.labels.get("trouble", "").replace("_", " ")
    words = f"no longer {word}" if there else "no longer deployed"
    return Observation(
        key=alert.key,
        firing=False,
        severity=alert.severity,
        name=alert.name,
        summary=f"{name}: {words}",
        source=SOURCE,
        labels=alert.labels,
        runbook=alert.runbook,
        observed_at=standing.observed_at,
    )


def _unknown_too_long(known: Known, settings: OrchestratorSettings, now: datetime) -> bool:
    if known.good_at is None:
        # Never known: the failures in a row stand for the time.
        return known.failures >= STANDS_FOR
    return now - known.good_at >= max(UNKNOWN_AFTER, 10 * settings.every)


def _unknown(
    known: Known, settings: OrchestratorSettings, firing: bool, detail: str
) -> Observation:
    labels = {"orchestrator": known.name, "card": CARD}
    if settings.suspect:
        labels["suspect"] = settings.suspect
    return Observation(
        key=f"{_key(known.name)}:unknown",
        firing=firing,
        severity=milder(settings.severity),
        name=f"{known.name}_unknown",
        summary=f"how the flows of {known.name} are is not known: {detail}"
        if firing
        else f"{known.name}: {detail}",
        source=SOURCE,
        labels=labels,
        runbook=settings.runbook,
    )


def _key(name: str) -> str:
    return f"orchestrators:{name}"


def _severity(said: Wrong, settings: Settings, table: OrchestratorSettings) -> str:
    flow = settings.flows.get(said.flow)
    severity = flow.severity if flow else table.severity
    return milder(severity) if said.trouble is Trouble.UNKNOWN_STATE else severity
