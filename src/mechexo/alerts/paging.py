"""Whether an alert pages now, or why it is kept back. Pure; works on the step's draft.

Everything is decided in one place, `consider`, which always answers with a named outcome: nothing
is dropped without a recorded reason. Whom it pages, and whom next, is in `climbing`.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from mechexo.alerts.causes import cause_of, why_no_more
from mechexo.alerts.climbing import (
    FIRST_PAGE,
    SOMEBODY_THERE,
    begin_ladder,
    climb,
    let_go,
    page_elsewhere,
    rank,
    tell_nobody,
    waits_for_anybody,
)
from mechexo.alerts.effects import Outcome, Page
from mechexo.alerts.policy import matching
from mechexo.alerts.rungs import goes_on, to_remind
from mechexo.alerts.values import Alert, AlertState
from mechexo.times import format_duration, iso_z

if TYPE_CHECKING:
    from mechexo.alerts.draft import Draft
    from mechexo.alerts.policy import Suppression
    from mechexo.alerts.values import Silence

ROSE = "severity rose"
SILENCE_ENDED = "its silence ended"


def needs_look(draft: Draft, alert: Alert) -> bool:
    """Whether time, a silence or the outbox may have changed something for an alert that nobody
    observed."""
    now, policy = draft.now, draft.policy
    route = policy.route(alert)
    return (
        alert.silenced_until is not None
        or alert.suppressed_by is not None
        or alert.flapping_until is not None
        or alert.held_until is not None
        or alert.id in draft.before.stranded
        or alert.id in draft.before.unreached
        or (alert.next_level_at is not None and _has_come(alert.next_level_at, now, policy.longest))
        or _began_later(alert, now)
        or (alert.remind_at is not None and _has_come(alert.remind_at, now, policy.forgotten_after))
        or (not alert.pages and route.ladder.next_reaching(0, alert.severity) is not None)
        or goes_on(alert, route.ladder)
        or bool(matching(alert, draft.before.silences, now))
    )


def _has_come(at: datetime, now: datetime, longest: timedelta) -> bool:
    """Whether a deadline has come, or cannot be right because the clock was set back."""
    return at <= now or at > now + longest


def _began_later(alert: Alert, now: datetime) -> bool:
    """Whether its ladder began after `now`: also where that is a long one, and no deadline lies too
    far ahead, this shows that the clock was set back."""
    since = alert.escalating_since
    return alert.next_level_at is not None and since is not None and since > now


def consider(draft: Draft, alert: Alert) -> None:
    """Decides whether the alert pages now, and records why or why not."""
    silences = matching(alert, draft.before.silences, draft.now)
    if alert.state is AlertState.ACKNOWLEDGED:
        until = max((silence.ends_at for silence in silences), default=None)
        draft.keep(replace(alert, silenced_until=until))
        return _acknowledged(draft, draft.open[alert.key], silenced=bool(silences))
    if silences:
        return _silenced(draft, alert, silences)
    if (found := _cause(draft, alert)) is not None:
        return _suppressed(draft, alert, found[0], found[1].name)
    if why := _worth(draft, alert):
        return _page_or_hold(draft, alert, why)
    if (stranded := draft.before.stranded.get(alert.id)) is not None:
        return page_elsewhere(draft, alert, stranded)
    if climb(draft, alert):
        return None
    return draft.decide(alert, Outcome.ALREADY_PAGED, f"paged at {alert.paged_severity}")


def _cause(draft: Draft, alert: Alert) -> tuple[Alert, Suppression] | None:
    return cause_of(alert, draft.possible_causes, draft.alerts_by_id, draft.policy, draft.hearing)


def _worth(draft: Draft, alert: Alert) -> str:
    """Why the alert is worth a page from the first level on; "" when it has had it."""
    if alert.silenced_until is not None:
        return SILENCE_ENDED
    if alert.suppressed_by is not None:
        return why_no_more(alert, draft.alerts_by_id, draft.policy, draft.hearing)
    if not alert.paged_severity:
        return FIRST_PAGE
    if rank(alert.severity) < rank(alert.paged_severity):
        return f"{ROSE} from {alert.paged_severity} to {alert.severity}"
    if waits_for_anybody(alert):
        return SOMEBODY_THERE
    # Also when no channel wanted it: one may have been configured since.
    return "" if alert.pages else FIRST_PAGE


def _page_or_hold(draft: Draft, alert: Alert, why: str) -> None:
    route = draft.policy.route(alert)
    if route.ladder.next_reaching(0, alert.severity) is None:
        return tell_nobody(draft, alert, why)
    if _flaps(draft, alert):
        assert alert.flapping_until is not None
        return draft.decide(alert, Outcome.FLAPPING, f"until {iso_z(alert.flapping_until)}")
    quiet_until = None if alert.severity == "critical" else route.quiet_hours.until(draft.now)
    if quiet_until is not None:
        return _hold(draft, alert, quiet_until, why)
    # A critical one goes through the quiet hours, and alone.
    released = alert.held_until is not None and alert.severity != "critical"
    if released:
        draft.event(alert, "quiet_hours_ended", "its page is due")
    return begin_ladder(draft, alert, why, together=released)


def _flaps(draft: Draft, alert: Alert) -> bool:
    return (
        alert.flapping_until is not None
        and draft.now < alert.flapping_until <= draft.now + draft.policy.flapping_window
    )


def _hold(draft: Draft, alert: Alert, until: datetime, why: str) -> None:
    """Quiet hours keep it back. Who is told is found out when they end."""
    if alert.held_until == until and alert.silenced_until is None and alert.suppressed_by is None:
        return draft.decide(alert, Outcome.ALREADY_HELD, f"held until {iso_z(until)}")
    said = f"{why}: quiet hours until {iso_z(until)}"
    draft.event(alert, Outcome.HELD, said)
    held = replace(let_go(alert), held_until=until, next_level_at=None)
    if not why.startswith(ROSE):
        # Only a rise may be over by then: else it pages in the morning whatever was said.
        held = replace(held, paged_severity="")
    draft.keep(held)
    return draft.decide(held, Outcome.HELD, said)


def _silenced(draft: Draft, alert: Alert, silences: tuple[Silence, ...]) -> None:
    longest = max(silences, key=lambda silence: (silence.ends_at, silence.id))
    until = longest.ends_at
    by = f"silence {longest.id} by {longest.author}" if longest.id > 0 else longest.author
    why = f"{by} until {iso_z(until)}: {longest.reason}"
    if alert.silenced_until != until:
        draft.event(alert, Outcome.SILENCED, why)
    if alert.silenced_until is None:
        draft.cancel(alert, why)
    draft.keep(replace(let_go(alert), silenced_until=until, next_level_at=None))
    draft.decide(alert, Outcome.SILENCED, why)


def _suppressed(draft: Draft, alert: Alert, cause: Alert, rule: str) -> None:
    why = f"alert {cause.id} ({cause.name}) causes it: [suppress.{rule}]"
    if alert.suppressed_by != cause.id:
        draft.event(alert, Outcome.SUPPRESSED, why)
        draft.cancel(alert, why)
    draft.keep(replace(let_go(alert), suppressed_by=cause.id, next_level_at=None))
    draft.decide(alert, Outcome.SUPPRESSED, why)


def _acknowledged(draft: Draft, alert: Alert, *, silenced: bool) -> None:
    """Somebody knows; but an acknowledgement that nothing follows is forgotten in the end."""
    policy, at = draft.policy, alert.remind_at
    acknowledged_at, knows = alert.acknowledged_at, f"{alert.acknowledged_by} knows"
    if at is None or acknowledged_at is None or silenced:
        return draft.decide(alert, Outcome.ACKNOWLEDGED, knows)
    if at > draft.now + policy.forgotten_after:
        set_back = acknowledged_at > draft.now
        why = "the clock was set back" if set_back else "[alerts] forgotten_after is shorter now"
        draft.event(alert, "clock", f"{why}: the acknowledgement counts from now")
        alert = replace(alert, remind_at=draft.now + policy.forgotten_after)
        draft.keep(alert)
        return draft.decide(alert, Outcome.ACKNOWLEDGED, knows)
    if at > draft.now:
        return draft.decide(alert, Outcome.ACKNOWLEDGED, knows)
    if alert.severity not in policy.forgotten_severities:
        # It has eased since: nobody is woken for it.
        return draft.decide(alert, Outcome.ACKNOWLEDGED, knows)
    if alert.severity != "critical" and policy.route(alert).quiet_hours.until(draft.now):
        return draft.decide(alert, Outcome.ACKNOWLEDGED, f"{knows}; quiet hours")
    open_for = format_duration(draft.now - acknowledged_at)
    said = f"acknowledged by {alert.acknowledged_by} {open_for} ago and still open"
    if not alert.reminded:
        return _remind(draft, alert, said)
    alert = draft.fires_again(alert, said)
    draft.keep(alert)
    if (found := _cause(draft, alert)) is not None:
        return _suppressed(draft, alert, found[0], found[1].name)
    return _page_or_hold(draft, alert, said)


def _remind(draft: Draft, alert: Alert, said: str) -> None:
    channels = to_remind(alert, draft.policy.route(alert).ladder)
    again_at = draft.now + draft.policy.remind_before
    draft.page(
        Page(alert.id, alert.pages, 0, name, draft.now, kind="reminder") for name in channels
    )
    draft.event(alert, "reminded", f"{said}: {', '.join(channels) or 'nobody'}")
    draft.keep(replace(alert, remind_at=again_at, reminded=True))
    draft.decide(alert, Outcome.ACKNOWLEDGED, said)
