"""Choosing what to roll back and to when, in the console: targets, states, typed times, plans."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from console.driving import Show, press, screen_text, until
from console.rollback_desk import TOML, rollback_desk
from mechexo.clock import VirtualClock
from mechexo.desk import Desk
from mechexo.rollback import operations as rollback
from mechexo.rollback.flags.store import open_store
from mechexo_tui.widgets.line_list import LineList
from rollback.histories import History

pytestmark = pytest.mark.slow

FLAGS = """
[rollback.flags]
database = "flags.sqlite"
[rollback.flags.safer]
canary = "off"
label = "neutral"
"""


@pytest.fixture
def made(
    make_desk: Callable[..., Desk], tmp_path: Path, clock: VirtualClock
) -> tuple[Desk, History]:
    return rollback_desk(make_desk, tmp_path / "desk", clock)


@pytest.fixture
def desk(made: tuple[Desk, History]) -> Desk:
    return made[0]


def keys_of(text: str) -> list[str]:
    """The keys that type a text."""
    names = {" ": "space", "-": "minus", ":": "colon", ".": "full_stop", "/": "slash"}
    return [names.get(each, each) for each in text]


async def test_what_was_changed_last_stands_first(desk: Desk, show: Show) -> None:
    async with show(desk, 120, 40) as pilot:
        await press(pilot, "X")
        text = screen_text(pilot)
        lines = [line for line in text.splitlines() if line.startswith((" flow ", " config "))]
        assert [line.split()[1] for line in lines] == [
            "reweight",
            "config/weights.yaml",
            "config/risk.yaml",
        ]
        assert "Make reweighting faster" in lines[0]


async def test_the_states_of_the_chosen_target_are_beside_it(desk: Desk, show: Show) -> None:
    async with show(desk, 200, 60) as pilot:
        await press(pilot, "X")
        text = screen_text(pilot)
        assert "Back to when: reweight" in text
        assert "now: Make reweighting faster" in text
        assert "Set up the desk" in text
        assert "now: Allow more gross" not in text
        await press(pilot, "j", "j")
        text = screen_text(pilot)
        assert "Back to when: config/risk.yaml" in text
        assert "now: Allow more gross" in text


async def test_two_times_enter_plans_the_way_back_before_the_last_change(
    desk: Desk, show: Show
) -> None:
    async with show(desk) as pilot:
        await press(pilot, "X", "enter", "enter")
        await until(pilot, "CAN BE APPLIED")
        text = screen_text(pilot)
        assert "Allow more gross" in text, "the last commit before the change, not the oldest one"
        assert "strategy.max_gross  10.0 -> 1.0" in text
        # 12 minutes, less the second before the change.
        assert "12m ago" in text


async def test_the_state_of_now_takes_back_what_git_does_not_know(
    made: tuple[Desk, History], show: Show
) -> None:
    desk, history = made
    history.write("config/risk.yaml", "limits:\n  gross_pct: 999\n")
    async with show(desk) as pilot:
        await press(pilot, "X", "j", "j", "enter", "g", "enter")
        await until(pilot, "gross_pct")
        text = screen_text(pilot)
        assert "limits.gross_pct  999 -> 120" in text
        assert "local edits" in text
        assert "FAILS" in text


async def test_a_typed_time_is_read_aloud_and_planned(desk: Desk, show: Show) -> None:
    async with show(desk, 120, 40) as pilot:
        await press(pilot, "X", "t", *keys_of("-3d"))
        await until(pilot, "reads as 2026-02-27 14:30:00 UTC, 3d ago")
        await press(pilot, "enter")
        await until(pilot, "CAN BE APPLIED")
        assert "Set up the desk" in screen_text(pilot)


@pytest.mark.parametrize(
    ("typed", "why"),
    [
        ("tea", "is not a time"),
        ("2026-03-01", "is not a time"),
        ("2026-03-04T10:00", "lies in the future"),
    ],
)
async def test_what_is_no_time_is_said_at_the_question(
    desk: Desk, show: Show, typed: str, why: str
) -> None:
    async with show(desk) as pilot:
        await press(pilot, "X", "t", *keys_of(typed), "enter")
        await until(pilot, why)
        assert "reweight back to:" in screen_text(pilot), "the question stays"
        await press(pilot, "escape")
        assert rollback.history(desk) == ()


async def test_a_local_time_that_happens_twice_offers_both(
    make_desk: Callable[..., Desk], tmp_path: Path, clock: VirtualClock, show: Show
) -> None:
    desk, _ = rollback_desk(make_desk, tmp_path / "desk", clock, zone="America/New_York")
    async with show(desk, 120, 40) as pilot:
        await press(pilot, "X", "t", *keys_of("2025-11-02T01:30"), "enter")
        await until(pilot, "happens twice")
        said = " ".join(screen_text(pilot).split())
        assert "2025-11-02T05:30:00.000000Z or 2025-11-02T06:30:00.000000Z" in said


async def test_a_time_before_the_history_is_refused_in_words_in_the_plans_place(
    desk: Desk, show: Show
) -> None:
    async with show(desk) as pilot:
        await press(pilot, "X", "t", *keys_of("-20d"), "enter")
        await until(pilot, "NO PLAN")
        text = " ".join(screen_text(pilot).split())
        assert "lies before the first commit" in text
        assert "planning" not in text
        await press(pilot, "a")
        assert "there is no plan" in screen_text(pilot)


async def test_the_filter_keeps_targets_and_plans(
    desk: Desk, show: Show, clock: VirtualClock
) -> None:
    plan = rollback.plan_config(desk, "config/risk.yaml", to=clock.now() - timedelta(days=3))
    async with show(desk, 120, 40) as pilot:
        await press(pilot, "X", "slash", *"risk", "enter")
        await until(pilot, plan.id)
        text = screen_text(pilot)
        assert "config/risk.yaml" in text
        assert "reweight" not in text.replace("Make reweighting", "")
        await press(pilot, "escape")
        await until(pilot, "flow    reweight")


async def test_the_plan_of_somebody_else_can_be_opened(
    desk: Desk, show: Show, clock: VirtualClock
) -> None:
    plan = rollback.plan_config(desk, "config/risk.yaml", to=clock.now() - timedelta(days=3))
    async with show(desk, 120, 40) as pilot:
        await press(pilot, "X")
        await until(pilot, plan.id)
        await press(pilot, "G")
        assert "enter opens it" in " ".join(screen_text(pilot).split())
        await press(pilot, "enter")
        await until(pilot, plan.digest)
        assert f"plan {plan.id}" in screen_text(pilot)
        assert len(rollback.history(desk)) == 1, "opening it makes no other"


async def test_a_repository_that_cannot_be_read_is_said_and_plans_are_still_there(
    made: tuple[Desk, History], show: Show, clock: VirtualClock
) -> None:
    desk, history = made
    plan = rollback.plan_config(desk, "config/risk.yaml", to=clock.now() - timedelta(days=3))
    history.root.rename(history.root.with_name("gone"))
    async with show(desk, 120, 40) as pilot:
        await press(pilot, "X")
        await until(pilot, "? UNKNOWN")
        text = screen_text(pilot)
        assert "repo" in text
        assert plan.id in text
        assert "flow  reweight" in text, "what the configuration names is still a target"
        assert "Its states are not known" in text
        assert "No change" not in text


async def test_a_desk_without_rollback_says_where_to_name_it(
    make_desk: Callable[..., Desk], show: Show
) -> None:
    desk = make_desk("")
    async with show(desk, 120, 40) as pilot:
        await press(pilot, "X", "enter", "t", "u")
        text = screen_text(pilot)
        assert "[rollback] names no flows, configs or flags" in text


async def test_the_command_line_leads_here(desk: Desk, show: Show) -> None:
    async with show(desk) as pilot:
        await press(pilot, "colon", *"rollback", "enter")
        await until(pilot, "Back to when")
        await press(pilot, "question_mark")
        await until(pilot, "On the screen rollback")
        assert "Type the time to go back to" in screen_text(pilot)


async def test_back_from_the_states_is_the_list(desk: Desk, show: Show) -> None:
    async with show(desk) as pilot:
        await press(pilot, "X", "enter")
        moments = pilot.app.screen.query_one("#moments", LineList)
        assert pilot.app.screen.active is moments  # type: ignore[attr-defined]
        await press(pilot, "q")
        assert pilot.app.screen.active is not moments  # type: ignore[attr-defined]
        await press(pilot, "q")
        await until(pilot, "Alerts")


@pytest.mark.parametrize(("columns", "rows"), [(60, 15), (80, 24), (120, 40), (200, 60)])
async def test_no_line_is_wider_than_the_terminal(
    desk: Desk, show: Show, columns: int, rows: int
) -> None:
    async with show(desk, columns, rows) as pilot:
        await press(pilot, "X", "enter", "enter")
        await until(pilot, "back to")
        assert all(len(line) <= columns for line in screen_text(pilot).splitlines())


async def test_flags_are_targets_with_their_history(
    make_desk: Callable[..., Desk], tmp_path: Path, show: Show
) -> None:
    # The history of the flags goes by the machine's clock.
    clock = VirtualClock(datetime.now(UTC))
    made, _ = rollback_desk(make_desk, tmp_path / "desk", clock, toml=TOML + FLAGS)
    desk = replace(made, clock=clock)
    with closing(sqlite3.connect(desk.root / "flags.sqlite")) as connection:
        connection.execute("CREATE TABLE flags (key TEXT PRIMARY KEY, value)")
        connection.execute("INSERT INTO flags VALUES ('canary', 0), ('label', 'old')")
        connection.commit()
        open_store(desk).track()
        connection.execute("UPDATE flags SET value = 'new' WHERE key = 'label'")
        connection.commit()
    clock.advance(timedelta(minutes=1))
    async with show(desk, 120, 40) as pilot:
        await press(pilot, "X")
        await until(pilot, "all flags together")
        await press(pilot, "slash", *"label", "enter", "enter")
        await until(pilot, "now: label: old -> new")
        await press(pilot, "enter")
        await until(pilot, "NEUTRAL")
        assert "label: new -> old" in screen_text(pilot)
        assert "set with the files" in screen_text(pilot)
