"""Real exports of brokers and exchanges, where they are at hand; the others stand in elsewhere."""

from __future__ import annotations

import os
import re
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from costs.broker_files import fill, understood
from mechexo.costs.imports.content import Content
from mechexo.costs.imports.ib_rows import DATE_ONLY
from mechexo.errors import UsageError

FOLDER = (
    Path(os.environ.get("MECHEXO_TEST_DATA", Path(__file__).parents[3] / "shared" / "data"))
    / "broker"
)
ZURICH = ZoneInfo("Europe/Zurich")

pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="the shared data is not here")


def shared(name: str) -> Content:
    return Content.of(FOLDER / name)


@pytest.mark.parametrize(
    ("number", "fills", "rejected"), [("01", 14, 0), ("10", 2, 0), ("14", 8, 0), ("20", 0, 1),
                                      ("21", 1, 0)]
)  # fmt: skip
def test_flex_reports_are_read_whole(number: str, fills: int, rejected: int) -> None:
    name, parsed, found = understood(
        shared(f"ibflex_testIBFlexStatementFile{number}.xml"), zone=ZURICH, currency="EUR"
    )
    assert (name, len(found.fills), len(found.rejected)) == ("ib-flex", fills, rejected)
    assert parsed.rows == fills + rejected + sum(parsed.no_fills.values())
    assert {each.reason for each in found.rejected} <= {DATE_ONLY}
    assert found.fills["commission"].null_count() == 0
    assert (found.fills["commission"] >= 0).all()


def test_the_commissions_of_a_flex_report_add_up() -> None:
    content = shared("ibflex_testIBFlexStatementFile01.xml")
    _, _, found = understood(content, zone=ZURICH)
    row = fill(found, "ib:855937427")
    assert (row["symbol"], row["quantity"], row["commission"]) == ("GCM", 5000.0, 6.75)
    written = re.findall(r' ibCommission="([^"]+)"', content.text)
    assert found.fills["commission"].sum() == pytest.approx(-float(sum(map(Decimal, written))))


def test_a_flex_report_without_trades_says_so() -> None:
    with pytest.raises(UsageError, match="the report has no trades"):
        understood(shared("ibflex_testIBFlexStatementFile17.xml"), zone=ZURICH)


def test_a_csv_of_interactive_brokers_with_dates_only_cannot_be_matched() -> None:
    name, parsed, found = understood(shared("ibkr-trades-export.csv"), zone=ZURICH)
    assert (name, parsed.rows, len(found.fills)) == ("ib-csv", 11, 0)
    assert {each.reason for each in found.rejected} == {DATE_ONLY}


@pytest.mark.parametrize(
    ("file", "name", "fills"),
    [
        ("nautilus_binance_test_data_spot_http_json_account_trades_response.json", "binance", 1),
        ("nautilus_coinbase_test_data_http_fills.json", "coinbase", 2),
        ("nautilus_kraken_test_data_http_trades_history.json", "kraken", 2),
        ("nautilus_bybit_test_data_http_get_executions.json", "bybit", 2),
    ],
)
def test_exchanges_answers_are_read_whole(file: str, name: str, fills: int) -> None:
    found_name, parsed, found = understood(shared(file))
    assert (found_name, parsed.rows, len(found.fills)) == (name, fills, fills)
    assert found.rejected == ()


def test_a_fee_in_the_traded_coin_is_exact() -> None:
    _, _, found = understood(
        shared("nautilus_binance_test_data_spot_http_json_account_trades_response.json")
    )
    row = found.fills.row(0, named=True)
    assert (row["commission"], row["commission_currency"]) == (40.4000101, "BTC")


@pytest.mark.parametrize("file", ["degiro-export.csv", "schwab-export.csv"])
def test_another_brokers_table_says_what_it_lacks(file: str) -> None:
    with pytest.raises(UsageError, match=r"as a table of your own it lacks 'fill_id'"):
        understood(shared(file))


def test_another_brokers_table_can_be_mapped() -> None:
    mapping = {"fill_id": "ID", "ts": "Time", "symbol": "Ticker", "quantity": "No. of shares",
               "price": "Price / share", "currency": "Currency (Price / share)"}  # fmt: skip
    name, parsed, found = understood(
        shared("trading212-export.csv"), mapping=mapping, zone=ZoneInfo("UTC")
    )
    assert name == "mapped"
    assert len(found.fills) + len(found.rejected) + found.repeated == parsed.rows
    assert len(found.fills) > 0
