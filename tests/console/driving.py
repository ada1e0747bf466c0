"""A desk with something of everything, and how the console on it is driven and read."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

from textual.pilot import Pilot

from mechexo.alerts import operations as alerts
from mechexo.clock import VirtualClock
from mechexo.desk import Desk
from mechexo.flows.values import RunState
from mechexo.health import operations as health
from mechexo.times import iso_z
from mechexo_tui.app import MechexoApp
from mechexo_tui.widgets.prompt import Prompt

TOML = """
[probes.trading_enabled]
kind = "flag"
card = "trading"
severity = "critical"
fail_after = 1
database = "sqlite:///trading.sqlite"
table = "flags"
key_column = "name"
key = "trading_enabled"
expect = true

[probes.gross_exposure]
kind = "sql"
card = "risk"
severity = "high"
fail_after = 1
database = "sqlite:///trading.sqlite"
query = "SELECT 112.0"
unit = "%"
warn_above = 90
critical_above = 100

[probes.gateway]
kind = "tcp"
card = "system"
severity = "high"
fail_after = 1
host = "127.0.0.1"
port = 1

[probes.import_job]
kind = "heartbeat"
card = "data"
every_expected = "1h"

[flows.data_pipeline]
label = "Data pipeline"
expect_every = "1d"

[channels.mailbox]
url = "file://{folder}/mailbox.txt"

[oncall]
level1 = "Ada"

[costs]
fills = "fills.csv"
quotes = "quotes.csv"

[rollback]
repository = "repo"
configs = ["config/*.yaml"]

[runbook.variables]
ESCALATION_CONTACT = "the risk owner"
"""

LONGEST_S = 30.0
"""How long a test waits for what must come; only one that fails ever waits so long."""

Show = Callable[..., AbstractAsyncContextManager[Pilot[int]]]


def fill_desk(
    make_desk: Callable[..., Desk], tmp_path: Path, clock: VirtualClock, **options: str
) -> Desk:
    folder = tmp_path / "desk"
    desk = make_desk(TOML.replace("{folder}", str(folder)), **options)
    _trading_database(folder / "trading.sqlite")
    _repository(folder / "repo")
    _fills_and_quotes(folder)
    health.check_in(desk, "import_job")
    health.run_due(desk, force=True)
    _runs(desk)
    for severity, name, summary, labels, runbook in (
        ("critical", "risk_limits", "gross exposure above its limit",
         {"suspect": "config/risk.yaml", "card": "risk"}, "risk-breach"),
        ("high", "feed_stale", "no quote for 4 minutes", {"feed": "eq"}, ""),
        ("low", "odd_thing", "nobody wrote an entry for this", {}, ""),
    ):  # fmt: skip
        alerts.raise_alert(
            desk, key=name, severity=severity, name=name, summary=summary, labels=labels,
            runbook=runbook, reason="made for a test",
        )  # fmt: skip
        clock.advance(timedelta(minutes=1))
    return desk


async def settled(pilot: Pilot[int], *, costs: bool = False) -> None:
    """Waits until what was asked for in threads (costs only when wanted) is there and shown.

    At rest means: no thread works, nothing waits in a queue, painting is not held, and that
    several times in a row, because one message leads to the next.
    """
    at_rest, deadline = 0, time.monotonic() + LONGEST_S
    while at_rest < 3:
        await pilot.pause(0.01)
        busy = _busy(cast("MechexoApp", pilot.app), costs=costs)
        at_rest = 0 if busy else at_rest + 1
        assert time.monotonic() < deadline, (
            f"never came to rest, at last for {busy}:\n{screen_text(pilot)}"
        )


def _busy(app: MechexoApp, *, costs: bool) -> list[object]:
    reading = [worker for worker in app.workers if costs or worker.group != "costs"]
    pumps = (app, app.screen, *app.screen.query())
    queued = [pump for pump in pumps if pump.message_queue_size]
    holding = ["painting held"] if app.painting.holding else []
    return [*reading, *queued, *app.under_way, *holding]


async def press(pilot: Pilot[int], *keys: str) -> None:
    """Presses keys, and waits for what they start; a prompt takes letters as they come."""
    for key in keys:
        await pilot.press(key)
        if not pilot.app.screen.query_one(Prompt).display:
            await settled(pilot)
    await settled(pilot)


def screen_text(pilot: Pilot[int]) -> str:
    """What a person sees, without styles."""
    app = pilot.app
    strips = app.screen._compositor.render_strips(app.size)
    return "\n".join(strip.text.rstrip() for strip in strips)


async def until(pilot: Pilot[int], text: str) -> None:
    """Waits until a text is on the screen; fails with the screen when it does not come."""
    deadline = time.monotonic() + LONGEST_S
    while text not in screen_text(pilot):
        await pilot.pause(0.05)
        assert time.monotonic() < deadline, f"never saw {text!r} on:\n{screen_text(pilot)}"


def _trading_database(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE flags (name TEXT, value TEXT)")
        connection.execute("INSERT INTO flags VALUES ('trading_enabled', 'true')")
    connection.close()


def _repository(root: Path) -> None:
    config = root / "config" / "risk.yaml"
    config.parent.mkdir(parents=True)

    def git(*words: str, when: str = "") -> None:
        env = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
        for role in ("AUTHOR", "COMMITTER"):
            env |= {f"GIT_{role}_NAME": "Ada", f"GIT_{role}_EMAIL": "ada@desk.example"}
            env |= {f"GIT_{role}_DATE": when} if when else {}
        subprocess.run(["git", *words], cwd=root, env=env, check=True, capture_output=True)

    git("init", "--quiet", "--initial-branch=main")
    for limit, subject, when in (
        ("100", "Set the limits", "2026-02-20T09:00:00+0000"),
        ("180", "Loosen the gross limit", "2026-03-02T13:45:00+0000"),
    ):
        config.write_text(f"limits:\n  gross_pct: {limit}\n  net_pct: 40\n")
        git("add", "-A")
        git("commit", "--quiet", "-m", subject, when=when)


def _fills_and_quotes(folder: Path) -> None:
    start = datetime(2026, 2, 27, 15, 0, tzinfo=UTC)
    fills = ["fill_id,ts,symbol,side,quantity,price,commission"]
    quotes = ["ts,symbol,bid,ask"]
    for number in range(6):
        moment = start + timedelta(minutes=number)
        quotes.append(f"{(moment - timedelta(seconds=1)).isoformat()},AAPL,99.99,100.01")
        fills.append(f"f{number},{moment.isoformat()},AAPL,buy,100,100.02,0.5")
    (folder / "fills.csv").write_text("\n".join(fills) + "\n")
    (folder / "quotes.csv").write_text("\n".join(quotes) + "\n")


def _runs(desk: Desk) -> None:
    from mechexo.flows import operations

    done = operations.execute(desk, "data_pipeline", ["sh", "-c", "echo 42 bars written"])
    assert done.state is RunState.COMPLETED
    ended = iso_z(desk.clock.now() + timedelta(seconds=3))
    with desk.state.write() as transaction:
        # Real runs take a different time each time; the snapshots need the same one.
        transaction.execute("UPDATE flow_run SET duration_s = 3.0, ended_at = ?", (ended,))
        transaction.execute("UPDATE health_probe SET latency_ms = 2.0")
