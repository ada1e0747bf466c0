"""Risk sources in the tick: their card, their limits as probes, and the alerts of both."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import timedelta
from decimal import Decimal

import pytest

from conftest import MakeDesk
from mechexo import watch
from mechexo.alerts import operations as alerts
from mechexo.clock import VirtualClock
from mechexo.desk import Desk
from mechexo.desk_status import read_status
from mechexo.health import operations as health
from mechexo.health.values import Card, Outcome, ProbeState, Status
from mechexo.risk_report import RiskReport, reports
from mechexo.watch import tick
from support.risk_books import READ, change, make_book
from support.risk_bots import add_trade, make_freqtrade

pytestmark = pytest.mark.slow

LIMITS = """
[risk.desk.limits.gross]
warn = 1300
critical = 1500
severity = "critical"
fail_after = 2
recover_after = 2
[risk.desk.limits.daily_loss]
"""


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """However slow the machine is, a source that answers is waited for."""
    monkeypatch.setattr(watch, "ASK_S", 60.0)


@pytest.fixture
def desk(make_desk: MakeDesk) -> Desk:
    made = make_desk(f'[risk.desk]\nsource = "sqlite:///book.db"\n{READ}\n{LIMITS}')
    make_book(made.root)
    return made


def card(desk: Desk) -> Card:
    return next(each for each in read_status(desk).cards if each.name == "risk")


def probe(desk: Desk, name: str) -> ProbeState:
    return next(each for each in health.probe_states(desk) if each.name == name)


def report(desk: Desk) -> RiskReport:
    (found,) = reports(desk)
    return found


def risk_alerts(desk: Desk) -> set[str]:
    return {each.key for each in alerts.list_alerts(desk) if "risk." in each.key}


def ticks(desk: Desk, clock: VirtualClock, count: int) -> None:
    for _ in range(count):
        clock.advance(timedelta(minutes=1))
        tick(desk)


def test_a_source_that_nobody_read_yet_is_unknown(desk: Desk) -> None:
    assert card(desk).status is Status.UNKNOWN
    found = report(desk)
    assert (found.capital.value, found.exposure.gross.value, found.pnl_today.value) == (None,) * 3
    assert [each.status for each in found.limits] == [Status.UNKNOWN] * 2


def test_a_tick_reads_the_book_and_the_card_is_ok(desk: Desk) -> None:
    tick(desk)
    assert card(desk).status is Status.OK
    found = report(desk)
    assert (found.exposure.gross.value, found.exposure.net.value) == (1200, 800)
    assert (found.pnl_today.value, found.pnl_month.value) == (-30, 70)
    assert (found.unrealised.value, found.used_pct) == (30, 12)
    assert probe(desk, "risk.desk.gross").value == 1200
    assert probe(desk, "risk.desk.daily_loss").detail == "daily loss: 30 % of it used"


def test_a_limit_has_the_patience_of_every_probe_and_its_alert_takes_ops_ok_away(
    desk: Desk, clock: VirtualClock
) -> None:
    tick(desk)
    change(desk.root / "book.db", "UPDATE positions SET quantity = 20 WHERE symbol = 'A'")
    ticks(desk, clock, 1)
    assert probe(desk, "risk.desk.gross").status is Status.WARNING
    assert risk_alerts(desk) == set()
    ticks(desk, clock, 1)
    assert risk_alerts(desk) == {"probe:risk.desk.gross"}
    (alert,) = [each for each in alerts.list_alerts(desk) if "risk." in each.key]
    assert alert.severity == "critical"
    assert alert.summary == "gross: 2,200 USD, above 1,500 USD"
    assert any("risk.desk.gross" in reason for reason in read_status(desk).reasons)
    assert next(each.name for each in report(desk).limits) == "gross"
    change(desk.root / "book.db", "UPDATE positions SET quantity = 10 WHERE symbol = 'A'")
    ticks(desk, clock, 1)
    assert risk_alerts(desk) == {"probe:risk.desk.gross"}
    ticks(desk, clock, 1)
    assert risk_alerts(desk) == set()


def test_a_limit_that_the_desk_tells_warns_at_80_percent_and_alerts_above_100(
    desk: Desk, clock: VirtualClock
) -> None:
    change(desk.root / "book.db", "UPDATE limits SET used = 81")
    tick(desk)
    assert risk_alerts(desk) == {"probe:risk.desk.daily_loss:warning"}
    change(desk.root / "book.db", "UPDATE limits SET used = 101")
    ticks(desk, clock, 1)
    assert risk_alerts(desk) == {"probe:risk.desk.daily_loss"}


def test_a_told_limit_that_no_table_watches_breaks_its_source(
    desk: Desk, clock: VirtualClock
) -> None:
    tick(desk)
    change(desk.root / "book.db", "INSERT INTO limits VALUES ('leverage', 4, 3, 'x')")
    ticks(desk, clock, 2)
    assert risk_alerts(desk) == {"probe:risk.desk"}
    assert "over its limit: leverage" in probe(desk, "risk.desk").detail


def test_a_desk_that_watches_its_limits_itself_is_not_paged_twice(
    make_desk: MakeDesk, clock: VirtualClock
) -> None:
    desk = make_desk(f'[risk.desk]\nsource = "sqlite:///book.db"\nalert_on_told = false\n{READ}')
    change(make_book(desk.root), "UPDATE limits SET used = 101")
    ticks(desk, clock, 3)
    assert risk_alerts(desk) == set()
    assert [each.status for each in report(desk).limits] == [Status.CRITICAL]


def test_a_broker_that_is_away_alerts(desk: Desk, clock: VirtualClock) -> None:
    tick(desk)
    change(desk.root / "book.db", "UPDATE flags SET value = 'down' WHERE key = 'broker'")
    ticks(desk, clock, 2)
    assert risk_alerts(desk) == {"probe:risk.desk"}


def test_a_source_that_cannot_be_read_pages_once_for_itself_and_its_limits(
    desk: Desk, clock: VirtualClock
) -> None:
    tick(desk)
    (desk.root / "book.db").rename(desk.root / "elsewhere.db")
    ticks(desk, clock, 4)
    assert risk_alerts(desk) == {"probe:risk.desk"}
    assert probe(desk, "risk.desk.gross").status is Status.UNKNOWN
    found = report(desk)
    assert found.status is Status.UNKNOWN
    assert found.exposure.gross.value == 1200, "what was known last stays, with its age"
    assert found.standing.good_at is not None
    assert found.standing.why.startswith("there is no")


def test_an_alert_stays_open_while_nobody_knows(desk: Desk, clock: VirtualClock) -> None:
    change(desk.root / "book.db", "UPDATE positions SET quantity = 20 WHERE symbol = 'A'")
    tick(desk)
    ticks(desk, clock, 1)
    assert "probe:risk.desk.gross" in risk_alerts(desk)
    change(desk.root / "book.db", "ALTER TABLE positions RENAME TO positions_old")
    ticks(desk, clock, 3)
    assert "probe:risk.desk.gross" in risk_alerts(desk)
    assert "no such table: positions" in probe(desk, "risk.desk").detail
    assert report(desk).pnl_today.value == -30, "the other parts are known all the same"


def test_yesterdays_profit_is_not_shown_as_todays(desk: Desk, clock: VirtualClock) -> None:
    tick(desk)
    clock.advance(timedelta(days=1))
    found = report(desk)
    assert (found.pnl_today.value, found.pnl_today.why) == (None, "known of 2026-03-02 only")
    assert found.pnl_month.value == 70


def test_a_day_without_a_row_is_unknown_and_not_zero(desk: Desk) -> None:
    change(desk.root / "book.db", "DELETE FROM pnl WHERE day = '2026-03-02'")
    tick(desk)
    assert (report(desk).pnl_today.value, report(desk).pnl_today.why) == (
        None,
        "nothing is there yet",
    )


def test_a_locked_book_degrades_only_itself(make_desk: MakeDesk) -> None:
    desk = make_desk(
        f'[risk.locked]\nsource = "sqlite:///locked.db"\ntimeout = "1s"\n{READ}\n'
        f'[risk.free]\nsource = "sqlite:///book.db"\n{READ}'
    )
    make_book(desk.root)
    locked = make_book(desk.root, "locked.db")
    with closing(sqlite3.connect(locked, isolation_level=None)) as writer:
        writer.execute("BEGIN EXCLUSIVE")
        tick(desk)
    first, second = reports(desk)
    assert "locked" in first.standing.why
    assert second.status is Status.OK


def test_limits_that_left_the_configuration_resolve(
    desk: Desk, make_desk: MakeDesk, clock: VirtualClock
) -> None:
    change(desk.root / "book.db", "UPDATE positions SET quantity = 20 WHERE symbol = 'A'")
    tick(desk)
    ticks(desk, clock, 1)
    assert risk_alerts(desk) == {"probe:risk.desk.gross"}
    without = make_desk(f'[risk.desk]\nsource = "sqlite:///book.db"\n{READ}')
    ticks(without, clock, 1)
    assert risk_alerts(without) == set()


def test_what_another_process_learnt_earlier_counts_no_more(
    desk: Desk, clock: VirtualClock
) -> None:
    tick(desk)
    name, then = "risk.desk.gross", clock.now()
    clock.advance(timedelta(minutes=1))
    health.take_in(desk, [(name, Outcome(Status.OK, "now"), clock.now())])
    health.take_in(desk, [(name, Outcome(Status.CRITICAL, "earlier"), then)])
    assert probe(desk, name).detail == "now"


def test_a_query_that_never_ends_is_ended(make_desk: MakeDesk) -> None:
    endless = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT MAX(x) FROM n"
    desk = make_desk(
        f'[risk.endless]\nsource = "sqlite:///book.db"\ntimeout = "1s"\n'
        f'read.capital = "{endless}"\n[risk.free]\nsource = "sqlite:///book.db"\n{READ}'
    )
    make_book(desk.root)
    tick(desk)
    first, second = reports(desk)
    assert "no answer" in first.standing.why
    assert second.status is Status.OK


def test_what_a_source_tells_of_long_ago_is_unknown(make_desk: MakeDesk) -> None:
    desk = make_desk(
        f'[risk.desk]\nsource = "sqlite:///book.db"\nstale_after = "5m"\n{READ}'
        "read.as_of = \"SELECT '2026-03-02T14:20:00Z'\"\n"
    )
    make_book(desk.root)
    tick(desk)
    assert report(desk).detail == "what it tells is 10m old"
    assert {each.status for each in report(desk).limits} == {Status.UNKNOWN}


def test_a_bot_needs_nothing_but_its_address(make_desk: MakeDesk) -> None:
    desk = make_desk('[risk]\nsource = "freqtrade:///tradesv3.sqlite"\n')
    database = make_freqtrade(desk.root / "tradesv3.sqlite")
    add_trade(database, "BTC/USDT", 0.5, 60000, stake=30000)
    add_trade(database, "A/USDT", 1, 10, stake=10, profit=1.5, closed=desk.clock.now())
    tick(desk)
    found = report(desk)
    assert (found.status, found.currency) == (Status.OK, "USDT")
    assert (found.exposure.gross.value, found.pnl_today.value) == (30000, Decimal("1.5"))


def test_what_a_source_tells_of_hours_ahead_is_not_fresh(
    make_desk: MakeDesk, clock: VirtualClock
) -> None:
    read = "read.as_of = \"SELECT value FROM account WHERE name = 'at'\"\n"
    desk = make_desk(f'[risk.desk]\nsource = "sqlite:///book.db"\nstale_after = "5m"\n{READ}{read}')
    path = make_book(desk.root)
    ahead_s = (clock.now() + timedelta(hours=9)).timestamp()
    change(path, f"INSERT INTO account VALUES ('at', {ahead_s})")
    ticks(desk, clock, 2)
    found = probe(desk, "risk.desk")
    assert found.status is Status.UNKNOWN
    assert found.detail.startswith("its own moment is 8h58m ahead"), found.detail


@pytest.mark.parametrize(
    ("used", "why"),
    [("NULL", "what is used of it is not known"), ("-101", "below zero by more than the limit")],
)
def test_a_told_limit_that_cannot_be_judged_is_not_well(
    desk: Desk, clock: VirtualClock, used: str, why: str
) -> None:
    change(desk.root / "book.db", f"INSERT INTO limits VALUES ('net', {used}, 100, 'USD')")
    ticks(desk, clock, 3)
    assert probe(desk, "risk.desk").status is Status.UNKNOWN
    assert why in probe(desk, "risk.desk").detail
    assert risk_alerts(desk) == {"probe:risk.desk"}


def test_yesterdays_loss_is_not_shown_as_what_is_used_of_todays_limit(
    make_desk: MakeDesk, clock: VirtualClock
) -> None:
    limit = "[risk.desk.limits.loss_today]\nwarn = 100\n[risk.desk.limits.loss_month]\nwarn = 100\n"
    desk = make_desk(f'[risk.desk]\nsource = "sqlite:///book.db"\n{READ}{limit}')
    make_book(desk.root)
    tick(desk)
    used = {each.name: each.used for each in report(desk).limits}
    assert (used["loss_today"], used["loss_month"]) == (30, 0)
    clock.advance(timedelta(days=1))
    used = {each.name: each.used for each in report(desk).limits}
    assert (used["loss_today"], used["loss_month"]) == (None, 0)
    clock.advance(timedelta(days=31))
    assert {each.name: each.used for each in report(desk).limits}["loss_month"] is None


def test_a_source_that_fails_once_raises_nothing_of_its_limits(
    desk: Desk, clock: VirtualClock
) -> None:
    tick(desk)
    (desk.root / "book.db").rename(desk.root / "gone.db")
    for expected in (set(), set(), {"probe:risk.desk"}):
        ticks(desk, clock, 1)
        assert risk_alerts(desk) == expected


def test_a_told_limit_that_is_called_like_a_measure_is_not_watched_by_it(
    desk: Desk, clock: VirtualClock
) -> None:
    change(desk.root / "book.db", "INSERT INTO limits VALUES ('gross', 1200, 1000, 'USD')")
    ticks(desk, clock, 2)
    assert "over its limit: gross" in probe(desk, "risk.desk").detail
    assert probe(desk, "risk.desk.gross").status is Status.OK
    rows = [(each.name, each.status, each.probe) for each in report(desk).limits]
    assert rows[0] == ("gross", Status.CRITICAL, "")
    assert ("gross", Status.OK, "risk.desk.gross") in rows
