"""A window's fills against those of its baseline: pure functions of priced frames."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from datetime import date

import polars as pl

from mechexo.costs.aggregate import with_keys
from mechexo.costs.compare import ALIKE, COVERED
from mechexo.costs.dimensions import Grouping
from mechexo.costs.findings import Resampling
from mechexo.costs.incident_window_drawing import Orders, extra_cost_interval
from mechexo.costs.incident_window_values import (
    FEWEST_FILLS,
    FEWEST_OF_A_SYMBOL,
    FEWEST_ORDERS,
    NOT_MATCHED,
    BaselineDay,
    Likely,
    Matched,
    SideFills,
    SymbolCost,
    Verdict,
)
from mechexo.value_classes import dataclass

NEEDED = (
    *("fill_id", "ts", "symbol", "side", "quantity", "price", "multiplier", "fx", "order_id"),
    *("suspect", "ref_source", "reason", "notional", "total_ccy", "slippage_ccy"),
)
"""The columns of `costs.kernel.price_fills` that are used."""
_WORDS = {"side": "sides", "size": "sizes", "half_hour": "half hours"}


@dataclass(frozen=True, slots=True)
class Judged:
    """What the two sides say together."""

    measure: str
    window: SideFills
    baseline: SideFills
    days: tuple[BaselineDay, ...]
    symbols: tuple[SymbolCost, ...]
    matched: Matched | None
    likely: Likely | None
    verdict: Verdict
    why_not: str
    warnings: tuple[str, ...]


def judge(
    window: pl.DataFrame,
    baseline: pl.DataFrame,
    *,
    rejected: tuple[int, int],
    weeks: int,
    grouping: Grouping,
    resampling: Resampling = Resampling(),
) -> Judged:
    """The window's fills against the baseline's, both with the columns `NEEDED`.

    The order of the fills does not matter. `rejected` are the rows of each side that were no
    fills.
    """
    usual = baseline.filter(pl.col("symbol").is_in(window["symbol"].unique().implode()))
    measure = _measure(window, usual)
    sides = _measured(window, measure), _measured(usual, measure)
    orders = _by_order(sides[0]), _by_order(sides[1])
    rows = _symbols(*orders)
    matched = _matched(rows)
    both = (
        _side(window, sides[0], orders[0], rejected[0]),
        _side(usual, sides[1], orders[1], rejected[1]),
    )
    why_not = _lacking(both, matched, weeks)
    days = _days(usual, sides[1], grouping)
    likely = None
    if matched is not None and not why_not:
        likely = _likely(rows, orders, matched, resampling)
    return Judged(
        measure=measure,
        window=both[0],
        baseline=both[1],
        days=days,
        symbols=rows,
        matched=matched,
        likely=likely,
        verdict=_verdict(likely),
        why_not=why_not,
        warnings=tuple(_warnings(both, sides, rows, matched, measure, grouping, days)),
    )


def _measure(window: pl.DataFrame, baseline: pl.DataFrame) -> str:
    """`slippage` where a side's priced fills have no commission at all, else `total`."""
    priced = (side.filter(pl.col("reason").is_null()) for side in (window, baseline))
    without = any(len(side) and side["total_ccy"].count() == 0 for side in priced)
    return "slippage" if without else "total"


def _measured(fills: pl.DataFrame, measure: str) -> pl.DataFrame:
    cost = pl.col(f"{measure}_ccy")
    known = pl.col("reason").is_null() & cost.is_not_null() & (pl.col("notional") > 0)
    return fills.filter(known).with_columns(cost=cost).sort("symbol", "ts", "fill_id")


def _by_order(measured: pl.DataFrame) -> pl.DataFrame:
    """A row for each order of a symbol: symbol, order, fills, cost, notional."""
    named = pl.col("order_id").cast(pl.String)
    return (
        measured.with_columns(
            order=pl.when(named.is_null() | (named == ""))
            .then(pl.concat_str(pl.lit("fill "), pl.col("ts").dt.epoch("us"), "fill_id"))
            .otherwise(pl.concat_str(pl.lit("order "), named))
        )
        .group_by("symbol", "order", maintain_order=True)
        .agg(pl.len().alias("fills"), pl.col("cost").sum(), pl.col("notional").sum())
        .sort("symbol", "order")
    )


