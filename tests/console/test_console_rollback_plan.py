"""A plan in the console: what it shows, what it asks, how it is carried out and taken back."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from console.driving import Show, press, screen_text, until
from console.rollback_desk import BAD_WEIGHTS, GOOD_WEIGHTS, TOML, rollback_desk
from mechexo.actor import Actor
from mechexo.clock import VirtualClock
from mechexo.desk import Desk
from mechexo.rollback import git, records, run_records
from mechexo.rollback import operations as rollback
from mechexo.rollback.values import RunState
from mechexo_tui.screens.rollback_plan import RollbackPlanScreen
from mechexo_tui.widgets.line_list import LineList
from rollback.histories import History

pytestmark = pytest.mark.slow

Made = tuple[Desk, History]


@pytest.fixture
def made(make_desk: Callable[..., Desk], tmp_path: Path, clock: VirtualClock) -> Made:
    return rollback_desk(make_desk, tmp_path / "desk", clock)


def checked_by(script: str) -> str:
    """The configuration whose flow is proved by a shell script."""
    return TOML + f'check = ["sh", "-c", "{script}"]\n'


async def plan_it(pilot: Pilot[int]) -> None:
    """Goes from the overview to the plan that takes the flow's last change back."""
    await press(pilot, "X", "enter", "enter")
    await until(pilot, "digest")


async def apply_it(pilot: Pilot[int], *, reason: str = "") -> None:
    """Confirms the plan in front."""
    await press(pilot, "a", *reason, "enter", *digest_of(pilot), "enter")


def digest_of(pilot: Pilot[int]) -> str:
    """The first 8 characters of the digest that stands on the screen."""
    screen = pilot.app.screen
    assert isinstance(screen, RollbackPlanScreen)
    assert screen.seen is not None
    beginning = screen.seen.plan.digest[:8]
    assert f"digest {beginning}" in screen_text(pilot)
    return beginning


async def test_a_plan_is_applied_step_by_step_and_taken_back(made: Made, show: Show) -> None:
    desk, history = made
    weights = history.root / "config/weights.yaml"
    async with show(desk) as pilot:
        await plan_it(pilot)
        await apply_it(pilot)
        await until(pilot, "APPLIED")
        text = screen_text(pilot)
        for step in ("intent", "journal", "files", "ops_ok", "commit"):
            assert f"● OK     {step}:" in text, step
        assert "u takes it back" in text
        assert weights.read_text() == GOOD_WEIGHTS
        await press(pilot, "u")
        await until(pilot, "undo of")
        assert "CAN BE APPLIED" in screen_text(pilot)
        assert "strategy.max_gross  1.0 -> 10.0" in screen_text(pilot)
        await apply_it(pilot)
        await until(pilot, "APPLIED")
        assert weights.read_text() == BAD_WEIGHTS
    states = [run.state for run in rollback.runs(desk)]
    assert states == [RunState.APPLIED, RunState.APPLIED]


async def test_a_wrong_digest_changes_nothing_and_the_question_stays(
    made: Made, show: Show
) -> None:
    desk, _ = made
    async with show(desk) as pilot:
        await plan_it(pilot)
        await press(pilot, "a", "enter", *"y", "enter")
        await until(pilot, "not how this plan's digest begins")
        assert "its digest begins with: y" in screen_text(pilot)
        await press(pilot, "escape")
        await until(pilot, "not applied")
    assert rollback.runs(desk) == ()


async def test_a_live_desk_asks_for_the_reason(
    make_desk: Callable[..., Desk], tmp_path: Path, clock: VirtualClock, show: Show
) -> None:
    desk, _ = rollback_desk(make_desk, tmp_path / "desk", clock, mode="live")
    async with show(desk) as pilot:
        await plan_it(pilot)
        # Without a calendar the market of a live desk counts as open.
        await press(pilot, "o", "tab", "enter")
        await until(pilot, "▲ SET ASIDE   market hours")
        await press(pilot, "a", "enter")
        await until(pilot, "a live desk needs a reason")
        await press(pilot, *"weights", "enter", *digest_of(pilot), "enter")
        await until(pilot, "reason: weights")
    (run,) = rollback.runs(desk)
    assert run.reason == "weights"


async def test_a_viewer_sees_the_plan_and_why_it_is_not_theirs_to_apply(
    made: Made, show: Show
) -> None:
    desk = made[0].acting_as(Actor(os.getuid() + 1, "eve"))
    async with show(desk) as pilot:
        await plan_it(pilot)
        await until(pilot, "CAN BE APPLIED")
        await press(pilot, "a")
        await until(pilot, "needs the role operator")
    assert rollback.runs(desk) == ()


async def test_a_read_only_console_applies_nothing(made: Made, show: Show) -> None:
    async with show(made[0], read_only=True) as pilot:
        await plan_it(pilot)
        await press(pilot, "a")
        await until(pilot, "read-only")


