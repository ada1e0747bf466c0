"""One alert that cannot be read in the state file hides no other, is said everywhere, pages, and is
closed by a person."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from datetime import UTC, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conftest import START, MakeDesk
from mechexo import watch
from mechexo.alerts import cells, damage_reading
from mechexo.alerts import operations as alerts
from mechexo.alerts.damage import DamagedRowError
from mechexo.alerts.values import AlertState, Observation
from mechexo.clock import VirtualClock
from mechexo.desk import Desk
from mechexo.desk_status import read_status
from mechexo.errors import StateError
from mechexo.health.values import Status
from mechexo.times import iso_z

MINUTE = timedelta(minutes=1)
BOX = '[channels.box]\nurl = "file://box.jsonl"\n'


def seen(key: str, severity: str = "critical", *, firing: bool = True) -> Observation:
    return Observation(key, firing, severity, f"{key}_name", f"{key} is bad", "feed", {"of": key})


def damage(desk: Desk, sql: str, *values: object, checked: bool = False) -> None:
    """Edits the state file by hand, whatever its rules say."""
    with closing(sqlite3.connect(desk.state.path, isolation_level=None)) as file:
        if not checked:
            file.execute("PRAGMA ignore_check_constraints=ON")
        file.execute(sql, values)


@pytest.fixture
def desk(make_desk: MakeDesk) -> Desk:
    made = make_desk(BOX)
    alerts.observe(made, [seen("first"), seen("second", "high"), seen("third", "low")])
    return made


WRONG = [
    ("labels", "{bad"),
    ("labels", '["a"]'),
    ("labels", '{"a":1}'),
    ("labels", '{"a":"\\ud800"}'),
    ("labels", '{"\\ud800":"a"}'),
    ("started_at", "yesterday"),
    ("started_at", "2026-03-02T14:30:00"),
    ("last_seen_at", "2026-02-31T00:00:00.000000Z"),
    ("last_seen_at", "0001-01-01T00:00:00.000000Z"),
    ("next_level_at", "soon"),
    ("severity", "urgent"),
    ("paged_severity", "urgent"),
    ("state", "closed"),
    ("count", -1),
    ("pages", 2**62),
    ("name", b"\xff\xfe"),
    ("acknowledged_by", b"\xff\xfe"),
]
NOT_UTF8 = "UPDATE alert SET {} = CAST(? AS TEXT) WHERE id = 1"


def damage_first(desk: Desk, column: str, value: object) -> None:
    sql = NOT_UTF8 if isinstance(value, bytes) else "UPDATE alert SET {} = ? WHERE id = 1"
    damage(desk, sql.format(column), value)


@pytest.mark.parametrize(("column", "value"), WRONG)
def test_a_damaged_alert_hides_no_other_and_says_which_cell_is_wrong(
    desk: Desk, column: str, value: object
) -> None:
    damage_first(desk, column, value)
    found, damaged = alerts.list_with_damage(desk)
    assert [each.id for each in found] == [2, 3]
    assert [(each.what, each.id) for each in damaged] == [("alert", 1)]
    assert damaged[0].problem.startswith(column)
    assert alerts.damaged(desk) == damaged
    with pytest.raises(DamagedRowError, match=r"alert 1 .*damaged in the state file: .*resolve 1"):
        alerts.get_alert(desk, 1)


@pytest.mark.parametrize(("column", "value"), WRONG)
def test_the_others_go_on_climbing_and_the_damage_pages_of_its_own(
    desk: Desk, clock: VirtualClock, column: str, value: object
) -> None:
    watch.tick(desk)
    damage_first(desk, column, value)
    clock.advance(16 * MINUTE)
    report = watch.tick(desk)
    assert report.failed == ()
    assert report.ops_ok is False
    (own,) = [each for each in alerts.list_alerts(desk) if each.source == "state-file"]
    assert (own.severity, own.name) == ("critical", "damaged_alert")
    assert own.runbook == "database-corruption"
    assert [each.state for each in alerts.deliveries(desk, own.id)] == ["sent"]
    assert column in alerts.mailbox(desk)[0].body


def test_the_status_and_the_card_say_it_and_are_not_ok(desk: Desk) -> None:
    watch.tick(desk)
    damage_first(desk, "labels", "{")
    status = read_status(desk)
    assert status.ops_ok is False
    assert any("alert 1 (first_name) is damaged" in reason for reason in status.reasons)
    assert status.alerts.damaged == 1
    (card,) = [each for each in status.cards if each.name == "paging"]
    assert card.status is Status.UNKNOWN
    assert "alert 1 (first_name) is damaged in the state file: labels" in card.summary


def test_a_mild_alert_that_says_how_bad_it_is_is_no_critical_trouble(desk: Desk) -> None:
    damage(desk, "UPDATE alert SET labels = '' WHERE id = 3")
    watch.tick(desk)
    (own,) = [each for each in alerts.list_alerts(desk) if each.source == "state-file"]
    assert own.severity == "high"


def test_a_tick_that_cannot_look_for_damage_takes_none_to_be_over(
    desk: Desk, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    damage_first(desk, "labels", "{")
    watch.tick(desk, deadline_s=60.0)
    clock.advance(MINUTE)

    def fails(_: Desk) -> None:
        raise StateError("the disk says no")

    monkeypatch.setattr(damage_reading, "damaged", fails)
    assert "damage" in [each.name for each in watch.tick(desk, deadline_s=60.0).failed]
    assert [each.source for each in alerts.list_alerts(desk)].count("state-file") == 1


def test_trouble_whose_alert_is_damaged_goes_on_in_an_alert_beside_it(
    desk: Desk, clock: VirtualClock
) -> None:
    damage_first(desk, "labels", "{")
    (taken,) = alerts.observe(desk, [seen("first")])
    assert (taken.id, taken.key, taken.state) == (4, "first", AlertState.FIRING)
    assert [each.state for each in alerts.deliveries(desk, taken.id)] == ["due"]
    (again,) = alerts.observe(desk, [seen("first")])
    assert (again.id, again.count) == (4, 2)
    (over,) = alerts.observe(desk, [seen("first", firing=False)])
    assert (over.id, over.state) == (4, AlertState.RESOLVED)


def test_resolving_a_damaged_alert_mends_it_and_keeps_what_stood_there_in_the_audit_log(
    desk: Desk, clock: VirtualClock
) -> None:
    watch.tick(desk)
    damage_first(desk, "labels", "{bad")
    (beside,) = alerts.observe(desk, [seen("first")])
    clock.advance(MINUTE)
    watch.tick(desk)
    over = alerts.resolve(desk, 1, reason="edited by hand")
    assert (over.state, over.name, over.labels) == (AlertState.RESOLVED, "first_name", {})
    assert alerts.damaged(desk) == ()
    assert alerts.get_alert(desk, 1) == over
    kinds = [each.kind for each in alerts.timeline(desk, 1)]
    assert kinds[-2:] == ["resolved", "mended"]
    entry = json.loads(desk.audit_entries(1)[0].payload)
    assert entry["before"] == {"damaged": {"labels": "{bad"}}
    assert entry["reason"] == "edited by hand"
    assert alerts.get_alert(desk, beside.id).key == "first"
    (same,) = alerts.observe(desk, [seen("first")])
    assert same.id == beside.id
    watch.tick(desk)
    assert [each.source for each in alerts.list_alerts(desk) if each.source == "state-file"] == []


@pytest.mark.parametrize(("column", "value"), WRONG)
def test_every_kind_of_damage_can_be_dealt_with(desk: Desk, column: str, value: object) -> None:
    damage_first(desk, column, value)
    alerts.resolve(desk, 1, reason="damaged")
    assert alerts.damaged(desk) == ()
    assert alerts.get_alert(desk, 1).state is AlertState.RESOLVED


def test_nobody_acknowledges_or_silences_away_what_cannot_be_read(desk: Desk) -> None:
    damage_first(desk, "labels", "{")
    with pytest.raises(DamagedRowError):
        alerts.acknowledge(desk, 1)
    made = alerts.silence(
        desk, matchers={"source": "feed"}, duration=timedelta(hours=1), reason="x"
    )
    assert [each.id for each in alerts.covered(desk, made)] == [2, 3]
    assert alerts.never_seen(desk, made) == {}


def test_a_row_that_only_a_person_may_delete_is_not_pruned(desk: Desk) -> None:
    alerts.resolve(desk, 3)
    damage(desk, "UPDATE alert SET resolved_at = '' WHERE id = 3")
    alerts.observe(desk, [])
    with closing(sqlite3.connect(desk.state.path)) as file:
        assert file.execute("SELECT id FROM alert ORDER BY id").fetchall() == [(1,), (2,), (3,)]


def test_a_message_that_is_due_of_a_damaged_alert_goes_out_with_what_can_be_read(
    desk: Desk,
) -> None:
    damage_first(desk, "labels", "{")
    alerts.deliver_due(desk)
    assert {each.alert_id for each in alerts.mailbox(desk)} == {1, 2}
    (page,) = [each for each in alerts.mailbox(desk) if each.alert_id == 1]
    assert "first is bad" in page.body
    assert "damaged in the state file: labels" in page.body


DIGITS = st.text("0123456789", min_size=2, max_size=2)
MOMENTS = st.builds(
    "{}{}-{}-{}T{}:{}:{}.{}{}{}Z".format,
    *(st.sampled_from(["19", "20", "09", "29"]), DIGITS, DIGITS, DIGITS, DIGITS, DIGITS, DIGITS),
    *(DIGITS, DIGITS, DIGITS),
)


@given(st.one_of(MOMENTS, st.datetimes(timezones=st.just(UTC)).map(iso_z), st.text(max_size=30)))
def test_what_sql_takes_for_a_moment_is_one(text: str) -> None:
    with closing(sqlite3.connect(":memory:")) as file:
        sql = f"SELECT {cells.plain_moment('x')} FROM (SELECT ? AS x)"
        (plain,) = file.execute(sql, (text.encode(errors="replace").decode(),)).fetchone()
    if plain:
        assert cells.moment(text) == ""


def test_the_usual_moment_is_plain() -> None:
    with closing(sqlite3.connect(":memory:")) as file:
        sql = f"SELECT {cells.plain_moment('x')} FROM (SELECT ? AS x)"
        assert file.execute(sql, (iso_z(START),)).fetchone() == (1,)
