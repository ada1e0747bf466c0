"""Whoever raises an alert merges with what they raised, and never with what another source did."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mechexo.alerts import operations as alerts
from mechexo.alerts.inbound import keys
from mechexo.alerts.inbound.keys import label_key, manual_key
from mechexo.alerts.inbound.reading import BadPayloadError
from mechexo.alerts.values import Alert, Observation
from mechexo.clock import VirtualClock
from mechexo.desk import Desk


def by_hand(desk: Desk, key: str) -> Alert:
    return alerts.raise_alert(
        desk, key=key, severity="low", name="mine", summary="by hand", labels={}
    )


def open_keys(desk: Desk) -> set[str]:
    return {alert.key for alert in alerts.list_alerts(desk)}


@pytest.mark.parametrize(
    "theirs", ["probe:feed", "flow:nav:failed", "channel:mail", "job/nav", 'job{host="a"}']
)
def test_the_key_of_a_source_raised_by_hand_is_another_alert(desk: Desk, theirs: str) -> None:
    observation = Observation(theirs, True, "critical", "real", "theirs", theirs[:3])
    (before,) = alerts.observe(desk, [observation])
    mine = by_hand(desk, theirs)
    assert (mine.id, mine.key) == (before.id + 1, f"manual/{theirs}")
    assert alerts.get_alert(desk, before.id) == before
    assert by_hand(desk, theirs).id == mine.id


def test_a_word_is_kept_as_it_was_given(desk: Desk) -> None:
    assert by_hand(desk, "risk gross").key == "risk gross"


def test_what_was_raised_before_keeps_its_key_and_its_life(desk: Desk, clock: VirtualClock) -> None:
    (old,) = alerts.observe(desk, [Observation("probe:x", True, "low", "n", "s", "manual")])
    new = by_hand(desk, "probe:x")
    assert (new.id, open_keys(desk)) == (old.id + 1, {"probe:x", "manual/probe:x"})
    assert alerts.resolve(desk, old.id).resolved_at == clock.now()


@given(mine=st.text(min_size=1), other=st.text(min_size=1))
def test_keys_by_hand_differ_as_what_was_given(mine: str, other: str) -> None:
    assert (manual_key(mine) == manual_key(other)) == (mine == other)


@given(key=st.text(min_size=1), theirs=st.text(min_size=1), source=st.sampled_from(["a", "job"]))
def test_no_source_outside_can_have_a_key_by_hand(key: str, theirs: str, source: str) -> None:
    assert keys.explicit_key(source, theirs) != manual_key(key)
    assert label_key(source, {"key": theirs}) != manual_key(key)


def test_nobody_outside_can_say_that_they_are_a_person_here() -> None:
    with pytest.raises(BadPayloadError):
        keys.check_source("Manual", "source")
