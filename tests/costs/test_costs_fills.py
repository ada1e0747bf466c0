"""Which fills are accepted, and with which reason the others are rejected."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from costs.frames import fills_frame
from costs.oracle import Fill, at
from mechexo.costs import fills as fills_module
from mechexo.costs.fills import Fills, normalise_fills
from mechexo.errors import MechexoError

GOOD = Fill("f1", at(0), "AAA", "buy", 10, 100.0, 0.5)


def reasons(fills: Fills) -> list[str]:
    return fills.rejected["reason"].to_list()


def frame(**changes: object) -> pl.DataFrame:
    literals = {
        name: pl.lit(value, dtype=pl.Float64) if isinstance(value, float) else pl.lit(value)
        for name, value in changes.items()
    }
    return fills_frame([GOOD]).with_columns(**literals)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"price": float("nan")}, "the price is not finite"),
        ({"price": float("inf")}, "the price is not finite"),
        ({"price": 0.0}, "the price is not above zero"),
        ({"price": -5.0}, "the price is not above zero"),
        ({"price": "abc"}, "no readable price"),
        ({"quantity": float("nan")}, "the quantity is not finite"),
        ({"quantity": float("-inf")}, "the quantity is not finite"),
        ({"quantity": 0.0}, "the quantity is zero"),
        ({"quantity": "many"}, "no readable quantity"),
        ({"quantity": -10.0}, "the side contradicts the sign of the quantity"),
        ({"side": "hold"}, "the side is neither buy nor sell"),
        ({"side": None}, "the side is neither buy nor sell"),
        ({"symbol": None}, "no symbol"),
        ({"symbol": " "}, "no symbol"),
        ({"fill_id": None}, "no fill id"),
        ({"commission": float("nan")}, "the commission is no finite number"),
        ({"multiplier": 0.0}, "the multiplier is not above zero"),
        ({"multiplier": None}, "the multiplier is not above zero"),
        ({"fx": -1.0}, "no rate to USD"),
        ({"fx": float("nan")}, "no rate to USD"),
        ({"fx": None, "currency": "EUR"}, "the currency EUR has no rate to USD"),
        ({"currency": None}, "no currency"),
        ({"quantity": 1e300, "price": 1e300}, "the notional is out of range"),
        ({"quantity": 1e-300, "price": 1e-300}, "the notional is out of range"),
    ],
)
def test_a_row_that_cannot_be_taken_is_rejected_with_its_reason(
    changes: dict[str, object], reason: str
) -> None:
    fills = normalise_fills(frame(**changes), "USD")
    assert reasons(fills) == [reason]
    assert fills.accepted.is_empty()


def test_times_without_a_zone_are_never_taken_as_some_zones() -> None:
    rows = fills_frame([GOOD]).with_columns(pl.col("ts").dt.replace_time_zone(None))
    with pytest.raises(MechexoError, match="without a zone"):
        normalise_fills(rows, "USD")


def test_a_fill_without_a_time_is_rejected() -> None:
    rows = fills_frame([GOOD]).with_columns(ts=pl.lit(None, dtype=pl.Datetime("us", "UTC")))
    assert reasons(normalise_fills(rows, "USD")) == ["no readable time"]


@pytest.mark.parametrize("side", ["buy", "BUY", " b ", "BOT", "1", "+1"])
def test_a_buy_is_understood_however_it_is_written(side: str) -> None:
    assert normalise_fills(frame(side=side), "USD").accepted["side"].to_list() == [1]


@pytest.mark.parametrize("side", ["sell", "S", "SLD", "-1"])
def test_a_sell_is_understood_however_it_is_written(side: str) -> None:
    assert normalise_fills(frame(side=side), "USD").accepted["side"].to_list() == [-1]


def test_a_number_says_the_side_too() -> None:
    rows = fills_frame([GOOD]).with_columns(side=pl.lit(-1, dtype=pl.Int64))
    assert normalise_fills(rows, "USD").accepted["side"].to_list() == [-1]


def test_without_a_side_the_sign_of_the_quantity_says_it() -> None:
    rows = fills_frame([GOOD, Fill("f2", at(1), "AAA", "", -4, 100.0)]).drop("side")
    accepted = normalise_fills(rows, "USD").accepted
    assert accepted["side"].to_list() == [1, -1]
    assert accepted["quantity"].to_list() == [10, 4]


def test_of_fills_with_one_id_the_first_in_time_counts() -> None:
    second = Fill("f1", at(5), "AAA", "sell", 3, 99.0)
    for rows in ([GOOD, second], [second, GOOD]):
        fills = normalise_fills(fills_frame(rows), "USD")
        assert fills.accepted["price"].to_list() == [100.0]
        assert reasons(fills) == ["the fill id was used before"]


def test_a_rejected_row_does_not_use_up_its_id() -> None:
    spoilt = Fill("f1", at(-5), "AAA", "buy", 10, float("nan"))
    fills = normalise_fills(fills_frame([spoilt, GOOD]), "USD")
    assert len(fills.accepted) == 1
    assert reasons(fills) == ["the price is not finite"]


def test_a_missing_commission_column_means_unknown_not_zero() -> None:
    rows = fills_frame([GOOD]).drop("commission", "multiplier", "fx")
    accepted = normalise_fills(rows, "USD").accepted
    assert accepted["commission"].to_list() == [None]
    assert accepted["multiplier"].to_list() == [1.0]
    assert accepted["fx"].to_list() == [1.0]


def test_a_fill_in_the_base_currency_needs_no_rate() -> None:
    rows = frame(currency="USD").drop("fx")
    assert normalise_fills(rows, "USD").accepted["fx"].to_list() == [1.0]


def test_mixed_currencies_are_converted_at_the_rate_given() -> None:
    rows = frame(currency="EUR", fx=1.1)
    assert normalise_fills(rows, "USD").accepted["fx"].to_list() == [1.1]


NUMBERS = st.sampled_from([1.0, 2.5, 1e150, 1e200, 1e-200, 0.0, -3.0])
ODD = st.sampled_from([float("nan"), float("inf"), float("-inf"), None]) | NUMBERS
TEXTS = st.sampled_from(["AAA", "B", "", " ", "\u00a0", None])
SIDES = st.sampled_from(["buy", "sell", "hold", None])
FLAWED = st.tuples(TEXTS, TEXTS, SIDES, ODD, ODD, ODD, ODD, ODD)


@given(st.lists(FLAWED, max_size=4), st.booleans())
def test_what_is_taken_as_a_whole_is_what_is_taken_row_by_row(
    rows: list[tuple[object, ...]], with_rate: bool
) -> None:
    names = ("fill_id", "symbol", "side", "quantity", "price", "commission", "multiplier", "fx")
    texts = dict.fromkeys(names[:3], pl.String())
    kinds = texts | dict.fromkeys(names[3:], pl.Float64())
    given_rows = pl.DataFrame(rows, schema=kinds, orient="row").with_columns(ts=pl.lit(at(0)))
    given_rows = given_rows if with_rate else given_rows.drop("fx")
    found = normalise_fills(given_rows, "USD")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fills_module, "_surely_sound", lambda *_frames: False)
        by_row = normalise_fills(given_rows, "USD")
    assert found.accepted.equals(by_row.accepted)
    assert found.rejected.equals(by_row.rejected)


def test_sound_rows_are_taken_as_a_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    def looked_at(*_arguments: object) -> list[object]:
        raise AssertionError("looked at row by row")

    monkeypatch.setattr(fills_module, "_checks", looked_at)
    assert len(normalise_fills(fills_frame([GOOD]).drop("currency", strict=False), "USD").accepted)
