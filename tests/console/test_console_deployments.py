"""Deployments of an orchestrator in the console: how they stand, their runs and logs, what is asked
of them, and what is shown while it does not answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from textual.pilot import Pilot

from console.driving import Show, press, screen_text, settled, until
from mechexo.actor import Actor
from mechexo.clock import VirtualClock
from mechexo.desk import Desk
from mechexo.flows.orchestrators import looking
from mechexo.flows.orchestrators.values import LogLine, Phase
from mechexo_tui.panels import deployments
from mechexo_tui.widgets.format import ASCII, UNICODE, Glyphs, Look
from mechexo_tui.widgets.lines import text_of, width_of
from support.fake_prefect import CAPTURED, FakePrefect
from support.orchestrated_desk import desk_with

FAST = 'timeout = "1s"\n'
QUOTES = "quote-ingest/prod"


@pytest.fixture
def desk(
    make_desk: Callable[..., Desk], monkeypatch: pytest.MonkeyPatch, prefect: FakePrefect
) -> Desk:
    """A desk whose tick has just asked a Prefect."""
    made = desk_with(make_desk, monkeypatch, prefect, FAST)
    looking.look(made, deadline_s=20.0, force=True)
    return made


def look(desk: Desk, width: int = 200, glyphs: Glyphs = UNICODE) -> Look:
    return Look(width, desk.clock.now(), desk.zone, glyphs)


def rows(desk: Desk, width: int = 200, glyphs: Glyphs = UNICODE) -> list[str]:
    [known] = looking.known(desk)
    table, tick = desk.settings.orchestrators["prefect"], desk.settings.refresh.tick
    found = deployments.source_rows(known, table, tick, look(desk, width, glyphs))
    return [text_of(row.line) for row in found]


@pytest.mark.parametrize("phase", Phase)
def test_only_a_run_that_completed_has_the_sign_of_what_is_well(phase: Phase, desk: Desk) -> None:
    text, style = deployments.phase_span(phase, "", look(desk))
    assert (style == "ok") is (phase is Phase.COMPLETED)
    assert text.split(maxsplit=1)[1] == phase.value.upper()


def test_each_deployment_says_what_is_wrong_with_it_and_when_it_runs_next(desk: Desk) -> None:
    said = "\n".join(rows(desk))
    for words in (
        "✖ CRITICAL  Deployments of prefect",
        "✖ FAILING",
        "ValueError: no quotes for 2025-01-03",
        "✖ LATE",
        "✖ STUCK",
        "a run runs 3m51s, more than 3m",
        "every 20s",
        "● COMPLETED",
    ):
        assert words in said


def test_what_is_not_of_now_is_never_shown_as_well(desk: Desk, prefect: FakePrefect) -> None:
    clock = desk.clock
    assert isinstance(clock, VirtualClock)
    prefect.leave()
    clock.advance(timedelta(minutes=12))
    looking.look(desk, deadline_s=20.0, force=True)
    said = "\n".join(rows(desk))
    assert "? UNKNOWN  Deployments of prefect" in said
    assert "known 12m ago" in said
    assert "not reachable" in said
    assert "? COMPLETED" in said
    assert "●" not in said


@pytest.mark.parametrize("width", [60, 80, 120, 200])
@pytest.mark.parametrize("glyphs", [UNICODE, ASCII])
def test_rows_and_pages_fit_their_terminal(desk: Desk, width: int, glyphs: Glyphs) -> None:
    known = looking.known_of(desk, "prefect")
    assert known.look is not None
    how = look(desk, width, glyphs)
    lines = rows(desk, width, glyphs)
    lines += [text_of(row.line) for row in deployments.run_rows(known.look.runs, how)]
    for one in known.look.standing.deployments:
        lines += map(text_of, deployments.head_lines("prefect", one, how, why="w " * 90))
        lines += map(text_of, deployments.trend_lines(one, known.look.runs, how))
    for run in known.look.runs:
        lines += map(text_of, deployments.log_lines(replace(run, reason="r " * 90), (), how))
    assert [line for line in lines if width_of(line) > width] == []


def test_a_traceback_in_a_log_keeps_its_lines(desk: Desk) -> None:
    known = looking.known_of(desk, "prefect")
    assert known.look is not None
    said = LogLine(CAPTURED, "ERROR", "it failed\nTraceback:\n  line 1\x1b[2J")
    lines = deployments.log_lines(known.look.runs[0], [said], look(desk))
    texts = [text_of(line).strip() for line in lines[-3:]]
    assert texts[0].endswith("ERROR    it failed")
    assert texts[1:] == ["Traceback:", "line 1·[2J"]


def test_a_deployments_runs_are_counted_and_plotted(desk: Desk) -> None:
    known = looking.known_of(desk, "prefect")
    assert known.look is not None
    one = replace(known.look.standing.deployments[0], p95_s=60.0)
    run = next(run for run in known.look.runs if run.phase is Phase.COMPLETED)
    runs = [
        replace(run, id=str(n), started_at=CAPTURED - timedelta(hours=n), duration_s=10.0 * n,
                phase=Phase.FAILED if n == 4 else Phase.COMPLETED)
        for n in range(1, 9)
    ]  # fmt: skip
    said = "\n".join(text_of(line) for line in deployments.trend_lines(one, runs, look(desk)))
    for words in ("87.5% well, 7 of the newest 8", "▲ 1m", "• ended well", "+ not well"):
        assert words in said
    few = deployments.trend_lines(one, runs[:2], look(desk))
    assert [text_of(line).strip() for line in few] == ["ended      100.0% well, 2 of the newest 2"]
    assert deployments.trend_lines(one, [], look(desk)) == []


SLOW = pytest.mark.slow


async def chosen(pilot: Pilot[int], name: str, *, page: bool = False) -> None:
    """Goes to the flows, onto the row of a deployment, and to its page."""
    await press(pilot, "3")
    await until(pilot, name)
    for _ in range(20):
        active = pilot.app.screen.active  # type: ignore[attr-defined]
        if name in text_of(active.rows[active.index].line):
            break
        await press(pilot, "j")
    if page:
        await press(pilot, "enter")
        await until(pilot, f"flows > {name}")
        await until(pilot, "newest first")


@SLOW
@pytest.mark.parametrize(
    ("size", "words"),
    [
        ((80, 30), ("prefect critical",)),
        ((200, 60), ("prefect critical", "Deployments of prefect", "1 failing, 1 late, 1 stuck")),
    ],
)
async def test_the_overview_says_how_the_flows_of_orchestrators_are(
    desk: Desk, show: Show, size: tuple[int, int], words: tuple[str, ...]
) -> None:
    async with show(desk, *size) as pilot:
        for word in words:
            await until(pilot, word)


@SLOW
@pytest.mark.parametrize("size", [(80, 24), (200, 60)])
async def test_enter_shows_a_deployments_runs_and_then_a_runs_log(
    desk: Desk, show: Show, size: tuple[int, int]
) -> None:
    async with show(desk, *size) as pilot:
        await chosen(pilot, QUOTES, page=True)
        text = screen_text(pilot)
        for words in ("✖ FAILING", "on prefect", "schedule", "✖ FAILED"):
            assert words in text
        await press(pilot, "j", "j", "enter")
        await until(pilot, "The end of its log")
        await until(pilot, "ERROR")
        await press(pilot, "q", "q")
        await until(pilot, "Deployments of prefect")


@SLOW
async def test_a_log_that_cannot_be_read_is_unknown_and_says_why(
    desk: Desk, prefect: FakePrefect, show: Show
) -> None:
    async with show(desk, 120, 40) as pilot:
        await chosen(pilot, QUOTES, page=True)
        prefect.failing["/logs/filter"] = "500"
        await press(pilot, "j", "enter")
        await until(pilot, "? UNKNOWN")
        assert "the log:" in screen_text(pilot)


@SLOW
async def test_an_orchestrator_that_hangs_holds_up_nothing(
    desk: Desk, prefect: FakePrefect, show: Show
) -> None:
    prefect.failing["/flow_runs/filter"] = "hang"
    async with show(desk, 120, 40) as pilot:
        await press(pilot, "3")
        await until(pilot, QUOTES)
        for _ in range(20):
            active = pilot.app.screen.active  # type: ignore[attr-defined]
            if QUOTES in text_of(active.rows[active.index].line):
                break
            await press(pilot, "j")
        await pilot.press("enter")
        # What the tick kept is there while prefect is still asked.
        await until(pilot, "✖ FAILED")
        await until(pilot, "as kept by the tick")
        await settled(pilot)
        assert "? UNKNOWN" in screen_text(pilot)


@SLOW
async def test_run_now_is_confirmed_by_the_name_and_by_nothing_else(
    desk: Desk, prefect: FakePrefect, show: Show
) -> None:
    async with show(desk, 160, 40) as pilot:
        await chosen(pilot, QUOTES)
        await press(pilot, "n")
        await until(pilot, "run-now on prefect, because:")
        await press(pilot, "enter")
        await until(pilot, "its name is:")
        await press(pilot, *"yes", "enter")
        await until(pilot, f"type {QUOTES} to confirm it")
        assert prefect.asked_for("create_flow_run") == []
        await press(pilot, *["backspace"] * 3, *keys(QUOTES), "enter")
        await until(pilot, "prefect says Scheduled")
        assert len(prefect.asked_for("create_flow_run")) == 1
    outcomes = [each.outcome for each in desk.audit_entries(only=["flows.run_now"])]
    assert sorted(outcomes) == ["asked", "done"]


@SLOW
async def test_leaving_the_question_asks_for_nothing(
    desk: Desk, prefect: FakePrefect, show: Show
) -> None:
    async with show(desk, 160, 40) as pilot:
        await chosen(pilot, QUOTES)
        await press(pilot, "n", "escape")
        await until(pilot, "no run-now was asked for")
        await press(pilot, "n", "enter")
        await until(pilot, "its name is:")
        await press(pilot, "escape")
        await until(pilot, "no run-now was asked for")
        assert prefect.asked_for("create_flow_run") == []


@SLOW
async def test_a_schedule_is_paused_and_resumed_and_seen_so(
    desk: Desk, prefect: FakePrefect, show: Show
) -> None:
    name = "recon-nightly/prod"
    async with show(desk, 160, 40) as pilot:
        await chosen(pilot, name)
        for says, word in (("pause on prefect", "paused"), ("resume on prefect", "active")):
            await press(pilot, "s")
            await until(pilot, says)
            await press(pilot, *"for the night", "enter")
            await until(pilot, "its name is:")
            await press(pilot, *keys(name), "enter")
            await until(pilot, f"prefect says {word}")
            await settled(pilot)
            row = next(line for line in screen_text(pilot).splitlines() if name in line)
            assert ("PAUSED" in row or "paused" in row) is (word == "paused")


@SLOW
async def test_a_failed_run_is_retried_by_the_beginning_of_its_id(
    desk: Desk, prefect: FakePrefect, show: Show
) -> None:
    async with show(desk, 160, 40) as pilot:
        await chosen(pilot, QUOTES, page=True)
        await press(pilot, "t")
        assert "choose a run first" in screen_text(pilot)
        await press(pilot, "j")
        run = pilot.app.screen.run  # type: ignore[attr-defined]
        await press(pilot, "t", "enter")
        await until(pilot, "its id begins with:")
        await press(pilot, *run.id[:8], "enter")
        await until(pilot, "retry of run")
    assert len(prefect.asked_for(f"/{run.id}/set_state")) == 1


@SLOW
async def test_what_cannot_be_done_is_said_before_it_is_confirmed(desk: Desk, show: Show) -> None:
    async with show(desk, 160, 40) as pilot:
        await chosen(pilot, QUOTES, page=True)
        await press(pilot, "j", "c", "enter")
        await until(pilot, "it has ended already")


@SLOW
async def test_a_read_only_console_and_a_viewer_ask_nothing_of_an_orchestrator(
    desk: Desk, prefect: FakePrefect, show: Show
) -> None:
    async with show(desk, 120, 40, read_only=True) as pilot:
        await chosen(pilot, QUOTES)
        await press(pilot, "n")
        assert "the console was opened read-only" in screen_text(pilot)
    async with show(desk.acting_as(Actor(424242, "guest")), 120, 40) as pilot:
        await chosen(pilot, QUOTES)
        await press(pilot, "s")
        assert "needs the role operator; guest is viewer" in screen_text(pilot)
    assert prefect.asked_for("create_flow_run") == []


def keys(text: str) -> list[str]:
    """The keys that type a text."""
    names = {"-": "minus", "/": "slash", " ": "space"}
    return [names.get(each, each) for each in text]


@SLOW
async def test_on_a_live_desk_nothing_is_asked_without_a_reason(
    make_desk: Callable[..., Desk],
    monkeypatch: pytest.MonkeyPatch,
    prefect: FakePrefect,
    show: Show,
) -> None:
    live = desk_with(make_desk, monkeypatch, prefect, FAST, mode="live")
    looking.look(live, deadline_s=20.0, force=True)
    async with show(live, 160, 40) as pilot:
        await chosen(pilot, QUOTES)
        await press(pilot, "n", "enter")
        await until(pilot, "a live desk needs a reason")
        await press(pilot, *"missed", "enter")
        await until(pilot, "its name is:")
        await press(pilot, "escape")
        await until(pilot, "no run-now was asked for")
