"""One pass of the tick, on a real desk with real probes."""

from __future__ import annotations

import fcntl
import sqlite3
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from mechexo import tick_log
from mechexo.alerts import operations as alerts
from mechexo.alerts.values import AlertState
from mechexo.clock import VirtualClock
from mechexo.desk import Desk
from mechexo.desk_status import read_status
from mechexo.errors import BusyError, StateError, UnreachableError
from mechexo.flows import operations as flows
from mechexo.health import operations as health
from mechexo.health.values import Status
from mechexo.watch import tick
from support.program import command

pytestmark = pytest.mark.slow

FLAG = """
[probes.trading_enabled]
kind = "flag"
card = "trading"
severity = "critical"
fail_after = 1
recover_after = 1
database = "trading.sqlite"
table = "flags"
key = "trading_enabled"
expect = true
suspect = "config/flags.yaml"

[channels.mailbox]
url = "file:///{mailbox}"
severities = ["critical", "high"]
"""


def set_flag(desk: Desk, value: str) -> None:
    """Writes the desk's own flag, as its trading system would."""
    with sqlite3.connect(desk.path("trading.sqlite")) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS flags (name TEXT PRIMARY KEY, value TEXT)")
        connection.execute("INSERT OR REPLACE INTO flags VALUES ('trading_enabled', ?)", (value,))
    connection.close()


@pytest.fixture
def trading_desk(make_desk: Callable[..., Desk], tmp_path: Path) -> Desk:
    """A live desk with one critical flag and a mailbox."""
    desk = make_desk(FLAG.replace("/{mailbox}", str(tmp_path / "mailbox")), mode="live")
    set_flag(desk, "1")
    return desk


def test_a_desk_that_is_well_is_recorded_as_well(trading_desk: Desk, clock: VirtualClock) -> None:
    report = tick(trading_desk)
    assert report.failed == ()
    assert report.ops_ok is True
    assert [probe.status for probe in report.probes] == [Status.OK]
    record = tick_log.last(trading_desk.state)
    assert record is not None
    assert record.ops_ok
    names = [stage.name for stage in record.stages]
    # Beside the others: it is told when it ends.
    names.remove("resources")
    assert names == ["probes", "flows", "uptime", "calls", "alerts", "deliveries", "history"]
    assert read_status(trading_desk).ops_ok
    clock.advance(timedelta(minutes=1))
    tick(trading_desk)
    assert health.uptime(trading_desk).achieved_pct == 100.0


def test_a_failing_probe_becomes_an_alert_a_message_and_a_reason(
    trading_desk: Desk, tmp_path: Path
) -> None:
    set_flag(trading_desk, "0")
    report = tick(trading_desk)
    assert report.failed == ()
    (alert,) = alerts.list_alerts(trading_desk)
    assert (alert.key, alert.severity) == ("probe:trading_enabled", "critical")
    assert alert.labels["suspect"] == "config/flags.yaml"
    assert [delivery.state for delivery in report.deliveries] == ["sent"]
    assert report.ops_ok is False
    assert "trading is halted" in report.reasons[0]


def test_an_alert_that_was_only_seen_once_more_is_not_told_as_changed(
    trading_desk: Desk, clock: VirtualClock
) -> None:
    set_flag(trading_desk, "0")
    assert len(tick(trading_desk).alerts) == 1
    clock.advance(timedelta(minutes=1))
    assert tick(trading_desk).alerts == ()
    set_flag(trading_desk, "1")
    clock.advance(timedelta(minutes=1))
    (alert,) = tick(trading_desk).alerts
    assert alert.state is AlertState.RESOLVED


def test_an_alert_counts_the_looks_of_its_probe_and_not_the_ticks(
    make_desk: Callable[..., Desk], clock: VirtualClock
) -> None:
    desk = make_desk(
        '[refresh]\ntick = "1s"\n[probes.memory]\nkind = "host"\nmetric = "memory_pct"\n'
        'critical_above = -1\nevery = "1h"\nfail_after = 1\n'
    )
    looked_at = clock.now()
    for _ in range(3):
        tick(desk)
        clock.advance(timedelta(seconds=1))
        (alert,) = alerts.list_alerts(desk)
        assert (alert.count, alert.last_seen_at) == (1, looked_at)
    clock.advance(timedelta(hours=1))
    tick(desk)
    (alert,) = alerts.list_alerts(desk)
    assert (alert.count, alert.last_seen_at) == (2, clock.now())


