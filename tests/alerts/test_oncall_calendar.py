"""On-call calendars as iCal files: what is read, what cannot be and is said, what is written."""

from __future__ import annotations

import os
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mechexo.alerts.calendar_files import Calendar, calendar_text, read_calendar
from mechexo.alerts.rotation import Entry, Layer, Schedule, Span, by_person, spans

DAY = timedelta(days=1)
PEOPLE = ("ada", "grace")


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def read(
    folder: Path, *events: str, zone: str = "UTC", start: str = "2026-01-01", days: int = 365
) -> Calendar:
    """What is read from a file with these events; each is its lines, separated by spaces."""
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//test//EN"]
    for event in events:
        lines += ["BEGIN:VEVENT", *event.split(), "END:VEVENT"]
    file = folder / "oncall.ics"
    file.write_text("\r\n".join([*lines, "END:VCALENDAR", ""]))
    return read_calendar(file, zone, PEOPLE, utc(start), utc(start) + days * DAY)


def times(found: Calendar) -> list[tuple[str, str]]:
    assert not found.problems
    return [
        (f"{each.starts_at:%m-%dT%H:%M}", f"{each.ends_at:%m-%dT%H:%M}") for each in found.entries
    ]


def test_an_event_puts_its_person_on_call(tmp_path: Path) -> None:
    found = read(tmp_path, "SUMMARY:ada DTSTART:20260105T090000Z DTEND:20260106T090000Z")
    entry = Entry("ada", utc("2026-01-05T09:00"), utc("2026-01-06T09:00"))
    assert found == Calendar((entry,), ())


def test_a_name_counts_in_other_letters_too(tmp_path: Path) -> None:
    found = read(tmp_path, "SUMMARY:ADA DTSTART:20260105T090000Z DURATION:PT2H")
    assert [each.person for each in found.entries] == ["ada"]


def test_an_event_in_a_zone_of_its_own_is_by_that_clock(tmp_path: Path) -> None:
    zoned = "DTSTART;TZID=America/New_York:20260105T090000 DURATION:PT2H"
    assert times(read(tmp_path, f"SUMMARY:ada {zoned}")) == [("01-05T14:00", "01-05T16:00")]


def test_an_event_without_a_zone_is_by_the_schedules_clock(tmp_path: Path) -> None:
    found = read(tmp_path, "SUMMARY:ada DTSTART:20260105T090000 DURATION:PT2H", zone="Asia/Tokyo")
    assert times(found) == [("01-05T00:00", "01-05T02:00")]


def test_a_whole_day_is_the_schedules_day_and_its_end_is_not_included(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        "SUMMARY:ada DTSTART;VALUE=DATE:20260308 DTEND;VALUE=DATE:20260309",
        "SUMMARY:grace DTSTART;VALUE=DATE:20260310",
        zone="America/New_York",
    )
    # The eighth is a day of 23 hours.
    assert times(found) == [("03-08T05:00", "03-09T04:00"), ("03-10T04:00", "03-11T04:00")]


def test_a_weekly_event_keeps_its_times_on_the_wall_over_a_change_of_the_clocks(
    tmp_path: Path,
) -> None:
    found = read(
        tmp_path,
        "SUMMARY:ada DTSTART;TZID=Europe/London:20260323T090000 "
        "DTEND;TZID=Europe/London:20260330T090000 RRULE:FREQ=WEEKLY;COUNT=2",
    )
    assert times(found) == [("03-23T09:00", "03-30T08:00"), ("03-30T08:00", "04-06T08:00")]


