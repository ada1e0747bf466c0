"""The tick: probes, then alerts, then messages, then how the desk is. One pass for cron.

The meeting place of the health, flows, costs, alerts and runbook wings, which know nothing of each
other.
Each stage runs in its own thread with its share of the deadline, so that one that hangs or fails
is recorded and shown but keeps no later stage, least of all the sending, from its work.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

from mechexo import hearing, rolling_back, tick_log
from mechexo.alerts.values import Alert, Delivery, Observation
from mechexo.asking_outside import asked_by_the_tick, judged_here
from mechexo.desk import Desk
from mechexo.desk_status import DeskStatus, status_after_tick
from mechexo.errors import BusyError, UnreachableError
from mechexo.health.values import ProbeState
from mechexo.observing import (
    cost_observations,
    flow_observations,
    gone,
    probe_observations,
    stage_observations,
    uptime_observations,
)
from mechexo.state.lock_files import held
from mechexo.tick_log import Stage, TickRecord
from mechexo.tick_stages import Begun, Pass
from mechexo.value_classes import dataclass

if TYPE_CHECKING:
    from mechexo.alerts.processes import Processes
    from mechexo.asking_outside import Say
    from mechexo.costs.findings import CostJudgement
    from mechexo.flows.values import FlowStanding


PROBES_SHARE = 0.55
ALERTS_SHARE = 0.12
SENDING_SHARE = 0.2
CLOSING_SHARE = 0.08
"""Shares of the whole deadline. Of 11 s the probes get 6 at most, so that their usual timeout of
5 s fits. Every later stage may take what is left, less what those after it are kept: a slow disk
is no failure, and a hanging stage leaves 1.3 s to the alerts and 2.2 s to the sending."""
SIGN_S = 2.0
"""How long the sign of life may take."""
HEAR_S = 2.0
"""How long a tick asks the chats, and the telephone's service, for what people answered."""
ASK_S = 1.5
"""How long the alerts of a tick wait for what the systems outside say, from its beginning on."""
PRUNE_S = 1.5
"""How long a tick may take old runs of flows out of the state file."""
LOOK_UP_S = 2.0
"""How long a message waits for the runbook to be read. It is read only for one whose alert names no
entry, and what it does not answer in time is not said: a page goes out without it."""


@dataclass(frozen=True, slots=True)
class TickReport:
    """What one pass did. `ops_ok` is None when the state file could not be read at the end."""

    at: datetime
    duration_s: float
    stages: tuple[Stage, ...]
    probes: tuple[ProbeState, ...]
    alerts: tuple[Alert, ...]
    """Those that opened, resolved, or changed their standing."""
    deliveries: tuple[Delivery, ...]
    ops_ok: bool | None
    reasons: tuple[str, ...]

    @property
    def failed(self) -> tuple[Stage, ...]:
        """The stages that did not end well."""
        return tuple(stage for stage in self.stages if not stage.ok)


SAME_TICK = 0.9
"""The share of `[refresh] tick` within which a tick that somebody else ran stands for ours."""


def advance(desk: Desk) -> None:
    """What time alone does to alerts: next levels, ends of silences and of quiet hours.

    The quick part of a pass, with `send_due`, for a server that does it each second.

    Raises:
        BusyError: another process is doing it, or the state file stayed locked.
    """
    from mechexo.alerts import operations as alerts

    with _only_one(desk, "pass"):
        alerts.keep_time(desk)


def send_due(
    desk: Desk, *, deadline_s: float = 10.0, processes: Processes | None = None
) -> tuple[Delivery, ...]:
    """Sends what is due, within `deadline_s`. Several may run at once: a message is leased.
    `processes` keeps the sending processes for the next time."""
    from mechexo.alerts import operations as alerts

    began_s = time.monotonic()
    this = Pass(desk, began_s + deadline_s)
    unguided = alerts.without_entry(desk)
    entries: dict[str, str] = {}
    if unguided:
        look_up_s = min(LOOK_UP_S, this.left_s())
        entries = this.run("runbook", look_up_s, lambda: _entries_for(desk, unguided)) or {}
    return alerts.deliver_due(desk, deadline_s=this.left_s(), entries=entries, processes=processes)


def tick_due_s(desk: Desk) -> float:
    """In how many seconds the next whole tick is due; 0 when it is, or none ever ran.

    Whoever ran the last one: `mechexo serve` twice, or beside cron, ticks no more often than once.
    """
    last = tick_log.last(desk.state)
    if last is None:
        return 0.0
    every_s = desk.settings.refresh.tick.total_seconds()
    age_s = (desk.clock.now() - last.at).total_seconds()
    # A tick in the future tells of a clock that was set back, and stands for nothing.
    return every_s - age_s if 0.0 <= age_s < SAME_TICK * every_s else 0.0


