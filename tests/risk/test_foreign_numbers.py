"""Numbers as others write them."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mechexo.risk.numbers import LARGEST, NoNumberError, number


@given(st.decimals(-LARGEST, LARGEST, places=25, allow_nan=False) | st.floats(-1e24, 1e24))
def test_a_number_is_read_to_its_18th_decimal_however_long_it_is(value: Decimal | float) -> None:
    written = Fraction(Decimal(str(value)))
    assert abs(Fraction(number(value, "x")) - written) <= Fraction(1, 2 * 10**18)


@pytest.mark.parametrize(
    "value",
    [
        *(Decimal("1e99999999"), Decimal("-1e99999999"), "1e99999999", 10**5000, 1e300),
        *("NaN", "sNaN", "Infinity", "1,000", "0x10", "five", True, b"5", [], None, ""),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_is_no_money_is_said_and_breaks_nothing_else(value: object) -> None:
    with pytest.raises(NoNumberError, match=r"^the cash "):
        number(value, "the cash")
