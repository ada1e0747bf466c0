"""Freqtrade's and Hummingbot's databases, read while the bots write. Schemas: support.risk_bots."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from mechexo.config import RiskSettings
from mechexo.errors import UnreachableError
from mechexo.risk.rules import exposure
from mechexo.risk.sources import freqtrade, hummingbot
from mechexo.risk.systems import RiskQuestion
from mechexo.risk.trading_day import trading_day
from mechexo.risk.values import NOT_TOLD, Amount, RiskLook
from support.risk_books import change
from support.risk_bots import add_fill, add_trade, add_wallet, make_freqtrade, make_hummingbot

NOW = datetime(2026, 3, 2, 14, 30, tzinfo=UTC)
YESTERDAY = NOW - timedelta(days=1)
LAST_MONTH = NOW - timedelta(days=5)


@pytest.fixture
def trades(tmp_path: Path) -> Path:
    return make_freqtrade(tmp_path / "tradesv3.sqlite")


@pytest.fixture
def fills(tmp_path: Path) -> Path:
    return make_hummingbot(tmp_path / "conf_pmm.sqlite")


def ask(kind: str, path: Path, *, within_s: float = 20.0, **keys: object) -> RiskLook:
    settings = RiskSettings(source=f"{kind}:///{path}", currency="USDT", **keys)  # type: ignore[arg-type]
    day = trading_day(NOW, ZoneInfo("UTC"), time(0, 0))
    question = RiskQuestion(path.parent, NOW, day, within_s)
    module = {"freqtrade": freqtrade, "hummingbot": hummingbot}[kind]
    return module.look(settings, question)


def usdt(value: str) -> tuple[Amount, ...]:
    return (Amount(Decimal(value), "USDT"),)


def test_freqtrade_open_trades_are_positions_at_their_entry_and_short_ones_are_below_zero(
    trades: Path,
) -> None:
    add_trade(trades, "BTC/USDT", 0.5, 60000, stake=30000)
    add_trade(trades, "ETH/USDT:USDT", 3, 2000, stake=2000, short=True, leverage=3)
    look = ask("freqtrade", trades)
    assert look.positions is not None
    assert [(each.symbol, each.quantity, each.value) for each in look.positions] == [
        ("BTC/USDT", Decimal("0.5"), 30000),
        ("ETH/USDT:USDT", -3, -6000),
    ]
    found = exposure(look.positions, "USDT", {})
    assert (found.gross.value, found.net.value) == (36000, 24000)
    assert (look.capital_used, look.priced) == (usdt("32000"), "entry prices")


def test_freqtrade_profit_counts_on_the_day_a_trade_closes(trades: Path) -> None:
    add_trade(trades, "A/USDT", 1, 10, stake=10, profit=1.25, closed=NOW)
    add_trade(trades, "A/USDT", 1, 10, stake=10, profit=-0.5, closed=YESTERDAY)
    add_trade(trades, "A/USDT", 1, 10, stake=10, profit=99, closed=LAST_MONTH)
    add_trade(trades, "A/USDT", 1, 10, stake=10, profit=5, realised=5)
    look = ask("freqtrade", trades)
    assert (look.pnl_today, look.pnl_month) == (usdt("1.25"), usdt("0.75"))
    assert look.remarks == ("of 1 open trades a part is sold: that profit counts when they close",)


def test_freqtrade_the_first_microsecond_of_a_day_is_its_own_and_that_of_the_next_is_not(
    trades: Path,
) -> None:
    midnight = datetime(2026, 3, 2, tzinfo=UTC)
    for at, profit in (
        (midnight, 1),
        (midnight - timedelta(microseconds=1), 10),
        (midnight + timedelta(days=1), 100),
        (midnight + timedelta(days=1, microseconds=-1), 1000),
    ):
        add_trade(trades, "A/USDT", 1, 10, stake=10, profit=profit, closed=at)
    assert ask("freqtrade", trades).pnl_today == usdt("1001")


def test_freqtrade_trades_of_two_currencies_stay_apart(trades: Path) -> None:
    add_trade(trades, "A/USDT", 1, 10, stake=10, profit=1, closed=NOW)
    add_trade(trades, "A/EUR", 1, 10, stake=10, profit=2, closed=NOW, currency=None)
    assert ask("freqtrade", trades).pnl_today == (
        Amount(Decimal(2), "EUR"),
        Amount(Decimal(1), "USDT"),
    )


def test_freqtrade_capital_is_the_newest_day_of_its_wallets(trades: Path) -> None:
    assert ask("freqtrade", trades).why["capital"] == NOT_TOLD
    add_wallet(trades, "2026-03-01", "USDT", 1)
    add_wallet(trades, "2026-03-02", "USDT", 900)
    add_wallet(trades, "2026-03-02", "BTC", 100)
    add_wallet(trades, "2026-03-02", "DUST", None, managed=False)
    assert ask("freqtrade", trades).capital == usdt("1000")
    add_wallet(trades, "2026-03-02", "ETH", None)
    look = ask("freqtrade", trades)
    assert look.capital is None
    assert look.why["capital"] == "the worth of the wallet's ETH is missing"
    assert ask("freqtrade", trades, capital=5.0).capital == usdt("5.0")


def test_freqtrade_a_closed_trade_without_a_profit_leaves_the_profit_unknown(trades: Path) -> None:
    add_trade(trades, "A/USDT", 1, 10, stake=10, profit=None, closed=NOW)
    look = ask("freqtrade", trades)
    assert (look.pnl_today, look.positions) == (None, ())
    assert look.why["pnl_today"] == "the profit of trade 1 is missing"


def test_freqtrade_a_release_without_wallets_is_read_all_the_same(trades: Path) -> None:
    change(trades, "DROP TABLE wallet_history")
    look = ask("freqtrade", trades)
    assert look.positions == ()
    assert look.why["capital"] == NOT_TOLD


def test_freqtrade_in_the_middle_of_a_migration_is_said_so(trades: Path) -> None:
    change(trades, "ALTER TABLE trades RENAME TO trades_bak0")
    with pytest.raises(UnreachableError, match="trades is missing and trades_bak0 is there"):
        ask("freqtrade", trades)


def test_freqtrade_of_another_version_is_said_by_name(trades: Path) -> None:
    change(trades, "ALTER TABLE trades RENAME COLUMN is_short TO was_short")
    with pytest.raises(UnreachableError, match=r"trades has no is_short: .* Freqtrade 2022.4"):
        ask("freqtrade", trades)


def test_a_database_of_another_program_is_said_so(fills: Path, trades: Path) -> None:
    with pytest.raises(UnreachableError, match="no table trades: this is no database of Freqtrade"):
        ask("freqtrade", fills)
    with pytest.raises(UnreachableError, match="no table TradeFill: this is no database of Humm"):
        ask("hummingbot", trades)


def test_a_bot_that_writes_is_read_as_of_its_last_commit_and_leaves_no_trace(
    trades: Path,
) -> None:
    add_trade(trades, "A/USDT", 1, 10, stake=10)
    with closing(sqlite3.connect(trades, isolation_level=None)) as bot:
        bot.execute("BEGIN IMMEDIATE")
        bot.execute("UPDATE trades SET amount = 1000")
        look = ask("freqtrade", trades)
        assert look.positions is not None
        assert [each.quantity for each in look.positions] == [1]
        bot.execute("COMMIT")
        look = ask("freqtrade", trades)
        assert look.positions is not None
        assert [each.quantity for each in look.positions] == [1000]
    before = sorted(each.name for each in trades.parent.iterdir())
    ask("freqtrade", trades)
    assert sorted(each.name for each in trades.parent.iterdir()) == before


def test_a_locked_database_is_waited_for_no_longer_than_allowed(trades: Path) -> None:
    change(trades, "PRAGMA journal_mode=delete")
    with closing(sqlite3.connect(trades, isolation_level=None)) as bot:
        bot.execute("BEGIN EXCLUSIVE")
        with pytest.raises(UnreachableError, match="locked"):
            ask("freqtrade", trades, within_s=0.05)


def test_hummingbot_positions_are_what_the_fills_add_up_to(fills: Path) -> None:
    add_fill(fills, LAST_MONTH, "BUY", "0.3", "50000")
    add_fill(fills, YESTERDAY, "SELL", "0.1", "51000.5")
    add_fill(fills, NOW, "BUY", "2", "3000", symbol="ETH-USDT", market="kucoin")
    add_fill(fills, NOW, "SELL", "2", "3100", symbol="ETH-USDT", market="kucoin")
    look = ask("hummingbot", fills)
    assert look.positions is not None
    (held,) = look.positions
    assert (held.symbol, held.account, held.quantity) == ("BTC-USDT", "binance", Decimal("0.2"))
    assert (held.price, held.value) == (Decimal("51000.5"), Decimal("10200.1"))
    assert look.priced == "the prices of the last fills"


def test_hummingbot_profit_of_a_day_is_marked_at_the_last_fill_with_fees(fills: Path) -> None:
    add_fill(fills, LAST_MONTH, "BUY", "1", "100")
    add_fill(fills, YESTERDAY, "BUY", "1", "110", fee="0.5")
    add_fill(fills, NOW, "SELL", "1", "130", fee="0.25")
    look = ask("hummingbot", fills)
    # Held 2 at 110; sold one at 130, the other is marked there: twice 20.
    assert look.pnl_today == usdt("39.75")
    # Yesterday: one rose from 100 to 110, less 0.5.
    assert look.pnl_month == usdt("49.25")


def test_hummingbot_a_fill_without_a_fee_leaves_the_profit_unknown(fills: Path) -> None:
    add_fill(fills, NOW, "BUY", "1", "100", fee=None)
    look = ask("hummingbot", fills)
    assert (look.pnl_today, look.pnl_month) == (None, None)
    assert "1 fills of the month have no fee" in look.why["pnl_today"]
    assert look.positions is not None
    assert len(look.positions) == 1


def test_hummingbot_of_another_schema_is_said_by_its_version(fills: Path) -> None:
    change(fills, "UPDATE Metadata SET value = '20991231'")
    with pytest.raises(UnreachableError, match="version 20991231, and 20230516 is"):
        ask("hummingbot", fills)


def test_hummingbot_numbers_that_are_no_millionths_are_refused(fills: Path) -> None:
    add_fill(fills, NOW, "BUY", "1", "100")
    change(fills, "UPDATE TradeFill SET price = 100.5")
    with pytest.raises(UnreachableError, match="no whole number of millionths"):
        ask("hummingbot", fills)


def test_hummingbot_a_side_that_is_none_is_refused(fills: Path) -> None:
    add_fill(fills, NOW, "RANGE", "1", "100")
    with pytest.raises(UnreachableError, match="neither BUY nor SELL: 'RANGE'"):
        ask("hummingbot", fills)