@pytest.mark.parametrize(
    ("rule", "starts"),
    [
        ("RRULE:FREQ=DAILY;COUNT=3", ["01-05", "01-06", "01-07"]),
        ("RRULE:FREQ=DAILY;UNTIL=20260107T090000Z", ["01-05", "01-06", "01-07"]),
        ("RRULE:FREQ=DAILY;UNTIL=20260107T085959Z", ["01-05", "01-06"]),
        ("RRULE:FREQ=DAILY;UNTIL=20260107", ["01-05", "01-06", "01-07"]),
        ("RRULE:FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,TU;COUNT=3", ["01-05", "01-06", "01-19"]),
        ("RRULE:FREQ=MONTHLY;BYDAY=1MO;COUNT=2", ["01-05", "02-02"]),
        ("RRULE:FREQ=DAILY;COUNT=3 EXDATE:20260106T090000Z", ["01-05", "01-07"]),
        ("RRULE:FREQ=DAILY;COUNT=3 EXDATE;VALUE=DATE:20260106", ["01-05", "01-07"]),
        ("RRULE:FREQ=DAILY;COUNT=3 EXDATE:20260105T090000Z,20260107T090000Z", ["01-06"]),
        ("RDATE:20260201T090000Z", ["01-05", "02-01"]),
        ("RDATE;VALUE=PERIOD:20260201T090000Z/PT1H", ["01-05", "02-01"]),
    ],
)
def test_recurrence(tmp_path: Path, rule: str, starts: list[str]) -> None:
    found = read(tmp_path, f"SUMMARY:ada DTSTART:20260105T090000Z DURATION:PT2H {rule}")
    assert [start for start, _ in times(found)] == [f"{day}T09:00" for day in starts]


def test_an_until_in_utc_is_compared_on_the_events_own_clock(tmp_path: Path) -> None:
    zoned = "DTSTART;TZID=America/New_York:20260105T200000 DURATION:PT2H"
    found = read(tmp_path, f"SUMMARY:ada {zoned} RRULE:FREQ=DAILY;UNTIL=20260107T010000Z")
    assert len(times(found)) == 2


def test_an_endless_rule_is_followed_only_as_far_as_asked(tmp_path: Path) -> None:
    event = "SUMMARY:ada DTSTART:20200106T090000Z DURATION:P1D RRULE:FREQ=DAILY"
    found = read(tmp_path, event, start="2026-05-05", days=2)
    assert times(found) == [
        ("05-04T09:00", "05-05T09:00"),
        ("05-05T09:00", "05-06T09:00"),
        ("05-06T09:00", "05-07T09:00"),
    ]


@pytest.mark.slow
def test_a_rule_that_never_comes_true_ends(tmp_path: Path) -> None:
    never = "RRULE:FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30;COUNT=5"
    found = read(tmp_path, f"SUMMARY:ada DTSTART:20260105T090000Z DURATION:P1D {never}")
    assert found == Calendar((), ())


def test_one_time_can_be_moved_or_cancelled(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        "UID:1 SUMMARY:ada DTSTART:20260105T090000Z DURATION:PT2H RRULE:FREQ=DAILY;COUNT=3",
        "UID:1 SUMMARY:grace RECURRENCE-ID:20260106T090000Z DTSTART:20260106T120000Z DURATION:PT1H",
        "UID:1 SUMMARY:ada RECURRENCE-ID:20260107T090000Z STATUS:CANCELLED "
        "DTSTART:20260107T090000Z DURATION:PT2H",
    )
    assert times(found) == [("01-05T09:00", "01-05T11:00"), ("01-06T12:00", "01-06T13:00")]
    assert [each.person for each in found.entries] == ["ada", "grace"]


def test_a_cancelled_event_puts_nobody_on_call(tmp_path: Path) -> None:
    event = "SUMMARY:ada STATUS:CANCELLED DTSTART:20260105T090000Z DURATION:PT2H"
    assert read(tmp_path, event) == Calendar((), ())


OWN_ZONE = (
    "BEGIN:VTIMEZONE TZID:Desk BEGIN:STANDARD DTSTART:16010101T020000 "
    "RRULE:FREQ=YEARLY;BYDAY=1SU;BYMONTH=11 TZOFFSETFROM:-0400 TZOFFSETTO:-0500 END:STANDARD "
    "BEGIN:DAYLIGHT DTSTART:16010101T020000 RRULE:FREQ=YEARLY;BYDAY=2SU;BYMONTH=3 "
    "TZOFFSETFROM:-0500 TZOFFSETTO:-0400 END:DAYLIGHT END:VTIMEZONE"
)


