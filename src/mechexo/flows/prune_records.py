"""Taking old runs out of their table, in pieces. Every statement reads an index of its own."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from mechexo.flows.tally_records import EACH_FLOW
from mechexo.times import iso_z

if TYPE_CHECKING:
    from mechexo.state import State, Transaction

KEEP_RUNS = 1000
"""So many of a flow's newest runs stay however old they are."""
AT_ONCE = 100
"""So many runs of a flow go in one tick: the state file is not held for long."""

OLD_RUNS = (
    "SELECT id FROM flow_run WHERE flow=:flow"
    " AND started_at<:oldest AND state<>'running' AND started_at<(SELECT started_at"
    " FROM flow_run WHERE flow=:flow ORDER BY started_at DESC LIMIT 1 OFFSET :others)"
    " AND id IS NOT (SELECT id FROM flow_run WHERE flow=:flow AND state='completed'"
    " ORDER BY ended_at DESC LIMIT 1) ORDER BY started_at LIMIT :most"
)
OLD_OUTPUTS = (
    "SELECT id FROM flow_run WHERE flow=:flow AND state='completed' AND tail<>''"
    " AND started_at<:quiet ORDER BY started_at LIMIT :most"
)
CANDIDATES = (
    f"{EACH_FLOW} SELECT flow FROM each WHERE flow IS NOT NULL AND (EXISTS (SELECT 1 FROM flow_run"  # noqa: S608 - nothing foreign in it
    " WHERE flow=each.flow AND started_at<:oldest) OR EXISTS (SELECT 1 FROM flow_run WHERE"
    " flow=each.flow AND state='completed' AND tail<>'' AND started_at<:quiet))"
)


def candidates(state: State, oldest: datetime, quiet: datetime) -> tuple[str, ...]:
    """The flows that have a run from before `oldest`, or output of a good run from before `quiet`.
    Of some nothing may be taken all the same."""
    given = {"oldest": iso_z(oldest), "quiet": iso_z(quiet)}
    return tuple(row[0] for row in state.rows(CANDIDATES, given))


def has_any(state: State, flow: str, oldest: datetime, quiet: datetime) -> bool:
    """Whether something of a flow can be taken."""
    given = _given(flow, 1) | {"oldest": iso_z(oldest), "quiet": iso_z(quiet)}
    return bool(state.row(OLD_RUNS, given) or state.row(OLD_OUTPUTS, given))


def runs(transaction: Transaction, flow: str, oldest: datetime) -> int:
    """Removes a flow's runs from before a moment, the oldest first, a part of them at a time."""
    given = _given(flow, AT_ONCE) | {"oldest": iso_z(oldest)}
    gone = transaction.execute(f"DELETE FROM flow_run WHERE id IN ({OLD_RUNS})", given)  # noqa: S608
    return gone.rowcount


def outputs(transaction: Transaction, flow: str, quiet: datetime) -> int:
    """Removes the output of a flow's good runs from before a moment, a part at a time. That of
    runs which failed stays as long as they do."""
    given = _given(flow, AT_ONCE) | {"quiet": iso_z(quiet)}
    emptied = transaction.execute(
        f"UPDATE flow_run SET tail='' WHERE id IN ({OLD_OUTPUTS})",  # noqa: S608
        given,
    )
    return emptied.rowcount


def _given(flow: str, most: int) -> dict[str, str | int]:
    return {"flow": flow, "others": KEEP_RUNS - 1, "most": most}
