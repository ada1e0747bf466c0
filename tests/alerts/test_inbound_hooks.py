"""Alertmanager's and Grafana's messages: each alert by its fingerprint, none lost by its words."""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mechexo.alerts.inbound import hooks
from mechexo.alerts.inbound.hooks import ALERTMANAGER, GRAFANA
from mechexo.alerts.inbound.reading import BadPayloadError

DATA = Path(__file__).parents[1] / "data" / "inbound"


def captured(number: int) -> Any:
    (file,) = DATA.glob(f"webhook_{number:02}_*.json")
    return json.loads(file.read_text())["body"]


def grafana() -> Any:
    return json.loads((DATA / "grafana_documented.json").read_text())


def test_a_captured_alert_fires() -> None:
    one, whole = hooks.observations(captured(1), ALERTMANAGER)
    assert one.key == "alertmanager/154e4a1c32898cda"
    assert (one.firing, one.severity, one.name) == (True, "critical", "TargetDown")
    assert one.summary == "gateway on 127.0.0.1:1 is down"
    assert one.labels["instance"] == "127.0.0.1:1"
    assert one.labels["runbook_url"] == "https://runbooks.example/targetdown"
    assert one.labels["starts_at"] == "2026-11-23T11:50:55.940000Z"
    assert not whole.firing


def test_its_captured_resolution_has_the_same_key() -> None:
    fired, _ = hooks.observations(captured(3), ALERTMANAGER)
    over, _ = hooks.observations(captured(4), ALERTMANAGER)
    assert over.key == fired.key
    assert (fired.firing, over.firing) == (True, False)
    assert over.summary == "resolved by Alertmanager at 2026-11-23T11:51:43.940000Z"


def test_two_alerts_with_the_same_words_stay_two() -> None:
    message = captured(1)
    twin = deepcopy(message["alerts"][0])
    twin["fingerprint"] = "ffff"
    message["alerts"].append(twin)
    first, second, _ = hooks.observations(message, ALERTMANAGER)
    assert first.summary == second.summary
    assert first.key != second.key


def test_without_a_fingerprint_the_labels_identify() -> None:
    message = captured(1)
    del message["alerts"][0]["fingerprint"]
    one, _ = hooks.observations(message, ALERTMANAGER)
    assert one.key.startswith('alertmanager{alertname="TargetDown",desk="lon"')


def test_a_message_that_was_cut_short_is_an_alert_until_a_whole_one_comes() -> None:
    message = captured(1)
    *_, whole = hooks.observations(message, ALERTMANAGER)
    message["truncatedAlerts"] = 7
    *_, cut = hooks.observations(message, ALERTMANAGER)
    assert cut.firing
    assert cut.severity == "critical"
    assert "Alertmanager left 7 alerts out" in cut.summary
    assert (whole.firing, whole.key) == (False, cut.key)
    message["groupKey"] = "another"
    *_, other = hooks.observations(message, ALERTMANAGER)
    assert other.key != cut.key


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("critical", "critical"),
        ("Warning", "medium"),
        ("page", "high"),
        ("error", "high"),
        ("none", "info"),
        ("ultraviolet", "high"),
        ("", "high"),
    ],
)
def test_other_vocabularies_of_severity_are_understood_and_never_refused(
    said: str, meant: str
) -> None:
    message = captured(1)
    message["alerts"][0]["labels"]["severity"] = said
    one, _ = hooks.observations(message, ALERTMANAGER)
    assert one.severity == meant
    assert one.labels["severity"] == said


def test_grafana_says_its_values_too() -> None:
    fired, over, whole = hooks.observations(grafana(), GRAFANA)
    assert fired.key == "grafana/c6eadffa33fcdf37"
    assert (fired.severity, fired.name) == ("medium", "Reject rate")
    assert fired.summary.startswith("rejects above 1 % at XNYS; [ var='A' labels={venue=XNYS}")
    assert fired.labels["panel_url"].endswith("viewPanel=2")
    assert fired.labels["starts_at"] == "2026-03-02T07:51:03.157076Z"
    assert (over.firing, whole.firing) == (False, False)


def test_one_system_in_the_place_of_the_other_is_told_where_to_go() -> None:
    with pytest.raises(BadPayloadError, match="Grafana to /hooks/grafana"):
        hooks.observations(grafana(), ALERTMANAGER)
    with pytest.raises(BadPayloadError, match="Alertmanager sends to /hooks/alertmanager"):
        hooks.observations(captured(1), GRAFANA)


@pytest.mark.parametrize(
    ("place", "value", "words"),
    [
        ("status", "broken", r"alerts\[0\].status: expected firing or resolved"),
        ("status", None, r"alerts\[0\].status is missing"),
        ("labels", None, r"alerts\[0\].labels is missing"),
        ("labels", {"a": 1}, r"alerts\[0\].labels.a: expected a text, not a number"),
        ("annotations", [1], r"alerts\[0\].annotations: expected a table"),
        ("fingerprint", 12, r"alerts\[0\].fingerprint: expected a text"),
        ("startsAt", "noon", r'alerts\[0\].startsAt: "noon" is not a time'),
    ],
)
def test_a_message_of_another_shape_is_refused(place: str, value: object, words: str) -> None:
    message = captured(1)
    message["alerts"][0][place] = value
    with pytest.raises(BadPayloadError, match=words):
        hooks.observations(message, ALERTMANAGER)


@given(
    labels=st.dictionaries(st.text(max_size=5).filter(str.strip), st.text(), max_size=5),
    notes=st.dictionaries(st.sampled_from(["summary", "runbook", "description"]), st.text()),
)
def test_no_words_of_an_alert_can_lose_it(labels: dict[str, str], notes: dict[str, str]) -> None:
    message = captured(1)
    message["alerts"][0] |= {"labels": labels, "annotations": notes}
    one, _ = hooks.observations(message, ALERTMANAGER)
    assert one.key == "alertmanager/154e4a1c32898cda"
    assert one.name


def test_who_brought_it_is_said_with_it() -> None:
    fired, whole = hooks.told_by(hooks.observations(captured(1), ALERTMANAGER), "token:am")
    assert fired.labels["told_by"] == "token:am"
    assert whole.summary.endswith("; told by token:am")
