"""Detection and response times, against a walk of the events one by one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from mechexo.incidents.response import BACKWARDS, response_times
from mechexo.incidents.values import Incident, IncidentStatus, Moment

START = datetime(2026, 3, 29, 0, 30, tzinfo=UTC)
"""Half an hour before clocks go forward in Europe."""
MINUTES = st.integers(-30, 200)


def at(minutes: int) -> datetime:
    return START + timedelta(minutes=minutes)


def incident(began: int, opened: int, mitigated: int | None, closed: int | None) -> Incident:
    return Incident(
        id=3,
        title="t",
        severity="SEV1",
        status=IncidentStatus.CLOSED if closed is not None else IncidentStatus.OPEN,
        commander="",
        runbook="",
        alert_id=None,
        flows=(),
        began_at=at(began),
        opened_at=at(opened),
        opened_by="x",
        mitigated_at=None if mitigated is None else at(mitigated),
        closed_at=None if closed is None else at(closed),
        closed_by="",
        attendees=(),
    )


EVENTS = st.lists(
    st.tuples(
        MINUTES,
        st.sampled_from(["opened", "acknowledged", "paged", "resolved"]),
        st.integers(1, 4),
    ),
    max_size=12,
)


@given(MINUTES, MINUTES, st.none() | MINUTES, st.none() | MINUTES, EVENTS)
def test_times_are_those_of_a_walk_and_never_negative(
    began: int,
    opened: int,
    mitigated: int | None,
    closed: int | None,
    events: list[tuple[int, str, int]],
) -> None:
    moments = [
        Moment(at(minute), f"alert_{kind}", "", "", "", "alerts", f"alert {number}")
        for minute, kind, number in events
    ]
    found = {
        each.name: each
        for each in response_times(incident(began, opened, mitigated, closed), moments, {1, 2})
    }

    detected = opened
    for minute, kind, number in events:
        if kind == "opened" and number in (1, 2) and minute < detected:
            detected = minute
    first_opened = min((m for m, k, n in events if k == "opened" and n in (1, 2)), default=None)
    if first_opened is None or opened < first_opened:
        detected = opened
    known = None
    for minute, kind, number in events:
        if kind != "acknowledged" or number not in (1, 2) or minute < detected:
            continue
        if known is None or minute < known:
            known = minute
    expected = {
        "detect": detected - began,
        "acknowledge": None if known is None else known - detected,
        "mitigate": None if mitigated is None else mitigated - began,
        "resolve": None if closed is None else closed - began,
    }
    for name, minutes in expected.items():
        each = found[name]
        if minutes is None:
            assert each.seconds is None
            assert each.why
        elif minutes < 0:
            assert (each.seconds, each.why) == (None, BACKWARDS)
        else:
            assert each.seconds == 60 * minutes


def test_another_alerts_acknowledgement_counts_for_nothing() -> None:
    moments = [
        Moment(at(1), "alert_opened", "", "", "", "alerts", "alert 1"),
        Moment(at(2), "alert_acknowledged", "", "", "", "alerts", "alert 9"),
    ]
    times = response_times(incident(0, 5, None, None), moments, {1})
    assert [(each.name, each.seconds, each.why) for each in times] == [
        ("detect", 60.0, ""),
        ("acknowledge", None, "nobody acknowledged an alert"),
        ("mitigate", None, "nobody said that it was mitigated"),
        ("resolve", None, "it is not closed"),
    ]
    detect = times[0]
    assert detect.end is not None
    assert detect.end.record == "alert 1: opened"
