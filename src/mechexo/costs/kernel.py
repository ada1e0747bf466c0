"""Each fill's reference price and costs: pure functions of frames.

Formulas and signs: `costs/values.py`. The match is in `costs/matching.py`, what takes the place of
a missing quote in `costs/ladder.py`.
"""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

from mechexo.costs.fills import Fills
from mechexo.costs.formulas import (
    RESIDUALS,
    TOLERANCE,
    in_bps,
    in_cash,
    is_suspect,
    middle,
    residuals,
)
from mechexo.costs.ladder import climbed
from mechexo.costs.matching import KeySpace, by_symbol, last_before, numbered
from mechexo.costs.quotes import CROSSED, WIDE, Quotes
from mechexo.costs.rules import QuoteRule
from mechexo.errors import MechexoError

_SOURCES = pl.Series(["quote", "stale", "none"])


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
    return price_matched(
        match_quotes(fills.accepted, quotes, rule),
        rule,
        seen=lambda: pl.col("sid").is_in(quotes.seen().implode()),
        trades=trades,
        bars=bars,
    )


def price_matched(
    matched: pl.DataFrame,
    rule: QuoteRule,
    *,
    seen: Callable[[], pl.Expr],
    trades: pl.DataFrame | None = None,
    bars: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """As `price_fills`, of fills that were matched: with bid, ask, ref_ts and kind.

    Args:
        matched: as `match_quotes` gives them.
        rule: which quote is a fill's reference.
        seen: gives what tells whether a fill's symbol has quotes; asked when a fill has none.
        trades: as of `price_fills`.
        bars: likewise.

    Raises:
        MechexoError: a fill's parts do not add up to its total within `TOLERANCE`.
    """
    priced = (
        climbed(_with_reference(matched, seen, rule), trades, bars, rule)
        .with_columns(suspect=_suspect(rule))
        .with_columns(reason=_reason(rule))
        .drop("none_reason", "sid", "seen", "ref_ts", "kind", strict=False)
        .with_columns(_cash())
        .with_columns(_basis_points())
        .pipe(_with_residual)
    )
    _check_identities(priced)
    return priced


def match_quotes(fills: pl.DataFrame, quotes: Quotes, rule: QuoteRule) -> pl.DataFrame:
    """The fills, in time order, each with the quote row before it: bid, ask, ref_ts, kind; and sid,
    the number of its symbol, which may be there already.

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
    rows = fills if "sid" in fills.columns else numbered(fills, quotes.symbols)
    rows = rows.select("sid", space.key(-rule.lag_us))
    place = last_before(
        by_symbol(rows),
        quotes.frame.select(space.key())["key"],
        strictly=rule.strictly_before,
        reach_us=rule.usable_age_us,
    )
    found = quotes.frame.select(pl.col("ref_ts", "bid", "ask", "kind").gather(place))
    return fills.with_columns(rows["sid"], *found)


def _with_reference(
    matched: pl.DataFrame, seen: Callable[[], pl.Expr], rule: QuoteRule
) -> pl.DataFrame:
    """Adds the quote that is the reference, if one is, and why else none is."""
    age = (pl.col("ts") - pl.col("ref_ts")).dt.total_microseconds()
    frame = matched.with_columns(quote_age_us=age).with_columns(
        usable=(pl.col("quote_age_us") <= rule.usable_age_us).fill_null(False)
    )
    usable = pl.col("usable")
    fresh = pl.col("quote_age_us") <= rule.max_age_us
    place = pl.when(~usable).then(2).when(fresh).then(0).otherwise(1).cast(pl.UInt32)
    flags = {
        "locked": pl.col("bid") == pl.col("ask"),
        "after_crossed": pl.col("kind") == CROSSED,
        "after_wide": pl.col("kind") == WIDE,
    }
    return frame.with_columns(
        *(pl.when(usable).then(pl.col(name)).alias(name) for name in ("bid", "ask")),
        pl.when(usable).then(middle(pl.col("bid"), pl.col("ask"))).alias("mid"),
        pl.when(usable).then("quote_age_us").alias("quote_age_us"),
        _SOURCES.gather(frame.select(place)["literal"]).alias("ref_source"),
        _why_none(frame, seen),
        *((usable & flag).fill_null(False).alias(name) for name, flag in flags.items()),
    ).drop("usable")


def _why_none(frame: pl.DataFrame, seen: Callable[[], pl.Expr]) -> pl.Series:
    """Why a fill has no quote for a reference; null where it has one. Most have."""
    reasons = pl.Series("none_reason", [None], dtype=pl.String).new_from_index(0, len(frame))
    lacking = frame.select("usable").with_row_index("row").filter(~pl.col("usable"))["row"]
    if lacking.is_empty():
        return reasons
    reason = (
        pl.when(~seen())
        .then(pl.lit("no quote of this symbol"))
        .when(pl.col("kind").is_null())
        .then(pl.lit("no quote recent enough before it"))
        .when(pl.col("ref_ts").is_not_null())
        .then(pl.lit("no valid quote recent enough before it"))
        .when(pl.col("kind") >= CROSSED)
        .then(pl.lit("only crossed or wide quotes before it"))
        .otherwise(pl.lit("the quote was withdrawn"))
    )
    return reasons.scatter(lacking, frame[lacking].select(reason.alias("why"))["why"])


def _suspect(rule: QuoteRule) -> pl.Expr:
    far: pl.Expr = is_suspect(pl.col("price"), pl.col("mid"), rule.suspect_pct)
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
    names = ("side", "price", "commission", "bid", "ask", "mid")
    cost = in_cash(size=size, touch=_touch(), **{name: pl.col(name) for name in names})
    return [value.alias(name) for name, value in cost.items()]


def _basis_points() -> list[pl.Expr]:
    names = ("side", "price", "commission", "notional", "bid", "ask", "mid")
    cost = in_bps(touch=_touch(), **{name: pl.col(name) for name in names})
    return [value.alias(name) for name, value in cost.items()]


def _with_residual(priced: pl.DataFrame) -> pl.DataFrame:
    """The largest of the residuals; fills without a spread are held to those without one."""
    cost = {name: pl.col(name) for name in priced.columns}
    known = priced.select(
        value.alias(str(place)) for place, value in enumerate(residuals(cost))
    ).rename({"0": "largest"})
    for other in map(str, range(1, RESIDUALS)):
        larger = pl.when(pl.col(other) > pl.col("largest")).then(other).otherwise("largest")
        known = known.with_columns(larger.alias("largest"))
    return priced.with_columns(known["largest"].alias("residual_bps"))


def _check_identities(priced: pl.DataFrame) -> None:
    worst = priced["residual_bps"].max()
    if worst is None or (isinstance(worst, float) and worst <= TOLERANCE):
        return
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
            f"costs: the parts of fill {first.get('fill_id', '?')} differ from its total by "
            f"{first['residual_bps']:.3g} bps; this is a fault of mechexo, please report the fill"
        )
