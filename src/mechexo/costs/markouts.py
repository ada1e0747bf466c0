"""The market after each fill: realised spread, price impact, markouts.

With M the mid at the fill and M+ the mid a horizon later, s the side, P the price:
realised half-spread R = s (P - M+), impact G = s (M+ - M), and E = R + G. A markout, how the
position looked then, is -R: positive is good for us.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import polars as pl

from mechexo.costs.formulas import TOLERANCE, after_horizon, horizon_residual, middle
from mechexo.costs.matching import KeySpace, by_symbol, last_before, numbered
from mechexo.costs.quotes import USED, Quotes
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
    if not horizons:
        return priced
    mids = _mids_after(priced, quotes, rule, horizons)
    size = pl.col("quantity") * pl.col("multiplier") * pl.col("fx")
    about = ("slippage_bps", "side", "price", "mid", "notional", "fill_id")
    own = priced.select(*(name for name in about if name in priced.columns), size=size)
    asked = ("side", "size", "price", "mid", "notional", "after")
    later = after_horizon(**{name: pl.col(name) for name in asked})
    columns: list[pl.Series] = []
    for horizon in horizons:
        label = horizon_label(horizon)
        figures = own.with_columns(mids[label].alias("after")).with_columns(
            value.alias(name) for name, value in later.items()
        )
        _check(figures, label)
        columns += [figures["after"].alias(f"mid_{label}")]
        for name in ("realised", "impact"):
            columns += [
                figures[f"{name}_ccy"].alias(f"{name}_{label}_ccy"),
                figures[f"{name}_bps"].alias(f"{name}_{label}_bps"),
            ]
    return priced.with_columns(columns)


def _mids_after(
    priced: pl.DataFrame, quotes: Quotes, rule: QuoteRule, horizons: Sequence[timedelta]
) -> dict[str, pl.Series]:
    longest_us = max(horizons) // _US
    space = KeySpace.over(
        priced["ts"],
        quotes.frame["ts"],
        symbols=len(quotes.symbols),
        reach_us=rule.usable_age_us + longest_us,
    )
    rows = numbered(priced.select("ts", "symbol"), quotes.symbols).select("sid", "ts", space.key())
    order = by_symbol(rows)
    known = quotes.frame.select(space.key())["key"]
    mids = quotes.frame.select(middle(pl.col("bid"), pl.col("ask"))).to_series()
    # The age of a quote that stands itself is that of its row, which the match has bounded.
    aged = bool((quotes.frame["kind"] != USED).any())
    number = rows.select(pl.when(pl.col("sid") >= 0).then("sid"))["sid"]
    left = rows.select("ts", end=ends_by_symbol(quotes).gather(number))
    found = {}
    for horizon in horizons:
        then = pl.col("ts") + horizon
        # What stood at the horizon's own moment counts: nobody traded on it.
        place = last_before(
            order,
            known,
            strictly=False,
            reach_us=rule.usable_age_us,
            shift_us=horizon // _US,
        )
        stands = pl.col("end") >= then
        matched = left.with_columns(mids.gather(place).alias("mid"))
        if aged:
            matched = matched.with_columns(quotes.frame["ref_ts"].gather(place))
            age = (then - pl.col("ref_ts")).dt.total_microseconds()
            stands &= age <= rule.usable_age_us
        found[horizon_label(horizon)] = matched.select(pl.when(stands).then("mid"))["mid"]
    return found


def ends_by_symbol(quotes: Quotes) -> pl.Series:
    """The last moment of each symbol by its number; null for one without quotes."""
    ends = quotes.ends()
    kind = pl.Datetime("us", "UTC")
    moments = pl.Series("end", [None], dtype=kind).new_from_index(0, len(quotes.symbols))
    return moments.scatter(ends["sid"], ends["end"]) if len(ends) else moments


def _check(figures: pl.DataFrame, label: str) -> None:
    cost = {name: pl.col(name) for name in figures.columns}
    own = horizon_residual(pl.col("slippage_bps"), cost)
    residual = figures.select(own.alias("residual"))["residual"]
    worst = residual.max()
    if worst is None or (isinstance(worst, float) and worst <= TOLERANCE):
        return
    scale = pl.max_horizontal(pl.lit(1.0), pl.col("slippage_bps").abs(), pl.col("impact_bps").abs())
    broken = figures.filter(~(residual <= TOLERANCE * scale))
    if not broken.is_empty():
        raise MechexoError(
            f"costs: realised spread and impact after {label} of fill "
            f"{broken.row(0, named=True).get('fill_id', '?')} do not add up; "
            "this is a fault of mechexo"
        )
