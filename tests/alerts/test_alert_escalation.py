"""Climbing the ladder: who is told next, when, and what makes it sooner, later or again."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

import pytest

from mechexo.alerts import rules
from mechexo.alerts.effects import AlertsState, Effects, Outcome, Recent, Unreached
from mechexo.alerts.escalation import outlook
from mechexo.alerts.policy import Channel, Ladder, Level, Policy, Route, Suppression
from mechexo.alerts.quiet import QuietHours
from mechexo.alerts.values import SEVERITIES, Alert, AlertState, Observation, Silence

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
LATE = datetime(2026, 3, 2, 21, 50, tzinfo=UTC)
MORNING = datetime(2026, 3, 3, 6, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)
QUIET = QuietHours(time(22), time(6), "UTC")
ALL = frozenset(SEVERITIES)


def ladder(*, repeat: int = 0, **more: object) -> Ladder:
    """Telegram at once, mail after 15 minutes, the phone after 30."""
    levels = (
        Level(0 * MINUTE, (Channel("telegram", ALL),)),
        Level(15 * MINUTE, (Channel("mail", ALL),)),
        Level(30 * MINUTE, (Channel("phone", frozenset({"critical", "high"})),)),
    )
    return replace(Ladder(levels, repeat=repeat), **more)


def policy(found: Ladder | None = None, **more: object) -> Policy:
    return replace(Policy((Route("", found or ladder(), QUIET),)), **more)


def fires(key: str = "feed", severity: str = "critical", **labels: str) -> Observation:
    return Observation(key, True, severity, key, "stale", "probe", labels)


def over(key: str = "feed") -> Observation:
    return Observation(key, False, "high", key, "fresh", "probe")


class Night:
    """A state that is stepped through time, and everybody who was told, when."""

    def __init__(self, found: Policy | None = None) -> None:
        self.state = AlertsState(found or policy(), next_id=1)
        self.told: list[tuple[datetime, str, str]] = []
        self.events: list[tuple[str, str]] = []

    def at(self, now: datetime, *observations: Observation, **more: object) -> Effects:
        self.state, effects = rules.step(replace(self.state, **more), now, observations)
        self.told += [(now, page.channel, page.kind) for page in effects.pages]
        self.events += [(event.kind, event.detail) for _, event in effects.events]
        return effects

    def acknowledged(self, now: datetime, who: str = "ann") -> None:
        known, _ = rules.acknowledge(self.alert, now, who, "", self.state.policy)
        self.state = replace(self.state, open={known.key: known})

    @property
    def alert(self) -> Alert:
        (found,) = self.state.open.values()
        return found

    def pages(self, start: datetime = NOON) -> list[tuple[float, str]]:
        return [((at - start) / MINUTE, channel) for at, channel, _ in self.told]


def minutes(night: Night, start: datetime, count: int, *observed: Observation) -> None:
    for minute in range(count + 1):
        night.at(start + minute * MINUTE, *observed)


def test_the_levels_are_told_at_their_times_while_nobody_acknowledges() -> None:
    night = Night()
    minutes(night, NOON, 120, fires())
    assert night.pages() == [(0, "telegram"), (15, "mail"), (30, "phone")]


def test_an_acknowledgement_stops_the_ladder() -> None:
    night = Night()
    minutes(night, NOON, 14, fires())
    night.acknowledged(NOON + 14 * MINUTE + 59 * SECOND)
    night.at(NOON + 20 * MINUTE, fires())
    assert night.pages() == [(0, "telegram")]
    assert night.alert.next_level_at is None


def test_only_climbing_severities_go_beyond_the_first_level() -> None:
    for severity in SEVERITIES:
        night = Night()
        minutes(night, NOON, 60, fires(severity=severity))
        assert [channel for _, channel in night.pages()] == (
            ["telegram", "mail", "phone"] if severity in ("critical", "high") else ["telegram"]
        )


def test_the_ladder_is_climbed_again_as_often_as_it_says() -> None:
    night = Night(policy(ladder(repeat=2, repeat_every=20 * MINUTE)))
    minutes(night, NOON, 400, fires())
    times = [minute for minute, channel in night.pages() if channel == "phone"]
    assert times == [30, 80, 130]
    assert len(night.pages()) == 9


def test_after_an_outage_each_overdue_level_is_told_once_in_order() -> None:
    night = Night()
    night.at(NOON, fires())
    night.at(NOON + 120 * MINUTE)
    night.at(NOON + 121 * MINUTE)
    assert night.pages() == [(0, "telegram"), (120, "mail"), (120, "phone")]


def test_a_level_with_nobody_is_passed_at_once_and_says_so() -> None:
    empty = ladder()
    first = Level(0 * MINUTE, ())
    night = Night(policy(replace(empty, levels=(first, *empty.levels[1:]))))
    minutes(night, NOON, 40, fires())
    assert night.pages() == [(0, "mail"), (30, "phone")]
    assert night.events[1] == (
        "no_responder",
        "level 1 has nobody for critical alerts; the next one is told at once",
    )


def test_a_level_that_reached_nobody_is_followed_at_once_and_the_last_keeps_its_time() -> None:
    night = Night()
    night.at(NOON, fires())
    failed = {1: Unreached(1, "401: the token is wrong")}
    night.at(NOON + SECOND, unreached=failed)
    assert night.pages() == [(0, "telegram"), (1 / 60, "mail")]
    assert ("fallback", "level 1 reached nobody: 401: the token is wrong; "
            "the next one is told at once") in night.events  # fmt: skip
    night.at(NOON + 2 * SECOND, unreached=failed)
    assert len(night.told) == 2, "of an old level nothing more is made"
    night.at(NOON + 30 * MINUTE, unreached={})
    assert night.pages()[-1] == (30, "phone")


def test_a_high_alert_stands_still_in_the_night_and_goes_on_in_the_morning() -> None:
    night = Night()
    minutes(night, LATE, 600, fires(severity="high"))
    assert night.told == [
        (LATE, "telegram", "page"),
        (MORNING, "mail", "page"),
        (MORNING + 15 * MINUTE, "phone", "page"),
    ]


def test_a_critical_alert_climbs_through_the_night() -> None:
    night = Night()
    minutes(night, LATE, 60, fires())
    assert night.pages(LATE) == [(0, "telegram"), (15, "mail"), (30, "phone")]


def test_whoever_is_on_call_in_the_morning_gets_the_morning_s_page() -> None:
    night = Night()
    night.at(LATE + 20 * MINUTE, fires(severity="high"))
    assert night.told == []
    day = ladder()
    day = replace(day, levels=(Level(0 * MINUTE, (Channel("ben", ALL, person="ben"),)),))
    night.at(MORNING, policy=policy(day))
    assert night.told == [(MORNING, "ben", "page")]


@pytest.mark.parametrize("hours", [-1, 1])
def test_a_clock_that_steps_loses_and_doubles_no_level(hours: int) -> None:
    night = Night()
    night.at(NOON, fires())
    stepped = NOON + timedelta(hours=hours)
    minutes(night, stepped, 200, fires())
    assert [channel for _, channel, _ in night.told] == ["telegram", "mail", "phone"]
    if hours < 0:
        after = [(at - stepped) / MINUTE for at, _, _ in night.told[1:]]
        assert after == [15, 30], "no later than the ladder says from now"


@pytest.mark.parametrize("back", [10, 20, 60, 100])
def test_a_clock_set_back_by_less_than_the_ladder_is_long_is_noticed_at_once(back: int) -> None:
    levels = (*ladder().levels[:2], replace(ladder().levels[2], after=120 * MINUTE))
    night = Night(policy(ladder(levels=levels)))
    night.at(NOON, fires())
    stepped = NOON + MINUTE - back * MINUTE
    minutes(night, stepped, 200)
    assert [(at - stepped) / MINUTE for at, _, _ in night.told[1:]] == [15, 120]
    assert [kind for kind, _ in night.events].count("clock") == 1


def test_a_forgotten_acknowledgement_reminds_and_then_pages_from_the_first_level() -> None:
    night = Night()
    night.at(NOON, fires())
    night.acknowledged(NOON)
    minutes(night, NOON, 90, fires())
    assert [((at - NOON) / MINUTE, channel, kind) for at, channel, kind in night.told] == [
        (0, "telegram", "page"),
        (25, "telegram", "reminder"),
        (30, "telegram", "page"),
        (45, "mail", "page"),
        (60, "phone", "page"),
    ]
    assert night.alert.state is AlertState.FIRING


def test_whoever_was_told_is_reminded_of_a_forgotten_acknowledgement() -> None:
    night = Night()
    night.at(NOON, fires())
    minutes(night, NOON, 20, fires())
    night.acknowledged(NOON + 20 * MINUTE)
    minutes(night, NOON + 20 * MINUTE, 26, fires())
    reminded = [channel for _, channel, kind in night.told if kind == "reminder"]
    assert reminded == ["telegram", "mail"]
    assert [said for kind, said in night.events if kind == "reminded"] == [
        "acknowledged by ann 25m ago and still open: telegram, mail"
    ]


def test_when_their_channels_are_gone_the_first_level_is_reminded() -> None:
    night = Night()
    night.at(NOON, fires())
    night.acknowledged(NOON)
    another = ladder(levels=(Level(0 * MINUTE, (Channel("chat", ALL),)),))
    night.state = replace(night.state, policy=policy(another))
    minutes(night, NOON, 26, fires())
    assert [(channel, kind) for _, channel, kind in night.told][1:] == [("chat", "reminder")]


def test_an_acknowledged_high_alert_is_left_alone() -> None:
    night = Night()
    night.at(NOON, fires(severity="high"))
    night.acknowledged(NOON)
    minutes(night, NOON, 300, fires(severity="high"))
    assert night.pages() == [(0, "telegram")]


GATEWAY = Suppression("gateway", {"name": "gateway"}, {"name": "no_*"}, ("venue",))


def test_what_an_open_alert_causes_does_not_page_until_that_is_over() -> None:
    night = Night(policy(suppressions=(GATEWAY,)))
    night.at(NOON, fires("gateway", venue="x"), fires("no_fills", venue="x"))
    night.at(NOON + MINUTE, fires("no_quotes", venue="x"), fires("no_orders", venue="y"))
    assert [channel for _, channel, _ in night.told] == ["telegram", "telegram"]
    assert night.state.open["no_fills"].suppressed_by == 1
    assert night.state.open["no_orders"].suppressed_by is None
    effects = night.at(NOON + 2 * MINUTE, over("gateway"))
    paged = {decision.key for decision in effects.decisions if decision.outcome is Outcome.PAGED}
    assert paged == {"no_fills", "no_quotes"}


def test_alerts_that_cause_each_other_are_never_all_hidden() -> None:
    circle = tuple(
        Suppression(f"{one}{two}", {"name": one}, {"name": two}) for one, two in ("ab", "bc", "ca")
    )
    night = Night(policy(suppressions=circle))
    night.at(NOON, fires("a"), fires("b"), fires("c"))
    minutes(night, NOON, 5, fires("a"), fires("b"), fires("c"))
    hidden = [alert for alert in night.state.open.values() if alert.suppressed_by]
    assert len(hidden) < 3
    assert night.told


def test_an_alert_that_flaps_pages_once_more_and_is_then_held_until_it_stands_still() -> None:
    night = Night()
    for number in range(6):
        at = NOON + number * MINUTE
        flapping = "critical" if number > 2 else ""
        night.at(at, fires(), recent={"feed": Recent(number, flapping)})
        if number < 5:
            night.at(at + 30 * SECOND, over())
    assert night.pages() == [(0, "telegram"), (1, "telegram"), (2, "telegram")]
    last = NOON + 5 * MINUTE
    assert night.alert.flapping_until == last + 10 * MINUTE
    night.at(last + 10 * MINUTE - SECOND)
    assert len(night.told) == 3
    night.at(last + 10 * MINUTE)
    assert len(night.told) == 4


def test_the_outlook_names_who_and_when_or_why_nobody() -> None:
    night = Night(policy(ladder(repeat=1)))
    night.at(NOON, fires())
    ahead = outlook(night.alert, night.state.policy)
    assert (ahead.at, ahead.what) == (NOON + 15 * MINUTE, "level 2: mail")
    assert ahead.in_short(NOON + 5 * MINUTE) == "mail 10m"
    minutes(night, NOON, 40)
    again = outlook(night.alert, night.state.policy)
    assert again.what == "again from the first level: telegram"
    night.acknowledged(NOON + 41 * MINUTE)
    reminded = outlook(night.alert, night.state.policy)
    assert reminded.what == "a reminder: telegram"
    low = Night()
    low.at(NOON, fires(severity="low"))
    assert "do not climb" in outlook(low.alert, low.state.policy).what
    held = Night()
    held.at(LATE + 20 * MINUTE, fires(severity="high"))
    assert outlook(held.alert, held.state.policy).what == "quiet hours end, then: telegram"


NOBODY = ladder(levels=(Level(0 * MINUTE, ()),))


def test_a_level_that_comes_due_while_nobody_is_on_call_is_told_when_somebody_is() -> None:
    night = Night(policy(ladder(repeat=1)))
    night.at(NOON, fires())
    gap = policy(NOBODY)
    for minute in range(15, 40):
        night.at(NOON + minute * MINUTE, policy=gap)
    assert night.pages() == [(0, "telegram")]
    assert [kind for kind, _ in night.events].count("no_channel") == 1, "said once"
    night.at(NOON + 40 * MINUTE, policy=policy(ladder(repeat=1)))
    assert night.pages()[1:] == [(40, "telegram")]
    minutes(night, NOON + 41 * MINUTE, 30, fires())
    assert night.pages()[2:] == [(55, "mail"), (70, "phone")]


@pytest.mark.parametrize("severity", ["critical", "medium"])
def test_what_got_worse_while_nobody_was_there_is_told_when_somebody_is(severity: str) -> None:
    night = Night()
    night.at(NOON, fires(severity="low"))
    night.at(NOON + MINUTE, fires(severity=severity), policy=policy(NOBODY))
    night.at(NOON + 2 * MINUTE, policy=policy(NOBODY))
    assert night.pages() == [(0, "telegram")]
    night.at(NOON + 3 * MINUTE, policy=policy())
    assert night.pages()[1:] == [(3, "telegram")]


def test_a_ladder_that_is_shorter_now_is_not_said_to_be_the_clocks_doing() -> None:
    slow = ladder(levels=tuple(replace(each, after=4 * each.after) for each in ladder().levels))
    night = Night(policy(slow))
    night.at(NOON, fires())
    night.state = replace(night.state, policy=policy())
    minutes(night, NOON + MINUTE, 60, fires())
    assert [said for kind, said in night.events if kind == "clock"] == [
        "the clock was set back, or the ladder is shorter now: the next level counts from now"
    ]
    assert night.pages() == [(0, "telegram"), (16, "mail"), (31, "phone")]


def test_an_acknowledgement_that_is_forgotten_sooner_now_is_not_the_clocks_doing_either() -> None:
    night = Night(policy(forgotten_after=4 * 60 * MINUTE))
    night.at(NOON, fires())
    night.acknowledged(NOON)
    night.state = replace(night.state, policy=policy())
    minutes(night, NOON + MINUTE, 5, fires())
    assert [said for kind, said in night.events if kind == "clock"] == [
        "[alerts] forgotten_after is shorter now: the acknowledgement counts from now"
    ]


def test_a_clock_set_back_while_nobody_is_there_keeps_nobody_from_being_told() -> None:
    night = Night()
    night.at(NOON, fires())
    night.at(NOON + 20 * MINUTE, policy=policy(NOBODY))
    night.at(NOON - 40 * MINUTE, policy=policy(NOBODY))
    night.at(NOON - 39 * MINUTE, policy=policy())
    assert [channel for _, channel, _ in night.told] == ["telegram", "telegram"]


def test_a_ladder_that_was_cut_shorter_ends_where_it_now_ends() -> None:
    night = Night()
    minutes(night, NOON, 16, fires())
    short = ladder()
    night.state = replace(night.state, policy=policy(replace(short, levels=short.levels[:2])))
    minutes(night, NOON + 17 * MINUTE, 60, fires())
    assert night.pages() == [(0, "telegram"), (15, "mail")]
    assert night.alert.next_level_at is None


def test_a_forgotten_acknowledgement_of_what_does_not_climb_pages_in_the_morning() -> None:
    night = Night(policy(forgotten_severities=frozenset({"medium"})))
    night.at(LATE, fires(severity="medium"))
    night.acknowledged(LATE)
    minutes(night, LATE, 600)
    assert night.told == [
        (LATE, "telegram", "page"),
        (MORNING, "telegram", "reminder"),
        (MORNING + 5 * MINUTE, "telegram", "page"),
    ]


def test_a_cause_that_nobody_was_told_of_hides_nothing() -> None:
    night = Night(policy(suppressions=(GATEWAY,)))
    night.at(LATE + 60 * MINUTE, fires("no_fills", venue="x"))
    night.at(LATE + 61 * MINUTE, fires("gateway", severity="high", venue="x"))
    minutes(night, LATE + 62 * MINUTE, 30)
    assert [channel for _, channel, _ in night.told] == ["telegram", "mail", "phone"]
    assert night.state.open["gateway"].held_until == MORNING


def test_a_milder_cause_that_does_not_climb_hides_nothing_worse() -> None:
    night = Night(policy(suppressions=(GATEWAY,)))
    night.at(NOON, fires("gateway", severity="low", venue="x"))
    night.at(NOON + MINUTE, fires("no_fills", severity="high", venue="x"))
    assert night.state.open["no_fills"].suppressed_by is None


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_cause_told_in_the_same_breath_hides_in_whatever_order_it_came(
    order: tuple[int, int],
) -> None:
    night = Night(policy(suppressions=(GATEWAY,)))
    both = (fires("no_fills", venue="x"), fires("gateway", venue="x"))
    night.at(NOON, *(both[place] for place in order))
    assert len(night.told) == 1
    assert night.state.open["no_fills"].suppressed_by == night.state.open["gateway"].id


def test_one_that_flaps_is_held_back_only_when_somebody_was_told_as_bad_a_thing() -> None:
    night = Night()
    night.at(NOON, fires(), recent={"feed": Recent(5, "")})
    assert night.pages() == [(0, "telegram")]
    milder = Night()
    milder.at(NOON, fires(), recent={"feed": Recent(5, "low")})
    assert milder.pages() == [(0, "telegram")]
    assert milder.events[1] == (
        "flapping",
        "opened again, and worse than what was told: it pages once, and is then held back",
    )


def test_a_rise_of_one_that_flaps_pages_at_once() -> None:
    night = Night()
    night.at(NOON, fires(severity="high"), recent={"feed": Recent(5, "high")})
    assert night.told == []
    night.at(NOON + MINUTE, fires())
    assert night.pages() == [(1, "telegram")]


def test_openings_in_one_breath_of_which_no_message_went_out_hold_nothing_back() -> None:
    night = Night()
    effects = night.at(NOON, *[each for _ in range(6) for each in (fires(), over())], fires())
    assert night.alert.flapping_until is None
    cancelled = {each.alert_id for each in effects.cancellations}
    assert [page.alert_id for page in effects.pages if page.alert_id not in cancelled] == [7]


def test_what_was_never_told_at_its_worst_pages_when_it_gets_there_again() -> None:
    nobody = policy(replace(ladder(), levels=(Level(0 * MINUTE, ()),)))
    night = Night(nobody)
    night.at(NOON, fires())
    night.at(NOON + MINUTE, fires(severity="medium"), policy=policy())
    night.at(NOON + 2 * MINUTE, fires())
    assert night.pages() == [(1, "telegram"), (2, "telegram")]


def test_a_silence_that_ended_in_the_night_is_told_in_the_morning_whatever_it_became() -> None:
    night = Night()
    night.at(LATE, fires(severity="medium"))
    quiet = Silence(1, {"name": "feed"}, "ann", "works", LATE, LATE + 60 * MINUTE)
    night.at(LATE + MINUTE, fires(severity="high"), silences=(quiet,))
    night.at(LATE + 60 * MINUTE, silences=())
    night.at(LATE + 80 * MINUTE, fires(severity="medium"))
    night.at(MORNING)
    assert night.told[-1] == (MORNING, "telegram", "page")


def test_what_does_not_climb_goes_on_when_its_level_reached_nobody() -> None:
    night = Night()
    night.at(NOON, fires(severity="medium"))
    night.at(NOON + SECOND, unreached={1: Unreached(1, "refused")})
    assert [channel for _, channel, _ in night.told] == ["telegram", "mail"]


@pytest.mark.parametrize(
    ("severity", "told"),
    [("critical", ["telegram", "mail"]), ("high", ["telegram"])],
)
def test_in_quiet_hours_only_a_critical_one_that_does_not_climb_goes_on(
    severity: str, told: list[str]
) -> None:
    night = Night(policy(ladder(severities=frozenset())))
    night.at(LATE, fires(severity=severity))
    night.at(LATE + 30 * MINUTE, unreached={1: Unreached(1, "refused")})
    assert [channel for _, channel, _ in night.told] == told
    night.at(MORNING)
    assert [channel for _, channel, _ in night.told] == ["telegram", "mail"]


def test_an_acknowledged_alert_that_has_eased_reminds_nobody() -> None:
    night = Night()
    night.at(NOON, fires())
    night.acknowledged(NOON)
    minutes(night, NOON, 60, fires(severity="low"))
    assert night.pages() == [(0, "telegram")]


def test_a_forgotten_acknowledgement_of_what_is_caused_waits_for_its_cause() -> None:
    night = Night(policy(suppressions=(GATEWAY,)))
    night.at(NOON, fires("no_fills", venue="x"))
    known, _ = rules.acknowledge(night.state.open["no_fills"], NOON, "ann", "", night.state.policy)
    night.state = replace(night.state, open={"no_fills": known})
    night.at(NOON + MINUTE, fires("gateway", venue="x"))
    minutes(night, NOON + 2 * MINUTE, 40)
    assert night.state.open["no_fills"].suppressed_by is not None
