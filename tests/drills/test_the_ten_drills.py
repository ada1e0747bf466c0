"""Each of the ten entries, followed to its end on a running paper desk: its fault is let happen,
its alert fires, the match opens the entry, the read steps run green under the fault, and nothing
but the entry's own mitigation heals the desk."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from mechexo.paper import drills, trading
from support.drilling import DrilledDesk

pytestmark = pytest.mark.slow

SAFE, LOOK = "First 60 seconds", ("First 60 seconds", "Diagnosis", "Mitigation")
VERIFY = "Verify recovery"


def nothing(desk: DrilledDesk) -> None:
    """Time makes no difference to this fault."""


def quotes_grow_old(desk: DrilledDesk) -> None:
    """Minutes pass for the files of the feed that stopped."""
    for path in (desk.folder / "data/quotes").glob("*.parquet"):
        moment = path.stat().st_mtime - 120
        os.utime(path, (moment, moment))


def inference_is_due(desk: DrilledDesk) -> None:
    """The schedule runs the flow, and it fails."""
    assert desk.tool("run", "ml_inference").returncode == 1


def the_minutes_pass(desk: DrilledDesk) -> None:
    """The orders of the storm are more than a quarter of an hour old."""
    with trading.trading(desk.folder) as connection:
        connection.execute(
            "UPDATE order_counts SET minute = strftime('%Y-%m-%dT%H:%M', minute, '-3 hours')"
        )


@dataclass(frozen=True)
class Case:
    """A drill: the fault, the alert that must fire, and the steps of the branch that fits it."""

    fault: str
    alert: str
    safe: tuple[str, ...]
    mitigation: tuple[str, ...]
    then: tuple[str, ...] = ("resume",)
    time_passes: Callable[[DrilledDesk], None] = nothing
    afterwards: Callable[[DrilledDesk], None] = nothing


CASES = (
    Case("gateway_down", "gateway_health", ("halt",), ("save-log", "start")),
    Case(
        "damaged_database",
        "database_integrity",
        ("halt", "stop-writers"),
        ("copy", "restore", "halt-again", "start-writers", "rerun-flows"),
    ),
    Case("halted_trading", "trading_enabled", ("cancel-all",), ()),
    Case("risk_breach", "gross_exposure", ("halt", "cancel-all"), ("reduce",)),
    Case(
        "stale_feed",
        "feed_fresh",
        ("halt",),
        ("restart-feed", "run-pipeline"),
        time_passes=quotes_grow_old,
    ),
    Case(
        "failing_flow",
        "ml_inference_failed",
        ("scores", "halt"),
        ("restore-model", "run-inference"),
        time_passes=inference_is_due,
    ),
    Case("slow_gateway", "gateway_latency", ("measure", "halt"), ("restart",)),
    Case("full_quota", "disk_quota", ("room", "halt"), ("move-dumps",)),
    Case(
        "reject_storm",
        "broker_rejects",
        ("halt",),
        ("cancel-all", "restart"),
        afterwards=the_minutes_pass,
    ),
    Case("ending_credential", "credential_age", ("halt",), ("renew", "restart")),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: drills.DRILLS[case.fault].entry)
def test_the_entry_is_followed_to_its_end(
    drilled: DrilledDesk, case: Case, record_property: Callable[[str, object], None]
) -> None:
    desk, entry = drilled, drills.DRILLS[case.fault].entry
    desk.tick_until(lambda: desk.run("status").returncode == 0, "a well desk")
    assert desk.open_alerts() == {}

    # The fault, its alert, and the entry that the alert leads to.
    begun = desk.tool("drill", case.fault)
    assert begun.returncode == 0, begun
    case.time_passes(desk)
    desk.tick_until(lambda: case.alert in desk.open_alerts(), case.alert)
    alert = desk.open_alerts()[case.alert]
    matched = desk.run("runbook", "match", alert.id, "--json")
    assert desk.document(matched)["id"] == entry
    opened = desk.run("incident", "open", "--alert", alert.id, "--runbook", entry, "--json")
    assert opened.returncode == 0, opened.stderr
    incident = desk.document(opened)["incident"]["id"]

    # Safe first; then everything that only looks, under the fault.
    began_s = time.monotonic()
    desk.follow(entry, case.safe, incident)
    record_property("time_to_safe_s", round(time.monotonic() - began_s, 1))
    steps = desk.steps(entry)
    looks = [s.id for s in steps if s.risk == "read" and s.section in LOOK]
    desk.follow(entry, [each for each in looks if each not in case.safe], incident)
    assert drills.noted(desk.folder) == case.fault

    # The mitigation heals it, and what follows says so.
    desk.follow(entry, case.mitigation, incident)
    desk.follow(entry, [s.id for s in steps if s.risk == "read" and s.section == VERIFY], incident)
    desk.follow(entry, case.then, incident)
    case.afterwards(desk)
    desk.tick_until(lambda: not desk.open_alerts(), "the end of every alert")
    desk.tick_until(lambda: desk.run("status").returncode == 0, "a well desk")
    desk.tick_until(lambda: drills.noted(desk.folder) is None, "the end of the drill")

    closed = desk.run("incident", "close", incident, "--text", "the desk is well")
    assert closed.returncode == 0, closed.stderr
    told = desk.run("incident", "timeline", incident, "--json").stdout
    for word in (case.alert, *case.safe, *case.mitigation, *case.then, "resolved", "closed"):
        assert word in told, f"{word} is not in the timeline"


def test_every_shipped_entry_has_a_drill_and_every_fault_is_drilled() -> None:
    shipped = {path.stem for path in Path("runbooks").glob("*-*.md")}
    assert {drills.DRILLS[case.fault].entry for case in CASES} == shipped
    assert {case.fault for case in CASES} == set(drills.DRILLS)
