"""Whether the market is open: real calendars, changes of clocks, half days; in doubt it is."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mechexo.desk import Desk
from mechexo.rollback import market_hours
from mechexo.rollback.market import Calendar, SpecialDay, closing_said, session_at
from mechexo.rollback.market_hours import market_at

pytestmark = pytest.mark.slow

NEW_YORK = ZoneInfo("America/New_York")
NYSE = '[market]\ncalendar = "NYSE"\n'


def certain() -> str:
    return ""


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def new_york(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=NEW_YORK)


def open_at(desk: Desk, moment: datetime) -> bool:
    return market_at(desk, moment, doubt=certain).open


@pytest.mark.parametrize(
    ("moment", "is_open"),
    [
        ("2026-03-03T09:14:59", False),
        ("2026-03-03T09:15:00", True),
        ("2026-03-03T12:00:00", True),
        ("2026-03-03T16:15:00", True),
        ("2026-03-03T16:15:01", False),
        ("2026-03-07T12:00:00", False),  # a Saturday
        ("2026-04-03T12:00:00", False),  # Good Friday
        ("2026-07-03T12:00:00", False),  # Independence Day, observed
        ("2026-11-26T12:00:00", False),  # Thanksgiving
        ("2026-11-27T12:59:00", True),  # the half day after it
        ("2026-11-27T13:15:00", True),
        ("2026-11-27T13:15:01", False),
        ("2026-12-24T14:00:00", False),
    ],
)
def test_new_york_s_hours_holidays_and_half_days(
    make_desk: Callable[..., Desk], moment: str, is_open: bool
) -> None:
    assert open_at(make_desk(NYSE), new_york(moment)) is is_open


@pytest.mark.parametrize(
    ("moment", "is_open"),
    [
        # The Friday before and the Monday after the clocks go forward: one hour of UTC apart.
        ("2026-03-06T14:10:00", False),
        ("2026-03-06T14:16:00", True),
        ("2026-03-09T13:10:00", False),
        ("2026-03-09T13:16:00", True),
        ("2026-03-09T20:16:00", False),
        # And when they go back.
        ("2026-10-30T13:16:00", True),
        ("2026-11-02T13:16:00", False),
        ("2026-11-02T14:16:00", True),
    ],
)
def test_the_session_moves_with_daylight_saving_time(
    make_desk: Callable[..., Desk], moment: str, is_open: bool
) -> None:
    assert open_at(make_desk(NYSE), utc(moment)) is is_open


def test_it_says_which_session_and_why_it_is_short(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk(NYSE)
    said = market_at(desk, new_york("2026-11-27T13:10:00"), doubt=certain).why
    assert said.startswith("close to the session of NYSE on 2026-11-27 (Day after Thanksgiving")
    assert said.endswith("09:30 to 13:00 America/New_York")
    said = market_at(desk, new_york("2026-11-26T12:00:00"), doubt=certain).why
    assert said == "NYSE is closed on 2026-11-26: Thanksgiving Day"


def test_days_of_the_desk_s_own_count_beside_those_of_the_calendar(
    make_desk: Callable[..., Desk],
) -> None:
    desk = make_desk(
        NYSE + 'holidays = ["2026-03-03"]\nhalf_days = { "2026-03-04" = "12:00" }\nmargin = "0m"\n'
    )
    assert not open_at(desk, new_york("2026-03-03T12:00:00"))
    assert open_at(desk, new_york("2026-03-04T11:59:00"))
    assert not open_at(desk, new_york("2026-03-04T12:01:00"))
    assert open_at(desk, new_york("2026-03-05T12:01:00"))


def test_a_session_that_begins_the_evening_before_is_named_after_its_close(
    make_desk: Callable[..., Desk],
) -> None:
    desk = make_desk(
        '[market]\ncalendar = "CME"\nzone = "America/Chicago"\nopen = "17:00"\nclose = "16:00"\n'
        'margin = "0m"\n'
    )
    chicago = ZoneInfo("America/Chicago")

    def at(text: str) -> datetime:
        return datetime.fromisoformat(text).replace(tzinfo=chicago)

    assert not open_at(desk, at("2026-03-01T16:59:00"))  # a Sunday
    assert open_at(desk, at("2026-03-01T17:00:00"))
    assert not open_at(desk, at("2026-03-02T16:30:00"))
    assert open_at(desk, at("2026-03-06T15:00:00"))
    assert not open_at(desk, at("2026-03-06T17:30:00"))  # a Friday evening
    # No session of Good Friday, so none on the evening before.
    assert not open_at(desk, at("2026-04-02T18:00:00"))


def test_markets_with_another_week_have_it(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk(
        '[market]\ncalendar = "XSAU"\nzone = "Asia/Riyadh"\nopen = "10:00"\nclose = "15:00"\n'
        'days = ["sun", "mon", "tue", "wed", "thu"]\n'
    )
    riyadh = ZoneInfo("Asia/Riyadh")
    assert open_at(desk, datetime(2026, 5, 3, 12, tzinfo=riyadh))  # a Sunday
    assert not open_at(desk, datetime(2026, 5, 8, 12, tzinfo=riyadh))  # a Friday


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ("", "no [market] calendar is configured"),
        ('[market]\ncalendar = "NYSX"\n', "'NYSX' is not known; did you mean"),
        ('[market]\ncalendar = "24/7"\n', "it never closes"),
    ],
)
def test_what_is_not_known_counts_as_open_and_says_why(
    make_desk: Callable[..., Desk], table: str, words: str
) -> None:
    state = market_at(make_desk(table), new_york("2026-03-03T12:00:00"), doubt=certain)
    assert state.open
    assert words in state.why


def test_a_year_that_the_calendar_does_not_know_counts_as_open(
    make_desk: Callable[..., Desk],
) -> None:
    state = market_at(make_desk(NYSE), new_york("2150-12-25T12:00:00"), doubt=certain)
    assert state.open
    assert "does not know the year 2150" in state.why


def test_a_clock_that_nothing_keeps_right_counts_as_open(make_desk: Callable[..., Desk]) -> None:
    night = new_york("2026-03-03T03:00:00")
    state = market_at(make_desk(NYSE), night, doubt=lambda: "the clock is not synchronised")
    assert state.open
    assert "the clock is not synchronised" in state.why


def test_a_desk_without_any_market_is_never_in_a_session(make_desk: Callable[..., Desk]) -> None:
    state = market_at(make_desk('[market]\ncalendar = "none"\n'), doubt=lambda: "no clock at all")
    assert not state.open


def test_weekdays_have_no_holidays_but_the_desk_s_own(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk('[market]\ncalendar = "weekdays"\nholidays = ["2026-12-24"]\n')
    assert open_at(desk, new_york("2026-12-25T12:00:00"))
    assert not open_at(desk, new_york("2026-12-24T12:00:00"))


def test_the_calendar_of_a_year_is_kept_and_a_damaged_copy_is_no_answer(
    make_desk: Callable[..., Desk], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = make_desk(NYSE)
    holiday = new_york("2026-12-25T12:00:00")
    assert not open_at(desk, holiday)
    [kept] = (Path(os.environ["HOME"]) / ".cache" / "mechexo").glob("market-NYSE-2026-*.json")
    assert json.loads(kept.read_text())["2026-12-25"] == ["Christmas Day", False]
    for damaged in ("", "[]", '{"2026-12-25": 3}', '{"never": ["x", false]}'):
        kept.write_text(damaged)
        assert not open_at(desk, holiday)
    with monkeypatch.context() as patched:
        patched.setattr(market_hours, "_asked", lambda *_: pytest.fail("asked again"))
        assert not open_at(desk, holiday)


def test_the_package_is_not_loaded_while_no_holiday_could_matter(
    make_desk: Callable[..., Desk],
) -> None:
    desk = make_desk(NYSE)
    night = new_york("2026-03-03T03:00:00").isoformat()
    code = (
        "import sys; from datetime import datetime; from pathlib import Path\n"
        "from mechexo.desk import Desk; from mechexo.rollback.market_hours import market_at\n"
        f"desk = Desk.open(Path({str(desk.config_path)!r}))\n"
        f"state = market_at(desk, datetime.fromisoformat({night!r}), doubt=str)\n"
        "sys.exit(state.open or 'holidays' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("name", "zone", "closes"),
    [
        ("Christmas Eve (markets close at 1:00pm)", "America/New_York", time(13)),
        ("Christmas Eve (markets close at 12:30pm)", "Europe/London", time(12, 30)),
        ("Christmas Eve (markets close at 1:00 p.m. ET)", "America/Toronto", time(13)),
        ("Christmas Eve (markets close at 1:00 p.m. ET)", "America/Chicago", None),
        ("Labor Day (markets pause at 12:00pm CT)", "America/Chicago", None),
        ("Christmas Eve (Half-Day Trading Day)", "Asia/Hong_Kong", None),
        ("Blizzard (markets close at 12:00pm)", "America/New_York", time(12)),
        ("odd (markets close at 13:00pm)", "America/New_York", None),
    ],
)
def test_a_half_day_closes_when_its_name_says_so_in_the_exchange_s_own_time(
    name: str, zone: str, closes: time | None
) -> None:
    assert closing_said(name, zone) == closes


def test_a_half_day_that_does_not_say_when_it_closes_is_taken_for_a_whole_one(
    make_desk: Callable[..., Desk],
) -> None:
    desk = make_desk(
        '[market]\ncalendar = "XHKG"\nzone = "Asia/Hong_Kong"\nopen = "09:30"\nclose = "16:00"\n'
    )
    assert open_at(desk, datetime(2026, 12, 24, 15, tzinfo=ZoneInfo("Asia/Hong_Kong")))


DAYS = st.dates(date(2026, 1, 1), date(2027, 12, 31))
TIMES = st.times().map(lambda each: each.replace(second=0, microsecond=0))


@given(
    minutes=st.integers(0, 950_000),
    opens=TIMES,
    closes=TIMES,
    margin=st.integers(0, 90),
    closed=st.sets(DAYS, max_size=40),
    zone=st.sampled_from(["America/New_York", "Europe/London", "Asia/Tokyo", "UTC"]),
)
def test_it_agrees_with_a_list_of_all_sessions(
    minutes: int, opens: time, closes: time, margin: int, closed: set[date], zone: str
) -> None:
    where, around = ZoneInfo(zone), timedelta(minutes=margin)
    at = utc("2026-02-01") + timedelta(minutes=minutes)
    is_open = False
    for number in range(-4, 5):
        day = (at + timedelta(days=number)).date()
        if day.weekday() > 4 or day in closed:
            continue
        start = day if opens < closes else day - timedelta(days=1)
        begins = [
            datetime.combine(start, opens).replace(tzinfo=where, fold=fold).timestamp()
            for fold in (0, 1)
        ]
        ends = [
            datetime.combine(day, closes).replace(tzinfo=where, fold=fold).timestamp()
            for fold in (0, 1)
        ]
        first, last = min(begins) - around.total_seconds(), max(ends) + around.total_seconds()
        is_open = is_open or first <= at.timestamp() <= last
    calendar = Calendar(
        "X",
        where,
        opens,
        closes,
        around,
        frozenset(range(5)),
        {day: SpecialDay("holiday") for day in closed},
    )
    assert session_at(calendar, at).open is is_open
