"""Windows of maintenance against a walk along the wall clock, minute by minute."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from conftest import MakeDesk
from mechexo.alerts import operations as alerts
from mechexo.alerts import records
from mechexo.alerts.maintenance import turns, windows_at
from mechexo.alerts.rules import matching
from mechexo.alerts.values import Observation, Silence
from mechexo.clock import VirtualClock
from mechexo.config import MaintenanceSettings
from mechexo.desk import Desk

MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
NAMES = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
CHANGES = {
    "America/New_York": (date(2026, 3, 8), date(2026, 11, 1)),
    "Europe/London": (date(2026, 3, 29), date(2026, 10, 25)),
    "Australia/Lord_Howe": (date(2026, 4, 5), date(2026, 10, 4)),
    "Asia/Tokyo": (date(2026, 3, 8),),
}


def window(start: time, end: time, **more: object) -> MaintenanceSettings:
    return MaintenanceSettings(match={"name": "x"}, reason="works", start=start, end=end, **more)


def walked(day: date, start: time, end: time, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """From the first minute that shows the start or later to the last that shows less than the
    end."""
    last = day if start < end else day + DAY
    opens = datetime.combine(day, start)
    closes = datetime.combine(last, end)
    noon = datetime.combine(day, time(12), UTC) - DAY
    minutes = [noon + number * MINUTE for number in range(4 * 24 * 60)]
    shown = [minute.astimezone(zone).replace(tzinfo=None) for minute in minutes]
    begins = next(at for at, clock in zip(minutes, shown, strict=True) if clock >= opens)
    ends = max(at for at, clock in zip(minutes, shown, strict=True) if clock < closes) + MINUTE
    return begins, ends


TIMES = st.times(max_value=time(23, 59)).map(lambda t: t.replace(second=0, microsecond=0))
NEAR = st.sampled_from([(name, day) for name, days in CHANGES.items() for day in days])


@pytest.mark.slow
@given(NEAR, st.integers(-1, 1), TIMES, TIMES)
@example(("America/New_York", date(2026, 3, 8)), 0, time(1, 30), time(2, 30))
@example(("America/New_York", date(2026, 3, 8)), 0, time(2, 30), time(4))
@example(("America/New_York", date(2026, 11, 1)), -1, time(22), time(1, 30))
@example(("Australia/Lord_Howe", date(2026, 10, 4)), 0, time(2, 10), time(2, 20))
def test_a_daily_window_lasts_as_a_walk_along_the_clock_says(
    near: tuple[str, date], later: int, start: time, end: time
) -> None:
    name, day = near[0], near[1] + later * DAY
    zone = ZoneInfo(name)
    begins, ends = walked(day, start, end, zone)
    settings = window(start, end, days=(NAMES[day.weekday()],))
    span = [begins + step * (ends - begins) / 7 for step in range(7)] if ends > begins else []
    for moment in (begins - MINUTE, *span, ends - MINUTE, ends, ends + MINUTE):
        (*found,) = windows_at({"w": settings}, zone, moment)
        assert bool(found) == (begins <= moment < ends)
        for silence in found:
            assert (silence.starts_at, silence.ends_at) == (begins, ends)


def test_it_matches_gives_its_reason_and_has_an_author() -> None:
    noon = datetime(2026, 3, 2, 12, tzinfo=UTC)
    (found,) = windows_at({"feeds": window(time(11), time(13))}, ZoneInfo("UTC"), noon)
    assert (found.matchers, found.reason, found.author, found.id) == (
        {"name": "x"}, "works", "[maintenance.feeds]", -1
    )  # fmt: skip


def test_it_begins_on_its_days_only_and_lasts_over_midnight() -> None:
    night = {"w": window(time(22), time(2), days=("fri",))}
    utc = ZoneInfo("UTC")
    friday = datetime(2026, 3, 6, 23, tzinfo=UTC)
    open_at = [bool([*windows_at(night, utc, friday + hours * timedelta(hours=1))])
               for hours in (-24, -2, 0, 2, 3, 24)]  # fmt: skip
    assert open_at == [False, False, True, True, False, False]


def test_it_is_never_open_before_since_or_after_until_and_ends_there() -> None:
    utc = ZoneInfo("UTC")
    bounded = window(time(9), time(17), since="2026-03-02T12:00", until="2026-03-03T10:00Z")
    first = datetime(2026, 3, 2, 11, 59, tzinfo=UTC)
    assert not [*windows_at({"w": bounded}, utc, first)]
    assert [*windows_at({"w": bounded}, utc, first + MINUTE)]
    (last,) = windows_at({"w": bounded}, utc, datetime(2026, 3, 3, 9, 30, tzinfo=UTC))
    assert last.ends_at == datetime(2026, 3, 3, 10, tzinfo=UTC)
    assert not [*windows_at({"w": bounded}, utc, last.ends_at)]


def test_one_without_hours_lasts_from_since_to_until_in_its_own_zone() -> None:
    once = MaintenanceSettings(
        match={"name": "x"}, reason="move", zone="Asia/Tokyo",
        since="2026-03-02T09:00", until="2026-03-02T10:00",
    )  # fmt: skip
    midnight = datetime(2026, 3, 2, tzinfo=UTC)
    (found,) = windows_at({"w": once}, ZoneInfo("UTC"), midnight)
    assert (found.starts_at, found.ends_at) == (midnight, midnight + timedelta(hours=1))


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(CHANGES))
def test_the_turns_are_every_moment_at_which_it_opens_or_closes(name: str) -> None:
    zone = ZoneInfo(name)
    windows = {"night": window(time(22), time(2, 15)), "noon": window(time(12), time(13))}
    for day in CHANGES[name]:
        start = datetime.combine(day, time(0), UTC) - DAY
        end = start + 3 * DAY
        minutes = [start + number * MINUTE for number in range(3 * 24 * 60)]
        opened = [len([*windows_at(windows, zone, at)]) for at in minutes]
        changed = {
            at for at, now, before in zip(minutes[1:], opened[1:], opened, strict=False)
            if now != before
        }  # fmt: skip
        assert changed <= set(turns(windows, zone, start, end))


def test_the_configured_window_keeps_an_alert_quiet(make_desk: MakeDesk) -> None:
    desk = make_desk(
        '[channels.box]\nurl = "file:///nowhere/box.jsonl"\n'
        '[maintenance.feeds]\nmatch = { name = "feed*" }\nreason = "moved"\n'
        'start = "14:00"\nend = "15:00"\n'
    )
    seen = [Observation(name, True, "high", name, "bad", "probe") for name in ("feed_a", "other")]
    first, second = alerts.observe(desk, seen)
    assert first.silenced_until == datetime(2026, 3, 2, 15, tzinfo=UTC)
    assert second.silenced_until is None


BOX = '[channels.box]\nurl = "file://box.jsonl"\n'
AT_THREE = (
    '[maintenance.feeds]\nmatch = { card = "data" }\nreason = "moved"\n'
    'start = "15:00"\nend = "15:30"\n'
)


def kinds(desk: Desk) -> list[str]:
    return [event.kind for event in alerts.timeline(desk, 1) if event.kind != "sent"]


def test_a_window_covers_what_was_told_before_it_opened_and_is_seen_no_more(
    make_desk: MakeDesk, clock: VirtualClock
) -> None:
    desk = make_desk(BOX + AT_THREE)
    pushed = Observation("a", True, "medium", "a", "bad", "hook", {"card": "data", "venue": "x"})
    other = Observation("b", True, "medium", "b", "bad", "hook", {"card": "trading"})
    alerts.observe(desk, [pushed, other])
    alerts.deliver_due(desk)
    clock.advance(30 * MINUTE)
    assert [each.key for each in alerts.keep_time(desk)] == ["a"]
    assert kinds(desk) == ["opened", "paged", "silenced"]
    clock.advance(MINUTE)
    assert alerts.keep_time(desk) == ()
    clock.advance(29 * MINUTE)
    alerts.keep_time(desk)
    assert kinds(desk) == ["opened", "paged", "silenced", "paged"]
    assert alerts.timeline(desk, 1)[-1].detail.startswith("its silence ended")


def test_a_window_covers_what_somebody_knows_and_stops_what_climbs(
    make_desk: MakeDesk, clock: VirtualClock
) -> None:
    levels = '[{ tell = ["box"] }, { after = "40m", tell = ["box"] }]'
    desk = make_desk(BOX + AT_THREE + f"[escalation.default]\nlevels = {levels}\n")
    seen = [Observation(k, True, "high", k, "bad", "hook", {"card": "data"}) for k in "ab"]
    alerts.observe(desk, seen)
    alerts.acknowledge(desk, 2)
    clock.advance(30 * MINUTE)
    alerts.keep_time(desk)
    until = clock.now() + 30 * MINUTE
    assert [each.silenced_until for each in alerts.list_alerts(desk)] == [until, until]
    clock.advance(15 * MINUTE)
    alerts.keep_time(desk)
    assert kinds(desk) == ["opened", "paged", "silenced", "cancelled"]


WORDS = st.sampled_from(("data", "da", 'd"a', "dä", "d\\a", ""))
NAMED = st.sampled_from(("card", 'c"d', "name", "source"))


@pytest.mark.slow
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.dictionaries(NAMED.filter(lambda name: name != "source"), WORDS, max_size=2),
    st.dictionaries(NAMED, st.tuples(WORDS, st.sampled_from(("", "*"))).map("".join), max_size=2),
)
def test_no_alert_that_a_window_covers_is_overlooked(
    desk: Desk, labels: dict[str, str], matchers: dict[str, str]
) -> None:
    alerts.observe(desk, [Observation("k", True, "info", "data", "bad", "da", labels)])
    now = desk.clock.now()
    window = Silence(-1, matchers, "x", "x", now, now + MINUTE)
    (alert,) = alerts.list_alerts(desk)
    found = records.unsilenced_like(desk.state.reader(), [matchers])
    assert not matching(alert, [window], now) or found == (alert.id,)
