"""The ladder: whom an alert tells first, whom next, and what it waits for. Pure.

Works on the step's draft. Deadlines are moments in UTC, stored with the alert: a restart changes
nothing, each overdue level is told once, and one that lies further ahead than any ladder reaches
shows that the clock was set back.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from mechexo.alerts.effects import Outcome, Page
from mechexo.alerts.rungs import goes_on, has_another_time, next_level, to_tell, with_told
from mechexo.alerts.values import SEVERITIES, Alert
from mechexo.times import iso_z

if TYPE_CHECKING:
    from mechexo.alerts.draft import Draft
    from mechexo.alerts.effects import Stranded
    from mechexo.alerts.policy import Ladder, Route

FIRST_PAGE = "first page"
SOMEBODY_THERE = "somebody can be told now"
NOBODY_ANSWERED = "nobody acknowledged"
ANOTHER_LADDER = "the ladder is another one now"


def rank(severity: str) -> int:
    """0 for the worst; beyond the mildest when nothing was decided yet."""
    return SEVERITIES.index(severity) if severity else len(SEVERITIES)


def waits_for_anybody(alert: Alert) -> bool:
    """Whether a page of an alert that has paged before was due while nobody was there for it."""
    return bool(alert.pages) and alert.next_level_at is not None and alert.escalating_since is None


def let_go(alert: Alert) -> Alert:
    """The alert with nothing that keeps it back."""
    return replace(
        alert, silenced_until=None, suppressed_by=None, held_until=None, flapping_until=None
    )


def tell_nobody(draft: Draft, alert: Alert, why: str) -> None:
    """There is nobody for it; it waits, and says so once."""
    ladder = draft.policy.route(alert).ladder
    said = ladder.why_nobody(alert.severity)
    worse = rank(alert.severity) < rank(alert.paged_severity)
    if worse or why not in (FIRST_PAGE, SOMEBODY_THERE):
        where = "[oncall.schedules]" if any(each.gaps for each in ladder.levels) else "[channels]"
        draft.event(alert, Outcome.NO_CHANNEL, f"{why}: {said}; see {where}")
    worst = min(alert.severity, alert.paged_severity or alert.severity, key=rank)
    known = replace(let_go(alert), paged_severity=worst, next_level_at=None)
    if alert.pages:
        # Due from now on, and found again by that, until somebody is there.
        due_at = alert.next_level_at if waits_for_anybody(alert) else None
        known = replace(
            known, next_level_at=min(due_at or draft.now, draft.now), escalating_since=None
        )
    draft.keep(known)
    draft.decide(alert, Outcome.NO_CHANNEL, said)


def begin_ladder(draft: Draft, alert: Alert, why: str, *, together: bool, climbs: int = 0) -> None:
    """Pages the first level that reaches somebody; what it waits for next is stored with it."""
    # What was not sent yet would only repeat this page, or say less than it.
    draft.cancel(alert, f"paged anew: {why}")
    anew = alert.silenced_until is not None or alert.suppressed_by is not None
    # Nobody has heard yet, or what was said is long ago: from here a rise counts anew.
    anew = anew or not alert.pages or why == SOMEBODY_THERE
    said_at = alert.severity if anew else alert.paged_severity or alert.severity
    fresh = replace(
        alert,
        silenced_until=None,
        suppressed_by=None,
        held_until=None,
        flapping_until=None,
        pages=alert.pages + 1,
        level=0,
        paged_severity=min(alert.severity, said_at, key=rank),
        escalating_since=draft.now,
        climbs=climbs,
        climbed=draft.policy.route(alert).ladder.identity,
    )
    _tell_next(draft, fresh, why, Outcome.PAGED, together=together)
    draft.decide(fresh, Outcome.PAGED, why)


def climb(draft: Draft, alert: Alert) -> bool:
    """Goes on to the next levels whose time has come; False when none was worth a word."""
    route = draft.policy.route(alert)
    if not route.ladder.climbs(alert.severity):
        if _fails_over(draft, alert, route):
            return True
        if alert.next_level_at is not None or alert.held_until is not None:
            draft.keep(replace(alert, next_level_at=None, held_until=None))
        return False
    alert = _by_todays_clock(draft, alert, route.ladder)
    unreached = draft.before.unreached.get(alert.id)
    further = next_level(alert, route.ladder)
    fails = unreached is not None and unreached.level == alert.level and further is not None
    due = alert.next_level_at is not None and alert.next_level_at <= draft.now
    released = alert.held_until is not None
    if not (fails or due or released):
        return False
    quiet_until = None if alert.severity == "critical" else route.quiet_hours.until(draft.now)
    if quiet_until is not None:
        return _pause(draft, alert, quiet_until)
    if route.ladder.next_reaching(0, alert.severity) is None:
        tell_nobody(draft, alert, NOBODY_ANSWERED)
        return True
    if released:
        # The ladder stood still in the night: its next level is told now, and counts from now.
        since = draft.now - route.ladder.after(further or alert.level)
        if alert.severity != "critical":
            draft.event(alert, "quiet_hours_ended", "the next level is told")
        alert = replace(alert, held_until=None, escalating_since=since, next_level_at=draft.now)
        draft.keep(alert)
    if unreached is not None and fails:
        said = f"level {alert.level} reached nobody: {unreached.why}"
        draft.event(alert, "fallback", f"{said}; the next one is told at once")
        alert = _tell_next(draft, alert, said, "escalated")
    while alert.next_level_at is not None and alert.next_level_at <= draft.now:
        further = next_level(alert, route.ladder)
        if further is None:
            if alert.climbs >= route.ladder.repeat:
                # It was longer when this was waited for.
                return _at_its_end(draft, alert)
            number = alert.climbs + 1
            why = f"{NOBODY_ANSWERED}: from the first level again, {number} of "
            why += f"{route.ladder.repeat}"
            begin_ladder(draft, alert, why, together=False, climbs=number)
            return True
        why = NOBODY_ANSWERED if further > alert.level else ANOTHER_LADDER
        alert = _tell_next(draft, alert, why, "escalated")
    draft.decide(alert, Outcome.PAGED, f"level {alert.level}")
    return True


def _fails_over(draft: Draft, alert: Alert, route: Route) -> bool:
    """Also what does not climb goes on when its level has reached nobody."""
    unreached = draft.before.unreached.get(alert.id)
    if unreached is None or unreached.level != alert.level:
        return False
    if next_level(alert, route.ladder) is None:
        return False
    if alert.severity != "critical" and route.quiet_hours.until(draft.now) is not None:
        return False
    said = f"level {alert.level} reached nobody: {unreached.why}"
    draft.event(alert, "fallback", f"{said}; the next one is told at once")
    told = _tell_next(draft, alert, said, "escalated")
    draft.decide(told, Outcome.PAGED, f"level {told.level}")
    return True


def _at_its_end(draft: Draft, alert: Alert) -> bool:
    draft.keep(replace(alert, next_level_at=None))
    draft.decide(alert, Outcome.ALREADY_PAGED, "the ladder is at its end")
    return True


def _pause(draft: Draft, alert: Alert, until: datetime) -> bool:
    if alert.held_until == until:
        draft.decide(alert, Outcome.ALREADY_HELD, f"held until {iso_z(until)}")
        return True
    further = next_level(alert, draft.policy.route(alert).ladder)
    awaited = f"level {further}" if further else "the first level"
    said = f"{awaited} waits: quiet hours until {iso_z(until)}"
    draft.event(alert, Outcome.HELD, said)
    alert = replace(alert, held_until=until, next_level_at=None)
    draft.keep(alert)
    draft.decide(alert, Outcome.HELD, said)
    return True


def _by_todays_clock(draft: Draft, alert: Alert, ladder: Ladder) -> Alert:
    """The alert with a deadline that this ladder and this clock can mean."""
    at, since = alert.next_level_at, alert.escalating_since
    if at is None or since is None:
        if alert.pages and at is None and alert.held_until is None:
            # It climbs since its severity rose, or the ladder has grown.
            if since is not None and since > draft.now:
                # The clock was set back meanwhile.
                alert = replace(alert, escalating_since=draft.now - ladder.after(alert.level))
            alert = _waiting(alert, ladder, draft.now, level=alert.level)
            draft.keep(alert)
        return alert
    if at <= draft.now + ladder.longest and since <= draft.now:
        if has_another_time(alert, ladder):
            alert = replace(alert, climbed=with_told(alert, ladder, ()))
            alert = _waiting(alert, ladder, draft.now, level=alert.level)
            draft.keep(alert)
        return alert
    # With a beginning that has been, its times may have become shorter as well.
    why = "the clock was set back" + ("" if since > draft.now else ", or the ladder is shorter now")
    draft.event(alert, "clock", f"{why}: the next level counts from now")
    began = draft.now - ladder.after(alert.level)
    alert = replace(alert, escalating_since=began)
    alert = _waiting(alert, ladder, draft.now, level=alert.level)
    draft.keep(alert)
    return alert


def _tell_next(draft: Draft, alert: Alert, why: str, kind: str, *, together: bool = False) -> Alert:
    """Tells the next level that reaches somebody, and says which ones have nobody."""
    ladder = draft.policy.route(alert).ladder
    number = next_level(alert, ladder)
    assert number is not None, "the caller knows that somebody is there"
    for empty in range(alert.level + 1, number):
        if ladder.levels[empty - 1].for_severity(alert.severity):
            # Another ladder's: told as another level already.
            continue
        reason = f"level {empty} has nobody for {alert.severity} alerts"
        if gaps := ladder.levels[empty - 1].gaps:
            reason += f" ({'; '.join(gaps)})"
        draft.event(alert, "no_responder", f"{reason}; the next one is told at once")
    level = ladder.levels[number - 1]
    channels = to_tell(alert, ladder, number)
    alert = replace(alert, climbed=with_told(alert, ladder, channels))
    told = _waiting(alert, ladder, draft.now, level=number)
    draft.page(
        Page(alert.id, alert.pages, number, name, draft.now, together=together) for name in channels
    )
    rung = f"level {number}: " if number > 1 or len(ladder.levels) > 1 else ""
    draft.event(told, kind, f"{why}: {rung}{level.words(alert.severity, channels)}")
    draft.keep(told)
    return told


def _waiting(alert: Alert, ladder: Ladder, now: datetime, *, level: int) -> Alert:
    """The alert at this level, with the moment of the next one, of the next climb, or of nothing
    more."""
    if not ladder.climbs(alert.severity):
        return replace(alert, level=level, next_level_at=None)
    further = next_level(replace(alert, level=level), ladder)
    since = alert.escalating_since or now
    next_at: datetime | None = None
    if further is not None:
        next_at = since + ladder.after(further)
    elif alert.climbs < ladder.repeat:
        next_at = now + ladder.repeat_every
    return replace(alert, level=level, escalating_since=since, next_level_at=next_at)


def page_elsewhere(draft: Draft, alert: Alert, stranded: Stranded) -> None:
    """Sends what waits for channels that are gone through those of today instead."""
    ladder = draft.policy.route(alert).ladder
    reaching = ladder.next_reaching(
        max(min(alert.level, len(ladder.levels)) - 1, 0), alert.severity
    )
    reaching = reaching or ladder.next_reaching(0, alert.severity)
    today = ladder.levels[reaching - 1].for_severity(alert.severity) if reaching else ()
    lost = ", ".join(sorted(stranded.gone))
    why = f"{lost} is not in the configuration any more"
    if not today:
        # It stays due, and is told as overdue, until there is a channel for it.
        return draft.decide(alert, Outcome.NO_CHANNEL, why)
    more = [name for name in today if name not in stranded.reached]
    draft.page(Page(alert.id, alert.pages, alert.level, name, draft.now) for name in more)
    draft.cancel(alert, why, stranded.gone)
    if more:
        alert = replace(alert, climbed=with_told(alert, ladder, more))
    if goes_on(alert, ladder):
        # The look at all that is open, when the ladders have changed, may be this one.
        alert = _waiting(alert, ladder, draft.now, level=alert.level)
    draft.keep(alert)
    if not more:
        return draft.decide(alert, Outcome.ALREADY_PAGED, why)
    draft.event(alert, Outcome.PAGED, f"{why}: {', '.join(more)} instead")
    return draft.decide(alert, Outcome.PAGED, why)
