"""What a fill is measured against when no quote is its reference.

The rungs, from above: the auction's own price for a fill in an auction; a quote
(`costs/kernel.py`); the market's last trade; the middle of the last whole bar; the reference price
that the broker reported; nothing. Never the fill's own price and never the limit price: both would
call any cost zero. Against a price that is no quote there is no spread, so spread and beyond stay
null.
"""

from __future__ import annotations

import polars as pl

from mechexo.costs.matching import KeySpace, known_before, numbered
from mechexo.costs.rules import QuoteRule
from mechexo.errors import ConfigError

NO_AUCTION_PRICE = "a fill in an auction without the auction's price"


def climbed(
    matched: pl.DataFrame, trades: pl.DataFrame | None, bars: pl.DataFrame | None, rule: QuoteRule
) -> pl.DataFrame:
    """The fills with the best reference that there is.

    Args:
        matched: fills with bid, ask, mid, quote_age_us, ref_source and none_reason of their quotes.
        trades: ts, symbol, price; optional seq: of one moment, the last by it is the reference.
            None: no such rung.
        bars: ts of the end, symbol, high and low, or close. None: no such rung.
        rule: ages and lag are those of quotes.

    Returns:
        The same rows in the same order; mid, quote_age_us and ref_source changed where a lower rung
        took the place of a missing quote, or the auction's price that of any quote.
    """
    frame = matched
    if trades is not None:
        price = pl.col("price")
        usable = _by_seq(trades).filter(_valid(price)).select("ts", "symbol", ref=price)
        frame = _rung(frame, usable, "trade", rule, strictly=rule.strictly_before)
    if bars is not None:
        # A bar that ends at the fill's moment is over: nothing in it came after the fill.
        frame = _rung(frame, _middles(bars), "bar", rule, strictly=False)
    if "arrival_price" in frame.columns:
        frame = _taken(frame, _valid(pl.col("arrival_price")), "arrival", pl.col("arrival_price"))
    return _auctions(frame) if "auction" in frame.columns else frame


def _by_seq(trades: pl.DataFrame) -> pl.DataFrame:
    """Trades in the order of their numbers, those without one first, otherwise as they came: what
    is sorted by its time afterwards keeps it among trades of one moment."""
    if "seq" not in trades.columns or trades["seq"].is_sorted():
        return trades
    return trades.sort("seq", maintain_order=True, nulls_last=False)


def _middles(bars: pl.DataFrame) -> pl.DataFrame:
    if {"high", "low"} <= set(bars.columns):
        high, low = pl.col("high"), pl.col("low")
        whole = bars.filter(_valid(low) & _valid(high) & (high >= low))
        return whole.select("ts", "symbol", ref=(high + low) / 2)
    if "close" not in bars.columns:
        raise ConfigError(
            "[costs] bars have neither high and low nor close; map them in [costs.bar_columns]"
        )
    return bars.filter(_valid(pl.col("close"))).select("ts", "symbol", ref="close")


def _valid(price: pl.Expr) -> pl.Expr:
    return (price.is_finite() & (price > 0)).fill_null(False)


def _rung(
    frame: pl.DataFrame, known: pl.DataFrame, source: str, rule: QuoteRule, *, strictly: bool
) -> pl.DataFrame:
    """Gives the fills without a reference the last price known before them."""
    lacking = frame.with_row_index("row").filter(pl.col("ref_source") == "none")
    if lacking.is_empty() or known.is_empty():
        return frame
    symbols = tuple(lacking["symbol"].unique().sort().to_list())
    right = numbered(known, symbols).filter(pl.col("sid") >= 0)
    reach = rule.usable_age_us
    space = KeySpace.over(
        lacking["ts"], right["ts"], symbols=len(symbols), reach_us=reach + rule.lag_us
    )
    left = numbered(lacking.select("row", "ts", "symbol"), symbols)
    found = known_before(
        left.with_columns(space.key(-rule.lag_us)).sort("key", maintain_order=True),
        right.select(space.key(), "ref", at="ts").sort("key", maintain_order=True),
        strictly=strictly,
        reach_us=reach,
    ).filter(pl.col("ref").is_not_null())
    age = (pl.col("ts") - pl.col("at")).dt.total_microseconds()
    # A lag makes the reference older than the match allowed for.
    fresh = found.with_columns(ref_age_us=age).filter(pl.col("ref_age_us") <= reach)
    joined = frame.with_row_index("row").join(
        fresh.select("row", "ref", "ref_age_us"), on="row", how="left", maintain_order="left"
    )
    got = pl.col("ref").is_not_null()
    return _taken(
        joined.with_columns(quote_age_us=pl.when(got).then("ref_age_us").otherwise("quote_age_us")),
        got,
        source,
        pl.col("ref"),
    ).drop("row", "ref", "ref_age_us")


def _taken(frame: pl.DataFrame, usable: pl.Expr, source: str, price: pl.Expr) -> pl.DataFrame:
    takes = (pl.col("ref_source") == "none") & usable
    return frame.with_columns(
        mid=pl.when(takes).then(price).otherwise("mid"),
        ref_source=pl.when(takes).then(pl.lit(source)).otherwise("ref_source"),
    )


def _auctions(frame: pl.DataFrame) -> pl.DataFrame:
    """A fill in an auction is measured against its price, and against nothing else: the quotes
    around an auction are no offer to trade. Its spread is zero, as the definitions have it."""
    inside = pl.col("auction").is_not_null()
    if not frame.select(inside.any()).item():
        return frame
    price = pl.when(_valid(pl.col("auction_price"))).then(pl.col("auction_price"))
    known = inside & price.is_not_null()
    missing = inside & price.is_null()
    flags = ("locked", "after_crossed", "after_wide")
    return frame.with_columns(
        *(
            pl.when(inside).then(price).otherwise(name).alias(name)
            for name in ("bid", "ask", "mid")
        ),
        *(pl.when(inside).then(pl.lit(False)).otherwise(name).alias(name) for name in flags),
        quote_age_us=pl.when(~inside).then("quote_age_us"),
        ref_source=pl.when(known)
        .then(pl.lit("auction"))
        .when(missing)
        .then(pl.lit("none"))
        .otherwise("ref_source"),
        none_reason=pl.when(missing).then(pl.lit(NO_AUCTION_PRICE)).otherwise("none_reason"),
    )
