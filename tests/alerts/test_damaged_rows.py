"""Silences, overrides and messages that cannot be read: what still happens, and the way out."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from datetime import timedelta

import pytest

from conftest import MakeDesk
from mechexo import watch
from mechexo.alerts import answer_records, answering, mending, oncall, overrides
from mechexo.alerts import operations as alerts
from mechexo.alerts.channels.chat import Wish
from mechexo.alerts.damage import DamagedRowError
from mechexo.alerts.values import Observation
from mechexo.clock import VirtualClock
from mechexo.desk import Desk
from mechexo.errors import ConflictError, UsageError

HOUR = timedelta(hours=1)
CONFIG = """
[channels.box]
url = "file://box.jsonl"
[people.ada]
channels = ["box"]
[people.ben]
channels = ["box"]
[oncall.schedules.primary]
layers = [{ people = ["ada"], every = "daily", handover = "09:00", since = "2026-01-05" }]
"""


@pytest.fixture
def desk(make_desk: MakeDesk) -> Desk:
    return make_desk(CONFIG)


def seen(key: str) -> Observation:
    return Observation(key, True, "critical", f"{key}_name", f"{key} is bad", "feed", {"of": key})


def damage(desk: Desk, sql: str, *values: object) -> None:
    """Edits the state file by hand, whatever its rules say."""
    with closing(sqlite3.connect(desk.state.path, isolation_level=None)) as file:
        file.execute("PRAGMA ignore_check_constraints=ON")
        file.execute(sql, values)


def silenced(desk: Desk, key: str) -> int:
    made = alerts.silence(desk, matchers={"of": key}, duration=2 * HOUR, reason="work")
    return made.id


def before(desk: Desk) -> object:
    return json.loads(desk.audit_entries(1)[0].payload)["before"]


def test_a_damaged_silence_keeps_nothing_quiet_and_the_others_go_on(desk: Desk) -> None:
    first, second = silenced(desk, "a"), silenced(desk, "b")
    damage(desk, "UPDATE silence SET matchers = '{' WHERE id = ?", first)
    alerts.observe(desk, [seen("a"), seen("b")])
    assert [each.silenced_until is None for each in alerts.list_alerts(desk)] == [False, True]
    assert [each.id for each in alerts.silences(desk)] == [second]
    assert [(each.what, each.id) for each in alerts.damaged(desk)] == [("silence", first)]


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("matchers", "{"),
        ("matchers", '{"a":"\\ud800"}'),
        ("ends_at", "tomorrow"),
        ("starts_at", "2026-03-02"),
        ("exact", 7**20),
    ],
)
def test_unsilence_ends_a_damaged_silence_and_keeps_what_stood_there(
    desk: Desk, column: str, value: object
) -> None:
    number = silenced(desk, "a")
    damage(desk, f"UPDATE silence SET {column} = ? WHERE id = ?", value, number)
    alerts.unsilence(desk, number, reason="damaged")
    assert alerts.damaged(desk) == ()
    assert before(desk) == {"damaged": {column: value}}


def test_a_silence_that_is_over_is_no_damage_whatever_it_says(
    desk: Desk, clock: VirtualClock
) -> None:
    number = silenced(desk, "a")
    damage(desk, "UPDATE silence SET matchers = '{' WHERE id = ?", number)
    clock.advance(3 * HOUR)
    assert alerts.damaged(desk) == ()


def test_a_silence_whose_end_cannot_be_read_is_not_deleted_as_old(
    desk: Desk, clock: VirtualClock
) -> None:
    number = silenced(desk, "a")
    damage(desk, "UPDATE silence SET ends_at = '' WHERE id = ?", number)
    clock.advance(timedelta(days=4_000))
    alerts.observe(desk, [])
    assert [(each.what, each.id) for each in alerts.damaged(desk)] == [("silence", number)]


def overridden(desk: Desk) -> int:
    now = desk.clock.now()
    made = overrides.override(desk, "primary", "ben", starts_at=now, ends_at=now + 4 * HOUR)
    return made.override.id


@pytest.mark.parametrize("column", ["starts_at", "ends_at"])
def test_a_damaged_override_puts_nobody_on_call_and_the_rotation_stands(
    desk: Desk, column: str
) -> None:
    number = overridden(desk)
    assert oncall.who(desk, desk.clock.now()) == {"primary": "ben"}
    damage(desk, f"UPDATE oncall_override SET {column} = 'then' WHERE id = ?", number)
    assert oncall.who(desk, desk.clock.now()) == {"primary": "ada"}
    assert [(each.what, each.id) for each in alerts.damaged(desk)] == [("override", number)]
    overrides.unoverride(desk, number)
    assert alerts.damaged(desk) == ()
    assert before(desk) == {"damaged": {column: "then"}}
    damage(desk, "UPDATE oncall_override SET starts_at = 'x' WHERE id = ?", number)
    with pytest.raises(DamagedRowError, match="it is over"):
        overrides.unoverride(desk, number)


def test_a_message_whose_times_cannot_be_read_goes_out_once(
    desk: Desk, clock: VirtualClock
) -> None:
    alerts.observe(desk, [seen("a")])
    damage(desk, "UPDATE delivery SET due_at = 'x', first_due_at = 'y', leased_until = 'z'")
    assert [each.what for each in alerts.damaged(desk)] == ["message"]
    alerts.deliver_due(desk)
    clock.advance(HOUR / 30)
    alerts.deliver_due(desk)
    assert len(alerts.mailbox(desk)) == 1
    assert alerts.damaged(desk) == ()


def test_an_attempt_whose_number_was_changed_stops_no_later_one(desk: Desk) -> None:
    alerts.observe(desk, [seen("a")])
    damage(
        desk,
        "INSERT INTO delivery_attempt (delivery_id, number, at, outcome, detail) "
        "VALUES (1, 1, '2026-03-02T14:30:00.000000Z', 'refused', '')",
    )
    alerts.deliver_due(desk)
    assert [each.state for each in alerts.deliveries(desk)] == ["sent"]
    kinds = [each.kind for each in alerts.timeline(desk, 1)]
    assert kinds.count("refused") == kinds.count("sent") == 1


@pytest.mark.parametrize(
    ("column", "value"), [("kind", "pages"), ("alert_id", 99), ("attempts", -4)]
)
def test_a_message_that_cannot_be_sent_is_said_pages_and_is_dropped_by_a_person(
    desk: Desk, column: str, value: object
) -> None:
    alerts.observe(desk, [seen("a"), seen("b")])
    damage(desk, f"UPDATE delivery SET {column} = ? WHERE id = 1", value)
    (wrong,) = alerts.damaged(desk)
    assert (wrong.what, wrong.id) == ("message", 1)
    if column == "attempts":
        return
    report = watch.tick(desk)
    assert report.failed == ()
    (own,) = [each for each in alerts.list_alerts(desk) if each.source == "state-file"]
    assert {each.alert_id for each in alerts.mailbox(desk)} >= {2, own.id}
    mending.mend(desk, "message", 1, reason="damaged")
    assert alerts.damaged(desk) == ()
    assert column == "alert_id" or before(desk) == {"state": "due", "damaged": {column: value}}


def test_what_can_be_read_is_not_taken_out_of_force(desk: Desk) -> None:
    alerts.observe(desk, [seen("a")])
    for what, number in (("alert", 1), ("message", 1), ("silence", 7)):
        with pytest.raises(ConflictError, match="is not damaged, or not in force"):
            mending.mend(desk, what, number)
    with pytest.raises(UsageError, match="is none of alert, silence, override, message"):
        mending.mend(desk, "row", 1)


@pytest.mark.parametrize("what", ["silence", "override", "alert"])
def test_mend_does_what_the_command_of_each_kind_does(desk: Desk, what: str) -> None:
    alerts.observe(desk, [seen("a")])
    number = {"silence": silenced, "override": lambda desk, _: overridden(desk)}.get(
        what, lambda *_: 1
    )(desk, "b")
    table = "oncall_override" if what == "override" else what
    column = "started_at" if what == "alert" else "starts_at"
    damage(desk, f"UPDATE {table} SET {column} = 'x' WHERE id = ?", number)
    mending.mend(desk, what, number)
    assert alerts.damaged(desk) == ()


def test_a_channel_s_rest_and_a_hand_over_that_cannot_be_read_hold_nothing_up(desk: Desk) -> None:
    alerts.observe(desk, [seen("a")])
    damage(desk, "INSERT INTO channel_rest VALUES ('box', 'later')")
    damage(desk, "INSERT INTO channel_message (channel, at, deliveries) VALUES ('box', 'x', 1)")
    damage(desk, "INSERT OR REPLACE INTO handover_told VALUES (1, 'x')")
    report = watch.tick(desk)
    assert report.failed == ()
    assert 1 in {each.alert_id for each in alerts.mailbox(desk)}


def test_a_damaged_line_of_a_timeline_hides_no_other(desk: Desk) -> None:
    alerts.observe(desk, [seen("a")])
    lines = alerts.timeline(desk, 1)
    damage(desk, "UPDATE alert_event SET at = 'x' WHERE id = 1")
    assert alerts.timeline(desk, 1) == lines[1:]
    assert [(each.what, each.id) for each in alerts.damage_of(desk, 1)] == [("timeline line", 1)]
    assert alerts.damaged(desk) == ()


@pytest.mark.parametrize("act", ["ack", "snooze", "runbook"])
def test_who_answers_a_damaged_alert_hears_it_and_no_later_answer_waits(
    desk: Desk, act: str
) -> None:
    alerts.observe(desk, [seen("a")])
    damage(desk, "UPDATE alert SET labels = '{'")
    me = str(desk.actor.uid)
    told = answering.fulfil(desk, "chat", me, Wish(act, 1), lambda alert: alert.name)
    assert told.done is False
    assert "alert 1 (a_name) is damaged in the state file" in told.words


def test_what_is_known_of_a_bot_and_cannot_be_read_is_asked_for_anew(desk: Desk) -> None:
    now = desk.clock.now()
    with desk.state.write() as transaction:
        answer_records.record_update(transaction.connection, "b", 7, now)
    damage(desk, "UPDATE bot SET update_at = 'x'")
    assert answer_records.bot_state(desk.state.reader(), "b") is None
    with desk.state.write() as transaction:
        answer_records.record_update(transaction.connection, "b", 8, now)
    state = answer_records.bot_state(desk.state.reader(), "b")
    assert state is not None
    assert state.next_update == 9


@pytest.mark.parametrize("junk", [b"\xff", "x"])
@pytest.mark.parametrize(
    ("table", "column"),
    [("alert", "name"), ("alert", "key"), ("delivery", "channel"), ("delivery", "detail")],
)
def test_what_is_counted_passes_over_what_is_no_text(
    desk: Desk, table: str, column: str, junk: bytes | str
) -> None:
    alerts.observe(desk, [seen("a"), seen("b")])
    alerts.deliver_due(desk)
    damage(desk, f"UPDATE {table} SET {column} = CAST(? AS TEXT) WHERE id = 1", junk)
    assert alerts.statistics(desk).total == 2
    (today,) = [each for each in alerts.deliveries_today(desk) if each.channel == "box"]
    assert today.sent == (1 if column == "channel" else 2)
    assert sum(each.total for each in alerts.history_24h(desk)) == 2
