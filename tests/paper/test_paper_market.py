"""The simulated market: seeded, in whole cents, shaped like a day."""

from __future__ import annotations

import random
from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from mechexo.paper.market import (
    SESSION_S,
    UNIVERSE,
    business_days,
    execution,
    intraday_shape,
    overnight,
    quote_around,
    simulate_session,
    step_mid,
    walked_cents,
)

MIDS = {instrument.symbol: instrument.price for instrument in UNIVERSE}
instruments = st.sampled_from(UNIVERSE)
seeds = st.integers(0, 10_000)


def test_the_same_seed_gives_the_same_session() -> None:
    assert simulate_session("a", MIDS, length_s=1800) == simulate_session("a", MIDS, length_s=1800)


def test_another_seed_gives_another_session() -> None:
    assert simulate_session("a", MIDS, length_s=1800) != simulate_session("b", MIDS, length_s=1800)


def test_the_open_and_the_close_are_livelier_than_noon() -> None:
    noon = intraday_shape(0.5)
    assert intraday_shape(0.0) > intraday_shape(0.98) > noon
    average = sum(intraday_shape(step / 1000) for step in range(1000)) / 1000
    assert 0.9 < average < 1.15


@given(instruments, st.floats(0.2, 3.0), st.floats(0, 3600), seeds)
def test_a_mid_stays_positive(instrument, factor, seconds, seed) -> None:
    mid = step_mid(instrument.price * factor, instrument, seconds, 1.0, random.Random(seed))
    assert mid > 0


@given(instruments, st.floats(0.2, 3.0), st.floats(0.5, 2.0), seeds)
def test_a_quote_is_in_whole_cents_and_never_crossed(instrument, factor, shape, seed) -> None:
    mid = instrument.price * factor
    quote = quote_around(mid, instrument, 0.0, shape, random.Random(seed))
    assert 0 < quote.bid < quote.ask
    assert (round(quote.bid, 2), round(quote.ask, 2)) == (quote.bid, quote.ask)
    assert abs(quote.mid - mid) <= 0.011


@given(instruments, st.sampled_from(["buy", "sell"]), seeds)
def test_an_execution_lies_near_the_touch(instrument, side, seed) -> None:
    draw = random.Random(seed)
    quote = quote_around(instrument.price, instrument, 0.0, 1.0, draw)
    fill = execution(quote, 1.0, side, "base", draw)
    furthest = walked_cents(quote, fill.quantity) / 100 + 1e-6
    assert quote.bid - furthest <= fill.price <= quote.ask + furthest
    assert fill.quantity > 0
    assert fill.commission > 0
    if fill.liquidity == "maker":
        assert fill.price == (quote.bid if side == "buy" else quote.ask)


@given(instruments, st.integers(1, 100))
def test_what_takes_more_goes_further_beyond_the_touch(instrument, tens) -> None:
    quote = quote_around(instrument.price, instrument, 0.0, 1.0, random.Random(1))
    near, far = (walked_cents(quote, 10 * tens * factor) for factor in (1, 100))
    assert 1 <= near < far
    assert far <= 0.02 * 100 * quote.mid


def test_a_session_is_in_time_order_and_within_its_length() -> None:
    session = simulate_session("order", MIDS)
    offsets = [quote.offset_s for quote in session.quotes]
    assert offsets == sorted(offsets)
    assert offsets[0] > 0
    assert offsets[-1] < SESSION_S
    moments = [fill.offset_s for fill in session.fills]
    assert moments == sorted(moments)


def test_a_flawed_session_has_crossed_and_empty_quotes_and_a_silent_symbol() -> None:
    session = simulate_session("flaws", MIDS)
    assert any(quote.bid > quote.ask for quote in session.quotes)
    assert any(quote.bid == 0 for quote in session.quotes)
    longest = {}
    last: dict[str, float] = {}
    for quote in session.quotes:
        gap = quote.offset_s - last.get(quote.symbol, 0.0)
        longest[quote.symbol] = max(gap, longest.get(quote.symbol, 0.0))
        last[quote.symbol] = quote.offset_s
    assert sum(gap > 100 for gap in longest.values()) == 1


def test_prices_gap_overnight_the_same_way_for_the_same_seed() -> None:
    assert overnight(MIDS, "x") == overnight(MIDS, "x") != MIDS


@given(st.dates(date(2000, 1, 1), date(2100, 1, 1)), st.integers(1, 30))
def test_business_days_are_weekdays_before_the_day_oldest_first(day, count) -> None:
    days = business_days(day, count)
    assert len(days) == count
    assert days == sorted(set(days))
    assert all(each.weekday() < 5 for each in days)
    assert days[-1] < day <= days[-1] + timedelta(days=3)
