"""Quiet hours against an independent walk along the wall clock."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mechexo.alerts.quiet import QuietHours

ZONES = ("America/New_York", "Europe/London", "Australia/Lord_Howe", "Asia/Tokyo", "UTC")
MINUTE = timedelta(minutes=1)


def shows_quiet(moment: datetime, start: time, end: time, zone: str) -> bool:
    """Whether the wall clock is in the window, by walking the dial from start to end."""
    shown = moment.astimezone(ZoneInfo(zone))
    since_start = (shown.hour * 60 + shown.minute - start.hour * 60 - start.minute) % 1440
    length = (end.hour * 60 + end.minute - start.hour * 60 - start.minute) % 1440
    return since_start < length


def walked_until(moment: datetime, start: time, end: time, zone: str) -> datetime | None:
    if not shows_quiet(moment, start, end, zone):
        return None
    while shows_quiet(moment, start, end, zone):
        moment += MINUTE
    return moment


TIMES = st.times(max_value=time(23, 59)).map(lambda t: t.replace(second=0, microsecond=0))
# Minutes around the changes of clocks of 2026 in those zones, and any minute of the year.
CHANGES = [
    datetime(2026, 3, 8, 7, tzinfo=UTC),
    datetime(2026, 11, 1, 6, tzinfo=UTC),
    datetime(2026, 3, 29, 1, tzinfo=UTC),
    datetime(2026, 10, 25, 1, tzinfo=UTC),
    datetime(2026, 4, 4, 15, tzinfo=UTC),
    datetime(2026, 10, 3, 15, 30, tzinfo=UTC),
]
NEAR_A_CHANGE = st.builds(
    lambda change, minutes: change + minutes * MINUTE,
    st.sampled_from(CHANGES),
    st.integers(-1500, 1500),
)
ANY_MINUTE = st.integers(0, 525_599).map(lambda m: datetime(2026, 1, 1, tzinfo=UTC) + m * MINUTE)


@given(NEAR_A_CHANGE | ANY_MINUTE, TIMES, TIMES, st.sampled_from(ZONES))
@example(datetime(2026, 3, 8, 4, tzinfo=UTC), time(22), time(2, 30), "America/New_York")
@example(datetime(2026, 11, 1, 5, 45, tzinfo=UTC), time(1, 30), time(3), "America/New_York")
@example(datetime(2026, 11, 1, 4, tzinfo=UTC), time(22), time(1, 30), "America/New_York")
@example(datetime(2026, 10, 3, 14, tzinfo=UTC), time(22), time(2, 15), "Australia/Lord_Howe")
def test_the_rule_agrees_with_a_walk_minute_by_minute(
    moment: datetime, start: time, end: time, zone: str
) -> None:
    quiet = QuietHours(start, end, zone)
    assert quiet.covers(moment) == shows_quiet(moment, start, end, zone)
    assert quiet.until(moment) == walked_until(moment, start, end, zone)


@pytest.mark.parametrize(
    ("zone", "evening", "minutes"),
    [
        ("America/New_York", date(2026, 3, 7), 420),
        ("America/New_York", date(2026, 10, 31), 540),
        ("Europe/London", date(2026, 3, 28), 420),
        ("Europe/London", date(2026, 10, 24), 540),
        ("Australia/Lord_Howe", date(2026, 10, 3), 450),
        ("Australia/Lord_Howe", date(2026, 4, 4), 510),
        ("Asia/Tokyo", date(2026, 3, 7), 480),
    ],
)  # fmt: skip
def test_a_night_in_which_the_clocks_change_is_as_long_as_people_live_it(
    zone: str, evening: date, minutes: int
) -> None:
    quiet = QuietHours(time(22), time(6), zone)
    noon = datetime.combine(evening, time(12), ZoneInfo(zone)).astimezone(UTC)
    day = [noon + number * MINUTE for number in range(24 * 60)]
    assert sum(map(quiet.covers, day)) == minutes


def test_the_end_is_not_quiet_and_the_last_second_before_it_is() -> None:
    quiet = QuietHours(time(22), time(6), "UTC")
    end = datetime(2026, 3, 3, 6, tzinfo=UTC)
    assert quiet.until(end) is None
    assert quiet.until(end - timedelta(microseconds=1)) == end


def test_equal_ends_and_a_disabled_window_are_never_quiet() -> None:
    midnight = datetime(2026, 3, 3, tzinfo=UTC)
    assert not QuietHours(time(0), time(0), "UTC").covers(midnight)
    assert not QuietHours(time(22), time(6), "UTC", enabled=False).covers(midnight)


def changes(zone: str, first_year: int, last_year: int) -> list[datetime]:
    """Every moment of those years at which the zone's clocks change, found hour by hour."""
    own = ZoneInfo(zone)
    found, at = [], datetime(first_year, 1, 1, tzinfo=UTC)
    step = timedelta(minutes=30)
    offset = at.astimezone(own).utcoffset()
    while at.year <= last_year:
        at += step
        now = at.astimezone(own).utcoffset()
        if now != offset:
            found.append(at)
        offset = now
    return found


# Apart from the four: a change at midnight, half an hour of winter, and a day that never was.
MORE = {
    "America/New_York": (2024, 2028),
    "Europe/London": (2024, 2028),
    "Australia/Lord_Howe": (2024, 2028),
    "Asia/Tokyo": (2024, 2028),
    "America/Havana": (2025, 2026),
    "America/Santiago": (2025, 2026),
    "Europe/Dublin": (2025, 2026),
    "Pacific/Apia": (2011, 2012),
}


@pytest.mark.slow
@pytest.mark.parametrize("zone", sorted(MORE))
def test_around_every_change_of_the_clocks_the_rule_agrees_with_the_walk(zone: str) -> None:
    windows = [
        (time(22), time(6)), (time(23, 30), time(0, 15)), (time(1, 30), time(2, 30)),
        (time(2, 15), time(1, 45)), (time(0), time(12)),
    ]  # fmt: skip
    for change in changes(zone, *MORE[zone]):
        for start, end in windows:
            quiet = QuietHours(start, end, zone)
            for minutes in range(-1500, 1500, 37):
                moment = change + minutes * MINUTE
                assert quiet.covers(moment) == shows_quiet(moment, start, end, zone)
                assert quiet.until(moment) == walked_until(moment, start, end, zone)
