"""Who is on call on a real desk: schedules as configured, with calendars and overrides."""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta

import pytest

from conftest import START, MakeDesk
from mechexo.alerts import oncall, overrides
from mechexo.alerts.oncall import Problem
from mechexo.alerts.rotation import Handover
from mechexo.clock import VirtualClock
from mechexo.desk import Desk
from mechexo.desk_status import read_status, status_document
from mechexo.errors import NotFoundError, StateError

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)

# START is Monday 2026-03-02, 14:30 UTC.
ROTATION = """
[people.ada]
[people.grace]
[people.linus]
[oncall]
level1 = "primary"
level2 = "nights"
level3 = "Edsger"
[oncall.schedules.primary]
[[oncall.schedules.primary.layers]]
people = ["ada", "grace"]
since = "2026-03-02"
[oncall.schedules.nights]
zone = "America/New_York"
[[oncall.schedules.nights.layers]]
people = ["linus"]
every = "daily"
handover = "12:00"
since = "2026-03-01"
start = "22:00"
end = "06:00"
"""
CALENDAR = """
[people.ada]
[people.grace]
[oncall]
level1 = "primary"
[oncall.schedules.primary]
calendar = "oncall.ics"
[[oncall.schedules.primary.layers]]
people = ["ada"]
since = "2026-03-02"
"""
GRACE_TODAY = """BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//test//EN
BEGIN:VEVENT
SUMMARY:grace
DTSTART;VALUE=DATE:20260302
END:VEVENT
END:VCALENDAR
"""


@pytest.fixture
def desk(make_desk: MakeDesk) -> Desk:
    return make_desk(ROTATION)


def test_every_schedule_has_somebody_or_nobody(desk: Desk) -> None:
    assert oncall.who(desk, START) == {"primary": "ada", "nights": None}
    evening = START + 13 * HOUR
    assert oncall.who(desk, evening) == {"primary": "ada", "nights": "linus"}
    assert oncall.who(desk, START + 7 * DAY) == {"primary": "grace", "nights": None}


def test_a_desk_without_schedules_has_nobody_to_ask_for(make_desk: MakeDesk) -> None:
    assert oncall.who(make_desk(), START) == {}


def test_a_level_that_names_a_schedule_is_whoever_is_on_call(
    desk: Desk, clock: VirtualClock
) -> None:
    found = oncall.now(desk)
    assert (found.level1, found.level2, found.level3) == ("ada", "", "Edsger")
    clock.advance(7 * DAY + 13 * HOUR)
    found = oncall.now(desk)
    assert (found.level1, found.level2, found.level3) == ("grace", "linus", "Edsger")


def test_the_status_names_the_person(desk: Desk) -> None:
    assert status_document(read_status(desk))["oncall"]["level1"] == "ada"


def test_an_override_counts_at_once_and_only_in_its_schedule(desk: Desk) -> None:
    overrides.override(desk, "primary", "linus", starts_at=START, ends_at=START + HOUR)
    assert oncall.who(desk, START) == {"primary": "linus", "nights": None}
    assert oncall.who(desk, START + HOUR) == {"primary": "ada", "nights": None}


def test_it_says_until_when_and_who_is_next(desk: Desk) -> None:
    primary, nights = oncall.standings(desk)
    assert (primary.person, primary.why, primary.next_person) == ("ada", "layer 1", "grace")
    assert primary.until == START + 7 * DAY - 5 * HOUR - timedelta(minutes=30)
    assert (nights.person, nights.next_person) == (None, "linus")


def test_nobody_else_in_sight_has_no_next_hand_over(make_desk: MakeDesk) -> None:
    desk = make_desk(ROTATION.replace('["ada", "grace"]', '["ada"]'))
    primary = oncall.standings(desk)[0]
    assert (primary.until, primary.next_person) == (None, None)


