"""Who started a run, and its end with its audit entry.

A job runs whatever its starter may do elsewhere: nothing here refuses.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from mechexo.actor import Actor, Role
from mechexo.flows import records
from mechexo.flows.values import FlowRun
from mechexo.state import audit as audit_log
from mechexo.value_classes import dataclass

if TYPE_CHECKING:
    from mechexo.processes import Process
    from mechexo.quick_desk import JobDesk
    from mechexo.state import Transaction

ACTION = "flows.exec"


@dataclass(frozen=True, slots=True)
class Starter:
    """Who started a run, and their role at that moment."""

    actor: Actor
    role: Role


def starter(desk: JobDesk) -> Starter:
    """The acting person. Their role is the lowest when the file that would tell is gone."""
    try:
        return Starter(desk.actor, desk.role)
    except OSError:
        return Starter(desk.actor, Role.VIEWER)


def record_end(transaction: Transaction, run: FlowRun, by: Starter, at: datetime) -> None:
    """Puts the end of a run into the audit log, in the transaction that stores it."""
    audit_log.append(
        transaction.connection,
        at=at,
        actor=by.actor,
        action=ACTION,
        target=run.flow,
        outcome=run.state.value,
        payload={
            "run": run.id,
            "exit_code": run.exit_code,
            "duration_s": run.duration_s,
            "role": by.role.label,
        },
    )


def store_end(
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
