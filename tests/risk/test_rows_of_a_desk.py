"""What the rows of a desk's own tables and endpoints mean."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from mechexo.config import RiskSettings
from mechexo.errors import UnreachableError
from mechexo.risk.assembling import assembled, by_our_names, moment_of, positions_of
from mechexo.risk.keeping import MOST_ROWS
from mechexo.risk.sources import sqlite
from mechexo.risk.sources.queries import read_row
from mechexo.risk.systems import RiskQuestion
from mechexo.risk.trading_day import trading_day
from mechexo.risk.values import Amount, Position, RiskLook

NOW = datetime(2026, 3, 2, 14, 30, tzinfo=UTC)


def one(**row: Any) -> Position:
    (found,) = positions_of([{"symbol": "A", **row}], "USD", {"A": 50.0})
    return found


@pytest.mark.parametrize("order", [("mark", "price"), ("price", "mark")])
def test_a_field_that_is_named_goes_before_another_of_our_name(order: tuple[str, str]) -> None:
    theirs = {"price": "mark"}
    told = {"mark": 110, "price": 90}
    row = {name: told[name] for name in order}
    assert by_our_names(row, theirs)["price"] == 110
    assert read_row("positions", [*order], [told[name] for name in order], theirs)["price"] == 110
    assert by_our_names({"price": 90}, theirs)["price"] == 90


def test_two_fields_may_change_their_names() -> None:
    row = by_our_names({"value": 5, "price": 7}, {"price": "value", "value": "price"})
    assert row == {"price": 5, "value": 7}


@pytest.mark.parametrize(
    ("row", "quantity", "value"),
    [
        ({"quantity": -2, "price": 3, "multiplier": 1}, -2, -6),
        ({"quantity": 2, "price": 3, "side": "SHORT"}, -2, -300),
        ({"quantity": -2, "value": 6}, -2, -6),
        ({"side": "short", "value": 6}, None, -6),
        ({"side": "long", "quantity": 2, "value": -6}, 2, -6),
        ({"quantity": 2, "value": -6}, 2, -6),
    ],
)
def test_a_short_position_is_below_zero_and_the_delta_of_a_put_stays(
    row: dict[str, Any], quantity: int | None, value: int
) -> None:
    found = one(**row)
    assert (found.quantity, found.value) == (quantity, value)


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ({"side": "long", "quantity": -2, "price": 3}, "A is said to be long, and its quantity is"),
        ({"side": "FLAT", "quantity": 2, "price": 3}, "A is said to be flat, and it has a"),
        ({"quantity": 2, "price": 3, "multiplier": 0}, "the multiplier of A is not above zero"),
        ({"quantity": 2, "price": True}, "the price of A is no number but a truth value"),
        ({"price": 3}, "A has neither a quantity nor a value"),
    ],
)
def test_a_row_that_contradicts_itself_is_not_believed(row: dict[str, Any], why: str) -> None:
    with pytest.raises(UnreachableError, match=why):
        one(**row)


def test_of_several_moments_the_oldest_counts() -> None:
    rows = [{"": "2026-03-02T14:29:00Z"}, {"": "2026-03-02T11:00:00Z"}, {"": 1772461800}]
    assert moment_of(rows) == datetime(2026, 3, 2, 11, tzinfo=UTC)


def ask(folder: Path, read: dict[str, str], *, within_s: float = 60.0) -> RiskLook:
    settings = RiskSettings(source="sqlite:///book.db", read=read)
    day = trading_day(NOW, ZoneInfo("UTC"), time(0, 0))
    return sqlite.look(settings, RiskQuestion(folder, NOW, day, within_s))


def test_a_sum_of_more_rows_than_are_read_is_unknown_and_not_cut(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "book.db")) as book, book:
        book.execute("CREATE TABLE fills (symbol TEXT, quantity REAL, value REAL)")
        rows = [("A", 0, 0)] * MOST_ROWS + [("B", 1, 5)]
        book.executemany("INSERT INTO fills VALUES (?, ?, ?)", rows)
    look = ask(
        tmp_path,
        {
            "pnl_today": "SELECT value FROM fills",
            "positions": "SELECT * FROM fills",
            "capital": "SELECT SUM(value) FROM fills",
        },
    )
    assert (look.pnl_today, look.positions) == (None, None)
    assert "the query answers more than 4,000 rows" in look.why["pnl_today"]
    assert "the query answers more than 4,000 rows" in look.why["positions"]
    assert look.capital == (Amount(Decimal("5.0"), "USD"),)


def test_a_part_that_cannot_be_understood_takes_no_other_with_it() -> None:
    look = assembled(
        {"capital": [{"": Decimal("1e99999999")}], "pnl_today": [{"": 1}]},
        day=date(2026, 3, 2),
        currency="USD",
        multipliers={},
        capital=None,
    )
    assert look.capital is None
    assert "beyond all reason" in look.why["capital"]
    assert look.pnl_today == (Amount(Decimal(1), "USD"),)


@pytest.mark.parametrize(
    ("query", "why"),
    [
        ("DELETE FROM fills", "readonly"),
        ("CREATE TEMP TABLE mine (a)", "readonly"),
        ("ATTACH 'other.db' AS other", "too many attached"),
        ("VACUUM INTO 'copy.db'", "cannot VACUUM"),
        ("PRAGMA query_only = OFF", "it is no SELECT"),
        ("SELECT load_extension('x')", "not authorized"),
        ("SELECT 1; DELETE FROM fills", "one statement at a time"),
        ("SELECT hex(zeroblob(400000000))", "too big"),
        ("", "it is no SELECT"),
    ],
)
def test_a_query_that_does_more_than_read_takes_only_its_own_part(
    tmp_path: Path, query: str, why: str
) -> None:
    with closing(sqlite3.connect(tmp_path / "book.db")) as book, book:
        book.execute("CREATE TABLE fills (value REAL)")
        book.execute("INSERT INTO fills VALUES (5)")
    look = ask(tmp_path, {"capital": query, "pnl_today": "SELECT value FROM fills"})
    assert why in look.why["capital"]
    assert look.pnl_today == (Amount(Decimal("5.0"), "USD"),)
    assert {each.name for each in tmp_path.iterdir()} <= {"book.db", "home"}


def test_a_query_that_never_ends_is_named(tmp_path: Path) -> None:
    sqlite3.connect(tmp_path / "book.db").close()
    endless = "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t) SELECT SUM(n) FROM t"
    with pytest.raises(UnreachableError, match="in time; it was at the query of capital"):
        ask(tmp_path, {"pnl_today": "SELECT 1", "capital": endless}, within_s=0.2)


def test_of_two_columns_of_one_name_none_is_chosen(tmp_path: Path) -> None:
    sqlite3.connect(tmp_path / "book.db").close()
    look = ask(
        tmp_path, {"positions": "SELECT 'A' AS symbol, 1 AS quantity, 5 AS price, 6 AS Price"}
    )
    assert look.why["positions"] == "two columns are called price; name one otherwise (AS)"
    look = ask(
        tmp_path, {"positions": "SELECT 'A' AS symbol, 1 AS quantity, 5 AS price, 1 AS id, 2 AS id"}
    )
    assert look.positions is not None