def tick(desk: Desk, *, deadline_s: float = 11.0) -> TickReport:
    """One pass: look, open and resolve alerts, send what is due, judge, record.

    Returns within `deadline_s` whatever hangs; what hangs is left behind in daemon threads, so
    a program that must end then should do so with `os._exit`.

    Raises:
        BusyError: another tick is running on this desk.
        StateError: the lock file beside the state file cannot be made.
    """
    with _only_one(desk, "tick"):
        return _tick(desk, deadline_s)


def _tick(desk: Desk, deadline_s: float) -> TickReport:
    from mechexo import damage_words
    from mechexo.alerts import damage_reading, handing_over
    from mechexo.alerts import operations as alerts
    from mechexo.flows import operations as flows
    from mechexo.flows import pruning
    from mechexo.health import operations as health
    from mechexo.rollback.flags import spool

    at, began_s = desk.clock.now(), time.monotonic()
    this = Pass(desk, began_s + deadline_s)
    closing_s = CLOSING_SHARE * deadline_s
    sending_s = SENDING_SHARE * deadline_s
    alerting_s = ALERTS_SHARE * deadline_s
    observations: list[Observation] = []

    # The probes get a little less than their stage, to store what they found.
    look_s = PROBES_SHARE * deadline_s
    # Beside the other stages: systems outside are slow, and nobody is paged later for that.
    asking = [
        (each, this.begin(each.name, partial(each.look, look_s)))
        for each in asked_by_the_tick(desk)
    ]
    probes = this.run("probes", look_s, lambda: health.run_due(desk, deadline_s=look_s * 0.93))
    if probes is not None:
        observations += probe_observations(probes, desk.settings.probes, desk.clock.now())
    flows_s = this.left_s(keeping_s=alerting_s + sending_s + closing_s)
    judged_flows: list[tuple[FlowStanding, ...]] = []

    def look_at_flows() -> None:
        judged_flows.append(flows.settled_standings(desk))
        # The stage fails by a waiting run that cannot be read; what is known is told all the same.
        flows.check_waiting(desk)

    this.run("flows", flows_s, look_at_flows)
    settings = desk.settings
    standings = judged_flows[0] if judged_flows else None
    if standings is not None:
        # Those too whose job said itself how often it is due.
        told = {each.flow: each.settings for each in standings}
        settings = replace(settings, flows={**settings.flows, **told})
        own = standings
        here = this.attempt("flows", lambda: judged_here(desk, own))
        # Without the word of what runs them elsewhere, ours stands: better one page too many.
        observations += flow_observations(own if here is None else here, settings.flows)
    late: list[Begun[Say]] = []
    standing_alerts = this.attempt("outside", lambda: alerts.list_alerts(desk)) if asking else None
    for each, begun in asking:
        # What does not come in time is kept, and the next tick says it.
        in_time = begun.is_over(max(began_s + ASK_S - time.monotonic(), 0.0))
        late += [] if in_time else [begun]
        say = begun.finish(0.0) if in_time else this.attempt(each.name, each.known)
        if say is not None:
            words = partial(say, desk.clock.now(), standing_alerts or ())
            observations += this.attempt(each.name, words) or ()
    costs_s = this.left_s(keeping_s=alerting_s + sending_s + closing_s)
    judged = this.run("costs", costs_s, lambda: _costs_judged(desk)) if _has_limits(desk) else None
    if judged is not None:
        observations += cost_observations(*judged)
    if rolling_back.cut_off(desk):
        undo_s = this.left_s(keeping_s=alerting_s + sending_s + closing_s)
        this.run("rollback", undo_s, lambda: rolling_back.recover_unattended(desk))
    if spool.waiting(desk):
        record_s = this.left_s(keeping_s=alerting_s + sending_s + closing_s)
        this.run("records", record_s, lambda: spool.merge(desk))
    uptime_s = this.left_s(keeping_s=alerting_s + sending_s + closing_s)
    uptime = this.run("uptime", uptime_s, lambda: health.uptime(desk))
    observations += uptime_observations(uptime, desk.settings.uptime) if uptime else ()
    if hearing.anybody_can_answer(desk):
        # Before anybody further is told: somebody may have said that they know.
        hear_s = min(HEAR_S, this.left_s(keeping_s=alerting_s + sending_s + closing_s))
        this.run("answers", hear_s, lambda: hearing.hear_answers(desk))
    calls_s = min(HEAR_S, this.left_s(keeping_s=alerting_s + sending_s + closing_s))
    this.run("calls", calls_s, lambda: hearing.look_at_calls(desk, deadline_s=calls_s * 0.9))
    if handing_over.wants_handovers(desk):
        over_s = this.left_s(keeping_s=alerting_s + sending_s + closing_s)
        this.run("handovers", over_s, lambda: handing_over.tell_handovers(desk))
    damaged = this.attempt("damage", lambda: damage_reading.damaged(desk))
    observations += stage_observations(this.stages)

    def observe() -> tuple[tuple[Alert, ...], tuple[str, ...]]:
        before = alerts.list_alerts(desk)
        if damaged is not None:  # else nobody knows whether what was damaged is so no more
            observations.extend(damage_words.observations(damaged, before))
        # Which flows there are is not known when nobody could look.
        known = [each for each in before if standings is not None or each.source != "flow"]
        said = [*observations, *gone(known, observations, settings)]
        standing = {_standing(alert) for alert in before}
        told = tuple(a for a in alerts.observe(desk, said) if _standing(a) not in standing)
        return told, alerts.without_entry(desk)

    observed = this.run("alerts", this.left_s(keeping_s=sending_s + closing_s), observe)
    changed, unguided = observed or ((), ())
    if desk.settings.incidents.open_on:
        open_s = this.left_s(keeping_s=sending_s + closing_s)
        this.run("incidents", open_s, lambda: _open_incidents(desk))
    entries: dict[str, str] = {}
    if unguided:
        look_up_s = min(LOOK_UP_S, this.left_s(keeping_s=sending_s + closing_s))
        entries = this.run("runbook", look_up_s, lambda: _entries_for(desk, unguided)) or {}
    send_s = this.left_s(keeping_s=closing_s)
    sent = this.run(
        "deliveries",
        send_s,
        lambda: alerts.deliver_due(desk, deadline_s=send_s * 0.9, entries=entries),
    )

    # After the sending: nobody is paged later for what is old.
    prune_s = min(PRUNE_S, this.left_s(keeping_s=closing_s))
    this.run("history", prune_s, lambda: pruning.prune_due(desk))
    for begun in late:
        begun.finish(this.left_s(keeping_s=closing_s))
    if desk.settings.watchdog.url:
        sign_s = min(SIGN_S, this.left_s(keeping_s=closing_s))
        this.run("watchdog", sign_s, lambda: _give_sign(desk, this.stages, sign_s * 0.9))

    def close() -> DeskStatus:
        status = status_after_tick(desk, at, [s for s in this.stages if not s.ok])
        health.record_ops_ok(desk, status.ops_ok)
        took_s = round(time.monotonic() - began_s, 3)
        record = TickRecord(at, took_s, status.ops_ok, status.reasons, tuple(this.stages))
        with desk.state.write(wait_s=closing_s / 2) as transaction:
            tick_log.append(transaction, record)
        return status

    status = this.run("record", this.left_s(), close)
    return TickReport(
        at=at,
        duration_s=round(time.monotonic() - began_s, 3),
        stages=tuple(this.stages),
        probes=probes or (),
        alerts=changed,
        deliveries=sent or (),
        ops_ok=status.ops_ok if status else None,
        reasons=status.reasons if status else (),
    )