def test_the_plan_covers_the_time_and_names_its_gaps(desk: Desk) -> None:
    found = oncall.plan(desk, "nights", START, START + 2 * DAY)
    assert found.zone == "America/New_York"
    assert [span.person for span in found.spans] == [None, "linus", None, "linus", None]
    assert found.gaps == found.spans[::2]


def test_an_unknown_schedule_is_named_with_close_ones(desk: Desk) -> None:
    with pytest.raises(NotFoundError, match=r"no schedule 'primry'; did you mean primary\?"):
        oncall.plan(desk, "primry", START, START + DAY)


def test_hand_overs_of_all_schedules_come_in_order(desk: Desk) -> None:
    overrides.override(desk, "primary", "grace", starts_at=START + HOUR, ends_at=START + 40 * HOUR)
    found = oncall.handovers(desk, START, START + DAY)
    assert [(each.schedule, each.leaving, each.coming) for each in found] == [
        ("primary", "ada", "grace"),
        ("nights", None, "linus"),
        ("nights", "linus", None),
    ]
    assert found[0] == Handover("primary", START + HOUR, "ada", "grace")


def test_a_calendar_stands_above_the_layers(make_desk: MakeDesk) -> None:
    desk = make_desk(CALENDAR)
    (desk.root / "oncall.ics").write_text(GRACE_TODAY)
    assert oncall.who(desk, START) == {"primary": "grace"}
    assert oncall.who(desk, START + DAY) == {"primary": "ada"}
    assert oncall.standings(desk)[0].problems == ()


@pytest.mark.parametrize("content", [None, "", "hello"], ids=["missing", "empty", "broken"])
def test_a_calendar_that_cannot_be_read_leaves_it_to_the_layers_and_is_said(
    make_desk: MakeDesk, content: str | None
) -> None:
    desk = make_desk(CALENDAR)
    file = desk.root / "oncall.ics"
    if content is not None:
        file.write_text(content)
    assert oncall.who(desk, START) == {"primary": "ada"}
    (problem,) = oncall.standings(desk)[0].problems
    assert problem.key == "calendar"
    assert str(file) in problem.what


def test_an_override_for_somebody_no_longer_configured_is_said_and_does_not_count(
    make_desk: MakeDesk,
) -> None:
    desk = make_desk(ROTATION)
    overrides.override(desk, "primary", "linus", starts_at=START, ends_at=START + HOUR)
    desk = make_desk(ROTATION.replace("linus", "edsger"))
    assert oncall.who(desk, START)["primary"] == "ada"
    assert oncall.standings(desk)[0].problems == (
        Problem("override", "override 1 puts 'linus' on call, who is nobody in [people]"),
    )


def test_an_exported_turn_is_the_same_event_tomorrow(desk: Desk, clock: VirtualClock) -> None:
    first = oncall.calendar(desk, "primary", START + 3 * DAY)
    clock.advance(DAY)
    again = oncall.calendar(desk, "primary", START + 4 * DAY)
    assert b"DTSTART:20260302T090000Z" in first

    def uids(text: bytes) -> list[bytes]:
        return [line for line in text.splitlines() if line.startswith(b"UID")]

    assert uids(first) == uids(again)


def test_a_state_file_that_is_gone_is_no_gap(desk: Desk) -> None:
    desk.state.close()
    for file in desk.state.path.parent.glob("mechexo.sqlite*"):
        file.unlink()
    with pytest.raises(StateError):
        oncall.who(desk, START)


@pytest.mark.slow
def test_asking_without_a_calendar_imports_no_reader_of_calendars(desk: Desk) -> None:
    code = (
        "import sys; from pathlib import Path; from mechexo.alerts import oncall;"
        "from mechexo.desk import Desk; desk = Desk.open(Path(sys.argv[1]));"
        "oncall.who(desk, desk.clock.now()); oncall.now(desk); oncall.standings(desk);"
        "print({'icalendar', 'dateutil', 'apprise'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(desk.config_path)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "set()"
