"""The configuration as the rules see it: who is behind each level, by people, schedules, routes."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

import pytest

from conftest import MakeDesk
from mechexo.alerts.configured import limit_of, policy_from, policy_of
from mechexo.alerts.operations import acknowledge, keep_time, list_alerts, observe, timeline
from mechexo.alerts.policy import Policy
from mechexo.alerts.values import Alert, AlertState, Observation
from mechexo.clock import VirtualClock
from mechexo.config import Settings

MINUTE = timedelta(minutes=1)
MOMENT = datetime(2026, 3, 2, tzinfo=UTC)

CHANNELS = """
[channels.chat]
url = "file:///nowhere/chat.jsonl"
[channels.amail]
url = "mailto://mail.example.com/?to=a@example.com"
severities = ["critical", "high"]
[channels.bmail]
url = "mailto://mail.example.com/?to=b@example.com"
[channels.ring]
kind = "phone"
account = "AC1"
token = "${env:TOKEN}"
sender = "+15550000001"
to = "+15550000002"
severities = ["critical"]
[people.ada]
channels = ["amail", "ring"]
[people.ben]
channels = ["bmail"]
"""
PRIMARY = """
[[oncall.schedules.primary.layers]]
people = ["ada", "ben"]
every = "daily"
handover = "09:00"
since = "2026-03-01"
"""


def alert(severity: str = "critical", **labels: str) -> Alert:
    return Alert(
        1, "k", severity, AlertState.FIRING, "feed", "bad", "probe", labels, "", 1, MOMENT, MOMENT
    )


def levels(found: Policy, severity: str = "critical", **labels: str) -> list[tuple[float, str]]:
    """Minutes and words of each level of the alert's ladder."""
    ladder = found.route(alert(severity, **labels)).ladder
    return [(level.after / MINUTE, level.words(severity)) for level in ladder.levels]


def settings(make_desk: MakeDesk, more: str) -> Settings:
    return make_desk(CHANNELS + more).settings


def ladder(*told: str) -> str:
    return f"[escalation.default]\nlevels = [{', '.join(told)}]\n"


def test_without_a_ladder_chat_is_told_at_once_then_mail_then_the_phone(
    make_desk: MakeDesk,
) -> None:
    found = policy_from(settings(make_desk, ""), {})
    assert levels(found) == [(0, "chat"), (15, "amail, bmail"), (30, "ring")]
    assert levels(found, "medium") == [(0, "chat"), (15, "bmail"), (30, "")]


def test_a_level_tells_channels_people_and_whoever_is_on_call_each_channel_once(
    make_desk: MakeDesk,
) -> None:
    toml = PRIMARY + ladder('{ tell = ["chat", "primary", "ada"] }')
    known = settings(make_desk, toml)
    assert levels(policy_from(known, {"primary": "ben"})) == [
        (0, "chat, bmail (ben), amail (ada), ring (ada)")
    ]
    assert levels(policy_from(known, {"primary": "ada"})) == [(0, "chat, amail (ada), ring (ada)")]


@pytest.mark.parametrize("people", [{"primary": None}, {}])
def test_in_a_gap_of_a_schedule_its_level_has_nobody(
    make_desk: MakeDesk, people: dict[str, str | None]
) -> None:
    known = settings(make_desk, PRIMARY + ladder('{ tell = ["primary"] }'))
    found = policy_from(known, people)
    assert levels(found) == [(0, "")]
    assert found.wanted == frozenset()


def test_somebody_who_is_not_configured_reaches_nobody_and_hides_nobody(
    make_desk: MakeDesk,
) -> None:
    known = settings(make_desk, PRIMARY + ladder('{ tell = ["primary", "chat"] }'))
    assert levels(policy_from(known, {"primary": "stranger"})) == [(0, "chat")]


def test_by_chooses_among_a_person_s_channels_and_leaves_named_channels_alone(
    make_desk: MakeDesk,
) -> None:
    toml = PRIMARY + ladder(
        '{ tell = ["primary", "chat"], by = ["mailto"] }',
        '{ after = "10m", tell = ["primary"], by = ["phone"] }',
    )
    found = policy_from(settings(make_desk, toml), {"primary": "ada"})
    assert levels(found) == [(0, "amail (ada), chat"), (10, "ring (ada)")]
    ben = policy_from(settings(make_desk, toml), {"primary": "ben"})
    assert levels(ben) == [(0, "bmail (ben), chat"), (10, "")]


