"""FIX execution reports: trades, cancellations, corrections, and what is wrong with a message."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta

import pytest
import simplefix

from costs.broker_files import content, fill, reasons, understood
from mechexo.costs.imports.checking import Checked
from mechexo.costs.imports.values import Parsed
from mechexo.errors import ConfigError

NOON = datetime(2026, 3, 2, 14, 30, tzinfo=UTC)
TRADE = {
    35: "8", 49: "BROKER", 56: "DESK", 34: "7", 17: "E1", 37: "O1", 11: "C1", 55: "AAA", 54: "1",
    32: "100", 31: "100.01", 60: "20260302-14:30:00.123", 15: "USD", 150: "F", 39: "2", 14: "100",
    151: "0", 6: "100.01", 30: "XNAS", 40: "2", 851: "1",
}  # fmt: skip


def trade(
    changes: dict[int, str | None] | None = None,
    *group: tuple[int, str],
    version: str = "FIX.4.4",
) -> bytes:
    """A trade's message with some fields changed, left out (None) or added as a group."""
    made = simplefix.FixMessage()
    made.append_pair(8, version)
    fields: dict[int, str | None] = {**TRADE, **(changes or {})}
    for tag, value in fields.items():
        if value is not None:
            made.append_pair(tag, value, header=tag == 35)
    for tag, value in group:
        made.append_pair(tag, value)
    encoded: bytes = made.encode()
    return encoded


def read(*messages: bytes, **options: object) -> tuple[Parsed, Checked]:
    name, parsed, found = understood(content(b"\n".join(messages)), **options)
    assert name == "fix"
    return parsed, found


def costs(*group: tuple[int, str], **changes: str | None) -> tuple[object, ...]:
    """Commission, fees, taxes and their currency of one trade."""
    numbered = {int(tag.removeprefix("t")): value for tag, value in changes.items()}
    row = fill(read(trade(numbered, *group))[1], "fix:2026-03-02:BROKER:E1")
    return row["commission"], row["fees"], row["taxes"], row["commission_currency"]


def test_a_trade_is_a_fill_with_all_that_it_says() -> None:
    row = fill(read(trade())[1], "fix:2026-03-02:BROKER:E1")
    assert row["ts"] == NOON + timedelta(milliseconds=123)
    assert (row["symbol"], row["side"], row["quantity"], row["price"]) == (
        "AAA", "buy", 100.0, 100.01,
    )  # fmt: skip
    assert (row["venue"], row["order_id"], row["order_type"], row["liquidity"]) == (
        "XNAS", "O1", "limit", "maker",
    )  # fmt: skip
    assert (row["currency"], row["broker"], row["multiplier"]) == ("USD", "BROKER", 1.0)


@pytest.mark.parametrize("separator", [b"\x01", b"|", b"^A"])
def test_messages_are_found_in_a_log_whatever_shows_for_their_separator(separator: bytes) -> None:
    lines = [
        b"2026-03-02 14:30:00,123 INFO <- " + trade().replace(b"\x01", separator) + b" (in)",
        b"2026-03-02 14:30:01,000 INFO heart beats",
        b"<- " + trade({17: "E2", 54: "5"}).replace(b"\x01", separator),
    ]
    parsed, found = read(*lines)
    assert parsed.rows == 2
    assert found.fills["fill_id"].to_list() == [
        "fix:2026-03-02:BROKER:E1",
        "fix:2026-03-02:BROKER:E2",
    ]
    assert found.fills["side"].to_list() == ["buy", "sell"]


def test_messages_may_follow_each_other_without_a_line_between() -> None:
    _, _, found = understood(content(trade() + trade({17: "E2"}) + trade({17: "E3"})))
    assert len(found.fills) == 3


@pytest.mark.parametrize(
    ("kind", "amount", "commission"),
    [("1", "0.0035", 0.35), ("2", "0.0005", 5.0005), ("3", "1.25", 1.25), ("3", "-0.2", -0.2),
     ("6", "1", None), (None, "1", None)],
)  # fmt: skip
def test_a_commission_is_per_unit_in_percent_or_absolute(
    kind: str | None, amount: str, commission: float | None
) -> None:
    assert costs(t12=amount, t13=kind) == (commission, None, None, "USD")


def test_the_multiplier_of_a_contract_is_part_of_a_commission_in_percent() -> None:
    assert costs(t12="0.0005", t13="2", t231="50", t167="FUT")[0] == 250.025


def test_how_a_commission_in_percent_was_read_is_noted_where_there_is_one() -> None:
    said = "commissions in percent (13=2) are read as FIX writes them: 12=0.05 is 5 %"
    assert said in read(trade(), trade({17: "E2", 12: "0.0005", 13: "2"}))[0].notes
    assert said not in read(trade(), trade({17: "E2", 12: "1", 13: "3"}))[0].notes
    assert said not in read(trade({12: "1", 13: "2"})[:-20])[0].notes


def test_miscellaneous_fees_and_taxes_are_summed_exactly() -> None:
    group = [(136, "3"), (137, "0.1"), (138, "USD"), (139, "4"), (137, "0.2"), (138, "USD"),
             (139, "1"), (137, "0.7"), (139, "2")]  # fmt: skip
    assert costs(*group, t12="1", t13="3") == (1.0, 0.3, 0.7, "USD")


def test_costs_in_two_currencies_are_not_summed() -> None:
    group = [(136, "1"), (137, "0.1"), (138, "GBP"), (139, "4")]
    assert costs(*group, t12="1", t13="3") == (None, None, None, None)
    assert costs(t12="1", t13="3", t479="GBP") == (1.0, None, None, "GBP")


