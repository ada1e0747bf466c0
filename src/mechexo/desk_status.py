"""The desk's status as every face shows it, from the state file alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from mechexo import tick_log
from mechexo.health.values import Card, ProbeState, Status, Uptime
from mechexo.times import format_duration
from mechexo.value_classes import dataclass

if TYPE_CHECKING:
    from mechexo.alerts.damage import Damaged
    from mechexo.alerts.values import AlertCounts
    from mechexo.alerts.values import OnCallNow as OnCallNow
    from mechexo.desk import Desk
    from mechexo.tick_log import Stage

STALE_AFTER_TICKS = 3
"""A desk that nobody looked at for this many tick intervals is not known to be well."""

DELIVERY_DUE_LIMIT_S = 60.0
"""A message that should have gone out this long ago is in trouble."""

CLOCK_BACK_TOLERANCE = timedelta(seconds=60)
"""How far in the future the last tick may lie: small steps of the clock are usual."""


@dataclass(frozen=True, slots=True)
class DeskStatus:
    """Everything the overview shows. `reasons` is empty exactly when `ops_ok`."""

    at: datetime
    name: str
    mode: str
    zone: str
    ops_ok: bool
    reasons: tuple[str, ...]
    cards: tuple[Card, ...]
    alerts: AlertCounts
    oncall: OnCallNow
    uptime: Uptime
    last_tick_at: datetime | None
    blind: bool = False
    """Not ok only because something could not be looked at; nothing is known to be broken."""
    troubles: tuple[str, ...] = ()
    """Those of the reasons that are about what the desk runs, not about who was told of it."""
    damaged: tuple[Damaged, ...] = ()
    """What is in force and cannot be read in the state file."""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why the desk is not ok. `known` is False when it is only that we cannot tell."""

    text: str
    known: bool = True
    of_the_desk: bool = field(default=False, compare=False)
    """Whether it is about what the desk runs: a probe or a flow."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What `judge` decides on."""

    now: datetime
    live: bool
    probes: Sequence[ProbeState]
    unacknowledged_critical_since: datetime | None
    first_escalation: timedelta
    last_tick_at: datetime | None
    tick_every: timedelta
    failed_stages: Sequence[Stage] = ()
    oldest_due_s: float | None = None
    flows: Sequence[ProbeState] = ()
    """The flows and repositories of the configuration, as their cards show them."""
    undelivered: Sequence[str] = ()
    """Alerts that nobody was told of, and channels that gave a message up, a sentence each."""
    damaged: Sequence[str] = ()
    """Rows of the state file that cannot be read, a sentence each."""


def judge(facts: Facts) -> tuple[Reason, ...]:
    """Why the desk is not ok; nothing when it is.

    Not ok when: nothing is watched; a critical probe or flow is critical or unknown; a live desk's
    trading is halted (a probe that `halts_trading` is critical, whatever its severity) or that
    cannot be told (it is unknown); a critical alert has been unacknowledged past its first
    escalation; the last tick is missing, failed in a part, is older than three intervals or lies
    in the future; a delivery is overdue; nobody was told of an alert that somebody must know; a
    row of the state file that is in force cannot be read.
    """
    return (
        *_probe_reasons(facts),
        *_alert_reasons(facts),
        *_tick_reasons(facts),
        *_delivery_reasons(facts),
        *(Reason(sentence, known=False) for sentence in facts.damaged),
    )


def _probe_reasons(facts: Facts) -> list[Reason]:
    reasons = []
    if not facts.probes:
        reasons.append(Reason("nothing is watched: no probe is configured", known=False))
    for probe in (*facts.probes, *facts.flows):
        halts = facts.live and probe.halts_trading
        if halts and probe.status is Status.CRITICAL:
            said = f"trading is halted: {probe.name}: {probe.detail}"
            reasons.append(Reason(said, of_the_desk=True))
        elif halts and probe.status is Status.UNKNOWN:
            said = f"whether trading is halted is not known: {probe.name}: {probe.detail}"
            reasons.append(Reason(said, known=False, of_the_desk=True))
        elif probe.severity == "critical" and probe.status is Status.CRITICAL:
            detail = f"{probe.name} ({probe.card}) is critical: {probe.detail}"
            reasons.append(Reason(detail, of_the_desk=True))
        elif probe.severity == "critical" and probe.status is Status.UNKNOWN:
            detail = f"{probe.name} ({probe.card}) is unknown: {probe.detail}"
            reasons.append(Reason(detail, known=False, of_the_desk=True))
    return reasons