def test_the_first_route_that_matches_decides_the_ladder_and_the_quiet_hours(
    make_desk: MakeDesk,
) -> None:
    toml = """
[escalation.loud]
levels = [{ tell = ["ring"] }]
repeat = 7
[routes.venue]
match = { venue = "x*" }
severities = ["critical"]
escalation = "loud"
quiet_hours = { enabled = false }
[routes.rest]
match = { venue = "x*" }
quiet_hours = { start = "20:00", end = "08:00", zone = "Asia/Tokyo" }
[quiet_hours]
zone = "Europe/London"
"""
    found = policy_from(settings(make_desk, toml), {})
    loud = found.route(alert(venue="xnas"))
    assert (loud.name, loud.ladder.name, loud.ladder.repeat) == ("venue", "loud", 7)
    assert not loud.quiet_hours.enabled
    rest = found.route(alert("high", venue="xnas")).quiet_hours
    assert (rest.start, rest.end, rest.zone) == (time(20), time(8), "Asia/Tokyo")
    other = found.route(alert(venue="y"))
    assert (other.name, other.ladder.name) == ("", "default")
    assert other.quiet_hours.zone == "Europe/London"


def test_whoever_is_on_call_at_the_moment_is_behind_the_level(
    make_desk: MakeDesk, clock: VirtualClock
) -> None:
    desk = make_desk(CHANNELS + PRIMARY + ladder('{ tell = ["primary"] }'))
    for hours, person in ((0, "ben"), (18, "ben"), (19, "ada")):
        moment = clock.now() + timedelta(hours=hours)
        assert person in levels(policy_of(desk, moment))[0][1]


def test_who_was_told_hears_the_end_also_when_off_call_but_a_phone_never_rings_for_it(
    make_desk: MakeDesk,
) -> None:
    known = settings(make_desk, PRIMARY + ladder('{ tell = ["primary"] }'))
    found = policy_from(known, {"primary": "ben"})
    assert found.over_channels == {"chat", "amail", "bmail"}


def test_what_a_channel_takes_comes_from_its_kind_unless_it_is_set(make_desk: MakeDesk) -> None:
    more = '[channels.slow]\nurl = "file:///nowhere/slow.jsonl"\nper_minute = 3\n'
    channels = settings(make_desk, more).channels
    assert limit_of(channels["chat"]).per_minute is None
    assert limit_of(channels["slow"]).per_minute == 3
    assert limit_of(channels["amail"]).per_minute == 60
    assert (limit_of(channels["ring"]).per_minute, limit_of(channels["ring"]).together) == (4, True)


def test_the_rest_of_the_tables_is_taken_over(make_desk: MakeDesk) -> None:
    toml = """
[alerts]
forgotten_after = "1h"
forgotten_severities = ["high"]
remind_before = "10m"
flapping_openings = 5
flapping_window = "20m"
flapping_again = "2h"
[suppress.gateway]
cause = { name = "gateway" }
hides = { name = "no_*" }
equal = ["venue"]
"""
    found = policy_from(settings(make_desk, toml), {})
    assert (found.forgotten_after, found.remind_before) == (60 * MINUTE, 10 * MINUTE)
    assert found.forgotten_severities == {"high"}
    assert (found.flapping_openings, found.flapping_window) == (5, 20 * MINUTE)
    assert found.flapping_again == 120 * MINUTE
    (rule,) = found.suppressions
    assert (rule.name, rule.hides, rule.equal) == ("gateway", {"name": "no_*"}, ("venue",))


def test_a_reminder_does_not_come_with_the_acknowledgement_itself(
    make_desk: MakeDesk, clock: VirtualClock
) -> None:
    # Or the deadlines after it would look as if the clock had been set back.
    desk = make_desk(CHANNELS + '[alerts]\nforgotten_after = "4m"\n')
    observe(desk, [Observation("feed", True, "critical", "feed", "stale", "probe")])
    (alert,) = list_alerts(desk)
    acknowledge(desk, alert.id)
    for _ in range(4):
        clock.advance(MINUTE)
        keep_time(desk)
    said = [(event.at - alert.started_at, event.kind) for event in timeline(desk, alert.id)]
    later = said[said.index((0 * MINUTE, "acknowledged")) + 1 :]
    assert [each for each in later if each[1] != "cancelled"] == [
        (2 * MINUTE, "reminded"),
        (4 * MINUTE, "fired_again"),
        (4 * MINUTE, "paged"),
    ]
