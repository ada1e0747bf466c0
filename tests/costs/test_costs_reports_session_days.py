"""Session days of periods are those of the fills in them."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mechexo.costs.benchmarks import closing_moment
from mechexo.costs.dimensions import Grouping, session_date
from mechexo.costs.session_days import day_begins, names_of_days, session_day, whole_days

NEW_YORK = ZoneInfo("America/New_York")
ZONES = st.sampled_from(
    ["UTC", "America/New_York", "Asia/Tokyo", "America/Santiago", "Australia/Lord_Howe"]
).map(ZoneInfo)
STARTS = st.sampled_from([time(0), time(2, 30), time(9, 30), time(17), time(18), time(23, 30)])
MOMENTS = st.datetimes(datetime(2024, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


@given(moment=MOMENTS, zone=ZONES, starts=STARTS)
def test_a_moment_lies_in_the_session_day_of_a_fill_then(
    moment: datetime, zone: ZoneInfo, starts: time
) -> None:
    frame = pl.DataFrame({"ts": [moment]}, schema={"ts": pl.Datetime("us", "UTC")})
    rules = Grouping(zone=zone.key, day_starts=starts)
    assert session_day(moment, zone, starts).name == frame.select(session_date(rules)).item()


@given(moment=MOMENTS, zone=ZONES, starts=STARTS)
def test_a_session_day_begins_where_the_one_before_it_ends(
    moment: datetime, zone: ZoneInfo, starts: time
) -> None:
    day = session_day(moment, zone, starts)
    before = session_day(day.begins - timedelta(microseconds=1), zone, starts)
    assert day.begins <= moment
    assert before.name == day.name - timedelta(days=1)
    assert session_day(day.begins, zone, starts) == day


@given(moment=MOMENTS, zone=ZONES, starts=STARTS)
def test_a_session_day_is_found_by_its_name(moment: datetime, zone: ZoneInfo, starts: time) -> None:
    day = session_day(moment, zone, starts)
    assert day_begins(day.name, zone, starts) == day.begins


@given(moment=MOMENTS, zone=ZONES, starts=STARTS, closes=st.none() | st.times())
def test_a_session_day_closes_once_within_it_when_the_clock_says_so(
    moment: datetime, zone: ZoneInfo, starts: time, closes: time | None
) -> None:
    day = session_day(moment, zone, starts)
    end = day_begins(day.name + timedelta(days=1), zone, starts)
    close = closing_moment(moment, zone, closes, starts)
    # A change of clocks may move a time that it skips, or that the clock shows twice.
    slack = timedelta(hours=1)
    assert day.begins - slack <= close <= end + slack
    if closes is None or closes == starts:
        assert close == end
    elif day.begins.astimezone(zone).utcoffset() == end.astimezone(zone).utcoffset():
        assert day.begins < close < end
        assert close.astimezone(zone).time() == closes


@given(start=MOMENTS, length=st.timedeltas(timedelta(seconds=1), timedelta(days=9)), zone=ZONES)
def test_whole_days_hold_the_period_and_stay_as_they_are(
    start: datetime, length: timedelta, zone: ZoneInfo
) -> None:
    first, last = whole_days(start, start + length, zone, time(17))
    assert first <= start < start + length <= last
    assert whole_days(first, last, zone, time(17)) == (first, last)
    names = names_of_days(first, last, zone, time(17))
    assert names[0] == session_day(start, zone, time(17)).name.isoformat()
    final = session_day(start + length - timedelta(microseconds=1), zone, time(17))
    assert names[-1] == final.name.isoformat()


@pytest.mark.parametrize(
    ("starts", "begins", "name"),
    [
        (time(0), datetime(2026, 3, 9, 4, tzinfo=UTC), date(2026, 3, 9)),
        (time(18), datetime(2026, 3, 8, 22, tzinfo=UTC), date(2026, 3, 9)),
    ],
)
def test_a_futures_day_begins_the_evening_before(
    starts: time, begins: datetime, name: date
) -> None:
    day = session_day(datetime(2026, 3, 9, 14, 30, tzinfo=UTC), NEW_YORK, starts)
    assert (day.begins, day.name) == (begins, name)
