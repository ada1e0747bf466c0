"""Nautilus Trader's reports. The shapes are those that version 1.221 wrote: see
support.nautilus_reports."""

from __future__ import annotations

import os
from datetime import UTC, datetime, time
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pandas
import pytest

from mechexo.config import RiskSettings
from mechexo.errors import UnreachableError
from mechexo.risk.sources import nautilus
from mechexo.risk.systems import RiskQuestion
from mechexo.risk.trading_day import trading_day
from mechexo.risk.values import NOT_TOLD, Amount, RiskLook
from support.nautilus_reports import (
    ACCOUNT,
    POSITIONS,
    account_row,
    closed_row,
    open_row,
    save,
)

NOW = datetime(2026, 3, 2, 14, 30, tzinfo=UTC)


def ask(folder: Path, **keys: object) -> RiskLook:
    settings = RiskSettings(source=f"nautilus:///{folder}", **keys)  # type: ignore[arg-type]
    day = trading_day(NOW, ZoneInfo("UTC"), time(0, 0))
    return nautilus.look(settings, RiskQuestion(folder, NOW, day, 20.0))


def usd(value: str) -> tuple[Amount, ...]:
    return (Amount(Decimal(value), "USD"),)


def test_open_positions_stand_at_their_entry_and_closed_ones_earned(tmp_path: Path) -> None:
    save(
        tmp_path,
        "positions.csv",
        POSITIONS
        + closed_row("2026-03-02 08:00:00+00:00", "374.01 USD")
        + closed_row("2026-03-01 23:59:59.999999+00:00", "-156.00 USD")
        + closed_row("2026-02-28 12:00:00+00:00", "1000.00 USD")
        + open_row("SHORT", "100000", "1.24646"),
    )
    look = ask(tmp_path)
    assert look.positions is not None
    (held,) = look.positions
    assert (held.symbol, held.quantity, held.value) == (
        "GBP/USD.SIM",
        -100000,
        Decimal("-124646.00000"),
    )
    assert (look.pnl_today, look.pnl_month) == (usd("374.01"), usd("218.01"))
    assert look.priced == "entry prices"
    assert look.why["capital"] == NOT_TOLD


def test_contracts_count_with_their_configured_multiplier(tmp_path: Path) -> None:
    save(tmp_path, "positions.csv", POSITIONS + open_row("LONG", "2", "5000", instrument="ES.SIM"))
    look = ask(tmp_path, multipliers={"ES.SIM": 50.0})
    assert look.positions is not None
    assert look.positions[0].value == 500_000


def test_capital_is_the_newest_row_of_each_account_and_currency(tmp_path: Path) -> None:
    save(tmp_path, "positions.csv", POSITIONS)
    save(
        tmp_path,
        "account_SIM.csv",
        ACCOUNT
        + account_row("2026-03-02 08:00:01+00:00", "1000000.00", "0.00")
        + account_row("2026-03-02 08:00:01+00:00", "5.00", "1.00", currency="EUR")
        + account_row("2026-03-02 13:15:00+00:00", "999529.54", "373.94"),
    )
    look = ask(tmp_path)
    eur, dollars = Amount(Decimal("5.00"), "EUR"), usd("999529.54")
    assert look.capital == (eur, *dollars)
    assert look.capital_used == (Amount(Decimal("1.00"), "EUR"), *usd("373.94"))
    assert look.positions == ()


def test_capital_of_long_ago_is_not_as_fresh_as_the_positions(tmp_path: Path) -> None:
    positions = save(tmp_path, "positions.csv", POSITIONS)
    for name, at in (("account_old.csv", 1_772_000_000), ("account_new.csv", 1_772_000_050)):
        rows = account_row("2026-03-02 08:00:01+00:00", "5.00", "1.00")
        os.utime(save(tmp_path, name, ACCOUNT + rows), (at, at))
    os.utime(positions, (1_772_000_100, 1_772_000_100))
    assert ask(tmp_path).as_of == datetime.fromtimestamp(1_772_000_050, UTC)


