"""The ten entries that ship with mechexo, held to the real command tree."""

from __future__ import annotations

import re

import pytest

from mechexo.cli.runbook import command_tree
from mechexo.runbook.checking import check_entries
from mechexo.runbook.library import read_library, shipped_folder
from mechexo.runbook.lookup import match_entry
from mechexo.runbook.values import SECTIONS, Entry

ENTRIES = read_library().entries
IDS = {
    *("system-down", "database-corruption", "trading-halted", "risk-breach", "disk-full"),
    *("data-pipeline-failure", "ml-degradation", "high-latency", "broker-disconnect"),
    "credential-leak",
}
# What a desk's probes, flows and ticks call their alerts.
ALERTS = {
    *("gateway_health", "gateway_latency", "feed_fresh", "bars_fresh", "trading_enabled"),
    *("canary_enabled", "risk_limits", "gross_exposure", "daily_loss", "disk_quota", "host_disk"),
    *("host_memory", "host_load", "flow_data_pipeline", "flow_ml_inference", "flow_reweight"),
    *("flow_canary", "database_integrity", "broker_rejects", "model_score_age", "ci_last_run"),
    *("capital_utilisation", "credential_age", "tcp_gateway", "clock_offset"),
    *("data_pipeline_overdue", "ml_inference_overdue", "reweight_overdue", "canary_overdue"),
    *("data_pipeline_failed", "ml_inference_failed", "reweight_failed", "canary_failed"),
    # The uptime objective's own, which are there without any configuration.
    *("uptime_fast_burn", "uptime_slow_burn"),
    # The probes of the example configuration.
    *("disk", "memory", "load"),
}
PATTERNS = {"tick_*", "*_overdue", "*_failed"}

each_entry = pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.id)


def test_the_ten_are_there() -> None:
    assert {entry.id for entry in ENTRIES} == IDS


def test_the_check_finds_nothing_and_every_command_exists() -> None:
    reviewed = max(entry.last_reviewed for entry in ENTRIES if entry.last_reviewed)
    found = check_entries(ENTRIES, today=reviewed, root=command_tree())
    assert not found, "\n".join(map(str, found))


@each_entry
def test_the_sections_are_exactly_these_in_this_order(entry: Entry) -> None:
    assert entry.sections == SECTIONS


@each_entry
def test_it_begins_with_steps_that_make_safe(entry: Entry) -> None:
    first = [step for step in entry.steps if step.section == "First 60 seconds"]
    assert 2 <= len(first) <= 4
    assert any(step.id for step in first)


@each_entry
def test_it_says_what_not_to_do_and_whom_to_call(entry: Entry) -> None:
    assert re.search(r"^(\*\*Never|\*\*Do not|Not:|Do not)", entry.source, re.MULTILINE)
    assert "$ESCALATION_CONTACT" in entry.source
    assert "$INCIDENT_CHANNEL" in entry.source


@each_entry
def test_what_changes_something_is_confirmed_and_what_is_dangerous_can_be_undone(
    entry: Entry,
) -> None:
    ids = {step.id for step in entry.steps if step.id}
    for step in entry.steps:
        if step.risk == "danger":
            assert step.confirm == "typed"
            assert step.undo in ids


@each_entry
def test_its_decision_table_has_rows(entry: Entry) -> None:
    table = entry.source.split("## Decision table")[1].split("\n## ")[0]
    assert table.count("\n|") >= 6


@pytest.mark.parametrize("alert", sorted(ALERTS))
def test_every_alert_of_a_desk_leads_to_an_entry(alert: str) -> None:
    found = match_entry(ENTRIES, alert)
    assert found is not None
    assert found.score == 1.0


def test_no_entry_lists_an_alert_that_nothing_raises() -> None:
    listed = {alert for entry in ENTRIES for alert in entry.alerts}
    assert listed <= ALERTS | PATTERNS


def test_no_alert_is_listed_twice() -> None:
    listed = [alert for entry in ENTRIES for alert in entry.alerts]
    assert len(listed) == len(set(listed))


def test_the_readme_lists_exactly_the_names_that_the_entries_use() -> None:
    readme = (shipped_folder() / "README.md").read_text()
    rows = re.findall(r"^\| (`[A-Z_]+`(?:, `[A-Z_]+`)*) \|", readme, re.MULTILINE)
    listed = {name for row in rows for name in re.findall(r"[A-Z_]+", row)}
    assert listed == {name for entry in ENTRIES for name in entry.unset}
