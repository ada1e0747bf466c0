"""Who is on call when: turns, hours, layers, calendars and overrides, case by case."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from mechexo.alerts.rotation import (
    NOBODY,
    Entry,
    Handover,
    Layer,
    Override,
    Schedule,
    Span,
    Turn,
    by_person,
    gaps,
    handovers,
    on_call,
    spans,
)

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
NEW_YORK = ZoneInfo("America/New_York")

WEEKLY = Layer(("ada", "grace", "linus"), 7, time(9), date(2026, 1, 5), weekday=0)
NIGHTS = Layer(("edsger",), 1, time(9), date(2026, 1, 1), start=time(22), end=time(6))


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def schedule(*layers: Layer, zone: str = "UTC", calendar: tuple[Entry, ...] = ()) -> Schedule:
    return Schedule("primary", zone, layers, calendar)


def person(of: Schedule, moment: datetime) -> str | None:
    return on_call(of, (), moment).person


@pytest.mark.parametrize(
    ("moment", "who"),
    [
        ("2026-01-05T08:59:59.999999", None),
        ("2026-01-05T09:00", "ada"),
        ("2026-01-12T08:59:59.999999", "ada"),
        ("2026-01-12T09:00", "grace"),
        ("2026-01-19T09:00", "linus"),
        ("2026-01-26T09:00", "ada"),
        ("2031-06-02T09:00", "ada"),
    ],
)
def test_people_take_weekly_turns_from_the_first_hand_over_on(moment: str, who: str | None) -> None:
    assert person(schedule(WEEKLY), utc(moment)) == who


def test_a_turn_can_be_several_days_long() -> None:
    layer = Layer(("ada", "grace"), 3, time(12), date(2026, 1, 1))
    found = spans(schedule(layer), (), utc("2026-01-01T12:00"), utc("2026-01-10T12:00"))
    assert [(each.person, each.ends_at) for each in found] == [
        ("ada", utc("2026-01-04T12:00")),
        ("grace", utc("2026-01-07T12:00")),
        ("ada", utc("2026-01-10T12:00")),
    ]


def test_a_first_turn_that_begins_between_two_hand_overs_is_shorter() -> None:
    layer = Layer(("ada", "grace"), 14, time(9), date(2026, 1, 7), weekday=0)
    found = spans(schedule(layer), (), utc("2026-01-07T09:00"), utc("2026-02-02T09:00"))
    assert [(each.person, each.ends_at) for each in found] == [
        ("ada", utc("2026-01-19T09:00")),
        ("grace", utc("2026-02-02T09:00")),
    ]


def test_hours_may_cross_midnight_and_belong_to_the_day_they_begin_on() -> None:
    weekend = Layer(
        ("ada",), 7, time(9), date(2026, 1, 1),
        days=frozenset({4, 5}), start=time(18), end=time(8),
    )  # fmt: skip
    found = spans(schedule(weekend), (), utc("2026-02-06T00:00"), utc("2026-02-09T00:00"))
    assert [(each.starts_at, each.ends_at) for each in found if each.person] == [
        (utc("2026-02-06T18:00"), utc("2026-02-07T08:00")),
        (utc("2026-02-07T18:00"), utc("2026-02-08T08:00")),
    ]


def test_days_without_hours_are_whole_days() -> None:
    layer = Layer(("ada",), 7, time(9), date(2026, 1, 1), days=frozenset({5, 6}))
    found = spans(schedule(layer), (), utc("2026-02-06T00:00"), utc("2026-02-10T00:00"))
    assert [(each.starts_at, each.ends_at) for each in found if each.person] == [
        (utc("2026-02-07T00:00"), utc("2026-02-09T00:00"))
    ]


def test_hours_that_end_when_they_start_are_the_whole_day() -> None:
    layer = Layer(("ada",), 7, time(9), date(2026, 1, 1), start=time(18), end=time(18))
    assert not gaps(schedule(layer), (), utc("2026-02-06T00:00"), utc("2026-02-10T00:00"))


def test_the_last_layer_that_has_somebody_decides() -> None:
    both = schedule(WEEKLY, NIGHTS)
    assert on_call(both, (), utc("2026-01-06T21:59")) == Turn("ada", "layer 1")
    assert on_call(both, (), utc("2026-01-06T22:00")) == Turn("edsger", "layer 2")
    assert on_call(both, (), utc("2026-01-07T06:00")) == Turn("ada", "layer 1")


def test_a_calendar_stands_above_the_layers_and_an_override_above_both() -> None:
    start = utc("2026-01-06T10:00")
    of = schedule(WEEKLY, calendar=(Entry("grace", start, start + 8 * HOUR),))
    swap = Override(1, "primary", "linus", start + HOUR, start + 2 * HOUR)
    found = spans(of, (swap,), start - HOUR, start + 9 * HOUR)
    assert [(each.person, each.why) for each in found] == [
        ("ada", "layer 1"),
        ("grace", "calendar"),
        ("linus", "override 1"),
        ("grace", "calendar"),
        ("ada", "layer 1"),
    ]


def test_of_two_overrides_the_newer_stands_and_those_of_other_schedules_do_not_count() -> None:
    start = utc("2026-01-06T10:00")
    made = (
        Override(2, "primary", "grace", start, start + HOUR),
        Override(1, "primary", "linus", start, start + 2 * HOUR),
        Override(3, "secondary", "edsger", start, start + 2 * HOUR),
    )
    found = spans(schedule(WEEKLY), made, start, start + 3 * HOUR)
    assert [each.person for each in found] == ["grace", "linus", "ada"]


def test_of_two_events_of_a_calendar_the_one_that_began_later_stands() -> None:
    start = utc("2026-01-06T10:00")
    entries = (
        Entry("linus", start + HOUR, start + 2 * HOUR),
        Entry("grace", start, start + 8 * HOUR),
        Entry("ada", start, start + 8 * HOUR),
    )
    of = schedule(calendar=entries)
    assert [person(of, start), person(of, start + HOUR)] == ["ada", "linus"]


def test_nobody_is_a_span_with_its_reason() -> None:
    start = utc("2026-01-06T10:00")
    assert spans(schedule(), (), start, start + DAY) == (Span(None, start, start + DAY, NOBODY),)
    assert gaps(schedule(), (), start, start + DAY) == spans(schedule(), (), start, start + DAY)


def test_no_time_has_no_spans() -> None:
    start = utc("2026-01-06T10:00")
    assert spans(schedule(WEEKLY), (), start, start) == ()
    assert spans(schedule(WEEKLY), (), start, start - DAY) == ()


@pytest.mark.parametrize(
    ("zone", "day", "handover", "at"),
    [
        ("America/New_York", date(2026, 3, 8), time(2, 30), "2026-03-08T07:00"),
        ("America/New_York", date(2026, 11, 1), time(1, 30), "2026-11-01T05:30"),
        ("Europe/London", date(2026, 3, 29), time(1, 30), "2026-03-29T01:00"),
        ("Europe/London", date(2026, 10, 25), time(1, 30), "2026-10-25T00:30"),
        ("Australia/Lord_Howe", date(2026, 10, 4), time(2, 15), "2026-10-03T15:30"),
        ("Australia/Lord_Howe", date(2026, 4, 5), time(1, 45), "2026-04-04T14:45"),
        ("Asia/Tokyo", date(2026, 3, 8), time(2, 30), "2026-03-07T17:30"),
    ],
)
def test_a_skipped_hand_over_comes_when_the_clocks_jump_and_a_doubled_one_the_first_time(
    zone: str, day: date, handover: time, at: str
) -> None:
    of = schedule(Layer(("ada", "grace"), 1, handover, day - DAY), zone=zone)
    assert handovers(of, (), utc(at) - 3 * HOUR, utc(at) + 3 * HOUR) == (
        Handover("primary", utc(at), "ada", "grace"),
    )


def test_a_hand_over_stands_when_the_clock_goes_back_over_midnight() -> None:
    # Havana goes back from 01:00 to 00:00; a hand-over at 00:30 is not undone by it.
    of = schedule(
        Layer(("ada", "grace"), 1, time(0, 30), date(2026, 10, 31)), zone="America/Havana"
    )
    changed = datetime(2026, 11, 1, 0, 30, tzinfo=ZoneInfo("America/Havana")).astimezone(UTC)
    found = spans(of, (), changed - HOUR, changed + 4 * HOUR)
    assert [(each.person, each.starts_at) for each in found] == [
        ("ada", changed - HOUR),
        ("grace", changed),
    ]


def test_a_day_in_which_the_clocks_change_is_as_long_as_people_live_it() -> None:
    of = schedule(Layer(("ada", "grace"), 1, time(9), date(2026, 3, 7)), zone=NEW_YORK.key)
    noon = datetime(2026, 3, 7, 12, tzinfo=NEW_YORK).astimezone(UTC)
    lengths = [each.ends_at - each.starts_at for each in spans(of, (), noon, noon + 3 * DAY)]
    assert lengths[:2] == [20 * HOUR, 24 * HOUR]
    of = schedule(Layer(("ada", "grace"), 1, time(9), date(2026, 10, 31)), zone=NEW_YORK.key)
    noon = datetime(2026, 10, 31, 12, tzinfo=NEW_YORK).astimezone(UTC)
    assert spans(of, (), noon, noon + 3 * DAY)[0].ends_at - noon == 22 * HOUR


def test_hand_overs_are_seen_once_by_looks_that_follow_each_other() -> None:
    of = schedule(WEEKLY)
    at = utc("2026-01-12T09:00")
    assert handovers(of, (), at - HOUR, at) == (Handover("primary", at, "ada", "grace"),)
    assert handovers(of, (), at, at + HOUR) == ()
    assert handovers(of, (), at, at - HOUR) == ()


def test_an_override_for_whoever_is_on_call_anyway_hands_nothing_over() -> None:
    at = utc("2026-01-06T10:00")
    same = Override(1, "primary", "ada", at, at + HOUR)
    assert handovers(schedule(WEEKLY), (same,), at - DAY, at + DAY) == ()


def test_a_gap_is_handed_over_to_nobody_and_from_nobody() -> None:
    found = handovers(schedule(NIGHTS), (), utc("2026-01-06T12:00"), utc("2026-01-07T12:00"))
    assert [(each.leaving, each.coming) for each in found] == [(None, "edsger"), ("edsger", None)]


def test_neighbours_of_one_person_can_be_made_one() -> None:
    at = utc("2026-01-06T10:00")
    same = Override(1, "primary", "ada", at, at + HOUR)
    found = spans(schedule(WEEKLY), (same,), at - HOUR, at + 2 * HOUR)
    assert len(found) == 3
    assert by_person(found) == (Span("ada", at - HOUR, at + 2 * HOUR, "layer 1"),)
