"""What an open alert causes is kept back while somebody knows of that one, or is about to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from types import ModuleType

import pytest

from conftest import START, MakeDesk
from mechexo.alerts import causes
from mechexo.alerts import operations as alerts
from mechexo.alerts import policy as policy_module
from mechexo.alerts.effects import AlertsState
from mechexo.alerts.policy import Channel, Ladder, Level, Policy, Route, Suppression
from mechexo.alerts.quiet import QuietHours
from mechexo.alerts.rules import step
from mechexo.alerts.values import SEVERITIES
from mechexo.clock import VirtualClock
from support.shift import CHANNELS, LADDER, Shift, says

MINUTE = timedelta(minutes=1)
EVENING = datetime(2026, 3, 2, 21, 50, tzinfo=UTC)
ORDERS = '[suppress.gw]\ncause = { name = "gateway" }\nhides = { name = "orders" }\n'


MakeShift = Callable[..., Shift]


@pytest.fixture
def make_shift(make_desk: MakeDesk, clock: VirtualClock) -> MakeShift:
    def make(toml: str = CHANNELS + LADDER + ORDERS, *, start: datetime = START) -> Shift:
        clock.advance(start - clock.now())
        return Shift(make_desk(toml), clock)

    return make


def test_a_cause_whose_ladder_stands_still_in_the_night_hides_nothing_worse(
    make_shift: MakeShift,
) -> None:
    shift = make_shift(start=EVENING)
    shift.fire("gateway", "high")
    shift.until(EVENING + 20 * MINUTE)
    assert shift.of("gateway").held_until is not None
    shift.fire("orders", "critical")
    assert shift.paged("orders") == [(shift.clock.now(), "first page: level 1: chat")]


def test_what_gets_worse_than_its_cause_in_the_night_pages_at_once(make_shift: MakeShift) -> None:
    shift = make_shift(start=EVENING)
    shift.fire("gateway", "high")
    shift.fire("orders", "high")
    shift.until(EVENING + 20 * MINUTE)
    assert shift.of("orders").suppressed_by == shift.of("gateway").id
    shift.fire("orders", "critical")
    assert [at for at, _ in shift.paged("orders")] == [shift.clock.now()]


def test_what_is_worse_pages_when_the_ladder_of_its_cause_stops_for_the_night(
    make_shift: MakeShift,
) -> None:
    shift = make_shift(start=EVENING)
    shift.fire("gateway", "high")
    shift.fire("orders", "critical")
    assert shift.of("orders").suppressed_by is not None
    shift.until(EVENING + 18 * MINUTE)
    ((at, why),) = shift.paged("orders")
    assert EVENING + 15 * MINUTE <= at <= EVENING + 16 * MINUTE
    assert why == (
        "alert 1 (gateway) causes it, is milder, and its ladder stands still: level 1: chat"
    )


def test_what_is_worse_pages_when_the_ladder_of_its_cause_is_at_its_end(
    make_shift: MakeShift,
) -> None:
    shift = make_shift()
    shift.fire("gateway", "high")
    shift.fire("orders", "critical")
    shift.until(START + 18 * MINUTE)
    ((at, why),) = shift.paged("orders")
    assert START + 15 * MINUTE <= at <= START + 16 * MINUTE
    assert "is milder, and its ladder is at its end" in why
    assert shift.of("gateway").next_level_at is None


def test_what_is_worse_pages_when_nobody_is_there_for_the_next_level_of_its_cause(
    make_shift: MakeShift, make_desk: MakeDesk
) -> None:
    shift = make_shift()
    shift.fire("gateway", "high")
    shift.fire("orders", "critical")
    shift.desk = make_desk(CHANNELS.replace('"high", ', "") + LADDER + ORDERS)
    shift.until(START + 18 * MINUTE)
    ((at, _),) = shift.paged("orders")
    assert START + 15 * MINUTE <= at <= START + 16 * MINUTE


def test_what_is_worse_stays_hidden_while_somebody_works_on_its_cause(
    make_shift: MakeShift,
) -> None:
    shift = make_shift()
    shift.fire("gateway", "high")
    alerts.acknowledge(shift.desk, 1)
    shift.fire("orders", "critical")
    shift.until(START + 60 * MINUTE)
    assert (shift.paged("orders"), shift.of("orders").suppressed_by) == ([], 1)


def test_what_climbs_a_ladder_of_its_own_is_not_hidden_by_what_is_milder(
    make_shift: MakeShift,
) -> None:
    shift = make_shift(start=EVENING)
    shift.fire("gateway", "high")
    shift.until(EVENING + 20 * MINUTE)
    shift.clock.advance(datetime(2026, 3, 3, 5, 55, tzinfo=UTC) - shift.clock.now())
    shift.fire("orders", "critical")
    shift.until(datetime(2026, 3, 3, 6, 3, tzinfo=UTC))
    shift.fire("orders", "critical")
    assert shift.of("orders").suppressed_by is None
    shift.until(datetime(2026, 3, 3, 6, 15, tzinfo=UTC))
    assert [why for _, why in shift.timeline("orders", "escalated")] == [
        "nobody acknowledged: level 2: mail"
    ]


def test_what_is_as_bad_as_its_cause_stays_hidden_until_that_is_over(
    make_shift: MakeShift,
) -> None:
    shift = make_shift()
    shift.fire("gateway", "high")
    shift.fire("orders", "high")
    shift.until(START + 60 * MINUTE)
    assert shift.paged("orders") == []
    shift.ends("gateway")
    ((_, why),) = shift.paged("orders")
    assert why == "what caused it is over: level 1: chat"


def test_what_got_worse_than_a_cause_that_eased_says_why_it_pages(make_shift: MakeShift) -> None:
    shift = make_shift()
    shift.fire("gateway", "high")
    shift.fire("orders", "high")
    shift.fire("gateway", "medium")
    ((_, why),) = shift.paged("orders")
    assert why == "alert 1 (gateway) causes it, and is milder now: level 1: chat"


ELSEWHERE = """
[routes.infra]
match = { name = "gateway" }
escalation = "infra"
[escalation.infra]
repeat = 0
[[escalation.infra.levels]]
tell = ["desk"]
"""


def test_a_cause_whose_only_channel_delivers_nothing_hides_nothing(make_shift: MakeShift) -> None:
    shift = make_shift(CHANNELS + LADDER + ORDERS + ELSEWHERE)
    shift.break_desk()
    shift.fire("gateway", "critical")
    shift.fire("orders", "critical")
    assert shift.of("orders").suppressed_by == 1, "it may be delivered yet"
    shift.until(START + 2 * MINUTE)
    ((at, why),) = shift.paged("orders")
    assert START + MINUTE <= at <= START + 2 * MINUTE
    assert why == "alert 1 (gateway) causes it, and nobody could be told of that: level 1: chat"
    shift.fire("orders", "critical")
    assert shift.of("orders").suppressed_by is None


def test_a_cause_that_is_delivered_late_hides_again_what_opens_then(make_shift: MakeShift) -> None:
    shift = make_shift(CHANNELS + LADDER + ORDERS + ELSEWHERE)
    shift.break_desk()
    shift.fire("gateway", "critical")
    shift.until(START + 2 * MINUTE)
    shift.mend_desk()
    shift.until(START + 10 * MINUTE)
    shift.fire("orders", "critical")
    assert (shift.paged("orders"), shift.of("orders").suppressed_by) == ([], 1)


def test_silencing_a_cause_that_somebody_was_told_of_releases_nothing(
    make_shift: MakeShift,
) -> None:
    shift = make_shift()
    shift.fire("gateway", "critical")
    shift.fire("orders", "critical")
    alerts.silence(
        shift.desk, matchers={"name": "gateway"}, duration=60 * MINUTE, reason="broker knows"
    )
    shift.passes()
    shift.until(START + 30 * MINUTE)
    assert (shift.paged("orders"), shift.of("orders").suppressed_by) == ([], 1)
    assert shift.timeline("orders", "suppressed")[1:] == []


def test_silencing_a_milder_cause_releases_what_is_worse_and_says_why(
    make_shift: MakeShift,
) -> None:
    shift = make_shift()
    shift.fire("gateway", "high")
    shift.fire("orders", "critical")
    alerts.silence(shift.desk, matchers={"name": "gateway"}, duration=60 * MINUTE, reason="r")
    ((_, why),) = shift.paged("orders")
    assert why == "alert 1 (gateway) causes it, is milder, and is silenced: level 1: chat"


def test_a_cause_silenced_before_anybody_was_told_hides_nothing(make_shift: MakeShift) -> None:
    shift = make_shift()
    alerts.observe(
        shift.desk, [says("gateway", "critical"), says("orders", "critical")], time_is_kept=True
    )
    assert shift.of("orders").suppressed_by == 1
    alerts.silence(shift.desk, matchers={"name": "gateway"}, duration=60 * MINUTE, reason="r")
    shift.passes()
    ((_, why),) = shift.paged("orders")
    assert why.startswith("alert 1 (gateway) causes it, and was silenced before anybody was told")


def test_a_cause_that_opens_under_a_silence_hides_nothing(make_shift: MakeShift) -> None:
    shift = make_shift()
    alerts.silence(shift.desk, matchers={"name": "gateway"}, duration=60 * MINUTE, reason="r")
    shift.fire("gateway", "critical")
    shift.fire("orders", "high")
    assert [why for _, why in shift.paged("orders")] == ["first page: level 1: chat"]


def test_a_cause_whose_message_waits_for_its_turn_in_a_storm_hides_on(
    make_shift: MakeShift,
) -> None:
    slow = CHANNELS.replace("[channels.mail]", "per_minute = 1\n[channels.mail]")
    shift = make_shift(slow + LADDER + ORDERS)
    shift.fire("feed", "high")
    shift.clock.advance(timedelta(seconds=3))
    alerts.observe(shift.desk, [says("gateway", "high"), says("orders", "high")])
    shift.passes()
    for _ in range(14):
        shift.clock.advance(timedelta(seconds=5))
        alerts.keep_time(shift.desk)
        (message,) = alerts.deliveries(shift.desk, 2)
        assert (message.state, message.attempts) == ("due", 0)
    shift.passes()
    (message,) = alerts.deliveries(shift.desk, 2)
    assert message.state == "sent"
    assert (shift.paged("orders"), shift.of("orders").suppressed_by) == ([], 2)


STORMS = {
    "one cause": (
        Suppression("gw", {"name": "gateway"}, {"source": "probe"}),
        [says(f"feed{number}", "high") for number in range(1_500)],
    ),
    "a cause for each host": (
        Suppression("host", {"severity": "critical"}, {"severity": "high"}, ("host",)),
        [
            replace(says(f"{severity}{number}", severity), labels={"host": f"{severity}{number}"})
            for severity in ("critical", "high")
            for number in range(1_000)
        ],
    ),
}


@pytest.mark.parametrize("storm", STORMS)
def test_of_thousands_that_a_rule_may_hide_each_is_looked_at_a_few_times(
    storm: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: Counter[str] = Counter()

    def count(module: ModuleType, name: str) -> None:
        function = getattr(module, name)

        def counted(*given: object, **named: object) -> object:
            looks[name] += 1
            return function(*given, **named)

        monkeypatch.setattr(module, name, counted)

    for module, name in ((policy_module, "covers"), (causes, "covers"), (causes, "_told")):
        count(module, name)
    rule, said = STORMS[storm]
    ladder = Ladder((Level(timedelta(0), (Channel("chat", frozenset(SEVERITIES)),)),))
    route = Route("", ladder, QuietHours(time(0), time(0), "UTC"))
    _, effects = step(AlertsState(Policy((route,), suppressions=(rule,)), next_id=1), START, said)
    assert len(effects.pages) == len(said)
    assert 0 < looks["covers"] <= 12 * len(said)
    assert looks["_told"] <= len(said)
