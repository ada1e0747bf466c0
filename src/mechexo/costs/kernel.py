"""Each fill's reference quote and costs: pure functions of two frames.

Formulas and signs: `costs/values.py`. The as-of match runs on one integer key, symbol and time
together, whose symbols lie further apart than the oldest usable quote: one sorted pass, and no
match can cross from one symbol into another.
"""

from __future__ import annotations

import polars as pl

from mechexo.costs.fills import Fills
from mechexo.costs.quotes import CROSSED, WIDE, Quotes
from mechexo.costs.rules import QuoteRule
from mechexo.errors import MechexoError

TOLERANCE = 1e-9
"""The largest residual of an identity, in bps, or relative to the total where that is larger."""


def price_fills(fills: Fills, quotes: Quotes, rule: QuoteRule) -> pl.DataFrame:
    """The accepted fills, each with its reference quote and its costs in cash and bps.

    Adds bid, ask, mid, quote_age_us, ref_source (`quote`, `stale`, `none`), suspect, locked,
    after_crossed, after_wide, reason (null when priced), notional, `X_ccy` and `X_bps` for X of
    slippage, spread, beyond, commission and total, and residual_bps. What is unknown is null.

    Raises:
        MechexoError: a fill's parts do not add up to its total within `TOLERANCE`.
    """
    priced = (
        match_quotes(fills.accepted, quotes, rule)
        .with_columns(_reference(quotes, rule))
        .with_columns(_cash())
        .with_columns(_basis_points())
        .with_columns(residual_bps=_residual())
    )
    _check_identities(priced)
    return priced


def match_quotes(fills: pl.DataFrame, quotes: Quotes, rule: QuoteRule) -> pl.DataFrame:
    """The fills, in time order, each with the quote row before it: bid, ask, ref_ts, kind.

    A row older than the rule's usable age is not matched.
    """
    symbol_number = pl.col("symbol").cast(pl.Enum(quotes.symbols), strict=False)
    left = fills.with_columns(sid=symbol_number.to_physical().cast(pl.Int64).fill_null(-1))
    key = _key(left, quotes.frame, len(quotes.symbols), rule)
    left = left.with_columns(key=key).sort("key", maintain_order=True)
    right = quotes.frame.select(key, "ref_ts", "bid", "ask", "kind")
    if not (left["key"].is_sorted() and right["key"].is_sorted()):
        raise MechexoError("costs: the quotes are not in order; this is a fault of mechexo")
    joined = left.join_asof(
        right.set_sorted("key"),
        on="key",
        strategy="backward",
        allow_exact_matches=not rule.strictly_before,
        tolerance=rule.usable_age_us,
        check_sortedness=False,
    )
    return joined.drop("key").sort("ts", "fill_id", maintain_order=True)


def _key(fills: pl.DataFrame, quotes: pl.DataFrame, symbols: int, rule: QuoteRule) -> pl.Expr:
    moments = pl.concat([fills["ts"], quotes["ts"]]).dt.epoch("us")
    first_us, last_us = (moments.min(), moments.max()) if len(moments) else (0, 0)
    assert isinstance(first_us, int)
    assert isinstance(last_us, int)
    span = last_us - first_us + rule.usable_age_us + 1
    if symbols * span >= 2**63:
        raise MechexoError(
            f"costs: {symbols} symbols over this period are too many at once; take a shorter period"
        )
    return (pl.col("sid") * span + (pl.col("ts").dt.epoch("us") - first_us)).alias("key")