def test_a_zone_that_the_file_defines_itself_is_followed(tmp_path: Path) -> None:
    event = (
        "BEGIN:VEVENT SUMMARY:ada DTSTART;TZID=Desk:20260307T090000 "
        "DTEND;TZID=Desk:20260308T090000 RRULE:FREQ=DAILY;COUNT=2 END:VEVENT"
    )
    lines = ["BEGIN:VCALENDAR", *OWN_ZONE.split(), *event.split(), "END:VCALENDAR", ""]
    file = tmp_path / "oncall.ics"
    file.write_text("\r\n".join(lines))
    found = read_calendar(file, "UTC", PEOPLE, utc("2026-03-01"), utc("2026-04-01"))
    assert times(found) == [("03-07T14:00", "03-08T13:00"), ("03-08T13:00", "03-09T13:00")]


def test_a_zone_by_the_name_that_windows_gives_it_is_known(tmp_path: Path) -> None:
    file = tmp_path / "oncall.ics"
    file.write_text(
        "BEGIN:VCALENDAR\nBEGIN:VEVENT\nSUMMARY:ada\nDURATION:PT2H\n"
        "DTSTART;TZID=W. Europe Standard Time:20260105T090000\nEND:VEVENT\nEND:VCALENDAR\n"
    )
    found = read_calendar(file, "UTC", PEOPLE, utc("2026-01-01"), utc("2026-02-01"))
    assert times(found) == [("01-05T08:00", "01-05T10:00")]


GOOD = "SUMMARY:ada DTSTART:20260105T090000Z DURATION:PT2H"


@pytest.mark.parametrize(
    ("event", "said"),
    [
        ("SUMMARY:ada DTSTART:20260105T090000Z", "neither DTEND nor DURATION"),
        ("SUMMARY:ada DURATION:PT2H", "has no DTSTART"),
        ("UID:7 DTSTART:20260105T090000Z DURATION:PT2H", "has no summary"),
        ("SUMMARY:ada DTSTART:2026 DURATION:PT2H", "DTSTART cannot be read"),
        ("SUMMARY:ada DTSTART;TZID=Nowhere/City:20260105T090000 DURATION:PT2H", "'Nowhere/City'"),
        ("SUMMARY:ada DTSTART:20260105T090000Z DTEND:20260104T090000Z", "ends before it begins"),
        (f"{GOOD} RRULE:FREQ=SECONDLY", "FREQ=SECONDLY is not understood"),
        (f"{GOOD} RRULE:FREQ=DAILY RRULE:FREQ=WEEKLY", "several RRULEs"),
        (f"{GOOD} RRULE:FREQ=DAILY;BYSECOND=61", "second must be in 0..59"),
        (f"{GOOD} RRULE:FREQ=YEARLY;INTERVAL=0", "INTERVAL must be at least 1"),
        (f"{GOOD} RRULE:FREQ=DAILY;COUNT=0", "COUNT must be at least 1"),
        (f"{GOOD} RRULE:FREQ=MONTHLY;BYDAY=99MO", "its rule cannot be followed"),
        (
            f"{GOOD} RRULE:FREQ=DAILY;BYSECOND={','.join(map(str, range(60)))};BYMINUTE="
            f"{','.join(map(str, range(60)))}",
            "more than 100000 times",
        ),
        ("SUMMARY:ada DTSTART:19000101T000000Z DURATION:P1D RRULE:FREQ=DAILY", "before 1970"),
        (f"{GOOD} EXRULE:FREQ=DAILY", "EXRULE is not understood"),
        ("SUMMARY:stranger DTSTART:20260105T090000Z DURATION:PT2H", "'stranger' is nobody in"),
        (
            "SUMMARY:ada RECURRENCE-ID;RANGE=THISANDFUTURE:20260105T090000Z "
            "DTSTART:20260203T090000Z DURATION:PT2H",
            "RANGE",
        ),
    ],
)
def test_an_event_that_cannot_be_used_is_said_and_the_others_stand(
    tmp_path: Path, event: str, said: str
) -> None:
    found = read(tmp_path, event, "SUMMARY:grace DTSTART:20260105T090000Z DURATION:PT2H")
    assert "grace" in {each.person for each in found.entries}
    assert len(found.problems) == 1
    assert said in found.problems[0]
    assert str(tmp_path / "oncall.ics") in found.problems[0]


