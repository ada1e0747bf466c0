"""CI in the console: badges in words, the runs, how old they are, and why they are not newer."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

from conftest import START
from console.driving import Show, press, screen_text, settled, until
from mechexo.clock import VirtualClock
from mechexo.config import CiSettings
from mechexo.desk import Desk
from mechexo.flows.ci import operations
from mechexo.flows.ci.rules import badges
from mechexo.flows.ci.values import CiRun, CiStanding, CiState
from mechexo.outside import Standing
from mechexo_tui.panels import ci
from mechexo_tui.widgets.format import ASCII, UNICODE, Glyphs, Look
from mechexo_tui.widgets.lines import Palette, Row, linked, opens_address, text_of, width_of
from support.ci_server import CiServer, ci_server, github_run
from support.pseudo_terminal import PseudoTerminal

PROGRAM = (
    "import sys; from pathlib import Path; from mechexo_tui.app import run; run(Path(sys.argv[1]))"
)

NOW = START + timedelta(minutes=10)
LOOK = Look(120, NOW, ZoneInfo("America/New_York"))
PAGE = "https://ci.example.com/runs/1"
TICK = timedelta(minutes=1)
SETTINGS = CiSettings(repository="desk/strategies")
RUN = CiRun(
    *("1", "tests", "main", CiState.PASSED, "completed", "success", "c0ffee" * 6, "Add a limit"),
    *(PAGE, "push", 7, 1, START, START + timedelta(minutes=2)),
)


def standing(*runs: CiRun, **more: object) -> CiStanding:
    known = CiStanding(
        name="strategies", kind="github", repository="desk/strategies", default_branch="main",
        branches=("main", "release"), badges=badges(runs, ("main", "release")), runs=runs,
        good_at=NOW - timedelta(minutes=2), asked_at=NOW, why="", standing=Standing.CLOSED,
        until=None, failures=0,
    )  # fmt: skip
    return replace(known, **more)  # type: ignore[arg-type]


def texts(rows: list[Row]) -> str:
    return "\n".join(text_of(row.line) for row in rows)


@pytest.mark.parametrize("state", CiState)
@pytest.mark.parametrize("glyphs", [UNICODE, ASCII])
def test_every_state_is_a_glyph_and_its_word(state: CiState, glyphs: Glyphs) -> None:
    sign, word = ci.ci_state(state, Look(80, NOW, LOOK.zone, glyphs))[0].split()
    assert word == state.value.upper()
    assert len(sign) == 1


def test_a_badge_says_what_decided_and_what_runs_now() -> None:
    later = {"id": "2", "started_at": START + timedelta(minutes=5), "ended_at": None}
    under_way = replace(RUN, state=CiState.RUNNING, **later)  # type: ignore[arg-type]
    said = texts(ci.badge_rows(standing(RUN, under_way), LOOK))
    for word in ("● PASSED", "▸ RUNNING", "main", "tests", "2m", "c0ffeec0ff", "Add a limit"):
        assert word in said


@pytest.mark.parametrize("width", [60, 80, 120, 200])
@pytest.mark.parametrize("glyphs", [UNICODE, ASCII])
def test_rows_fit_their_terminal(width: int, glyphs: Glyphs) -> None:
    look = Look(width, NOW, LOOK.zone, glyphs)
    long = replace(RUN, workflow="w" * 90, branch="b" * 90, title="t" * 300, link=PAGE + "x" * 300)
    found = standing(RUN, long, why="it does not answer: " + "so " * 80)
    rows = [
        *ci.repository_row(found, SETTINGS, TICK, look),
        *ci.badge_rows(found, look),
        *ci.run_rows([(found, run) for run in found.runs], look),
        *[Row(line) for line in ci.run_lines(found, long, look)],
    ]
    assert all(width_of(text_of(row.line)) <= width for row in rows)


def test_what_could_not_be_asked_is_unknown_with_the_age_of_what_is_known() -> None:
    found = standing(
        RUN, why="connection refused", standing=Standing.OPEN, failures=3,
        until=NOW + timedelta(minutes=4), good_at=NOW - timedelta(minutes=30),
    )  # fmt: skip
    said = texts(ci.repository_row(found, SETTINGS, TICK, LOOK))
    assert "? UNKNOWN  desk/strategies" in said
    assert "known 30m ago" in said
    assert "connection refused" in said
    assert "left alone for 4m after 3 failures in a row" in said


def test_a_repository_that_never_answered_has_no_age_and_no_badge() -> None:
    found = standing(why="", good_at=None)
    assert "not asked yet" in texts(ci.repository_row(found, SETTINGS, TICK, LOOK))
    assert ci.badge_rows(found, LOOK) == []


def test_all_repositories_in_one_line_say_how_many_are_how() -> None:
    good, bad = standing(RUN), standing(replace(RUN, state=CiState.FAILED))
    settings = {"strategies": SETTINGS}
    assert ci.ci_aside([good, good], settings, TICK, LOOK) == "CI 2 ok"
    silent = standing(good_at=None)
    assert ci.ci_aside([good, bad, silent], settings, TICK, LOOK) == (
        "CI 1 critical, 1 unknown of 3"
    )
    assert ci.ci_aside([], {}, TICK, LOOK) == ""


def test_a_run_in_full_has_its_commit_its_times_and_its_page() -> None:
    said = "\n".join(map(text_of, ci.run_lines(standing(RUN), RUN, LOOK)))
    for word in ("● PASSED  tests", RUN.commit, "Add a limit", "completed, success", PAGE, "push"):
        assert word in said


def test_a_link_opens_in_the_terminal_also_on_the_chosen_row() -> None:
    palette = Palette()
    for chosen in (False, True):
        strip = palette.strip((linked("tests", PAGE, "bold"),), 10, chosen=chosen)
        styles = [segment.style for segment in strip if segment.text == "tests"]
        assert [style.link for style in styles if style] == [PAGE]
    assert palette.style(linked("x", PAGE)[1]) is palette.style(linked("y", PAGE)[1])


@pytest.mark.parametrize(
    "address", ["", "javascript:alert(1)", "https://x/\x1b]0;t\x07", "https://x/ y", "file:///etc"]
)
def test_an_address_that_is_none_of_the_web_is_no_link(address: str) -> None:
    assert linked("tests", address, "bold") == ("tests", "bold")


def test_the_space_behind_a_link_in_a_table_is_none_of_it() -> None:
    [row] = [row for row in ci.run_rows([(standing(RUN), RUN)], LOOK) if row.key]
    links = [text for text, style in row.line if opens_address(style)]
    assert links == ["tests"]


@pytest.fixture
def server() -> Iterator[CiServer]:
    with ci_server() as each:
        each.runs = [github_run(7, "failure"), github_run(6)]
        yield each


@pytest.fixture
def ci_desk(make_desk: Callable[..., Desk], server: CiServer) -> Desk:
    """A desk whose tick has just asked a server of GitHub's shapes."""
    desk = make_desk(
        f'[ci.strategies]\nrepository = "desk/strategies"\nbase_url = "{server.url}"\n'
    )
    operations.look(desk, deadline_s=20.0, force=True)
    return desk


