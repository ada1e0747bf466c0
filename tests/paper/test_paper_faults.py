"""Faults are seen by the desk's own probes through the real health wing, and they heal."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mechexo.alerts import operations as alerts
from mechexo.alerts.values import Alert
from mechexo.clock import SystemClock
from mechexo.desk import Desk
from mechexo.health.operations import run_due
from mechexo.health.values import Status
from mechexo.paper import faults, trading
from mechexo.paper.run import PaperDesk, running
from mechexo.watch import tick
from support.paper_flows import ml_inference

pytestmark = pytest.mark.slow


SEEN_BY = {
    "stale_feed": {"feed_fresh"},
    "risk_breach": {"risk_limits", "gross_exposure"},
    "failing_flow": set(),
    "full_quota": {"disk_quota"},
    "slow_gateway": {"gateway_latency"},
    "halted_trading": {"trading_enabled"},
}
STORY = {"risk_limits"}
"""What the bad limit change breaks from the start."""


@pytest.fixture
def live(paper_now: Path) -> Iterator[PaperDesk]:
    with running(paper_now, 7, SystemClock()) as desk:
        desk.move_market()
        yield desk


def failing(folder: Path) -> set[str]:
    """The probes that fail, or cannot look, after two runs of each."""
    desk = Desk.open(folder / "mechexo.toml")
    run_due(desk, force=True)
    states = run_due(desk, force=True)
    return {state.name for state in states if state.status in (Status.CRITICAL, Status.UNKNOWN)}


def grow_old(folder: Path) -> None:
    """Time passes for the files of the feed."""
    for path in (folder / "data/quotes").glob("*.parquet"):
        moment = path.stat().st_mtime - 120
        os.utime(path, (moment, moment))


def test_a_running_desk_is_well_but_for_the_bad_limit(live: PaperDesk) -> None:
    assert failing(live.folder) == STORY


@pytest.mark.parametrize("name", sorted(SEEN_BY))
def test_a_fault_is_seen_by_its_probes_and_heals(live: PaperDesk, name: str) -> None:
    live.begin_fault(name)
    assert faults.standing(live.folder) == name
    grow_old(live.folder)
    live.move_market()
    assert failing(live.folder) == STORY | SEEN_BY[name]
    live.heal_fault()
    live.move_market()
    assert failing(live.folder) == STORY
    assert faults.standing(live.folder) is None


def test_the_damaged_model_fails_its_flow_until_it_is_mended(live: PaperDesk) -> None:
    live.begin_fault("failing_flow")
    with pytest.raises(ml_inference.BadInput, match="damaged"):
        ml_inference.run(live.folder, SystemClock().now())
    live.heal_fault()
    assert "scored" in ml_inference.run(live.folder, SystemClock().now())


def test_a_failing_flow_of_the_paper_desk_opens_exactly_one_alert(live: PaperDesk) -> None:
    desk = Desk.open(live.folder / "mechexo.toml")

    def open_alerts() -> dict[str, Alert]:
        live.jobs.flow("ml_inference", wait=True)
        for _ in range(2):
            live.move_market()
            assert tick(desk).failed == ()
        return {alert.name: alert for alert in alerts.list_alerts(desk)}

    before = open_alerts()
    live.begin_fault("failing_flow")
    after = open_alerts()
    (name,) = after.keys() - before.keys()
    assert (name, after[name].severity) == ("ml_inference_failed", "medium")
    assert after[name].runbook == "ml-degradation"
    assert after[name].summary.endswith("models/score_model.json is damaged; delete it to fit anew")
    live.heal_fault()
    assert open_alerts().keys() == before.keys()


def test_the_breach_is_unwound_share_for_share(live: PaperDesk) -> None:
    before = trading.quantities(live.folder)
    live.begin_fault("risk_breach")
    assert trading.quantities(live.folder) != before
    live.heal_fault()
    assert trading.quantities(live.folder) == before


def test_halting_does_not_undo_what_a_person_had_halted(live: PaperDesk) -> None:
    trading.set_flag(live.folder, "trading_enabled", "false", SystemClock().now())
    live.begin_fault("halted_trading")
    live.heal_fault()
    assert trading.flag(live.folder, "trading_enabled") == "false"


def test_nothing_trades_while_trading_is_halted(live: PaperDesk) -> None:
    trading.set_flag(live.folder, "trading_enabled", "false", SystemClock().now())
    before = trading.quantities(live.folder)
    for _ in range(5):
        live.move_market()
    assert trading.quantities(live.folder) == before


def test_the_ballast_takes_no_room_on_the_real_disk(live: PaperDesk) -> None:
    live.begin_fault("full_quota")
    found = (live.folder / faults.BALLAST).stat()
    assert found.st_size > 0.8 * faults.QUOTA_BYTES
    assert found.st_blocks * 512 < 100_000


def test_a_runner_that_was_killed_heals_at_its_next_start(paper_now: Path) -> None:
    with running(paper_now, 7, SystemClock()) as desk:
        desk.begin_fault("failing_flow")
        note = (paper_now / faults.NOTE).read_text()
        broken = (paper_now / faults.MODEL).read_text()
    # As a SIGKILL would have left it.
    whole = (paper_now / faults.MODEL).read_text()
    (paper_now / faults.NOTE).write_text(note)
    (paper_now / faults.MODEL).write_text(broken)
    with running(paper_now, 7, SystemClock()):
        assert (paper_now / faults.MODEL).read_text() == whole
    assert "healed after the last run was cut off" in (paper_now / "paper.log").read_text()


@given(st.integers(0, 5000))
def test_a_seed_s_faults_never_overlap_and_every_kind_comes_once_a_round(seed: int) -> None:
    plan = faults.schedule(seed)
    first = [next(plan) for _ in range(2 * len(faults.FAULTS))]
    half = len(faults.FAULTS)
    assert {each.name for each in first[:half]} == {each.name for each in first[half:]}
    for earlier, later in pairwise(first):
        assert later.at_s >= earlier.at_s + earlier.lasts_s + 59
    assert 25 <= first[0].at_s <= 40


def test_a_seed_has_its_own_faults() -> None:
    def opening(seed: int) -> list[faults.Planned]:
        plan = faults.schedule(seed)
        return [next(plan) for _ in range(3)]

    assert opening(1) == opening(1)
    assert opening(1) != opening(2)
