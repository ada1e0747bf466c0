"""Which quote is a fill's reference, case by case."""

from __future__ import annotations

from datetime import timedelta

import pytest

from costs.frames import fills_frame, priced, quotes_frame
from costs.oracle import Fill, Quote, at
from mechexo.costs.rules import QuoteRule

RULE = QuoteRule(max_age=timedelta(seconds=60))


def row(*quotes: Quote, seconds: float = 100, price: float = 100.0, rule: QuoteRule = RULE):
    fill = Fill("f1", at(seconds), "AAA", "buy", 10, price)
    _, answer = priced(fills_frame([fill]), quotes_frame(quotes), rule)
    return answer.row(0, named=True)


def quote(
    seconds: float, bid: float | None = 99.0, ask: float | None = 101.0, seq: int = 0
) -> Quote:
    return Quote(at(seconds), "AAA", bid, ask, seq)


def test_a_quote_of_the_fills_own_moment_is_too_late() -> None:
    answer = row(quote(90), quote(100, 98.0, 100.0))
    assert answer["bid"] == 99.0
    assert answer["quote_age_us"] == 10_000_000


def test_the_inclusive_rule_takes_a_quote_of_the_fills_own_moment() -> None:
    inclusive = QuoteRule(strictly_before=False)
    assert row(quote(90), quote(100, 98.0, 100.0), rule=inclusive)["bid"] == 98.0


@pytest.mark.parametrize(
    ("seconds", "source"),
    [(160, "quote"), (160.000001, "stale"), (400, "stale"), (400.000001, "none")],
)
def test_the_bounds_of_age_are_inclusive(seconds: float, source: str) -> None:
    assert row(quote(100), seconds=seconds)["ref_source"] == source


def test_a_crossed_quote_is_passed_over_for_the_valid_one_before_it() -> None:
    answer = row(quote(80), quote(90, 101.0, 99.0))
    assert (answer["bid"], answer["after_crossed"]) == (99.0, True)
    assert answer["quote_age_us"] == 20_000_000


def test_a_locked_quote_is_used_and_flagged() -> None:
    answer = row(quote(90, 100.0, 100.0))
    assert (answer["spread_bps"], answer["locked"]) == (0.0, True)


@pytest.mark.parametrize(
    ("bid", "ask"),
    [(0.0, 0.0), (99.0, 0.0), (0.0, 101.0), (None, 101.0), (99.0, float("nan")),
     (99.0, float("inf")), (-1.0, 101.0)],
)  # fmt: skip
def test_a_withdrawn_quote_ends_the_one_before_it(bid: float | None, ask: float | None) -> None:
    answer = row(quote(80), quote(90, bid, ask))
    assert answer["ref_source"] == "none"
    assert answer["reason"] == "the quote was withdrawn"


def test_a_crossed_quote_does_not_revive_a_withdrawn_one() -> None:
    assert row(quote(70), quote(80, 0.0, 0.0), quote(90, 101.0, 99.0))["ref_source"] == "none"


def test_a_quote_far_wider_than_the_days_median_is_passed_over() -> None:
    usual = [quote(seconds, 99.99, 100.01) for seconds in range(50, 90)]
    answer = row(*usual, quote(95, 90.0, 110.0))
    assert (answer["bid"], answer["after_wide"]) == (99.99, True)


def test_a_symbol_never_borrows_the_quote_of_another() -> None:
    other = [Quote(at(seconds), "AA", 99.0, 101.0, 0) for seconds in (0, 50, 99)]
    fills = [
        Fill("f1", at(100), "AAA", "buy", 1, 100.0),
        Fill("f2", at(100), "AA", "buy", 1, 100.0),
    ]
    crossed = Quote(at(99.5), "AAA", 101.0, 99.0, 0)
    _, answer = priced(fills_frame(fills), quotes_frame([*other, crossed]), RULE)
    first = answer.row(0, named=True)
    assert (first["ref_source"], first["reason"]) == (
        "none",
        "only crossed or wide quotes before it",
    )
    _, answer = priced(fills_frame(fills), quotes_frame(other), RULE)
    assert answer.row(0, named=True)["reason"] == "no quote of this symbol"


def test_a_fill_far_from_its_mid_is_suspect() -> None:
    assert row(quote(90), price=105.0)["suspect"] is False
    assert row(quote(90), price=105.01)["suspect"] is True


def test_quotes_in_any_order_are_matched_in_theirs() -> None:
    assert row(quote(95, 98.0, 99.0), quote(20), quote(60))["bid"] == 98.0


def test_without_a_sequence_the_last_row_of_a_moment_stands() -> None:
    frame = quotes_frame([quote(90, 97.0, 98.0), quote(90, 98.0, 99.0)]).drop("seq")
    fill = Fill("f1", at(100), "AAA", "buy", 10, 98.0)
    assert priced(fills_frame([fill]), frame)[1]["bid"].to_list() == [98.0]


def test_passive_fills_at_the_far_touch_earn_the_spread() -> None:
    answer = row(quote(90, 99.99, 100.01), price=99.99)
    assert answer["slippage_bps"] == pytest.approx(-answer["spread_bps"])
    assert answer["beyond_bps"] == pytest.approx(-2 * answer["spread_bps"])


def test_the_rule_says_itself_in_words() -> None:
    assert str(RULE) == (
        "mid of the last valid quote strictly before the fill, at most 1m old (stale to 5m)"
    )