@pytest.mark.slow
@pytest.mark.parametrize("size", [(80, 24), (200, 60)])
async def test_the_ci_screen_shows_badges_and_runs_and_one_run_in_full(
    ci_desk: Desk, show: Show, size: tuple[int, int]
) -> None:
    async with show(ci_desk, *size) as pilot:
        await press(pilot, "0")
        await until(pilot, "desk/strategies")
        text = screen_text(pilot)
        for word in ("✖ CRITICAL", "✖ FAILED", "● PASSED", "CI  1 critical of 1", "2 runs"):
            assert word in text
        await press(pilot, "enter")
        await until(pilot, "ci > ")
        assert "https://github.example.com/desk/strategies/actions/runs/7" in screen_text(pilot)
        await press(pilot, "q", "slash", *"passed", "enter")
        assert "1 run," in screen_text(pilot)


@pytest.mark.slow
async def test_the_overview_says_how_ci_is(ci_desk: Desk, show: Show) -> None:
    async with show(ci_desk, 120, 50) as pilot:
        await until(pilot, "CI 1 critical of 1")
        await press(pilot, "f")
        text = screen_text(pilot)
        assert ("desk/strategies" in text) != ("▸ f" in text)


@pytest.mark.slow
async def test_a_server_that_has_gone_leaves_what_is_known_with_its_age(
    ci_desk: Desk, server: CiServer, clock: VirtualClock, show: Show
) -> None:
    server.fault = (500, {}, b"gone")
    clock.advance(timedelta(minutes=30))
    operations.look(ci_desk, deadline_s=20.0, force=True)
    async with show(ci_desk, 120, 40) as pilot:
        await press(pilot, "0")
        await until(pilot, "? UNKNOWN")
        await settled(pilot)
        text = screen_text(pilot)
        assert "known 30m ago" in text
        assert "✖ FAILED" in text


@pytest.mark.slow
@pytest.mark.terminal
def test_the_terminal_is_given_the_address_of_a_runs_page(ci_desk: Desk) -> None:
    argv = [sys.executable, "-c", PROGRAM, str(ci_desk.config_path)]
    with PseudoTerminal(argv, 120, 40, environ={"LANG": "C.UTF-8"}) as terminal:
        terminal.collect(until=lambda _: "quit" in terminal.screen, timeout_s=30)
        terminal.send("0")
        seen = terminal.collect(until=lambda data: b"actions/runs/7\x1b\\" in data, timeout_s=30)
        assert b";https://github.example.com/desk/strategies/actions/runs/7\x1b\\" in seen.data
        assert b"\x1b]8;;\x1b\\" in seen.data  # each link ends
        terminal.send("q")
