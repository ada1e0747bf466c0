"""How long a look stands, and when the next is due."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from mechexo.config import ProbeSettings
from mechexo.health.hysteresis import next_state, unseen
from mechexo.health.staleness import as_shown, is_due
from mechexo.health.values import Outcome, ProbeState, Status

NOW = datetime(2026, 3, 2, 14, 30, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
SETTINGS = ProbeSettings(kind="tcp", every=timedelta(minutes=4))


def seen_at(moment: datetime) -> ProbeState:
    return next_state(unseen("gateway", SETTINGS), Outcome(Status.OK, "fine"), moment, SETTINGS)


def shown(age: timedelta, tick: timedelta = MINUTE) -> ProbeState:
    return as_shown("gateway", seen_at(NOW - age), SETTINGS, NOW, tick)


def test_an_ok_stands_for_three_intervals():
    assert shown(12 * MINUTE).status == Status.OK


def test_after_that_it_is_unknown_and_says_since_when_and_what_it_was():
    state = shown(12 * MINUTE + timedelta(seconds=1))
    assert state.status == Status.UNKNOWN
    assert state.detail == "last looked 12m ago; it was ok: fine"
    assert state.observed_at == NOW - 12 * MINUTE - timedelta(seconds=1)
    assert state.since == NOW - timedelta(seconds=1)


def test_the_tick_is_the_interval_where_it_is_the_longer_one():
    assert shown(15 * MINUTE, tick=5 * MINUTE).status == Status.OK
    assert shown(16 * MINUTE, tick=5 * MINUTE).status == Status.UNKNOWN


def test_a_look_in_the_future_is_unknown():
    assert shown(timedelta(seconds=-30)).status == Status.OK
    state = shown(timedelta(hours=-2))
    assert state.status == Status.UNKNOWN
    assert "2h in the future" in state.detail


def test_what_was_never_looked_at_is_unknown():
    state = as_shown("gateway", None, SETTINGS, NOW, MINUTE)
    assert (state.status, state.detail) == (Status.UNKNOWN, "not looked at yet")
    assert state.observed_at is None


def test_a_look_of_another_kind_says_nothing():
    state = as_shown("gateway", seen_at(NOW), ProbeSettings(kind="http"), NOW, MINUTE)
    assert (state.status, state.kind) == (Status.UNKNOWN, "http")


@pytest.mark.parametrize(
    ("age_s", "every_s", "due"),
    [
        (60, 60, True),
        (59, 60, True),  # cron came a second early
        (20, 60, False),
        (239, 300, False),
        (271, 300, True),
        (-5, 60, True),  # the clock went back
    ],
)
def test_a_probe_is_due_when_the_next_tick_would_be_too_late(age_s, every_s, due):
    observed_at = NOW - timedelta(seconds=age_s)
    assert is_due(observed_at, NOW, timedelta(seconds=every_s), MINUTE) == due


def test_a_probe_that_never_looked_is_due():
    assert is_due(None, NOW, MINUTE, MINUTE)
