"""The market after each fill: realised spread, price impact, markouts.

With M the mid at the fill and M+ the mid a horizon later, s the side, P the price:
realised half-spread R = s (P - M+), impact G = s (M+ - M), and E = R + G. A markout, how the
position looked then, is -R: positive is good for us.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import polars as pl

from mechexo.costs.kernel import TOLERANCE
from mechexo.costs.matching import KeySpace, known_before, numbered
from mechexo.costs.quotes import Quotes
from mechexo.costs.rules import QuoteRule
from mechexo.errors import MechexoError

_US = timedelta(microseconds=1)


def horizon_label(horizon: timedelta) -> str:
    """A horizon in its largest whole unit: `50ms`, `10s`, `5m`, `1h`."""
    us = horizon // _US
    for unit, size in (("h", 3_600_000_000), ("m", 60_000_000), ("s", 1_000_000), ("ms", 1000)):
        if us >= size and us % size == 0:
            return f"{us // size}{unit}"
    return f"{us}us"


def add_markouts(
    priced: pl.DataFrame, quotes: Quotes, rule: QuoteRule, horizons: Sequence[timedelta]
) -> pl.DataFrame:
    """Priced fills with the market after each horizon.

    For each horizon with label L adds mid_L, realised_L_ccy, realised_L_bps, impact_L_ccy and
    impact_L_bps. They are null for a fill without a mid, where the last valid quote is older than
    the rule allows, and where the symbol's quotes end before the horizon: the last quote that was
    read need not be the one that stood then.

    Raises:
        MechexoError: an effective half-spread is not its realised spread plus its impact.
    """
    mids = _mids_after(priced, quotes, rule, horizons)
    for horizon in horizons:
        label = horizon_label(horizon)
        size = pl.col("quantity") * pl.col("multiplier") * pl.col("fx") * pl.col("side")
        after = pl.col(f"mid_{label}")
        priced = priced.with_columns(mids[label].alias(f"mid_{label}")).with_columns(
            _figures(f"realised_{label}", size * (pl.col("price") - after))
            + _figures(f"impact_{label}", size * (after - pl.col("mid")))
        )
        _check(priced, label)
    return priced


def _figures(name: str, cash: pl.Expr) -> list[pl.Expr]:
    return [cash.alias(f"{name}_ccy"), (1e4 * cash / pl.col("notional")).alias(f"{name}_bps")]


def _mids_after(
    priced: pl.DataFrame, quotes: Quotes, rule: QuoteRule, horizons: Sequence[timedelta]
) -> dict[str, pl.Series]:
    longest_us = max(horizons, default=timedelta(0)) // _US
    space = KeySpace.over(
        priced["ts"],
        quotes.frame["ts"],
        symbols=len(quotes.symbols),
        reach_us=rule.usable_age_us + longest_us,
    )
    left = (
        numbered(priced.select("ts", "symbol"), quotes.symbols)
        .with_row_index("row")
        .with_columns(space.key())
        .sort("key", maintain_order=True)
    )
    left = left.join(quotes.ends(), on="sid", how="left", maintain_order="left")
    right = quotes.frame.select(space.key(), "ref_ts", mid=(pl.col("bid") + pl.col("ask")) / 2)
    found = {}
    for horizon in horizons:
        then = pl.col("ts") + horizon
        # What stood at the horizon's own moment counts: nobody traded on it.
        matched = known_before(
            left.with_columns(key=pl.col("key") + horizon // _US),
            right,
            strictly=False,
            reach_us=rule.usable_age_us,
        )
        age = (then - pl.col("ref_ts")).dt.total_microseconds()
        known = (pl.col("end") >= then) & (age <= rule.usable_age_us)
        label = horizon_label(horizon)
        mids = matched.select("row", mid=pl.when(known).then("mid")).sort("row")
        found[label] = mids["mid"]
    return found


def _check(priced: pl.DataFrame, label: str) -> None:
    parts = pl.col(f"realised_{label}_bps") + pl.col(f"impact_{label}_bps")
    residual = (pl.col("slippage_bps") - parts).abs()
    scale = pl.max_horizontal(
        pl.lit(1.0), pl.col("slippage_bps").abs(), pl.col(f"impact_{label}_bps").abs()
    )
    broken = priced.filter(~(residual <= TOLERANCE * scale))
    if not broken.is_empty():
        raise MechexoError(
            f"costs: realised spread and impact after {label} of fill "
            f"{broken['fill_id'][0]} do not add up; this is a fault of mechexo"
        )