def _give_sign(desk: Desk, stages: Iterable[Stage], timeout_s: float) -> None:
    """The sign of life, when this tick left nothing undone.

    Raises:
        UnreachableError: it did not arrive, or could not honestly be given.
    """
    from mechexo.watchdog import audit_of, give_sign

    if undone := audit_of(desk, [stage for stage in stages if not stage.ok]):
        raise UnreachableError(f"no sign of life was given: {'; '.join(undone)}")
    give_sign(desk, timeout_s=timeout_s)


def _standing(alert: Alert) -> tuple[object, ...]:
    """What makes a change of an alert worth telling; that it was seen once more does not."""
    return (
        *(alert.id, alert.state, alert.severity, alert.acknowledged_by, alert.level),
        *(alert.pages, alert.held_until, alert.silenced_until),
    )


def _has_limits(desk: Desk) -> bool:
    limits = desk.settings.costs.alerts
    chosen = (limits.total_bps, limits.slippage_bps, limits.deviations, limits.unpriced_pct)
    return any(limit is not None for limit in chosen)


def _costs_judged(desk: Desk) -> tuple[CostJudgement, datetime | None]:
    """The newest saved day of costs against its limits and the days before it, and when it was
    computed."""
    from mechexo.costs.judging import judge_day
    from mechexo.costs.results import trailing_days

    limits = desk.settings.costs.alerts
    days = trailing_days(desk, before=None, limit=2 * limits.baseline_days + 1)
    newest = days[-1] if days else None
    return judge_day(newest, days[:-1], limits), newest.computed_at if newest else None


def _open_incidents(desk: Desk) -> tuple[int, ...]:
    """The incidents that alerts open by themselves."""
    from mechexo import incident_opening

    return incident_opening.open_due(desk)


def _entries_for(desk: Desk, alert_names: Iterable[str]) -> dict[str, str]:
    """The runbook entries that these alerts surely lead to, by alert name."""
    from mechexo.runbook import operations as runbook

    return runbook.unmistakable(desk, alert_names)


@contextmanager
def _only_one(desk: Desk, what: str) -> Iterator[None]:
    path = f"{desk.state.path}.{what}"
    with held(path, what) as mine:
        if not mine:
            raise BusyError(f"{path}: another {what} is running on this desk; this one did nothing")
        yield
