"""Bounding the history of runs: a little of it in each tick, so that nobody waits for it.

How long runs and the output of good ones are kept is `[flow_history]`. Two kinds of run are never
taken, however old: a flow's newest thousand, so that a rare job keeps its history, and its newest
good one, from which lateness is measured.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mechexo.errors import BusyError
from mechexo.flows import prune_records

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mechexo.desk import Desk

FLOWS_AT_ONCE = 20
"""So many flows are looked at in one tick, in turn."""
WAIT_S = 0.5
"""How long it waits for its turn at the state file; a later tick does it otherwise."""


def in_turn(flows: Sequence[str], turn: int) -> tuple[str, ...]:
    """The flows that a turn is for: each flow has its turn, whatever the others keep."""
    if len(flows) <= FLOWS_AT_ONCE:
        return tuple(flows)
    first = turn * FLOWS_AT_ONCE % len(flows)
    return tuple((*flows[first:], *flows[:first])[:FLOWS_AT_ONCE])


def prune_due(desk: Desk) -> int:
    """Prunes a part of what is too old, at most so much as one transaction is quick with. Returns
    how many runs went or lost their output; most of the time nothing is to be done.

    Raises:
        StateError: the state file could not be read or written.
    """
    now, keep = desk.clock.now(), desk.settings.flow_history
    oldest, quiet = now - keep.runs, now - keep.output
    every_s = max(1.0, desk.settings.refresh.tick.total_seconds())
    found = prune_records.candidates(desk.state, oldest, quiet)
    turn = in_turn(found, int(now.timestamp() // every_s))
    flows = [each for each in turn if prune_records.has_any(desk.state, each, oldest, quiet)]
    if not flows:
        return 0
    try:
        with desk.state.write(wait_s=WAIT_S) as transaction:
            return sum(
                prune_records.runs(transaction, flow, oldest)
                + prune_records.outputs(transaction, flow, quiet)
                for flow in flows
            )
    except BusyError:
        return 0  # It is still there in the next tick.
