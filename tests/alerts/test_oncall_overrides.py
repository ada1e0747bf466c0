"""Overrides: taking over a schedule for a time, and taking that back."""

from __future__ import annotations

from datetime import timedelta

import pytest

from conftest import START, MakeDesk
from mechexo.actor import Actor
from mechexo.alerts import oncall, overrides
from mechexo.alerts.rotation import Override
from mechexo.clock import VirtualClock
from mechexo.desk import Desk
from mechexo.errors import NotAllowedError, NotFoundError, UsageError

HOUR = timedelta(hours=1)

ROTATION = """
[people.ada]
[people.grace]
[oncall.schedules.primary]
[[oncall.schedules.primary.layers]]
people = ["ada"]
since = "2026-03-02"
[oncall.schedules.secondary]
[[oncall.schedules.secondary.layers]]
people = ["ada"]
since = "2026-03-02"
"""


@pytest.fixture
def desk(make_desk: MakeDesk) -> Desk:
    return make_desk(ROTATION)


def take(desk: Desk, start: timedelta, end: timedelta, schedule: str = "primary") -> Override:
    times = {"starts_at": START + start, "ends_at": START + end}
    return overrides.override(desk, schedule, "grace", **times, reason="swap").override


def test_it_is_kept_with_who_made_it_and_why(desk: Desk) -> None:
    made = take(desk, HOUR, 3 * HOUR)
    kept = Override(1, "primary", "grace", START + HOUR, START + 3 * HOUR, "swap", "tester")
    assert made == kept
    assert overrides.overrides(desk) == (kept,)


def test_making_and_taking_back_are_in_the_audit_log(desk: Desk) -> None:
    take(desk, HOUR, 3 * HOUR)
    overrides.unoverride(desk, 1, reason="not needed")
    made, taken = desk.audit_entries()
    assert (made.action, made.target) == ("oncall.override", "primary")
    assert (taken.action, taken.target) == ("oncall.unoverride", "1")
    assert desk.verify_audit().problems == ()


def test_one_that_overlaps_says_which_it_stands_before(desk: Desk) -> None:
    first = take(desk, HOUR, 3 * HOUR)
    take(desk, HOUR, 3 * HOUR, "secondary")
    take(desk, 3 * HOUR, 4 * HOUR)
    made = overrides.override(
        desk, "primary", "ada", starts_at=START + 2 * HOUR, ends_at=START + 3 * HOUR
    )
    assert made.overlapping == (first,)
    assert oncall.who(desk, START + 2 * HOUR)["primary"] == "ada"


def test_what_is_past_cannot_be_changed(desk: Desk, clock: VirtualClock) -> None:
    clock.advance(2 * HOUR)
    assert take(desk, HOUR, 3 * HOUR).starts_at == START + 2 * HOUR
    with pytest.raises(UsageError, match="would be over"):
        take(desk, HOUR, 2 * HOUR)


def test_one_in_force_that_is_taken_back_ends_now_and_was_in_force(
    desk: Desk, clock: VirtualClock
) -> None:
    take(desk, timedelta(0), 3 * HOUR)
    clock.advance(HOUR)
    assert overrides.unoverride(desk, 1).ends_at == START + HOUR
    assert overrides.overrides(desk) == ()
    assert oncall.who(desk, START + HOUR - timedelta(seconds=1))["primary"] == "grace"
    assert oncall.who(desk, START + HOUR)["primary"] == "ada"


def test_one_to_come_that_is_taken_back_never_begins(desk: Desk) -> None:
    take(desk, HOUR, 3 * HOUR)
    overrides.unoverride(desk, 1)
    assert overrides.overrides(desk) == ()
    assert oncall.who(desk, START + 2 * HOUR)["primary"] == "ada"


def test_one_that_is_over_stays_as_it_is_and_nothing_is_written(
    desk: Desk, clock: VirtualClock
) -> None:
    made = take(desk, timedelta(0), HOUR)
    clock.advance(2 * HOUR)
    before = desk.audit_entries()
    assert overrides.unoverride(desk, 1) == made
    assert desk.audit_entries() == before


@pytest.mark.parametrize("number", [9, 0, -1, 2**63, 10**30])
def test_one_that_does_not_exist_is_named_with_those_that_do(desk: Desk, number: int) -> None:
    take(desk, HOUR, 3 * HOUR)
    with pytest.raises(NotFoundError, match=f"no override {number}; in force or to come: 1"):
        overrides.unoverride(desk, number)


@pytest.mark.parametrize(
    ("schedule", "person", "said"),
    [
        ("primry", "grace", "no schedule 'primry'; did you mean primary?"),
        ("primary", "Grace", "no person 'Grace'; did you mean grace?"),
    ],
)
def test_names_that_do_not_exist_are_refused_with_close_ones(
    desk: Desk, schedule: str, person: str, said: str
) -> None:
    with pytest.raises(NotFoundError) as refused:
        overrides.override(desk, schedule, person, starts_at=START, ends_at=START + HOUR)
    assert said in str(refused.value)


def test_one_that_ends_before_it_begins_is_refused(desk: Desk) -> None:
    with pytest.raises(UsageError, match="before it begins"):
        take(desk, 2 * HOUR, HOUR)


def test_a_viewer_may_not(make_desk: MakeDesk) -> None:
    desk = make_desk(ROTATION, actor=Actor(54321, "guest"))
    with pytest.raises(NotAllowedError):
        take(desk, HOUR, 2 * HOUR)
    with pytest.raises(NotAllowedError):
        overrides.unoverride(desk, 1)
    assert overrides.overrides(desk) == ()


def test_a_live_desk_wants_a_reason(make_desk: MakeDesk) -> None:
    desk = make_desk(ROTATION, mode="live")
    with pytest.raises(UsageError, match="needs a reason"):
        overrides.override(desk, "primary", "grace", starts_at=START, ends_at=START + HOUR)
    take(desk, HOUR, 2 * HOUR)
    with pytest.raises(UsageError, match="needs a reason"):
        overrides.unoverride(desk, 1)
