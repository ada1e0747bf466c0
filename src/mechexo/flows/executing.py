"""Running a job on record, whatever happens to the state file or the configuration."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from mechexo.errors import BusyError, MechexoError, StateError, UsageError
from mechexo.flows import child, locking, records, rules, spool
from mechexo.flows.auditing import Starter, record_end, starter, store_end
from mechexo.flows.values import Expectation, FlowRun, RunState
from mechexo.processes import Process, this_process
from mechexo.times import exact_duration, format_duration, iso_z
from mechexo.value_classes import dataclass

if TYPE_CHECKING:
    from mechexo.quick_desk import JobDesk

START_WAIT_S = 1.0
"""How long the start of a job waits for its turn at the state file before it goes on without."""
END_WAIT_S = 5.0
"""How long its end waits for its turn before it is written down elsewhere."""
LONGEST_NAME = 80
_MINUTE = timedelta(minutes=1)
SKIPPED = BusyError.exit_code
"""The exit code of a run that did not take place, because another one holds the flow's lock."""


@dataclass(frozen=True, slots=True)
class Terms:
    """How a run is to be run. `lock` lets no two runs of the flow run at once; the second waits
    for it `lock_wait`, then gives up. `expected` is remembered with the flow, and is only said to
    differ where the configuration has `configured`."""

    timeout: timedelta | None = None
    lock: bool = False
    lock_wait: timedelta = timedelta(0)
    expected: Expectation | None = None
    configured: Expectation | None = None


_AS_IT_IS = Terms()


def execute(desk: JobDesk, name: str, command: Sequence[str], terms: Terms = _AS_IT_IS) -> FlowRun:
    """Runs a command as one run of the flow `name` and records how it went.

    The job runs whatever happens to the state file. An end that cannot be written there waits in
    a file beside it; when that fails too, stderr says what was not recorded. A run without a
    record has the id 0. No role is needed; the audit log says who ran it and how it ended. While
    another run holds the flow's lock nothing is run: the answer is `skipped`.

    Raises:
        UsageError: the name or the command cannot be used.
        StateError: the lock was asked for and its file cannot be used; nothing was run.
    """
    check_name(name)
    check_command(command)
    wrapper, by = this_process(), starter(desk)
    lock = None
    if terms.lock:
        taken = locking.take(
            locking.shared_place(desk.state.path, name),
            locking.own_place(str(desk.config_path), name),
            desk.clock.now(),
            wait_s=terms.lock_wait.total_seconds(),
        )
        if isinstance(taken, locking.Holder):
            return _skip(desk, name, lock_words(taken, desk.clock.now()), terms, by)
        lock = taken
    run = FlowRun(0, name, RunState.RUNNING, desk.clock.now(), None, None, None, "")
    if terms.expected is not None and terms.configured is not None:
        _tell_difference(name, terms.expected, terms.configured)
    try:
        with desk.state.write(wait_s=START_WAIT_S) as transaction:
            run_id = records.insert(transaction, run, wrapper)
            if terms.expected is not None:
                records.expect(transaction, name, terms.expected, run.started_at)
        # Only now: a commit that a full disk refused has left no such run.
        run = replace(run, id=run_id)
    except Exception as error:  # noqa: BLE001 - the job runs all the same; what was wrong is said
        _remark(f"the start of {name} is not recorded yet: {words_of(error, desk.state.path)}")
    begun_s = desk.clock.monotonic_s()
    with child.signals_passed_on() as signals:
        ended = child.run(
            command,
            timeout_s=_seconds(terms.timeout),
            started=lock.note_job if lock else None,
            signals=signals,
        )
        run = replace(
            run,
            state=rules.state_of(ended.exit_code, timed_out=ended.timed_out),
            ended_at=desk.clock.now(),
            duration_s=round(desk.clock.monotonic_s() - begun_s, 3),
            exit_code=ended.exit_code,
            tail=ended.tail,
        )
        if lock is not None:
            lock.free()
        run = _record_end(desk, run, wrapper, by)
        # On record first: nobody may be there to read it.
        _tell_the_rest(ended, command, terms.timeout)
    return run


def execute_unrecorded(
    name: str,
    command: Sequence[str],
    terms: Terms = _AS_IT_IS,
    *,
    why: str,
    config_path: Path,
) -> int:
    """Runs a command when there is no desk to record it on; says so on stderr.

    Returns its exit code: a broken configuration must not stop the desk's jobs. Its lock holds
    against this user's runs with the same configuration.

    Raises:
        UsageError: the name or the command cannot be used.
        StateError: the lock was asked for and its file cannot be used; nothing was run.
    """
    check_name(name)
    check_command(command)
    _remark(f"this run will not be recorded: {why}")
    lock = None
    if terms.lock:
        from mechexo.clock import SystemClock

        now = SystemClock().now()
        taken = locking.take(
            None, _needed_place(config_path, name), now, wait_s=terms.lock_wait.total_seconds()
        )
        if isinstance(taken, locking.Holder):
            _remark(f"{name} is not run: {lock_words(taken, now)}")
            return SKIPPED
        lock = taken
    ended = child.run(
        command,
        timeout_s=_seconds(terms.timeout),
        started=lock.note_job if lock else None,
    )
    if lock is not None:
        lock.free()
    _tell_the_rest(ended, command, terms.timeout)
    return ended.exit_code


