"""Jobs on record: a run of a flow is also a sign of life for the heartbeat probes.

The meeting place of the flows and health wings, which know nothing of each other.
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from mechexo.actor import Role
from mechexo.config.finding import config_place
from mechexo.config.secrets import redact
from mechexo.errors import NotAllowedError, close_names
from mechexo.quick_desk import JobDesk, JobFacts, facts_of, keep_facts, open_quickly

if TYPE_CHECKING:
    from mechexo.desk import Desk
    from mechexo.flows.executing import Terms
    from mechexo.flows.values import FlowRun


BY_ITS_JOB = "checked in by its job"
"""The reason of every ping: cron cannot be asked for one."""


def run_named(config: Path | None, name: str, command: Sequence[str], terms: Terms) -> int:
    """Runs a job on the desk of a configuration, or of the usual one; returns its exit code, or
    `executing.SKIPPED` when another run holds its lock.

    A job whose desk cannot be opened runs unrecorded, and says so.

    Raises:
        UsageError, StateError: as `executing.execute`; nothing was run.
    """
    from mechexo.flows import executing
    from mechexo.flows.values import RunState

    executing.check_name(name)
    executing.check_command(command)
    desk: JobDesk
    try:
        quick = open_quickly(config)
        if quick is None:
            from mechexo.desk import Desk

            desk = whole = Desk.open(config)
            facts = keep_facts(whole)
        else:
            desk, facts = quick, quick.facts
    except Exception as error:  # noqa: BLE001 - the job runs all the same; what was wrong is said
        why, place = executing.words_of(error), config_place(config)
        return executing.execute_unrecorded(name, command, terms, why=why, config_path=place)
    run = _run(desk, facts, name, command, terms)
    return executing.SKIPPED if run.state is RunState.SKIPPED else run.exit_code or 0


def run_job(desk: Desk, name: str, command: Sequence[str], terms: Terms | None = None) -> FlowRun:
    """Runs a command as a run of the flow `name`, then checks the job `name` in with its outcome.

    A job whose files a rollback is changing waits for its end, so that it does not read half of
    them. The job runs whoever starts it; only a responder's turns the heartbeat. A check-in that
    may not or cannot be stored is said on stderr; the run's own result stands. A run that was
    skipped is no sign of life.

    Raises:
        UsageError, StateError: as `executing.execute`; nothing was run.
    """
    from mechexo.flows import executing

    return _run(desk, facts_of(desk.settings), name, command, terms or executing.Terms())


def _run(
    desk: JobDesk, facts: JobFacts, name: str, command: Sequence[str], terms: Terms
) -> FlowRun:
    from mechexo.flows import executing
    from mechexo.flows.auditing import starter
    from mechexo.flows.values import RunState

    if name in facts.rolled_back:
        _wait_for_a_rollback(desk, name)
    by = starter(desk)
    run = executing.execute(desk, name, command, _configured(terms, facts, name))
    if run.state is RunState.SKIPPED:
        return run
    ok = run.state is RunState.COMPLETED
    try:
        if by.role < Role.RESPONDER:
            raise NotAllowedError(
                f"it needs the role {Role.RESPONDER.label}; {by.actor.name} is {by.role.label}"
            )
        from mechexo.health.checking_in import check_in

        detail = "" if ok else f"{run.state} with exit code {run.exit_code}"
        # The run's own audit entry tells of it.
        check_in(desk, name, ok=ok, detail=detail)
    except Exception as error:  # noqa: BLE001 - the run's own result stands; what was wrong is said
        why = executing.words_of(error, desk.state.path)
        sys.stderr.write(f"mechexo: the check-in of {name} is not recorded: {why}\n")
    if close := _slip(name, {*facts.jobs, *facts.expected}):
        sys.stderr.write(f"mechexo: nothing expects a job {name}; did you mean {close}?\n")
    return run


def _wait_for_a_rollback(desk: JobDesk, name: str) -> None:
    from mechexo.desk import Desk
    from mechexo.rolling_back import JOB_WAITS_S, wait_while_under_way

    try:
        whole = desk if isinstance(desk, Desk) else Desk.open(desk.config_path)
        is_over = wait_while_under_way(whole, name)
    except Exception as error:  # noqa: BLE001 - the job runs all the same; what was wrong is said
        from mechexo.flows.executing import words_of

        why = words_of(error, desk.state.path)
        sys.stderr.write(
            f"mechexo: whether a rollback is under way is not known: {why}; "
            f"{name} runs all the same\n"
        )
        return
    if not is_over:
        sys.stderr.write(
            f"mechexo: a rollback is still under way after {JOB_WAITS_S:.0f} s; "
            f"{name} runs all the same\n"
        )


def _configured(terms: Terms, facts: JobFacts, name: str) -> Terms:
    """The terms with what the configuration expects of the flow, when it does."""
    every_s, grace_s = facts.expected.get(name, (None, None))
    if terms.expected is None or every_s is None:
        return terms
    from mechexo.flows.values import Expectation

    configured = Expectation(timedelta(seconds=every_s), timedelta(seconds=grace_s or 0.0))
    return replace(terms, configured=configured)


def ping(desk: Desk, job: str, *, ok: bool = True, detail: str = "") -> None:
    """Checks a job in: it is alive, and its last run went well or not.

    Raises:
        NotAllowedError: the role is below responder.
        UsageError: the job's name cannot be used.
    """
    from mechexo.flows.executing import check_name
    from mechexo.health import operations as health

    check_name(job)
    # On record first, so that no check-in is without its entry.
    with desk.operation("flows.ping", job, needs=Role.RESPONDER, reason=BY_ITS_JOB) as operation:
        operation.after = {"ok": ok, "detail": redact(detail)}
    health.check_in(desk, job, ok=ok, detail=detail)


def start(desk: Desk, job: str, *, detail: str = "") -> None:
    """Notes that a job began, for whoever looks at its heartbeat. No sign of life by itself.

    Raises:
        NotAllowedError: the role is below responder.
        UsageError: the job's name cannot be used.
    """
    from mechexo.flows.executing import check_name
    from mechexo.health import operations as health

    check_name(job)
    with desk.operation("flows.ping", job, needs=Role.RESPONDER, reason=BY_ITS_JOB) as operation:
        operation.after = {"began": True, "detail": redact(detail)}
    health.job_started(desk, job)


def why_unexpected(desk: Desk, job: str) -> str:
    """Why nobody would miss this job: nothing in the configuration expects it. "" when some does.

    A check-in under a misspelt name is one that the job's own probe never hears of.
    """
    known = sorted(_expected(desk))
    if job.strip() in known:
        return ""
    hint = close_names(job.strip(), known) if known else "give it a probe of the kind heartbeat"
    return f"no heartbeat probe and no flow of {desk.config_path} expects the job {job}; {hint}"


def _slip(name: str, known: Collection[str]) -> str:
    """The job that this name is most likely a slip of; "" when it is expected, or like no other.

    A job need not be in the configuration, so that it is not is nothing to remark on.
    """
    if not known or name in known:
        return ""
    import difflib

    return next(iter(difflib.get_close_matches(name, known, n=1, cutoff=0.8)), "")


def _expected(desk: Desk) -> set[str]:
    """The names of the jobs that a flow or a heartbeat probe of the configuration expects."""
    facts = facts_of(desk.settings)
    return {*facts.jobs, *facts.expected}
