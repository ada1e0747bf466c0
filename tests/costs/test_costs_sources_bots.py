"""Fills of trading bots, from real SQLite files with the tables that the bots make."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from mechexo.config.costs import CostSettings
from mechexo.costs.fills import normalise_fills
from mechexo.costs.sources import read_fills, read_quotes
from mechexo.costs.sources.protocol import Window
from mechexo.errors import ConfigError, MechexoError, UnreachableError

DAY = datetime(2026, 3, 2, tzinfo=UTC)
WINDOW = Window(DAY, DAY + timedelta(days=1))

FREQTRADE = """
CREATE TABLE trades (
    id INTEGER NOT NULL PRIMARY KEY, exchange VARCHAR(25) NOT NULL, pair VARCHAR(25) NOT NULL,
    base_currency VARCHAR(25), stake_currency VARCHAR(25), is_open BOOLEAN NOT NULL,
    fee_open FLOAT NOT NULL, fee_open_cost FLOAT, fee_open_currency VARCHAR(25),
    fee_close FLOAT NOT NULL, fee_close_cost FLOAT, fee_close_currency VARCHAR(25),
    open_rate FLOAT NOT NULL, open_rate_requested FLOAT, strategy VARCHAR(100),
    enter_tag VARCHAR(255), leverage FLOAT, is_short BOOLEAN NOT NULL
);
CREATE TABLE orders (
    id INTEGER NOT NULL PRIMARY KEY, ft_trade_id INTEGER NOT NULL REFERENCES trades (id),
    ft_order_side VARCHAR(25) NOT NULL, ft_pair VARCHAR(25) NOT NULL, ft_is_open BOOLEAN NOT NULL,
    ft_amount FLOAT NOT NULL, ft_price FLOAT NOT NULL, order_id VARCHAR(255) NOT NULL,
    status VARCHAR(255), symbol VARCHAR(25), order_type VARCHAR(50), side VARCHAR(25),
    price FLOAT, average FLOAT, amount FLOAT, filled FLOAT, remaining FLOAT, cost FLOAT,
    stop_price FLOAT, order_date DATETIME, order_filled_date DATETIME, order_update_date DATETIME,
    funding_fee FLOAT, ft_fee_base FLOAT,
    UNIQUE (ft_pair, order_id)
);
"""
NOON = "2026-03-02 12:00:00.250000"


def freqtrade(folder: Path, trade: dict[str, object], *orders: dict[str, object]) -> pl.DataFrame:
    with closing(sqlite3.connect(folder / "tradesv3.sqlite")) as db, db:
        db.executescript(FREQTRADE)
        row: dict[str, object] = {
            "id": 7, "exchange": "binance", "pair": "ETH/USDT", "is_open": 0,
            "stake_currency": "USDT", "fee_open": 0.001, "fee_close": 0.001, "open_rate": 2000.0,
            "strategy": "Trend", "is_short": 0, **trade,
        }  # fmt: skip
        insert(db, "trades", row)
        for place, each in enumerate(orders):
            order: dict[str, object] = {
                "ft_trade_id": 7, "ft_order_side": "buy", "ft_pair": "ETH/USDT", "ft_is_open": 0,
                "ft_amount": 2.0, "ft_price": 2001.0, "order_id": f"x{place}", "status": "closed",
                "order_type": "limit", "side": "buy", "price": 2001.0, "average": 2000.5,
                "amount": 2.0, "filled": 2.0, "order_filled_date": NOON, **each,
            }  # fmt: skip
            insert(db, "orders", order)
    return fills("freqtrade:///tradesv3.sqlite", folder)


def insert(db: sqlite3.Connection, table: str, row: dict[str, object]) -> None:
    marks = ", ".join("?" * len(row))
    names = ", ".join(f'"{name}"' for name in row)
    db.execute(f'INSERT INTO "{table}" ({names}) VALUES ({marks})', list(row.values()))


def fills(address: str, folder: Path, **settings: object) -> pl.DataFrame:
    chosen = CostSettings(fills=address, **settings)  # type: ignore[arg-type]
    return read_fills(chosen, folder, WINDOW).frame


def test_a_filled_order_of_freqtrade_is_a_fill_at_its_average_price(tmp_path: Path) -> None:
    row = freqtrade(tmp_path, {}, {}).row(0, named=True)
    assert row["fill_id"] == "ETH/USDT:x0"
    assert row["ts"] == DAY + timedelta(hours=12, milliseconds=250)
    assert (row["symbol"], row["side"], row["quantity"], row["price"]) == (
        "ETH/USDT", "buy", 2.0, 2000.5,
    )  # fmt: skip
    assert (row["strategy"], row["venue"], row["order_id"], row["order_type"]) == (
        "Trend", "binance", "x0", "limit",
    )  # fmt: skip
    assert row["currency"] == "USDT"


@pytest.mark.parametrize(
    ("trade", "orders", "commission", "currency"),
    [
        ({}, [{}], 0.001 * 2.0 * 2000.5, "USDT"),
        ({"fee_open_cost": 3.9, "fee_open_currency": "BNB"}, [{}], 3.9, "BNB"),
        ({"fee_open_cost": 3.9, "fee_open_currency": "BNB"}, [{}, {}], 4.001, "USDT"),
        ({"fee_open_cost": 3.9}, [{"ft_fee_base": 0.002}], 4.001, "USDT"),
        ({"fee_close_cost": 1.5}, [{"ft_order_side": "stoploss", "side": "sell"}], 1.5, "USDT"),
        ({"is_short": 1, "fee_open_cost": 2.5}, [{"ft_order_side": "sell"}], 2.5, "USDT"),
    ],
)
def test_a_fee_of_freqtrade_is_the_orders_own_or_its_rate(
    tmp_path: Path,
    trade: dict[str, object],
    orders: list[dict[str, object]],
    commission: float,
    currency: str,
) -> None:
    row = freqtrade(tmp_path, trade, *orders).row(0, named=True)
    assert row["commission"] == pytest.approx(commission, rel=1e-12)
    assert row["commission_currency"] == currency


def test_a_stop_loss_closes_its_trade(tmp_path: Path) -> None:
    order = {"ft_order_side": "stoploss", "side": None}
    assert freqtrade(tmp_path, {}, order)["side"].to_list() == ["sell"]
    (tmp_path / "short").mkdir()
    assert freqtrade(tmp_path / "short", {"is_short": 1}, order)["side"].to_list() == ["buy"]


def test_orders_that_did_not_fill_or_not_then_are_no_fills(tmp_path: Path) -> None:
    read = freqtrade(
        tmp_path,
        {},
        {"filled": 0.0},
        {"filled": None},
        {"order_filled_date": "2026-03-04 00:00:00.000000"},
        {"order_filled_date": None, "order_id": "when"},
    )
    assert read["fill_id"].to_list() == ["ETH/USDT:when"]
    checked = normalise_fills(read, "USDT")
    assert checked.rejected["reason"].to_list() == ["no readable time"]


def test_a_database_of_an_older_freqtrade_is_read(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "old.sqlite")) as db, db:
        db.execute("CREATE TABLE trades (id INTEGER, exchange TEXT, pair TEXT, fee_open FLOAT)")
        db.execute(
            "CREATE TABLE orders (id INTEGER, ft_trade_id INTEGER, ft_order_side TEXT,"
            " ft_pair TEXT, order_id TEXT, filled FLOAT, order_filled_date DATETIME,"
            " average FLOAT, price FLOAT)"
        )
        insert(db, "trades", {"id": 1, "exchange": "kraken", "fee_open": 0.0026})
        order = {
            "id": 1, "ft_trade_id": 1, "ft_order_side": "buy", "ft_pair": "BTC/EUR:EUR",
            "order_id": "a", "filled": 1.0, "order_filled_date": NOON, "price": 50_000.0,
        }  # fmt: skip
        insert(db, "orders", order)
    row = fills("freqtrade:///old.sqlite", tmp_path).row(0, named=True)
    assert (row["price"], row["currency"], row["venue"]) == (50_000.0, "EUR", "kraken")
    assert row["commission"] == pytest.approx(130.0)


HUMMINGBOT = """
CREATE TABLE "TradeFill" (
    config_file_path TEXT NOT NULL, strategy TEXT NOT NULL, market TEXT NOT NULL,
    symbol TEXT NOT NULL, base_asset TEXT NOT NULL, quote_asset TEXT NOT NULL,
    timestamp BIGINT NOT NULL, order_id TEXT NOT NULL, trade_type TEXT NOT NULL,
    order_type TEXT NOT NULL, price {kind} NOT NULL, amount {kind} NOT NULL,
    leverage INTEGER NOT NULL, trade_fee JSON NOT NULL, {in_quote}
    exchange_trade_id TEXT NOT NULL, position TEXT,
    PRIMARY KEY (market, order_id, exchange_trade_id)
);
"""
FEE = {"fee_type": "AddedToCost", "percent": "0.001", "percent_token": None, "flat_fees": []}


def hummingbot(
    folder: Path, *rows: dict[str, object], old: bool = False, **settings: object
) -> pl.DataFrame:
    in_quote = "" if old else "trade_fee_in_quote BIGINT NOT NULL,"
    with closing(sqlite3.connect(folder / "bot.sqlite")) as db, db:
        db.executescript(HUMMINGBOT.format(kind="FLOAT" if old else "BIGINT", in_quote=in_quote))
        for place, each in enumerate(rows):
            row: dict[str, object] = {
                "config_file_path": "conf.yml", "strategy": "pmm", "market": "kucoin",
                "symbol": "SOL-USDT", "base_asset": "SOL", "quote_asset": "USDT",
                "timestamp": 1772452800250, "order_id": "o1", "trade_type": "SELL",
                "order_type": "LIMIT_MAKER", "price": 150.123456 if old else 150_123_456,
                "amount": 0.5 if old else 500_000, "leverage": 1, "trade_fee": json.dumps(FEE),
                "exchange_trade_id": str(place), "position": "NIL", **each,
            }  # fmt: skip
            if not old:
                row.setdefault("trade_fee_in_quote", 75_061)
            insert(db, "TradeFill", row)
    return fills("hummingbot:///bot.sqlite", folder, **settings)


@pytest.mark.parametrize("old", [False, True])
def test_a_fill_of_hummingbot_is_read_by_both_of_its_layouts(tmp_path: Path, old: bool) -> None:
    row = hummingbot(tmp_path, {}, old=old).row(0, named=True)
    assert row["fill_id"] == "kucoin:o1:0"
    assert row["ts"] == DAY + timedelta(hours=12, milliseconds=250)
    assert (row["symbol"], row["side"], row["quantity"]) == ("SOL-USDT", "SELL", 0.5)
    assert row["price"] == 150.123456
    assert row["commission"] == 0.075061728
    assert (row["commission_currency"], row["currency"], row["liquidity"]) == (
        "USDT", "USDT", "maker",
    )  # fmt: skip
    assert normalise_fills(pl.DataFrame([row]), "USDT").rejected.is_empty()


@pytest.mark.parametrize(
    ("fee", "in_quote", "commission", "currency"),
    [
        ({"percent": "0", "flat_fees": []}, 0, 0.0, "USDT"),
        ({"percent": "0", "flat_fees": [{"token": "USDT", "amount": "0.1"}]}, 0, 0.1, "USDT"),
        ({"percent": "0", "flat_fees": [{"token": "SOL", "amount": "0.001"}]}, 0, 0.150123456,
         "USDT"),
        ({"percent": "0", "flat_fees": [{"token": "KCS", "amount": "0.02"}]}, 0, 0.02, "KCS"),
        ({"percent": 0.0, "flat_fees": [["KCS", 0.02]]}, 0, 0.02, "KCS"),
        ({"percent": "0.001", "flat_fees": [{"token": "KCS", "amount": "0.02"}]}, 0, None, None),
        ({"percent": "0.001", "flat_fees": [{"token": "KCS", "amount": "0.02"}]}, 90_000, 0.09,
         "USDT"),
        ("torn", 0, None, None),
        ({"flat_fees": 3}, 70_000, 0.07, "USDT"),
    ],
)  # fmt: skip
def test_a_fee_of_hummingbot_is_exact_or_unknown_never_a_false_zero(
    tmp_path: Path, fee: object, in_quote: int, commission: float | None, currency: str | None
) -> None:
    row = {"trade_fee": json.dumps(fee), "trade_fee_in_quote": in_quote}
    read = hummingbot(tmp_path, row).row(0, named=True)
    assert (read["commission"], read["commission_currency"]) == (commission, currency)


def test_a_bots_fills_are_in_our_names_whatever_the_mapping_says(tmp_path: Path) -> None:
    assert len(hummingbot(tmp_path, {}, fill_columns={"ts": "executed_at"})) == 1


def test_hummingbot_fills_outside_the_window_are_left_out(tmp_path: Path) -> None:
    assert hummingbot(tmp_path, {"timestamp": 1772452800250 + 86_400_000}).is_empty()


def refusal(kind: type[MechexoError], address: str, folder: Path) -> str:
    with pytest.raises(kind) as caught:
        fills(address, folder)
    return str(caught.value)


@pytest.mark.parametrize("scheme", ["freqtrade", "hummingbot"])
def test_another_programs_database_is_refused(tmp_path: Path, scheme: str) -> None:
    address = f"{scheme}:///other.sqlite"
    assert "there is no database" in refusal(UnreachableError, address, tmp_path)
    with closing(sqlite3.connect(tmp_path / "other.sqlite")) as db, db:
        db.execute("CREATE TABLE orders (id INTEGER)")
        db.execute("CREATE TABLE TradeFill (id INTEGER)")
    assert f"it is no database of {scheme}" in refusal(ConfigError, address, tmp_path)
    (tmp_path / "other.sqlite").write_bytes(b"rubbish " * 500)
    assert "cannot be read" in refusal(UnreachableError, address, tmp_path)


def test_a_bot_has_no_quotes(tmp_path: Path) -> None:
    chosen = CostSettings(quotes="freqtrade:///tradesv3.sqlite")
    with pytest.raises(ConfigError, match="holds fills only"):
        read_quotes(chosen, tmp_path, WINDOW)
