"""Quotes of several venues brought together: the best bid and the best ask that stand."""

from __future__ import annotations

from datetime import timedelta

import polars as pl

_GONE = 0.0
"""Marks a side that a venue does not show; no valid price is zero."""


def consolidated(quotes: pl.DataFrame, expiry: timedelta) -> pl.DataFrame:
    """The best bid and ask over the venues after each change.

    A venue's quote stands until its next one, at most for `expiry`; one without a usable bid (or
    ask) takes that side away. Without an expiry a venue that has fallen silent would cross the
    market for good: on raw TAQ 68 % of moments were crossed so, 0.8 % with 500 ms.

    Args:
        quotes: sid, ts, seq, venue, bid, ask, ordered by (sid, ts, seq).
        expiry: how long a venue's quote stands without a new one.

    Returns:
        sid, ts, seq, bid, ask, ordered alike; a side that no venue shows is null. Moments at which
        a quote expired have rows of their own, without a seq.
    """
    if quotes.is_empty():
        return quotes.drop("venue")
    named = quotes.with_columns(pl.col("venue").fill_null(""), *(_side(s) for s in ("bid", "ask")))
    following = pl.col("ts").shift(-1).over("sid", "venue")
    ends = pl.col("ts") + expiry
    expired = (
        named.filter(following.is_null() | (following > ends))
        .filter((pl.col("bid") != _GONE) | (pl.col("ask") != _GONE))
        .with_columns(
            ts=ends,
            seq=pl.lit(None, dtype=pl.Int64),
            bid=pl.lit(_GONE),
            ask=pl.lit(_GONE),
        )
    )
    # What expires at a moment is gone before the quotes of that moment come.
    events = pl.concat([expired, named]).sort(
        "sid", "ts", "seq", maintain_order=True, nulls_last=False
    )
    first = (pl.col("sid") != pl.col("sid").shift(1)).fill_null(True)
    venues = events["venue"].unique().to_list()

    def standing(side: str, venue: str) -> pl.Expr:
        own = pl.when(pl.col("venue") == venue).then(pl.col(side))
        shown = own.when(first).then(pl.lit(_GONE)).forward_fill()
        return pl.when(shown > _GONE).then(shown)

    return events.select(
        "sid",
        "ts",
        "seq",
        bid=pl.max_horizontal(*(standing("bid", venue) for venue in venues)),
        ask=pl.min_horizontal(*(standing("ask", venue) for venue in venues)),
    )


def _side(name: str) -> pl.Expr:
    value = pl.col(name)
    usable = (value.is_finite() & (value > 0)).fill_null(False)
    return pl.when(usable).then(value).otherwise(pl.lit(_GONE)).alias(name)
