"""Incidents: opening, leading, noting, ending; each with its audit entry."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from sqlite3 import IntegrityError

import pytest

from conftest import ME, START, MakeDesk
from mechexo import incident_alerts
from mechexo.actor import Actor
from mechexo.clock import VirtualClock
from mechexo.desk import Desk
from mechexo.errors import ConflictError, NotAllowedError, NotFoundError, StateError, UsageError
from mechexo.incidents import operations as incidents
from mechexo.incidents.rules import LONGEST_NOTE
from mechexo.incidents.values import IncidentStatus

MINUTE = timedelta(minutes=1)
SECOND = Actor(4242, "second")


def opened(desk: Desk, title: str = "Feed is stale", severity: str = "SEV2") -> int:
    return incidents.open_incident(desk, title=title, severity=severity).id


def actions(desk: Desk) -> list[str]:
    return [entry.action for entry in desk.audit_entries()]


def test_an_incident_that_was_opened_is_read_back_as_it_was_told(desk: Desk) -> None:
    made = incidents.open_incident(
        desk,
        title="Orders are rejected",
        severity="sev1",
        runbook="broker-disconnect",
        alert_id=7,
        flows=("trading", "trading", "hedging"),
        commander="second",
        began_at=START - 5 * MINUTE,
    )
    assert incidents.get(desk, made.id) == made
    assert (made.severity, made.status, made.flows) == (
        "SEV1",
        IncidentStatus.OPEN,
        ("trading", "hedging"),
    )
    assert (made.began_at, made.opened_at) == (START - 5 * MINUTE, START)
    assert made.attendees == ("tester", "second")


def test_every_change_has_one_line_and_one_audit_entry(desk: Desk) -> None:
    number = opened(desk)
    incidents.note(desk, number, "looking at the gateway")
    incidents.set_severity(desk, number, "SEV1")
    incidents.set_commander(desk, number, "second")
    incidents.set_status(desk, number, IncidentStatus.MITIGATED, text="feed restarted")
    incidents.set_status(desk, number, IncidentStatus.OPEN)
    incidents.close(desk, number, text="over")
    kinds = [moment.kind for moment in incidents.own_moments(desk, number)]
    assert kinds == [
        *("opened", "note", "severity", "commander", "mitigated", "reopened", "closed"),
    ]
    assert actions(desk) == [
        *("incident.open", "incident.note", "incident.severity", "incident.commander"),
        *("incident.mitigated", "incident.reopen", "incident.close"),
    ]
    assert not desk.verify_audit().problems


def test_what_stands_already_leaves_neither_a_line_nor_an_entry(desk: Desk) -> None:
    number = opened(desk)
    incidents.set_severity(desk, number, "SEV2")
    incidents.join(desk, number)
    incidents.set_commander(desk, number, "")
    incidents.close(desk, number)
    before = incidents.version(desk, number)
    incidents.close(desk, number)
    assert incidents.version(desk, number) == before
    assert actions(desk) == ["incident.open", "incident.close"]


@pytest.mark.parametrize(
    "change",
    [
        lambda desk, number: incidents.note(desk, number, "words"),
        lambda desk, number: incidents.join(desk.acting_as(replace(ME, name="other")), number),
        lambda desk, number: incidents.set_severity(desk, number, "SEV3"),
        lambda desk, number: incidents.set_commander(desk, number, "other"),
        lambda desk, number: incidents.set_status(desk, number, IncidentStatus.MITIGATED),
        lambda desk, number: incidents.close(desk, number),
    ],
)
def test_every_change_changes_the_version(
    desk: Desk, change: Callable[[Desk, int], object]
) -> None:
    number = opened(desk)
    before = incidents.version(desk, number)
    change(desk, number)
    assert incidents.version(desk, number) != before


def test_whoever_does_something_takes_part_and_whoever_looks_back_later_does_not(
    desk: Desk,
) -> None:
    number = opened(desk)
    incidents.note(desk.acting_as(replace(ME, name="noting")), number, "x")
    incidents.set_severity(desk.acting_as(replace(ME, name="judging")), number, "SEV1")
    incidents.close(desk.acting_as(replace(ME, name="closing")), number)
    incidents.note(desk.acting_as(replace(ME, name="later")), number, "x")
    found = incidents.get(desk, number).attendees
    assert found == ("tester", "noting", "judging", "closing")


def test_a_viewer_may_read_and_changes_nothing(desk: Desk) -> None:
    number = opened(desk)
    viewer = desk.acting_as(Actor(999_999, "guest"))
    assert incidents.get(viewer, number).title == "Feed is stale"
    for change in (
        lambda: opened(viewer),
        lambda: incidents.note(viewer, number, "x"),
        lambda: incidents.join(viewer, number),
        lambda: incidents.set_severity(viewer, number, "SEV1"),
        lambda: incidents.set_commander(viewer, number, "guest"),
        lambda: incidents.set_status(viewer, number, IncidentStatus.MITIGATED),
        lambda: incidents.close(viewer, number),
    ):
        with pytest.raises(NotAllowedError, match="responder"):
            change()
    assert len(incidents.own_moments(desk, number)) == 1


def test_a_closed_incident_takes_notes_and_a_severity_and_must_be_reopened_for_the_rest(
    desk: Desk,
) -> None:
    number = opened(desk)
    incidents.close(desk, number)
    incidents.note(desk, number, "found the cause")
    assert incidents.set_severity(desk, number, "SEV1").severity == "SEV1"
    with pytest.raises(ConflictError, match=f"incident reopen {number}"):
        incidents.set_commander(desk, number, "second")
    with pytest.raises(ConflictError, match=f"incident reopen {number}"):
        incidents.set_status(desk, number, IncidentStatus.MITIGATED)
    with pytest.raises(ConflictError, match="closed"):
        incidents.join(desk.acting_as(replace(ME, name="other")), number)
    again = incidents.set_status(desk, number, IncidentStatus.OPEN)
    assert (again.closed_at, again.closed_by, again.mitigated_at) == (None, "", None)


def test_an_alert_opens_no_second_incident(desk: Desk) -> None:
    made = incidents.open_incident(desk, title="a", severity="SEV1", alert_id=7)
    with pytest.raises(ConflictError, match=f"belongs to incident {made.id}"):
        incidents.open_incident(desk, title="b", severity="SEV1", alert_id=7)
    assert len(incidents.list_incidents(desk, all=True)) == 1


def test_the_list_begins_with_what_goes_on_and_is_worst(desk: Desk, clock: VirtualClock) -> None:
    numbers = []
    for severity in ("SEV3", "SEV1", "SEV2", "SEV1"):
        numbers.append(opened(desk, severity, severity))
        clock.advance(MINUTE)
    incidents.close(desk, numbers[1])
    found = [each.id for each in incidents.list_incidents(desk, all=True)]
    assert found == [numbers[3], numbers[2], numbers[0], numbers[1]]
    assert [each.id for each in incidents.list_incidents(desk, limit=2)] == found[:2]


@pytest.mark.parametrize("number", [0, -1, 99, 10**30])
def test_an_unknown_number_is_refused_with_the_known_ones(desk: Desk, number: int) -> None:
    known = opened(desk)
    with pytest.raises(NotFoundError, match=f"no incident {number}; not closed: {known}"):
        incidents.get(desk, number)


@pytest.mark.parametrize(
    ("words", "wrong"),
    [
        ({"title": " \x1b[2J "}, "needs words"),
        ({"title": "x" * 201}, "at most 200 characters, this one 201"),
        ({"severity": "bad"}, "SEV1, SEV2, SEV3"),
        ({"began_at": START + MINUTE}, "to come"),
        ({"commander": "n" * 101}, "at most 100"),
    ],
)
def test_an_opening_that_cannot_be_used_is_refused(
    desk: Desk, words: dict[str, object], wrong: str
) -> None:
    with pytest.raises(UsageError, match=wrong):
        incidents.open_incident(desk, **{"title": "t", "severity": "SEV1", **words})  # type: ignore[arg-type]
    assert incidents.list_incidents(desk, all=True) == ()


def test_a_beginning_that_is_a_slip_of_the_keys_is_refused(desk: Desk, clock: VirtualClock) -> None:
    def open_(began: datetime) -> int:
        words = {"title": "t", "severity": "SEV2", "runbook": "", "commander": "", "reason": ""}
        return incident_alerts.opened_by_hand(
            desk, alert_id=None, flows=(), began=began, **words
        ).id

    for began in (datetime(1, 1, 1, tzinfo=UTC), clock.now() - timedelta(days=367)):
        with pytest.raises(UsageError, match="a year ago"):
            open_(began)
    assert open_(clock.now() - timedelta(days=365)) == 1


def test_no_limit_is_too_large_to_list(desk: Desk) -> None:
    assert opened(desk) == 1
    assert len(incidents.list_incidents(desk, limit=10**20)) == 1


def test_a_note_that_is_too_long_is_refused_with_both_numbers(desk: Desk) -> None:
    number = opened(desk)
    with pytest.raises(UsageError, match=r"10,000 characters, this one 10,001"):
        incidents.note(desk, number, "x" * (LONGEST_NOTE + 1))
    incidents.note(desk, number, "x" * LONGEST_NOTE)


def test_a_note_is_harmless_keeps_its_lines_and_hides_secrets(desk: Desk) -> None:
    number = opened(desk)
    said = "first\x1b[31m line\x00\n\u202epassword=hunter2-canary\nlast"
    found = incidents.note(desk, number, said)
    assert (found.text, found.detail) == ("first line", "password=***\nlast")
    assert incidents.own_moments(desk, number)[-1] == found
    stored = (
        desk.state.path.read_bytes()
        + desk.state.path.with_name(f"{desk.state.path.name}-wal").read_bytes()
    )
    assert b"hunter2-canary" not in stored


def test_lone_surrogates_and_other_scripts_are_taken(desk: Desk) -> None:
    number = opened(desk, "توقف التداول")
    assert incidents.get(desk, number).title == "توقف التداول"
    assert incidents.note(desk, number, "bad \udcff byte").text == "bad ? byte"


def test_a_clock_that_is_set_back_leaves_the_order_of_what_happened(
    desk: Desk, clock: VirtualClock
) -> None:
    number = opened(desk)
    clock.advance(10 * MINUTE)
    incidents.note(desk, number, "before the step")
    clock.advance(-60 * MINUTE)
    incidents.set_status(desk, number, IncidentStatus.MITIGATED)
    clock.advance(MINUTE)
    over = incidents.close(desk, number)
    times = [moment.at for moment in incidents.own_moments(desk, number)]
    assert times == sorted(times)
    assert over.mitigated_at
    assert over.closed_at
    assert over.began_at <= over.opened_at <= over.mitigated_at <= over.closed_at


def test_a_live_desk_wants_no_further_words_at_night(make_desk: MakeDesk) -> None:
    desk = make_desk(mode="live")
    number = opened(desk)
    incidents.join(desk, number)
    incidents.close(desk, number)
    assert actions(desk) == ["incident.open", "incident.close"]


@pytest.mark.slow
def test_two_people_at_once_lose_nothing(desk: Desk) -> None:
    number = opened(desk)

    def write(name: str) -> None:
        mine = desk.acting_as(replace(ME, name=name))
        for turn in range(20):
            incidents.note(mine, number, f"{name} {turn}")
            incidents.set_commander(mine, number, name)
        mine.state.close()

    threads = [threading.Thread(target=write, args=(name,)) for name in ("first", "second")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    moments = incidents.own_moments(desk, number)
    notes = [moment.text for moment in moments if moment.kind == "note"]
    assert sorted(notes) == sorted(f"{name} {i}" for name in ("first", "second") for i in range(20))
    assert [moment.at for moment in moments] == sorted(moment.at for moment in moments)
    assert len(desk.audit_entries()) == len(moments)
    assert not desk.verify_audit().problems


def test_a_damaged_line_is_a_gap_and_the_others_are_there(desk: Desk) -> None:
    number = opened(desk)
    with desk.state.write() as transaction:
        transaction.execute(
            "INSERT INTO incident_event (incident_id, at, kind, who, text) VALUES (?,?,?,?,?)",
            (number, "not a time", "note", "tester", "lost"),
        )
    incidents.note(desk, number, "after it")
    moments, gaps = incidents.own_history(desk, number)
    assert [moment.text for moment in moments] == ["SEV2: Feed is stale", "after it"]
    assert gaps == (f"line 2 of incident {number} has no time: 'not a time'",)


def test_a_damaged_incident_is_named_and_hides_no_other(desk: Desk) -> None:
    broken, whole = opened(desk), opened(desk, "whole")
    with desk.state.write() as transaction:
        transaction.execute("UPDATE incident SET began_at = 'x' WHERE id = ?", (broken,))
    assert [each.id for each in incidents.list_incidents(desk)] == [whole]
    assert len(incidents.damaged(desk)) == 1
    with pytest.raises(StateError, match=f"incident {broken} is damaged"):
        incidents.get(desk, broken)


def test_what_happened_is_never_changed_in_the_file(desk: Desk) -> None:
    number = opened(desk)
    for statement in (
        "UPDATE incident_event SET text = 'x'",
        "DELETE FROM incident_event",
        f"INSERT OR REPLACE INTO incident_event VALUES (1, {number}, 'x', 'note', 'x', 'x')",
    ):
        with pytest.raises(IntegrityError, match="append-only"), desk.state.write() as transaction:
            transaction.execute(statement)


def test_closing_records_the_alerts_that_are_still_open(desk: Desk) -> None:
    number = opened(desk)
    incidents.close(desk, number, text="enough", still_open=["alert 7 feed_stale"])
    said = incidents.own_moments(desk, number)[-1].text
    assert said == "closed, still open: alert 7 feed_stale: enough"
