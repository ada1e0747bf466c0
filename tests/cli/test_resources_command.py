"""`mechexo resources`, as people read it and as scripts rely on it."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from conftest import MakeDesk
from mechexo.desk import Desk
from mechexo.resources import records
from mechexo.resources.values import Look, ProcessLook
from support.program import mechexo
from support.scripted_http import Request, Scripted, scripted_http

pytestmark = pytest.mark.slow

MINUTE = timedelta(minutes=1)
ROUTER = "[resources.processes.router]\nname = 'order-router'\n"


def keep(desk: Desk, minutes_ago: int, busy_s: float, **process: Any) -> None:
    """A look at a machine of one core, of which so many seconds were busy since it began."""
    at = datetime.now(UTC) - minutes_ago * MINUTE
    look = Look(
        at,
        "boot",
        {"memory_pct": 42.0, "disk_free_bytes:/data": 1.5e12},
        {"cpu_s:all": at.timestamp(), "cpu_s:busy": busy_s},
        {"router": ProcessLook(**process)} if process else {},
        {} if not process or process["count"] else {"process:router": "no process runs"},
    )
    with desk.state.write() as transaction:
        records.keep(transaction, look, since=at - timedelta(hours=1))


@pytest.fixture
def sampled(make_desk: MakeDesk) -> Desk:
    """A machine that was half busy in one minute and all busy in the next."""
    desk = make_desk(ROUTER)
    keep(desk, 2, 0.0, count=1, rss_bytes=5e6)
    keep(desk, 1, 30.0, count=1, rss_bytes=7e6)
    keep(desk, 0, 90.0, count=0)
    return desk


def test_the_list_says_now_and_the_hours_lowest_average_and_highest(sampled: Desk) -> None:
    told = mechexo("resources", config=sampled.config_path)
    assert told.returncode == 0, told.stderr
    (cpu,) = [line for line in told.stdout.splitlines() if line.startswith("cpu_pct")]
    now, *figures = [word for word in cpu.split()[1:] if word.endswith("%")]
    assert [float(word.rstrip("%")) for word in (now, *figures)] == pytest.approx(
        [100, 50, 75, 100], abs=0.2
    )
    assert "1.5 TB" in told.stdout
    assert "✖ MISSING  process router: no process runs" in told.stdout


def test_a_process_that_is_gone_has_no_current_memory(sampled: Desk) -> None:
    told = mechexo("resources", "--json", config=sampled.config_path)
    document = json.loads(told.stdout)
    assert document["schema"] == "mechexo.resources/1"
    metrics = {each["metric"]: each for each in document["metrics"]}
    rss = metrics["process_rss_bytes:router"]
    assert (rss["current"], rss["min"], rss["max"]) == (None, 5e6, 7e6)
    assert document["processes"] == [
        {"name": "router", "running": 0, "uptime_s": None, "detail": "no process runs"}
    ]
    assert document["outdated"] is False


def test_the_list_as_csv_leaves_a_missing_value_empty(sampled: Desk) -> None:
    told = mechexo("resources", "--csv", config=sampled.config_path)
    rows = {row["metric"]: row for row in csv.DictReader(io.StringIO(told.stdout))}
    assert rows["process_rss_bytes:router"]["current"] == ""
    assert rows["memory_pct"]["current"] == "42.0"


def test_nothing_sampled_is_unknown(make_desk: MakeDesk) -> None:
    told = mechexo("resources", config=make_desk(ROUTER).config_path)
    assert "Resources: nothing is known" in told.stdout
    assert "? UNKNOWN  nobody has looked at this machine lately" in told.stdout
    assert "? UNKNOWN  process router: not looked at yet" in told.stdout


def test_an_old_sample_is_said_to_be_old(make_desk: MakeDesk) -> None:
    desk = make_desk()
    keep(desk, 20, 0.0)
    told = mechexo("resources", config=desk.config_path)
    assert "? UNKNOWN  as of 20m ago: no tick has looked since" in told.stdout


def test_an_old_sample_says_nothing_of_now(make_desk: MakeDesk) -> None:
    desk = make_desk(ROUTER)
    keep(desk, 20, 0.0, count=1)
    told = mechexo("resources", config=desk.config_path)
    assert "RUNS" not in told.stdout
    assert "? UNKNOWN  process router: 1 running at the last look" in told.stdout
    told = mechexo("resources", "--csv", config=desk.config_path)
    rows = {row["metric"]: row for row in csv.DictReader(io.StringIO(told.stdout))}
    assert (rows["memory_pct"]["current"], rows["memory_pct"]["max"]) == ("", "42.0")
    told = mechexo("resources", "history", "memory_pct", config=desk.config_path)
    assert told.stdout.startswith("memory_pct: not known: no tick has looked since")
    told = mechexo("resources", "history", "memory_pct", "--json", config=desk.config_path)
    document = json.loads(told.stdout)
    assert (document["current"], document["max"]) == (None, 42.0)
    assert "no tick has looked since" in document["why"]


def test_history_draws_a_metric(sampled: Desk) -> None:
    told = mechexo("resources", "history", "cpu_pct", config=sampled.config_path)
    assert told.returncode == 0, told.stderr
    assert told.stdout.splitlines()[0].startswith("cpu_pct: ")
    assert "•" in told.stdout
    assert "min " in told.stdout


def test_history_gives_scripts_its_points_and_null_where_there_is_none(sampled: Desk) -> None:
    told = mechexo("resources", "history", "cpu_pct", "--json", config=sampled.config_path)
    document = json.loads(told.stdout)
    assert document["schema"] == "mechexo.resources_history/1"
    values = [each["value"] for each in document["points"]]
    assert values[0] is None
    assert values[1:] == pytest.approx([50, 100], abs=0.2)
    told = mechexo("resources", "history", "cpu_pct", "--csv", config=sampled.config_path)
    rows = list(csv.reader(io.StringIO(told.stdout)))
    assert rows[0] == ["at", "value"]
    assert [row[1] == "" for row in rows[1:]] == [True, False, False]


def test_a_metric_nobody_knows_is_a_usage_error(sampled: Desk) -> None:
    told = mechexo("resources", "history", "cpu", config=sampled.config_path)
    assert told.returncode == 2
    assert "did you mean cpu_pct?" in told.stderr


def answer(request: Request) -> tuple[int, Any]:
    """A server that knows one rising series, refuses a broken query, and finds nothing else."""
    if request.query["query"] == "broken{":
        return 400, {"status": "error", "errorType": "bad_data", "error": "parse error"}
    series = []
    if request.query["query"] == "latency":
        start, step = float(request.query["start"]), float(request.query["step"])
        values = [[start + place * step, str(0.1 * place)] for place in range(7)]
        series = [{"metric": {"venue": "XNYS"}, "values": values}]
    data = {"resultType": "matrix", "result": series}
    return 200, {"status": "success", "data": data, "warnings": ["one store is gone"]}


@pytest.fixture
def server() -> Iterator[Scripted]:
    with scripted_http(answer) as found:
        yield found


@pytest.fixture
def plotted(make_desk: MakeDesk, server: Scripted) -> Desk:
    return make_desk(
        f"[prometheus]\nurl = '{server.url}'\n"
        "[resources.plots.latency]\nquery = 'latency'\nunit = 's'\nlegend = '{{venue}}'\n"
        "range = '6m'\nstep = '1m'\ntitle = 'Order latency'\n"
        "thresholds = [{ value = 0.5, severity = 'critical' }]\n"
        "[resources.plots.broken]\nquery = 'broken{'\n"
        "[resources.plots.empty]\nquery = 'nothing'\n"
    )


def test_a_plot_shows_values_thresholds_and_the_servers_warnings(plotted: Desk) -> None:
    told = mechexo("resources", "plot", "latency", "--refresh", config=plotted.config_path)
    assert told.returncode == 0, told.stderr
    lines = told.stdout.splitlines()
    assert lines[0] == "Order latency in s"
    assert any("✖" in line and "0.5 s" in line and "╌" in line for line in lines)
    assert "•  XNYS: 0.6 s, from 0 s to 0.6 s" in lines
    assert "✖ CRITICAL from 0.5 s: XNYS now" in lines
    assert "? Prometheus warns: one store is gone" in lines


def test_a_refused_query_and_one_that_finds_nothing_are_told_apart(plotted: Desk) -> None:
    told = mechexo("resources", "plot", "--refresh", config=plotted.config_path)
    assert told.returncode == 5
    assert "? Prometheus refused the query (400): bad_data: parse error" in told.stdout
    assert "? no data: the query found no series" in told.stdout


def test_a_plot_nobody_asked_for_yet_says_so_and_asks_nobody(
    plotted: Desk, server: Scripted
) -> None:
    told = mechexo("resources", "plot", "latency", config=plotted.config_path)
    assert "? not asked yet" in told.stdout
    assert server.asked == []


def test_a_plot_gives_scripts_one_document_and_csv(plotted: Desk) -> None:
    told = mechexo(
        "resources", "plot", "latency", "--refresh", "--json", config=plotted.config_path
    )
    document = json.loads(told.stdout)
    assert document["schema"] == "mechexo.resources_plot/1"
    (plot,) = document["plots"]
    assert plot["series"][0]["name"] == "XNYS"
    assert plot["series"][0]["values"] == pytest.approx([0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6])
    assert (plot["step_s"], plot["error"], plot["status"]) == (60.0, "", "critical")
    assert plot["thresholds"] == [{"value": 0.5, "severity": "critical", "below": False}]
    told = mechexo("resources", "plot", "latency", "--csv", config=plotted.config_path)
    rows = list(csv.DictReader(io.StringIO(told.stdout)))
    assert (len(rows), rows[-1]["plot"], rows[-1]["series"]) == (7, "latency", "XNYS")


def test_a_plot_nobody_configured_is_a_usage_error(plotted: Desk) -> None:
    told = mechexo("resources", "plot", "latencey", config=plotted.config_path)
    assert told.returncode == 2
    assert "did you mean latency?" in told.stderr


def test_a_terminal_of_ascii_alone_gets_ascii(sampled: Desk) -> None:
    ascii_only = {"LC_ALL": "C", "LANG": "C"}
    told = mechexo("resources", config=sampled.config_path, env=ascii_only)
    assert told.returncode == 0, told.stderr
    assert told.stdout.isascii()
