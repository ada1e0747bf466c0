"""`mechexo doctor` on what a rollback needs to know of time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from mechexo.desk import Desk
from mechexo.doctor import Finding, examine
from mechexo.health.values import Status
from mechexo.rollback import hooks
from rollback.histories import History, at

pytestmark = pytest.mark.slow

TABLE = '[rollback]\nrepository = "repo"\n'


@pytest.fixture
def history(tmp_path: Path) -> History:
    made = History.begin(tmp_path / "desk" / "repo")
    made.commit({"a": "a\n"}, at(1))
    return made


def found(desk: Desk, check: str) -> list[Finding]:
    return [each for each in examine(desk.config_path) if each.check == check]


def test_hooks_that_do_not_tell_the_ledger_are_a_warning_until_they_do(
    make_desk: Callable[..., Desk], history: History
) -> None:
    desk = make_desk(TABLE)
    [finding] = found(desk, "deployment ledger")
    assert finding.status is Status.WARNING
    assert "init" in finding.mend
    assert "--hooks" in finding.mend
    hooks.install(desk)
    [finding] = found(desk, "deployment ledger")
    assert finding.status is Status.OK
    (history.root / ".git" / "hooks" / "post-merge").chmod(0o644)
    [finding] = found(desk, "deployment ledger")
    assert "(post-merge)" in finding.detail


def test_shared_hooks_leave_the_telling_to_a_person(
    make_desk: Callable[..., Desk], history: History
) -> None:
    history.git("config", "core.hooksPath", "/srv/hooks")
    [finding] = found(make_desk(TABLE), "deployment ledger")
    assert finding.status is Status.WARNING
    assert "core.hooksPath" in finding.detail


@pytest.mark.parametrize(
    ("mode", "market", "status", "words"),
    [
        ("live", "", Status.WARNING, "open at all hours"),
        ("live", '[market]\ncalendar = "NYSX"\n', Status.CRITICAL, "'NYSX' is not known"),
        ("live", '[market]\ncalendar = "NYSE"\n', Status.OK, " now: "),
        ("live", '[market]\ncalendar = "none"\n', Status.OK, "no market matters"),
    ],
)
def test_a_rollback_must_know_when_the_market_is_open(
    make_desk: Callable[..., Desk],
    history: History,
    mode: str,
    market: str,
    status: Status,
    words: str,
) -> None:
    [finding] = found(make_desk(TABLE + market, mode=mode), "market")
    assert finding.status is status
    assert words in finding.detail


@pytest.mark.parametrize(("mode", "table"), [("paper", TABLE), ("live", "")])
def test_where_nothing_is_held_back_the_market_is_no_matter(
    make_desk: Callable[..., Desk], history: History, mode: str, table: str
) -> None:
    assert found(make_desk(table, mode=mode), "market") == []
