"""Running probes on a desk: what is stored, shown, kept and forgotten."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta

import pytest

from mechexo.errors import BusyError, NotFoundError, UsageError
from mechexo.health import operations as health
from mechexo.health import records, runner
from mechexo.health.values import Status

MINUTE = timedelta(minutes=1)

GROSS = """
[probes.gross]
kind = "sql"
card = "risk"
severity = "critical"
runbook = "risk-breach"
suspect = "limits.toml"
database = "sqlite:///desk.sqlite"
query = "SELECT used FROM risk"
critical_above = 0.9
"""


@pytest.fixture
def gross(make_desk, tmp_path):
    """A desk that watches one number, and the hand that sets it."""
    desk = make_desk(GROSS)

    def put(value: float | None) -> None:
        with sqlite3.connect(desk.root / "desk.sqlite") as connection:
            connection.execute("CREATE TABLE IF NOT EXISTS risk (used)")
            connection.execute("DELETE FROM risk")
            connection.execute("INSERT INTO risk VALUES (?)", (value,))
        connection.close()

    put(0.5)
    return desk, put


def test_a_look_is_stored_and_shown(gross, clock):
    desk, _ = gross
    assert health.probe_states(desk)[0].detail == "not looked at yet"
    (state,) = health.run_due(desk)
    assert (state.status, state.value, state.observed_at) == (Status.OK, 0.5, clock.now())
    assert (state.card, state.severity, state.runbook) == ("risk", "critical", "risk-breach")
    assert state.latency_ms is not None
    assert health.probe_states(desk) == (state,)


def test_two_failures_make_it_critical_and_two_successes_well(gross, clock):
    desk, put = gross
    seen = []
    for value in (0.5, 1.0, 1.0, 0.5, 0.5):
        put(value)
        (state,) = health.run_due(desk)
        seen.append((state.status, state.detail))
        clock.advance(MINUTE)
    assert seen == [
        (Status.OK, "0.5"),
        (Status.WARNING, "1 of 2 failures: 1, above 0.9"),
        (Status.CRITICAL, "1, above 0.9"),
        (Status.CRITICAL, "recovering, 1 of 2 looks: 0.5"),
        (Status.OK, "0.5"),
    ]


def test_a_probe_that_is_not_due_is_left_alone_unless_forced(gross, clock):
    desk, put = gross
    health.run_due(desk)
    put(0.7)
    clock.advance(timedelta(seconds=5))
    assert health.run_due(desk)[0].value == 0.5
    assert health.run_due(desk, force=True)[0].value == 0.7


def test_an_ok_does_not_rot(gross, clock):
    desk, _ = gross
    health.run_due(desk)
    clock.advance(timedelta(minutes=12))
    (state,) = health.probe_states(desk)
    assert (state.status, state.detail) == (Status.UNKNOWN, "last looked 12m ago; it was ok: 0.5")
    (card,) = [card for card in health.cards(desk) if card.name == "risk"]
    assert card.status == Status.UNKNOWN


def test_probes_that_are_gone_from_the_configuration_are_forgotten(gross, make_desk, clock):
    desk, _ = gross
    health.run_due(desk)
    other = make_desk(GROSS.replace("probes.gross", "probes.net"))
    assert [state.name for state in health.probe_states(other)] == ["net"]
    health.run_due(other)
    assert set(records.stored_states(other.state)) == {"net"}
    assert other.state.rows("SELECT DISTINCT probe FROM health_sample")[0]["probe"] == "net"


def test_a_probe_that_became_another_kind_starts_afresh(gross, make_desk):
    desk, put = gross
    put(1.0)
    health.run_due(desk)
    other = make_desk('[probes.gross]\nkind = "host"\nmetric = "memory_pct"\ncritical_above = 0\n')
    assert health.probe_states(other)[0].detail == "not looked at yet"
    assert health.run_due(other)[0].failures == 1


def test_a_missing_number_is_unknown_and_no_sample(gross, clock):
    desk, put = gross
    health.run_due(desk)
    clock.advance(MINUTE)
    put(None)
    (state,) = health.run_due(desk)
    assert (state.status, state.value) == (Status.UNKNOWN, None)
    assert len(health.history(desk, "gross", since=clock.now() - 10 * MINUTE)) == 1


def test_history_gives_the_numbers_in_their_order(gross, clock):
    desk, put = gross
    start = clock.now()
    for value in (0.1, 0.2, 0.3):
        put(value)
        health.run_due(desk)
        clock.advance(MINUTE)
    assert health.history(desk, "gross", since=start + MINUTE) == (
        (start + MINUTE, 0.2),
        (start + 2 * MINUTE, 0.3),
    )
    with pytest.raises(NotFoundError, match="gross"):
        health.history(desk, "gros", since=start)


def test_history_is_kept_for_a_day_and_two_thousand_samples(gross, clock):
    desk, _ = gross
    start = clock.now()
    with desk.state.write() as transaction:
        (state,) = health.probe_states(desk)
        for second in range(2100):
            moment = start + timedelta(seconds=second)
            records.save_state(
                transaction, replace(state, value=1.0, observed_at=moment, since=moment)
            )
    assert len(health.history(desk, "gross", since=start)) == 2000
    clock.advance(timedelta(days=2))
    health.run_due(desk)
    assert len(health.history(desk, "gross", since=start)) == 1


def test_an_outcome_is_not_counted_twice_when_another_process_looked_meanwhile(gross, monkeypatch):
    desk, put = gross
    health.run_due(desk)
    put(1.0)
    look = runner.look

    def look_while_another_does(work, **more):
        monkeypatch.setattr(runner, "look", look)
        health.run_due(desk, force=True)
        return look(work, **more)

    monkeypatch.setattr(runner, "look", look_while_another_does)
    (state,) = health.run_due(desk, force=True)
    assert (state.status, state.failures) == (Status.WARNING, 1)


def test_a_wrong_configuration_of_one_probe_is_stored_as_its_unknown(make_desk):
    desk = make_desk(GROSS + '[probes.x]\nkind = "nope"\n')
    health.run_due(desk)
    stored = records.stored_states(desk.state)
    assert stored.keys() == {"gross", "x"}
    assert stored["x"].status == Status.UNKNOWN
    assert "'nope' is no kind of probe" in stored["x"].detail


def test_a_state_file_that_others_hold_is_an_error_not_silence(gross, monkeypatch):
    desk, _ = gross
    monkeypatch.setattr(type(desk.state).write.__wrapped__, "__defaults__", (0.1,))
    with desk.state.write(), pytest.raises(BusyError):
        health.run_due(desk)
    assert health.probe_states(desk)[0].detail == "not looked at yet"


def test_cards_come_in_the_configured_order(make_desk):
    desk = make_desk('[cards]\nshow = ["risk", "capital"]\n' + GROSS)
    assert [card.name for card in health.cards(desk)] == ["risk", "capital"]
    assert health.cards(desk)[1].summary == "nothing watches this card"


def test_a_job_that_checks_in_is_alive(make_desk, clock):
    desk = make_desk('[probes.nightly]\nkind = "heartbeat"\nevery_expected = "5m"\n')
    assert health.run_due(desk)[0].status == Status.UNKNOWN
    health.check_in(desk, "nightly")
    clock.advance(MINUTE)
    assert health.run_due(desk)[0].detail == "nightly checked in 1m ago"
    health.check_in(desk, "nightly", ok=False, detail="exit\ncode 3 password=hunter2")
    clock.advance(MINUTE)
    (state,) = health.run_due(desk)
    assert state.detail.endswith("nightly reported a failure 1m ago: exit code 3 password=***")


def test_a_job_that_never_checks_in_becomes_critical(make_desk, clock):
    desk = make_desk('[probes.nightly]\nkind = "heartbeat"\nevery_expected = "5m"\n')
    statuses = []
    for _ in range(9):
        statuses.append(health.run_due(desk)[0].status)
        clock.advance(MINUTE)
    assert statuses == [Status.UNKNOWN] * 8 + [Status.CRITICAL]


@pytest.mark.parametrize("job", ["", "  ", "a\x1bb", "x" * 101])
def test_a_job_needs_a_readable_name(desk, job):
    with pytest.raises(UsageError):
        health.check_in(desk, job)


def test_uptime_is_unknown_without_a_sample(desk):
    uptime = health.uptime(desk)
    assert (uptime.achieved_pct, uptime.budget_left_s, uptime.known_s) == (None, None, 0.0)


def test_uptime_counts_minutes_and_leaves_out_what_nobody_saw(make_desk, clock):
    desk = make_desk("[uptime]\nobjective_pct = 99.0\nwindow_days = 1\n")
    for ok in [True] * 8 + [False] * 2:
        health.record_ops_ok(desk, ok)
        clock.advance(MINUTE)
    clock.advance(timedelta(minutes=30))
    health.record_ops_ok(desk, True)
    uptime = health.uptime(desk)
    assert uptime.known_s == 12 * 60
    assert uptime.unknown_s == 28 * 60
    assert uptime.achieved_pct == pytest.approx(100 * 8 / 12)
    assert uptime.budget_left_s == pytest.approx(864 - 4 * 60)
    assert len(desk.state.rows("SELECT * FROM ops_span")) == 2


def test_a_month_of_minutes_is_a_few_rows(make_desk, clock):
    desk = make_desk()
    for _ in range(30):
        health.record_ops_ok(desk, True)
        clock.advance(MINUTE)
    assert len(desk.state.rows("SELECT * FROM ops_span")) == 1
    assert health.uptime(desk).achieved_pct == 100.0


def test_status_reads_import_nothing_heavy(gross):
    desk, _ = gross
    health.run_due(desk)
    script = (
        "import sys; from pathlib import Path; from mechexo.desk import Desk\n"
        "from mechexo.health import operations as health\n"
        f"desk = Desk.open(Path({str(desk.config_path)!r}))\n"
        "before = set(sys.modules)\n"
        "health.probe_states(desk), health.cards(desk), health.uptime(desk)\n"
        "print(*(set(sys.modules) - before))\n"
        "print(*sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    loaded = {name.split(".")[0] for name in done.stdout.split()}
    assert loaded.isdisjoint(
        {"httpx", "httpcore", "psutil", "polars", "jsonpath", "pydantic", "ssl", "asyncio"}
    )


def test_patience_does_not_reach_back_over_a_gap(gross, clock):
    desk, put = gross
    health.run_due(desk)
    clock.advance(4 * MINUTE)
    put(2.0)
    (state,) = health.run_due(desk)
    assert state.status == Status.UNKNOWN
    assert state.detail.startswith("1 of 2 failures, and not known to have been well before: ")
    clock.advance(MINUTE)
    assert health.run_due(desk)[0].status == Status.CRITICAL


def changes(desk, clock):
    found, damaged = health.changes(
        desk, start=clock.now() - 400 * 24 * 60 * MINUTE, end=clock.now(), most=5000
    )
    assert damaged == 0
    return [(each.before and each.before.value, each.after.value) for each in found]


def test_each_change_of_a_probe_is_kept_and_a_look_that_changes_nothing_is_not(gross, clock):
    desk, put = gross
    for value in (0.5, 0.5, 0.95, 0.95, 0.5, 0.5):
        put(value)
        health.run_due(desk, force=True)
        clock.advance(MINUTE)
    assert changes(desk, clock) == [("ok", "warning"), ("warning", "critical"), ("critical", "ok")]
    assert health.last_change(desk) == 3


def test_a_first_look_that_finds_no_good_is_a_change(gross, clock):
    desk, put = gross
    put(0.95)
    health.run_due(desk, force=True)
    clock.advance(MINUTE)
    health.run_due(desk, force=True)
    assert changes(desk, clock) == [("unknown", "critical")]


def test_what_was_not_looked_at_for_long_is_told_as_unknown_before(gross, clock):
    desk, _ = gross
    health.run_due(desk, force=True)
    clock.advance(600 * MINUTE)
    health.run_due(desk, force=True)
    assert changes(desk, clock) == [("unknown", "ok")]


def test_changes_are_kept_within_bounds_the_newest_of_them(gross, clock, monkeypatch):
    from mechexo.health import change_records

    monkeypatch.setattr(change_records, "KEPT_PER_PROBE", 2)
    desk, put = gross
    for value in (0.5, 0.95, 0.95, 0.5, 0.5):
        put(value)
        health.run_due(desk, force=True)
        clock.advance(MINUTE)
    assert changes(desk, clock) == [("warning", "critical"), ("critical", "ok")]
    clock.advance(91 * 24 * 60 * MINUTE)
    health.run_due(desk, force=True)
    assert changes(desk, clock) == [("unknown", "ok")]
