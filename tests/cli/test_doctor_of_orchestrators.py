"""What the doctor says of the orchestrators of the configuration."""

from __future__ import annotations

import pytest

from conftest import MakeDesk
from mechexo.doctor.findings import Finding
from mechexo.doctor.orchestrator_checks import orchestrators
from mechexo.health.values import Status
from support.fake_prefect import FakePrefect
from support.orchestrated_desk import desk_with

pytestmark = pytest.mark.slow


def found(make_desk: MakeDesk, monkeypatch: pytest.MonkeyPatch, prefect: FakePrefect) -> Finding:
    (finding,) = orchestrators(desk_with(make_desk, monkeypatch, prefect))
    return finding


def test_one_that_lets_us_in_is_well_with_its_version(
    make_desk: MakeDesk, monkeypatch: pytest.MonkeyPatch, prefect: FakePrefect
) -> None:
    finding = found(make_desk, monkeypatch, prefect)
    assert (finding.status, finding.check) == (Status.OK, "orchestrator prefect")
    assert finding.detail == "prefect 3.8.8 lets us in"


def test_one_of_another_major_version_is_doubtful(
    make_desk: MakeDesk, monkeypatch: pytest.MonkeyPatch, prefect: FakePrefect
) -> None:
    prefect.version = "2.20.1"
    finding = found(make_desk, monkeypatch, prefect)
    assert finding.status is Status.WARNING
    assert "API of version 3" in finding.mend


def test_one_that_tells_no_version_is_well(
    make_desk: MakeDesk, monkeypatch: pytest.MonkeyPatch, prefect: FakePrefect
) -> None:
    prefect.failing["admin/version"] = "404"
    assert "does not tell" in found(make_desk, monkeypatch, prefect).detail


def test_one_that_tells_its_version_and_does_not_let_us_in_is_wrong(
    make_desk: MakeDesk, monkeypatch: pytest.MonkeyPatch, prefect: FakePrefect
) -> None:
    prefect.failing["deployments/filter"] = "401"
    finding = found(make_desk, monkeypatch, prefect)
    assert finding.status is Status.CRITICAL
    assert "does not let us in (401)" in finding.detail


def test_one_that_is_not_there_is_wrong(
    make_desk: MakeDesk, monkeypatch: pytest.MonkeyPatch, prefect: FakePrefect
) -> None:
    prefect.leave()
    finding = found(make_desk, monkeypatch, prefect)
    assert finding.status is Status.CRITICAL
    assert "connection refused" in finding.detail


def test_a_desk_without_one_has_nothing_to_say(make_desk: MakeDesk) -> None:
    assert list(orchestrators(make_desk(""))) == []


def test_each_of_several_is_judged_by_itself(
    make_desk: MakeDesk, monkeypatch: pytest.MonkeyPatch, prefect: FakePrefect
) -> None:
    away = '[orchestrators.away]\nkind = "none"\nurl = "http://127.0.0.1:1/api"\n'
    one, other = orchestrators(desk_with(make_desk, monkeypatch, prefect, away))
    assert (one.status, other.status) == (Status.OK, Status.CRITICAL)
    assert "is no kind of orchestrator" in other.detail
