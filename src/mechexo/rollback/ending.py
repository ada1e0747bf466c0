"""What is written when a run ends, however it does: one transaction with its message."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mechexo.rollback import ledger, run_records
from mechexo.rollback.values import Run, RunState

if TYPE_CHECKING:
    from mechexo.desk import Desk, Operation
    from mechexo.rollback.applying import Surroundings

LASTING = (RunState.APPLIED, RunState.REDEPLOY_FAILED)


def record_end(operation: Operation, desk: Desk, run: Run, around: Surroundings, why: str) -> None:
    """The run's end and steps; of one that lasts also the deployment, and what is on hold now."""
    transaction = operation.transaction
    assert run.ended_at is not None
    run_records.end(transaction, run.id, run.state, run.ended_at, new_commit=run.new_commit)
    run_records.add_steps(transaction, run.id, run.steps)
    recorded = run_records.recorded_in(transaction.connection, run.id)
    if run.state in LASTING and recorded["repository"]:
        ledger.append(
            transaction,
            at=run.ended_at,
            repository=recorded["repository"],
            ref=recorded["ref"],
            oid=run.new_commit or run.old_commit,
            how="undo" if recorded["undoes"] else "rollback",
            actor=run.actor,
            flow=recorded["flow"],
            plan_id=run.id,
        )
    if run.state in LASTING and recorded["undoes"]:
        released = run_records.release(
            transaction.connection,
            at=run.ended_at,
            by=desk.actor.name,
            run_id=recorded["undoes"],
        )
        operation.details["released"] = released
        # The undo of an undo takes back once more what the first run took back.
        operation.details["held again"] = run_records.hold_again(
            transaction.connection, undone_by=recorded["undoes"]
        )
    if run.state in LASTING and recorded["held"]:
        run_records.hold(
            transaction, recorded["repository"], recorded["held"], run.id, run.ended_at
        )
        operation.details["held"] = len(recorded["held"])
    around.tell(transaction, run)
    operation.after = run.new_commit
    operation.details.update(plan=run.id, state=str(run.state), why=why)