async def test_a_guard_that_fails_stands_first_and_can_be_set_aside_by_name(
    make_desk: Callable[..., Desk], tmp_path: Path, clock: VirtualClock, show: Show
) -> None:
    toml = TOML.replace('age = "30d"', 'age = "30d"\nfiles = 1')
    desk, _ = rollback_desk(make_desk, tmp_path / "desk", clock, toml=toml)
    async with show(desk) as pilot:
        await plan_it(pilot)
        await until(pilot, "1 GUARD FAILS")
        text = screen_text(pilot)
        assert text.index("✖ FAILS       files: 2, over 1") < text.index("● OK")
        await press(pilot, "a")
        await until(pilot, "files: 2, over 1; o sets it aside")
        await press(pilot, "o", *"rate", "enter")
        await until(pilot, "one of: files")
        await press(pilot, "ctrl+u", "f", "tab", "enter")
        await until(pilot, "CAN BE APPLIED")
        assert "▲ SET ASIDE   files:" in screen_text(pilot)
        await apply_it(pilot)
        await until(pilot, "● APPLIED")
    details = [entry.payload for entry in desk.audit_entries() if entry.action == "rollback.apply"]
    assert any('"overrides":["files"]' in each for each in details)


async def test_what_cannot_be_set_aside_is_said(made: Made, show: Show) -> None:
    desk, history = made
    (history.root / ".git" / "MERGE_HEAD").write_text(history.head() + "\n")
    async with show(desk) as pilot:
        await plan_it(pilot)
        await until(pilot, "GUARD FAILS")
        assert "repository at rest" in screen_text(pilot)
        await press(pilot, "o")
        await until(pilot, "cannot be set aside")
        await press(pilot, "a")
        await until(pilot, "finish or abort it first")


async def test_a_failing_check_puts_everything_back_and_says_so(
    make_desk: Callable[..., Desk], tmp_path: Path, clock: VirtualClock, show: Show
) -> None:
    toml = checked_by("echo the weights do not add up >&2; exit 3")
    desk, history = rollback_desk(make_desk, tmp_path / "desk", clock, toml=toml)
    async with show(desk, 120, 40) as pilot:
        await plan_it(pilot)
        await apply_it(pilot)
        await until(pilot, "▲ UNDONE")
        text = screen_text(pilot)
        assert "✖ FAILS  check: ended with 3: the weights do not add up" in text
        assert "everything was put back" in text
        assert (history.root / "config/weights.yaml").read_text() == BAD_WEIGHTS
        before = rollback.history(desk)[0].id
        await press(pilot, "m")
        await until(pilot, "CAN BE APPLIED")
        assert rollback.history(desk)[0].id != before


async def test_a_rollback_that_needs_a_person_says_what_to_do_and_is_finished(
    make_desk: Callable[..., Desk], tmp_path: Path, clock: VirtualClock, show: Show
) -> None:
    toml = checked_by("echo other > config/weights.yaml; exit 1")
    desk, history = rollback_desk(make_desk, tmp_path / "desk", clock, toml=toml)
    async with show(desk, 120, 40) as pilot:
        await plan_it(pilot)
        await apply_it(pilot)
        await until(pilot, "✖ NEEDS A PERSON")
        text = " ".join(screen_text(pilot).split())
        assert "somebody changed config/weights.yaml" in text
        assert "It is half done" in text
        assert "c tries to finish it" in text
        assert "--leave" in text
        # It stands on top of the screen where rollbacks are chosen, too.
        await press(pilot, "q", "q")
        await until(pilot, "✖ NEEDS A PERSON")
        assert "open it below" in screen_text(pilot)
        await press(pilot, "G", "enter")
        await until(pilot, "c tries to finish it")
        (history.root / "config/weights.yaml").write_text(BAD_WEIGHTS)
        await press(pilot, "c", "enter")
        await until(pilot, "▲ UNDONE")
    assert (history.root / "config/weights.yaml").read_text() == BAD_WEIGHTS
    assert "def weights(rows):\n    # faster" in (history.root / "flows/reweight.py").read_text()


async def test_a_redeployment_that_failed_is_tried_again(
    make_desk: Callable[..., Desk], tmp_path: Path, clock: VirtualClock, show: Show
) -> None:
    toml = TOML + 'redeploy = ["sh", "-c", "test -e ../there"]\n'
    desk, _ = rollback_desk(make_desk, tmp_path / "desk", clock, toml=toml)
    async with show(desk) as pilot:
        await plan_it(pilot)
        await apply_it(pilot)
        await until(pilot, "▲ REDEPLOY FAILED")
        assert "d tells the orchestrator again" in screen_text(pilot)
        (desk.root / "there").touch()
        await press(pilot, "d", "enter")
        await until(pilot, "● APPLIED")


async def test_what_moved_meanwhile_refuses_the_plan_and_is_named(made: Made, show: Show) -> None:
    desk, history = made
    async with show(desk) as pilot:
        await plan_it(pilot)
        history.write("config/weights.yaml", "strategy: {}\n")
        await apply_it(pilot)
        await until(pilot, "▲ NOT APPLIED")
        text = " ".join(screen_text(pilot).split())
        assert "the world is not that of plan" in text
        assert "config/weights.yaml" in text
    assert rollback.runs(desk) == ()