def test_a_trade_cancel_takes_the_trade_back_that_it_names() -> None:
    parsed, found = read(trade(), trade({17: "E9", 150: "H", 19: "E1"}))
    assert parsed.taken_back == ("fix:2026-03-02:BROKER:E1 of order O1",)
    assert len(found.fills) == 1


def test_the_trading_day_is_part_of_a_fills_id() -> None:
    _, found = read(
        trade(),
        trade({60: "20260303-14:30:00"}),
        trade({60: "20260303-23:30:00", 75: "20260304"}),
    )
    assert found.fills["fill_id"].to_list() == [
        f"fix:2026-03-0{day}:BROKER:E1" for day in (2, 3, 4)
    ]


def test_a_trade_cancel_without_its_moment_is_of_the_day_it_was_sent() -> None:
    parsed, _ = read(trade({150: "H", 19: "E1", 60: None, 52: "20260303-08:00:00"}))
    assert parsed.taken_back == ("fix:2026-03-03:BROKER:E1 of order O1",)


def test_without_an_order_only_a_fill_of_the_same_day_is_named() -> None:
    parsed, _ = read(trade({150: "H", 19: "E1", 37: None}))
    assert parsed.taken_back == ("fix:2026-03-02:BROKER:E1",)


def test_a_trade_correct_under_the_same_id_names_itself() -> None:
    _, found = read(trade({150: "G", 19: "E1"}))
    assert fill(found, "fix:2026-03-02:BROKER:E1")["replaces"] == "fix:2026-03-02:BROKER:E1"


def test_a_trade_correct_stands_in_for_the_trade_that_it_names() -> None:
    _, found = read(trade(), trade({17: "E9", 150: "G", 19: "E1", 31: "100.5"}))
    row = fill(found, "fix:2026-03-02:BROKER:E9")
    assert (row["replaces"], row["price"]) == ("fix:2026-03-02:BROKER:E1 of order O1", 100.5)


@pytest.mark.parametrize(
    ("kind", "transaction", "quantity", "is_fill"),
    [("1", "0", "100", True), ("2", "0", "100", True), ("0", "0", "0", False),
     ("2", "0", "0", False), ("2", "3", "100", False)],
)  # fmt: skip
def test_reports_of_fix_4_2_say_in_20_what_happened(
    kind: str, transaction: str, quantity: str, is_fill: bool
) -> None:
    _, found = read(trade({150: kind, 20: transaction, 32: quantity}, version="FIX.4.2"))
    assert len(found.fills) == is_fill


def test_cancellations_and_corrections_of_fix_4_2_name_their_trade_too() -> None:
    parsed, _ = read(trade({150: "2", 20: "1", 19: "E0"}, version="FIX.4.2"))
    assert parsed.taken_back == ("fix:2026-03-02:BROKER:E0 of order O1",)
    _, found = read(trade({150: "2", 20: "2", 19: "E0"}, version="FIX.4.2"))
    assert fill(found, "fix:2026-03-02:BROKER:E1")["replaces"] == (
        "fix:2026-03-02:BROKER:E0 of order O1"
    )


def test_messages_about_something_else_are_counted() -> None:
    parsed, found = read(
        trade({35: "0"}), trade({150: "0"}), trade({150: "4"}), trade({442: "3"}), trade()
    )
    assert parsed.no_fills == {
        "messages that are no execution reports": 1,
        "execution reports without an execution": 2,
        "summaries of multi-leg orders": 1,
    }
    assert len(found.fills) == 1


def test_the_same_message_sent_again_is_no_second_fill() -> None:
    _, found = read(trade(), trade())
    assert (len(found.fills), found.repeated) == (1, 1)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({17: None}, "no fill id (17)"),
        ({54: "7"}, "the side (54) is neither buy nor sell"),
        ({31: "ten"}, "no readable price (31)"),
        ({32: None}, "no quantity (32)"),
        ({55: "[N/A]"}, "no symbol (55)"),
        ({60: None}, "no time (60)"),
        ({60: "20260302"}, "no readable time (60)"),
        ({75: "2 March"}, "no readable trading day (75)"),
        ({150: "H"}, "a trade cancel that does not name the trade (19)"),
        ({150: "G"}, "a trade correct that does not name the trade (19)"),
        ({167: "FUT"}, "a future or option without its multiplier (231)"),
    ],
)
def test_a_report_that_cannot_be_taken_says_why(changes: dict[int, str | None], said: str) -> None:
    parsed, _ = read(trade(changes))
    assert [each.reason for each in parsed.rejected] == [said]


def test_contracts_of_one_root_are_told_apart_by_their_month() -> None:
    _, found = read(trade({55: "ES", 200: "202603", 167: "FUT", 231: "50"}))
    row = fill(found, "fix:2026-03-02:BROKER:E1")
    assert (row["symbol"], row["multiplier"]) == ("ES 202603", 50.0)


def test_times_keep_their_microseconds_and_lose_what_is_finer() -> None:
    _, found = read(trade({60: "20260302-14:30:00.123456789"}))
    assert fill(found, "fix:2026-03-02:BROKER:E1")["ts"] == NOON + timedelta(microseconds=123456)


def test_a_message_that_is_cut_off_or_damaged_is_rejected_and_the_next_one_read() -> None:
    whole = trade({17: "E2"})
    parsed, found = read(trade()[:-20], trade().replace(b"100.01", b"100.07", 1), whole)
    assert reasons(found) == {
        "message no. 1": "a message that is cut off",
        "message no. 2": "a message whose checksum does not fit",
    }
    assert parsed.rows == 3
    assert found.fills["fill_id"].to_list() == ["fix:2026-03-02:BROKER:E2"]


def test_the_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "simplefix", None)
    with pytest.raises(ConfigError, match=r"mechexo\[fix\]"):
        read(trade())
