"""What the doctor says of Grafana; the server is a stub of documented shapes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from conftest import MakeDesk
from mechexo.desk import Desk
from mechexo.doctor import grafana_checks
from mechexo.doctor.findings import Finding
from mechexo.grafana_annotations import annotate
from mechexo.health.values import Status
from mechexo.incidents import operations as incidents
from support.grafana_server import TOKEN, GrafanaServer, grafana_server, said
from support.in_process import Program


@pytest.fixture
def server() -> Iterator[GrafanaServer]:
    with grafana_server() as each:
        yield each


@pytest.fixture
def configured(make_desk: MakeDesk, server: GrafanaServer, monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setenv("GRAFANA_TOKEN", TOKEN)
    return make_desk(f'[grafana]\nurl = "{server.url}"\ntoken = "${{env:GRAFANA_TOKEN}}"\n')


def found(desk: Desk) -> dict[str, Finding]:
    return {each.check: each for each in grafana_checks.grafana(desk)}


def test_one_that_is_well_is_said_with_its_version_and_what_we_may_do(configured: Desk) -> None:
    findings = found(configured)
    assert {each.status for each in findings.values()} == {Status.OK}
    assert findings["grafana"].detail == "Grafana 12.1.0 answers"
    assert findings["grafana token"].detail == "it lets us see dashboards and annotate"


def test_a_desk_without_one_is_not_asked(make_desk: MakeDesk) -> None:
    desk = make_desk()
    assert [*grafana_checks.grafana(desk), *grafana_checks.behind(desk)] == []


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ((503, {}, b""), "answered 503"),
        ((200, {}, b"<html>"), "is this address a Grafana's?"),
        (said({"status": "ok"}), "what answers there is no Grafana"),
        (said({"database": "failing", "version": "12.0.0"}), "its own database is not well"),
    ],
)
def test_one_that_is_not_there_is_wrong(
    configured: Desk, server: GrafanaServer, fault: tuple[int, dict[str, str], bytes], words: str
) -> None:
    server.faults["GET /api/health"] = fault
    finding = found(configured)["grafana"]
    assert finding.is_bad
    assert words in finding.detail
    assert finding.mend


@pytest.mark.parametrize(("code", "words"), [(401, "token is refused"), (403, "lacks a right")])
def test_a_token_that_may_not_look_is_wrong(
    configured: Desk, server: GrafanaServer, code: int, words: str
) -> None:
    server.faults["GET /api/search"] = said({"message": f"no {TOKEN}"}, code)
    finding = found(configured)["grafana token"]
    assert finding.is_bad
    assert words in finding.detail
    assert TOKEN not in finding.detail


def test_a_token_that_may_not_annotate_is_wrong_unless_nothing_is_annotated(
    configured: Desk, server: GrafanaServer, make_desk: MakeDesk
) -> None:
    server.permissions = {"dashboards:read": ["*"], "annotations:read": ["*"]}
    finding = found(configured)["grafana token"]
    assert finding.is_bad
    assert "annotations:create, annotations:write is missing" in finding.detail
    desk = make_desk(
        f'[grafana]\nurl = "{server.url}"\ntoken = "${{env:GRAFANA_TOKEN}}"\nannotate = []\n'
    )
    assert not found(desk)["grafana token"].is_bad


def test_one_that_does_not_tell_our_rights_is_not_taken_for_yes(
    configured: Desk, server: GrafanaServer
) -> None:
    server.permissions = None
    assert "whether annotate, it does not say" in found(configured)["grafana token"].detail


def test_an_old_version_and_a_missing_renderer_are_doubtful(
    configured: Desk, server: GrafanaServer
) -> None:
    server.version, server.renderer = "8.5.1", False
    findings = found(configured)
    assert findings["grafana"].status is Status.WARNING
    assert findings["grafana pictures"].status is Status.WARNING
    assert not any(each.is_bad for each in findings.values())


def test_a_token_that_is_not_set_is_wrong(
    configured: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GRAFANA_TOKEN")
    assert "GRAFANA_TOKEN" in found(configured)["grafana"].detail


def test_annotations_that_could_not_be_written_are_said(
    configured: Desk, server: GrafanaServer
) -> None:
    incidents.open_incident(configured, title="Feed is stale", severity="SEV1")
    server.fault = (500, {}, b"")
    annotate(configured, deadline_s=5.0)
    (finding,) = grafana_checks.behind(configured)
    assert finding.status is Status.WARNING
    assert finding.detail == "0 written, 1 failing; answered 500"


def test_annotations_of_which_none_could_be_tried_are_doubtful(
    configured: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    incidents.open_incident(configured, title="Feed is stale", severity="SEV1")
    monkeypatch.delenv("GRAFANA_TOKEN")
    annotate(configured, deadline_s=5.0)
    (finding,) = grafana_checks.behind(configured)
    assert finding.status is Status.WARNING


def test_the_doctor_asks_it(
    configured: Desk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    told = Program(configured, "doctor", monkeypatch, capsys)()[1]
    assert "Grafana 12.1.0 answers" in told
    assert "grafana annotations" in told
