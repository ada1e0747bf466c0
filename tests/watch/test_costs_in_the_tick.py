"""A saved day of costs above its limits is an alert, until a later save keeps them."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from mechexo.alerts import operations as alerts
from mechexo.clock import VirtualClock
from mechexo.costs import results
from mechexo.desk import Desk
from mechexo.watch import tick
from support.program import command

pytestmark = pytest.mark.slow

TOML = """
[costs]
fills = "fills.csv"
quotes = "quotes.csv"

[costs.alerts]
severity = "high"
total_bps = 5.0
unpriced_pct = 50.0
min_fills = 3
"""
DAY = datetime(2026, 2, 27, 15, 0, tzinfo=UTC)


def write(desk: Desk, price: float) -> None:
    """Five fills of one day at a price, around a mid of 100."""
    fills = ["fill_id,ts,symbol,side,quantity,price,commission"]
    quotes = ["ts,symbol,bid,ask"]
    for number in range(5):
        moment = DAY + timedelta(minutes=number)
        quotes.append(f"{(moment - timedelta(seconds=1)).isoformat()},AAA,99.99,100.01")
        fills.append(f"f{number},{moment.isoformat()},AAA,buy,10,{price},0")
    (desk.root / "fills.csv").write_text("\n".join(fills) + "\n")
    (desk.root / "quotes.csv").write_text("\n".join(quotes) + "\n")


def save(desk: Desk) -> None:
    first, last = results.whole_days(desk, DAY, DAY + timedelta(hours=1))
    results.save(desk, results.compute(desk, start=first, end=last))


@pytest.fixture
def costly_desk(make_desk: Callable[..., Desk]) -> Desk:
    desk = make_desk(TOML)
    write(desk, 100.09)
    return desk


def test_a_day_above_its_limit_is_an_alert_with_the_numbers(
    costly_desk: Desk, clock: VirtualClock
) -> None:
    tick(costly_desk)
    assert alerts.list_alerts(costly_desk) == (), "nothing was saved, so nothing is judged"
    save(costly_desk)
    tick(costly_desk)
    (alert,) = alerts.list_alerts(costly_desk)
    assert (alert.key, alert.severity, alert.source) == ("costs:total", "high", "costs")
    assert "2026-02-27: total 9.00 bps of 5 fills, above 5 bps" in alert.summary
    clock.advance(timedelta(minutes=1))
    tick(costly_desk)
    assert alerts.list_alerts(costly_desk)[0].count == 1, "nothing was computed anew"
    write(costly_desk, 100.01)
    save(costly_desk)
    clock.advance(timedelta(minutes=1))
    tick(costly_desk)
    assert alerts.list_alerts(costly_desk) == ()


def test_without_limits_the_tick_does_not_look_at_costs(make_desk: Callable[..., Desk]) -> None:
    report = tick(make_desk())
    assert "costs" not in {stage.name for stage in report.stages}


def test_judging_costs_in_the_tick_imports_no_polars(
    costly_desk: Desk,
) -> None:
    save(costly_desk)
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from mechexo.desk import Desk\n"
        "from mechexo.watch import tick\n"
        "report = tick(Desk.open(Path(sys.argv[1])))\n"
        "assert {s.name for s in report.stages} >= {'costs'}, report.stages\n"
        "assert all(s.ok for s in report.stages), report.stages\n"
        "assert 'polars' not in sys.modules\n"
    )
    python = command()[0]
    done = subprocess.run(
        [python, "-c", code, str(costly_desk.config_path)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