async def test_an_expired_plan_is_not_asked_about_and_is_made_again(
    made: Made, show: Show, clock: VirtualClock
) -> None:
    async with show(made[0]) as pilot:
        await plan_it(pilot)
        clock.advance(timedelta(minutes=16))
        await until(pilot, "EXPIRED")
        await press(pilot, "a")
        await until(pilot, "m makes it again")
        await press(pilot, "m")
        await until(pilot, "CAN BE APPLIED")
        assert "15m left to apply it" in screen_text(pilot)


async def test_n_and_p_go_from_file_to_file(made: Made, show: Show) -> None:
    async with show(made[0]) as pilot:
        await plan_it(pilot)
        await press(pilot, "n")
        await until(pilot, "file 1 of 2")
        rows = pilot.app.screen.query_one("#rows", LineList)
        assert rows.text.lstrip().startswith("diff --git a/config/weights.yaml")
        await press(pilot, "n")
        await until(pilot, "file 2 of 2")
        assert "diff --git a/flows/reweight.py" in rows.text
        await press(pilot, "p")
        await until(pilot, "file 1 of 2")
        await press(pilot, "p", "p")
        await until(pilot, "file 1 of 2")


async def test_wide_terminals_show_before_and_after_beside_each_other(
    made: Made, show: Show
) -> None:
    async with show(made[0], 200, 60) as pilot:
        await plan_it(pilot)
        await until(pilot, "CAN BE APPLIED")
        (line,) = [each for each in screen_text(pilot).splitlines() if "max_gross: 10.0" in each]
        left, right = line.split("│")
        assert left.strip() == "-  max_gross: 10.0"
        assert right.strip() == "+  max_gross: 1.0"
        await press(pilot, "v")
        await until(pilot, "before and after in one")
        (line,) = [each for each in screen_text(pilot).splitlines() if "max_gross: 10.0" in each]
        assert line.strip() == "-  max_gross: 10.0"


async def test_secrets_are_masked_in_both_views(made: Made, show: Show) -> None:
    desk, history = made
    now = desk.clock.now()
    history.commit(
        {"config/risk.yaml": "api_token: hunter2\n"}, now - timedelta(minutes=5), "Oh no"
    )
    async with show(desk, 200, 60) as pilot:
        await press(pilot, "X", "slash", *"risk", "enter", "enter", "enter")
        await until(pilot, "***")
        assert "hunter2" not in screen_text(pilot)
        await press(pilot, "v")
        await until(pilot, "in one")
        assert "hunter2" not in screen_text(pilot)


async def test_leaving_while_it_is_under_way_asks_before(
    make_desk: Callable[..., Desk], tmp_path: Path, clock: VirtualClock, show: Show
) -> None:
    toml = checked_by("while test ! -e ../go; do sleep 0.05; done")
    desk, history = rollback_desk(make_desk, tmp_path / "desk", clock, toml=toml)
    async with show(desk) as pilot:
        await plan_it(pilot)
        await pilot.press("a", "enter", *digest_of(pilot), "enter")
        await until(pilot, "files: each of 2 paths")
        assert "UNDER WAY" in screen_text(pilot)
        await pilot.press("1")
        await until(pilot, "q quit")
        await pilot.press("q")
        await until(pilot, "a rollback is under way")
        await pilot.press("escape")
        (desk.root / "go").touch()
        await until(pilot, "(flow reweight): applied")
    (run,) = rollback.runs(desk)
    assert run.state is RunState.APPLIED
    assert (history.root / "config/weights.yaml").read_text() == GOOD_WEIGHTS


async def test_an_alert_leads_to_its_plan_with_the_same_plan(busy_desk: Desk, show: Show) -> None:
    async with show(busy_desk, 120, 40) as pilot:
        await press(pilot, "x")
        await until(pilot, "Rollback, dry run")
        (plan,) = rollback.history(busy_desk)
        await press(pilot, "enter")
        await until(pilot, f"plan {plan.id}")
        assert len(rollback.history(busy_desk)) == 1
        await press(pilot, "q")
        await until(pilot, "Rollback, dry run")


async def test_git_and_the_records_are_never_asked_by_the_thread_that_paints(
    made: Made, show: Show, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    for place, name in (
        (git, "_run"),
        (records, "newest"),
        (records, "insert"),
        (records, "with_id"),
        (run_records, "newest"),
        (run_records, "with_id"),
    ):
        real = getattr(place, name)

        def told(
            *words: Any, name: str = name, real: Callable[..., Any] = real, **more: Any
        ) -> Any:
            asked.append(f"{name} by {threading.current_thread() is threading.main_thread()}")
            return real(*words, **more)

        monkeypatch.setattr(place, name, told)
    async with show(made[0]) as pilot:
        await plan_it(pilot)
        await apply_it(pilot)
        await until(pilot, "● APPLIED")
        await press(pilot, "u")
        await until(pilot, "CAN BE APPLIED")
        await press(pilot, "m")
        await press(pilot, "r")
    assert {"_run by False", "insert by False", "newest by False"} <= set(asked)
    assert not [each for each in asked if each.endswith("by True")]
