"""Frames for the kernel from the oracle's rows, and Hypothesis strategies for those rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, fields
from datetime import timedelta

import polars as pl
from hypothesis import strategies as st

from costs.oracle import T0, Fill, Quote
from mechexo.costs.fills import Fills, normalise_fills
from mechexo.costs.kernel import price_fills
from mechexo.costs.quotes import normalise_quotes
from mechexo.costs.rules import QuoteRule

UTC_US = pl.Datetime("us", "UTC")


def fills_frame(fills: Sequence[Fill]) -> pl.DataFrame:
    names = [field.name for field in fields(Fill)]
    numbers = ("quantity", "price", "commission", "multiplier", "fx")
    kinds = {name: pl.Float64() if name in numbers else pl.String() for name in names}
    kinds["ts"] = UTC_US
    return pl.DataFrame([astuple(fill) for fill in fills], schema=kinds, orient="row")


def quotes_frame(quotes: Sequence[Quote]) -> pl.DataFrame:
    kinds = {
        "ts": UTC_US,
        "symbol": pl.String,
        "bid": pl.Float64,
        "ask": pl.Float64,
        "seq": pl.Int64,
    }
    return pl.DataFrame([astuple(quote) for quote in quotes], schema=kinds, orient="row")


def priced(
    fills: pl.DataFrame, quotes: pl.DataFrame, rule: QuoteRule | None = None
) -> tuple[Fills, pl.DataFrame]:
    rule = rule or QuoteRule()
    checked = normalise_fills(fills, "USD")
    symbols = tuple(checked.accepted["symbol"].unique().sort().to_list())
    return checked, price_fills(checked, normalise_quotes(quotes, symbols, rule), rule)


SYMBOLS = st.sampled_from(["AAA", "BBB"])
# A coarse grid, so that quotes and fills often share a moment.
MOMENTS = st.integers(0, 60).map(lambda step: T0 + timedelta(seconds=step * 10))
CENTS = st.integers(9_900, 10_100).map(lambda cents: cents / 100)


@st.composite
def quote_rows(draw: st.DrawFn, flawed: bool = True) -> Quote:
    bid = draw(CENTS)
    half_cents = draw(st.sampled_from([0, 1, 1, 2, 2, 3, 400]))
    ask: float | None = round(bid + half_cents / 100, 2)
    kind = draw(st.integers(0, 9)) if flawed else 9
    if kind == 0:
        bid, ask = ask, round(bid - 0.01, 2)
    elif kind == 1:
        bid, ask = draw(
            st.sampled_from([(0.0, 0.0), (None, ask), (bid, None), (bid, float("inf")), (bid, 0.0)])
        )
    return Quote(draw(MOMENTS), draw(SYMBOLS), bid, ask)


@st.composite
def fill_rows(draw: st.DrawFn) -> Fill:
    return Fill(
        "",
        draw(MOMENTS),
        draw(SYMBOLS),
        draw(st.sampled_from(["buy", "sell"])),
        float(draw(st.integers(1, 1000))),
        draw(st.sampled_from([1.0, 1.0, 1.0, 1.2])) * draw(CENTS),
        draw(st.sampled_from([None, -0.2, 0.0, 0.35, 12.5])),
        draw(st.sampled_from([1.0, 50.0])),
        draw(st.sampled_from([1.0, 1.0875])),
        draw(st.sampled_from([None, "base", "canary"])),
    )


def _numbered_quotes(quotes: list[Quote]) -> list[Quote]:
    return [
        Quote(each.ts, each.symbol, each.bid, each.ask, place) for place, each in enumerate(quotes)
    ]


def _numbered_fills(fills: list[Fill]) -> list[Fill]:
    return [Fill(f"f{place:03}", *astuple(each)[1:]) for place, each in enumerate(fills)]


QUOTES = st.lists(quote_rows(), max_size=25).map(_numbered_quotes)
FILLS = st.lists(fill_rows(), max_size=15).map(_numbered_fills)
RULES = st.builds(
    QuoteRule,
    max_age=st.sampled_from([timedelta(seconds=10), timedelta(seconds=60)]),
    strictly_before=st.booleans(),
)
