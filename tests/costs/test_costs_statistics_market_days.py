"""What the market's days say of a symbol: closes, volumes, volatility."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from itertools import pairwise

import polars as pl
import pytest

from costs.frames import UTC_US
from costs.statistics_oracle import Row
from costs.statistics_rows import T0, priced_frame
from mechexo.costs.aggregate import grouped
from mechexo.costs.dimensions import Grouping
from mechexo.costs.market_days import add_adv, daily_bars, symbol_facts

FUTURES = Grouping("America/Chicago", time(17))


def moments(*hours: float) -> pl.Series:
    return pl.Series([T0 + timedelta(hours=hour) for hour in hours], dtype=UTC_US)


def test_a_day_of_the_market_ends_with_its_session() -> None:
    trades = pl.DataFrame(
        {
            "ts": moments(21.9, 22.0, 23.0),  # 16:54, 17:00 and 18:00 in Chicago
            "symbol": "ES",
            "price": [100.0, 101.0, 102.0],
            "size": [5.0, 2.0, 3.0],
        }
    )
    assert daily_bars(FUTURES, trades=trades).rows() == [
        ("ES", date(2026, 3, 8), 100.0, 5.0),
        ("ES", date(2026, 3, 9), 102.0, 5.0),
    ]


def test_a_bar_that_ends_with_its_day_belongs_to_it() -> None:
    bars = pl.DataFrame(
        {
            "ts": moments(23.0, 24.0, 25.0),
            "symbol": "AAA",
            "close": [1.0, 2.0, 3.0],
            "volume": [1, 2, 4],
        }
    )
    assert daily_bars(Grouping(), bars=bars).rows() == [
        ("AAA", date(2026, 3, 8), 2.0, 3.0),
        ("AAA", date(2026, 3, 9), 3.0, 4.0),
    ]


def test_trades_come_before_bars_and_bars_before_quotes() -> None:
    trades = pl.DataFrame({"ts": moments(1), "symbol": "AAA", "price": [10.0]})
    bars = pl.DataFrame({"ts": moments(2), "symbol": "AAA", "close": [11.0], "volume": [7.0]})
    quotes = pl.DataFrame(
        {
            "ts": moments(3, 4, 5),
            "symbol": ["AAA", "BBB", "BBB"],
            "bid": [11.9, 19.9, 0.0],
            "ask": [12.1, 20.1, 20.1],
        }
    )
    assert daily_bars(Grouping(), trades=trades, bars=bars, quotes=quotes).rows() == [
        ("AAA", date(2026, 3, 8), 10.0, 7.0),
        ("BBB", date(2026, 3, 8), pytest.approx(20.0), None),
    ]


def test_a_day_closes_with_the_last_trade_of_its_last_moment_by_number() -> None:
    trades = pl.DataFrame(
        {"ts": moments(1, 1, 1), "symbol": "AAA", "price": [9.0, 11.0, 10.0], "seq": [None, 2, 1]}
    )
    assert daily_bars(Grouping(), trades=trades)["close"].to_list() == [11.0]


def closes(prices: Sequence[float | None], volumes: Sequence[float | None]) -> pl.DataFrame:
    days = [date(2026, 3, 1) + timedelta(days=n) for n in range(len(prices))]
    return pl.DataFrame(
        {"symbol": "AAA", "day": days, "close": prices, "volume": volumes},
        schema_overrides={"close": pl.Float64, "volume": pl.Float64},
    )


def test_volatility_is_that_of_daily_log_returns() -> None:
    prices = [100.0, 101.0, 99.0, 100.0, 103.0, 102.0, 104.0]
    (row,) = symbol_facts(closes(prices, [10.0] * 6 + [40.0])).to_dicts()
    returns = [math.log(b / a) for a, b in pairwise(prices)]
    assert row["sigma_bps"] == pytest.approx(1e4 * statistics.stdev(returns))
    assert row["adv"] == pytest.approx(100 / 7)
    assert row["days"] == 7


def test_too_few_days_have_no_volatility_and_unknown_volumes_no_average() -> None:
    (row,) = symbol_facts(closes([100.0, 101.0, 102.0], [None] * 3)).to_dicts()
    assert (row["sigma_bps"], row["adv"]) == (None, None)


def test_a_day_that_is_not_over_can_be_left_out() -> None:
    daily = closes([100.0] * 8, [10.0] * 7 + [1.0])
    (row,) = symbol_facts(daily, before=date(2026, 3, 8)).to_dicts()
    assert (row["adv"], row["sigma_bps"], row["days"]) == (10.0, 0.0, 7)


def test_returns_do_not_cross_from_one_symbol_into_another() -> None:
    one, other = closes([100.0] * 8, [1.0] * 8), closes([5.0] * 8, [2.0] * 8)
    facts = symbol_facts(pl.concat([one, other.with_columns(symbol=pl.lit("BBB"))]))
    assert facts["sigma_bps"].to_list() == [0.0, 0.0]
    assert facts["adv"].to_list() == [1.0, 2.0]


def test_without_a_market_there_are_no_days() -> None:
    assert daily_bars(Grouping()).is_empty()
    assert symbol_facts(daily_bars(Grouping())).is_empty()


def test_the_daily_volume_gives_fills_their_bucket() -> None:
    row = Row("f", datetime(2026, 3, 9, 15, tzinfo=T0.tzinfo), "AAA", 1, 500.0, 100.0, 100.0, 0.01)
    fills = priced_frame([row, replace(row, fill_id="g", symbol="ZZZ")]).drop("adv")
    facts = pl.DataFrame({"symbol": ["AAA"], "sigma_bps": [120.0], "adv": [1_000_000.0]})
    keys = [each.key["adv"] for each in grouped(add_adv(fills, facts), ["adv"], Grouping())]
    assert keys == ["(none)", "0.01% to 0.1%"]
