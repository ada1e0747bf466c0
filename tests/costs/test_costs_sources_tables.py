"""Reading trades, bars, orders, rates and the fills' further columns."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from mechexo.config.costs import CostSettings
from mechexo.costs.sources import (
    read_bars,
    read_fills,
    read_orders,
    read_quotes,
    read_rates,
    read_trades,
)
from mechexo.costs.sources.protocol import Window
from mechexo.errors import ConfigError

DAY = datetime(2026, 3, 2, tzinfo=UTC)
WINDOW = Window(DAY, DAY + timedelta(days=1))
NOON = DAY + timedelta(hours=12)


def settings(**given: object) -> CostSettings:
    return CostSettings(**given)  # type: ignore[arg-type]


@pytest.mark.parametrize("read", [read_trades, read_bars, read_orders, read_rates])
def test_an_optional_source_that_is_not_set_is_none(read, tmp_path: Path) -> None:
    assert read(settings(), tmp_path, WINDOW) is None


def test_fills_bring_their_costs_references_and_the_desks_own_tags(tmp_path: Path) -> None:
    pl.DataFrame(
        {
            "fill_id": ["1"], "ts": [NOON], "symbol": ["A"], "quantity": [1.0], "price": [2.0],
            "fees": [0.1], "taxes": [0.2], "rebate": [0.3], "commission_currency": ["EUR"],
            "broker": ["X"], "order_type": ["limit"], "arrival_price": [1.9], "auction": ["open"],
            "auction_price": [2.0], "algo": ["pov"], "unknown": [1],
        }
    ).write_parquet(tmp_path / "f.parquet")  # fmt: skip
    rows = read_fills(settings(fills="f.parquet", tags=("algo",)), tmp_path, WINDOW).frame
    assert rows.select("fees", "taxes", "rebate", "commission_currency").row(0) == (
        0.1, 0.2, 0.3, "EUR",
    )  # fmt: skip
    assert rows.select("broker", "order_type", "arrival_price").row(0) == ("X", "limit", 1.9)
    assert rows.select("auction", "auction_price").row(0) == ("open", 2.0)
    assert rows["algo"].to_list() == ["pov"]
    assert "unknown" not in rows.columns


def with_corrections(folder: Path, *rows: tuple[str, float, str | None]) -> list[tuple[str, float]]:
    names = ("fill_id", "price", "correction")
    pl.DataFrame(rows, schema=names, orient="row").with_columns(
        ts=pl.lit(NOON), symbol=pl.lit("A"), quantity=1.0
    ).write_parquet(folder / "f.parquet")
    rows_read = read_fills(settings(fills="f.parquet"), folder, WINDOW).frame
    assert "correction" not in rows_read.columns
    return list(rows_read.select("fill_id", "price").iter_rows())


def test_a_fill_that_is_taken_back_is_none(tmp_path: Path) -> None:
    rows = [("1", 1.0, None), ("2", 2.0, ""), ("1", 1.0, "Bust"), ("3", 3.0, "new")]
    assert with_corrections(tmp_path, *rows) == [("2", 2.0), ("3", 3.0)]


def test_of_a_corrected_fill_the_last_correction_stands(tmp_path: Path) -> None:
    rows = [("1", 1.0, None), ("1", 1.5, "correct"), ("2", 2.0, None), ("1", 1.7, "Trade Correct")]
    assert with_corrections(tmp_path, *rows) == [("2", 2.0), ("1", 1.7)]


def test_rows_of_one_id_that_correct_nothing_are_left_to_the_kernel(tmp_path: Path) -> None:
    rows = [("1", 1.0, None), ("1", 1.5, None)]
    assert with_corrections(tmp_path, *rows) == [("1", 1.0), ("1", 1.5)]


def test_a_correction_that_says_nothing_known_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="'perhaps' is no correction; known: bust"):
        with_corrections(tmp_path, ("1", 1.0, "perhaps"))


def test_a_tag_that_is_not_declared_is_not_read(tmp_path: Path) -> None:
    pl.DataFrame(
        {"fill_id": ["1"], "ts": [NOON], "symbol": "A", "quantity": 1.0, "price": 2.0, "algo": "x"}
    ).write_parquet(tmp_path / "f.parquet")
    assert "algo" not in read_fills(settings(fills="f.parquet"), tmp_path, WINDOW).frame.columns


def test_a_tag_may_be_mapped_like_any_column(tmp_path: Path) -> None:
    pl.DataFrame(
        {"fill_id": ["1"], "ts": [NOON], "symbol": "A", "quantity": 1.0, "price": 2.0, "Algo": "x"}
    ).write_parquet(tmp_path / "f.parquet")
    chosen = settings(fills="f.parquet", tags=("algo",), fill_columns={"algo": "Algo"})
    assert read_fills(chosen, tmp_path, WINDOW).frame["algo"].to_list() == ["x"]


def test_quotes_may_name_their_venue_and_sizes(tmp_path: Path) -> None:
    pl.DataFrame(
        {
            "ts": [NOON], "symbol": "A", "bid": 1.0, "ask": 2.0,
            "venue": "N", "bid_size": 100, "ask_size": 200,
        }
    ).write_parquet(tmp_path / "q.parquet")  # fmt: skip
    row = read_quotes(settings(quotes="q.parquet"), tmp_path, WINDOW).frame.row(0, named=True)
    assert (row["venue"], row["bid_size"], row["ask_size"]) == ("N", 100.0, 200.0)


def test_trades_and_bars_of_the_window_are_read(tmp_path: Path) -> None:
    late = DAY + timedelta(days=1)
    pl.DataFrame({"ts": [NOON, late], "symbol": "A", "price": 1.0, "size": 5}).write_parquet(
        tmp_path / "t.parquet"
    )
    pl.DataFrame({"end": [NOON, late], "symbol": "A", "high": 3.0, "low": 1.0}).write_parquet(
        tmp_path / "b.parquet"
    )
    chosen = settings(trades="t.parquet", bars="b.parquet", bar_columns={"ts": "end"})
    trades, bars = read_trades(chosen, tmp_path, WINDOW), read_bars(chosen, tmp_path, WINDOW)
    assert trades is not None
    assert trades.frame.rows() == [(NOON, "A", 1.0, 5.0)]
    assert bars is not None
    assert bars.frame.rows() == [(NOON, "A", 3.0, 1.0)]


def orders(folder: Path, **columns: object) -> list[str]:
    pl.DataFrame({"symbol": "A", "side": "buy", "quantity": 1.0, **columns}).write_parquet(
        folder / "o.parquet"
    )
    rows = read_orders(settings(orders="o.parquet"), folder, WINDOW)
    assert rows is not None
    return rows.frame["order_id"].to_list()


def test_an_order_is_read_when_it_lived_in_the_window(tmp_path: Path) -> None:
    hour, day = timedelta(hours=1), timedelta(days=1)
    lives = {
        "before": (DAY - 2 * hour, DAY - hour),
        "into": (DAY - hour, DAY + hour),
        "within": (NOON, NOON + hour),
        "across": (DAY - hour, DAY + day + hour),
        "after": (DAY + day, DAY + day + hour),
    }
    read = orders(
        tmp_path,
        order_id=list(lives),
        arrival_at=[start for start, _ in lives.values()],
        end_at=[end for _, end in lives.values()],
    )
    assert read == ["into", "within", "across"]


def test_an_order_with_one_time_or_none_is_not_lost(tmp_path: Path) -> None:
    times = pl.Series([NOON, None, DAY - timedelta(days=3)], dtype=pl.Datetime("us", "UTC"))
    assert orders(tmp_path, order_id=["now", "timeless", "old"], decision_at=times) == [
        "now",
        "timeless",
    ]
    assert orders(tmp_path, order_id=["a"]) == ["a"]


def test_any_time_of_an_order_must_have_a_zone(tmp_path: Path) -> None:
    naive = datetime(2026, 3, 2, 9)  # noqa: DTZ001
    with pytest.raises(ConfigError, match="naive_zone"):
        orders(tmp_path, order_id=["a"], arrival_at=[NOON], end_at=[naive])
    text = ["2026-03-02T15:00:00Z"], ["2026-03-02T15:00:00"]
    with pytest.raises(ConfigError, match="naive_zone"):
        orders(tmp_path, order_id=["a"], arrival_at=text[0], end_at=text[1])


def test_rates_may_be_dated(tmp_path: Path) -> None:
    (tmp_path / "r.csv").write_text("ts,currency,rate\n2026-03-02,EUR,1.08\n2026-03-03,EUR,1.09\n")
    rows = read_rates(settings(rates="r.csv"), tmp_path, WINDOW)
    assert rows is not None
    assert rows.frame.rows() == [(DAY, "EUR", 1.08)]
    pl.DataFrame({"ts": [date(2026, 3, 2)], "currency": "EUR", "rate": 1.08}).write_parquet(
        tmp_path / "r.parquet"
    )
    placed = settings(rates="r.parquet", naive_zone="Europe/Berlin")
    window = Window(DAY - timedelta(hours=2), DAY + timedelta(hours=2), ("A",))
    rows = read_rates(placed, tmp_path, window)
    assert rows is not None
    assert rows.frame.rows() == [(DAY - timedelta(hours=1), "EUR", 1.08)]


def test_a_missing_column_of_a_further_table_names_the_closest(tmp_path: Path) -> None:
    pl.DataFrame({"ts": [NOON], "ccy": ["EUR"], "rates": [1.0]}).write_parquet(
        tmp_path / "r.parquet"
    )
    with pytest.raises(ConfigError, match=r"no column 'currency'.*\[costs.rate_columns\]"):
        read_rates(settings(rates="r.parquet"), tmp_path, WINDOW)