@pytest.mark.parametrize(
    "content",
    [b"", b"hello", b"\xff\xfe\x00\x01", b"BEGIN:VCALENDAR\nBEGIN:VEVENT\n", b"BEGIN:\n", b"\0"],
)
def test_a_file_that_is_no_calendar_is_said(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "oncall.ics"
    file.write_bytes(content)
    found = read_calendar(file, "UTC", PEOPLE, utc("2026-01-01"), utc("2026-02-01"))
    assert found.entries == ()
    assert [str(file) in each for each in found.problems] == [True]


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    found = read_calendar(tmp_path / "no.ics", "UTC", PEOPLE, utc("2026-01-01"), utc("2026-02-01"))
    assert found == Calendar((), (f"{tmp_path}/no.ics: cannot be read: No such file or directory",))


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    read(tmp_path, "SUMMARY:ada DTSTART:20260105T090000Z DURATION:PT2H")
    os.utime(tmp_path / "oncall.ics", (1, 1))
    found = read(tmp_path, "SUMMARY:grace DTSTART:20260105T090000Z DURATION:PT2H")
    assert [each.person for each in found.entries] == ["grace"]


@pytest.mark.slow
@given(st.binary(max_size=300) | st.text(max_size=300).map(str.encode))
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_whatever_stands_in_the_file_reading_it_ends_with_an_answer(
    tmp_path: Path, inside: bytes
) -> None:
    file = tmp_path / "oncall.ics"
    file.write_bytes(b"BEGIN:VCALENDAR\nBEGIN:VEVENT\n" + inside + b"\nEND:VEVENT\nEND:VCALENDAR\n")
    found = read_calendar(file, "UTC", PEOPLE, utc("2026-01-01"), utc("2026-02-01"))
    assert all(str(file) in each for each in found.problems)
    assert all(each.starts_at < each.ends_at for each in found.entries)


NAMES = st.text(
    st.characters(exclude_categories=("C", "Z")) | st.sampled_from(" ,;:\\\"'"), min_size=1
).filter(lambda name: name == name.strip())


@st.composite
def rotations(draw: st.DrawFn) -> Schedule:
    people = draw(st.lists(NAMES, min_size=1, max_size=4, unique_by=str.casefold))
    layer = Layer(
        tuple(people),
        draw(st.integers(1, 9)),
        time(draw(st.integers(0, 23)), draw(st.integers(0, 59))),
        date(2026, draw(st.integers(1, 11)), 1),
        days=frozenset(draw(st.sets(st.integers(0, 6)))),
    )
    zones = ("America/New_York", "Europe/London", "Australia/Lord_Howe", "Asia/Tokyo")
    return Schedule(draw(NAMES), draw(st.sampled_from(zones)), (layer,))


@pytest.mark.slow
@given(rotations(), st.integers(0, 300))
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_what_is_written_reads_back_as_the_same_spans(
    tmp_path: Path, schedule: Schedule, days: int
) -> None:
    start = utc("2026-01-01") + days * DAY
    end = start + 30 * DAY
    wanted = by_person(spans(schedule, (), start, end))
    file = tmp_path / "exported.ics"
    file.unlink(missing_ok=True)
    file.write_bytes(calendar_text(schedule.name, wanted, start))
    found = read_calendar(file, "UTC", schedule.layers[0].people, start, end)
    assert found.problems == ()
    back = spans(Schedule("copy", "UTC", calendar=found.entries), (), start, end)
    assert [(e.person, e.starts_at, e.ends_at) for e in by_person(back)] == [
        (e.person, e.starts_at, e.ends_at) for e in wanted
    ]


def test_the_same_span_has_the_same_identity_in_every_export() -> None:
    start = utc("2026-01-05T09:00")
    found = (
        Span("ada", start, start + DAY, "layer 1"),
        Span(None, start + DAY, start + 2 * DAY, ""),
    )
    first, again = (calendar_text("primary", found, start + n * DAY) for n in (0, 1))
    uids = [[line for line in text.split(b"\r\n") if b"UID" in line] for text in (first, again)]
    assert len(uids[0]) == 1
    assert uids[0] == uids[1]
