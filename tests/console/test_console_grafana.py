"""The Grafana screen: dashboards as links, annotations, panels; asked of a documented stub."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest

from conftest import MakeDesk
from console.driving import Show, press, screen_text, until
from mechexo.clock import VirtualClock
from mechexo.desk import Desk
from mechexo.grafana import operations as grafana
from mechexo.grafana_annotations import annotate
from mechexo.incidents import operations as incidents
from mechexo_tui.panels.grafana import panel_link
from support.grafana_server import TOKEN, GrafanaServer, board, grafana_server
from support.program import command, environment
from support.pseudo_terminal import PseudoTerminal, plain

pytestmark = pytest.mark.slow

SIZES = [(80, 24), (200, 60)]
MakeGrafanaDesk = Callable[[], Desk]


@pytest.fixture
def server() -> Iterator[GrafanaServer]:
    with grafana_server() as each:
        each.found = [board(1), board(2, title="P&L today", folderTitle="Risk", tags=["pnl"])]
        panels = [{"id": 4, "title": "Order latency", "type": "timeseries"}]
        each.boards["board1"] = {"title": "Board 1", "panels": panels}
        yield each


@pytest.fixture
def grafana_desk(
    make_desk: MakeDesk, server: GrafanaServer, monkeypatch: pytest.MonkeyPatch
) -> Desk:
    monkeypatch.setenv("GRAFANA_TOKEN", TOKEN)
    return make_desk(f'[grafana]\nurl = "{server.url}"\ntoken = "${{env:GRAFANA_TOKEN}}"\n')


@pytest.mark.parametrize(("columns", "rows"), SIZES)
async def test_it_shows_dashboards_and_how_far_they_can_be_believed(
    grafana_desk: Desk, show: Show, columns: int, rows: int
) -> None:
    grafana.look(grafana_desk, deadline_s=5.0)
    async with show(grafana_desk, columns, rows) as pilot:
        await press(pilot, "D")
        await until(pilot, "P&L today")
        text = screen_text(pilot)
        assert "OK  2 dashboards, as of 0s ago" in text
        assert "Risk" in text
        assert "0 written" in text


async def test_one_that_does_not_answer_is_unknown_beside_the_last_list(
    grafana_desk: Desk, server: GrafanaServer, show: Show, clock: VirtualClock
) -> None:
    grafana.look(grafana_desk, deadline_s=5.0)
    clock.advance(timedelta(minutes=10))
    server.fault = (503, {}, b"")
    grafana.look(grafana_desk, deadline_s=5.0)
    async with show(grafana_desk) as pilot:
        await press(pilot, "D")
        await until(pilot, "Board 1")
        assert "UNKNOWN  answered 503; 2 dashboards, as of 10m ago" in screen_text(pilot)


async def test_it_can_be_asked_now(grafana_desk: Desk, show: Show, server: GrafanaServer) -> None:
    async with show(grafana_desk) as pilot:
        await press(pilot, "D")
        await until(pilot, "not known yet; a asks now")
        assert server.requests == []
        await press(pilot, "a")
        await until(pilot, "Board 1")


async def test_annotations_that_could_not_be_written_are_named(
    grafana_desk: Desk, show: Show, server: GrafanaServer
) -> None:
    incidents.open_incident(grafana_desk, title="Feed is stale", severity="SEV1")
    server.fault = (403, {}, b'{"message": "no permission"}')
    annotate(grafana_desk, deadline_s=5.0)
    async with show(grafana_desk, 120, 40) as pilot:
        await press(pilot, "D")
        await until(pilot, "incident-1 failing: answered 403")


async def test_words_keep_dashboards_and_enter_lists_the_panels_of_one(
    grafana_desk: Desk, show: Show
) -> None:
    grafana.look(grafana_desk, deadline_s=5.0)
    async with show(grafana_desk) as pilot:
        await press(pilot, "D")
        await until(pilot, "P&L today")
        await press(pilot, "slash", *"trading", "enter")
        assert "P&L today" not in screen_text(pilot)
        await press(pilot, "enter")
        await until(pilot, "Order latency")
        assert "grafana > Board 1" in screen_text(pilot)
        await press(pilot, "enter")
        await until(pilot, "no terminal to show a picture in")
        await press(pilot, "q")
        await until(pilot, "Dashboards")


async def test_panels_that_cannot_be_had_are_said(
    grafana_desk: Desk, show: Show, server: GrafanaServer
) -> None:
    grafana.look(grafana_desk, deadline_s=5.0)
    server.boards.clear()
    async with show(grafana_desk) as pilot:
        await press(pilot, "D")
        await until(pilot, "Board 1")
        await press(pilot, "enter")
        await until(pilot, "UNKNOWN  the panels: Grafana has no dashboard")


async def test_y_copies_the_address(grafana_desk: Desk, show: Show, server: GrafanaServer) -> None:
    grafana.look(grafana_desk, deadline_s=5.0)
    async with show(grafana_desk, 120, 40) as pilot:
        await press(pilot, "D")
        await until(pilot, "P&L today")
        await press(pilot, "y")
        await until(pilot, f"clipboard: {server.url}/d/board2/board-2")


async def test_a_desk_without_grafana_says_what_to_write(desk: Desk, show: Show) -> None:
    async with show(desk) as pilot:
        await press(pilot, "D")
        await until(pilot, "this desk has no Grafana: write a table [grafana]")
        await press(pilot, "a", "r", "enter")
        await until(pilot, "this desk has no Grafana")


def test_a_panel_of_a_dashboard_without_an_address_has_none() -> None:
    assert panel_link("", 4) == ""
    assert panel_link("https://g.example.com/d/u/t", 4).endswith("/d/u/t?viewPanel=4")


@pytest.mark.terminal
@pytest.mark.parametrize(("columns", "rows"), SIZES)
def test_a_real_terminal_gets_hyperlinks(
    grafana_desk: Desk, server: GrafanaServer, columns: int, rows: int
) -> None:
    grafana.look(grafana_desk, deadline_s=5.0)
    argv = command("console", config=grafana_desk.config_path)
    with PseudoTerminal(argv, columns, rows, environment()) as terminal:
        terminal.collect(timeout_s=60.0, until=lambda seen: b"help" in seen)
        terminal.send("D")
        shown = terminal.collect(
            timeout_s=60.0, until=lambda _: "P&L today" in terminal.screen
        ).data
    link = rf"{server.url}/d/board2/board-2".encode()
    before = shown[: shown.index(b"P&L today")]
    assert before.rpartition(b"\x1b]8;")[2].partition(b";")[2].startswith(link + b"\x1b\\")


def after(terminal: PseudoTerminal, keys: str, text: str) -> bytes:
    """What is written after these keys, until the text is."""
    terminal.send(keys)
    shown = terminal.collect(timeout_s=60.0, until=lambda _: text in terminal.screen).data
    assert text in terminal.screen
    return shown


def picture_in(terminal: PseudoTerminal) -> bytes:
    """Opens the console's picture of a panel."""
    after(terminal, "", "help")
    after(terminal, "D", "Board 1")
    after(terminal, "j", "P&L")
    after(terminal, "\r", "Order latency")
    return after(terminal, "\r", "any key goes back")