def _symbols(window: pl.DataFrame, baseline: pl.DataFrame) -> tuple[SymbolCost, ...]:
    usual = {row["symbol"]: row for row in _sums(baseline).iter_rows(named=True)}
    rows = []
    for own in _sums(window).iter_rows(named=True):
        found = usual.get(own["symbol"])
        orders = found["orders"] if found else 0
        rate = found["cost"] / found["notional"] if found else 0.0
        known = orders >= FEWEST_OF_A_SYMBOL
        extra = own["cost"] - own["notional"] * rate
        rows.append(
            SymbolCost(
                symbol=own["symbol"],
                fills=own["fills"],
                orders=own["orders"],
                notional=own["notional"],
                cost_ccy=own["cost"],
                cost_bps=1e4 * own["cost"] / own["notional"],
                baseline_fills=found["fills"] if found else 0,
                baseline_orders=orders,
                baseline_bps=1e4 * rate if known else None,
                difference_bps=1e4 * extra / own["notional"] if known else None,
                difference_ccy=extra if known else None,
            )
        )
    return tuple(sorted(rows, key=_largest_first))


def _largest_first(row: SymbolCost) -> tuple[bool, float, str]:
    return row.difference_ccy is None, -(row.difference_ccy or 0.0), row.symbol


def _sums(orders: pl.DataFrame) -> pl.DataFrame:
    return orders.group_by("symbol", maintain_order=True).agg(
        pl.col("fills").sum(),
        pl.len().alias("orders"),
        pl.col("cost").sum(),
        pl.col("notional").sum(),
    )


def _matched(rows: Sequence[SymbolCost]) -> Matched | None:
    known = [row for row in rows if row.difference_ccy is not None]
    if not known:
        return None
    notional = math.fsum(row.notional for row in known)
    cost = math.fsum(row.cost_ccy for row in known)
    extra = math.fsum(row.difference_ccy or 0.0 for row in known)
    return Matched(
        symbols=len(known),
        fills=sum(row.fills for row in known),
        orders=sum(row.orders for row in known),
        notional=notional,
        share=min(1.0, notional / math.fsum(row.notional for row in rows)),
        baseline_fills=sum(row.baseline_fills for row in known),
        baseline_orders=sum(row.baseline_orders for row in known),
        window_bps=1e4 * cost / notional,
        baseline_bps=1e4 * (cost - extra) / notional,
        difference_bps=1e4 * extra / notional,
        difference_ccy=extra,
    )


def _side(
    fills: pl.DataFrame, measured: pl.DataFrame, orders: pl.DataFrame, rejected: int
) -> SideFills:
    priced = fills["reason"].null_count()
    suspects = int(fills["suspect"].sum())
    cost = float(measured["cost"].sum()) if len(measured) else None
    notional = float(measured["notional"].sum())
    return SideFills(
        fills=len(fills),
        priced=priced,
        unpriced=len(fills) - priced - suspects,
        suspects=suspects,
        rejected=rejected,
        measured=len(measured),
        orders=len(orders),
        notional=notional,
        cost_ccy=cost,
        cost_bps=None if cost is None else 1e4 * cost / notional,
    )


def _days(
    fills: pl.DataFrame, measured: pl.DataFrame, grouping: Grouping
) -> tuple[BaselineDay, ...]:
    day = pl.col("ts").dt.convert_time_zone(grouping.zone).dt.date()
    counted = fills.group_by(day.alias("day")).len().sort("day")
    sums = {
        row["day"]: row
        for row in measured.group_by(day.alias("day"))
        .agg(pl.len().alias("fills"), pl.col("cost").sum(), pl.col("notional").sum())
        .iter_rows(named=True)
    }
    return tuple(_day(name, number, sums.get(name)) for name, number in counted.iter_rows())


def _day(name: date, number: int, sums: dict[str, float] | None) -> BaselineDay:
    if sums is None:
        return BaselineDay(name, number, 0, None)
    return BaselineDay(name, number, int(sums["fills"]), 1e4 * sums["cost"] / sums["notional"])


def _lacking(both: tuple[SideFills, SideFills], matched: Matched | None, weeks: int) -> str:
    """Why no verdict can be given; empty when one can."""
    window, baseline = both
    before = f"in the same hours of the {weeks} {'week' if weeks == 1 else 'weeks'} before"
    if not window.fills:
        return "no fill lies in the window"
    if not window.measured:
        return f"none of the {window.fills} fills of the window has a known cost"
    if not baseline.fills:
        return f"its symbols have no fill {before}"
    if matched is None:
        return f"no symbol of the window has {FEWEST_OF_A_SYMBOL} orders with a known cost {before}"
    counts = (
        ("in the window", matched.fills, matched.orders),
        ("in the baseline", matched.baseline_fills, matched.baseline_orders),
    )
    for where, fills, orders in counts:
        if fills < FEWEST_FILLS or orders < FEWEST_ORDERS:
            return (
                f"only {fills} matched fills of {orders} orders {where}: "
                f"{FEWEST_FILLS} fills of {FEWEST_ORDERS} orders are needed"
            )
    return ""