def _reference(quotes: Quotes, rule: QuoteRule) -> list[pl.Expr]:
    age = (pl.col("ts") - pl.col("ref_ts")).dt.total_microseconds()
    usable = (age <= rule.usable_age_us).fill_null(False)
    mid = (pl.col("bid") + pl.col("ask")) / 2
    suspect = ((pl.col("price") - mid).abs() > rule.suspect_pct / 100 * mid) & usable
    seen = quotes.frame["sid"].unique()
    reason = (
        pl.when(usable & suspect)
        .then(pl.lit(f"further than {rule.suspect_pct:g} % from the mid"))
        .when(usable)
        .then(pl.lit(None, dtype=pl.String))
        .when(~pl.col("sid").is_in(seen.implode()))
        .then(pl.lit("no quote of this symbol"))
        .when(pl.col("kind").is_null())
        .then(pl.lit("no quote recent enough before it"))
        .when(pl.col("ref_ts").is_not_null())
        .then(pl.lit("no valid quote recent enough before it"))
        .when(pl.col("kind") >= CROSSED)
        .then(pl.lit("only crossed or wide quotes before it"))
        .otherwise(pl.lit("the quote was withdrawn"))
    )
    source = (
        pl.when(usable & (age <= rule.max_age_us))
        .then(pl.lit("quote"))
        .when(usable)
        .then(pl.lit("stale"))
        .otherwise(pl.lit("none"))
    )
    return [
        *(pl.when(usable).then(pl.col(side)).alias(side) for side in ("bid", "ask")),
        pl.when(usable).then(mid).alias("mid"),
        pl.when(usable).then(age).alias("quote_age_us"),
        source.alias("ref_source"),
        suspect.fill_null(False).alias("suspect"),
        (usable & (pl.col("bid") == pl.col("ask"))).fill_null(False).alias("locked"),
        (usable & (pl.col("kind") == CROSSED)).fill_null(False).alias("after_crossed"),
        (usable & (pl.col("kind") == WIDE)).fill_null(False).alias("after_wide"),
        reason.alias("reason"),
    ]


def _touch() -> pl.Expr:
    return pl.when(pl.col("side") > 0).then(pl.col("ask")).otherwise(pl.col("bid"))


def _cash() -> list[pl.Expr]:
    size = pl.col("quantity") * pl.col("multiplier") * pl.col("fx")
    slippage = size * pl.col("side") * (pl.col("price") - pl.col("mid"))
    return [
        (size * pl.col("mid")).alias("notional"),
        slippage.alias("slippage_ccy"),
        (size * (pl.col("ask") - pl.col("bid")) / 2).alias("spread_ccy"),
        (size * pl.col("side") * (pl.col("price") - _touch())).alias("beyond_ccy"),
        pl.col("commission").alias("commission_ccy"),
        (slippage + pl.col("commission")).alias("total_ccy"),
    ]


def _basis_points() -> list[pl.Expr]:
    per_mid = 1e4 / pl.col("mid")
    slippage = pl.col("side") * (pl.col("price") - pl.col("mid")) * per_mid
    commission = 1e4 * pl.col("commission") / pl.col("notional")
    return [
        slippage.alias("slippage_bps"),
        ((pl.col("ask") - pl.col("bid")) / 2 * per_mid).alias("spread_bps"),
        (pl.col("side") * (pl.col("price") - _touch()) * per_mid).alias("beyond_bps"),
        commission.alias("commission_bps"),
        (slippage + commission).alias("total_bps"),
    ]


def _residual() -> pl.Expr:
    """The larger of |E - (S + I)| and |T - (S + I + C)|, each part by its own formula, in bps."""
    parts = pl.col("spread_bps") + pl.col("beyond_bps")
    cash = 1e4 * (pl.col("slippage_ccy") + pl.col("commission_ccy")) / pl.col("notional")
    return pl.max_horizontal(
        (pl.col("slippage_bps") - parts).abs(),
        (pl.col("total_bps") - (parts + pl.col("commission_bps"))).abs(),
        (pl.col("total_bps") - cash).abs(),
    )


def _check_identities(priced: pl.DataFrame) -> None:
    # Rounding grows with the parts, so a fill far from its mid is held to a relative bound.
    scale = pl.max_horizontal(
        pl.lit(1.0),
        pl.col("slippage_bps").abs(),
        pl.col("commission_bps").abs(),
        pl.col("spread_bps").abs(),
    )
    broken = priced.filter(~(pl.col("residual_bps") <= TOLERANCE * scale))
    if not broken.is_empty():
        first = broken.row(0, named=True)
        raise MechexoError(
            f"costs: the parts of fill {first['fill_id']} differ from its total by "
            f"{first['residual_bps']:.3g} bps; this is a fault of mechexo, please report the fill"
        )
