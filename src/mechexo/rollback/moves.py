"""When another commit became the deployed one: by the deployment ledger first, then by the branch's
own log, each move told once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from mechexo.rollback import ledger
from mechexo.rollback.suspects import Move, checkouts

if TYPE_CHECKING:
    from mechexo.desk import Desk
    from mechexo.rollback.git import Repository
    from mechexo.rollback.ledger import Deployment

SAME_MOVE = timedelta(minutes=2)
"""Two records of one commit so close together are of one move."""


def moves_of(
    desk: Desk, repository: Repository, *, start: datetime, end: datetime
) -> tuple[Move, ...]:
    """The moves from `start` to `end`, newest first.

    Raises:
        UnreachableError: the ledger or the branch's log cannot be read, or the times of the log go
            back.
    """
    told = ledger.within(desk.state, str(repository.root), start=start, end=end)
    seen = checkouts(repository, start=start - SAME_MOVE, end=end + SAME_MOVE)
    moves = [_of_ledger(desk, each, seen) for each in told]
    moves = [move for move in moves if move.flow or move.before != move.oid]
    known = [(each.oid, each.at) for each in told if each.moved_checkout]
    moves += [
        move
        for move in seen
        if start <= move.at <= end
        and not any(oid == move.oid and abs(at - move.at) <= SAME_MOVE for oid, at in known)
    ]
    return tuple(sorted(moves, key=lambda move: move.at, reverse=True))


def _of_ledger(desk: Desk, deployment: Deployment, seen: Sequence[Move]) -> Move:
    """A row of the ledger. What was there before it the branch's log knows better: the ledger is
    not told of every commit."""
    before = ledger.before(desk.state, deployment)
    move = Move(
        at=deployment.at,
        oid=deployment.oid,
        before=before.oid if before else None,
        how=_HOW[deployment.how] + (f" {deployment.plan_id}" if deployment.plan_id else ""),
        who=deployment.actor,
        flow="" if deployment.moved_checkout else deployment.flow,
    )
    near = [each for each in seen if each.oid == move.oid and abs(each.at - move.at) <= SAME_MOVE]
    if deployment.moved_checkout and near:
        move = replace(move, before=min(near, key=lambda each: abs(each.at - move.at)).before)
    return move


_HOW = {"command": "ledger", "hook": "ledger", "rollback": "rollback", "undo": "undo"}
