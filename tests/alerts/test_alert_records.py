"""The queries of every tick read what is open, however long the history is."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conftest import START
from mechexo.alerts import (
    cause_records,
    opening_records,
    outbox,
    outbox_reading,
    records,
    standing_records,
    timeline_records,
)
from mechexo.alerts.bundling import Limit
from mechexo.alerts.policy import Policy
from mechexo.alerts.values import SEVERITIES, Alert, AlertState
from mechexo.desk import Desk

HOUR = timedelta(hours=1)
WANTED = records.Wanted(
    keys=["a"],
    ids=[1],
    severities=["high"],
    now=START,
    quiet_until=[START],
    longest=HOUR,
    longest_acknowledged=HOUR,
    longest_flapping=HOUR,
    thorough=True,
)
OPEN = (AlertState.FIRING, AlertState.ACKNOWLEDGED)


@pytest.mark.parametrize(
    "read",
    [
        lambda c: records.open_alerts(c, WANTED),
        lambda c: records.open_with_one_of(c, [{"name": "gateway"}]),
        lambda c: opening_records.openings(c, ["a"], START, Policy(())),
        lambda c: records.unsilenced_like(c, [{"card": "data"}]),
        lambda c: standing_records.untold(c),
        lambda c: cause_records.kept_back_no_more(c, [1]),
        lambda c: cause_records.hearing(c, [1], START, timedelta(seconds=60)),
        lambda c: records.failing_channels(c),
        lambda c: outbox_reading.stranded(c, ["mail"]),
        lambda c: records.all_open_alerts(c),
        lambda c: records.alerts_in(c, OPEN, None),
        lambda c: standing_records.counts(c, START),
        lambda c: standing_records.unacknowledged_since(c, "critical"),
        lambda c: timeline_records.timeline_of(c, 1),
        lambda c: outbox_reading.channels_with_work(c, START),
        lambda c: outbox.claim(c, "mail", Limit(20), START),
        lambda c: outbox_reading.unreached(c, START, timedelta(seconds=60)),
        lambda c: outbox_reading.oldest_due(c, START),
        lambda c: outbox_reading.last_failure(c, "mail"),
        lambda c: outbox_reading.deliveries(c, 1, 50),
    ],
)
def test_no_query_of_a_tick_or_a_screen_walks_through_the_whole_history(
    desk: Desk, read: Callable[[sqlite3.Connection], object]
) -> None:
    asked: list[str] = []
    with closing(sqlite3.connect(desk.state.path)) as connection:
        connection.row_factory = sqlite3.Row
        connection.set_trace_callback(asked.append)
        read(connection)
        connection.set_trace_callback(None)
        assert asked
        for query in asked:
            plan = [row["detail"] for row in connection.execute(f"EXPLAIN QUERY PLAN {query}")]
            walks = [
                step
                for step in plan
                if step.startswith(("SCAN alert", "SCAN delivery", "SCAN attempt"))
                and " USING " not in step
            ]
            assert walks == [], query


def test_what_never_paged_is_found_without_looking_at_all_that_is_open(desk: Desk) -> None:
    asked: list[str] = []
    with closing(sqlite3.connect(desk.state.path)) as connection:
        connection.row_factory = sqlite3.Row
        connection.set_trace_callback(asked.append)
        records.open_alerts(connection, WANTED)
        connection.set_trace_callback(None)
        (query,) = asked
        plan = [str(row[3]) for row in connection.execute(f"EXPLAIN QUERY PLAN {query}")]
    assert any("USING INDEX alert_never_paged" in step for step in plan), plan
    assert not any("alert_open (" in step for step in plan), plan
    assert any("USING INDEX alert_escalating" in step for step in plan), plan


@given(
    made=st.lists(
        st.tuples(
            st.sampled_from(SEVERITIES), st.integers(0, 3), st.sampled_from(list(AlertState))
        ),
        max_size=12,
    ),
    states=st.sets(st.sampled_from(list(AlertState)), min_size=1),
    limit=st.none() | st.integers(0, 14),
)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_list_is_the_worst_first_then_the_newest(
    desk: Desk,
    made: list[tuple[str, int, AlertState]],
    states: set[AlertState],
    limit: int | None,
) -> None:
    alerts = [
        Alert(
            number, f"k{number}", severity, state, "n", "s", "probe", {}, "", 1,
            START + timedelta(seconds=at), START,
        )
        for number, (severity, at, state) in enumerate(made, start=1)
    ]  # fmt: skip
    with desk.state.write() as transaction:
        transaction.execute("DELETE FROM alert")
        records.save_alerts(transaction.connection, alerts)
        found = records.alerts_in(transaction.connection, states, limit)
    over = AlertState.RESOLVED in states
    order = list(AlertState)
    wanted = sorted(
        (alert for alert in alerts if alert.state in states),
        key=lambda a: (
            order.index(a.state) if over else 0,
            SEVERITIES.index(a.severity), -a.started_at.timestamp(), -a.id,
        ),
    )  # fmt: skip
    assert found == tuple(wanted if limit is None else wanted[:limit])
