"""Faults for drills: real, seen from outside, and mended by nothing but what a person does."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from mechexo.clock import SystemClock
from mechexo.config import load_settings
from mechexo.paper import backups, credentials, drills, trading
from mechexo.paper.gateway_service import LOG
from mechexo.paper.run import PaperDesk, running
from support.serving import until

pytestmark = pytest.mark.slow

NOW = SystemClock().now()
MENDED_BY = {
    "gateway_down": ["gateway start"],
    "slow_gateway": ["gateway restart"],
    "stale_feed": ["feed restart"],
    "risk_breach": ["reduce"],
    "reject_storm": ["gateway restart"],
    "ending_credential": ["renew-credential", "gateway restart"],
}
IN_FILES = ("damaged_database", "failing_flow", "full_quota", "halted_trading", "ending_credential")


@pytest.fixture
def live(paper_now: Path) -> Iterator[PaperDesk]:
    with running(paper_now, 7, SystemClock()) as desk:
        desk.back_up()
        desk.move_market()
        yield desk


def stands(desk: PaperDesk, name: str) -> bool:
    return drills.DRILLS[name].stands(desk.stage, desk.clock.now())


def ask(desk: PaperDesk, request: str) -> str:
    ok, said = desk.supervisor.do(request.split(), desk.clock.now())
    assert ok, said
    return said


def health(desk: PaperDesk) -> dict[str, dict[str, object]]:
    address = f"http://127.0.0.1:{desk.gateway.port}/health"
    with urllib.request.urlopen(address, timeout=20) as answer:
        found: dict[str, dict[str, object]] = json.load(answer)
    return found


@pytest.mark.parametrize("name", sorted(drills.DRILLS))
def test_a_drilled_fault_stands_whatever_passes(live: PaperDesk, name: str) -> None:
    assert not stands(live, name)
    assert ask(live, f"drill {name}").startswith("drill: ")
    live.heal_fault()
    for _ in range(3):
        live.move_market()
    assert stands(live, name)
    assert drills.mended(live.stage, live.clock.now()) is None
    assert drills.noted(live.folder) == name


@pytest.mark.parametrize("name", sorted(MENDED_BY))
def test_what_the_entry_asks_for_mends_it(live: PaperDesk, name: str) -> None:
    ask(live, f"drill {name}")
    for request in MENDED_BY[name]:
        assert stands(live, name)
        ask(live, request)
    assert not stands(live, name)
    assert drills.mended(live.stage, live.clock.now()) == name
    assert drills.noted(live.folder) is None


@pytest.mark.parametrize("name", IN_FILES)
def test_a_fault_in_the_files_outlives_the_runner(paper_now: Path, name: str) -> None:
    with running(paper_now, 7, SystemClock()) as desk:
        desk.back_up()
        ask(desk, f"drill {name}")
    with running(paper_now, 7, SystemClock()) as desk:
        assert stands(desk, name)
        assert drills.noted(paper_now) == name


def test_one_drill_at_a_time(live: PaperDesk) -> None:
    ask(live, "drill stale_feed")
    ok, said = live.supervisor.do(["drill", "full_quota"], live.clock.now())
    assert not ok
    assert said == "the drill stale_feed is not over; its runbook entry mends it"
    assert not stands(live, "full_quota")


def test_a_drill_ends_the_fault_that_came_by_chance(live: PaperDesk) -> None:
    live.begin_fault("full_quota")
    ask(live, "drill stale_feed")
    assert not stands(live, "full_quota")
    assert stands(live, "stale_feed")


def test_what_nobody_does_is_refused(live: PaperDesk) -> None:
    for words in (["drill", "earthquake"], ["gateway", "explode"], []):
        assert live.supervisor.do(words, live.clock.now())[0] is False


def test_no_fault_comes_by_chance_while_a_drill_stands_or_on_a_calm_desk(live: PaperDesk) -> None:
    assert not live._spares(None)
    ask(live, "drill stale_feed")
    assert live._spares(None)
    # One that stands already is healed in its time.
    assert not live._spares(12.0)
    ask(live, "feed restart")
    drills.mended(live.stage, live.clock.now())
    live.calm = True
    assert live._spares(None)


def test_a_gateway_that_died_refuses_connections_and_says_how_it_ended(live: PaperDesk) -> None:
    assert health(live)["gateway"] == {"status": "up"}
    ask(live, "drill gateway_down")
    with pytest.raises(urllib.error.URLError, match="refused"):
        health(live)
    ok, said = live.supervisor.do(["gateway", "status"], live.clock.now())
    assert not ok
    assert said.startswith("gateway: not running, was killed by signal 9 at ")
    assert "was killed by signal 9" in (live.folder / LOG).read_text()
    ask(live, "gateway start")
    assert health(live)["gateway"] == {"status": "up"}


def test_without_a_gateway_nothing_is_booked(live: PaperDesk) -> None:
    ask(live, "gateway stop")
    quotes, before = live.market.quotes_today, book(live)
    for _ in range(3):
        live.move_market()
    assert book(live) == before
    assert live.market.quotes_today > quotes


def book(desk: PaperDesk) -> list[tuple[object, ...]]:
    with trading.trading(desk.folder) as connection:
        return connection.execute("SELECT symbol, quantity, updated_at FROM positions").fetchall()


def test_the_gateway_ends_with_the_runner_that_was_killed(paper_now: Path) -> None:
    with running(paper_now, 7, SystemClock()) as desk:
        process = desk.gateway._process
        assert process is not None
        assert process.stdin is not None
        # As the kernel closes it when the runner is gone.
        process.stdin.close()
        assert process.wait(30) == 0


def test_a_damaged_page_is_what_the_integrity_check_says_and_the_gateway_lives(
    live: PaperDesk,
) -> None:
    ask(live, "drill damaged_database")
    assert not backups.whole(live.folder / trading.DATABASE)
    assert health(live)["trading"] == {"enabled": True}
    live.move_market()


def test_a_backup_is_whole_and_a_damaged_database_is_never_one(live: PaperDesk) -> None:
    (first,) = (live.folder / "backups").glob("*.sqlite")
    assert backups.whole(first)
    ask(live, "drill damaged_database")
    assert "no backup of it" in backups.back_up(live.folder, NOW + timedelta(hours=1))
    assert list((live.folder / "backups").glob("*.sqlite")) == [first]
    with closing(sqlite3.connect(first)) as connection:
        assert connection.execute("SELECT COUNT(*) FROM positions").fetchone() == (12,)


def test_the_newest_five_backups_are_kept(live: PaperDesk) -> None:
    for hour in range(8):
        assert backups.back_up(live.folder, NOW + timedelta(hours=hour + 1)) == ""
    kept = sorted((live.folder / "backups").glob("*.sqlite"))
    assert len(kept) == backups.KEEP
    assert kept[-1].name == f"trading-{NOW + timedelta(hours=8):%Y%m%dT%H%M%SZ}.sqlite"


def test_the_key_is_readable_by_its_owner_alone_and_is_never_shown(live: PaperDesk) -> None:
    path = live.folder / credentials.CREDENTIAL
    assert path.stat().st_mode & 0o777 == 0o600
    command = load_settings(live.folder / "mechexo.toml").runbook.variables["CREDENTIALS_COMMAND"]
    said = subprocess.run(command, shell=True, capture_output=True, text=True, check=True).stdout
    key = json.loads(path.read_text())
    assert key["key_id"] in said
    assert key["secret"] not in said
    assert "mode 600" in said


def test_a_new_key_counts_from_the_next_start_of_the_gateway(live: PaperDesk) -> None:
    ask(live, "drill ending_credential")
    ask(live, "renew-credential")
    assert float(str(health(live)["credential"]["days_left"])) < 2
    ask(live, "gateway restart")
    assert float(str(health(live)["credential"]["days_left"])) > 80


def test_a_desk_that_lay_still_for_months_gets_a_new_key(paper: Path) -> None:
    # It was built long ago, with a key of its time.
    with running(paper, 7, SystemClock()) as desk:
        assert (desk.gateway.ends_at - desk.clock.now()).days >= 89


def test_the_tool_of_a_desk_that_does_not_run_says_so(paper_now: Path) -> None:
    command = load_settings(paper_now / "mechexo.toml").runbook.variables["RESTART_FEED_COMMAND"]
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == "desk: this desk does not run now; mechexo demo starts it\n"


def test_a_tool_is_answered_by_the_runner(live: PaperDesk) -> None:
    command = load_settings(live.folder / "mechexo.toml").runbook.variables[
        "GATEWAY_STATUS_COMMAND"
    ]
    asked = subprocess.Popen(command, shell=True, stdout=subprocess.PIPE, text=True)
    until(lambda: live.serve_requests() or asked.poll() is not None, "the answer")
    assert asked.returncode == 0
    assert asked.communicate()[0].startswith("gateway: running, process ")
    assert list((live.folder / "requests").iterdir()) == []


def test_stopped_writers_start_no_flow_until_they_are_on_again(live: PaperDesk) -> None:
    ask(live, "writers stop")
    live.jobs.flow("canary")
    assert not live.jobs.busy()
    assert not live.gateway.running
    ask(live, "writers start")
    assert live.gateway.running
    live.jobs.flow("canary")
    assert live.jobs.busy()
