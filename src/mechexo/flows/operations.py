"""What can be asked of the flows wing: run a job on record, its history, its performance."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from mechexo.errors import BusyError, MechexoError, StateError, UsageError
from mechexo.flows import child, records, rules, spool
from mechexo.flows.auditing import Starter, record_end, starter
from mechexo.flows.reading import as_seen, lost_runs, standings
from mechexo.flows.tallies import NOTHING, day_edges
from mechexo.flows.tally_records import tallies
from mechexo.flows.values import FlowRun, FlowStanding, FlowSummary, RunState
from mechexo.processes import Process, this_process
from mechexo.times import format_duration

if TYPE_CHECKING:
    from mechexo.desk import Desk
    from mechexo.state import Transaction

START_WAIT_S = 1.0
"""How long the start of a job waits for its turn at the state file before it goes on without."""
END_WAIT_S = 5.0
"""How long its end waits for its turn before it is written down elsewhere."""
LONGEST_NAME = 80
_MINUTE = timedelta(minutes=1)
_NEVER = datetime.max.replace(tzinfo=UTC)


def execute(
    desk: Desk, name: str, command: Sequence[str], *, timeout: timedelta | None = None
) -> FlowRun:
    """Runs a command as one run of the flow `name` and records how it went.

    The job runs whatever happens to the state file. An end that cannot be written there waits in
    a file beside it; when that fails too, stderr says what was not recorded. A run without a
    record has the id 0. No role is needed; the audit log says who ran it and how it ended.

    Raises:
        UsageError: the name or the command cannot be used.
    """
    check_name(name)
    if not command:
        raise UsageError("there is no command to run; write: mechexo flows exec NAME -- CMD")
    wrapper, by = this_process(), starter(desk)
    run = FlowRun(0, name, RunState.RUNNING, desk.clock.now(), None, None, None, "")
    try:
        with desk.state.write(wait_s=START_WAIT_S) as transaction:
            run = replace(run, id=records.insert(transaction, run, wrapper))
            records.prune(transaction, name, run.started_at)
    except MechexoError as error:
        _remark(f"the start of {name} is not recorded yet: {error}")
    begun_s = desk.clock.monotonic_s()
    ended = child.run(command, timeout_s=_seconds(timeout))
    run = replace(
        run,
        state=rules.state_of(ended.exit_code, timed_out=ended.timed_out),
        ended_at=desk.clock.now(),
        duration_s=round(desk.clock.monotonic_s() - begun_s, 3),
        exit_code=ended.exit_code,
        tail=ended.tail,
    )
    run = _record_end(desk, run, wrapper, by)
    # On record first: nobody may be there to read it.
    _tell_when_cut_off(ended, command, timeout)
    return run


def execute_unrecorded(
    command: Sequence[str], *, why: MechexoError, timeout: timedelta | None = None
) -> int:
    """Runs a command when there is no desk to record it on; says so on stderr.

    Returns its exit code: a broken configuration must not stop the desk's jobs.
    """
    _remark(f"this run will not be recorded: {why}")
    ended = child.run(command, timeout_s=_seconds(timeout))
    _tell_when_cut_off(ended, command, timeout)
    return ended.exit_code


def runs(desk: Desk, *, flow: str | None = None, limit: int | None = 50) -> tuple[FlowRun, ...]:
    """The newest runs of one flow or of all, newest first. One whose wrapper died is `lost`."""
    lost = _settle(desk)
    return tuple(as_seen(run, lost) for run in records.newest(desk.state, flow=flow, limit=limit))


def summaries(desk: Desk, *, days: int = 7) -> tuple[FlowSummary, ...]:
    """Every flow's performance over the last `days` days: the configured ones in the order of the
    file, also those that never ran, then the others that have run, by name."""
    lost = _settle(desk)
    now = desk.clock.now()
    edges = day_edges(now - timedelta(days=days), now, desk.zone)
    window = tallies(desk.state, edges, lost=lost)
    dates = [edge.astimezone(desk.zone).date() for edge in edges]
    none = (NOTHING,) * len(dates)
    last = records.last_of_each(desk.state)
    last_well = records.last_well(desk.state, until=now + rules.CLOCK_TOLERANCE)
    first_seen = records.first_seen(desk.state)
    configured = desk.settings.flows
    found = []
    for flow in (*configured, *sorted(last.keys() - configured.keys())):
        settings = configured.get(flow)
        newest = as_seen(last[flow], lost) if flow in last else None
        why_overdue = rules.why_overdue(
            expect_every=settings.expect_every if settings else None,
            last_well=last_well.get(flow),
            first_seen=first_seen.get(flow),
            now=now,
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
    """How each flow of the configuration stands now, once waiting runs are taken over, lost ones
    marked and new flows noted: what the tick asks."""
    _settle(desk)
    return standings(desk)


def check_name(name: str) -> None:
    """Refuses a flow name that could not be shown or typed."""
    if not name.strip() or len(name) > LONGEST_NAME or not name.isprintable():
        raise UsageError(f"{name!r} is no name for a flow; use 1 to {LONGEST_NAME} plain letters")


def _seconds(timeout: timedelta | None) -> float | None:
    return timeout.total_seconds() if timeout else None


def _tell_when_cut_off(
    ended: child.Ended, command: Sequence[str], timeout: timedelta | None
) -> None:
    """Says on stderr that a command ran out of time: 124 alone could be its own exit code."""
    if not ended.timed_out or timeout is None:
        return
    longest = f"{timeout.total_seconds():g}s" if timeout < _MINUTE else format_duration(timeout)
    _remark(f"{command[0]} took longer than {longest} and was ended: exit code {child.TIMED_OUT}")


def _record_end(desk: Desk, run: FlowRun, wrapper: Process, by: Starter) -> FlowRun:
    try:
        with desk.state.write(wait_s=END_WAIT_S) as transaction:
            return _store_end(transaction, run, wrapper, by, desk.clock.now())
    except MechexoError as error:
        problem = str(error)
    try:
        place = spool.keep(desk.state.path, run, wrapper, by)
    except OSError as error:
        _remark(
            f"NOT RECORDED: {run.flow} {run.state} with {run.exit_code} after {run.duration_s} s: "
            f"{problem}; {spool.folder_of(desk.state.path)}: {error.strerror}"
        )
    else:
        _remark(f"{problem}; the run waits in {place} and is recorded with the next one")
    return run


def _store_end(
    transaction: Transaction, run: FlowRun, wrapper: Process, by: Starter, at: datetime
) -> FlowRun:
    """Stores an end with its audit entry, unless it is there already: another reader may have
    taken a waiting run over and not removed its file yet."""
    if run.id:
        stored = records.finish(transaction, run)
    elif stored := not records.is_stored(transaction, run, wrapper):
        run = replace(run, id=records.insert(transaction, run, wrapper))
    if stored:
        record_end(transaction, run, by, at)
    return run


def _settle(desk: Desk) -> frozenset[int]:
    """Takes over runs that waited, marks lost ones and notes new flows; returns the lost ids.

    Most of the time there is nothing to write. When the state file is busy the same work waits
    for the next reader; the answer is right without it.
    """
    lost = lost_runs(desk)
    noted, now = records.first_seen(desk.state), desk.clock.now()
    unseen = [flow for flow in desk.settings.flows if noted.get(flow, _NEVER) > now]
    waiting = spool.folder_of(desk.state.path).is_dir()
    if not (lost or unseen or waiting):
        return lost
    try:
        _write_down(desk, lost, unseen, now)
    except (BusyError, StateError):
        return lost  # The next reader does it; what this one answers is right without it.
    return lost


def _write_down(desk: Desk, lost: frozenset[int], unseen: Sequence[str], now: datetime) -> None:
    taken = []
    with desk.state.write(wait_s=START_WAIT_S) as transaction:
        for place, run, wrapper, by in spool.kept(desk.state.path):
            _store_end(transaction, run, wrapper, by, now)
            taken.append(place)
        records.mark_lost(transaction, lost)
        records.note_first_seen(transaction, unseen, now)
    for place in taken:
        place.unlink(missing_ok=True)
    folder = spool.folder_of(desk.state.path)
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()


def _remark(line: str) -> None:
    sys.stderr.write(f"mechexo: {line}\n")
