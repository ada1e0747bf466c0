"""Saved days and acknowledged exceptions in a real state file."""

from __future__ import annotations

import sqlite3
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mechexo.costs import records
from mechexo.costs.saved import Acknowledgement, SavedCost
from mechexo.costs.values import CostRow, SourceShare
from mechexo.desk import Desk
from mechexo.state import store as store_module

pytestmark = pytest.mark.slow

AT = datetime(2026, 3, 3, 22, 0, tzinfo=UTC)
ROW = CostRow(
    key={"day": "2026-03-02"},
    fills=40,
    priced=38,
    notional=451_300.0,
    commission_bps=0.421,
    spread_bps=1.0,
    slippage_bps=2.0,
    total_bps=2.421,
    p50_bps=2.4,
    p95_bps=2.6,
    p99_bps=2.7,
    commission_ccy=19.0,
    slippage_ccy=90.26,
    total_ccy=109.26,
    with_total=38,
    sources={"quote": SourceShare(38, 0.95, 0.97), "none": SourceShare(2, 0.05, 0.03)},
    component_notional={"total": 451_300.0},
    realised_bps={"50ms": 1.5, "1s": None},
    markout_fills={"50ms": 30, "1s": 0},
    slippage_statistics={"p50_bps": 1.9, "sd_bps": None},
)


def saved(day: str = "2026-03-02", dimension: str = "day", key: str | None = None) -> SavedCost:
    return SavedCost(
        day=day,
        dimension=dimension,
        row=replace(ROW, key={dimension: key or day}),
        currency="USD",
        zone="America/New_York",
        quote_rule="mid of the last valid quote strictly before the fill",
        parameters="5d0f3c",
        data="a1b2c3",
        version="0.1.0",
        computed_at=AT,
    )


def store(desk: Desk, days: list[str], rows: list[SavedCost]) -> int:
    with desk.state.write() as transaction:
        return records.replace_days(transaction, days, rows)


def every_day(desk: Desk, dimension: str = "day") -> tuple[SavedCost, ...]:
    return records.saved(desk.state, dimension=dimension, first="0000-01-01", last="9999-12-31")


def test_a_saved_row_is_read_back_as_it_was(desk: Desk) -> None:
    store(desk, ["2026-03-02"], [saved()])
    assert every_day(desk) == (saved(),)


def test_every_figure_of_a_row_has_its_column() -> None:
    kept = {*records.FIGURES, *records._BY_NAME}
    derived = {"key", "few"}
    assert {field.name for field in fields(CostRow)} == kept | derived


NUMBERS = st.one_of(st.none(), st.floats(allow_nan=False, allow_infinity=False))


@given(figures=st.fixed_dictionaries(dict.fromkeys(records.FIGURES[4:], NUMBERS)))
def test_a_figure_comes_back_to_the_last_bit(figures: dict[str, float | None]) -> None:
    connection = sqlite3.connect(":memory:")
    connection.row_factory = sqlite3.Row
    scripts = (Path(store_module.__file__).parent / "migrations").glob("*_costs*.sql")
    for script in sorted(scripts):
        connection.executescript(script.read_text())
    row = saved()
    row = replace(row, row=replace(row.row, **figures))
    connection.execute(records._INSERT, records._values(row))
    found = connection.execute("SELECT * FROM trade_costs").fetchone()
    assert records._saved(found) == row


def test_a_day_without_a_price_has_no_notional_rather_than_none_of_it(desk: Desk) -> None:
    unpriced = replace(ROW, priced=0, with_total=0, notional=0.0, total_bps=None)
    store(desk, ["2026-03-02"], [replace(saved(), row=unpriced)])
    assert desk.state.rows("SELECT notional FROM trade_costs")[0]["notional"] is None
    (found,) = every_day(desk)
    assert (found.row.notional, found.row.total_bps, found.row.few) == (0.0, None, True)


def test_a_day_that_is_saved_again_loses_the_groups_that_it_no_longer_has(desk: Desk) -> None:
    days = ["2026-03-02", "2026-03-03"]
    store(
        desk,
        days,
        [
            saved(),
            saved(dimension="symbol", key="AAA"),
            saved(dimension="symbol", key="GONE"),
            saved("2026-03-03", "symbol", "GONE"),
        ],
    )
    assert store(desk, ["2026-03-02"], [saved(), saved(dimension="symbol", key="AAA")]) == 3
    assert [(each.day, each.key) for each in every_day(desk, "symbol")] == [
        ("2026-03-02", "AAA"),
        ("2026-03-03", "GONE"),
    ]


def test_a_day_that_no_longer_has_fills_leaves(desk: Desk) -> None:
    store(desk, ["2026-03-02"], [saved()])
    assert store(desk, ["2026-03-02"], []) == 1
    assert every_day(desk) == ()


def test_a_row_that_does_not_fit_leaves_everything_as_it_was(desk: Desk) -> None:
    store(desk, ["2026-03-02"], [saved()])
    wrong = replace(saved("2026-03-03"), row=replace(ROW, priced=41))
    with pytest.raises(sqlite3.IntegrityError):
        store(desk, ["2026-03-02", "2026-03-03"], [wrong])
    assert every_day(desk) == (saved(),)


def test_one_group_can_be_followed_over_days(desk: Desk) -> None:
    days = ["2026-03-02", "2026-03-03", "2026-03-04"]
    rows = [saved(day, "symbol", key) for day in days for key in ("AAA", "BBB")]
    store(desk, days, rows)
    found = records.saved(
        desk.state, dimension="symbol", first="2026-03-03", last="2026-03-09", key="BBB"
    )
    assert [(each.day, each.key) for each in found] == [
        ("2026-03-03", "BBB"),
        ("2026-03-04", "BBB"),
    ]


def test_the_days_before_a_day_are_the_newest_ones_oldest_first(desk: Desk) -> None:
    days = [f"2026-03-{n:02}" for n in range(2, 8)]
    store(desk, days, [saved(day) for day in days])
    found = records.newest_days(desk.state, before="2026-03-06", limit=3)
    assert [each.day for each in found] == ["2026-03-03", "2026-03-04", "2026-03-05"]
    newest = records.newest_days(desk.state, before=None, limit=1)
    assert [each.day for each in newest] == ["2026-03-07"]


def acknowledgement(note: str = "", minutes: int = 0) -> Acknowledgement:
    return Acknowledgement("f1", "outside_touch", AT + timedelta(minutes=minutes), "tester", note)


def test_an_exception_is_acknowledged_once_and_the_later_word_stands(desk: Desk) -> None:
    with desk.state.write() as transaction:
        assert records.acknowledge(transaction, acknowledgement("asked the broker")) is None
    with desk.state.write() as transaction:
        earlier = records.acknowledge(transaction, acknowledgement("a bust", minutes=5))
    assert earlier == acknowledgement("asked the broker")
    assert records.acknowledgements(desk.state) == {
        ("f1", "outside_touch"): acknowledgement("a bust", minutes=5)
    }


def test_an_acknowledgement_can_be_taken_back(desk: Desk) -> None:
    with desk.state.write() as transaction:
        records.acknowledge(transaction, acknowledgement())
        assert records.withdraw(transaction, "f1", "outside_touch")
        assert not records.withdraw(transaction, "f1", "outside_touch")
    assert records.acknowledgements(desk.state) == {}
