"""The arithmetic of exposure, P&L and limits, against exact fractions added up one by one."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from mechexo.risk.measures import currency_of, measure
from mechexo.risk.rules import exposure, total, usage, utilisation_pct, worst_first
from mechexo.risk.values import Amount, Position, RiskLook, ToldLimit, Total
from support.risk_books import DAY

MONEY = st.decimals(-(10**12), 10**12, allow_nan=False, places=6)
CURRENCIES = st.sampled_from(["USD", "EUR", "JPY"])
RATES = {"EUR": Decimal("1.0834"), "JPY": Decimal("0.006512")}


def positions(values: st.SearchStrategy[Decimal | None]) -> st.SearchStrategy[list[Position]]:
    one = st.builds(
        Position,
        symbol=st.sampled_from("ABCDE"),
        quantity=st.none(),
        price=st.none(),
        value=values,
        currency=CURRENCIES,
    )
    return st.lists(one, max_size=12)


def in_usd(value: Decimal | None, currency: str) -> Fraction:
    assert value is not None
    rate = {"USD": Decimal(1), **RATES}[currency]
    return Fraction(value) * Fraction(rate)


@given(positions(MONEY))
def test_exposure_is_what_fractions_add_up_to(held: list[Position]) -> None:
    found = exposure(held, "USD", RATES)
    worth = [in_usd(each.value, each.currency) for each in held]
    exact = {
        "gross": sum((abs(each) for each in worth), Fraction(0)),
        "net": sum(worth, Fraction(0)),
        "long": sum((each for each in worth if each > 0), Fraction(0)),
        "short": -sum((each for each in worth if each < 0), Fraction(0)),
    }
    for name, expected in exact.items():
        value = getattr(found, name).value
        assert value is not None, name
        assert Fraction(value) == expected, name
    by_symbol = {each.name: each.value for each in found.by_symbol}
    for symbol in {each.symbol for each in held}:
        own = [in_usd(each.value, each.currency) for each in held if each.symbol == symbol]
        value = by_symbol[symbol]
        assert value is not None
        assert Fraction(value) == sum(own)
    sizes = [abs(each.value) for each in found.by_symbol if each.value is not None]
    assert sizes == sorted(sizes, reverse=True)


@given(positions(st.none() | MONEY))
def test_one_position_without_a_value_leaves_every_sum_unknown(held: list[Position]) -> None:
    found = exposure(held, "USD", RATES)
    nameless = {each.symbol for each in held if each.value is None}
    assert (found.gross.value is None) == bool(nameless)
    assert {each.name for each in found.by_symbol if each.value is None} == nameless
    if nameless:
        assert any(each in found.gross.why for each in nameless)


@given(positions(MONEY))
def test_currencies_without_a_rate_are_never_added_up(held: list[Position]) -> None:
    found = exposure(held, "USD", {})
    foreign = {each.currency for each in held} - {"USD"}
    assert (found.net.value is None) == bool(foreign)
    if foreign:
        assert found.net.why.startswith("no rate of ")
    for own in found.by_currency:
        exact = sum(Fraction(each.value or 0) for each in held if each.currency == own.name)
        assert own.value is not None
        assert Fraction(own.value) == exact


@given(st.lists(st.builds(Amount, MONEY, CURRENCIES), max_size=8))
def test_a_total_is_what_fractions_add_up_to(amounts: list[Amount]) -> None:
    found = total(amounts, "USD", RATES)
    assert found.value is not None
    assert Fraction(found.value) == sum(in_usd(each.value, each.currency) for each in amounts)


def test_what_is_not_known_has_no_total() -> None:
    assert total(None, "USD", {}, "locked") == Total(None, "USD", "locked")


@given(MONEY, MONEY)
def test_a_limit_is_broken_exactly_when_more_than_it_is_used(used: Decimal, most: Decimal) -> None:
    found = usage(ToldLimit("gross", used, most))
    if most < 0 or -used > most:
        assert found.is_broken is None
        assert found.left is None
        assert found.why
        return
    assert found.is_broken == (Fraction(used) > Fraction(most))
    assert found.left is not None
    assert Fraction(found.left) == Fraction(most) - Fraction(used)
    assert (found.used_pct is None) == (most == 0)


def test_half_a_limit_is_not_judged() -> None:
    for each in (ToldLimit("a", None, Decimal(1)), ToldLimit("a", Decimal(1), None)):
        assert usage(each).is_broken is None


def test_broken_limits_come_first_and_unknown_ones_next() -> None:
    told = [("ok", 9, 10), ("broken", 3, 2), ("unknown", None, 2), ("worse", 9, 2), ("calm", 1, 10)]
    limits = [
        ToldLimit(name, None if used is None else Decimal(used), Decimal(most))
        for name, used, most in told
    ]
    order = [each.name for each in worst_first(map(usage, limits))]
    assert order == ["worse", "broken", "unknown", "ok", "calm"]


def test_no_capital_is_no_hundred_percent() -> None:
    nothing, some = Total(Decimal(0), "USD"), Total(Decimal(5), "USD")
    assert utilisation_pct(some, nothing) is None
    assert utilisation_pct(nothing, some) == 0
    assert utilisation_pct(some, Total(Decimal(20), "USD")) == 25


@given(MONEY)
def test_a_profit_is_no_loss(earned: Decimal) -> None:
    look = RiskLook(day=DAY, pnl_today=(Amount(earned, "USD"),))
    assert measure("loss_today", look, "USD", {}).value == max(-earned, Decimal(0))


def test_a_measure_that_is_not_known_says_why() -> None:
    look = RiskLook(day=DAY, why={"positions": "no such table: books"})
    for of in ("gross", "net", "long", "short", "largest", "positions"):
        found = measure(of, look, "USD", {})
        assert (found.value, found.why) == (None, "no such table: books")


def test_a_limit_of_nothing_is_broken_by_anything() -> None:
    def share(used: int) -> Decimal | None:
        told = ToldLimit("naked", Decimal(used), Decimal(0))
        return measure("naked", RiskLook(day=DAY, limits=(told,)), "USD", {}).value

    assert share(0) == 0
    broken = share(1)
    assert broken is not None
    assert broken > 100


def test_sums_are_in_the_only_currency_there_is_unless_one_is_configured() -> None:
    def look(*currencies: str) -> RiskLook:
        return RiskLook(day=DAY, capital=tuple(Amount(Decimal(1), each) for each in currencies))

    assert currency_of(look("USDT"), "") == "USDT"
    assert currency_of(look("USDT", "EUR"), "") == "USD"
    assert currency_of(look(), "") == "USD"
    assert currency_of(look("USDT"), "EUR") == "EUR"


def test_no_amount_at_all_is_known_to_be_nothing() -> None:
    assert total((), "USD", {}) == Total(Decimal(0), "USD")
