"""Flows in the console: their week, the run that goes on, what is expected next, their output."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from conftest import START
from console.driving import Show, press, screen_text, until
from console.rollback_desk import TOML as ROLLBACK
from console.rollback_desk import rollback_desk
from mechexo.clock import VirtualClock
from mechexo.desk import Desk
from mechexo.flows import records
from mechexo.flows.tallies import DayOfRuns
from mechexo.flows.values import FlowRun, FlowSummary, RunState
from mechexo.processes import this_process
from mechexo_tui.panels import flow as flow_panel
from mechexo_tui.panels import flows
from mechexo_tui.widgets.format import ASCII, UNICODE, Glyphs, Look
from mechexo_tui.widgets.lines import Line, Row, text_of, width_of

NOW = START
LOOK = Look(120, NOW, ZoneInfo("America/New_York"))
RUN = FlowRun(1, "bars", RunState.COMPLETED, NOW - timedelta(hours=1), NOW, 30.0, 0, "42 bars")
GOING_ON = replace(RUN, state=RunState.RUNNING, started_at=NOW - timedelta(minutes=4),
                   ended_at=None, duration_s=None, exit_code=None)  # fmt: skip
WEEK = tuple(
    DayOfRuns(date(2026, 2, 23) + timedelta(days=number), 24, failed, ok, took_s)
    for number, (failed, ok, took_s) in enumerate(
        [(0, 100.0, 30.0), (12, 50.0, 60.0), (0, None, None), (24, 0.0, 15.0)]
    )
)
SUMMARY = FlowSummary(
    flow="bars", label="Daily bars", days=7, runs=96, failed=36, success_pct=62.5, p50_s=30.0,
    p95_s=60.0, last=RUN, recent_durations_s=(30.0,), overdue=False, by_day=WEEK, usual_s=60.0,
    expected_by=NOW + timedelta(minutes=40),
)  # fmt: skip


def said(rows: list[Row] | list[Line]) -> str:
    return "\n".join(text_of(row.line if isinstance(row, Row) else row) for row in rows)


def test_a_flow_shows_its_success_and_its_duration_day_by_day() -> None:
    text = said(flows.summary_rows([SUMMARY], LOOK))
    assert "█▅·▁" in text  # all, half, a day without an end, none
    assert "▅█·▃" in text
    for word in ("Daily bars", "● COMPLETED", "62%", "30s", "1m", "96", "36"):
        assert word in text


def test_days_are_told_apart_in_ascii_too() -> None:
    assert flows.by_day([100.0, 50.0, None, 0.0], replace(LOOK, glyphs=ASCII), top=100) == "#=-_"


def test_the_run_that_goes_on_stands_against_what_is_usual() -> None:
    running = replace(SUMMARY, last=GOING_ON)
    assert flows.under_way(running, LOOK) == "4m of 1m"
    assert flows.usual_words(running, LOOK) == "for 4m, longer than the usual 1m"
    assert flows.usual_words(replace(running, usual_s=600.0), LOOK) == "for 4m, of the usual 10m"
    assert flows.under_way(replace(running, usual_s=None), LOOK) == "4m"
    assert flows.under_way(SUMMARY, LOOK) == ""
    assert flows.usual_words(SUMMARY, LOOK) == "none"


def test_the_next_run_is_said_with_its_time_and_that_it_should_have_been() -> None:
    assert flows.next_words(SUMMARY, LOOK) == "to end well by 10:10, in 40m"
    late = replace(SUMMARY, expected_by=NOW - timedelta(minutes=5))
    assert flows.next_words(late, LOOK) == "should have ended well by 09:25, 5m ago"
    assert "expect_every" in flows.next_words(replace(SUMMARY, expected_by=None), LOOK)


@pytest.mark.parametrize(
    ("summary", "state", "words"),
    [
        (replace(SUMMARY, overdue=True, why_overdue="its last good run ended 3h ago"),
         "▲ OVERDUE", "its last good run ended 3h ago"),
        (replace(SUMMARY, slow=True, last=GOING_ON), "▲ SLOW", "runs 4m, usually at most 1m"),
        (replace(SUMMARY, slow=True), "▲ SLOW", "took 30s, usually at most 1m"),
        (replace(SUMMARY, slow=True, last=replace(RUN, state=RunState.FAILED)), "✖ FAILED", "took"),
        (replace(SUMMARY, last=None), "? NEVER RAN", ""),
        (SUMMARY, "● COMPLETED", ""),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_flow_is_said_in_words(
    summary: FlowSummary, state: str, words: str
) -> None:
    assert flows.flow_state(summary, LOOK)[0] == state
    assert words in flows.flow_words(summary, LOOK)
    assert bool(words) is bool(flows.flow_words(summary, LOOK))


def test_a_skipped_run_is_no_failure() -> None:
    skipped = replace(RUN, id=-3, state=RunState.SKIPPED, duration_s=None, exit_code=None)
    assert "– SKIPPED" in said(flows.run_rows([skipped], LOOK))


@pytest.mark.parametrize("width", [40, 60, 80, 110, 200])
@pytest.mark.parametrize("glyphs", [UNICODE, ASCII])
def test_a_flows_page_fits_its_terminal(width: int, glyphs: Glyphs) -> None:
    look = replace(LOOK, width=width, glyphs=glyphs)
    long = replace(SUMMARY, label="l" * 60, overdue=True, why_overdue="it is late " * 20)
    runs = [
        replace(RUN, started_at=NOW - timedelta(hours=n), duration_s=n * 3.0) for n in range(90)
    ]
    runs[3] = replace(runs[3], state=RunState.FAILED)
    lines = [*flow_panel.head_lines(long, look), *flow_panel.week_lines(long, runs, look)]
    lines += [row.line for row in flows.summary_rows([SUMMARY], look)] if width >= 60 else []
    for line in lines:
        text = text_of(line)
        assert width_of(text) <= width or "l" * 60 in text, text
        assert glyphs is UNICODE or text.isascii()


def test_the_plot_of_durations_says_where_it_begins_when_there_are_more_runs() -> None:
    runs = [replace(RUN, started_at=NOW - timedelta(minutes=n)) for n in range(30)]
    assert "the newest 30" in said(flow_panel.week_lines(SUMMARY, runs, LOOK, is_cut=True))
    assert "took, 7 days" in said(flow_panel.week_lines(SUMMARY, runs, LOOK))


def test_failed_runs_have_a_sign_of_their_own_in_the_plot() -> None:
    bad = replace(RUN, state=RunState.TIMED_OUT, started_at=NOW - timedelta(days=2))
    text = said(flow_panel.week_lines(SUMMARY, [RUN, bad], LOOK))
    assert "• ended well" in text
    assert "+ not well" in text
    assert "▲ WARNING  from 1m" in text


@pytest.fixture
def desk(make_desk: Callable[..., Desk], clock: VirtualClock) -> Desk:
    """Two days of hourly runs of one flow, two of which failed, and one that goes on."""
    desk = make_desk('[flows.bars]\nlabel = "Daily bars"\nexpect_every = "2h"\nusual = "1m"\n')
    now = clock.now()
    with desk.state.write() as transaction:
        for hour in range(48, 0, -1):
            bad = hour in (10, 20)
            at = now - timedelta(hours=hour)
            run = FlowRun(
                *(0, "bars", RunState.FAILED if bad else RunState.COMPLETED, at),
                *(at + timedelta(seconds=20), 20.0, int(bad), f"hour {hour}\n\x1b[31mdone"),
            )
            records.insert(transaction, run, this_process())
        going_on = replace(GOING_ON, started_at=now - timedelta(minutes=4), tail="")
        records.insert(transaction, going_on, this_process())
    return desk


@pytest.mark.slow
@pytest.mark.parametrize("size", [(80, 24), (200, 60)])
async def test_enter_on_a_flow_shows_its_week_and_on_a_run_the_end_of_its_output(
    desk: Desk, show: Show, size: tuple[int, int]
) -> None:
    async with show(desk, *size) as pilot:
        await press(pilot, "3")
        await until(pilot, "4m of 1m")
        assert "▲ SLOW" in screen_text(pilot)
        await press(pilot, "enter")
        await until(pilot, "Day by day")
        text = screen_text(pilot)
        for word in ("Daily bars", "for 4m, longer than the usual 1m", "to end well by"):
            assert word in text
        await press(pilot, "j", "j")
        await until(pilot, "● COMPLETED")
        await press(pilot, "enter")
        await until(pilot, "The end of its output")
        assert "hour 1" in screen_text(pilot)
        await press(pilot, "q", "q")
        await until(pilot, "Flows  1 flow")


@pytest.mark.slow
async def test_a_flows_page_keeps_the_runs_with_the_filters_words(desk: Desk, show: Show) -> None:
    async with show(desk, 120, 40) as pilot:
        await press(pilot, "3", "enter")
        await until(pilot, "49 runs, newest first")
        await press(pilot, "slash", *"failed", "enter")
        assert "2 runs, newest first" in screen_text(pilot)


@pytest.mark.slow
async def test_a_flows_page_follows_what_happens(desk: Desk, show: Show) -> None:
    async with show(desk, 120, 40) as pilot:
        await press(pilot, "3", "enter")
        await until(pilot, "49 runs, newest first")
        now = desk.clock.now()
        run = FlowRun(0, "bars", RunState.COMPLETED, now, now, 1.0, 0, "new")
        with desk.state.write() as transaction:
            records.insert(transaction, run, this_process())
        await until(pilot, "50 runs, newest first")


@pytest.mark.slow
async def test_in_ascii_the_flows_are_ascii(desk: Desk, show: Show) -> None:
    async with show(desk, 120, 40, ascii=True) as pilot:
        for keys in (["3"], ["enter"]):
            await press(pilot, *keys)
            assert [line for line in screen_text(pilot).splitlines() if not line.isascii()] == []


@pytest.mark.slow
async def test_x_on_a_flow_opens_the_dry_run_that_takes_its_last_change_back(
    make_desk: Callable[..., Desk], tmp_path: Path, clock: VirtualClock, show: Show
) -> None:
    toml = f"{ROLLBACK}[flows.reweight]\n[flows.other]\n"
    desk, history = rollback_desk(make_desk, tmp_path / "desk", clock, toml=toml)
    async with show(desk, 140, 40) as pilot:
        await press(pilot, "3", "x")
        await until(pilot, "rollback > reweight")
        await until(pilot, "revert   flows/reweight.py")
        assert "strategy.max_gross  10.0 -> 1.0" in screen_text(pilot)
        assert "# faster" in (history.root / "flows/reweight.py").read_text()
        await press(pilot, "q", "j", "x")
        await until(pilot, "other is no flow of [rollback.flows]: it names reweight")


@pytest.mark.slow
async def test_x_on_a_flow_without_a_change_says_so(
    make_desk: Callable[..., Desk], tmp_path: Path, clock: VirtualClock, show: Show
) -> None:
    toml = ROLLBACK.replace('age = "30d"', 'age = "1m"') + "[flows.reweight]\n"
    desk, _ = rollback_desk(make_desk, tmp_path / "desk", clock, toml=toml)
    async with show(desk, 140, 40) as pilot:
        await press(pilot, "3", "enter", "x")
        await until(pilot, "no change of the flow reweight is known in the last")


@pytest.mark.slow
async def test_our_own_jobs_are_not_run_from_the_console(desk: Desk, show: Show) -> None:
    async with show(desk, 120, 40) as pilot:
        await press(pilot, "3", "n")
        assert "our own jobs are run by what schedules them" in screen_text(pilot)
