"""The running process: lively files, one runner to a folder, a clean end whoever ends it."""

from __future__ import annotations

import json
import os
import shlex
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.request
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from mechexo.clock import SystemClock, VirtualClock
from mechexo.config import load_settings
from mechexo.errors import BusyError, ConflictError
from mechexo.jobs import run_job
from mechexo.paper import files, trading
from mechexo.paper.build import move_gateway, write_config
from mechexo.paper.jobs import Timetable
from mechexo.paper.live import LiveMarket
from mechexo.paper.run import FLOWS, running

pytestmark = pytest.mark.slow

NOW = datetime(2026, 3, 3, 16, 0, tzinfo=UTC)


def rows(folder: Path, kind: str) -> pl.DataFrame:
    return pl.read_parquet(folder / "data" / kind / "2026-03-03.parquet")


def move(market: LiveMarket, minutes: float, start: datetime = NOW) -> datetime:
    now = start
    for _ in range(round(minutes * 20)):
        market.step(now, now + timedelta(seconds=3))
        now += timedelta(seconds=3)
    return now


def start(folder: Path, *words: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-m", "mechexo.paper.run", str(folder), *words],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def test_the_market_goes_on_where_the_files_end(paper: Path) -> None:
    before = rows(paper, "quotes")
    market = LiveMarket(paper, 7, NOW)
    move(market, 2)
    after = rows(paper, "quotes")
    assert after.height == before.height + 40 * 12
    assert after["seq"].to_list() == list(range(after.height))
    assert after["ts"].is_sorted()
    assert after["ts"].max() <= NOW + timedelta(minutes=2)
    for symbol in ("AAPL", "NEE"):
        mids = after.filter(pl.col("symbol") == symbol).select(
            (pl.col("bid") + pl.col("ask")) / 2
        ).to_series()  # fmt: skip
        assert abs(mids[-1] / mids[len(mids) - 41] - 1) < 0.02


@pytest.mark.slow
def test_fills_follow_their_quotes_and_are_booked(paper: Path) -> None:
    before, held = rows(paper, "fills").height, trading.quantities(paper)
    market = LiveMarket(paper, 7, NOW)
    end = move(market, 3)
    fills = rows(paper, "fills")
    new = fills[before:]
    assert new.height > 20
    assert fills["fill_id"].is_unique().all()
    assert new["ts"].min() > NOW
    assert new["ts"].max() <= end
    signed = pl.when(pl.col("side") == "buy").then(1).otherwise(-1) * pl.col("quantity")
    moved = dict(new.group_by("symbol").agg(signed.sum()).iter_rows())
    now_held = trading.quantities(paper)
    assert {s: now_held[s] - held[s] for s in held} == {s: moved.get(s, 0) for s in held}


@pytest.mark.slow
def test_each_new_fill_has_its_order(paper: Path) -> None:
    before = rows(paper, "orders").height
    market = LiveMarket(paper, 7, NOW)
    move(market, 3)
    market.trade("AAPL", "sell", 10, NOW + timedelta(minutes=4))
    orders, fills = rows(paper, "orders"), rows(paper, "fills")
    assert orders.height > before
    assert orders["order_id"].is_unique().all()
    assert fills["order_id"].is_in(orders["order_id"].implode()).all()


@pytest.mark.slow
def test_positions_follow_the_weights(paper: Path) -> None:
    def distance() -> float:
        held, mids = trading.quantities(paper), trading.marks(paper)
        targets = trading.target_quantities(paper, mids)
        return sum(abs(targets[s] - held[s]) * mids[s] for s in held)

    before = distance()
    # Long enough for the way there to be plainer than chance.
    move(LiveMarket(paper, 7, NOW), 15)
    assert distance() < 0.8 * before


def test_profit_is_what_the_book_and_the_fills_say(paper: Path) -> None:
    move(LiveMarket(paper, 7, NOW), 2)
    with trading.trading(paper) as connection:
        realised, unrealised, commission, total = connection.execute(
            "SELECT realised, unrealised, commission, total FROM pnl ORDER BY day DESC LIMIT 1"
        ).fetchone()
        marked = connection.execute(
            "SELECT SUM(quantity * (market_price - average_price)) FROM positions"
        ).fetchone()[0]
    assert unrealised == pytest.approx(marked, abs=1e-6)
    assert total == pytest.approx(realised + unrealised - commission)


def test_a_new_day_in_new_york_gets_its_own_files(paper: Path) -> None:
    late = datetime(2026, 3, 4, 4, 59, 57, tzinfo=UTC)
    market = LiveMarket(paper, 7, late)
    move(market, 0.2, late)
    assert (paper / "data/quotes/2026-03-04.parquet").exists()
    frame = pl.read_parquet(paper / "data/quotes/2026-03-04.parquet")
    assert frame["seq"][0] == 0


def test_a_long_sleep_of_the_machine_is_one_step(paper: Path) -> None:
    market = LiveMarket(paper, 7, NOW)
    before = market.mid("ETSY")
    market.step(NOW, NOW + timedelta(hours=9))
    assert abs(market.mid("ETSY") / before - 1) < 0.05


def test_a_clock_that_goes_back_stops_nothing(paper: Path) -> None:
    clock = VirtualClock(NOW)
    with running(paper, 7, clock) as desk:
        clock.advance(timedelta(hours=-1))
        desk.move_market()
        before = rows(paper, "quotes").height
        clock.advance(timedelta(seconds=3))
        desk.move_market()
        assert rows(paper, "quotes").height == before + 12


def test_a_reader_never_sees_half_a_file(tmp_path: Path) -> None:
    path = tmp_path / "quotes.parquet"
    files.replace_parquet(pl.DataFrame({"a": [1]}), path)
    with path.open("rb") as reader:
        files.append_parquet(pl.DataFrame({"a": [2]}), path)
        assert pl.read_parquet(reader.read())["a"].to_list() == [1]
    assert pl.read_parquet(path)["a"].to_list() == [1, 2]
    assert [each.name for each in tmp_path.glob("*quotes*")] == ["quotes.parquet"]


def test_the_gateway_says_how_the_desk_is(paper_now: Path) -> None:
    with running(paper_now, 7, SystemClock()) as desk:
        desk.move_market()
        address = f"http://127.0.0.1:{desk.gateway.port}"
        with urllib.request.urlopen(f"{address}/health", timeout=5) as answer:
            found = json.load(answer)
        assert found["gateway"] == {"status": "up"}
        assert found["trading"] == {"enabled": True}
        assert 0 < found["quota"]["used_pct"] < 30
        assert found["feed"]["age_s"] < 60
        with pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.urlopen(f"{address}/other", timeout=5)


def test_a_taken_port_is_left_and_the_new_one_written_into_the_configuration(paper: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        write_config(paper, other.getsockname()[1])
        with running(paper, 7, VirtualClock(NOW)) as desk:
            probe = load_settings(paper / "mechexo.toml").probes["tcp_gateway"]
            assert probe.options["port"] == desk.gateway.port != other.getsockname()[1]


def test_moving_the_gateway_keeps_what_a_person_set(paper: Path) -> None:
    config = paper / "mechexo.toml"
    config.write_text(config.read_text().replace('dashboard = "5m"', 'dashboard = "7m"'))
    port = load_settings(config).probes["tcp_gateway"].options["port"]
    move_gateway(paper, port, 1234)
    text = config.read_text()
    assert 'dashboard = "7m"' in text
    assert str(port) not in text
    assert text.count("127.0.0.1:1234/health") == 5


def test_a_moved_desk_s_commands_are_those_of_its_new_place(paper: Path, tmp_path: Path) -> None:
    config = paper / "mechexo.toml"
    config.write_text(config.read_text().replace('dashboard = "5m"', 'dashboard = "7m"'))
    moved = paper.rename(tmp_path / "it's moved")
    with running(moved, 7, VirtualClock(NOW)):
        pass
    text = (moved / "mechexo.toml").read_text()
    assert 'dashboard = "7m"' in text
    assert str(paper) not in text
    variables = load_settings(moved / "mechexo.toml").runbook.variables
    assert variables["DATABASE"] == str(moved / "trading.sqlite")
    halt = shlex.split(variables["HALT_COMMAND"])
    done = subprocess.run(halt, capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout == "trading is halted\n"
    assert trading.flag(moved, "trading_enabled") == "false"


def test_a_place_that_a_person_wrote_stays(paper: Path) -> None:
    config = paper / "mechexo.toml"
    text = config.read_text().replace(f'DESK_FOLDER = "{paper}"', 'DESK_FOLDER = "/srv/desk"')
    config.write_text(text)
    with running(paper, 7, VirtualClock(NOW)):
        pass
    assert load_settings(config).runbook.variables["DESK_FOLDER"] == "/srv/desk"


def test_a_long_day_takes_longer_steps(paper: Path, monkeypatch) -> None:
    monkeypatch.setattr("mechexo.paper.run.BUSY_DAY_QUOTES", 0)
    clock = VirtualClock(NOW)
    with running(paper, 7, clock) as desk:
        clock.advance(timedelta(seconds=3))
        desk.move_market()
        before = desk.market.quotes_today
        for _ in range(12):
            clock.advance(timedelta(seconds=3))
            desk.move_market()
        assert desk.market.quotes_today == before + 3 * 12


def test_a_folder_has_one_runner(paper: Path) -> None:
    with (
        running(paper, 7, VirtualClock(NOW)),
        pytest.raises(BusyError, match="runs already") as refused,
        running(paper, 7, VirtualClock(NOW)),
    ):
        pass
    config = shlex.quote(str(paper / "mechexo.toml"))
    assert str(refused.value).endswith(f"; look at it with: mechexo --config {config} console")


def test_another_folder_is_not_run(tmp_path: Path) -> None:
    with pytest.raises(ConflictError, match="no paper desk"), running(tmp_path, 7, SystemClock()):
        pass


def test_a_busy_database_is_logged_and_the_desk_goes_on(paper: Path, monkeypatch) -> None:
    clock = VirtualClock(NOW)
    with running(paper, 7, clock) as desk:

        def locked() -> None:
            raise sqlite3.OperationalError("database is locked")

        desk._careful(locked)()
        assert "failed: database is locked" in (paper / "paper.log").read_text()


def test_a_missed_round_is_not_made_up_for() -> None:
    done: list[str] = []
    table = Timetable()
    table.add("a", 10.0, lambda: done.append("a"), first_s=0.0)
    assert table.run_due(0.0) == ("a",)
    assert table.run_due(5.0) == ()
    table.run_due(65.0)
    table.run_due(65.1)
    assert done.count("a") <= 3


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_the_runner_cleanly(paper_now: Path, number: signal.Signals) -> None:
    process = start(paper_now)
    process.send_signal(number)
    assert process.wait(15) == 0
    assert (paper_now / "paper.log").read_text().rstrip().endswith("stopped")


@pytest.mark.slow
def test_the_runner_ends_when_the_process_that_started_it_is_gone(paper_now: Path) -> None:
    # A shell starts the runner, says its number and is gone.
    command = f"{sys.executable} -m mechexo.paper.run {paper_now} --parent $$ >/dev/null & echo $!"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True)
    number = int(done.stdout)
    for _ in range(200):
        try:
            os.kill(number, 0)
        except ProcessLookupError:
            break
        time.sleep(0.1)
    else:
        pytest.fail("the runner outlived its parent")
    assert "is gone" in (paper_now / "paper.log").read_text()


@pytest.mark.slow
def test_one_pass_runs_every_flow_on_record_and_two_ticks(paper_now: Path) -> None:
    from mechexo.desk import Desk
    from mechexo.flows.operations import runs

    process = start(paper_now, "--once")
    assert process.wait(60) == 0
    desk = Desk.open(paper_now / "mechexo.toml")
    found = {run.flow: run.exit_code for run in runs(desk)}
    assert found == {"data_pipeline": 0, "ml_inference": 0, "reweight": 0, "canary": 0}
    assert (paper_now / "paper.log").read_text().count("20 probes") == 2


@pytest.mark.slow
def test_a_desk_that_lay_still_is_late_with_nothing_when_it_opens_again(paper_now: Path) -> None:
    from mechexo.alerts.operations import list_alerts
    from mechexo.alerts.values import AlertState
    from mechexo.desk import Desk

    # As the last tick of an hour ago left it: every flow had checked in.
    earlier = Desk.open(
        paper_now / "mechexo.toml", clock=VirtualClock(datetime.now(UTC) - timedelta(hours=1))
    )
    for flow in FLOWS:
        run_job(earlier, flow, ["true"])
    earlier.state.close()
    process = start(paper_now)
    assert process.stdout is not None
    assert process.stdout.readline() == "opened\n"
    process.send_signal(signal.SIGTERM)
    assert process.wait(15) == 0
    desk = Desk.open(paper_now / "mechexo.toml")
    every = list_alerts(desk, states=tuple(AlertState))
    assert [alert.name for alert in every] == ["risk_limits"]


def test_each_flow_has_one_signal_that_says_it_is_late(paper: Path) -> None:
    settings = load_settings(paper / "mechexo.toml")
    assert set(settings.flows) == set(FLOWS)
    assert all(flow.expect_every for flow in settings.flows.values())
    assert not [name for name, probe in settings.probes.items() if probe.kind == "heartbeat"]


@pytest.mark.slow
def test_some_seconds_of_running_end_by_themselves_with_facts(paper_now: Path) -> None:
    from mechexo.desk import Desk
    from mechexo.desk_status import read_status

    process = start(paper_now, "--for", "10s")
    assert process.wait(60) == 0
    status = read_status(Desk.open(paper_now / "mechexo.toml"))
    assert status.ops_ok, status.reasons
    assert status.alerts.open == 1