def _needed_place(config_path: Path, flow: str) -> Path:
    """The user's own lock file of a flow, where there is no other one."""
    own = locking.own_place(str(config_path), flow)
    if own is None:
        raise StateError(
            f"the lock of {flow} has no place: the configuration cannot be read and there is no "
            "safe folder for it; mend the configuration, or run it without --lock"
        )
    return own


def lock_words(holder: locking.Holder, now: datetime) -> str:
    """Who holds a lock and since when."""
    if holder.pid is None or holder.since is None:
        return "another run holds its lock; its file does not say which"
    since = f"since {iso_z(holder.since)[:19]}Z ({format_duration(now - holder.since)})"
    if holder.left_over:
        return (
            f"the job of a run by {holder.user} {since} still runs as process {holder.pid}, "
            "though its wrapper was killed"
        )
    return f"another run by {holder.user} holds its lock {since}, process {holder.pid}"


def words_of(error: Exception, state: Path | None = None) -> str:
    """What went wrong, in one line; of a defect with the report that is kept of it."""
    if isinstance(error, MechexoError):
        return str(error)
    from mechexo.crash import kept_report

    return kept_report(error, state)


def check_name(name: str) -> None:
    """Refuses a flow name that could not be shown or typed."""
    if not name.strip() or len(name) > LONGEST_NAME or not name.isprintable():
        raise UsageError(f"{name!r} is no name for a flow; use 1 to {LONGEST_NAME} plain letters")


def check_command(command: Sequence[str]) -> None:
    """Refuses to run nothing."""
    if not command:
        raise UsageError("there is no command to run; write: mechexo flows exec NAME -- CMD")


def _skip(desk: JobDesk, name: str, why: str, terms: Terms, by: Starter) -> FlowRun:
    """Records that a run did not take place; says so on stderr."""
    now = desk.clock.now()
    _remark(f"{name} is not run: {why}")
    run = FlowRun(0, name, RunState.SKIPPED, now, now, None, None, why)
    try:
        with desk.state.write(wait_s=START_WAIT_S) as transaction:
            skipped = replace(run, id=records.skip(transaction, name, now, why))
            if terms.expected is not None:
                records.expect(transaction, name, terms.expected, now)
            record_end(transaction, skipped, by, now)
        run = skipped
    except MechexoError as error:
        _remark(f"NOT RECORDED: that {name} was not run: {error}")
    return run


def _tell_difference(name: str, said: Expectation, configured: Expectation) -> None:
    """Says what of a job's own expectation is not used, because the configuration has another."""
    if configured != said:
        _remark(
            f"--expect-every {_expected(said.expect_every, said.grace)} is not used: [flows.{name}]"
            f" of the configuration says {_expected(configured.expect_every, configured.grace)}"
        )


def _expected(every: timedelta, grace: timedelta) -> str:
    return f"{exact_duration(every)} with {exact_duration(grace)} of grace"


def _tell_the_rest(ended: child.Ended, command: Sequence[str], timeout: timedelta | None) -> None:
    """Says on stderr what the exit code alone does not: that the command ran out of time (124 could
    be its own), or that its output could not be passed on."""
    if ended.unwritten:
        _remark(f"the output of {command[0]} was cut off: {ended.unwritten}")
    if not ended.timed_out or timeout is None:
        return
    longest = f"{timeout.total_seconds():g}s" if timeout < _MINUTE else format_duration(timeout)
    _remark(f"{command[0]} took longer than {longest} and was ended: exit code {child.TIMED_OUT}")


def _record_end(desk: JobDesk, run: FlowRun, wrapper: Process, by: Starter) -> FlowRun:
    try:
        with desk.state.write(wait_s=END_WAIT_S) as transaction:
            return store_end(transaction, run, wrapper, by, desk.clock.now())
    except Exception as error:  # noqa: BLE001 - the run is kept elsewhere; what was wrong is said
        problem = words_of(error, desk.state.path)
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


def _seconds(timeout: timedelta | None) -> float | None:
    return timeout.total_seconds() if timeout else None


def _remark(line: str) -> None:
    sys.stderr.write(f"mechexo: {line}\n")
