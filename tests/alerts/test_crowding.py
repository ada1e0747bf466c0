"""A crowd of messages that waits is found waiting without being read; what may go out is not."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from conftest import MakeDesk
from mechexo.alerts import crowding, outbox
from mechexo.alerts import operations as alerts
from mechexo.alerts.bundling import ALONE_AT_MOST, Limit, Wait
from mechexo.alerts.crowding import crowd_waits_until
from mechexo.alerts.outbox_conditions import LEASE, moments
from mechexo.alerts.values import Observation
from mechexo.clock import VirtualClock
from mechexo.desk import Desk
from mechexo.state import Transaction
from mechexo.times import iso_z

CROWD = ALONE_AT_MOST + 1
LIMIT = Limit(20)
CHANNEL = '[channels.box]\nurl = "file://box.jsonl"\n[quiet_hours]\nenabled = false\n'


@pytest.fixture
def desk(make_desk: MakeDesk) -> Desk:
    return make_desk(CHANNEL)


def told(number: int, severity: str = "high", *, firing: bool = True) -> Observation:
    return Observation(f"key-{number}", firing, severity, "burst", "it is slow", "test")


def spoke(desk: Desk, deliveries: int, ago: timedelta = timedelta()) -> None:
    """The channel was handed a message of so many deliveries."""
    at = iso_z(desk.clock.now() - ago)
    with desk.state.write() as transaction:
        transaction.connection.execute(
            "INSERT INTO channel_message (channel, at, deliveries) VALUES ('box', ?, ?)",
            (at, deliveries),
        )


def waits(desk: Desk, limit: Limit = LIMIT) -> Wait | None:
    return crowd_waits_until(desk.state.reader(), "box", limit, desk.clock.now())


class UndoneError(Exception):
    """Nothing of it shall stay."""


def claimed(desk: Desk, limit: Limit) -> object:
    """What a claim would say now."""
    found: object = None
    try:
        with desk.state.write() as transaction:
            found = outbox.claim(transaction.connection, "box", limit, desk.clock.now())
            raise UndoneError
    except UndoneError:
        return found


def test_a_crowd_waits_for_the_end_of_the_minute_of_the_last_bundle(
    desk: Desk, clock: VirtualClock
) -> None:
    alerts.observe(desk, map(told, range(CROWD)))
    assert waits(desk) is None
    spoke(desk, 7, ago=timedelta(seconds=20))
    assert waits(desk) == Wait(clock.now() + timedelta(seconds=40))
    clock.advance(timedelta(seconds=40))
    assert waits(desk) is None


def test_a_few_messages_are_no_crowd(desk: Desk) -> None:
    alerts.observe(desk, map(told, range(ALONE_AT_MOST)))
    spoke(desk, 7)
    assert waits(desk) is None


def test_a_critical_page_among_them_is_looked_at(desk: Desk) -> None:
    alerts.observe(desk, map(told, range(CROWD)))
    spoke(desk, 7)
    assert waits(desk) is not None
    alerts.observe(desk, [told(100, "critical")])
    assert waits(desk) is None


def test_messages_that_became_pointless_are_no_crowd(desk: Desk) -> None:
    alerts.observe(desk, map(told, range(CROWD)))
    spoke(desk, 7)
    with desk.state.write() as transaction:
        _silence(transaction)
    assert waits(desk) is None


def test_a_message_whose_sender_died_is_looked_at(desk: Desk, clock: VirtualClock) -> None:
    alerts.observe(desk, map(told, range(2 * CROWD)))
    with desk.state.write() as transaction:
        transaction.connection.execute(
            "UPDATE delivery SET state = 'sending', attempts = 1, leased_until = ? WHERE id = 1",
            (iso_z(clock.now() + LEASE),),
        )
    clock.advance(LEASE - timedelta(seconds=1))
    spoke(desk, 7)
    assert waits(desk) is not None
    clock.advance(timedelta(seconds=1))
    assert waits(desk) is None


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE alert SET silenced_until = 'soon' WHERE severity = 'critical'",
        "UPDATE alert SET suppressed_by = -1 WHERE severity = 'critical'",
        "UPDATE alert SET pages = 1000000000000 WHERE severity = 'critical'",
    ],
)
def test_a_critical_page_of_a_damaged_alert_is_looked_at(desk: Desk, damage: str) -> None:
    alerts.observe(desk, [*map(told, range(CROWD)), told(100, "critical")])
    spoke(desk, 7)
    with desk.state.write() as transaction:
        transaction.connection.execute("PRAGMA ignore_check_constraints = ON")
        transaction.connection.execute(damage)
    assert waits(desk) is None


def test_a_page_of_a_level_that_reached_nobody_falls_back_in_a_storm_too(
    make_desk: MakeDesk, clock: VirtualClock
) -> None:
    desk = make_desk(
        '[channels.box]\nurl = "file://box.jsonl"\nper_minute = 20\n'
        '[quiet_hours]\nenabled = false\n[channels.second]\nurl = "file://second.jsonl"\n'
        "[escalation.default]\n[[escalation.default.levels]]\ntell = ['box']\n"
        "[[escalation.default.levels]]\nafter = '30m'\ntell = ['second']\n"
    )
    alerts.observe(desk, map(told, range(2 * CROWD)))
    spoke(desk, 7)
    with desk.state.write() as transaction:
        transaction.connection.execute(
            "UPDATE delivery SET state = 'sending', attempts = 1, leased_until = ? WHERE id <= 3",
            (iso_z(clock.now() + LEASE),),
        )
    clock.advance(timedelta(seconds=50))
    spoke(desk, 7)
    clock.advance(timedelta(seconds=15))
    alerts.deliver_due(desk)
    told_second = {each.alert_id for each in alerts.deliveries(desk) if each.channel == "second"}
    assert {1, 2, 3} <= told_second


def _silence(transaction: Transaction) -> None:
    transaction.connection.execute(
        "UPDATE alert SET silenced_until = '2099-01-01T00:00:00.000000Z' WHERE id = 1"
    )


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    said=st.lists(
        st.tuples(
            st.integers(0, 30),
            st.sampled_from([*["high"] * 20, "critical", "medium", "low"]),
            st.sampled_from([*[True] * 9, False]),
        ),
        min_size=4,
        max_size=25,
    ),
    spoken=st.lists(
        st.tuples(st.integers(0, 70), st.sampled_from([1, 1, 7])), min_size=1, max_size=8
    ),
    limit=st.builds(
        Limit,
        st.sampled_from([None, 1, 5, 20, 60]),
        st.sampled_from([timedelta(), timedelta(), timedelta(seconds=2)]),
        st.sampled_from([False, False, True]),
    ),
    acknowledged=st.booleans(),
)
def test_what_is_told_is_what_a_claim_would_tell(
    tmp_path_factory: pytest.TempPathFactory,
    clock: VirtualClock,
    said: list[tuple[int, str, bool]],
    spoken: list[tuple[int, int]],
    limit: Limit,
    acknowledged: bool,
) -> None:
    config = tmp_path_factory.mktemp("desk") / "mechexo.toml"
    config.write_text(f'[desk]\nname = "test"\nmode = "paper"\nzone = "UTC"\n{CHANNEL}')
    desk = Desk.open(config, clock=clock)
    for number, severity, firing in said:
        alerts.observe(desk, [told(number, severity, firing=firing)])
    if acknowledged and (known := alerts.list_alerts(desk)):
        alerts.acknowledge(desk, known[0].id, note="mine")
    for ago_s, deliveries in spoken:
        spoke(desk, deliveries, timedelta(seconds=ago_s))
    found, claim = waits(desk, limit), claimed(desk, limit)
    event(f"waits: {found is not None}")
    assert found is None or claim == found
    desk.state.close()


def test_critical_pages_are_looked_for_by_their_alerts_and_not_among_all_that_waits(
    desk: Desk,
) -> None:
    asked = {"channel": "box", **moments(desk.clock.now())}
    rows = desk.state.reader().execute(f"EXPLAIN QUERY PLAN {crowding._URGENT}", asked)
    alert, delivery = (str(row["detail"]) for row in rows if "SEARCH" in row["detail"])
    assert "alert_open (severity=?)" in alert
    assert "(alert_id=?)" in delivery
