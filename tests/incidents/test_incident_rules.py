"""What may become of an incident, and what may be said of it, for any input."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from mechexo.incidents import rules
from mechexo.incidents.values import IncidentStatus

OPEN, MITIGATED, CLOSED = IncidentStatus
MOMENTS = st.datetimes(timezones=st.just(UTC))


def test_the_table_of_statuses() -> None:
    allowed = {
        (before, after)
        for before in IncidentStatus
        for after in IncidentStatus
        if rules.may_become(before, after)
    }
    every = {(before, after) for before in IncidentStatus for after in IncidentStatus}
    assert every - allowed == {(CLOSED, MITIGATED)}


@given(st.lists(MOMENTS, min_size=1))
def test_recorded_moments_never_go_back_whatever_the_clock_does(clock: list[datetime]) -> None:
    last = None
    for now in clock:
        at = rules.next_moment(now, last)
        assert at >= now
        assert last is None or at >= last
        last = at
    assert last == max(clock)


@given(st.text())
def test_cleaning_twice_is_cleaning_once(text: str) -> None:
    once = rules.clean_text(text)
    assert rules.clean_text(once) == once
    assert "\x1b" not in once
    assert all(each == "\n" or each.isprintable() or ord(each) >= 0x80 for each in once)


@given(st.text(alphabet="key=passwordtoken: *\n\x1b[0m;\x00\u202e\r", max_size=60))
def test_a_secret_that_is_taken_apart_by_marks_is_hidden_too(text: str) -> None:
    assert rules.clean_text(rules.clean_text(text)) == rules.clean_text(text)
    marked = rules.clean_text(f"pass\x00word\u202e=canary-{1234}")
    assert "canary-1234" not in marked


@given(st.timedeltas(timedelta(0), timedelta(days=1)))
def test_a_moment_after_the_last_stays(later: timedelta) -> None:
    start = datetime(2026, 3, 2, tzinfo=UTC)
    assert rules.next_moment(start + later, start) == start + later