def test_an_alert_of_a_failed_flow_counts_the_runs_that_failed(
    make_desk: Callable[..., Desk], clock: VirtualClock
) -> None:
    desk = make_desk("[flows.bars]\n")
    for failures in (1, 2):
        flows.execute(desk, "bars", ["false"])
        for _ in range(2):
            clock.advance(timedelta(minutes=1))
            tick(desk)
            (alert,) = alerts.list_alerts(desk)
            assert alert.count == failures


def test_the_alert_is_resolved_when_the_probe_is_well_again(
    trading_desk: Desk, clock: VirtualClock
) -> None:
    set_flag(trading_desk, "0")
    tick(trading_desk)
    set_flag(trading_desk, "1")
    clock.advance(timedelta(minutes=1))
    report = tick(trading_desk)
    assert report.ops_ok is True
    assert alerts.list_alerts(trading_desk) == ()
    (alert,) = alerts.list_alerts(trading_desk, states=[AlertState.RESOLVED])
    assert alert.resolved_at == clock.now()


def test_a_resolved_alert_keeps_the_words_of_what_was_wrong(
    make_desk: Callable[..., Desk], tmp_path: Path, clock: VirtualClock
) -> None:
    toml = FLAG.replace("/{mailbox}", str(tmp_path / "mailbox"))
    desk = make_desk(toml.replace("recover_after = 1", "recover_after = 2"))
    set_flag(desk, "0")
    tick(desk)
    (opened,) = alerts.list_alerts(desk)
    set_flag(desk, "1")
    for _ in range(2):
        clock.advance(timedelta(minutes=1))
        tick(desk)
    (alert,) = alerts.list_alerts(desk, states=[AlertState.RESOLVED])
    assert alert.summary == opened.summary


def test_an_alert_of_a_probe_taken_out_of_the_configuration_is_resolved(
    trading_desk: Desk, make_desk: Callable[..., Desk]
) -> None:
    set_flag(trading_desk, "0")
    tick(trading_desk)
    without = make_desk()
    tick(without)
    assert alerts.list_alerts(without) == ()


def test_an_overdue_flow_becomes_an_alert_and_a_run_resolves_it(
    make_desk: Callable[..., Desk], clock: VirtualClock
) -> None:
    desk = make_desk('[flows.bars]\nlabel = "Bars"\nexpect_every = "1h"\n')
    flows.execute(desk, "bars", ["true"])
    tick(desk)
    assert alerts.list_alerts(desk) == ()
    clock.advance(timedelta(hours=2))
    tick(desk)
    (alert,) = alerts.list_alerts(desk)
    assert alert.key == "flow:bars:overdue"
    flows.execute(desk, "bars", ["true"])
    tick(desk)
    assert alerts.list_alerts(desk) == ()


def test_a_named_flow_that_failed_becomes_an_alert_until_a_run_ends_well(
    make_desk: Callable[..., Desk],
) -> None:
    desk = make_desk("[flows.bars]\n")
    flows.execute(desk, "bars", ["sh", "-c", "exit 3"])
    tick(desk)
    (alert,) = alerts.list_alerts(desk)
    assert (alert.key, alert.severity) == ("flow:bars:failed", "high")
    assert "exit code 3" in alert.summary
    flows.execute(desk, "bars", ["true"])
    tick(desk)
    assert alerts.list_alerts(desk) == ()


def test_a_flow_that_runs_again_after_a_failure_is_still_one_that_failed(
    make_desk: Callable[..., Desk],
) -> None:
    desk = make_desk("[flows.bars]\n")
    flows.execute(desk, "bars", ["false"])
    flows.execute(desk, "bars", command("tick", config=desk.config_path))
    (alert,) = alerts.list_alerts(desk)
    assert alert.key == "flow:bars:failed"
    tick(desk)
    assert alerts.list_alerts(desk) == ()


def test_a_flow_that_fails_for_so_long_that_it_is_late_still_raises_one_alert(
    make_desk: Callable[..., Desk], clock: VirtualClock
) -> None:
    desk = make_desk('[flows.bars]\nexpect_every = "1h"\n')
    flows.execute(desk, "bars", ["true"])
    for _ in range(3):
        clock.advance(timedelta(hours=1))
        flows.execute(desk, "bars", ["sh", "-c", "echo no such table: fills >&2; exit 3"])
        tick(desk)
    (alert,) = alerts.list_alerts(desk)
    assert alert.key == "flow:bars:failed"
    assert alert.summary.endswith(": no such table: fills")


def test_a_flow_that_nobody_named_tells_nobody_that_it_failed(desk: Desk) -> None:
    flows.execute(desk, "by_hand", ["false"])
    tick(desk)
    assert alerts.list_alerts(desk) == ()


def test_two_ticks_exclude_each_other(trading_desk: Desk) -> None:
    with Path(f"{trading_desk.state.path}.tick").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(BusyError, match="another tick is running"):
            tick(trading_desk)
    assert tick_log.last(trading_desk.state) is None
    assert tick(trading_desk).ops_ok


