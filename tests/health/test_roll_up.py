"""Probes to cards by worst-of."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from mechexo.health.roll_up import roll_up
from mechexo.health.values import ProbeState, Status

NOW = datetime(2026, 3, 2, 14, 30, tzinfo=UTC)
WORST_FIRST = (Status.CRITICAL, Status.UNKNOWN, Status.WARNING, Status.OK)


def probe(name: str, card: str, status: Status, age_s: int | None = 0, **more: object):
    observed_at = None if age_s is None else NOW - timedelta(seconds=age_s)
    detail = f"{name} is {status}"
    return ProbeState(name, "tcp", card, "high", status, detail, observed_at=observed_at, **more)


probes = st.lists(
    st.builds(
        probe,
        name=st.text("abc", min_size=1, max_size=3),
        card=st.sampled_from(["system", "risk", "lab"]),
        status=st.sampled_from(Status),
        age_s=st.none() | st.integers(0, 1000),
    ),
    max_size=8,
)


@given(probes)
def test_a_card_is_as_bad_as_its_worst_probe(states):
    for card in roll_up(states, ["system", "risk"]):
        mine = [state for state in states if state.card == card.name]
        expected = next(
            (each for each in WORST_FIRST if any(state.status == each for state in mine)),
            Status.UNKNOWN,
        )
        assert card.status == expected
        assert list(card.probes) == mine


@given(probes)
def test_cards_come_in_the_order_of_show_and_others_after(states):
    names = [card.name for card in roll_up(states, ["risk", "system"])]
    assert names[:2] == ["risk", "system"]
    assert names[2:] == (["lab"] if any(state.card == "lab" for state in states) else [])


@given(probes)
def test_a_card_is_as_old_as_its_oldest_look(states):
    for card in roll_up(states, ["system"]):
        looks = [state.observed_at for state in card.probes if state.observed_at]
        assert card.observed_at == (min(looks) if looks else None)


@given(probes)
def test_the_summary_names_a_worst_probe(states):
    for card in roll_up(states, []):
        if card.status != Status.OK:
            assert any(p.name in card.summary for p in card.probes if p.status == card.status)


def test_a_card_that_nothing_watches_is_unknown():
    (card,) = roll_up([], ["capital"])
    assert (card.status, card.summary) == (Status.UNKNOWN, "nothing watches this card")


def test_one_worst_probe_is_quoted():
    states = [probe("gateway", "trading", Status.CRITICAL), probe("feed", "trading", Status.OK)]
    assert roll_up(states, [])[0].summary == "gateway: gateway is critical"


def test_a_flapping_probe_is_told_as_such():
    (card,) = roll_up([probe("feed", "data", Status.WARNING, flapping=True)], [])
    assert card.summary == "feed: feed is warning (flapping)"


def test_several_worst_probes_are_named_and_the_rest_counted():
    states = [probe(name, "data", Status.CRITICAL) for name in "abcde"]
    assert roll_up(states, [])[0].summary == "a, b, c and 2 more critical"


def test_a_card_of_well_probes_counts_them():
    states = [probe(name, "data", Status.OK) for name in "ab"]
    assert roll_up(states, [])[0].summary == "2 probes ok"


def test_flows_on_a_card_are_counted_as_flows():
    flows = [replace(probe(name, "flows", Status.OK), kind="flow") for name in "abcd"]
    assert roll_up(flows, [])[0].summary == "4 flows ok"
    age = probe("score_age", "flows", Status.OK)
    assert roll_up([age, *flows], [])[0].summary == "1 probe and 4 flows ok"
