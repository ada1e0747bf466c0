"""`mechexo costs orders` on a desk with orders, fills, quotes, trades and rates in files."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Callable

import pytest

from mechexo.costs.operations import orders, report, trades
from mechexo.desk import Desk
from mechexo.errors import ConfigError
from mechexo.times import from_iso_z
from support.program import mechexo

pytestmark = pytest.mark.slow

TOML = """
[costs]
fills = "fills.csv"
quotes = "quotes.csv"
trades = "trades.csv"
orders = "orders.csv"
rates = "rates.csv"
tags = ["algo"]
horizons = ["10s", "1m"]
"""
DAY = "2026-02-27T"
FILES = {
    "fills.csv": (
        "fill_id,ts,symbol,side,quantity,price,commission,fees,currency,order_id,algo\n"
        f"f1,{DAY}15:00:16Z,AAA,buy,40,100.3,0.8,0.2,USD,o1,pov\n"
        f"f2,{DAY}15:00:30Z,AAA,buy,30,100.55,1,,USD,o1,pov\n"
        f"f3,{DAY}15:00:30Z,SAP,sell,10,100.0,1,,EUR,o2,\n"
        f"f4,{DAY}15:30:00Z,AAA,buy,10,101.0,0,,USD,,twap\n"
    ),
    "quotes.csv": (
        "ts,symbol,bid,ask\n"
        f"{DAY}15:00:00Z,AAA,99.9,100.1\n{DAY}15:00:10Z,AAA,100.1,100.3\n"
        f"{DAY}15:00:20Z,AAA,100.3,100.5\n{DAY}15:01:00Z,AAA,100.9,101.1\n"
        f"{DAY}15:00:20Z,SAP,100.0,100.2\n{DAY}15:02:00Z,SAP,100.0,100.2\n"
    ),
    "trades.csv": f"ts,symbol,price,size\n{DAY}15:29:59Z,AAA,100.0,50\n",
    "orders.csv": (
        "order_id,symbol,side,quantity,decision_at,arrival_at,end_at\n"
        f"o1,AAA,buy,100,{DAY}15:00:05Z,{DAY}15:00:15Z,{DAY}15:01:01Z\n"
        f"o2,SAP,sell,10,,{DAY}15:00:25Z,\n"
    ),
    "rates.csv": "ts,currency,rate\n2026-02-26,EUR,1.25\n",
}
START, END = from_iso_z("2026-02-27T00:00:00Z"), from_iso_z("2026-02-28T00:00:00Z")


@pytest.fixture
def trading_desk(make_desk: Callable[..., Desk]) -> Desk:
    desk = make_desk(TOML)
    for name, text in FILES.items():
        (desk.root / name).write_text(text)
    return desk


PERIOD = ("--from", "2026-02-27", "--to", "2026-02-27")


def listed(desk: Desk, *words: str) -> str:
    done = mechexo("costs", "orders", *PERIOD, *words, config=desk.config_path)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_parts_of_an_order_are_read_from_the_desks_files(trading_desk: Desk) -> None:
    first, second = orders(trading_desk, start=START, end=END)
    assert first.total_ccy == pytest.approx(40 * 0.3 + 30 * 0.55 + 30 * 1.0 + 2.0)
    assert second.fees_ccy == pytest.approx(1.0)
    assert second.slippage_ccy == pytest.approx(10 * 1.25 * 0.1)
    assert second.delay_ccy is None
    assert second.total_ccy == pytest.approx(1.25 + 1.0)


def test_a_rate_of_the_day_before_turns_fills_into_the_base_currency(trading_desk: Desk) -> None:
    answer = trades(trading_desk, start=START, end=END)
    sap = next(fill for fill in answer.fills if fill.symbol == "SAP")
    assert sap.notional == pytest.approx(10 * 100.1 * 1.25)


def test_without_a_rate_a_foreign_fill_is_rejected_with_its_reason(trading_desk: Desk) -> None:
    (trading_desk.root / "rates.csv").write_text("ts,currency,rate\n2026-01-02,EUR,1.25\n")
    coverage = report(trading_desk, start=START, end=END).coverage
    assert coverage.rejected_count == 1
    assert "EUR has no rate to USD" in coverage.rejected[0].reason


def test_a_fill_without_a_quote_takes_the_markets_last_trade(trading_desk: Desk) -> None:
    answer = report(trading_desk, start=START, end=END, by=("algo", "algo+symbol"))
    assert answer.coverage.by_benchmark["trade"] == 1
    assert answer.coverage.priced == 4
    assert [row.key["algo"] for row in answer.by["algo"]] == ["(none)", "pov", "twap"]
    twap = answer.by["algo"][-1]
    assert twap.slippage_bps == pytest.approx(100.0)
    assert twap.spread_bps is None


def test_a_report_says_what_other_rules_would_find_and_where_the_market_went(
    trading_desk: Desk,
) -> None:
    answer = report(trading_desk, start=START, end=END)
    assert [each.priced for each in answer.sensitivity] == [4, 4]
    assert "at or before" in answer.sensitivity[0].quote_rule
    assert "100 ms after its stamp" in answer.sensitivity[1].quote_rule
    first, second = answer.markouts
    assert (first.label, first.fills, second.label, second.fills) == ("10s", 3, "1m", 1)
    assert first.realised_bps is not None
    assert first.impact_bps is not None
    assert first.slippage_bps == pytest.approx(first.realised_bps + first.impact_bps)


def test_the_command_prints_the_orders_and_why_a_part_is_missing(trading_desk: Desk) -> None:
    shown = listed(trading_desk)
    assert "o1" in shown
    assert "60.50" in shown
    (trading_desk.root / "orders.csv").write_text(
        FILES["orders.csv"].replace(f"{DAY}15:01:01Z", "")
    )
    assert "▲ o1: not filled whole, and no end time" in listed(trading_desk)


def test_json_and_csv_carry_every_part(trading_desk: Desk) -> None:
    document = json.loads(listed(trading_desk, "--json"))
    assert document["schema"] == "mechexo.cost_orders/1"
    assert document["orders"][0]["total_bps"] == pytest.approx(60.5)
    assert document["orders"][1]["delay_ccy"] is None
    rows = list(csv.DictReader(io.StringIO(listed(trading_desk, "--csv"))))
    assert float(rows[0]["total_bps"]) == pytest.approx(60.5)
    assert rows[1]["delay_bps"] == ""


def test_without_a_source_of_orders_the_command_says_what_to_set(
    make_desk: Callable[..., Desk],
) -> None:
    with pytest.raises(ConfigError, match="orders is not set"):
        orders(make_desk('[costs]\nfills = "f.csv"\nquotes = "q.csv"\n'), start=START, end=END)


def test_costs_by_share_of_volume_read_the_markets_days(trading_desk: Desk) -> None:
    days = "\n".join(f"2026-02-{day}T15:00:00Z,AAA,100.0,1000" for day in (24, 25, 26))
    (trading_desk.root / "trades.csv").write_text(f"ts,symbol,price,size\n{days}\n")
    answer = report(trading_desk, start=START, end=END, by=("adv+symbol",))
    known = {row.key["symbol"]: row.key["adv"] for row in answer.by["adv+symbol"]}
    assert known["SAP"] == "(none)"
    assert known["AAA"] == "1% to 5%"


@pytest.mark.parametrize("column", ["commission", "fees"])
def test_an_amount_paid_that_cannot_be_read_is_no_zero(trading_desk: Desk, column: str) -> None:
    header, first, *rest = FILES["fills.csv"].splitlines()
    cells = first.split(",")
    cells[header.split(",").index(column)] = "a dollar"
    text = "\n".join([header, ",".join(cells), *rest]) + "\n"
    (trading_desk.root / "fills.csv").write_text(text)
    coverage = report(trading_desk, start=START, end=END).coverage
    assert coverage.rejected_count == 1
    assert coverage.rejected[0].fill_id == "f1"
    assert coverage.rejected[0].reason == "the commission is no finite number"


def test_two_periods_that_share_fills_are_not_compared(trading_desk: Desk) -> None:
    done = mechexo(
        *("costs", "compare", "--period", "2026-02-26..2026-02-27"),
        *("--with", "2026-02-27..2026-02-28"),
        config=trading_desk.config_path,
    )
    assert done.returncode == 2
    assert "the two periods overlap" in done.stderr


def test_a_period_without_fills_says_so(trading_desk: Desk) -> None:
    done = mechexo("costs", "--from", "2026-02-20", "--to", "2026-02-21",
                   config=trading_desk.config_path)  # fmt: skip
    assert "there are no fills in this period" in done.stdout
    assert "None" not in done.stdout


def test_day_by_day_gives_the_same_figures(trading_desk: Desk) -> None:
    def figures(*words: str) -> dict[str, object]:
        done = mechexo(
            "costs", *PERIOD, "--by", "symbol,hour+side", "--json", *words,
            config=trading_desk.config_path,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        found = json.loads(done.stdout)
        return {name: found[name] for name in ("coverage", "totals", "by", "markouts")}

    whole, by_days = figures(), figures("--day-by-day")
    assert by_days.keys() == whole.keys()
    assert flat(by_days) == pytest.approx(flat(whole), rel=1e-9, nan_ok=True)


def flat(value: object, path: str = "") -> dict[str, float]:
    """Every number of a document by its path; a missing one is NaN."""
    if isinstance(value, dict):
        parts = [flat(each, f"{path}/{key}") for key, each in value.items()]
    elif isinstance(value, list):
        parts = [flat(each, f"{path}/{place}") for place, each in enumerate(value)]
    else:
        known = isinstance(value, int | float)
        return {path: float(value) if known else math.nan}  # type: ignore[arg-type]
    return {key: number for part in parts for key, number in part.items()}


def test_day_by_day_saves_and_says_where_its_figures_come_from(trading_desk: Desk) -> None:
    def given(*words: str) -> dict[str, object]:
        done = mechexo(
            "costs", *PERIOD, "--save", "--json", *words, config=trading_desk.config_path
        )
        assert (done.returncode, done.stderr.count("saved ")) == (0, 1), done.stderr
        return json.loads(done.stdout)["provenance"]  # type: ignore[no-any-return]

    assert given("--day-by-day") == given()


def test_the_quotes_up_to_the_close_of_an_evenings_session_are_read(
    make_desk: Callable[..., Desk],
) -> None:
    desk = make_desk(
        '[costs]\nfills = "fills.csv"\nquotes = "quotes.csv"\norders = "orders.csv"\n'
        'zone = "America/New_York"\nday_starts = "18:00"\nsession_closes = "16:00"\n'
    )
    evening, close = "2026-02-26T23:30", "2026-02-27T20:59"
    for name, text in {
        "fills.csv": "fill_id,ts,symbol,side,quantity,price,commission,order_id\n"
        f"f1,{evening}:30Z,AAA,buy,40,100.3,0.8,o1\n",
        "quotes.csv": "ts,symbol,bid,ask\n"
        f"{evening}:00Z,AAA,99.9,100.1\n{close}:00Z,AAA,104.9,105.1\n",
        "orders.csv": "order_id,symbol,side,quantity,arrival_at,end_at\n"
        f"o1,AAA,buy,40,{evening}:05Z,{evening}:45Z\n",
    }.items():
        (desk.root / name).write_text(text)
    period = {"start": from_iso_z(f"{evening}:00Z"), "end": from_iso_z(f"{evening}:59Z")}
    (found,) = orders(desk, **period)
    assert found.benchmarks["close"].price == pytest.approx(105.0)
