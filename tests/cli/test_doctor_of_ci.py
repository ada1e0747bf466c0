"""What the doctor says of the repositories of `[ci]`; the server is a stub of documented shapes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from conftest import MakeDesk
from mechexo.desk import Desk
from mechexo.doctor import ci_checks
from mechexo.doctor.findings import Finding
from mechexo.health.values import Status
from support.ci_server import TOKEN, CiServer, ci_server, github_run
from support.in_process import Program


@pytest.fixture
def server() -> Iterator[CiServer]:
    with ci_server() as each:
        each.token = TOKEN
        each.runs = [github_run(2), github_run(1)]
        yield each


@pytest.fixture
def configured(make_desk: MakeDesk, server: CiServer, monkeypatch: pytest.MonkeyPatch) -> Desk:
    return make(make_desk, server, monkeypatch)


def make(
    make_desk: MakeDesk, server: CiServer, monkeypatch: pytest.MonkeyPatch, more: str = ""
) -> Desk:
    monkeypatch.setenv("CI_TOKEN", TOKEN)
    return make_desk(
        f'[ci.strategies]\nrepository = "desk/strategies"\nbase_url = "{server.url}"\n'
        f'token = "${{env:CI_TOKEN}}"\n{more}'
    )


def found(desk: Desk) -> Finding:
    (finding,) = ci_checks.repositories(desk)
    return finding


def test_one_that_lets_us_in_is_well_and_nothing_is_kept(configured: Desk) -> None:
    finding = found(configured)
    assert (finding.check, finding.status) == ("ci strategies", Status.OK)
    assert finding.detail == "desk/strategies lets us in: 2 runs"
    assert configured.state.rows("SELECT * FROM outside_source") == []


def test_a_token_that_is_refused_is_wrong_and_not_shown(configured: Desk, server: CiServer) -> None:
    server.token = "another"
    finding = found(configured)
    assert finding.is_bad
    assert "answered 401: the token is refused" in finding.detail
    assert TOKEN not in finding.detail + finding.mend
    assert "[ci.strategies]" in finding.mend


def test_a_token_that_is_not_set_is_wrong(
    configured: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CI_TOKEN")
    assert "CI_TOKEN" in found(configured).detail


def test_a_limit_that_is_used_up_is_doubtful_with_its_end(
    configured: Desk, server: CiServer
) -> None:
    server.fault = (429, {"Retry-After": "300"}, b"")
    finding = found(configured)
    assert finding.status is Status.WARNING
    assert "asked too often" in finding.detail
    assert "every" in finding.mend


def test_branches_and_workflows_without_a_run_are_doubtful_and_named(
    make_desk: MakeDesk, server: CiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = 'branches = ["main", "relase"]\nworkflows = ["tests.yml", "nightly.yml"]\n'
    finding = found(make(make_desk, server, monkeypatch, names))
    assert finding.status is Status.WARNING
    assert finding.detail.endswith("2 runs, none on relase, none of nightly.yml on main")


def test_the_doctor_asks_it(
    configured: Desk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    told = Program(configured, "doctor", monkeypatch, capsys)()[1]
    assert "desk/strategies lets us in" in told
