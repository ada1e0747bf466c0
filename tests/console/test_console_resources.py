"""The console's screen of resources: the machine, its watched processes, plots of a Prometheus."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from conftest import START, MakeDesk
from console.driving import Show, press, screen_text, until
from mechexo.clock import VirtualClock
from mechexo.desk import Desk
from mechexo.outside import Standing
from mechexo.resources import records
from mechexo.resources.plot_values import Grid, PlotLine, PlotLook, PlotSeries, PlotStanding
from mechexo.resources.plots import points
from mechexo.resources.rules import series, summarised
from mechexo.resources.values import HostStanding, Look, ProcessLook, WatchedProcess
from mechexo_tui.panels import resources, resources_plots
from mechexo_tui.sources import GROUPS, read_parts
from mechexo_tui.widgets.format import ASCII, UNICODE
from mechexo_tui.widgets.format import Look as Shown
from mechexo_tui.widgets.lines import Line, Palette, Row, text_of, width_of
from support.scripted_http import Request, scripted_http

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
NEW_YORK = ZoneInfo("America/New_York")


def shown(width: int, *, ascii_only: bool = False) -> Shown:
    return Shown(width, START, NEW_YORK, ASCII if ascii_only else UNICODE)


def texts(rows: Sequence[Row] | Sequence[Line]) -> str:
    return "\n".join(text_of(row.line if isinstance(row, Row) else row) for row in rows)


def look_at(minutes_ago: int, *, busy: float = 0.5, router: int = 1) -> Look:
    """A look at a machine of one core that is busy so much all the time."""
    at = START - minutes_ago * MINUTE
    since_s = 1e6 - 60.0 * minutes_ago
    process = ProcessLook(1, 6e6, 12.0, 3.0, START.timestamp() - 7200, {"7@1": 0.25 * since_s})
    return Look(
        at,
        "boot",
        {"memory_pct": 41.0, "disk_free_bytes:/data": 2.5e12},
        {"cpu_s:all": since_s, "cpu_s:busy": busy * since_s, "net_sent_bytes:eth0": 1e3 * since_s},
        {"router": process if router else ProcessLook(0)},
        {"disk:/gone": "cannot be read: No such file or directory"},
    )


def standing(*, outdated: bool = False, router: int = 1) -> HostStanding:
    looks = [look_at(ago) for ago in range(59, 0, -1)] + [look_at(0, router=router)]
    found = series(looks, 3 * MINUTE)
    missing = "" if router else "no process of order-router runs"
    return HostStanding(
        at=START,
        outdated=outdated,
        since=START - HOUR,
        summaries=tuple(summarised(key, each, START, "") for key, each in found.items()),
        processes=(WatchedProcess("router", router, 7200.0 if router else None, missing),),
        problems=looks[-1].problems,
    )


def machine_text(found: HostStanding, look: Shown) -> str:
    machine = [each for each in found.summaries if not each.metric.name.startswith("process_")]
    rows = resources.metric_rows(found, machine, look)
    rows += resources.problem_rows(found, look)
    return texts(rows + resources.process_rows(found, found.processes, look))


def plot(*values: float | None, name: str = "latency", **more: Any) -> PlotStanding:
    """A plot of an hour by the minute that ends with these values."""
    grid = Grid(START - HOUR + MINUTE, MINUTE, 60)
    whole = tuple(0.1 + 0.001 * place for place in range(60 - len(values))) + values
    look = PlotLook(grid, (PlotSeries({"venue": "XNYS"}, whole),))
    known = PlotStanding(
        name=name, title="Order latency", query="latency", unit="s",
        lines=(PlotLine(0.5, "warning", False), PlotLine(0.9, "critical", False)),
        look=look, names=("XNYS",), outdated=False, good_at=START,
        points=points(look),
    )  # fmt: skip
    return replace(known, **more)


def test_the_machine_is_shown_now_and_over_the_hour() -> None:
    text = machine_text(standing(), shown(120))
    (cpu,) = [line for line in text.splitlines() if " cpu_pct " in line]
    assert cpu.split()[1] == "50.0%"
    assert "▅" in cpu
    assert "2.5 TB" in text
    assert "1 kB/s" in text
    assert "? disk:/gone: cannot be read: No such file or directory" in text


def test_a_running_process_is_shown_with_what_it_takes() -> None:
    (line,) = [each for each in machine_text(standing(), shown(120)).splitlines() if "RUNS" in each]
    for word in ("● RUNS", "router", "25.0%", "6 MB", "12", "3", "2h"):
        assert word in line


def test_a_missing_process_is_said_in_a_word_and_takes_nothing() -> None:
    text = machine_text(standing(router=0), shown(120))
    (line,) = [each for each in text.splitlines() if "MISSING" in each]
    assert "✖ MISSING" in line
    assert "MB" not in line
    assert "no process of order-router runs" in text


def test_what_nobody_renewed_has_no_current_value() -> None:
    text = machine_text(standing(outdated=True), shown(120))
    assert "? UNKNOWN  no tick has looked since" in text
    (cpu,) = [line for line in text.splitlines() if " cpu_pct " in line]
    assert cpu.split()[1] == "–"
    assert "● RUNS" not in text


def test_a_plot_has_its_thresholds_in_glyphs_and_words() -> None:
    text = texts(resources_plots.plot_rows([plot(0.6)], shown(100)))
    assert "▲ WARNING  latency  XNYS 0.6 s" in text
    assert "▲ 0.5 s" in text
    assert "▲ WARNING  from 0.5 s: XNYS now" in text


@pytest.mark.parametrize(
    ("found", "status", "said"),
    [
        (plot(0.2), "● OK", "XNYS 0.2 s"),
        (plot(0.9), "✖ CRITICAL", "XNYS 0.9 s"),
        (plot(None), "? UNKNOWN", "no data now"),
        (plot(0.2, why="connection refused", standing=Standing.OPEN), "? UNKNOWN",
         "connection refused"),
        (plot(0.2, outdated=True), "? UNKNOWN", "not asked lately"),
        (plot(look=None, points=(), names=()), "? UNKNOWN", "not asked yet"),
        (plot(look=PlotLook(Grid(START, MINUTE, 1)), points=(), names=()), "? UNKNOWN",
         "no data: the query found no series"),
        (plot(0.2, lines=()), "–", "XNYS 0.2 s"),
    ],
)  # fmt: skip
def test_a_plot_without_a_fresh_answer_is_never_ok(
    found: PlotStanding, status: str, said: str
) -> None:
    row = resources_plots.plot_rows([found], shown(100))[1]
    assert row.key == "plot:latency"
    assert text_of(row.line).strip().startswith(status)
    assert said in text_of(row.line)


def test_an_old_plot_is_drawn_with_why_and_how_old_it_is() -> None:
    old = plot(0.2, why="connection refused", good_at=START - HOUR, outdated=True)
    text = texts(resources_plots.plot_lines(old, shown(100)))
    assert "? UNKNOWN  connection refused" in text
    assert "? UNKNOWN  as of 1h ago" in text
    assert "XNYS" in text


def test_on_a_wide_terminal_two_plots_stand_beside_each_other() -> None:
    pair = [plot(0.2, name="one", title="One"), plot(0.3, name="two", title="Two")]
    wide = texts(resources_plots.plot_rows(pair, shown(200))).splitlines()
    assert any("One" in line and "Two" in line for line in wide)
    narrow = texts(resources_plots.plot_rows(pair, shown(80))).splitlines()
    assert not any("One" in line and "Two" in line for line in narrow)


@pytest.mark.parametrize("width", [60, 80, 120, 139, 140, 200])
@pytest.mark.parametrize("ascii_only", [False, True])
def test_no_line_is_wider_than_the_screen_and_ascii_stays_ascii(
    width: int, ascii_only: bool
) -> None:
    look = shown(width, ascii_only=ascii_only)
    several = plot(0.6, why="connection refused: " + "word " * 40)
    rows = resources_plots.plot_rows([plot(0.6), several, plot(None)], look)
    for found in (standing(), standing(router=0), standing(outdated=True)):
        rows += resources.metric_rows(found, found.summaries, look)
        rows += resources.problem_rows(found, look)
        rows += resources.process_rows(found, found.processes, look)
    palette = Palette(ascii_only=ascii_only)
    for row in rows:
        assert width_of(text_of(row.line)) <= width, text_of(row.line)
        painted = palette.strip(row.line, width).text
        assert painted.isascii() or not ascii_only, painted


def test_a_metric_alone_is_a_plot_with_its_average() -> None:
    found = standing()
    (cpu,) = [each for each in found.summaries if each.metric.key == "cpu_pct"]
    text = texts(resources_plots.metric_lines(cpu, found, shown(100)))
    assert "cpu_pct" in text
    assert "average 50.0%" in text
    old = texts(resources_plots.metric_lines(cpu, standing(outdated=True), shown(100)))
    assert "? UNKNOWN  no tick has looked since" in old


PLOTS = """
[resources.processes.router]
name = "order-router"
[prometheus]
url = "{url}"
[resources.plots.latency]
query = "latency"
title = "Order latency"
range = "10m"
step = "1m"
unit = "s"
legend = "{{{{venue}}}}"
thresholds = [{{ value = 0.5, severity = "warning" }}]
"""


def answer(request: Request) -> tuple[int, Any]:
    start, step = float(request.query["start"]), float(request.query["step"])
    values = [[start + place * step, str(0.06 * place)] for place in range(11)]
    result = [{"metric": {"venue": "XNYS"}, "values": values}]
    return 200, {"status": "success", "data": {"resultType": "matrix", "result": result}}


def sampled(desk: Desk) -> Desk:
    for ago in range(10, -1, -1):
        with desk.state.write() as transaction:
            records.keep(transaction, look_at(ago), since=START - HOUR)
    return desk


@pytest.mark.slow
@pytest.mark.parametrize("size", [(80, 24), (200, 60)])
async def test_the_screen_shows_all_of_it_and_enter_opens_each(
    make_desk: MakeDesk, clock: VirtualClock, show: Show, size: tuple[int, int]
) -> None:
    from mechexo.resources import plot_operations

    with scripted_http(answer) as server:
        desk = sampled(make_desk(PLOTS.format(url=server.url)))
        plot_operations.look(desk, deadline_s=20.0)
        asked = len(server.asked)
        async with show(desk, *size) as pilot:
            await press(pilot, "5")
            await until(pilot, "This machine")
            for key, words in (
                ("metric:cpu_pct", ("cpu_pct", "average")),
                ("process:router", ("process_cpu_pct:router",)),
                ("plot:latency", ("Order latency", "▲ 0.5 s", "XNYS")),
            ):
                pilot.app.screen.choose_row(key)  # type: ignore[attr-defined]
                await press(pilot, "enter")
                for word in words:
                    await until(pilot, word)
                await press(pilot, "q")
            await press(pilot, "r")
    # What the console shows comes from the state file: it never waits for a Prometheus.
    assert len(server.asked) == asked == 1


@pytest.mark.slow
async def test_a_plot_that_is_open_follows_what_becomes_known(
    make_desk: MakeDesk, clock: VirtualClock, show: Show
) -> None:
    desk = sampled(make_desk(PLOTS.format(url="http://127.0.0.1:1")))
    async with show(desk) as pilot:
        await press(pilot, "5")
        await until(pilot, "This machine")
        pilot.app.screen.choose_row("metric:memory_pct")  # type: ignore[attr-defined]
        await press(pilot, "enter")
        await until(pilot, "average 41.0%")
        clock.advance(MINUTE)
        later = replace(look_at(-1), gauges={"memory_pct": 89.0})
        with desk.state.write() as transaction:
            records.keep(transaction, later, since=START - HOUR)
        await press(pilot, "r")
        await until(pilot, "average 45.0%")


@pytest.mark.slow
async def test_the_filter_keeps_what_has_its_words(make_desk: MakeDesk, show: Show) -> None:
    desk = sampled(make_desk(PLOTS.format(url="http://127.0.0.1:1")))
    async with show(desk, 120, 40) as pilot:
        await press(pilot, "5", "slash", *"disk", "enter")
        await until(pilot, "/disk")
        assert "disk_free_bytes:/data" in screen_text(pilot)
        assert "cpu_pct" not in screen_text(pilot)


def test_a_prometheus_that_hangs_slows_no_reading_of_the_console(make_desk: MakeDesk) -> None:
    asked = threading.Event()

    def hang(_: Request) -> tuple[int, Any]:
        asked.set()
        threading.Event().wait(30)
        return 500, None

    with scripted_http(hang) as server:
        desk = sampled(make_desk(PLOTS.format(url=server.url)))
        found = read_parts(desk, GROUPS["state"])
    assert (found["plots"].error, found["machine"].error) == ("", "")
    assert [each.why for each in found["plots"].value] == [""]
    assert not asked.is_set()