@pytest.mark.terminal
def test_a_picture_stands_in_place_of_the_console_until_a_key_is_pressed(
    grafana_desk: Desk, server: GrafanaServer
) -> None:
    grafana.look(grafana_desk, deadline_s=5.0)
    argv = command("console", config=grafana_desk.config_path)
    with PseudoTerminal(argv, 100, 30, environment()) as terminal:
        picture = picture_in(terminal)
        assert "\N{UPPER HALF BLOCK}" in plain(picture)
        ((path, _),) = server.asked("GET", "/render/")
        assert "width=1000&height=560" in path
        # On a screen of its own: what a shell left on the first one stays.
        assert picture.rindex(b"\x1b[?1049h") > picture.rindex(b"\x1b[?1049l")
        after(terminal, " ", "Order latency")
        after(terminal, "q", "Dashboards")


@pytest.mark.terminal
def test_whoever_asks_the_console_to_end_is_heard_while_a_picture_is_shown(
    grafana_desk: Desk, server: GrafanaServer
) -> None:
    grafana.look(grafana_desk, deadline_s=5.0)
    argv = command("console", config=grafana_desk.config_path)
    with PseudoTerminal(argv, 100, 30, environment()) as terminal:
        picture_in(terminal)
        os.kill(terminal.pid, signal.SIGTERM)
        # The terminal is put back before, which somebody has to read.
        terminal.collect(timeout_s=60.0, until=lambda _: False)
        assert terminal.ended_within(60.0) is not None


@pytest.mark.terminal
def test_a_renderer_that_is_missing_is_said_at_the_foot(
    grafana_desk: Desk, server: GrafanaServer
) -> None:
    grafana.look(grafana_desk, deadline_s=5.0)
    server.renderer = False
    argv = command("console", config=grafana_desk.config_path)
    with PseudoTerminal(argv, 160, 30, environment()) as terminal:
        after(terminal, "", "help")
        after(terminal, "D", "Board 1")
        after(terminal, "j", "P&L")
        after(terminal, "\r", "Order latency")
        after(terminal, "\r", "this Grafana has no image renderer")
