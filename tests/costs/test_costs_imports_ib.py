"""Interactive Brokers' reports: signs, local times, rates, cancellations."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costs.broker_files import NEW_YORK, content, fill, reasons, sample, understood
from mechexo.costs.imports.checking import Checked
from mechexo.costs.imports.ib_rows import DATE_ONLY, Account, read_trade
from mechexo.costs.imports.values import (
    ImportedFill,
    NoFill,
    Options,
    Parsed,
    RowError,
    TakenBack,
    ZoneNeededError,
)
from mechexo.errors import UsageError


@pytest.fixture(scope="module")
def flex() -> tuple[Parsed, Checked]:
    name, parsed, found = understood(sample("ib-flex.xml"), zone=NEW_YORK)
    assert name == "ib-flex"
    return parsed, found


def test_a_flex_report_is_understood_row_by_row(flex: tuple[Parsed, Checked]) -> None:
    parsed, found = flex
    assert parsed.rows == 9
    assert parsed.no_fills == {"summaries (symbol summary)": 1, "summaries (order)": 1}
    assert parsed.taken_back == ("ib:1005",)
    assert found.fills["fill_id"].to_list() == [f"ib:{n}" for n in (1001, 1002, 1003, 1005, 1004)]
    assert reasons(found) == {"trade 1007": DATE_ONLY}


def test_a_fill_of_a_flex_report_has_all_that_the_report_says(
    flex: tuple[Parsed, Checked],
) -> None:
    row = fill(flex[1], "ib:1001")
    assert row["ts"] == datetime(2026, 3, 2, 15, tzinfo=UTC)
    assert (row["symbol"], row["side"], row["quantity"], row["price"]) == (
        "AAA", "buy", 100.0, 100.01,
    )  # fmt: skip
    assert (row["venue"], row["order_id"], row["order_type"], row["strategy"]) == (
        "ISLAND", "501", "LMT", "base",
    )  # fmt: skip
    assert (row["broker"], row["currency"], row["fx"], row["multiplier"]) == (
        "Interactive Brokers", "USD", 1.0, 1.0,
    )  # fmt: skip


def test_a_commission_paid_is_a_cost_and_one_received_a_rebate(
    flex: tuple[Parsed, Checked],
) -> None:
    assert fill(flex[1], "ib:1001")["commission"] == 0.35125725
    assert fill(flex[1], "ib:1004")["commission"] == -0.1


def test_taxes_are_costs_whether_they_are_written_as_cash_or_as_amounts(
    flex: tuple[Parsed, Checked],
) -> None:
    assert fill(flex[1], "ib:1002")["taxes"] == 0.46
    assert fill(flex[1], "ib:1003")["taxes"] == 0.6


def test_a_sale_is_a_sale_by_its_word_and_by_its_sign(flex: tuple[Parsed, Checked]) -> None:
    row = fill(flex[1], "ib:1002")
    assert (row["side"], row["quantity"]) == ("sell", 200.0)


def test_a_rate_leads_to_the_accounts_currency_and_is_used_only_when_that_is_the_desks() -> None:
    _, parsed, found = understood(sample("ib-flex.xml"), zone=NEW_YORK, currency="USD")
    assert fill(found, "ib:1003")["fx"] == 1.0875
    assert parsed.notes == ()
    _, parsed, found = understood(sample("ib-flex.xml"), zone=NEW_YORK, currency="EUR")
    assert fill(found, "ib:1001")["fx"] is None
    assert fill(found, "ib:1003")["fx"] == 1.0
    assert parsed.notes == (
        "the report's rates lead to USD, the desk counts in EUR: they are not used",
    )


def test_a_report_that_names_no_base_currency_is_told_by_its_rate_of_one() -> None:
    rows = [{"currency": "USD", "fxRateToBase": "1"}, {"currency": "EUR", "fxRateToBase": "1.08"}]
    assert Account.of(rows).base_currency == "USD"
    assert Account.of(rows[1:]).base_currency is None
    assert Account.of([*rows, {"currency": "CHF", "fxRateToBase": "1"}]).base_currency is None


def test_local_times_need_a_zone() -> None:
    with pytest.raises(ZoneNeededError, match="--zone America/New_York"):
        understood(sample("ib-flex.xml"))


TRADE = {
    "tradeID": "1", "currency": "USD", "symbol": "A", "quantity": "1", "tradePrice": "2",
    "ibCommission": "-1", "buySell": "BUY", "dateTime": "20260302;100000",
}  # fmt: skip


def trade(**fields: str) -> ImportedFill:
    found = read_trade({**TRADE, **fields}, Options(NEW_YORK), Account(None))
    assert isinstance(found, ImportedFill)
    return found


def reason(**fields: str) -> str:
    with pytest.raises(RowError) as caught:
        trade(**fields)
    return str(caught.value)


TEN = datetime(2026, 3, 2, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    "written",
    ["20260302;100000", "2026-03-02;10:00:00", "2026-03-02, 10:00:00", "20260302 100000",
     "2026-03-02T10:00:00", "02-Mar-26;10:00:00", "20260302;100000 EST",
     "2026-03-02 10:00:00 America/New_York", "20260302;150000 UTC", "20260302;160000 CET"],
)  # fmt: skip
def test_the_time_of_execution_is_read_in_the_spellings_that_a_query_can_choose(
    written: str,
) -> None:
    assert trade(dateTime=written).at == TEN


def test_the_time_may_stand_in_two_fields() -> None:
    assert trade(dateTime="", tradeDate="20260302", tradeTime="100000").at == TEN
    assert trade(dateTime="--", tradeDate="2026-03-02", tradeTime="10:00:00").at == TEN


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"dateTime": "20260302"}, DATE_ONLY),
        ({"dateTime": "", "tradeDate": "20260302", "orderTime": "20260302;095900"}, DATE_ONLY),
        ({"dateTime": ""}, "no time"),
        ({"dateTime": "03/04/2026;100000"}, "a date like 03/04/2026 may be two days"),
        ({"dateTime": "20260302;250000"}, "no readable time"),
        ({"dateTime": "20261302;100000"}, "no readable time"),
        ({"dateTime": "20260302;100000 Mars/Base"}, "the zone Mars/Base is unknown"),
        ({"dateTime": "20260308;023000"}, "its local time does not exist"),
        ({"dateTime": "20261101;013000"}, "its local time happens twice"),
        ({"tradeID": "", "ibExecID": "--"}, "no trade id"),
        ({"quantity": "1,000"}, "no readable quantity"),
        ({"tradePrice": ""}, "no price"),
        ({"ibCommission": "Infinity"}, "the commission is not finite"),
        ({"symbol": ""}, "no symbol"),
        ({"currency": ""}, "no currency"),
        ({"transactionType": "TradeCancel"}, "a cancellation that does not name the trade"),
        ({"transactionType": "TradeCancel", "origTradeID": "0"}, "a cancellation that does not"),
    ],
)
def test_a_row_that_cannot_be_taken_says_why(fields: dict[str, str], said: str) -> None:
    assert said in reason(**fields)


@pytest.mark.parametrize(
    "fields", [{"transactionType": "TradeCancel"}, {"buySell": "SELL (Ca.)"}, {"notes": "P;Ca"}]
)
def test_a_cancellation_takes_the_trade_that_it_names_back(fields: dict[str, str]) -> None:
    row = {**TRADE, **fields, "origTradeID": "77"}
    assert read_trade(row, Options(NEW_YORK), Account(None)) == TakenBack("ib:77")


@pytest.mark.parametrize(
    ("fields", "what"),
    [
        ({"transactionType": "BookTrade"}, "book entries"),
        ({"transactionType": "BookTrade", "notes": "A"}, "assignments of options"),
        ({"transactionType": "BookTrade", "notes": "Ex"}, "exercises of options"),
        ({"transactionType": "BookTrade", "notes": "C;Ep"}, "expiries of options"),
        ({"notes": "A;P"}, "assignments of options"),
        ({"code": "O;MEx"}, "exercises of options"),
        ({"notes": "GEA;"}, "exercises and assignments of options"),
        ({"transactionType": "FracShare"}, "bookings of fractional shares"),
        ({"transactionType": "FracShareCancel", "buySell": "SELL (Ca.)", "notes": "Ca"},
         "bookings of fractional shares"),
        ({"transactionType": "BookTrade", "notes": "A;Ca"}, "assignments of options"),
        ({"transactionType": "BookTrade", "multiplier": "", "assetCategory": "OPT"},
         "book entries"),
    ],
)  # fmt: skip
def test_what_ib_only_books_is_no_fill(fields: dict[str, str], what: str) -> None:
    found = read_trade({**TRADE, **fields}, Options(NEW_YORK), Account(None))
    assert found == NoFill(what)


@pytest.mark.parametrize("codes", ["", "P;", "L", "O;P", "RI;P", "AFx", "IA;FPA;ETF", "C;CD"])
def test_a_trade_on_a_market_stays_a_fill_whatever_else_its_codes_say(codes: str) -> None:
    assert trade(transactionType="ExchTrade", notes=codes).fill_id == "ib:1"


def test_an_order_id_that_says_nothing_is_none() -> None:
    assert trade(ibOrderID="0").order_id is None
    assert trade(ibOrderID="--", orderID="4").order_id == "4"
    assert trade(ibOrderID="5", orderID="4").order_id == "5"


@pytest.mark.parametrize(
    ("column", "cell", "what"),
    [("TransactionType", "BookTrade", "book entries"),
     ("Notes/Codes", "C;Ep", "expiries of options"), ("Code", "A", "assignments of options")],
)  # fmt: skip
def test_a_csv_with_what_ib_only_books_has_no_fill_of_it_either(
    column: str, cell: str, what: str
) -> None:
    text = (
        f"Symbol,DateTime,Buy/Sell,Quantity,TradePrice,CurrencyPrimary,TradeID,{column}\n"
        "AAA,20260302;100000,BUY,1,2,USD,5,\n"
        f"AAA,20260302;162000,BUY,1000,100,USD,6,{cell}\n"
    )
    _, parsed, found = understood(content(text), zone=NEW_YORK)
    assert found.fills["fill_id"].to_list() == ["ib:5"]
    assert parsed.no_fills == {what: 1}


def test_a_corrected_trade_replaces_the_one_that_it_names() -> None:
    assert trade(transactionType="TradeCorrect", origTradeID="77").replaces == "ib:77"
    assert trade(origTradeID="77").replaces is None


def test_taxes_in_another_currency_than_the_commission_leave_the_costs_unknown() -> None:
    found = trade(currency="GBP", taxes="-5", ibCommissionCurrency="USD")
    assert (found.commission, found.taxes) == (None, None)


def test_trade_confirmations_are_read_too() -> None:
    text = """<FlexQueryResponse><FlexStatements><FlexStatement><TradeConfirms>
    <TradeConfirm currency="USD" symbol="A" tradeID="9" dateTime="20260302;100000" quantity="-3"
     price="10.5" buySell="SELL" commission="-0.5" commissionCurrency="USD" tax="-0.1"
     levelOfDetail="EXECUTION" execID="x" orderID="4"/>
    </TradeConfirms></FlexStatement></FlexStatements></FlexQueryResponse>"""
    _, _, found = understood(content(text), zone=NEW_YORK)
    row = fill(found, "ib:9")
    assert (row["commission"], row["taxes"], row["order_id"], row["price"]) == (0.5, 0.1, "4", 10.5)


def test_the_desks_own_tags_are_fields_of_the_report() -> None:
    _, _, found = understood(sample("ib-flex.xml"), zone=NEW_YORK, tags=("assetCategory",))
    assert fill(found, "ib:1004")["assetCategory"] == "FUT"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("<FlexQueryResponse><FlexStatements>", "is no whole XML document"),
        ("<FlexQueryResponse></FlexQueryResponse>", "the report has no trades"),
        ('<!DOCTYPE a [<!ENTITY b "c">]><FlexQueryResponse/>', "no document type"),
    ],
)
def test_a_report_that_is_none_is_refused(text: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        understood(content(text), zone=NEW_YORK)


def test_trades_as_csv_are_read_by_the_same_rules() -> None:
    name, parsed, found = understood(sample("ib-trades.csv"), zone=NEW_YORK)
    assert (name, parsed.rows) == ("ib-csv", 3)
    row = fill(found, "ib:2001")
    assert (row["ts"], row["commission"], row["fx"], row["venue"]) == (
        TEN, 0.35125725, 1.0, "ISLAND",
    )  # fmt: skip
    assert reasons(found) == {
        "line 3": DATE_ONLY,
        "ib:2003": "the side contradicts the sign of the quantity",
    }


def test_a_csv_of_dates_says_of_every_row_that_it_cannot_be_matched() -> None:
    name, parsed, found = understood(sample("ib-trades-dates-only.csv"), zone=NEW_YORK)
    assert (name, parsed.rows, len(found.fills)) == ("ib-csv", 2, 0)
    assert set(reasons(found).values()) == {DATE_ONLY}


def test_a_csv_with_ibs_codes_of_sections_is_read_below_each_header() -> None:
    text = (
        '"BOF","U1","x"\n"BOA","U1"\n"BOS","TRNT","Trades"\n'
        '"HEADER","TRNT","Symbol","DateTime","Buy/Sell","Quantity","TradePrice",'
        '"CurrencyPrimary","TradeID","IBCommission"\n'
        '"DATA","TRNT","AAA","20260302;100000","BUY","1","2","USD","5","-1"\n'
        '"EOS","TRNT","1"\n"HEADER","CRTT","Cash"\n"DATA","CRTT","3"\n"EOF"\n'
    )
    _, parsed, found = understood(content(text), zone=NEW_YORK)
    assert (parsed.rows, parsed.no_fills) == (2, {"lines of other sections": 1})
    assert fill(found, "ib:5")["commission"] == 1.0


@given(
    commission=st.decimals("-1000", "1000", places=8), taxes=st.decimals("-100", "100", places=8)
)
def test_costs_become_floats_once_from_the_exact_amounts(
    commission: Decimal, taxes: Decimal
) -> None:
    found = trade(ibCommission=str(commission), taxes=str(taxes))
    assert found.commission == -commission
    assert (found.taxes or Decimal(0)) == -taxes
