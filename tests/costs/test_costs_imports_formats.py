"""The other brokers and exchanges: what each file says, and what of it cannot be taken."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from costs.broker_files import SAMPLES, content, fill, reasons, sample, understood
from mechexo.costs.imports.checking import Checked
from mechexo.costs.imports.coins import fee_in, quote_of
from mechexo.costs.imports.formats import names
from mechexo.costs.imports.values import Parsed
from mechexo.errors import ConfigError, UsageError

NOON = datetime(2026, 3, 2, 14, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("ib-flex.xml", "ib-flex"), ("ib-trades.csv", "ib-csv"),
        ("ib-trades-dates-only.csv", "ib-csv"), ("alpaca.json", "alpaca"),
        ("binance-spot.json", "binance"), ("binance-futures.json", "binance"),
        ("coinbase-advanced.json", "coinbase"), ("coinbase-exchange.json", "coinbase"),
        ("kraken-spot.json", "kraken"), ("kraken-futures.json", "kraken"), ("bybit.json", "bybit"),
    ],
)  # fmt: skip
def test_a_format_is_told_by_its_content_and_not_by_its_name(file: str, name: str) -> None:
    from zoneinfo import ZoneInfo

    data = (SAMPLES / file).read_bytes()
    assert understood(content(data, "download"), zone=ZoneInfo("UTC"))[0] == name
    assert name in names()


def test_every_row_of_every_sample_is_a_fill_or_has_its_reason() -> None:
    for file in SAMPLES.glob("*.json"):
        _, parsed, found = understood(sample(file.name))
        told = sum(parsed.no_fills.values()) + len(parsed.taken_back) + len(found.rejected)
        again = found.repeated + found.corrected
        assert len(found.fills) + again + told == parsed.rows, file.name


def test_alpaca_fills_are_read_and_the_other_activities_counted() -> None:
    _, parsed, found = understood(sample("alpaca.json"))
    first = fill(found, "alpaca:20260302143000123::aaaa-1")
    assert first["ts"] == NOON + timedelta(microseconds=123456)
    assert (first["quantity"], first["price"], first["side"], first["order_id"]) == (
        60.0, 100.01, "buy", "ord-1",
    )  # fmt: skip
    assert first["commission"] is None
    assert fill(found, "alpaca:20260302143000456::aaaa-2")["side"] == "sell"
    assert parsed.no_fills == {"activities of type FEE": 1}
    assert reasons(found) == {
        "activity no. 4": "a date without a time cannot be matched with quotes",
        "activity no. 5": "no readable price",
    }
    assert "commissions stay unknown" in parsed.notes[0]


def alpaca(symbol: str, **further: str) -> tuple[Parsed, Checked]:
    activity = {
        "activity_type": "FILL", "id": "a1", "transaction_time": "2026-03-02T14:30:00Z",
        "price": "5.1", "qty": "10", "side": "buy", "symbol": symbol, "order_id": "o1", **further,
    }  # fmt: skip
    return understood(content(json.dumps([activity])))[1:]


@pytest.mark.parametrize(
    ("symbol", "currency"), [("ETH/BTC", "BTC"), ("BTC/USDT", "USDT"), ("AAPL", "USD")]
)
def test_alpaca_pairs_are_in_the_currency_after_the_slash(symbol: str, currency: str) -> None:
    row = fill(alpaca(symbol)[1], "alpaca:a1")
    assert (row["symbol"], row["currency"], row["multiplier"]) == (symbol, currency, 1.0)


def test_an_alpaca_pair_that_is_in_nothing_is_rejected() -> None:
    assert reasons(alpaca("ETH/")[1]) == {
        "activity no. 1": "what the pair is priced in is not known"
    }


@pytest.mark.parametrize(
    "symbol", ["AAPL260320C00200000", "F260320P00012500", "AAPL1260320C00200000"]
)
def test_an_alpaca_option_says_its_multiplier_or_how_to_add_it(symbol: str) -> None:
    assert reasons(alpaca(symbol)[1]) == {
        "activity no. 1": "an option without its multiplier (add the contract's size to the "
        'activity, like "multiplier": "100")'
    }
    assert fill(alpaca(symbol, multiplier="100")[1], "alpaca:a1")["multiplier"] == 100.0


def test_binance_spot_fees_are_exact_in_the_quote_coin_or_stay_in_their_own() -> None:
    _, _, found = understood(sample("binance-spot.json"))
    first = fill(found, "binance:BTCUSDT:28457")
    assert (first["commission"], first["commission_currency"]) == (0.650001, "USDT")
    assert (first["side"], first["liquidity"], first["currency"]) == ("buy", "taker", "USDT")
    assert first["ts"] == NOON + timedelta(milliseconds=250)
    second = fill(found, "binance:BTCUSDT:28458")
    assert (second["commission"], second["side"], second["liquidity"]) == (0.6501, "sell", "maker")
    third = fill(found, "binance:ETHBTC:28457")
    assert (third["commission"], third["commission_currency"], third["currency"]) == (
        0.0001, "BNB", "BTC",
    )  # fmt: skip


def test_binance_futures_have_their_own_ids_and_no_inverse_contracts() -> None:
    _, _, found = understood(sample("binance-futures.json"))
    row = fill(found, "binance:futures:BTCUSDT:698759")
    assert (row["side"], row["commission"], row["liquidity"]) == ("sell", -0.0781901, "maker")
    assert list(reasons(found).values()) == [
        "an inverse contract: its size is in contracts, not in coins"
    ]


def test_coinbase_fills_are_reversed_and_corrected_by_their_trade_id() -> None:
    _, parsed, found = understood(sample("coinbase-advanced.json"))
    first = fill(found, "coinbase:BTC-USD:t-1")
    assert (first["commission"], first["currency"], first["liquidity"]) == (1.14, "USD", "maker")
    assert first["ts"] == NOON + timedelta(milliseconds=500)
    assert fill(found, "coinbase:ETH-USDC:t-2")["quantity"] == 0.05
    assert parsed.taken_back == ("coinbase:ETH-USDC:t-3",)
    corrected = fill(found, "coinbase:ETH-USDC:t-2:corrected")
    assert (corrected["price"], corrected["replaces"]) == (2002.0, "coinbase:ETH-USDC:t-2")


def test_coinbase_exchange_fills_are_read_too() -> None:
    _, _, found = understood(sample("coinbase-exchange.json"))
    row = fill(found, "coinbase:BTC-USD:74")
    assert (row["commission"], row["liquidity"], row["side"]) == (0.00025, "taker", "buy")


def test_kraken_times_keep_their_microseconds() -> None:
    _, _, found = understood(sample("kraken-spot.json"))
    first = fill(found, "kraken:TAAAAA-AAAAA-AAAAAA")
    assert first["ts"] == NOON + timedelta(microseconds=892100)
    assert (first["commission"], first["currency"], first["liquidity"], first["order_type"]) == (
        23.6, "USDT", "maker", "limit",
    )  # fmt: skip
    second = fill(found, "kraken:TBBBBB-BBBBB-BBBBBB")
    assert (second["currency"], second["side"], second["commission"]) == ("EUR", "sell", 3.6)
    assert reasons(found) == {
        "trade TCCCCC-CCCCC-CCCCCC": "the side is neither buy nor sell",
    }


def test_kraken_futures_are_read_but_for_inverse_contracts() -> None:
    _, _, found = understood(sample("kraken-futures.json"))
    row = fill(found, "kraken:f-1")
    assert (row["symbol"], row["quantity"], row["liquidity"]) == ("PF_XBTUSD", 0.1, "maker")
    assert "inverse contract" in reasons(found)["fill no. 2"]


def test_bybit_rebates_are_negative_costs_and_funding_is_no_fill() -> None:
    _, parsed, found = understood(sample("bybit.json"))
    first = fill(found, "bybit:x-1")
    assert (first["commission"], first["liquidity"], first["order_type"]) == (
        -0.015, "maker", "limit",
    )  # fmt: skip
    second = fill(found, "bybit:x-2")
    assert (second["commission"], second["commission_currency"]) == (0.9, "USDC")
    assert parsed.no_fills == {"executions of type Funding": 1}


def test_bybit_inverse_contracts_are_rejected() -> None:
    text = (SAMPLES / "bybit.json").read_text().replace('"linear"', '"inverse"')
    _, _, found = understood(content(text))
    assert len(found.fills) == 0
    assert all("inverse contract" in reason for reason in reasons(found).values())


@pytest.mark.parametrize(
    ("pair", "quote"),
    [("BTCUSDT", "USDT"), ("XXBTZUSD", "USD"), ("XETHXXBT", "BTC"), ("ETHBTC", "BTC"),
     ("SOLEUR", "EUR"), ("BNBFDUSD", "FDUSD"), ("USDT", None), ("FOOBAR", None),
     ("XBTZAUD", "AUD"), ("XLTCZUSD", "USD"), ("XTZUSD", "USD"), ("ETHXBT", "BTC")],
)  # fmt: skip
def test_a_pair_is_priced_in_its_second_coin(pair: str, quote: str | None) -> None:
    assert quote_of(pair) == quote


@pytest.mark.parametrize(
    "pair",
    ["DOTUSD", "BNBUSD", "SHIBUSD", "ARBUSD", "BATUSD", "GRTUSD", "FETUSD", "APTUSD", "TRBUSD",
     "USDTUSD", "TUSD", "1000SHIBUSD", "NEWCOINTUSD", "NEWCOINBUSD"],
)  # fmt: skip
def test_a_pair_of_a_coin_that_ends_like_a_stablecoin_begins_is_priced_in_dollars(
    pair: str,
) -> None:
    assert quote_of(pair) == "USD"


@pytest.mark.parametrize(
    ("pair", "quote"),
    [("BTCTUSD", "TUSD"), ("BTCBUSD", "BUSD"), ("ETHFDUSD", "FDUSD"), ("DOTTUSD", "TUSD"),
     ("BNBBUSD", "BUSD"), ("USDTBUSD", "BUSD"), ("1INCHBUSD", "BUSD"), ("EURTUSD", "TUSD"),
     ("1000SHIBBUSD", "BUSD"), ("1000SHIBTUSD", "TUSD"), ("NEWCOINFDUSD", "FDUSD")],
)  # fmt: skip
def test_a_known_coin_before_a_stablecoin_is_priced_in_that(pair: str, quote: str) -> None:
    assert quote_of(pair) == quote


def test_binance_and_bybit_part_a_pair_at_the_known_coin_too() -> None:
    trade = (
        '[{"symbol": "BNBUSD", "id": 1, "orderId": 1, "price": "600", "qty": "1", "isMaker": true,'
        ' "commission": "0.001", "commissionAsset": "BNB", "time": 1772461800000, "isBuyer": true}]'
    )
    row = fill(understood(content(trade))[2], "binance:BNBUSD:1")
    assert (row["currency"], row["commission"], row["commission_currency"]) == ("USD", 0.6, "USD")
    execution = (
        '[{"symbol": "DOTUSD", "side": "Buy", "execId": "e1", "execPrice": "5", "execQty": "1000",'
        ' "execTime": "1772461800000"}]'
    )
    assert reasons(understood(content(execution))[2]) == {
        "execution no. 1": "an inverse contract: its size is in dollars, not in coins"
    }


def test_kraken_pairs_with_a_slash_are_priced_in_the_coin_of_the_usual_name() -> None:
    text = (SAMPLES / "kraken-spot.json").read_text()
    for written, currency in (("ETH/XBT", "BTC"), ("XBT/ZEUR", "EUR"), ("DOT/USD", "USD")):
        one = re.sub(r'"pair": ?"[^"]+"', f'"pair": "{written}"', text)
        row = fill(understood(content(one))[2], "kraken:TAAAAA-AAAAA-AAAAAA")
        assert (row["symbol"], row["currency"], row["commission_currency"]) == (
            written, currency, currency,
        )  # fmt: skip


def test_a_fee_in_the_traded_coin_is_worth_its_price_exactly() -> None:
    fee, price = Decimal("0.00001"), Decimal("65000.1")
    assert fee_in(fee, "BTC", "BTCUSDT", "USDT", price) == (Decimal("0.650001"), "USDT")
    assert fee_in(fee, "BNB", "BTCUSDT", "USDT", price) == (fee, "BNB")
    assert fee_in(fee, None, "BTCUSDT", "USDT", price) == (fee, "USDT")
    assert fee_in(None, "BTC", "BTCUSDT", "USDT", price) == (None, None)
    assert fee_in(fee, "BTC", "BTCXYZ", None, price) == (fee, "BTC")


MAPPING = {
    "fill_id": "id", "ts": "executed_at", "symbol": "ticker", "side": "direction",
    "quantity": "shares", "price": "avg_px", "commission": "fee", "taxes": "sec_fee",
    "correction": "state",
}  # fmt: skip


@pytest.mark.parametrize("tag", ["account", "at", "tags"])
def test_a_tag_is_what_the_file_says_whatever_it_is_called(tag: str) -> None:
    activity = {
        "activity_type": "FILL", "id": "1", "transaction_time": "2026-03-02T14:30:00Z",
        "price": "100", "qty": "1", "side": "buy", "symbol": "AAA", tag: "ours",
    }  # fmt: skip
    _, _, found = understood(content(json.dumps([activity])), tags=(tag, "strategy"))
    row = fill(found, "alpaca:1")
    assert (row[tag], row["strategy"], row["ts"].hour) == ("ours", None, 14)


def test_a_table_of_the_desks_own_is_read_by_its_mapping() -> None:
    name, parsed, found = understood(sample("own-layout.csv"), mapping=MAPPING, tags=("algo",))
    assert (name, parsed.rows) == ("mapped", 7)
    row = fill(found, "a1")
    assert (row["price"], row["taxes"], row["commission"], row["algo"]) == (
        100.02, 0.2, 0.1, "vwap",
    )  # fmt: skip
    assert (row["correction"], row["replaces"]) == ("correct", "a1")
    assert fill(found, "a2")["side"] == "sell"
    assert (found.repeated, found.corrected) == (1, 1)
    assert reasons(found) == {
        "a3": "the quantity is zero",
        "a4": "the side contradicts the sign of the quantity",
        "a5": "no readable price",
    }


OWN = "fill_id,ts,symbol,side,quantity,price,commission\n"
ROW = "{},2026-03-02T14:30:00Z,AAA,buy,10,{},0.1\n"


def test_one_row_is_enough() -> None:
    _, parsed, found = understood(content(OWN + ROW.format("1", "100")))
    assert (parsed.rows, len(found.fills), found.rejected) == (1, 1, ())


def test_a_header_without_rows_is_a_table_without_fills() -> None:
    _, parsed, found = understood(content(OWN))
    assert (parsed.rows, len(found.fills)) == (0, 0)


def test_rows_of_one_id_that_contradict_each_other_are_not_both_taken() -> None:
    text = OWN + ROW.format("1", "100") + ROW.format("1", "101") + ROW.format("2", "100")
    _, _, found = understood(content(text))
    assert len(found.fills) == 2
    assert reasons(found) == {"1": "the fill id was used before"}


@pytest.mark.parametrize(
    ("price", "reason"),
    [("NaN", "the price is not finite"), ("inf", "the price is not finite"),
     ("0", "the price is not above zero"), ("-1", "the price is not above zero"),
     ("1,5", None), ("", "no readable price"), ("1.234.5", "no readable price")],
)  # fmt: skip
def test_a_price_that_is_none_is_a_reason(price: str, reason: str | None) -> None:
    text = OWN + ROW.format("1", price)
    if reason is None:
        with pytest.raises(UsageError, match="cannot be read"):
            understood(content(text))
    else:
        assert reasons(understood(content(text))[2]) == {"1": reason}


def test_times_of_an_own_table_need_a_zone() -> None:
    from zoneinfo import ZoneInfo

    text = OWN + ROW.format("1", "100").replace("Z", "")
    with pytest.raises(UsageError, match="--zone America/New_York"):
        understood(content(text))
    _, _, found = understood(content(text), zone=ZoneInfo("Europe/Berlin"))
    assert fill(found, "1")["ts"] == NOON - timedelta(hours=1)


def test_a_table_without_currencies_is_in_the_desks_own() -> None:
    _, _, found = understood(content(OWN + ROW.format("1", "100")), currency="EUR")
    assert fill(found, "1")["currency"] == "EUR"


def test_a_table_without_a_column_names_the_closest() -> None:
    mapping = {**MAPPING, "price": "avg_price"}
    with pytest.raises(UsageError, match=r"lacks 'avg_price'; close names: avg_px"):
        understood(sample("own-layout.csv"), mapping=mapping)
    with pytest.raises(ConfigError, match="no column 'avg_price'; close names: avg_px"):
        understood(sample("own-layout.csv"), mapping=mapping, forced="mapped")


def test_a_parquet_file_is_a_table_too(tmp_path) -> None:
    import polars as pl

    path = tmp_path / "x.bin"
    pl.DataFrame(
        {"fill_id": ["1"], "ts": [NOON], "symbol": ["A"], "quantity": [-3], "price": [2.5]}
    ).write_parquet(path)
    name, _, found = understood(content(path.read_bytes()))
    assert name == "mapped"
    assert (fill(found, "1")["side"], fill(found, "1")["quantity"]) == ("sell", 3.0)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"PAR1 rubbish PAR1", "cannot be read"),
        (b'[{"activity_type": "FILL"', "is no whole JSON document"),
        (b'{"hello": 1}', "is of no format that I know; known: ib-flex"),
        (b"just some words", "is of no format that I know"),
        (b"\x00\x01\x02", "is of no format that I know"),
        (b'{"activities": 3, "activity_type": ""}', "has no list activities"),
    ],
)
def test_a_file_that_is_none_of_them_is_refused_in_one_line(data: bytes, said: str) -> None:
    with pytest.raises(UsageError, match=said) as caught:
        understood(content(data))
    assert "\n" not in str(caught.value)


def test_a_forced_format_is_tried_and_an_unknown_one_named() -> None:
    with pytest.raises(UsageError, match="is no whole JSON document"):
        understood(sample("ib-trades.csv"), forced="binance")
    with pytest.raises(UsageError, match="did you mean alpaca"):
        understood(sample("alpaca.json"), forced="alpacca")
    _, parsed, _ = understood(sample("alpaca.json"), forced="fix")
    assert parsed.rows == 0


@pytest.mark.parametrize("file", sorted(path.name for path in SAMPLES.glob("*.json")))
def test_a_list_of_something_else_is_rejected_row_by_row(file: str) -> None:
    from mechexo.costs.imports.formats import recognised
    from mechexo.costs.imports.values import Options

    module = recognised(sample(file), Options())
    document = {"list": [1, None], "fills": [1, None], "trades": {"a": 1, "b": None}}
    text = {
        "kraken": '{"result": {"trades": {"a": 1, "b": null}}}',
        "bybit": '{"result": {"list": [1, null]}}',
    }.get(module.NAME, "[1, null]")
    assert document
    parsed = module.read(content(text), Options())
    assert (parsed.rows, len(parsed.rejected)) == (2, 2)
