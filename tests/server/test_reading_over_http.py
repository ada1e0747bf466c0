"""What can be read: health, metrics, alerts, costs; and check-ins."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import jsonschema
import pytest
from prometheus_client.parser import text_string_to_metric_families

from mechexo import watch
from mechexo.clock import VirtualClock
from mechexo.health import operations as health
from mechexo.server import reading
from support.application import Application
from support.serving import alert

pytestmark = pytest.mark.slow

Make = Callable[..., Application]
SCHEMA = Path(__file__).parents[1] / "data" / "status.schema.json"
WELL = '[probes.m]\nkind="host"\nmetric="memory_pct"\n'
BEATS = '[probes.nightly]\nkind="heartbeat"\njob="backup"\nevery_expected="1d"\nfail_after=1\n'


async def test_health_is_the_status_document_and_says_by_its_status_whether_all_is_well(
    application: Make,
) -> None:
    app = application(WELL)
    answer = await app.anonymous().get("/healthz")
    assert answer.status_code == 503
    assert "no tick has run yet: nothing has been looked at" in answer.json()["reasons"]
    watch.tick(app.desk)
    answer = await app.anonymous().get("/healthz")
    assert answer.status_code == 200
    jsonschema.validate(answer.json(), json.loads(SCHEMA.read_text()))
    status = await app.client("read").get("/api/v1/status")
    assert status.json() == answer.json()


async def test_health_goes_bad_when_nobody_ticks(application: Make, clock: VirtualClock) -> None:
    app = application(WELL)
    watch.tick(app.desk)
    clock.advance(timedelta(minutes=4))
    answer = await app.anonymous().get("/healthz")
    assert answer.status_code == 503
    assert answer.json()["ops_ok"] is False


async def test_a_state_file_that_is_gone_is_an_answer_and_not_a_crash(application: Make) -> None:
    app = application(WELL)
    client = app.client()
    app.desk.state.path.rename(app.desk.state.path.with_suffix(".away"))
    for path in ("/healthz", "/api/v1/alerts", "/readyz"):
        answer = await client.get(path)
        assert answer.status_code == 503, path
        assert "the state file has gone" in answer.text
    assert (await client.get("/livez")).status_code == 200


async def test_a_loop_that_does_not_run_is_not_ready(application: Make) -> None:
    answer = await application().anonymous().get("/readyz")
    assert answer.status_code == 503
    assert "the thread serve-pass has ended" in answer.json()["reasons"]


async def test_alerts_are_listed_as_the_command_lists_them(application: Make) -> None:
    client = application().client()
    await client.post("/api/v1/alerts", json=[alert("a"), alert("b", severity="critical")])
    await client.post("/api/v1/alerts", json=alert("a", action="resolve"))
    found = (await client.get("/api/v1/alerts")).json()
    assert found["schema"] == "mechexo.alerts/1"
    assert [each["key"] for each in found["alerts"]] == ["test/b"]
    every = (await client.get("/api/v1/alerts?all=1&limit=5")).json()["alerts"]
    assert [each["key"] for each in every] == ["test/b", "test/a"]


async def test_a_question_that_means_nothing_is_refused(application: Make) -> None:
    client = application().client()
    for query in ("limit=0", "limit=x", "limit=99999999", "all=yes", "severity=a"):
        answer = await client.get(f"/api/v1/alerts?{query}")
        assert answer.status_code == 400, query
        assert query.partition("=")[0] in answer.json()["error"]


async def test_costs_without_a_saved_day_are_null_and_not_zero(application: Make) -> None:
    found = (await application().client("read").get("/api/v1/costs")).json()
    assert found["schema"] == "mechexo.costs/1"
    assert (found["totals"], found["from"]) == (None, None)
    assert found["by"] == {"day": [], "symbol": [], "hour": []}


def samples(text: str) -> dict[str, float]:
    return {
        f"{sample.name}{sorted(sample.labels.values())}": sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def test_metrics_tell_of_the_engines_own_lag(application: Make, clock: VirtualClock) -> None:
    app = application(
        WELL + '[channels.box]\nurl="file://box.jsonl"\n[quiet_hours]\nenabled = false\n'
    )
    client = app.client()
    watch.tick(app.desk)
    clock.advance(timedelta(seconds=30))
    await client.post("/api/v1/alerts", json=alert("a", severity="critical"))
    clock.advance(timedelta(seconds=12))
    answer = await client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    found = samples(answer.text)
    assert found["mechexo_state_readable[]"] == 1
    assert found["mechexo_last_tick_age_seconds[]"] == 42
    assert found["mechexo_oldest_due_delivery_seconds[]"] == 12
    assert found["mechexo_alerts_open['critical']"] == 1
    assert found["mechexo_alerts_open['info']"] == 0
    assert found["mechexo_deliveries['box', 'due']"] == 1
    assert found["mechexo_ingest_seconds_count[]"] == 1
    assert found["mechexo_http_requests_total['/api/v1/alerts', '200']"] == 1
    watch.send_due(app.desk)
    found = samples((await client.get("/metrics")).text)
    assert found["mechexo_oldest_due_delivery_seconds[]"] == 0
    assert found["mechexo_deliveries['box', 'sent']"] == 1
    assert "mechexo_deliveries['box', 'due']" not in found


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
async def test_prometheus_own_checker_finds_nothing_to_blame_in_them(application: Make) -> None:
    app = application(WELL)
    watch.tick(app.desk)
    await app.client().post("/api/v1/alerts", json=alert("a"))
    page = (await app.anonymous().get("/metrics")).content
    done = subprocess.run(["promtool", "check", "metrics"], input=page, capture_output=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


async def test_metrics_leave_out_what_cannot_be_read(application: Make) -> None:
    app = application()
    app.desk.state.path.rename(app.desk.state.path.with_suffix(".away"))
    found = samples((await app.anonymous().get("/metrics")).text)
    assert found["mechexo_state_readable[]"] == 0
    assert not [name for name in found if name.startswith("mechexo_alerts_open")]


async def test_metrics_come_in_the_format_that_is_asked_for(application: Make) -> None:
    heads = {"accept": "application/openmetrics-text; version=1.0.0"}
    answer = await application().anonymous().get("/metrics", headers=heads)
    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    assert answer.text.endswith("# EOF\n")


CHECK_INS = (
    ("/ping/backup", True, ""),
    ("/ping/backup/0", True, ""),
    ("/ping/backup/fail", False, ""),
    ("/ping/backup/3", False, "exit code 3"),
    ("/ping/backup/255", False, "exit code 255"),
)


async def test_a_check_in_feeds_the_heartbeat(application: Make) -> None:
    app = application(BEATS)
    client = app.client("ping")
    for method in ("GET", "POST"):
        for path, ok, detail in CHECK_INS:
            answer = await client.request(method, path)
            assert answer.json() | {"at": ""} == {
                "schema": "mechexo.ping/1",
                "at": "",
                "job": "backup",
                "ok": ok,
                "detail": detail,
            }
            (probe,) = health.run_due(app.desk, force=True)
            how = "backup checked in 0s ago" if ok else "backup reported a failure 0s ago"
            assert how in probe.detail
            assert probe.detail.endswith(detail or "ago")


async def test_what_the_job_printed_last_is_kept(application: Make) -> None:
    app = application(BEATS)
    body = b"reading\n\x1b[31mdisk full password=hunter2\x1b[0m\n"
    answer = await app.client("ping").post("/ping/backup/1", content=body)
    assert answer.json()["detail"] == "exit code 1: disk full password=***"


async def test_a_start_is_noted_and_is_no_sign_of_life(
    application: Make, clock: VirtualClock
) -> None:
    app = application(BEATS)
    assert (await app.client("ping").get("/ping/backup/start")).json()["ok"] is None
    clock.advance(timedelta(minutes=2))
    (probe,) = health.run_due(app.desk, force=True)
    assert probe.detail.startswith("backup has never checked in")
    assert probe.detail.endswith("it began 2m ago and has not ended")


async def test_a_job_that_nothing_expects_is_not_found_and_close_names_are_given(
    application: Make,
) -> None:
    app = application(BEATS)
    client = app.client("ping")
    answer = await client.get("/ping/bakcup")
    assert answer.status_code == 404
    assert "did you mean backup?" in answer.json()["error"]
    assert (await client.get("/ping/backup/256")).status_code == 404
    assert (await client.get("/ping/backup/maybe")).status_code == 404
    assert app.desk.audit_entries(only=["flows.*"]) == ()


@pytest.mark.parametrize("path", ["/ping/backup/", "/ping/backup/1/"])
async def test_a_check_in_without_the_code_that_its_slash_announces_is_no_success(
    application: Make, path: str
) -> None:
    app = application(BEATS)
    answer = await app.client("ping").get(path)
    assert answer.status_code == 404
    assert "nothing was taken; after /ping/JOB comes nothing, or /start" in answer.json()["error"]
    assert app.desk.audit_entries(only=["flows.*"]) == ()


async def test_a_look_at_a_check_in_with_head_is_none(application: Make) -> None:
    app = application(BEATS)
    for path in ("/ping/backup", "/ping/backup/1"):
        answer = await app.client("ping", name=path[-1]).head(path)
        assert answer.status_code == 405
        assert set(answer.headers["allow"].split(", ")) == {"GET", "POST"}
    assert app.desk.audit_entries(only=["flows.*"]) == ()
    assert (await app.anonymous().head("/livez")).status_code == 200


async def test_other_paths_and_methods_are_refused_in_json(application: Make) -> None:
    client = application().client()
    for method, path, status in (
        ("GET", "/", 404),
        ("GET", "/ping", 404),
        ("PUT", "/livez", 405),
        ("GET", "/hooks/grafana", 405),
        ("GET", "/hooks/grafana/", 405),
    ):
        answer = await client.request(method, path)
        assert answer.status_code == status, path
        assert list(answer.json()) == ["error"]


async def test_a_defect_is_told_to_the_log_and_not_to_the_client(
    application: Make, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def broken(desk: object) -> object:
        raise ZeroDivisionError("inside of it")

    monkeypatch.setattr(reading, "status", broken)
    app = application()
    for _ in range(3):
        answer = await app.anonymous().get("/healthz")
        assert answer.status_code == 500
        assert "inside of it" not in answer.text
        assert str(app.desk.root) not in answer.text
    said = capfd.readouterr().err
    assert said.count("unexpected ZeroDivisionError: inside of it") == 1
    (report,) = app.desk.root.rglob("mechexo-crash-*.txt")
    assert str(report) in said
