"""Which trading day a moment belongs to, and when it and its month began."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from mechexo.risk.trading_day import trading_day

NEW_YORK = ZoneInfo("America/New_York")
ZONES = st.sampled_from(
    ["UTC", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "Europe/Berlin"]
)
MOMENTS = st.integers(1_100_000_000, 2_050_000_000).map(lambda at: datetime.fromtimestamp(at, UTC))
STARTS = st.times().map(lambda each: each.replace(second=0, microsecond=0))


@given(MOMENTS, ZONES, STARTS)
def test_every_moment_is_in_its_day_and_days_leave_no_gap(
    now: datetime, zone: str, starts: time
) -> None:
    found = trading_day(now, ZoneInfo(zone), starts)
    assert found.starts_at <= now < found.ends_at
    following = trading_day(found.ends_at, ZoneInfo(zone), starts)
    assert following.starts_at == found.ends_at
    assert following.day == found.day + timedelta(days=1)
    assert found.month_starts_at <= found.starts_at
    first = trading_day(found.month_starts_at, ZoneInfo(zone), starts)
    assert (first.day, first.starts_at) == (found.month_first, found.month_starts_at)


def test_a_day_of_midnight_is_the_zones_own_date() -> None:
    found = trading_day(datetime(2026, 3, 3, 3, 0, tzinfo=UTC), NEW_YORK, time(0, 0))
    assert found.day == date(2026, 3, 2)
    assert found.starts_at == datetime(2026, 3, 2, 5, 0, tzinfo=UTC)


def test_at_17_00_the_next_date_begins() -> None:
    before = datetime(2026, 3, 2, 21, 59, tzinfo=UTC)
    assert trading_day(before, NEW_YORK, time(17, 0)).day == date(2026, 3, 2)
    found = trading_day(before + timedelta(minutes=1), NEW_YORK, time(17, 0))
    assert found.day == date(2026, 3, 3)
    assert found.month_starts_at == datetime(2026, 2, 28, 22, 0, tzinfo=UTC)


def test_a_day_that_begins_in_the_morning_keeps_its_date_through_the_night() -> None:
    found = trading_day(datetime(2026, 3, 3, 2, 0, tzinfo=UTC), ZoneInfo("UTC"), time(8, 0))
    assert found.day == date(2026, 3, 2)
