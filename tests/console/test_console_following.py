"""Following a runbook entry in the console: ticks, runs, and what others do at the same time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest
from textual.pilot import Pilot

from console.driving import Show, fill_desk, press, screen_text, settled, until
from mechexo import following
from mechexo.actor import Actor
from mechexo.alerts import operations as alerts
from mechexo.clock import VirtualClock
from mechexo.desk import Desk
from mechexo.incidents import operations as incidents
from mechexo.runbook.following_values import StepOutcome
from mechexo_tui.app import MechexoApp
from mechexo_tui.screens.entry import EntryScreen
from mechexo_tui.screens.step import MOST_LINES, Live

pytestmark = pytest.mark.slow

ENTRY = """---
schema: 1
id: gateway-lost
title: The gateway is lost
severity: SEV2
owner: operations
backup_owner: trading
alerts: [gateway_lost]
symptoms: [nothing answers]
last_reviewed: 2026-02-01
review_every: 90
requires: operator
---
# The gateway is lost

## First 60 seconds

1. Make it safe.

   ```sh {id=safe risk=danger confirm=typed undo=back}
   echo made safe > safe.txt; echo done
   ```

2. Call somebody.

## Diagnosis

1. Look.

   ```sh {id=look risk=read}
   printf 'seen \\033[31mred\\033[0m\\n'
   ```

2. Look closer.

   ```sh {id=closer risk=read}
   echo no such thing; exit 3
   ```

3. Look further.

   ```sh {id=further risk=read}
   echo too far > further.txt
   ```

4. Ask whom you cannot reach.

   ```sh {id=lacking risk=read}
   echo $NOBODY_SET_THIS
   ```

## Mitigation

1. Wait for it.

   ```sh {id=wait risk=change timeout=60}
   echo waiting; sleep 50
   ```

2. Back again.

   ```sh {id=back risk=change}
   rm -f safe.txt
   ```
