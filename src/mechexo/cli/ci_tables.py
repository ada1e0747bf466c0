"""How CI looks in tables and documents."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from mechexo.ci_words import verdict
from mechexo.flows.ci.values import CiRun, CiStanding, CiState
from mechexo.health.values import Status
from mechexo.times import format_duration

if TYPE_CHECKING:
    from mechexo.config import CiSettings

MARKS = {
    CiState.WAITING: "… WAITING",
    CiState.RUNNING: "… RUNNING",
    CiState.PASSED: "● PASSED",
    CiState.FAILED: "✖ FAILED",
    CiState.STOPPED: "– STOPPED",
    CiState.UNKNOWN: "? UNKNOWN",
}
STATUS_MARKS = {
    Status.OK: "● OK",
    Status.WARNING: "▲ WARNING",
    Status.UNKNOWN: "? UNKNOWN",
    Status.CRITICAL: "✖ CRITICAL",
}

RUN_FIELDS = (
    *("name", "repository", "branch", "workflow", "number", "attempt", "state", "status"),
    *(
        "conclusion",
        "event",
        "started_at",
        "ended_at",
        "duration_s",
        "commit",
        "title",
        "link",
        "file",
    ),
)

BADGE_FIELDS = (
    *("name", "repository", "branch", "workflow", "state", "under_way", "status", "conclusion"),
    *("started_at", "ended_at", "duration_s", "commit", "title", "link", "observed_at", "error"),
)

Columns = Sequence[str]
Rows = list[list[object]]


def badge_rows(found: Sequence[CiStanding], now: datetime) -> tuple[Columns, Rows]:
    """Badges for people. A repository that did not answer has a mark at what it said last."""
    columns = ("name", "branch", "workflow", "badge", "now", ">took", "commit", ">known")
    return columns, [
        [
            *(each.name, badge.branch, badge.workflow),
            MARKS[badge.state] + (" (as last told)" if each.why else ""),
            MARKS[badge.under_way.state] if badge.under_way else None,
            _seconds(badge.run),
            badge.run.commit[:12] or None,
            f"{format_duration(max(now - each.good_at, timedelta(0)))} ago"
            if each.good_at
            else None,
        ]
        for each in found
        for badge in each.badges
    ]


def badge_values(found: Sequence[CiStanding]) -> Rows:
    """Badges for other programs, in the order of `BADGE_FIELDS`."""
    rows: Rows = []
    for each in found:
        for badge in each.badges:
            under_way = badge.under_way.state if badge.under_way else None
            own: dict[str, object] = {
                **{"name": each.name, "repository": each.repository, "workflow": badge.workflow},
                **{"state": badge.state, "under_way": under_way},
                **{"observed_at": each.good_at, "error": each.why},
            }
            rows.append([own.get(name, getattr(badge.run, name, None)) for name in BADGE_FIELDS])
    return rows


def doubts(
    found: Sequence[CiStanding],
    configured: Mapping[str, CiSettings],
    now: datetime,
    tick: timedelta,
) -> Iterator[str]:
    """A line for each repository of which nobody knows how it is now."""
    for each in found:
        status, detail = verdict(each, configured[each.name], now, tick)
        if status is Status.UNKNOWN:
            yield f"{STATUS_MARKS[status]}  {each.name} ({each.repository}): {detail}"


def remarks(
    found: Sequence[CiStanding],
    configured: Mapping[str, CiSettings],
    now: datetime,
    tick: timedelta,
) -> Iterator[str]:
    """A line for each repository: how it is, in words; below it where its failed runs are seen."""
    for each in found:
        status, detail = verdict(each, configured[each.name], now, tick)
        yield f"{STATUS_MARKS[status]}  {each.name} ({each.repository}): {detail}"
        # A line of its own: folded in a table it could not be followed.
        yield from (
            f"  {badge.run.link}"
            for badge in each.badges
            if badge.state is CiState.FAILED and badge.run.link
        )


def run_rows(found: Sequence[CiStanding], limit: int) -> tuple[Columns, Rows]:
    """Runs for people."""
    columns = (
        "name",
        "branch",
        "workflow",
        "state",
        "started",
        ">took",
        "commit",
        "?what",
        "?link",
    )
    return columns, [
        [
            *(each.name, run.branch, run.workflow, MARKS[run.state], run.started_at),
            *(_seconds(run), run.commit[:12] or None, run.title or None, run.link or None),
        ]
        for each, run in _newest(found, limit)
    ]


def run_values(found: Sequence[CiStanding], limit: int) -> Rows:
    """Runs for other programs, in the order of `RUN_FIELDS`."""
    return [_run_values(each, run) for each, run in _newest(found, limit)]


def documents(
    found: Sequence[CiStanding],
    configured: Mapping[str, CiSettings],
    now: datetime,
    tick: timedelta,
) -> list[dict[str, object]]:
    """Repositories for other programs: how each is, what is known of it and since when."""
    told = standing_documents(found, configured, now, tick)
    return [
        document
        | {
            "badges": [asdict(badge) for badge in each.badges],
            "runs": [
                dict(zip(RUN_FIELDS, _run_values(each, run), strict=True)) for run in each.runs
            ],
        }
        for each, document in zip(found, told, strict=True)
    ]


def standing_documents(
    found: Sequence[CiStanding],
    configured: Mapping[str, CiSettings],
    now: datetime,
    tick: timedelta,
) -> list[dict[str, object]]:
    """How each repository is and how far that can be believed, without its runs."""
    said: list[dict[str, object]] = []
    for each in found:
        status, detail = verdict(each, configured[each.name], now, tick)
        said.append(
            {
                **{"name": each.name, "kind": each.kind, "repository": each.repository},
                **{"default_branch": each.default_branch, "status": status, "detail": detail},
                **{"observed_at": each.good_at, "asked_at": each.asked_at, "error": each.why},
                "breaker": {
                    **{"standing": each.standing, "until": each.until},
                    "failures": each.failures,
                },
            }
        )
    return said


def _newest(found: Sequence[CiStanding], limit: int) -> list[tuple[CiStanding, CiRun]]:
    every = [(each, run) for each in found for run in each.runs]
    return sorted(every, key=lambda pair: pair[1].started_at, reverse=True)[:limit]


def _run_values(each: CiStanding, run: CiRun) -> list[object]:
    own = {"name": each.name, "repository": each.repository}
    return [own.get(name, getattr(run, name, None)) for name in RUN_FIELDS]


def _seconds(run: CiRun) -> str | None:
    return None if run.duration_s is None else format_duration(run.duration_s)