def _alert_reasons(facts: Facts) -> list[Reason]:
    since = facts.unacknowledged_critical_since
    if since is None or facts.now - since <= facts.first_escalation:
        return []
    waited = format_duration(facts.now - since)
    return [Reason(f"a critical alert has been waiting for acknowledgement for {waited}")]


def _tick_reasons(facts: Facts) -> list[Reason]:
    if facts.last_tick_at is None:
        return [Reason("no tick has run yet: nothing has been looked at", known=False)]
    age = facts.now - facts.last_tick_at
    if age < -CLOCK_BACK_TOLERANCE:
        ahead = format_duration(-age)
        return [Reason(f"the last tick lies {ahead} in the future: was the clock set back?", False)]
    reasons = []
    if age > STALE_AFTER_TICKS * facts.tick_every:
        old, every = format_duration(age), format_duration(facts.tick_every)
        reasons.append(Reason(f"the last tick was {old} ago; one is due every {every}", False))
    reasons += [
        Reason(f"the last tick could not do its {stage.name}: {stage.detail}", known=False)
        for stage in facts.failed_stages
    ]
    return reasons


def _delivery_reasons(facts: Facts) -> list[Reason]:
    reasons = [Reason(sentence) for sentence in facts.undelivered]
    if facts.oldest_due_s is not None and facts.oldest_due_s > DELIVERY_DUE_LIMIT_S:
        late = format_duration(facts.oldest_due_s)
        reasons.append(Reason(f"a message has been due for {late}"))
    return reasons


def card_words(cards: Iterable[Card]) -> str:
    """How many cards are not ok, the worst first, such as `2 cards critical, 1 unknown`; empty
    when all are ok. `ops_ok` may hold all the same: it asks less than the cards show."""
    counts = Counter(card.status for card in cards)
    bad = sorted(counts.keys() - {Status.OK}, key=lambda status: status.rank, reverse=True)
    if not bad:
        return ""
    worst, *others = bad
    first = f"{counts[worst]} {'card' if counts[worst] == 1 else 'cards'} {worst.value}"
    return ", ".join([first, *(f"{counts[status]} {status.value}" for status in others)])


def read_status(desk: Desk) -> DeskStatus:
    """The status as the state file knows it now. Looks at nothing itself."""
    last = tick_log.last(desk.state)
    if last is None:
        return status_after_tick(desk, None)
    return status_after_tick(desk, last.at, last.failed)


def status_after_tick(
    desk: Desk, last_tick_at: datetime | None, failed_stages: Sequence[Stage] = ()
) -> DeskStatus:
    """The status, given when the last tick ran and which of its stages failed."""
    from mechexo import channel_words
    from mechexo.alerts import damage_reading, oncall
    from mechexo.alerts import reading as alerts
    from mechexo.health import operations as health
    from mechexo.security import ending

    now = desk.clock.now()
    settings = desk.settings
    # Read once, so that the cards and the verdict speak of the same moment.
    probes = health.probe_states(desk)
    named = _flows(desk, now)
    failures = alerts.last_failures(desk)
    channels = [
        channel_words.as_probe(name, proven_at, now, failures.get(name))
        for name, proven_at in alerts.last_proven(desk).items()
    ]
    channels += channel_words.of_tokens(*ending.ending(desk), now)
    damaged = damage_reading.damaged(desk)
    sentences: list[str] = []
    if damaged:
        from mechexo import damage_words

        channels += damage_words.as_probe(damaged, now)
        sentences = damage_words.sentences(damaged)
    uptime = health.uptime(desk)
    reasons = judge(
        Facts(
            now=now,
            live=desk.is_live,
            probes=probes,
            unacknowledged_critical_since=alerts.unacknowledged_critical_since(desk),
            first_escalation=settings.alerts.first_escalation,
            last_tick_at=last_tick_at,
            tick_every=settings.refresh.tick,
            failed_stages=failed_stages,
            oldest_due_s=alerts.oldest_due_s(desk),
            flows=named,
            undelivered=(*alerts.undelivered(desk), *channel_words.given_up(failures)),
            damaged=sentences,
        )
    )
    return DeskStatus(
        at=now,
        name=settings.desk.name,
        mode=settings.desk.mode,
        zone=settings.desk.zone,
        ops_ok=not reasons,
        reasons=tuple(reason.text for reason in reasons),
        cards=health.cards(desk, [*probes, *named, *channels], uptime),
        alerts=replace(alerts.counts(desk), damaged=sum(each.what == "alert" for each in damaged)),
        oncall=oncall.now(desk),
        uptime=uptime,
        last_tick_at=last_tick_at,
        blind=bool(reasons) and not any(reason.known for reason in reasons),
        troubles=tuple(reason.text for reason in reasons if reason.of_the_desk),
        damaged=damaged,
    )


