"""A ladder that becomes another one while it is climbed: nobody is passed over or told twice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conftest import MakeDesk
from mechexo.alerts import operations as alerts
from mechexo.alerts import rules
from mechexo.alerts.effects import AlertsState, Unreached
from mechexo.alerts.escalation import outlook
from mechexo.alerts.policy import Channel, Ladder, Level, Policy, Route
from mechexo.alerts.quiet import QuietHours
from mechexo.alerts.values import SEVERITIES, Alert, Observation
from mechexo.clock import VirtualClock

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
AWAKE = QuietHours(time(0), time(0), "UTC")
ALL = frozenset(SEVERITIES)
AFTER = {"sms": 0, "chat": 0, "mail": 30, "desk": 60, "phone": 90}


def ladder(*names: str, repeat: int = 0) -> Ladder:
    """A level for each channel, at its own time in seconds."""
    levels = (Level(AFTER[each] * SECOND, (Channel(each, ALL),)) for each in names)
    return Ladder(tuple(levels), repeat=repeat)


def policy(found: Ladder) -> Policy:
    return Policy((Route("", found, AWAKE),))


class Climb:
    """One alert that nobody answers, and when its channels were told, in seconds."""

    def __init__(self, found: Ladder | Policy) -> None:
        self.told: list[tuple[int, str]] = []
        self.state = AlertsState(found if isinstance(found, Policy) else policy(found), next_id=1)
        self.at(0, Observation("feed", True, "critical", "feed", "stale", "hook"))

    def at(self, second: int, *said: Observation, **more: object) -> None:
        now = NOON + second * SECOND
        self.state, effects = rules.step(replace(self.state, **more), now, said)
        self.told += [(second, page.channel) for page in effects.pages]
        self.words = [event.detail for _, event in effects.events]

    def until(self, second: int, found: Ladder | None = None) -> list[tuple[int, str]]:
        """Steps each second, from now on with this ladder."""
        if found is not None:
            self.state = replace(self.state, policy=policy(found))
        for each in range(self.told[-1][0] + 1, second + 1):
            self.at(each)
        return self.told

    @property
    def alert(self) -> Alert:
        (found,) = self.state.open.values()
        return found


def test_a_level_that_is_taken_out_makes_no_later_one_be_passed_over() -> None:
    climb = Climb(ladder("chat", "mail", "phone"))
    assert climb.until(100, ladder("mail", "phone")) == [(0, "chat"), (30, "mail"), (90, "phone")]


def test_a_level_that_is_put_in_front_is_told_at_once_and_nobody_twice() -> None:
    climb = Climb(ladder("mail", "phone"))
    assert climb.until(90, ladder("chat", "mail", "phone")) == [
        (0, "mail"), (1, "chat"), (90, "phone"),
    ]  # fmt: skip
    assert climb.words == ["nobody acknowledged: level 3: phone"]


def test_a_level_that_is_put_between_is_told_at_its_time() -> None:
    climb = Climb(ladder("chat", "phone"))
    assert climb.until(100, ladder("chat", "mail", "phone")) == [
        (0, "chat"), (30, "mail"), (90, "phone"),
    ]  # fmt: skip


def test_a_level_that_is_put_at_the_end_is_climbed_by_what_is_not_seen_again() -> None:
    climb = Climb(ladder("chat", "mail"))
    climb.until(200)
    assert climb.alert.next_level_at is None
    told = climb.until(300, ladder("chat", "mail", "phone"))
    assert told == [(0, "chat"), (30, "mail"), (31, "phone")] or told[-1][1] == "phone"
    assert [name for _, name in told] == ["chat", "mail", "phone"]


def test_one_that_shall_be_climbed_again_is() -> None:
    climb = Climb(ladder("chat"))
    climb.until(10)
    climb.until(3600, ladder("chat", repeat=1))
    assert [name for _, name in climb.told] == ["chat", "chat"]


def test_an_alert_that_moves_to_another_ladder_is_told_to_all_of_it() -> None:
    trading = Route("trading", ladder("sms", "mail", "phone"), AWAKE, {"card": "trading"})
    climb = Climb(Policy((trading, Route("", ladder("chat", "mail"), AWAKE))))
    climb.at(1, Observation("feed", True, "critical", "feed", "x", "hook", {"card": "trading"}))
    assert climb.until(100) == [(0, "chat"), (1, "sms"), (30, "mail"), (90, "phone")]


def test_the_outlook_and_the_timeline_say_who_is_next_on_the_ladder_of_today() -> None:
    climb = Climb(ladder("chat", "mail", "phone"))
    climb.state = replace(climb.state, policy=policy(ladder("mail", "phone")))
    assert outlook(climb.alert, climb.state.policy).what == "level 1: mail"
    climb.at(30)
    assert climb.words == ["the ladder is another one now: level 1: mail"]
    assert outlook(climb.alert, climb.state.policy).what == "level 2: phone"


def test_a_level_that_gained_a_channel_tells_that_one_alone() -> None:
    both = Level(0 * SECOND, (Channel("chat", ALL), Channel("sms", ALL)))
    climb = Climb(ladder("chat"))
    climb.until(10, Ladder((both,)))
    assert climb.told == [(0, "chat"), (1, "sms")]


def test_a_level_that_reached_nobody_is_followed_by_one_that_was_put_in_before_it() -> None:
    climb = Climb(ladder("mail", "phone"))
    climb.at(1)
    climb.state = replace(climb.state, policy=policy(ladder("mail", "desk", "phone")))
    climb.at(2, unreached={1: Unreached(1, "refused")})
    assert climb.told == [(0, "mail"), (2, "desk")]


def test_a_hand_over_makes_no_other_ladder() -> None:
    def turn(name: str) -> Ladder:
        first = Level(0 * SECOND, (Channel(name, ALL),), tells=("primary",))
        return Ladder((first, *ladder("mail", "phone").levels))

    climb = Climb(turn("ada"))
    assert climb.until(100, turn("ben")) == [(0, "ada"), (30, "mail"), (90, "phone")]


NAMES = st.lists(st.sampled_from(tuple(AFTER)), min_size=1, max_size=5, unique=True).map(
    lambda names: sorted(names, key=lambda name: (AFTER[name], name))
)


@given(st.lists(st.tuples(NAMES, st.integers(1, 60)), min_size=1, max_size=5))
def test_whatever_becomes_of_the_ladder_all_on_the_last_one_are_told_once(
    changes: list[tuple[list[str], int]],
) -> None:
    climb = Climb(ladder(*changes[0][0]))
    second = 0
    for names, lasts in changes:
        climb.state = replace(climb.state, policy=policy(ladder(*names)))
        for _ in range(lasts):
            second += 1
            climb.at(second)
    for later in range(second + 1, second + 100):
        climb.at(later)
    told = [name for _, name in climb.told]
    assert len(told) == len(set(told))
    assert set(told) >= set(changes[-1][0])
    assert all(at >= AFTER[name] or at == 0 for at, name in climb.told)


def levels(*names: str) -> str:
    found = (f'{{ after = "{AFTER[each]}s", tell = ["{each}"] }}' for each in names)
    return f"[escalation.default]\nrepeat = 0\nlevels = [{', '.join(found)}]\n"


CHANNELS = "".join(f'[channels.{each}]\nurl = "file://{each}.jsonl"\n' for each in AFTER)
ROUTED = (
    '[routes.feeds]\nmatch = { name = "feed*" }\nescalation = "feeds"\n'
    '[escalation.feeds]\nrepeat = 0\nlevels = [{ tell = ["sms"] }]\n'
)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        (levels("chat", "mail"), levels("chat", "mail", "phone"), ["chat", "mail", "phone"]),
        (levels("chat", "mail"), levels("chat", "mail") + ROUTED, ["chat", "mail", "sms"]),
        (levels("chat", "mail"), levels("mail"), ["chat", "mail"]),
    ],
)
def test_a_tick_finds_what_is_at_the_end_of_a_ladder_that_is_another_one_now(
    make_desk: MakeDesk, clock: VirtualClock, before: str, after: str, told: list[str]
) -> None:
    desk = make_desk(CHANNELS + before)
    alerts.observe(desk, [Observation("feed", True, "critical", "feed", "stale", "hook")])

    def pass_by(tick: Callable[[], object]) -> None:
        for _ in range(4):
            clock.advance(MINUTE)
            tick()
            alerts.deliver_due(desk)

    pass_by(lambda: alerts.keep_time(desk))
    desk = make_desk(CHANNELS + after)
    pass_by(lambda: alerts.observe(desk, []))
    assert [each.channel for each in reversed(alerts.deliveries(desk))] == told
