"""What CI means to its card and to the alerts. The meeting place of wings that know nothing of each
other. Pure.

A repository of `[ci]` raises `ci:NAME:failed` while the newest deciding run of any workflow of its
default branch failed. While nobody knows (the source does not answer, what it said last is too old,
a word that we do not know, no run yet) it neither raises nor resolves that one; after a time it
raises `ci:NAME:unknown`, one step milder: not knowing is not fine.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from mechexo.alerts.values import Observation, milder
from mechexo.flows.ci.values import CiBadge, CiStanding, CiState
from mechexo.health.values import CI_KIND, ProbeState, Status
from mechexo.outside.words import asking_words
from mechexo.times import format_duration

if TYPE_CHECKING:
    from mechexo.config import CiSettings, Settings

CARD = "ci"
SOURCE = "ci-runs"
"""Whose alerts these are. Not `ci`: that is what a desk's own CI calls itself that sends alerts."""
STANDS_FOR = 3
"""Intervals after which what was learnt no longer stands."""
UNKNOWN_AFTER = timedelta(minutes=30)
"""A repository of which nobody knows for so long, or ten intervals if that is longer, raises an
alert."""
_NAMED = 3


def as_probe(
    standing: CiStanding, settings: CiSettings, now: datetime, tick: timedelta
) -> ProbeState:
    """A repository as its card shows it: critical when its default branch failed, a warning when
    another did; unknown, with what was known last, when it could not be asked."""
    status, detail = verdict(standing, settings, now, tick)
    return ProbeState(
        name=standing.name,
        kind=CI_KIND,
        card=CARD,
        severity=settings.severity,
        status=status,
        detail=detail,
        observed_at=standing.good_at,
        since=_since(standing),
        runbook=settings.runbook,
        suspect=settings.suspect,
    )


def verdict(
    standing: CiStanding, settings: CiSettings, now: datetime, tick: timedelta
) -> tuple[Status, str]:
    """How a repository is, and in words."""
    status, detail = _known(standing)
    if standing.good_at is None:
        return Status.UNKNOWN, "; ".join(
            filter(None, (standing.why or "not asked yet", asking_words(standing, now)))
        )
    age = now - standing.good_at
    before = f"{format_duration(max(age, timedelta(0)))} ago: {detail}"
    if standing.why:
        said = filter(None, (standing.why, asking_words(standing, now), f"known {before}"))
        return Status.UNKNOWN, "; ".join(said)
    if age > STANDS_FOR * max(settings.every, tick):
        said = filter(None, ("nobody asked lately", asking_words(standing, now), f"known {before}"))
        return Status.UNKNOWN, "; ".join(said)
    return status, detail


def _known(standing: CiStanding) -> tuple[Status, str]:
    main = [each for each in standing.badges if each.branch == standing.default_branch]
    failed = [each for each in main if each.state is CiState.FAILED]
    if failed:
        return Status.CRITICAL, _failures(failed)
    if not main:
        return Status.UNKNOWN, f"no run on {standing.default_branch} yet"
    unclear = [each for each in main if each.state is not CiState.PASSED]
    if unclear:
        return Status.UNKNOWN, "; ".join(map(_unclear, unclear[:_NAMED]))
    if standing.silent:
        more = len(standing.silent) - _NAMED
        said = ", ".join(standing.silent[:_NAMED]) + (f" and {more} more" if more > 0 else "")
        return Status.UNKNOWN, f"no run of {said} on {standing.default_branch} yet"
    others = [each for each in standing.badges if each.state is CiState.FAILED]
    if others:
        return Status.WARNING, _failures(others)
    count = len(main)
    return Status.OK, (
        f"{standing.default_branch}: {main[0].workflow} passed"
        if count == 1
        else f"{standing.default_branch}: {count} workflows passed"
    )


def _failures(badges: list[CiBadge]) -> str:
    said = [
        f"{each.workflow} failed on {each.branch}"
        + (f" at {each.run.commit[:12]}" if each.run.commit else "")
        + (f" ({each.run.title})" if each.run.title else "")
        for each in badges[:_NAMED]
    ]
    more = len(badges) - len(said)
    return "; ".join([*said, *([f"and {more} more"] if more else [])])


def _unclear(badge: CiBadge) -> str:
    run = badge.run
    words = f"{run.status}, {run.conclusion}" if run.conclusion else run.status
    if badge.state is CiState.UNKNOWN:
        return f"{badge.workflow} on {badge.branch} says {words!r}, which is not known here"
    return f"{badge.workflow} on {badge.branch} has no verdict yet ({words})"


def _since(standing: CiStanding) -> datetime | None:
    main = [each for each in standing.badges if each.branch == standing.default_branch]
    failed = [each.run for each in main if each.state is CiState.FAILED]
    runs = failed or [each.run for each in main]
    return max((run.ended_at or run.started_at for run in runs), default=None)


def observations(
    standings: Iterable[CiStanding], settings: Settings, now: datetime
) -> list[Observation]:
    """What each repository says about its two alerts."""
    said: list[Observation] = []
    for standing in standings:
        table = settings.ci[standing.name]
        status, detail = verdict(standing, table, now, settings.refresh.tick)
        if status is not Status.UNKNOWN:
            said.append(_observed(standing, table, "failed", status is Status.CRITICAL, detail))
            said.append(_observed(standing, table, "unknown", False, "known again"))
        elif _unknown_too_long(standing, table, now):
            said.append(_observed(standing, table, "unknown", True, detail))
    return said


def _unknown_too_long(standing: CiStanding, settings: CiSettings, now: datetime) -> bool:
    """Of one that answers and cannot be judged the newest run's age counts, or since when a run is
    missed."""
    too_long = max(UNKNOWN_AFTER, 10 * settings.every)
    if standing.good_at is not None and not standing.why:
        since = standing.silent_since or _since(standing)
    else:
        since = standing.good_at
    if since is not None:
        return now - since >= too_long
    # Never known: the failures in a row stand for the time, or how long it is not to be asked.
    asked_at, until = standing.asked_at, standing.until
    is_held_long = asked_at is not None and until is not None and until - asked_at >= too_long
    return standing.failures >= STANDS_FOR or is_held_long


def _observed(
    standing: CiStanding, settings: CiSettings, trouble: str, firing: bool, detail: str
) -> Observation:
    labels = {"ci": standing.name, "repository": standing.repository, "card": CARD}
    if settings.suspect:
        labels["suspect"] = settings.suspect
    link = _link(standing) if firing and trouble == "failed" else ""
    return Observation(
        key=f"ci:{standing.name}:{trouble}",
        firing=firing,
        severity=settings.severity if trouble == "failed" else milder(settings.severity),
        name=f"{standing.name}_ci_{trouble}",
        summary=f"{standing.repository}: {detail}" + (f" {link}" if link else ""),
        source=SOURCE,
        labels=labels,
        runbook=settings.runbook,
        observed_at=standing.good_at if trouble == "failed" else None,
    )


def _link(standing: CiStanding) -> str:
    failed = (
        each.run.link
        for each in standing.badges
        if each.branch == standing.default_branch and each.state is CiState.FAILED
    )
    return next((link for link in failed if link), "")