def test_a_report_of_accounts_without_a_row_is_no_capital_of_nothing(tmp_path: Path) -> None:
    save(tmp_path, "positions.csv", POSITIONS)
    save(tmp_path, "account.csv", ACCOUNT)
    look = ask(tmp_path)
    assert (look.capital, look.capital_used) == (None, None)
    assert look.why["capital_used"] == "its reports of accounts have no row yet"


def test_the_newest_report_counts_and_its_age_is_told(tmp_path: Path) -> None:
    old = save(tmp_path, "positions_1.csv", POSITIONS + open_row("LONG", "1", "1"))
    new = save(tmp_path, "run-2-positions.csv", POSITIONS + open_row("LONG", "7", "1"))
    os.utime(old, (1_772_000_000, 1_772_000_000))
    os.utime(new, (1_772_000_100, 1_772_000_100))
    look = ask(tmp_path)
    assert look.positions is not None
    assert look.positions[0].quantity == 7
    assert look.as_of == datetime.fromtimestamp(1_772_000_100, UTC)


def test_a_parquet_report_says_the_same_as_its_csv(tmp_path: Path) -> None:
    text = (
        POSITIONS
        + closed_row("2026-03-02 08:00:00+00:00", "374.01 USD")
        + open_row("LONG", "3", "1.5")
    )
    csv = ask(save(tmp_path / "csv", "positions.csv", text).parent)
    frame = pandas.read_csv(tmp_path / "csv" / "positions.csv").set_index("position_id")
    frame["quantity"] = frame["quantity"].astype(str)
    frame["ts_closed"] = pandas.to_datetime(frame["ts_closed"], utc=True)
    (tmp_path / "parquet").mkdir()
    frame.to_parquet(tmp_path / "parquet" / "positions.parquet")
    parquet = ask(tmp_path / "parquet")
    assert (parquet.positions, parquet.pnl_today) == (csv.positions, csv.pnl_today)


def test_a_report_of_nothing_is_no_position(tmp_path: Path) -> None:
    pandas.DataFrame().to_csv(tmp_path / "positions.csv")
    look = ask(tmp_path)
    assert (look.positions, look.pnl_today) == ((), ())


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (POSITIONS + open_row("LONG", "1", "1")[:-1], "half written"),
        (POSITIONS + "GBP/USD.SIM,T-001\n", "row 2 of positions.csv has 2 of 22 fields"),
        (POSITIONS.replace("quantity,", "") + "", "has no quantity: it is no report of Nautilus"),
        (POSITIONS + open_row("SIDEWAYS", "1", "1"), "is 'SIDEWAYS', not LONG, SHORT or FLAT"),
        (POSITIONS + open_row("LONG", "many", "1"), "the quantity of GBP/USD.SIM is no number"),
        (POSITIONS + open_row("LONG", "", "1"), "the quantity of GBP/USD.SIM is missing"),
    ],
)
def test_a_report_that_is_not_whole_is_no_report(tmp_path: Path, text: str, why: str) -> None:
    save(tmp_path, "positions.csv", text)
    with pytest.raises(UnreachableError, match=why):
        ask(tmp_path)


def test_a_folder_without_a_report_is_said(tmp_path: Path) -> None:
    with pytest.raises(UnreachableError, match="has no report of positions"):
        ask(tmp_path)
    with pytest.raises(UnreachableError, match="there is no folder"):
        ask(tmp_path / "nowhere")


def test_a_profit_without_a_currency_is_unknown_and_the_positions_stand(tmp_path: Path) -> None:
    save(
        tmp_path,
        "positions.csv",
        POSITIONS + closed_row("2026-03-02 08:00:00+00:00", "374.01") + open_row("LONG", "1", "1"),
    )
    look = ask(tmp_path)
    assert look.pnl_today is None
    assert "names no currency: '374.01'" in look.why["pnl_today"]
    assert look.positions is not None
