"""Finding entries: the right one first, with the reason, and rather none than a wrong one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mechexo.runbook.library import read_library
from mechexo.runbook.lookup import entries_for, match_entry, name_of_key, search_entries
from mechexo.runbook.parse import parse

ENTRIES = read_library().entries


@pytest.mark.parametrize(
    ("query", "entry_id", "why"),
    [
        ("disk-full", "disk-full", "exact id"),
        ("broker_rejects", "broker-disconnect", "alert name"),
        ("no space left on device", "disk-full", "symptom"),
        ("kill switch", "trading-halted", "symptoms"),
        ("malformed database", "database-corruption", ""),
        ("gateway slow", "high-latency", ""),
        ("api key in git", "credential-leak", "symptom"),
        ("stale quotes", "data-pipeline-failure", "symptom"),
        ("databse corupted", "database-corruption", "read as"),
        ("lattency", "high-latency", "“lattency” read as “latency”"),
        ("sequence numbers", "broker-disconnect", "text"),
        ("seqence numbers", "broker-disconnect", "“seqence” read as “sequence”"),
        ("dsik full", "disk-full", "“dsik” read as “disk”"),
        ("margin", "risk-breach", "symptoms"),
    ],
)
def test_the_right_entry_comes_first_and_says_why(query: str, entry_id: str, why: str) -> None:
    first = search_entries(ENTRIES, query)[0]
    assert first.entry.id == entry_id
    assert why in first.why


def test_scores_fall_and_stay_within_bounds() -> None:
    found = search_entries(ENTRIES, "disk full of old data")
    scores = [each.score for each in found]
    assert scores == sorted(scores, reverse=True)
    assert all(0 < score <= 1 for score in scores)


@pytest.mark.parametrize("query", ["", "   ", "xyzzy plugh", "!!!"])
def test_words_that_mean_nothing_find_nothing(query: str) -> None:
    assert search_entries(ENTRIES, query) == ()


@given(st.text(max_size=60))
def test_any_query_is_answered(query: str) -> None:
    for found in search_entries(ENTRIES, query):
        assert found.why


@pytest.mark.parametrize(
    ("alert", "named", "entry_id"),
    [
        ("disk_quota", "", "disk-full"),
        ("anything", "disk-full", "disk-full"),
        ("anything", "https://example.com/runbooks/disk-full.md", "disk-full"),
        ("GatewayLatency", "", "high-latency"),
        ("system_down", "", "system-down"),
        ("tick_probes", "", "system-down"),
        ("reweight_overdue", "", "risk-breach"),
        ("nightly_report_overdue", "", "data-pipeline-failure"),
        ("nightly_report_failed", "", "data-pipeline-failure"),
        ("reweight_failed", "", "risk-breach"),
        ("gateway_latencies", "", "high-latency"),
        ("disk_quota", "no-such-entry", "disk-full"),
    ],
)
def test_an_alert_leads_to_its_entry(alert: str, named: str, entry_id: str) -> None:
    found = match_entry(ENTRIES, alert, named)
    assert found is not None
    assert found.entry.id == entry_id
    assert found.why


@pytest.mark.parametrize("alert", ["", "canary", "KubePodCrashLooping", "disk_something_else"])
def test_rather_no_entry_than_a_wrong_one(alert: str) -> None:
    assert match_entry(ENTRIES, alert) is None


def test_an_exact_name_wins_over_a_pattern() -> None:
    entries = [
        parse("---\nalerts: ['flow_*']\n---\n", name="a.md"),
        parse("---\nalerts: [flow_x]\n---\n", name="b.md"),
    ]
    found = match_entry(entries, "flow_x")
    assert found is not None
    assert found.entry.id == "b"


@pytest.mark.parametrize(
    ("alert", "found"),
    [
        ("feed_stale", ["a"]),
        ("order_rejects", ["a", "b"]),
        ("c", ["c"]),
        ("desk_late", ["b", "c"]),
        ("order_reject", ["b", "a"]),
        ("lunch", []),
    ],
)
def test_all_entries_are_known_that_a_name_leads_to_as_surely(alert: str, found: list[str]) -> None:
    entries = [
        parse("---\nalerts: [feed_stale, OrderRejects, order_rejects]\n---\n", name="a.md"),
        parse("---\nalerts: [order_rejects, 'desk_*']\n---\n", name="b.md"),
        parse("---\nalerts: ['*_late', 'feed_*']\n---\n", name="c.md"),
    ]
    assert [each.entry.id for each in entries_for(entries, alert)] == found
    first = match_entry(entries, alert)
    assert (first.entry.id if first else None) == next(iter(found), None)


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("probe:risk_limits", "risk_limits"),
        ("probe:risk_limits:warning", "risk_limits"),
        ("flow:bars:overdue", "bars_overdue"),
        ("flow:bars:failed", "bars_failed"),
        ("tick:probes", "tick_probes"),
        ("risk_limits", "risk_limits"),
        ("Broker: down", "Broker: down"),
    ],
)
def test_an_alert_s_key_stands_for_its_name(key: str, name: str) -> None:
    assert name_of_key(key) == name