def test_a_folder_that_cannot_hold_the_lock_is_named(trading_desk: Desk) -> None:
    Path(f"{trading_desk.state.path}.tick").mkdir()
    with pytest.raises(StateError, match="lock file"):
        tick(trading_desk)


def broken(*_: object, **__: object) -> object:
    raise UnreachableError("cannot be read; mend it")


@pytest.mark.parametrize(
    ("stage", "module", "name"),
    [
        ("probes", health, "run_due"),
        ("flows", flows, "settled_standings"),
        ("alerts", alerts, "observe"),
        ("deliveries", alerts, "deliver_due"),
    ],
)
def test_a_part_that_fails_is_shown_and_keeps_no_other_from_its_work(
    trading_desk: Desk, monkeypatch: pytest.MonkeyPatch, stage: str, module: object, name: str
) -> None:
    set_flag(trading_desk, "0")
    monkeypatch.setattr(module, name, broken)
    report = tick(trading_desk)
    assert [(each.name, each.detail) for each in report.failed] == [
        (stage, "cannot be read; mend it")
    ]
    assert [each.name for each in report.stages][-1] == "record"
    assert report.ops_ok is False
    assert f"the last tick could not do its {stage}: cannot be read; mend it" in report.reasons
    assert read_status(trading_desk).reasons == report.reasons


def test_a_failed_look_raises_an_alert_of_its_own_which_the_next_good_one_resolves(
    trading_desk: Desk, monkeypatch: pytest.MonkeyPatch, clock: VirtualClock
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(health, "run_due", broken)
        report = tick(trading_desk)
    assert [alert.key for alert in alerts.list_alerts(trading_desk)] == ["tick:probes"]
    assert [delivery.state for delivery in report.deliveries] == ["sent"]
    clock.advance(timedelta(minutes=1))
    tick(trading_desk)
    assert alerts.list_alerts(trading_desk) == ()


def test_a_failed_look_resolves_nothing(
    trading_desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_flag(trading_desk, "0")
    tick(trading_desk)
    monkeypatch.setattr(health, "run_due", broken)
    tick(trading_desk)
    assert "probe:trading_enabled" in {alert.key for alert in alerts.list_alerts(trading_desk)}


@pytest.mark.slow
def test_a_part_that_hangs_is_left_behind_and_the_sending_still_happens(
    trading_desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_flag(trading_desk, "0")
    tick(trading_desk)
    let_go = threading.Event()
    monkeypatch.setattr(health, "run_due", lambda *_, **__: let_go.wait(30))
    monkeypatch.setattr(flows, "settled_standings", lambda *_, **__: let_go.wait(30))
    began = time.monotonic()
    try:
        report = tick(trading_desk, deadline_s=8.0)
    finally:
        let_go.set()
    assert time.monotonic() - began < 9
    assert [stage.name for stage in report.failed] == ["probes", "flows"]
    assert all("did not end within" in stage.detail for stage in report.failed)
    states = {each.alert_id: each.state for each in alerts.deliveries(trading_desk)}
    assert set(states.values()) == {"sent"}
    assert len(states) == 3


def test_an_error_that_nobody_expected_is_named_by_its_kind(
    trading_desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def surprise(*_: object, **__: object) -> object:
        raise KeyError("bars")

    monkeypatch.setattr(flows, "settled_standings", surprise)
    assert [stage.detail for stage in tick(trading_desk).failed] == ["KeyError: 'bars'"]


def test_a_state_file_that_cannot_be_written_is_said_so(
    trading_desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    with trading_desk.state.write():
        report = tick(trading_desk, deadline_s=1.5)
    assert "record" in {stage.name for stage in report.failed}
    assert tick_log.last(trading_desk.state) is None


def test_only_the_newest_ticks_are_kept(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tick_log, "KEPT", 3)
    for number in range(5):
        record = tick_log.TickRecord(desk.clock.now(), float(number), True, (), ())
        with desk.state.write() as writing:
            tick_log.append(writing, record)
    kept = desk.state.rows("SELECT duration_s FROM tick ORDER BY id")
    assert [row["duration_s"] for row in kept] == [2.0, 3.0, 4.0]


def test_the_last_tick_is_the_last_written_also_when_the_clock_went_back(
    trading_desk: Desk, clock: VirtualClock
) -> None:
    tick(trading_desk)
    clock.advance(timedelta(hours=-2))
    report = tick(trading_desk)
    last = tick_log.last(trading_desk.state)
    assert last is not None
    assert last.at == clock.now()
    assert report.failed == ()
