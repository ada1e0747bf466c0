"""Each fill's reference price and costs: pure functions of frames.

Formulas and signs: `costs/values.py`. The match is in `costs/matching.py`, what takes the place of
a missing quote in `costs/ladder.py`.
"""

from __future__ import annotations

import polars as pl

from mechexo.costs.fills import Fills
from mechexo.costs.ladder import climbed
from mechexo.costs.matching import KeySpace, known_before, numbered
from mechexo.costs.quotes import CROSSED, WIDE, Quotes
from mechexo.costs.rules import QuoteRule
from mechexo.errors import MechexoError

TOLERANCE = 1e-9
"""The largest residual of an identity, in bps, or relative to the total where that is larger."""


def price_fills(
    fills: Fills,
    quotes: Quotes,
    rule: QuoteRule,
    *,
    trades: pl.DataFrame | None = None,
    bars: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """The accepted fills, each with its reference price and its costs in cash and bps.

    Args:
        fills: checked fills.
        quotes: the quotes of their symbols.
        rule: which quote is a fill's reference.
        trades: the market's trades (ts, symbol, price), the rung below quotes.
        bars: bars of a minute (ts of the end, symbol, high, low), the rung below trades.

    Returns:
        The fills in (ts, fill_id) order with bid, ask, mid, quote_age_us, ref_source (`quote`,
        `stale`, `trade`, `bar`, `arrival`, `auction`, `none`), suspect, locked, after_crossed,
        after_wide, reason (null when priced), notional, `X_ccy` and `X_bps` for X of slippage,
        spread, beyond, commission and total, and residual_bps. What is unknown is null: spread and
        beyond have no meaning against a price that is no quote.

    Raises:
        MechexoError: a fill's parts do not add up to its total within `TOLERANCE`.
    """
    matched = match_quotes(fills.accepted, quotes, rule).with_columns(
        _quote_reference(quotes, rule)
    )
    priced = (
        climbed(matched, trades, bars, rule)
        .with_columns(suspect=_suspect(rule))
        .with_columns(reason=_reason(rule))
        .drop("none_reason", "sid", "ref_ts", "kind")
        .with_columns(_cash())
        .with_columns(_basis_points())
        .with_columns(residual_bps=_residual())
    )
    _check_identities(priced)
    return priced


def match_quotes(fills: pl.DataFrame, quotes: Quotes, rule: QuoteRule) -> pl.DataFrame:
    """The fills, in time order, each with the quote row before it: bid, ask, ref_ts, kind.

    A row older than the rule's usable age is not matched.

    Raises:
        MechexoError: the quotes are not in order.
    """
    space = KeySpace.over(
        fills["ts"],
        quotes.frame["ts"],
        symbols=len(quotes.symbols),
        reach_us=rule.usable_age_us + rule.lag_us,
    )
    left = numbered(fills, quotes.symbols).with_columns(space.key(-rule.lag_us))
    joined = known_before(
        left.sort("key", maintain_order=True),
        quotes.frame.select(space.key(), "ref_ts", "bid", "ask", "kind"),
        strictly=rule.strictly_before,
        reach_us=rule.usable_age_us,
    )
    return joined.drop("key").sort("ts", "fill_id", maintain_order=True)


def _quote_reference(quotes: Quotes, rule: QuoteRule) -> list[pl.Expr]:
    """The quote that is the reference, if one is, and why else none is."""
    age = (pl.col("ts") - pl.col("ref_ts")).dt.total_microseconds()
    usable = (age <= rule.usable_age_us).fill_null(False)
    seen = quotes.ends()["sid"]
    reason = (
        pl.when(~pl.col("sid").is_in(seen.implode()))
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
        pl.when(usable).then((pl.col("bid") + pl.col("ask")) / 2).alias("mid"),
        pl.when(usable).then(age).alias("quote_age_us"),
        source.alias("ref_source"),
        (usable & (pl.col("bid") == pl.col("ask"))).fill_null(False).alias("locked"),
        (usable & (pl.col("kind") == CROSSED)).fill_null(False).alias("after_crossed"),
        (usable & (pl.col("kind") == WIDE)).fill_null(False).alias("after_wide"),
        pl.when(~usable).then(reason).alias("none_reason"),
    ]


def _suspect(rule: QuoteRule) -> pl.Expr:
    far = (pl.col("price") - pl.col("mid")).abs() > rule.suspect_pct / 100 * pl.col("mid")
    return far.fill_null(False)


def _reason(rule: QuoteRule) -> pl.Expr:
    """Why a fill is not in the figures; null when it is."""
    return (
        pl.when(pl.col("suspect"))
        .then(pl.lit(f"further than {rule.suspect_pct:g} % from the mid"))
        .when(pl.col("ref_source") == "none")
        .then(pl.col("none_reason"))
    )


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
    """The largest of |E - (S + I)|, |T - (S + I + C)| and |T - (E + C)| in cash, each part by its
    own formula, in bps; those without a spread are held to the last only."""
    parts = pl.col("spread_bps") + pl.col("beyond_bps")
    cash = 1e4 * (pl.col("slippage_ccy") + pl.col("commission_ccy")) / pl.col("notional")
    return pl.max_horizontal(
        (pl.col("slippage_bps") - parts).abs(),
        (pl.col("total_bps") - (parts + pl.col("commission_bps"))).abs(),
        (pl.col("total_bps") - cash).abs(),
        (pl.col("slippage_bps") - 1e4 * pl.col("slippage_ccy") / pl.col("notional")).abs(),
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
