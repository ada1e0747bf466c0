"""`mechexo report shift`: what the next person on call should know."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from mechexo import tick_log
from mechexo.alerts import operations as alerts
from mechexo.clock import VirtualClock
from mechexo.desk import Desk
from mechexo.errors import UsageError
from mechexo.flows import operations as flows
from mechexo.jobs import run_job
from mechexo.shift_report import shift_report
from mechexo.watch import tick
from support.program import document, mechexo, one_line

pytestmark = pytest.mark.slow


def raised(desk: Desk, name: str, summary: str = "it is late") -> int:
    alert = alerts.raise_alert(
        desk, key=name, severity="high", name=name, summary=summary, labels={}
    )
    return alert.id


def section(report: str, title: str) -> str:
    return report.partition(f"## {title}\n")[2].partition("\n## ")[0]


def test_it_has_every_part_also_on_an_empty_desk(desk: Desk) -> None:
    report = shift_report(desk)
    assert report.startswith("# Shift report: test (paper)\n")
    titles = [line[3:] for line in report.splitlines() if line.startswith("## ")]
    assert titles == [
        *("Status", "Open items", "Handover notes", "How it went", "Incidents", "Steps run"),
        *("Alerts", "Flows", "Costs", "Actions"),
    ]
    assert "**ops_ok: no** · 7 cards unknown\n" in section(report, "Status")
    assert "No tick ran: nothing is known of these hours." in section(report, "How it went")


def test_it_tells_what_happened_in_the_shift_and_not_what_was_over_before(
    desk: Desk, clock: VirtualClock
) -> None:
    alerts.resolve(desk, raised(desk, "long_over"))
    clock.advance(timedelta(hours=20))
    mine = raised(desk, "feed_late")
    alerts.acknowledge(desk, mine)
    clock.advance(timedelta(minutes=25))
    alerts.resolve(desk, mine, reason="vendor restarted it")
    raised(desk, "still_there")
    told = section(shift_report(desk, hours=12), "Alerts")
    assert "2 opened, 1 acknowledged, 1 resolved, 1 open now." in told
    assert "feed\\_late" in told
    assert "by tester" in told
    assert "25m" in told
    assert "long\\_over" not in told


def test_an_old_alert_that_is_still_open_is_told(desk: Desk, clock: VirtualClock) -> None:
    raised(desk, "old")
    clock.advance(timedelta(days=3))
    assert "| old |" in section(shift_report(desk), "Alerts")


def test_it_tells_when_the_desk_was_well_and_when_not(
    make_desk: Callable[..., Desk], clock: VirtualClock
) -> None:
    desk = make_desk(
        '[probes.file]\nkind="freshness"\nglob="fresh"\nmax_age="1d"\nseverity="critical"\n'
        "fail_after=1\nrecover_after=1\n"
    )
    tick(desk)
    clock.advance(timedelta(minutes=1))
    desk.path("fresh").write_text("")
    os.utime(desk.path("fresh"), (clock.now().timestamp(),) * 2)
    tick(desk)
    clock.advance(timedelta(minutes=1))
    told = section(shift_report(desk), "How it went")
    assert "2 ticks, 1 of them with ops_ok. Watched for 2m of 12h, with ops_ok for 50.0 %" in told
    assert "| not ok | file (system) is critical" in told
    assert "| ok | – |" in told


def test_it_tells_when_nobody_looked(desk: Desk, clock: VirtualClock) -> None:
    def tick_after(passed: timedelta, ok: bool) -> None:
        clock.advance(passed)
        with desk.state.write() as transaction:
            reasons = () if ok else ("it is late",)
            tick_log.append(transaction, tick_log.TickRecord(clock.now(), 1.0, ok, reasons, ()))

    minute, hour = timedelta(minutes=1), timedelta(hours=1)
    tick_after(timedelta(), ok=True)  # 14:30
    tick_after(3 * minute, ok=True)  # just in time: it stands for three intervals of a minute
    tick_after(3 * minute + timedelta(seconds=1), ok=True)  # a second too late
    tick_after(2 * hour, ok=False)  # 16:36
    tick_after(hour, ok=False)  # 17:36
    clock.advance(minute)
    told = section(shift_report(desk, hours=3), "How it went")
    # The look of 14:36 stands until 14:39, that of 16:36 until 16:39, the last one until now.
    assert "2 ticks, 0 of them with ops_ok. Watched for 6m of 3h, with ops_ok for 33.3 %" in told
    rows = [line for line in told.splitlines() if line.startswith("| 2026")]
    assert rows == [
        "| 2026-03-02 14:37 | ok | – |",
        "| 2026-03-02 14:39 | nobody looked | no tick until 2026-03-02 16:36 |",
        "| 2026-03-02 16:36 | not ok | it is late |",
        "| 2026-03-02 16:39 | nobody looked | no tick until 2026-03-02 17:36 |",
        "| 2026-03-02 17:36 | not ok | it is late |",
    ]
    clock.advance(timedelta(hours=9))
    told = section(shift_report(desk, hours=13), "How it went")
    assert "| 2026-03-02 14:36 | nobody looked | no tick until 2026-03-02 14:36 |" in told
    assert told.splitlines()[-1] == "| 2026-03-02 17:39 | nobody looked | no tick since |"
    clock.advance(timedelta(hours=9))
    assert "No tick ran" in section(shift_report(desk, hours=1), "How it went")


def test_it_tells_the_flows_runs_and_failures(desk: Desk) -> None:
    flows.execute(desk, "bars", ["true"])
    flows.execute(desk, "bars", ["false"])
    assert "| bars | 2 | 1 |" in section(shift_report(desk), "Flows")


def test_it_tells_who_did_what_and_why(desk: Desk) -> None:
    alerts.resolve(desk, raised(desk, "x"), reason="false alarm")
    told = section(shift_report(desk), "Actions")
    assert "| tester | alerts.resolve | 1 | done | false alarm |" in told


def test_job_runs_are_one_counted_line_per_flow_and_leave_room_for_what_people_did(
    desk: Desk, clock: VirtualClock
) -> None:
    run_job(desk, "old", ["true"])
    clock.advance(timedelta(hours=20))
    for word in ("true", "true", "false"):
        run_job(desk, "bars", [word])
    run_job(desk, "weights", ["true"])
    raised(desk, "feed_late")
    told = section(shift_report(desk, hours=12), "Actions")
    assert "- bars: 3 runs, 1 failed\n- weights: 1 run\n\n" in told
    assert "old" not in told
    assert "flows.exec" not in told
    assert told.count("alerts.raise") == 1


def test_a_report_has_no_utc_in_the_middle_of_local_times(
    make_desk: Callable[..., Desk],
) -> None:
    desk = make_desk(zone="America/New_York")
    raised(desk, "feed_late", "no quote since 2026-03-02T14:00:00.123456Z")
    report = shift_report(desk)
    assert "no quote since 2026-03-02 09:00:00 EST" in report
    assert "00Z" not in report


def test_costs_that_cannot_be_read_say_why_and_the_rest_is_there(
    make_desk: Callable[..., Desk],
) -> None:
    desk = make_desk('[costs]\nfills = "none/*.parquet"\nquotes = "none/*.parquet"\n')
    report = shift_report(desk)
    assert section(report, "Costs").strip().startswith("Not readable: ")
    assert "None." in section(report, "Actions")


def test_foreign_text_cannot_break_the_table_or_add_markup(desk: Desk) -> None:
    raised(desk, "x", summary="a | b\n## Costs\n<script> **all well** \x1b[2J")
    report = shift_report(desk)
    assert report.count("\n## Costs\n") == 1
    assert "a \\| b" in report
    assert "<script>" not in report.replace("\\<script\\>", "")
    assert "\x1b" not in report


@pytest.mark.parametrize("hours", [0, -1, 10_000])
def test_a_shift_of_impossible_length_is_refused(desk: Desk, hours: int) -> None:
    with pytest.raises(UsageError, match="--hours"):
        shift_report(desk, hours=hours)


def test_the_command_prints_it_or_writes_it(desk: Desk, tmp_path: Path) -> None:
    printed = mechexo("report", "shift", config=desk.config_path)
    assert printed.returncode == 0
    assert printed.stdout.startswith("# Shift report: test")
    out = tmp_path / "shift.md"
    written = mechexo("report", "shift", "--hours", 4, "--out", out, config=desk.config_path)
    assert written.stdout == ""
    assert out.read_text().startswith("# Shift report: test")
    assert [file.name for file in tmp_path.iterdir() if "shift" in file.name] == ["shift.md"]


def test_without_a_command_it_is_the_shift(desk: Desk) -> None:
    assert mechexo("report", config=desk.config_path).stdout.startswith("# Shift report: test")
    found = document(mechexo("report", "--hours", 4, "--json", config=desk.config_path))
    assert found["hours"] == 4


def test_the_command_gives_a_document(desk: Desk) -> None:
    found = document(mechexo("report", "shift", "--json", config=desk.config_path))
    assert found["schema"] == "mechexo.shift_report/1"
    assert found["hours"] == 12


def test_a_place_that_cannot_be_written_is_one_line(desk: Desk, tmp_path: Path) -> None:
    done = mechexo("report", "shift", "--out", tmp_path / "no" / "x", config=desk.config_path)
    assert done.returncode == 2
    one_line(done, "cannot be written")
