"""When the desk is well: the truth table of `judge`."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from mechexo.desk_status import Facts, Reason, card_words, judge
from mechexo.health.values import Card, ProbeState, Status
from mechexo.tick_log import Stage

NOW = datetime(2026, 3, 2, 14, 30, tzinfo=UTC)
MINUTE = timedelta(minutes=1)

WELL = Facts(
    now=NOW,
    live=True,
    probes=(ProbeState("well", "sql", "risk", "critical", Status.OK, "fine"),),
    unacknowledged_critical_since=None,
    first_escalation=15 * MINUTE,
    last_tick_at=NOW - MINUTE,
    tick_every=MINUTE,
)


def probe(
    status: Status, severity: str = "critical", *, kind: str = "sql", halts: bool = False
) -> ProbeState:
    said = "what it found"
    return ProbeState("limit", kind, "risk", severity, status, said, halts_trading=halts)


def reasons(facts: Facts) -> list[str]:
    return [reason.text for reason in judge(facts)]


def test_a_desk_with_nothing_amiss_is_well() -> None:
    assert judge(WELL) == ()


@pytest.mark.parametrize(
    ("severity", "status"), list(product(("critical", "high", "medium", "low", "info"), Status))
)
def test_a_probe_counts_when_it_is_critical_and_is_critical_or_unknown(
    severity: str, status: Status
) -> None:
    found = judge(replace(WELL, probes=(probe(status, severity),)))
    bad = severity == "critical" and status in (Status.CRITICAL, Status.UNKNOWN)
    assert bool(found) is bad
    if bad:
        assert "limit (risk)" in found[0].text
        assert "what it found" in found[0].text
        assert found[0].known is (status is Status.CRITICAL)


@pytest.mark.parametrize(
    ("live", "halts", "status"), list(product((True, False), (True, False), Status))
)
def test_a_failing_flag_that_halts_trading_means_halted_when_live(
    live: bool, halts: bool, status: Status
) -> None:
    halted = live and halts and status is Status.CRITICAL
    not_known = live and halts and status is Status.UNKNOWN
    found = judge(replace(WELL, live=live, probes=(probe(status, "low", halts=halts),)))
    expected = []
    if halted:
        expected = [Reason("trading is halted: limit: what it found")]
    elif not_known:
        said = "whether trading is halted is not known: limit: what it found"
        expected = [Reason(said, known=False)]
    assert list(found) == expected


@pytest.mark.parametrize("status", [Status.CRITICAL, Status.UNKNOWN])
def test_a_halted_critical_flag_is_one_reason_not_two(status: Status) -> None:
    assert len(judge(replace(WELL, probes=(probe(status, halts=True),)))) == 1


def test_an_alert_that_nobody_was_told_of_is_a_reason() -> None:
    said = "nobody was told of alert 7 (gateway_down): every channel failed"
    assert judge(replace(WELL, undelivered=(said,))) == (Reason(said),)


@pytest.mark.parametrize(
    ("waited", "bad"), [(0, False), (14, False), (15, False), (16, True), (600, True)]
)
def test_an_unacknowledged_critical_alert_counts_past_its_first_escalation(
    waited: int, bad: bool
) -> None:
    facts = replace(WELL, unacknowledged_critical_since=NOW - waited * MINUTE)
    assert bool(judge(facts)) is bad


@pytest.mark.parametrize(("age", "bad"), [(0, False), (3, False), (3.1, True), (60, True)])
def test_a_tick_older_than_three_intervals_counts(age: float, bad: bool) -> None:
    found = judge(replace(WELL, last_tick_at=NOW - age * MINUTE))
    assert bool(found) is bad
    assert not any(reason.known for reason in found)


def test_no_tick_at_all_counts() -> None:
    assert reasons(replace(WELL, last_tick_at=None)) == [
        "no tick has run yet: nothing has been looked at"
    ]


def test_a_tick_in_the_future_counts_and_asks_for_the_clock() -> None:
    said = reasons(replace(WELL, last_tick_at=NOW + timedelta(hours=2)))
    assert said == ["the last tick lies 2h in the future: was the clock set back?"]


def test_a_small_step_of_the_clock_does_not_count() -> None:
    assert judge(replace(WELL, last_tick_at=NOW + timedelta(seconds=30))) == ()


def test_a_part_that_the_last_tick_could_not_do_counts() -> None:
    stage = Stage("probes", False, "the disk is full", 0.1)
    assert reasons(replace(WELL, failed_stages=[stage])) == [
        "the last tick could not do its probes: the disk is full"
    ]


@pytest.mark.parametrize(("due_s", "bad"), [(None, False), (0, False), (60, False), (61, True)])
def test_a_message_due_for_over_a_minute_counts(due_s: float | None, bad: bool) -> None:
    assert bool(judge(replace(WELL, oldest_due_s=due_s))) is bad


def test_every_reason_is_given_not_only_the_first() -> None:
    facts = replace(
        WELL,
        probes=(probe(Status.CRITICAL), probe(Status.UNKNOWN)),
        unacknowledged_critical_since=NOW - timedelta(hours=1),
        last_tick_at=None,
        oldest_due_s=90.0,
    )
    assert len(judge(facts)) == 5


def test_a_desk_that_nothing_watches_is_not_known_to_be_well() -> None:
    (found,) = judge(replace(WELL, probes=()))
    assert found.text == "nothing is watched: no probe is configured"
    assert not found.known


@pytest.mark.parametrize(
    ("statuses", "words"),
    [
        ("", ""),
        ("ok ok", ""),
        ("ok critical", "1 card critical"),
        ("unknown critical ok critical", "2 cards critical, 1 unknown"),
        ("warning unknown unknown", "2 cards unknown, 1 warning"),
    ],
)
def test_the_cards_that_are_not_ok_are_counted_the_worst_first(statuses: str, words: str) -> None:
    cards = [Card("any", Status(status), "", NOW) for status in statuses.split()]
    assert card_words(cards) == words
