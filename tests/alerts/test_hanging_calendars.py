"""A calendar is read before the state file is locked, and one that hangs keeps no page back."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from conftest import MakeDesk
from mechexo.alerts import calendar_files, calendars, handing_over, oncall
from mechexo.alerts import operations as alerts
from mechexo.alerts.lint import lint
from mechexo.alerts.values import Observation
from mechexo.clock import VirtualClock
from mechexo.desk import Desk

TOML = """
[channels.ada_box]
url = "file://ada.jsonl"
[channels.grace_box]
url = "file://grace.jsonl"
[people.ada]
channels = ["ada_box"]
[people.grace]
channels = ["grace_box"]
[oncall.schedules.primary]
calendar = "oncall.ics"
[[oncall.schedules.primary.layers]]
people = ["ada"]
every = "daily"
handover = "09:00"
since = "2026-01-01"
[[escalation.default.levels]]
tell = ["primary"]
[quiet_hours]
enabled = false
"""
GRACE = (
    "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\nBEGIN:VEVENT\r\nUID:1\r\nSUMMARY:grace\r\n"
    "DTSTART:20260301T000000Z\r\nDTEND:20260401T000000Z\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
)


@pytest.fixture
def desk(make_desk: MakeDesk, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """A desk whose calendar says that grace is on call, and whose layer says ada."""
    # What does not hang is waited for, on a busy machine too.
    monkeypatch.setattr(calendars, "PAGING_LIMIT_S", 60.0)
    made = make_desk(TOML)
    (made.root / "oncall.ics").write_text(GRACE)
    return made


Hang = Callable[[], None]


@pytest.fixture
def hang(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hang]:
    """Makes every file of a calendar hang from now on, until the test ends."""
    over, threads = threading.Event(), []

    def hanging(path: str) -> bytes | None:
        threads.append(threading.current_thread())
        over.wait()
        return GRACE.encode()

    def begin() -> None:
        monkeypatch.setattr(calendar_files, "_content", hanging)
        calendar_files._parsed.cache_clear()
        calendar_files._entries.cache_clear()
        monkeypatch.setattr(calendars, "PAGING_LIMIT_S", 0.2)
        monkeypatch.setattr(calendars, "READING_LIMIT_S", 0.2)

    yield begin
    over.set()
    for thread in threads:
        thread.join()
    calendars._hanging.clear()


def told(desk: Desk, key: str) -> list[str]:
    (alert,) = alerts.observe(desk, [Observation(key, True, "high", key, "s", "probe")])
    return [each.channel for each in alerts.deliveries(desk, alert.id)]


def forget() -> None:
    """As another program begins."""
    calendars._kept.clear()
    calendars._hanging.clear()


def test_the_file_is_read_while_others_may_write(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, found = calendar_files._content, []

    def reading(path: str) -> bytes | None:
        with desk.state.write(wait_s=0.2) as transaction:
            found.append(transaction.connection.in_transaction)
        desk.state.close()
        return read(path)

    monkeypatch.setattr(calendar_files, "_content", reading)
    text, doings = GRACE, [
        lambda: told(desk, "feed"),
        lambda: alerts.keep_time(desk),
        lambda: alerts.acknowledge(desk, 1),
        lambda: alerts.silence(
            desk, matchers={"name": "x"}, duration=timedelta(hours=1), reason="r"
        ),
        lambda: alerts.unsilence(desk, 1),
        lambda: alerts.resolve(desk, 1),
        lambda: handing_over.tell_handovers(desk),
    ]  # fmt: skip
    for number, do in enumerate(doings, start=1):
        text += "\r\n"
        (desk.root / "oncall.ics").write_text(text)
        do()
        assert len(found) >= number
    assert all(found)


def test_while_it_hangs_what_it_said_last_stands_and_that_is_said(desk: Desk, hang: Hang) -> None:
    assert told(desk, "before") == ["grace_box"]
    hang()
    assert told(desk, "feed") == ["grace_box"]
    (standing,) = oncall.standings(desk)
    (problem,) = standing.problems
    assert problem.what.endswith(
        "oncall.ics: was not read within 0.2 s: what it said at 2026-03-02 14:30:00 UTC stands"
    )
    assert problem.what in {finding.what for finding in lint(desk, addresses=False)}


def test_another_program_knows_what_it_said_last(desk: Desk, hang: Hang) -> None:
    told(desk, "before")
    hang()
    forget()
    assert told(desk, "feed") == ["grace_box"]


def test_of_one_that_never_answered_the_layers_decide(desk: Desk, hang: Hang) -> None:
    hang()
    assert told(desk, "feed") == ["ada_box"]
    (standing,) = oncall.standings(desk)
    assert "nothing of it is known" in standing.problems[0].what


def test_one_that_hangs_is_asked_by_one_thread_and_waited_for_once(desk: Desk, hang: Hang) -> None:
    hang()
    for number in range(5):
        told(desk, f"feed{number}")
    named = [each.name for each in threading.enumerate() if each.name.startswith("calendar-")]
    assert len(named) == 1


def test_what_was_kept_is_no_secret_to_its_owner_alone(desk: Desk) -> None:
    told(desk, "feed")
    (kept,) = desk.state.path.parent.glob("*.calendar-*")
    assert kept.stat().st_mode & 0o777 == 0o600


def test_a_file_that_was_kept_broken_is_as_none(desk: Desk, hang: Hang) -> None:
    told(desk, "before")
    (kept,) = desk.state.path.parent.glob("*.calendar-*")
    kept.write_text('{"entries": 7}')
    hang()
    forget()
    assert told(desk, "feed") == ["ada_box"]


def test_a_calendar_that_went_wrong_is_not_what_it_said_last(
    desk: Desk, hang: Hang, clock: VirtualClock
) -> None:
    told(desk, "before")
    (desk.root / "oncall.ics").write_text("nonsense")
    assert told(desk, "wrong") == ["ada_box"]
    hang()
    os.utime(desk.root / "oncall.ics", (1, 1))
    assert told(desk, "feed") == ["grace_box"]


def test_a_pipe_is_refused_with_words(desk: Desk) -> None:
    file = desk.root / "oncall.ics"
    file.unlink()
    os.mkfifo(file)
    assert told(desk, "feed") == ["ada_box"]
    (standing,) = oncall.standings(desk)
    assert "oncall.ics: is no regular file" in standing.problems[0].what


def test_a_device_and_a_folder_are_refused_with_words(desk: Desk, tmp_path: Path) -> None:
    for place in (Path("/dev/zero"), tmp_path):
        found = calendar_files.read_calendar(
            place, "UTC", ("ada",), desk.clock.now(), desk.clock.now() + timedelta(days=1)
        )
        assert "is no regular file" in found.problems[0]


def test_a_pipe_that_took_the_place_of_the_file_meanwhile_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert calendar_files._content(str(tmp_path / "pipe")) is None
