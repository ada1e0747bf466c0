"""Alerts over HTTP: answered when they are on disk, refused with what was wrong."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mechexo.alerts import operations as alerts
from mechexo.alerts.values import AlertState
from support.application import Application
from support.serving import alert

pytestmark = pytest.mark.slow

DATA = Path(__file__).parents[1] / "data" / "inbound"
Make = Callable[..., Application]


def captured(number: int) -> Any:
    (file,) = DATA.glob(f"webhook_{number:02}_*.json")
    return json.loads(file.read_text())["body"]


async def test_an_alert_is_on_disk_when_it_is_answered(application: Make) -> None:
    app = application()
    answer = await app.client().post("/api/v1/alerts", json=alert("a"))
    assert answer.status_code == 200
    document = answer.json()
    assert document["schema"] == "mechexo.taken/1"
    (taken,) = document["alerts"]
    assert taken == {
        "key": "test/a",
        "id": taken["id"],
        "state": "firing",
        "severity": "high",
        "count": 1,
    }
    stored = alerts.get_alert(app.desk, taken["id"])
    assert (stored.key, stored.summary) == ("test/a", "about a")
    assert stored.labels["told_by"] == "token:test"


@pytest.mark.parametrize("path", ["/api/v1/alerts/", "/api/v1/alerts//"])
async def test_a_slash_at_the_end_changes_nothing_for_a_redirection_would_lose_the_alert(
    application: Make, path: str
) -> None:
    app = application()
    client = app.client()
    assert (await client.post(path, json=alert("a"))).status_code == 200
    assert [each.key for each in alerts.list_alerts(app.desk)] == ["test/a"]
    assert len((await client.get(path)).json()["alerts"]) == 1
    refused = await app.anonymous().post(path, json=alert("b"))
    assert refused.status_code == 401


async def test_equal_keys_are_one_alert_with_a_count(application: Make) -> None:
    client = application().client()
    first = (await client.post("/api/v1/alerts", json=alert("a"))).json()["alerts"][0]
    again = (await client.post("/api/v1/alerts", json=alert("a"))).json()["alerts"][0]
    other = (await client.post("/api/v1/alerts", json=alert("b"))).json()["alerts"][0]
    assert (again["id"], again["count"]) == (first["id"], 2)
    assert other["id"] != first["id"]


async def test_the_same_look_told_twice_counts_once_and_names_its_alert(application: Make) -> None:
    client = application().client()
    said = alert("a", ts="2026-03-02T14:00:00Z")
    first = (await client.post("/api/v1/alerts", json=said)).json()["alerts"][0]
    again = (await client.post("/api/v1/alerts", json=said)).json()["alerts"][0]
    assert (again["id"], again["count"]) == (first["id"], 1)


async def test_a_resolution_closes_it(application: Make) -> None:
    app = application()
    client = app.client()
    await client.post("/api/v1/alerts", json=alert("a"))
    over = {"source": "test", "key": "a", "action": "resolve"}
    (done,) = (await client.post("/api/v1/alerts", json=over)).json()["alerts"]
    assert done["state"] == "resolved"
    (nothing,) = (await client.post("/api/v1/alerts", json=over)).json()["alerts"]
    assert nothing["id"] is None
    assert "told by token:test" in alerts.timeline(app.desk, done["id"])[-1].detail


async def test_a_list_is_answered_in_its_order(application: Make) -> None:
    client = application().client()
    said = [alert("a"), alert("b"), alert("a"), {**alert("a"), "action": "resolve"}, alert("a")]
    taken = (await client.post("/api/v1/alerts", json=said)).json()["alerts"]
    assert [each["key"] for each in taken] == ["test/a", "test/b", "test/a", "test/a", "test/a"]
    first, other, same, over, anew = (each["id"] for each in taken)
    assert first == same == over
    assert len({first, other, anew}) == 3


async def test_of_a_list_with_a_fault_nothing_is_taken(application: Make) -> None:
    app = application()
    answer = await app.client().post("/api/v1/alerts", json=[alert("a"), alert("b", severity="x")])
    assert answer.status_code == 400
    assert answer.json()["error"].startswith("[1].severity: expected one of critical, high")
    assert alerts.list_alerts(app.desk, states=tuple(AlertState)) == ()


async def test_a_captured_message_of_alertmanager_fires_and_resolves(application: Make) -> None:
    app = application()
    client = app.client()
    (fired,) = (await client.post("/hooks/alertmanager", json=captured(3))).json()["alerts"]
    assert fired["key"] == "alertmanager/6712f94b46d61019"
    (over,) = (await client.post("/hooks/alertmanager", json=captured(4))).json()["alerts"]
    assert (over["id"], over["state"]) == (fired["id"], "resolved")


async def test_a_message_cut_short_is_an_alert_of_its_own(application: Make) -> None:
    app = application()
    client = app.client()
    message = captured(1) | {"truncatedAlerts": 3}
    taken = (await client.post("/hooks/alertmanager", json=message)).json()["alerts"]
    assert len(taken) == 2
    assert {a.name for a in alerts.list_alerts(app.desk)} == {
        "TargetDown",
        "alertmanager_truncated",
    }
    await client.post("/hooks/alertmanager", json=captured(1))
    assert {a.name for a in alerts.list_alerts(app.desk)} == {"TargetDown"}


async def test_grafana_has_its_own_hook(application: Make) -> None:
    message = json.loads((DATA / "grafana_documented.json").read_text())
    taken = (await application().client().post("/hooks/grafana", json=message)).json()["alerts"]
    assert [each["key"] for each in taken] == [
        "grafana/c6eadffa33fcdf37",
        "grafana/aaeadffa33fcdf11",
    ]


async def test_a_hooks_message_that_is_refused_is_an_alert_for_it_does_not_come_again(
    application: Make,
) -> None:
    app = application()
    answer = await app.client().post("/hooks/alertmanager", json={"version": "3"})
    assert answer.status_code == 400
    (lost,) = alerts.list_alerts(app.desk)
    assert (lost.name, lost.severity) == ("alertmanager_refused", "critical")
    assert "its alerts are lost: version: expected Alertmanager's" in lost.summary
    assert lost.labels["told_by"] == "token:test"


REFUSED: tuple[tuple[bytes, dict[str, str], int, str], ...] = (
    (b"", {}, 400, "the body is not JSON"),
    (b"{'a': 1}", {}, 400, "the body is not JSON"),
    (b"\xff", {}, 400, "the body is not UTF-8"),
    (b"[" * 50_000, {}, 400, "nested too deeply"),
    (b'{"a": 1, "a": 2}', {}, 400, 'the key "a" is there twice'),
    (b"[]", {}, 400, "the list is empty"),
    (b"7", {}, 400, "expected a table, not a number"),
    (b"{}", {}, 400, "source is missing"),
    (b"x" * 1_100_000, {}, 413, "the body is larger than 1048576 bytes"),
    (b"{}", {"content-type": "text/plain"}, 415, "content-type text/plain is not taken"),
    (b"{}", {"content-type": "application/json; charset=latin-1"}, 415, "send UTF-8"),
    (gzip.compress(b"{}"), {"content-encoding": "gzip"}, 415, "content-encoding gzip is not"),
    (b"{}", {"content-type": "application/json; charset=UTF-8"}, 400, "source is missing"),
    (b"{}", {"content-type": "application/vnd.x+json"}, 400, "source is missing"),
)


async def test_what_cannot_be_taken_is_one_line_of_json(application: Make) -> None:
    app = application()
    client = app.client()
    for body, headers, status, words in REFUSED:
        heads = {"content-type": "application/json"} | headers
        answer = await client.post("/api/v1/alerts", content=body, headers=heads)
        assert answer.status_code == status, words
        assert answer.text.count("\n") == 1
        assert list(answer.json()) == ["error"]
        assert words in answer.json()["error"]
    assert alerts.list_alerts(app.desk, states=tuple(AlertState)) == ()


async def test_right_to_left_and_very_long_texts_are_taken_and_safe(application: Make) -> None:
    app = application()
    long = "\u202eלילה\u0007 " + "x" * 20_000
    said = alert("\u05d0\nb", summary=long, labels={"\u05d0": "\x1b[31mred"})
    answer = await app.client().post("/api/v1/alerts", json=said)
    assert answer.status_code == 200
    (stored,) = alerts.list_alerts(app.desk)
    assert len(stored.summary) == 10_000
    assert stored.summary.startswith("לילה xxx")
    assert stored.labels["\u05d0"] == "red"


async def test_a_token_sent_in_an_alert_is_hidden(application: Make) -> None:
    app = application()
    client = app.client()
    shown = client.headers["authorization"].split()[1]
    await client.post("/api/v1/alerts", json=alert("a", summary=f"curl with {shown} failed"))
    (stored,) = alerts.list_alerts(app.desk)
    assert shown not in stored.summary
    assert stored.summary.endswith("_*** failed")
