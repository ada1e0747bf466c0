"""What the state of probes, flows and the tick says to the alerts wing."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from mechexo import ci_words, orchestrator_words
from mechexo.alerts.inbound.keys import OWN_SOURCES
from mechexo.alerts.values import Alert, AlertState, Observation
from mechexo.config import DeskSettings, FlowSettings, ProbeSettings, Settings, UptimeSettings
from mechexo.flows.values import FlowRun, FlowStanding, RunState
from mechexo.health.values import Burn, ProbeState, Status, Uptime
from mechexo.observing import (
    flow_observations,
    gone,
    probe_observations,
    stage_observations,
    uptime_observations,
)
from mechexo.tick_log import Stage

NOW = datetime(2026, 3, 2, 14, 30, tzinfo=UTC)
SETTINGS = {"quotes": ProbeSettings(kind="freshness", fail_after=3)}


def probe(
    status: Status, *, severity: str = "high", since: datetime | None = NOW, suspect: str = ""
) -> ProbeState:
    return ProbeState(
        "quotes",
        "freshness",
        "data",
        severity,
        status,
        "9m old",
        since=since,
        runbook="stale-data",
        suspect=suspect,
    )


def said(state: ProbeState) -> dict[str, Observation]:
    return {each.key: each for each in probe_observations([state], SETTINGS, NOW)}


def firing(state: ProbeState) -> set[str]:
    return {key for key, each in said(state).items() if each.firing}


def test_a_critical_probe_raises_its_alert_with_all_that_the_alert_needs() -> None:
    observation = said(probe(Status.CRITICAL, suspect="feed.yaml"))["probe:quotes"]
    assert observation == Observation(
        key="probe:quotes",
        firing=True,
        severity="high",
        name="quotes",
        summary="9m old",
        source="probe",
        labels={"probe": "quotes", "card": "data", "kind": "freshness", "suspect": "feed.yaml"},
        runbook="stale-data",
    )


@pytest.mark.parametrize(
    ("status", "raised"),
    [
        (Status.OK, set()),
        (Status.WARNING, {"probe:quotes:warning"}),
        (Status.CRITICAL, {"probe:quotes"}),
    ],
)
def test_a_probe_raises_one_of_its_two_alerts_and_resolves_the_other(
    status: Status, raised: set[str]
) -> None:
    assert firing(probe(status)) == raised
    assert said(probe(status)).keys() == {"probe:quotes", "probe:quotes:warning"}


def test_the_warning_is_resolved_with_the_words_that_it_got_worse() -> None:
    (worse,) = (each for each in said(probe(Status.CRITICAL)).values() if not each.firing)
    assert worse.key == "probe:quotes:warning"
    assert worse.summary == "superseded by a worse one: 9m old"


def test_the_critical_one_is_resolved_with_the_words_that_it_eased() -> None:
    assert said(probe(Status.WARNING))["probe:quotes"].summary == "eased to a warning: 9m old"


def test_a_probe_on_its_way_back_neither_raises_nor_resolves() -> None:
    assert said(replace(probe(Status.CRITICAL), successes=1)) == {}


def test_a_probe_that_failed_less_often_than_fail_after_neither_raises_nor_resolves() -> None:
    assert said(replace(probe(Status.WARNING), failures=1)) == {}


@pytest.mark.parametrize(
    ("severity", "eased"), [("critical", "low"), ("high", "low"), ("low", "low"), ("info", "info")]
)
def test_a_warning_is_low_at_most(severity: str, eased: str) -> None:
    observation = said(probe(Status.WARNING, severity=severity))["probe:quotes:warning"]
    assert observation.severity == eased


@pytest.mark.parametrize(("minutes", "raised"), [(0, False), (2, False), (3, True), (90, True)])
def test_a_probe_that_cannot_look_raises_after_fail_after_looks(minutes: int, raised: bool) -> None:
    found = said(probe(Status.UNKNOWN, since=NOW - timedelta(minutes=minutes)))
    assert bool(found) is raised
    if raised:
        assert found["probe:quotes"].firing
        assert found["probe:quotes"].severity == "high"
        assert "could not look for" in found["probe:quotes"].summary


def test_a_probe_that_never_looked_neither_raises_nor_resolves() -> None:
    assert said(probe(Status.UNKNOWN, since=None)) == {}


NAMED = {"bars": FlowSettings(label="Bars")}
LATE = "its last good run ended 3h ago, expected every 1h"


def standing(run: FlowRun | None = None, why_overdue: str = "") -> FlowStanding:
    return FlowStanding("bars", "Bars", NAMED["bars"], False, run, why_overdue)


def run(state: RunState, exit_code: int | None, tail: str = "", took_s: float = 4.0) -> FlowRun:
    return FlowRun(1, "bars", state, NOW, NOW, took_s, exit_code, tail)


@pytest.mark.parametrize("why", [LATE, ""])
def test_an_overdue_flow_raises_with_its_words_and_one_in_time_resolves(why: str) -> None:
    (observation,) = flow_observations([standing(why_overdue=why)], NAMED)
    assert observation.key == "flow:bars:overdue"
    assert observation.firing is bool(why)
    assert observation.summary == f"Bars: {why or 'on time again'}"


@pytest.mark.parametrize(
    ("state", "exit_code", "words"),
    [
        (RunState.FAILED, 3, "Bars: the last run failed with exit code 3 after 4s"),
        (RunState.TIMED_OUT, 124, "Bars: the last run was stopped: it took too long after 4s"),
        (RunState.LOST, None, "Bars: the last run was lost: nothing recorded how it ended"),
    ],
)
def test_a_flow_whose_newest_finished_run_did_not_end_well_raises(
    state: RunState, exit_code: int | None, words: str
) -> None:
    _, failed = flow_observations([standing(run(state, exit_code))], NAMED)
    assert (failed.key, failed.name) == ("flow:bars:failed", "bars_failed")
    assert failed.firing
    assert failed.severity == "high"
    assert failed.summary == words


def test_a_failed_flow_says_how_long_it_ran_and_the_last_line_of_its_output() -> None:
    said = "starting\nbars: models/score_model.json is damaged; delete it to fit anew\n"
    _, failed = flow_observations([standing(run(RunState.FAILED, 1, said, 0.2))], NAMED)
    assert failed.summary == (
        "Bars: the last run failed with exit code 1 after 0.2s: "
        "models/score_model.json is damaged; delete it to fit anew"
    )


def test_a_flow_whose_newest_finished_run_ended_well_resolves() -> None:
    _, failed = flow_observations([standing(run(RunState.COMPLETED, 0, "done"))], NAMED)
    assert failed.key == "flow:bars:failed"
    assert not failed.firing
    assert failed.summary == "Bars: a run ended well after 4s"


def test_a_flow_that_is_late_because_it_fails_raises_one_alert() -> None:
    overdue, failed = flow_observations([standing(run(RunState.FAILED, 1), LATE)], NAMED)
    assert (overdue.key, overdue.firing) == ("flow:bars:overdue", False)
    assert (failed.key, failed.firing) == ("flow:bars:failed", True)


def test_a_flow_s_alerts_have_the_severity_entry_and_suspect_of_its_table() -> None:
    named = {"bars": FlowSettings(severity="critical", runbook="data", suspect="flows/bars.py")}
    late, failed = flow_observations([standing(run(RunState.FAILED, 1))], named)
    for each in (late, failed):
        assert (each.severity, each.runbook) == ("critical", "data")
        assert each.labels == {"flow": "bars", "card": "flows", "suspect": "flows/bars.py"}


@pytest.mark.parametrize("ok", [True, False])
def test_a_failed_part_of_the_tick_raises(ok: bool) -> None:
    (observation,) = stage_observations([Stage("probes", ok, "" if ok else "disk full", 0.1)])
    assert observation.key == "tick:probes"
    assert observation.firing is not ok


def alert(key: str, source: str, labels: dict[str, str]) -> Alert:
    return Alert(1, key, "high", AlertState.FIRING, "x", "y", source, labels, "", 1, NOW, NOW)


def test_alerts_of_what_is_no_longer_configured_are_resolved() -> None:
    settings = Settings(desk=DeskSettings(name="test"), probes=SETTINGS)
    alerts = [
        alert("probe:quotes", "probe", {"probe": "quotes"}),
        alert("probe:old", "probe", {"probe": "old"}),
        alert("flow:old:overdue", "flow", {"flow": "old"}),
        alert("by hand", "manual", {}),
    ]
    resolved = list(gone(alerts, [], settings))
    assert [each.key for each in resolved] == ["probe:old", "flow:old:overdue"]
    assert not any(each.firing for each in resolved)


def uptime(*, fast: float | None, slow: float | None, left_s: float | None = 3600.0) -> Uptime:
    return Uptime(
        99.5, 30, 99.0, left_s, 1.0, 0.0, (),
        Burn("1h", "5m", 14.4, fast), Burn("6h", "30m", 6.0, slow),
    )  # fmt: skip


def test_a_burn_raises_its_alert_and_a_slow_one_a_milder_one() -> None:
    fast, slow = uptime_observations(uptime(fast=20.04, slow=7.0), UptimeSettings())
    assert fast == Observation(
        key="uptime:fast_burn",
        firing=True,
        severity="high",
        name="uptime_fast_burn",
        summary="the uptime's error budget is spent at 20.0x the allowed rate over 1h and 5m "
        "(limit 14.4x); 1h left for 99.5 % over 30d",
        source="uptime",
        labels={"card": "uptime", "window": "1h"},
    )
    assert (slow.key, slow.firing, slow.severity) == ("uptime:slow_burn", True, "medium")


@pytest.mark.parametrize(("severity", "milder"), [("critical", "high"), ("info", "info")])
def test_a_slow_burn_is_one_step_milder_where_there_is_one(severity: str, milder: str) -> None:
    settings = UptimeSettings(severity=severity)
    assert [each.severity for each in uptime_observations(uptime(fast=20, slow=9), settings)] == [
        severity,
        milder,
    ]


def test_a_burn_that_is_over_resolves_its_alert() -> None:
    said = uptime_observations(uptime(fast=0.5, slow=6.0), UptimeSettings())
    assert [each.firing for each in said] == [False, False]


def test_a_burn_that_is_not_known_neither_raises_nor_resolves() -> None:
    assert uptime_observations(uptime(fast=None, slow=None), UptimeSettings()) == []
    said = uptime_observations(uptime(fast=20, slow=None, left_s=-60.0), UptimeSettings())
    assert [each.key for each in said] == ["uptime:fast_burn"]
    assert said[0].summary.endswith("; overspent by 1m for 99.5 % over 30d")


@pytest.mark.parametrize("source", [ci_words.SOURCE, orchestrator_words.SOURCE])
def test_nobody_outside_speaks_for_what_the_tick_says_itself(source: str) -> None:
    # What leaves the configuration is resolved: of another's alert that would be a lost page.
    assert source in OWN_SOURCES