def _flows(desk: Desk, now: datetime) -> list[ProbeState]:
    """The flows, the repositories of CI and the orchestrators, as their cards show them.

    What reads systems that the desk does not name is not loaded: that would be a fifth of the time
    that `mechexo status` takes.
    """
    from mechexo.flow_words import as_probe
    from mechexo.flows import reading as flows

    settings = desk.settings
    standings = flows.standings(desk)
    found = [as_probe(each, each.settings, now) for each in standings]
    if settings.orchestrators:
        from mechexo import orchestrator_words
        from mechexo.flows.orchestrators import looking

        known = looking.known(desk)
        found = [
            orchestrator_words.as_flow(each, known, settings, now) or own
            for each, own in zip(standings, found, strict=True)
        ]
    if settings.ci:
        from mechexo import ci_words
        from mechexo.flows.ci import operations as ci

        found += [
            ci_words.as_probe(each, settings.ci[each.name], now, settings.refresh.tick)
            for each in ci.standings(desk)
        ]
    if settings.orchestrators:
        found += [orchestrator_words.as_probe(each, settings, now) for each in known]
    return found


def status_document(status: DeskStatus) -> dict[str, object]:
    """The body of `mechexo.status/1`: what scripts rely on, whichever face shows it."""
    return {
        "desk": {"name": status.name, "mode": status.mode},
        "ops_ok": status.ops_ok,
        "reasons": status.reasons,
        "cards": [_card_document(card) for card in status.cards],
        "alerts": {
            "open": status.alerts.open,
            "unacknowledged": status.alerts.unacknowledged,
            "by_severity": status.alerts.by_severity,
            "oldest_s": status.alerts.oldest_s,
            "kept_back": status.alerts.kept_back,
            "damaged": status.alerts.damaged,
        },
        "oncall": {"level1": status.oncall.level1, "quiet_hours": status.oncall.quiet_hours},
        "uptime": _uptime_document(status.uptime),
    }


def _uptime_document(uptime: Uptime) -> dict[str, object]:
    return {
        "objective": uptime.objective_pct,
        "window_days": uptime.window_days,
        "achieved": uptime.achieved_pct,
        "budget_left_s": uptime.budget_left_s,
        "known_s": uptime.known_s,
        "unknown_s": uptime.unknown_s,
        "windows": [
            {
                **({"hours": each.hours} if each.hours <= 24 else {"days": each.hours // 24}),
                "achieved": each.achieved_pct,
                "budget_left_s": each.budget_left_s,
                "known_s": each.known_s,
            }
            for each in uptime.windows
        ],
        "burn": {"fast": uptime.fast.rate, "slow": uptime.slow.rate},
    }


def _card_document(card: Card) -> dict[str, object]:
    return {
        "name": card.name,
        "status": card.status,
        "summary": card.summary,
        "observed_at": card.observed_at,
        "probes": [
            {
                "name": probe.name,
                "kind": probe.kind,
                "status": probe.status,
                "value": probe.value,
                "unit": probe.unit,
                "detail": probe.detail,
                "observed_at": probe.observed_at,
                "latency_ms": probe.latency_ms,
            }
            for probe in card.probes
        ],
    }
