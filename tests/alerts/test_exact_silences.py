"""A snooze keeps one alert quiet; a `*` that a person wrote stands for any further text."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from conftest import START
from mechexo.alerts import answering
from mechexo.alerts import operations as alerts
from mechexo.alerts.channels.chat import Wish
from mechexo.alerts.policy import covers
from mechexo.alerts.values import Alert, AlertState, Observation
from mechexo.clock import VirtualClock
from mechexo.desk import Desk

HOUR = timedelta(hours=1)


def two_alike(desk: Desk) -> tuple[int, int]:
    """Two alerts, of which the key of one is the beginning of the other's and a star."""
    found = alerts.observe(
        desk, [Observation(key, True, "low", "n", "s", "probe") for key in ("job/a*", "job/ab")]
    )
    return found[0].id, found[1].id


def is_silenced(desk: Desk, alert_id: int) -> bool:
    return alerts.get_alert(desk, alert_id).silenced_until is not None


def snooze(desk: Desk, alert_id: int) -> answering.ChatAnswer:
    return answering.fulfil(desk, "chat", str(desk.actor.uid), Wish("snooze", alert_id), None)


def test_a_snoozed_key_that_ends_in_a_star_covers_itself_alone(desk: Desk) -> None:
    starred, other = two_alike(desk)
    assert snooze(desk, starred).done
    assert (is_silenced(desk, starred), is_silenced(desk, other)) == (True, False)
    (silence,) = alerts.silences(desk)
    assert (dict(silence.matchers), silence.exact) == ({"key": "job/a*"}, True)
    assert [alert.id for alert in alerts.covered(desk, silence)] == [starred]


def test_what_a_person_writes_with_a_star_covers_all_that_begins_so(desk: Desk) -> None:
    starred, other = two_alike(desk)
    made = alerts.silence(desk, matchers={"key": "job/a*"}, duration=HOUR, reason="works")
    assert (is_silenced(desk, starred), is_silenced(desk, other), made.exact) == (True, True, False)


def test_a_snooze_beside_a_wider_silence_is_one_of_its_own(desk: Desk, clock: VirtualClock) -> None:
    starred, other = two_alike(desk)
    wide = alerts.silence(desk, matchers={"key": "job/a*"}, duration=HOUR, reason="works")
    snooze(desk, starred)
    snooze(desk, starred)
    alerts.unsilence(desk, wide.id)
    assert (is_silenced(desk, starred), is_silenced(desk, other)) == (True, False)
    assert len(alerts.silences(desk)) == 1


@given(key=st.text(), other=st.text())
def test_exactly_is_equally(key: str, other: str) -> None:
    alert = Alert(
        1, other, "low", AlertState.FIRING, "n", "s", "probe", {}, "", 1, START, START
    )  # fmt: skip
    assert covers({"key": key}, alert, exact=True) == (key == other)
    assert covers({"key": f"{key}*"}, alert) == other.startswith(key)
