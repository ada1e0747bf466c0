"""What can be asked of the flows wing: run a job on record (`executing.py`), its history, its
performance, how each flow stands."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from mechexo.actor import Role
from mechexo.errors import BusyError, NotFoundError, StateError, UnreachableError, close_names
from mechexo.flows import records, rules, spool
from mechexo.flows.auditing import store_end
from mechexo.flows.executing import check_name as check_name
from mechexo.flows.executing import execute as execute
from mechexo.flows.reading import as_seen, lost_runs, standings, watched
from mechexo.flows.tallies import NOTHING, day_edges
from mechexo.flows.tally_records import tallies
from mechexo.flows.values import Expectation, FlowRun, FlowStanding, FlowSummary

if TYPE_CHECKING:
    from mechexo.desk import Desk

_SETTLE_WAIT_S = 1.0
_NEVER = datetime.max.replace(tzinfo=UTC)


def runs(desk: Desk, *, flow: str | None = None, limit: int | None = 50) -> tuple[FlowRun, ...]:
    """The newest runs of one flow or of all, newest first. One whose wrapper died is `lost`; one
    that did not take place is among them as `skipped`."""
    lost = _settle(desk)
    ran = [as_seen(run, lost) for run in records.newest(desk.state, flow=flow, limit=limit)]
    skipped = records.skipped(desk.state, flow=flow, limit=limit)
    if not skipped:
        return tuple(ran)
    both = sorted((*ran, *skipped), key=lambda run: run.started_at, reverse=True)
    return tuple(both[:limit])


def summaries(desk: Desk, *, days: int = 7) -> tuple[FlowSummary, ...]:
    """Every flow's performance over the last `days` days: the configured ones in the order of the
    file and those whose job said how often it is due, also when they never ran, then the others
    that have run, by name. A skipped run is none."""
    lost = _settle(desk)
    now = desk.clock.now()
    edges = day_edges(now - timedelta(days=days), now, desk.zone)
    window = tallies(desk.state, edges, lost=lost)
    dates = [edge.astimezone(desk.zone).date() for edge in edges]
    none = (NOTHING,) * len(dates)
    latest = now + rules.CLOCK_TOLERANCE
    last = records.last_of_each(desk.state, until=latest)
    last_well = records.last_well(desk.state, until=latest)
    first_seen = records.first_seen(desk.state)
    configured = watched(desk)
    found = []
    for flow in (*configured, *sorted(last.keys() - configured.keys())):
        settings = configured.get(flow)
        newest = as_seen(last[flow], lost) if flow in last else None
        why_overdue = rules.why_overdue(
            expect_every=settings.expect_every if settings else None,
            last_well=last_well.get(flow),
            first_seen=first_seen.get(flow),
            now=now,
            grace=settings.grace if settings else None,
        )
        found.append(
            rules.summarise(
                flow,
                tuple(zip(dates, window.get(flow, none), strict=True)),
                label=(settings.label if settings else "") or flow,
                days=days,
                last=newest,
                overdue=bool(why_overdue),
                why_overdue=why_overdue,
                slow=rules.is_slow(newest, settings.usual if settings else None, now),
                usual=settings.usual if settings else None,
                expected_by=rules.expected_by(
                    expect_every=settings.expect_every if settings else None,
                    last_well=last_well.get(flow),
                    first_seen=first_seen.get(flow),
                ),
            )
        )
    return tuple(found)


def settled_standings(desk: Desk) -> tuple[FlowStanding, ...]:
    """How each watched flow stands now, once waiting runs are taken over, lost ones
    marked and new flows noted: what the tick asks. What of the waiting ones cannot be read keeps
    no flow from being judged: `check_waiting` tells of it."""
    with suppress(UnreachableError):
        _settle(desk)
    return standings(desk)


def check_waiting(desk: Desk) -> None:
    """Looks whether all runs that wait beside the state file can be read.

    Raises:
        UnreachableError: one cannot; the text names it.
    """
    spool.check_readable(desk.state.path)


def forget(desk: Desk, name: str, *, reason: str = "") -> Expectation:
    """Forgets how often a job said that it is due: it is gone for good, and nobody shall miss it.

    Raises:
        NotFoundError: no job of that name ever said so.
        NotAllowedError: the role is below operator.
    """
    told = records.expectations(desk.state)
    if name not in told:
        configured = name in desk.settings.flows
        raise NotFoundError(
            f"{name} is expected by [flows.{name}] of {desk.config_path}: take it out there"
            if configured
            else f"no job {name} ever said how often it is due; {close_names(name, told)}"
        )
    with desk.operation("flows.forget", name, needs=Role.OPERATOR, reason=reason) as operation:
        was = records.forget(operation.transaction, name) or told[name]
        operation.before = {
            "expect_every_s": was.expect_every.total_seconds(),
            "grace_s": was.grace.total_seconds(),
        }
    return was


def _settle(desk: Desk) -> frozenset[int]:
    """Takes over runs that waited, marks lost ones and notes new flows; returns the lost ids.

    Most of the time there is nothing to write. When the state file is busy the same work waits
    for the next reader; the answer is right without it.

    Raises:
        UnreachableError: a waiting run cannot be read; all else is done by then.
    """
    lost = lost_runs(desk)
    noted, now = records.first_seen(desk.state), desk.clock.now()
    unseen = [flow for flow in watched(desk) if noted.get(flow, _NEVER) > now]
    waiting = spool.folder_of(desk.state.path).is_dir()
    if not (lost or unseen or waiting):
        return lost
    try:
        unread = _write_down(desk, lost, unseen, now)
    except (BusyError, StateError):
        return lost  # The next reader does it; what this one answers is right without it.
    if unread:
        raise unread[0]
    return lost


def _write_down(
    desk: Desk, lost: frozenset[int], unseen: Sequence[str], now: datetime
) -> list[UnreachableError]:
    """Writes what was found down; returns why waiting runs could not be read."""
    taken, unread = [], list[UnreachableError]()
    with desk.state.write(wait_s=_SETTLE_WAIT_S) as transaction:
        for place, run, wrapper, by in spool.kept(desk.state.path, unread):
            store_end(transaction, run, wrapper, by, now)
            taken.append(place)
        records.mark_lost(transaction, lost)
        records.note_first_seen(transaction, unseen, now)
    for place in taken:
        place.unlink(missing_ok=True)
    with suppress(OSError):
        spool.folder_of(desk.state.path).rmdir()  # When nothing waits any more.
    return unread