def _likely(
    rows: Sequence[SymbolCost],
    orders: tuple[pl.DataFrame, pl.DataFrame],
    matched: Matched,
    resampling: Resampling,
) -> Likely:
    names = sorted(row.symbol for row in rows if row.difference_ccy is not None)
    window, baseline = (_orders_of(side) for side in orders)
    pairs = [(window[name], baseline[name]) for name in names]
    found = extra_cost_interval(pairs, resampling)
    assert found.low is not None
    assert found.high is not None
    weight = matched.notional / 1e4
    return Likely(found.low, found.high, found.low * weight, found.high * weight, found.method)


def _orders_of(orders: pl.DataFrame) -> dict[str, Orders]:
    return {
        str(part["symbol"][0]): Orders(part["cost"].to_numpy(), part["notional"].to_numpy())
        for part in orders.partition_by("symbol", maintain_order=True)
    }


def _verdict(likely: Likely | None) -> Verdict:
    if likely is None:
        return Verdict.TOO_FEW
    if likely.low_bps > 0:
        return Verdict.MORE
    return Verdict.LESS if likely.high_bps < 0 else Verdict.NOT_TOLD_APART


def _warnings(
    both: tuple[SideFills, SideFills],
    measured: tuple[pl.DataFrame, pl.DataFrame],
    rows: Sequence[SymbolCost],
    matched: Matched | None,
    measure: str,
    grouping: Grouping,
    days: Sequence[BaselineDay],
) -> Iterator[str]:
    for label, side in zip(("the window", "the baseline"), both, strict=True):
        outside = side.fills - side.measured
        if side.fills and side.measured < COVERED * side.fills:
            yield f"{outside} of the {side.fills} fills of {label} have no known cost"
    if matched is None:
        return
    if measure == "slippage":
        yield "no commission is known on one side: slippage is compared, not the total"
    if matched.share < COVERED:
        alone = [row.symbol for row in rows if row.difference_ccy is None]
        yield (
            f"{1 - matched.share:.0%} of the window's notional has no baseline and is in no "
            f"difference: {', '.join(alone[:5])}{' and others' if len(alone) > 5 else ''}"
        )
    if sum(day.measured > 0 for day in days) == 1:
        yield "the baseline is one day: whatever else was special about it is in the difference"
    names = [row.symbol for row in rows if row.difference_ccy is not None]
    for dimension in NOT_MATCHED:
        overlap = _overlap(measured, names, dimension, grouping)
        if overlap < ALIKE:
            yield (
                f"only {overlap:.0%} of the notional has {_WORDS[dimension]} "
                "that the baseline has: the difference may be theirs"
            )


def _overlap(
    measured: tuple[pl.DataFrame, pl.DataFrame],
    symbols: Sequence[str],
    dimension: str,
    grouping: Grouping,
) -> float:
    """The sum over the dimension's values of the smaller of the two shares of notional, where both
    sides trade each symbol as much as the window does: a mix that is matched anyway is no other."""
    window, baseline = (
        _shares(side.filter(pl.col("symbol").is_in(symbols)), dimension, grouping)
        for side in measured
    )
    own: dict[str, float] = {}
    usual: dict[str, float] = {}
    for symbol, parts in sorted(window.items()):
        traded, other = sum(parts.values()), sum(baseline[symbol].values())
        for key, amount in sorted(parts.items()):
            own[key] = own.get(key, 0.0) + amount
        for key, amount in sorted(baseline[symbol].items()):
            usual[key] = usual.get(key, 0.0) + amount * traded / other
    alike = sum(min(amount, usual.get(key, 0.0)) for key, amount in sorted(own.items()))
    return alike / sum(own.values())


def _shares(
    measured: pl.DataFrame, dimension: str, grouping: Grouping
) -> dict[str, dict[str, float]]:
    keyed = with_keys(measured, [dimension], grouping)
    sums = keyed.group_by("symbol", f"key_{dimension}").agg(pl.col("notional").sum())
    found: dict[str, dict[str, float]] = {}
    for symbol, key, amount in sums.iter_rows():
        found.setdefault(symbol, {})[key] = amount
    return found