"""


@pytest.fixture
def followed_desk(make_desk: Callable[..., Desk], tmp_path: Path, clock: VirtualClock) -> Desk:
    """The busy desk with an entry of its own and the critical alert that leads to it."""
    desk = fill_desk(make_desk, tmp_path, clock)
    folder = desk.root / "own"
    folder.mkdir()
    (folder / "gateway-lost.md").write_text(ENTRY)
    runbook = replace(desk.settings.runbook, folder="own")
    desk = replace(desk, settings=replace(desk.settings, runbook=runbook))
    alerts.raise_alert(
        desk, key="gw", severity="critical", name="gateway_lost", summary="no answer for 9 s",
        labels={}, reason="made for a test",
    )  # fmt: skip
    return desk


def entry_screen(pilot: Pilot[int]) -> EntryScreen:
    stack = cast("MechexoApp", pilot.app).screen_stack
    return next(each for each in stack if isinstance(each, EntryScreen))


async def opened(pilot: Pilot[int], step: str = "") -> None:
    """The entry of the alert, with the cursor on a step."""
    await press(pilot, "2")
    await until(pilot, "gateway_lost")
    pilot.app.screen.choose_row("alert:" + str(_alert_id(pilot)))  # type: ignore[attr-defined]
    await press(pilot, "b")
    await until(pilot, "steps ticked")
    if step:
        assert entry_screen(pilot).active.choose(f"step:{step}")
        await settled(pilot)


def _alert_id(pilot: Pilot[int]) -> int:
    known = cast("MechexoApp", pilot.app).facts.overview.alerts.value or ()
    return next(each.id for each in known if each.name == "gateway_lost")


async def answered(pilot: Pilot[int], text: str = "") -> None:
    """Answers the open question."""
    await press(pilot, *text, "enter")


async def waiting(pilot: Pilot[int]) -> None:
    """The step that waits, under way."""
    await opened(pilot, "wait")
    await press(pilot, "enter")
    await until(pilot, "at most")
    await pilot.press("enter")
    await until(pilot, "run wait (it changes the desk)?")
    await pilot.press("enter")
    await until(pilot, "│ waiting")


async def test_the_alert_stays_in_sight_above_its_entry(followed_desk: Desk, show: Show) -> None:
    async with show(followed_desk, 100, 34) as pilot:
        await opened(pilot)
        text = screen_text(pilot)
        for word in ("CRITICAL gateway_lost", "no answer for 9 s", "no incident", "DANGER",
                     "Make it safe.", "[ ]  1 safe", "[ ]  2 Call somebody."):  # fmt: skip
            assert word in text


async def test_opening_an_entry_and_its_steps_runs_nothing(followed_desk: Desk, show: Show) -> None:
    async with show(followed_desk, 100, 34) as pilot:
        await opened(pilot, "safe")
        await press(pilot, "enter")
        await until(pilot, "echo made safe > safe.txt; echo done")
        await until(pilot, f"{followed_desk.root} on ")
        await press(pilot, "q", "q")
    assert not (followed_desk.root / "safe.txt").exists()
    assert incidents.list_incidents(followed_desk, all=True) == ()


async def test_a_tick_belongs_to_an_incident_that_is_opened_when_one_says_so(
    followed_desk: Desk, show: Show
) -> None:
    async with show(followed_desk, 100, 34) as pilot:
        await opened(pilot, "first-60-seconds#2")
        await press(pilot, "space")
        assert "open a SEV2 incident: no answer for 9 s" in screen_text(pilot)
        await answered(pilot)
        await until(pilot, "[✔]  2 Call somebody.")
        await until(pilot, "incident 1 ✖ open")
    (incident,) = incidents.list_incidents(followed_desk)
    assert (incident.title, incident.runbook) == ("no answer for 9 s", "gateway-lost")
    assert incident.alert_id is not None
    (done,) = [s for s in following.progress(followed_desk, 1, "gateway-lost").steps if s.ticked]
    assert done.step.key == "first-60-seconds#2"


async def test_without_a_yes_there_is_no_incident_and_no_tick(
    followed_desk: Desk, show: Show
) -> None:
    async with show(followed_desk, 100, 34) as pilot:
        await opened(pilot, "first-60-seconds#2")
        await press(pilot, "space", "escape")
        await until(pilot, "ticks and runs belong to an incident")
        assert "[✔]" not in screen_text(pilot)
    assert incidents.list_incidents(followed_desk, all=True) == ()


async def test_ticks_are_there_again_after_a_restart_and_can_be_taken_back(
    followed_desk: Desk, show: Show
) -> None:
    incidents.open_incident(followed_desk, title="t", severity="SEV2", runbook="gateway-lost")
    following.tick(followed_desk, 1, "gateway-lost", "look")
    async with show(followed_desk, 100, 34) as pilot:
        await opened(pilot, "look")
        await until(pilot, "[✔]  1 look")
        await press(pilot, "space")
        await until(pilot, "[ ]  1 look")
    assert not any(s.ticked for s in following.progress(followed_desk, 1, "gateway-lost").steps)


async def test_a_step_that_reads_runs_on_one_confirmation_and_shows_what_it_said(
    followed_desk: Desk, show: Show
) -> None:
    incidents.open_incident(followed_desk, title="t", severity="SEV2", runbook="gateway-lost")
    async with show(followed_desk, 100, 40) as pilot:
        await opened(pilot, "look")
        await press(pilot, "enter")
        await until(pilot, "What would run")
        await until(pilot, "at most")
        await press(pilot, "enter", "enter")
        await until(pilot, "Last run")
        await until(pilot, "● ok")
        assert "seen red" in screen_text(pilot)
        assert "exit code 0" in screen_text(pilot)
        await press(pilot, "q")
        await until(pilot, "● ok")
    run = following.progress(followed_desk, 1, "gateway-lost").steps[2].run
    assert run is not None
    assert run.outcome is StepOutcome.OK


async def test_a_danger_runs_only_when_its_name_was_typed(followed_desk: Desk, show: Show) -> None:
    incidents.open_incident(followed_desk, title="t", severity="SEV2", runbook="gateway-lost")
    made = followed_desk.root / "safe.txt"
    async with show(followed_desk, 100, 40) as pilot:
        await opened(pilot, "safe")
        await press(pilot, "enter")
        await until(pilot, "at most")
        await press(pilot, "enter", "enter")
        assert "type safe to run it" in screen_text(pilot)
        assert not made.exists()
        await answered(pilot, "safe")
        await until(pilot, "● ok")
    assert made.read_text() == "made safe\n"


async def test_what_is_not_set_is_said_and_never_run(followed_desk: Desk, show: Show) -> None:
    async with show(followed_desk, 100, 40) as pilot:
        await opened(pilot, "lacking")
        await press(pilot, "enter")
        await until(pilot, "cannot be run:")
        await press(pilot, "enter")
        assert "NOBODY_SET_THIS" in screen_text(pilot)
    assert incidents.list_incidents(followed_desk, all=True) == ()


async def test_reads_run_in_turn_and_stop_at_the_first_that_is_not_well(
    followed_desk: Desk, show: Show
) -> None:
    incidents.open_incident(followed_desk, title="t", severity="SEV2", runbook="gateway-lost")
    async with show(followed_desk, 100, 40) as pilot:
        await opened(pilot, "look")
        await press(pilot, "e")
        assert "run look, closer, further" in screen_text(pilot)
        await answered(pilot)
        await until(pilot, "stopped at closer")
        await until(pilot, "✖ exit 3")
    assert not (followed_desk.root / "further.txt").exists()


async def test_a_run_can_be_ended_and_the_keys_stay_alive_meanwhile(
    followed_desk: Desk, show: Show
) -> None:
    incidents.open_incident(followed_desk, title="t", severity="SEV2", runbook="gateway-lost")
    async with show(followed_desk, 100, 40) as pilot:
        await waiting(pilot)
        await pilot.press("question_mark")
        await until(pilot, "End the run")
        await pilot.press("q")
        await until(pilot, "e ends it")
        await pilot.press("e")
        await until(pilot, "▲ cancelled")
        await settled(pilot)


async def test_leaving_while_a_step_runs_asks_and_then_ends_it(
    followed_desk: Desk, show: Show
) -> None:
    incidents.open_incident(followed_desk, title="t", severity="SEV2", runbook="gateway-lost")
    async with show(followed_desk, 100, 40) as pilot:
        await waiting(pilot)
        await pilot.press("q", "q", "1", "q")
        await until(pilot, "a step is running; leave?")
        await pilot.press("enter")
    run = following.progress(followed_desk, 1, "gateway-lost").steps[6].run
    assert run is not None
    assert run.outcome is StepOutcome.CANCELLED


async def test_what_another_person_ticks_and_runs_shows_by_itself(
    followed_desk: Desk, show: Show
) -> None:
    incidents.open_incident(followed_desk, title="t", severity="SEV2", runbook="gateway-lost")
    other = followed_desk.acting_as(Actor(uid=0, name="bea"))
    async with show(followed_desk, 100, 40) as pilot:
        await opened(pilot, "look")
        following.tick(other, 1, "gateway-lost", "first-60-seconds#2")
        await until(pilot, "[✔]  2 Call somebody.")
        following.run_step(other, 1, "gateway-lost", "look")
        await until(pilot, "● ok")
        await press(pilot, "enter")
        await until(pilot, "bea, ")


async def test_two_consoles_on_one_incident_see_each_others_ticks(
    followed_desk: Desk, show: Show
) -> None:
    incidents.open_incident(followed_desk, title="t", severity="SEV2", runbook="gateway-lost")
    other = followed_desk.acting_as(Actor(uid=0, name="bea"))
    async with show(followed_desk, 100, 40) as mine, show(other, 100, 40) as theirs:
        await opened(mine, "look")
        await opened(theirs, "first-60-seconds#2")
        await theirs.press("space")
        await until(mine, "[✔]  2 Call somebody.")
        await mine.press("space")
        await until(theirs, "[✔]  1 look")


async def test_ticking_needs_a_responder(followed_desk: Desk, show: Show) -> None:
    access = replace(followed_desk.settings.access, owner_is_admin=False, others="viewer")
    settings = replace(followed_desk.settings, access=access)
    viewer = replace(followed_desk, settings=settings).acting_as(Actor(uid=4711, name="guest"))
    async with show(viewer, 100, 34) as pilot:
        await opened(pilot, "look")
        await press(pilot, "space")
        assert "needs the role responder" in screen_text(pilot)


async def test_the_place_of_the_chosen_step_comes_into_view(
    followed_desk: Desk, show: Show
) -> None:
    async with show(followed_desk, 80, 24) as pilot:
        await opened(pilot)
        assert "sleep 50" not in screen_text(pilot)
        assert entry_screen(pilot).active.choose("step:wait")
        await until(pilot, "sleep 50")


def test_of_a_flood_only_the_last_lines_are_kept() -> None:
    live = Live()
    for number in range(MOST_LINES * 3):
        live.add(f"line {number}\n")
    live.add("and half a l")
    live.add("ine")
    lines = live.lines()
    assert lines[-1] == "and half a line"
    assert lines[-2] == f"line {MOST_LINES * 3 - 1}"
    assert len(lines) <= MOST_LINES + 1
    assert lines[0].endswith("lines before)")


async def test_a_long_command_is_shown_whole_and_says_where_a_line_goes_on(
    followed_desk: Desk, show: Show
) -> None:
    path = followed_desk.root / "own" / "gateway-lost.md"
    long = "echo " + "-".join(f"part{number}" for number in range(30)) + "  two  spaces"
    path.write_text(ENTRY.replace("echo made safe > safe.txt; echo done", long))
    async with show(followed_desk, 60, 40) as pilot:
        await opened(pilot, "safe")
        await press(pilot, "enter")
        await until(pilot, "at most")
        lines = screen_text(pilot).splitlines()
        first = next(at for at, line in enumerate(lines) if line.startswith("    echo part0"))
        shown = [lines[first][4:], *(line[4:] for line in lines[first + 1 :])]
        last = next(at for at, line in enumerate(lines) if line.startswith("  risk")) - 1
        assert all(line.startswith("  … ") for line in lines[first + 1 : last])
        assert "".join(shown[: last - first]) == long
