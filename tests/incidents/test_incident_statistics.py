"""Statistics of alerts and incidents, against counting one by one."""

from __future__ import annotations

import statistics as slow
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conftest import START, MakeDesk
from mechexo.alerts import operations as alerts
from mechexo.alerts.acknowledging import acknowledge, resolve
from mechexo.alerts.values import Observation
from mechexo.clock import VirtualClock
from mechexo.desk import Desk
from mechexo.errors import UsageError
from mechexo.incident_statistics import statistics
from mechexo.incidents import operations as incidents
from mechexo.incidents.tallying import Took, by_week, percentile

HOUR = timedelta(hours=1)
FIRST = datetime(2025, 12, 20, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")


@given(st.lists(st.integers(0, 50), min_size=1), st.integers(1, 100))
def test_a_percentile_occurred_and_has_its_share_at_or_below(
    numbers: list[int], per_cent: int
) -> None:
    ordered = sorted(map(float, numbers))
    found = percentile(ordered, per_cent)
    assert found in ordered
    share = 100 * sum(each <= found for each in ordered) / len(ordered)
    assert share >= per_cent
    below = [each for each in ordered if each < found]
    assert 100 * len(below) / len(ordered) < per_cent


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["a", "b", "strange"]),
            st.integers(0, 23 * 86_400).map(lambda s: FIRST + timedelta(seconds=s)),
            st.none() | st.integers(-100, 10_000),
        )
    )
)
def test_weeks_count_everything_once(rows: list[tuple[str, datetime, int | None]]) -> None:
    took = [
        Took(severity, began, None if s is None else began + timedelta(seconds=s))
        for severity, began, s in rows
    ]
    found = by_week("alerts", "resolve", took, BERLIN, ("a", "b"))
    assert sum(each.n + each.never for each in found) == len(rows)
    for each in found:
        mine = [
            s
            for severity, began, s in rows
            if (severity if severity in ("a", "b") else "other") == each.severity
            and began.astimezone(BERLIN).strftime("%G-W%V") == each.week
        ]
        known = sorted(s for s in mine if s is not None and s >= 0)
        assert (each.n, each.never) == (len(known), len(mine) - len(known))
        assert each.median_s == (slow.median_low(known) if known else None)


def raised(desk: Desk, key: str, severity: str = "high") -> int:
    (alert,) = alerts.observe(desk, [Observation(key, True, severity, key, "", "probe")])
    return alert.id


def test_answers_and_what_was_never_answered_are_told_apart(
    desk: Desk, clock: VirtualClock
) -> None:
    for minutes in (1, 3, None):
        number = raised(desk, f"k{minutes}")
        if minutes:
            clock.advance(timedelta(minutes=minutes))
            acknowledge(desk, number)
            resolve(desk, number)
    made = incidents.open_incident(desk, title="t", severity="SEV1")
    clock.advance(HOUR)
    incidents.close(desk, made.id)
    found = {(t.of, t.severity, t.measure): t for t in statistics(desk).times}
    known = found["alerts", "high", "acknowledge"]
    assert (known.week, known.n, known.never) == ("2026-W10", 2, 1)
    assert (known.median_s, known.p90_s) == (60.0, 180.0)
    assert found["incidents", "SEV1", "resolve"].median_s == 3600.0
    mitigated = found["incidents", "SEV1", "mitigate"]
    assert (mitigated.n, mitigated.never, mitigated.median_s) == (0, 1, None)


def test_shifts_are_those_of_the_rotation(make_desk: MakeDesk, clock: VirtualClock) -> None:
    desk = make_desk(
        "[people.ann]\n[people.bob]\n[oncall.schedules.primary]\n"
        'layers = [{ people = ["ann", "bob"], every = "daily", handover = "09:00", '
        'since = "2026-01-05" }]\n'
    )
    raised(desk, "one")
    clock.advance(24 * HOUR)
    raised(desk, "two")
    raised(desk, "three")
    clock.advance(HOUR)
    found = statistics(desk, start=START - HOUR, end=clock.now())
    assert found.shifts_by == "the on-call rotation"
    assert [shift.alerts for shift in found.shifts] == [1, 2]
    assert {shift.who for shift in found.shifts} == {"ann", "bob"}
    assert found.shifts[0].ends_at == found.shifts[1].starts_at


def test_without_a_rotation_days_and_nights_are_counted_across_summer_time(
    make_desk: MakeDesk, clock: VirtualClock
) -> None:
    desk = make_desk(
        '[quiet_hours]\nenabled = true\nstart = "22:00"\nend = "06:00"\n', zone="Europe/Berlin"
    )
    clock.advance(datetime(2026, 3, 29, 1, 30, tzinfo=UTC) - clock.now())
    raised(desk, "night")
    start = datetime(2026, 3, 28, 12, tzinfo=UTC)
    clock.advance(20 * HOUR)
    found = statistics(desk, start=start, end=clock.now() + timedelta(seconds=1))
    shifts = [(shift.who, shift.ends_at - shift.starts_at, shift.alerts) for shift in found.shifts]
    # That night one hour was left out.
    assert ("night", 7 * HOUR, 1) in shifts
    assert sum(shift.alerts for shift in found.shifts) == 1
    for before, after in zip(found.shifts, found.shifts[1:], strict=False):
        assert before.ends_at == after.starts_at


def test_the_noisiest_keys_come_first(desk: Desk, clock: VirtualClock) -> None:
    for key, times in (("quiet", 1), ("loud", 3)):
        for _ in range(times):
            resolve(desk, raised(desk, key))
    clock.advance(HOUR)
    assert statistics(desk).noisiest == (("loud", 3), ("quiet", 1))


def test_an_end_before_the_start_is_refused(desk: Desk) -> None:
    with pytest.raises(UsageError, match="after the start"):
        statistics(desk, start=START, end=START)
    with pytest.raises(UsageError, match="at most a year"):
        statistics(desk, start=START - timedelta(days=400), end=START)


def test_a_damaged_alert_is_a_gap(desk: Desk, clock: VirtualClock) -> None:
    raised(desk, "k")
    with desk.state.write() as transaction:
        transaction.execute("UPDATE alert SET acknowledged_at = 'never'")
    clock.advance(HOUR)
    assert statistics(desk).gaps == ("1 alerts are damaged in the state file",)
