"""`mechexo doctor` and `mechexo runbook check` on what `[risk]` names."""

from __future__ import annotations

import json

import pytest

from conftest import MakeDesk
from mechexo.desk import Desk
from mechexo.doctor import Finding, examine
from mechexo.health.values import Status
from support.program import mechexo
from support.risk_books import READ, change, make_book

pytestmark = pytest.mark.slow


def findings(desk: Desk, check: str) -> list[Finding]:
    desk.state.close()
    return [each for each in examine(desk.config_path) if each.check == check]


def test_each_source_is_read_once_and_nothing_is_kept(make_desk: MakeDesk) -> None:
    desk = make_desk(
        f'[risk.book]\nsource = "sqlite:///book.db"\n{READ}'
        '[risk.bot]\nsource = "freqtrade:///tradesv3.sqlite"\n'
    )
    make_book(desk.root)
    (book,), (bot,) = findings(desk, "risk book"), findings(desk, "risk bot")
    assert (book.status, book.detail) == (Status.OK, "read; positions: 2")
    assert bot.status is Status.CRITICAL
    assert "there is no database" in bot.detail
    assert "[risk.bot]" in bot.mend


def test_a_part_that_cannot_be_read_is_named(make_desk: MakeDesk) -> None:
    desk = make_desk(f'[risk]\nsource = "sqlite:///book.db"\n{READ}')
    change(make_book(desk.root), "DROP TABLE limits")
    (finding,) = findings(desk, "risk desk")
    assert finding.status is Status.WARNING
    assert "limits: the query does not fit the database: no such table: limits" in finding.detail


def test_the_entry_of_a_limit_must_exist(make_desk: MakeDesk) -> None:
    desk = make_desk(
        '[risk.bot]\nsource = "freqtrade:///t.sqlite"\nrunbook = "risk-breach"\n'
        '[risk.bot.limits.gross]\ncritical = 5\nrunbook = "risk-breech"\n'
    )
    (finding,) = findings(desk, "runbook")
    assert "[risk.bot.limits.gross] names the entry 'risk-breech'" in finding.detail
    told = mechexo("runbook", "check", "--json", config=desk.config_path)
    said = [each["message"] for each in json.loads(told.stdout)["findings"]]
    assert "[risk.bot.limits.gross] runbook = 'risk-breech': there is no such entry" in said
    assert not any("[risk.bot] " in each for each in said)


def test_the_entry_of_a_limits_alert_is_found_by_its_key(make_desk: MakeDesk) -> None:
    desk = make_desk(
        '[risk.bot]\nsource = "freqtrade:///t.sqlite"\n'
        '[risk.bot.limits.gross]\ncritical = 5\nrunbook = "risk-breach"\n'
    )
    told = mechexo("runbook", "match", "probe:risk.bot.gross", config=desk.config_path)
    assert "risk-breach" in told.stdout
