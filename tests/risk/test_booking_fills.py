"""What fills earned, against lots that are bought and sold one by one."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from mechexo.risk.booking import Fill, Held, book

MILLIONTHS = st.integers(-(10**12), 10**12).map(lambda each: Decimal(each) / 10**6)
FILLS = st.lists(
    st.builds(
        Fill,
        MILLIONTHS.filter(bool),
        st.integers(1, 10**11).map(lambda each: Decimal(each) / 10**6),
        st.integers(-(10**7), 10**9).map(lambda each: Decimal(each) / 10**6),
    ),
    max_size=12,
)


def by_lots(fills: list[Fill]) -> Fraction:
    """First in, first out: what closed lots earned, what open ones are worth, less the fees."""
    lots: list[tuple[Fraction, Fraction]] = []
    earned = Fraction(0)
    for fill in fills:
        left, price = Fraction(fill.quantity), Fraction(fill.price)
        earned -= Fraction(fill.fee)
        while left and lots and (lots[0][0] > 0) != (left > 0):
            size, at = lots[0]
            closing = -left if abs(left) <= abs(size) else size
            earned += closing * (price - at)
            left += closing
            lots[0] = (size - closing, at)
            if not lots[0][0]:
                lots.pop(0)
        if left:
            lots.append((left, price))
    last = Fraction(fills[-1].price) if fills else Fraction(0)
    return earned + sum((size * (last - at) for size, at in lots), Fraction(0))


@given(FILLS)
def test_fills_earn_what_their_lots_earn(fills: list[Fill]) -> None:
    held, earned = book(Held(), fills)
    assert Fraction(earned) == by_lots(fills)
    assert held.quantity == sum((each.quantity for each in fills), Decimal(0))


@given(FILLS, st.integers(0, 12))
def test_times_that_follow_each_other_add_up(fills: list[Fill], at: int) -> None:
    _, whole = book(Held(), fills)
    between, first = book(Held(), fills[:at])
    held, second = book(between, fills[at:])
    assert first + second == whole
    assert held == book(Held(), fills)[0]
