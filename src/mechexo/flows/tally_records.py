"""What the recorded runs add up to, read from one index and only from the time asked for."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from mechexo.flows.tallies import Tally
from mechexo.times import iso_z

if TYPE_CHECKING:
    from mechexo.state import State

_NEVER = "9999"
"""After every moment."""

EACH_FLOW = (
    "WITH RECURSIVE each (flow) AS (SELECT min(flow) FROM flow_run UNION ALL"
    " SELECT (SELECT min(flow) FROM flow_run WHERE flow>each.flow) FROM each"
    " WHERE each.flow IS NOT NULL)"
)
"""The names of all flows that ran, and one NULL. From name to name in an index: DISTINCT and GROUP
BY would read it whole, which takes a second where there are millions of runs."""

TALLIES = (
    f"{EACH_FLOW}, part (n, since, until) AS (SELECT json_extract(value, '$[0]'),"  # noqa: S608 - nothing foreign in it
    " json_extract(value, '$[1]'), json_extract(value, '$[2]') FROM json_each(:parts)),"
    " lost (id) AS (SELECT value FROM json_each(:lost))"
    " SELECT each.flow, (SELECT json_array(count(*),"
    " count(*) FILTER (WHERE state<>'running' OR id IN (SELECT id FROM lost)),"
    " count(*) FILTER (WHERE state='completed'),"
    " json_group_array(duration_s) FILTER (WHERE duration_s IS NOT NULL"
    " AND state IN ('completed', 'failed')))"
    " FROM (SELECT id, state, duration_s FROM flow_run WHERE flow=each.flow"
    " AND started_at>=part.since AND started_at<part.until ORDER BY started_at)) AS figures"
    " FROM each CROSS JOIN part WHERE each.flow IS NOT NULL ORDER BY part.n"
)
"""A flow's runs of each part of the time, in the order of these parts."""


def tallies(
    state: State, edges: Sequence[datetime], *, lost: Collection[int]
) -> dict[str, tuple[Tally, ...]]:
    """What the runs of each flow that ever ran add up to in each part of a time: from an edge up to
    the next one, and from the last one on. A run among `lost` has ended whatever its record says.
    """
    since = [iso_z(edge) for edge in edges]
    parts = zip(range(len(since)), since, [*since[1:], _NEVER], strict=True)
    given = {"parts": json.dumps(list(parts)), "lost": json.dumps(sorted(lost))}
    found: defaultdict[str, list[Tally]] = defaultdict(list)
    for flow, figures in state.rows(TALLIES, given):
        runs, ended, well, durations = json.loads(figures)
        found[flow].append(Tally(runs, ended, well, tuple(durations)))
    return {flow: tuple(each) for flow, each in found.items()}
