"""What arrives after something newer: the timeline tells of it, and nothing else changes."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mechexo.alerts import operations as alerts
from mechexo.alerts import rules
from mechexo.alerts.effects import AlertsState, Outcome, Recent
from mechexo.alerts.inbound import generic, hooks
from mechexo.alerts.policy import Channel, Ladder, Level, Policy, Route
from mechexo.alerts.quiet import QuietHours
from mechexo.alerts.values import SEVERITIES, Alert, AlertState, Observation
from mechexo.clock import VirtualClock
from mechexo.desk import Desk

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
CHAT = Channel("chat", frozenset(SEVERITIES))
POLICY = Policy(
    (
        Route(
            "", Ladder((Level(timedelta(0), (CHAT,)),)), QuietHours(NOON.time(), NOON.time(), "UTC")
        ),
    )
)
EMPTY = AlertsState(POLICY, next_id=1)


def seen(
    at: datetime | None, firing: bool = True, severity: str = "high", key: str = "feed"
) -> Observation:
    return Observation(key, firing, severity, key, f"{severity} at {at}", "probe", observed_at=at)


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(NOON)


def kinds(desk: Desk, alert_id: int) -> list[str]:
    return [event.kind for event in alerts.timeline(desk, alert_id)]


def test_an_end_that_was_seen_before_the_last_firing_resolves_nothing(desk: Desk) -> None:
    (alert,) = alerts.observe(desk, [seen(NOON)])
    assert alerts.observe(desk, [seen(NOON - MINUTE, firing=False)]) == ()
    kept = alerts.get_alert(desk, alert.id)
    assert kept == alert
    *_, late = alerts.timeline(desk, alert.id)
    assert late.kind == "late"
    assert "its end, seen at 2026-03-02T11:59:00.000000Z" in late.detail


def test_the_same_late_word_said_again_is_one_line(desk: Desk, clock: VirtualClock) -> None:
    (alert,) = alerts.observe(desk, [seen(NOON)])
    for _ in range(3):
        clock.advance(MINUTE)
        alerts.observe(desk, [seen(NOON - MINUTE, firing=False)])
    assert kinds(desk, alert.id).count("late") == 1


def test_an_end_of_the_same_look_or_a_later_one_resolves(desk: Desk) -> None:
    for later in (timedelta(0), SECOND):
        alerts.observe(desk, [seen(NOON + later)])
        (over,) = alerts.observe(desk, [seen(NOON + 2 * later, firing=False)])
        assert (over.state, over.over_seen_at) == (AlertState.RESOLVED, NOON + 2 * later)


def test_an_end_that_does_not_say_when_it_was_seen_is_of_now(desk: Desk) -> None:
    alerts.observe(desk, [seen(NOON + 30 * SECOND)])
    (over,) = alerts.observe(desk, [seen(None, firing=False)])
    assert over.state is AlertState.RESOLVED


def test_a_late_firing_takes_back_nothing_that_a_newer_one_said(desk: Desk) -> None:
    alerts.observe(desk, [seen(NOON, severity="medium")])
    assert alerts.observe(desk, [seen(NOON - SECOND, severity="critical")]) == ()
    (alert,) = alerts.list_alerts(desk)
    assert (alert.severity, alert.summary) == ("medium", f"medium at {NOON}")
    assert kinds(desk, alert.id)[-1] == "late"


def test_a_firing_seen_before_the_end_does_not_open_again(desk: Desk, clock: VirtualClock) -> None:
    (first,) = alerts.observe(desk, [seen(NOON - MINUTE)])
    alerts.observe(desk, [seen(NOON, firing=False)])
    clock.advance(timedelta(hours=5))
    assert alerts.observe(desk, [seen(NOON - SECOND)]) == ()
    assert alerts.list_alerts(desk) == ()
    assert kinds(desk, first.id)[-1] == "late"
    (again,) = alerts.observe(desk, [seen(NOON + SECOND)])
    assert again.id != first.id


def test_what_a_person_closed_opens_again_whenever_it_was_seen(desk: Desk) -> None:
    (first,) = alerts.observe(desk, [seen(NOON - MINUTE)])
    alerts.resolve(desk, first.id)
    (again,) = alerts.observe(desk, [seen(NOON - SECOND)])
    assert (again.id, again.state) == (first.id + 1, AlertState.FIRING)


def test_a_clock_that_was_set_back_makes_nothing_late(desk: Desk, clock: VirtualClock) -> None:
    alerts.observe(desk, [seen(NOON)])
    clock.advance(timedelta(hours=-1))
    (over,) = alerts.observe(desk, [seen(clock.now(), firing=False)])
    assert over.state is AlertState.RESOLVED
    clock.advance(timedelta(hours=-1))
    (again,) = alerts.observe(desk, [seen(clock.now())])
    assert again.state is AlertState.FIRING


def test_the_timestamps_of_our_own_json_decide() -> None:
    def said(action: str, ts: str) -> Observation:
        body = {"source": "job", "key": "nav", "severity": "high", "summary": "s"}
        (found,) = generic.observations({**body, "action": action, "ts": ts}, NOON)
        return found

    fires, ends = said("fire", "2026-03-02T11:58:00Z"), said("resolve", "2026-03-02T11:57:00Z")
    state, _ = rules.step(EMPTY, NOON, [fires, ends])
    assert list(state.open) == [fires.key]


def hook(status: str, starts: str, ends: str = "0001-01-01T00:00:00Z") -> Observation:
    alert = {
        "status": status,
        "labels": {"alertname": "Down", "severity": "critical"},
        "annotations": {},
        "fingerprint": "f00d",
        "startsAt": f"2026-03-02T{starts}Z",
        "endsAt": ends if ends.startswith("0001") else f"2026-03-02T{ends}Z",
    }
    text = json.loads(json.dumps({"version": "4", "alerts": [alert]}))
    return hooks.observations(text, hooks.ALERTMANAGER)[0]


def test_the_end_of_an_earlier_trouble_does_not_end_the_one_that_began_since() -> None:
    second = hook("firing", "11:50:00")
    state, _ = rules.step(EMPTY, NOON, [second])
    state, effects = rules.step(state, NOON, [hook("resolved", "11:30:00", "11:40:00")])
    assert [event.kind for _, event in effects.events] == ["late"]
    state, _ = rules.step(state, NOON, [hook("resolved", "11:50:00", "11:55:00")])
    assert state.open == {}


def test_a_trouble_that_was_told_late_ends_when_its_source_says_so() -> None:
    # Alertmanager waited for us until noon; the trouble was over by then.
    state, _ = rules.step(EMPTY, NOON, [hook("firing", "11:30:00")])
    state, _ = rules.step(state, NOON + SECOND, [hook("resolved", "11:30:00", "11:55:00")])
    assert state.open == {}


def test_what_alertmanager_closed_by_itself_and_tells_again_is_open() -> None:
    state, _ = rules.step(EMPTY, NOON, [hook("firing", "11:30:00")])
    state, _ = rules.step(state, NOON, [hook("resolved", "11:30:00", "11:55:00")])
    state, _ = rules.step(state, NOON, [hook("firing", "11:30:00")])
    assert [alert.state for alert in state.open.values()] == [AlertState.FIRING]


def test_a_late_firing_has_its_decision_and_nobody_hears_of_it() -> None:
    state, _ = rules.step(EMPTY, NOON, [seen(NOON - MINUTE, severity="low")])
    after, effects = rules.step(state, NOON, [seen(NOON - 2 * MINUTE, severity="critical")])
    assert [each.outcome for each in effects.decisions] == [Outcome.LATE]
    assert (effects.pages, after.open) == ((), state.open)


LOOKS = st.lists(
    st.tuples(st.integers(0, 40), st.booleans(), st.sampled_from(SEVERITIES)),
    unique_by=lambda look: look[0],
    max_size=12,
)


@given(looks=LOOKS, at_once=st.booleans())
def test_in_whatever_order_looks_arrive_the_newest_one_stands(
    looks: list[tuple[int, bool, str]], at_once: bool
) -> None:
    said = [seen(NOON + second * SECOND, firing, severity) for second, firing, severity in looks]
    now = NOON + MINUTE
    found: Alert | None
    if at_once:
        state, _ = rules.step(EMPTY, now, said)
        found = state.open.get("feed")
        arrived = looks
        assert_newest_stands(arrived, found)
        return
    state, last = EMPTY, {}
    for place, each in enumerate(said, start=1):
        state, effects = rules.step(state, now, [each])
        for alert in effects.alerts:
            last[alert.key] = alert
        state = replace(state, recent=recent_of(last.get("feed")))
        assert_newest_stands(looks[:place], state.open.get("feed"))


def recent_of(alert: Alert | None) -> dict[str, Recent]:
    if alert is None or alert.over_seen_at is None:
        return {}
    return {"feed": Recent(over_id=alert.id, over_seen_at=alert.over_seen_at)}


def assert_newest_stands(arrived: list[tuple[int, bool, str]], found: Alert | None) -> None:
    """By brute force: of the looks that were heard while it mattered, the newest one decides."""
    heard: list[tuple[int, bool, str]] = []
    for look in arrived:
        is_open = bool(heard) and max(heard)[1]
        if look[1] or is_open:
            # An end of what is not open says nothing new, and is not kept.
            heard.append(look)
    newest = max(heard, default=(0, False, ""))
    assert (found is not None) == newest[1]
    if found is not None:
        assert found.severity == newest[2]
