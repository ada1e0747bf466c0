"""Incidents in the console: the list, the timeline that grows by itself, what is done about one."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from console.driving import Show, press, screen_text, settled, until
from mechexo.actor import Actor
from mechexo.alerts import operations as alerts
from mechexo.alerts.acknowledging import acknowledge
from mechexo.clock import VirtualClock
from mechexo.desk import Desk
from mechexo.errors import StateError
from mechexo.incidents import operations as incidents
from mechexo.incidents.values import Incident, IncidentStatus

pytestmark = pytest.mark.slow


@pytest.fixture
def incident(busy_desk: Desk, clock: VirtualClock) -> Incident:
    """An incident for the critical alert of the busy desk, open for 20 minutes."""
    (alert,) = [a for a in alerts.list_alerts(busy_desk) if a.name == "risk_limits"]
    made = incidents.open_incident(
        busy_desk, title="Over the gross limit", severity="SEV1", runbook="risk-breach",
        alert_id=alert.id, alert_key=alert.key, began_at=alert.started_at,
    )  # fmt: skip
    clock.advance(timedelta(minutes=20))
    return made


async def test_the_list_shows_how_each_incident_stands(
    busy_desk: Desk, incident: Incident, show: Show
) -> None:
    old = incidents.open_incident(busy_desk, title="An old story", severity="SEV3")
    incidents.close(busy_desk, old.id, text="it was nothing")
    async with show(busy_desk, 120, 30) as pilot:
        await press(pilot, "9")
        await until(pilot, "Over the gross limit")
        text = screen_text(pilot)
        for word in ("SEV1", "✖ open", "nobody", "An old story", "● closed", "1 open, 2 incidents"):
            assert word in text
        await press(pilot, "slash", *"story", "enter")
        assert "Over the gross limit" not in screen_text(pilot)


async def test_its_timeline_tells_of_alerts_people_and_changes_and_grows_by_itself(
    busy_desk: Desk, incident: Incident, show: Show
) -> None:
    bea = busy_desk.acting_as(Actor(uid=0, name="bea"))
    async with show(busy_desk, 140, 40) as pilot:
        await press(pilot, "9", "enter")
        await until(pilot, "gross exposure above its limit")
        text = screen_text(pilot)
        for word in ("SEV1", "✖ open", "led by nobody", "runbook risk-breach"):
            assert word in text
        incidents.note(bea, incident.id, "the broker is on the phone")
        await until(pilot, "the broker is on the phone")
        acknowledge(bea, incident.alert_id or 0, note="mine")
        await until(pilot, "acknowledged")


async def test_a_note_is_typed_and_stands_in_the_timeline_with_its_author(
    busy_desk: Desk, incident: Incident, show: Show
) -> None:
    async with show(busy_desk, 140, 40) as pilot:
        await press(pilot, "9", "enter")
        await until(pilot, "led by")
        await press(pilot, "n", *"limits are back", "enter")
        await until(pilot, "limits are back")
        await press(pilot, "G", "enter")
        await until(pilot, "tester")


async def test_an_empty_note_is_not_written(
    busy_desk: Desk, incident: Incident, show: Show
) -> None:
    before = incidents.own_moments(busy_desk, incident.id)
    async with show(busy_desk, 140, 40) as pilot:
        await press(pilot, "9", "enter")
        await until(pilot, "led by")
        await press(pilot, "n", "enter")
        assert "a note has words" in screen_text(pilot)
        await press(pilot, "escape")
    assert incidents.own_moments(busy_desk, incident.id) == before


async def test_who_leads_how_bad_it_is_and_how_it_stands_are_said_here(
    busy_desk: Desk, incident: Incident, show: Show
) -> None:
    async with show(busy_desk, 140, 40) as pilot:
        await press(pilot, "9", "enter")
        await until(pilot, "led by nobody")
        await press(pilot, "v", "enter")
        await until(pilot, "led by tester")
        await press(pilot, "s", *"sev2", "enter")
        await until(pilot, "SEV2")
        await press(pilot, "t", *"limit put back", "enter")
        await until(pilot, "▲ mitigated")
        await press(pilot, "d", *"all well", "enter")
        await until(pilot, "● closed")
        await press(pilot, "u", *"it came back", "enter")
        await until(pilot, "✖ open")
    now = incidents.get(busy_desk, incident.id)
    assert (now.commander, now.severity, now.status) == ("tester", "SEV2", IncidentStatus.OPEN)


async def test_what_is_no_severity_is_asked_again(
    busy_desk: Desk, incident: Incident, show: Show
) -> None:
    async with show(busy_desk, 140, 40) as pilot:
        await press(pilot, "9", "enter")
        await until(pilot, "led by nobody")
        await press(pilot, "s", *"bad", "enter")
        assert "one of: SEV1, SEV2, SEV3" in screen_text(pilot)
        await press(pilot, "escape")
        assert "left as it was" in screen_text(pilot)


async def test_a_new_incident_is_opened_from_the_list(busy_desk: Desk, show: Show) -> None:
    async with show(busy_desk, 120, 30) as pilot:
        await press(pilot, "9")
        await until(pilot, "none; n opens one")
        await press(pilot, "n", *"no fills", "enter", *"sev3", "enter")
        await until(pilot, "incident 1")
        await until(pilot, "no fills")
    (made,) = incidents.list_incidents(busy_desk)
    assert (made.title, made.severity, made.attendees) == ("no fills", "SEV3", ("tester",))


async def test_the_postmortem_is_shown_and_written(
    busy_desk: Desk, incident: Incident, show: Show
) -> None:
    async with show(busy_desk, 140, 50) as pilot:
        await press(pilot, "9", "enter")
        await until(pilot, "led by")
        await press(pilot, "m")
        await until(pilot, "Summary")
        await settled(pilot)
    written = busy_desk.state.path.parent / "reports" / f"postmortem-{incident.id}.md"
    text = written.read_text()
    assert "Over the gross limit" in text
    assert "too few fills" in text


async def test_what_it_cost_is_shown_or_why_that_is_not_known(
    busy_desk: Desk, incident: Incident, show: Show
) -> None:
    async with show(busy_desk, 140, 50) as pilot:
        await press(pilot, "9", "enter")
        await until(pilot, "led by")
        await press(pilot, "c")
        await until(pilot, "0 fills")


async def test_a_timeline_that_cannot_be_read_says_so_and_keeps_what_was_known(
    busy_desk: Desk, incident: Incident, show: Show, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mechexo import incident_timeline

    async with show(busy_desk, 140, 40) as pilot:
        await press(pilot, "9", "enter")
        await until(pilot, "gross exposure above its limit")

        def broken(*_: object) -> str:
            raise StateError("the disk is gone")

        monkeypatch.setattr(incident_timeline, "version", broken)
        await until(pilot, "? UNKNOWN  the timeline")
        assert "gross exposure above its limit" in screen_text(pilot)


async def test_a_viewer_only_looks(busy_desk: Desk, incident: Incident, show: Show) -> None:
    access = replace(busy_desk.settings.access, owner_is_admin=False, others="viewer")
    desk = replace(busy_desk, settings=replace(busy_desk.settings, access=access))
    async with show(desk.acting_as(Actor(uid=4711, name="guest")), 140, 40) as pilot:
        await press(pilot, "9", "enter")
        await until(pilot, "led by nobody")
        await press(pilot, "n")
        assert "needs the role responder" in screen_text(pilot)
