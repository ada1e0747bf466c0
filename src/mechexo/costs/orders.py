"""Implementation shortfall: what the desk got against what it decided on.

The decomposition and its check are in `OrderCost` (`costs/values.py`); Perold 1988, with the delay
and opportunity parts of Wagner and Edwards 1993.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, time
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl

from mechexo.costs.benchmarks import closing_mids, closing_moment, twap, vwap
from mechexo.costs.fills import BUY, SELL
from mechexo.costs.kernel import match_quotes
from mechexo.costs.order_fills import last_fills, sums_of_orders
from mechexo.costs.quotes import Quotes
from mechexo.costs.rules import QuoteRule
from mechexo.costs.session_days import session_day
from mechexo.costs.values import BenchmarkCost, OrderCost
from mechexo.value_classes import dataclass

TOLERANCE = 1e-9
"""The largest residual of an order, relative to what was paid and got for it."""

SUSPECT = "suspect fills: too far from the mid"
"""Why an order has no figures when the price of a fill, or its reference, can hardly be right."""

PARTS = ("delay", "drift", "slippage", "spread", "beyond", "opportunity", "fees", "total")


@dataclass(frozen=True, slots=True)
class Session:
    """The exchange's day, for the close as a benchmark."""

    zone: ZoneInfo
    closes: time | None = None
    day_starts: time = time(0)


def order_costs(
    orders: pl.DataFrame,
    priced: pl.DataFrame,
    quotes: Quotes,
    rule: QuoteRule,
    *,
    session: Session,
    as_of: datetime,
    trades: pl.DataFrame | None = None,
    others: pl.DataFrame | None = None,
) -> tuple[OrderCost, ...]:
    """Each order's implementation shortfall and benchmarks, in the order given.

    An id may come again: whose a fill is, `costs.order_fills.fills_of_orders` says.

    Args:
        orders: order_id, symbol, side, quantity; optional decision_at, arrival_at, end_at,
            benchmark_price, strategy, broker, algo.
        priced: the fills of `costs.kernel.price_fills`, with order_id.
        quotes: of the orders' symbols, from before the first decision to after the last end.
        rule: how the decision and the arrival mid are found: as a fill's reference.
        session: the exchange's day.
        as_of: what has not closed by now has no closing price.
        trades: the market's trades (ts, symbol, price, size), for the VWAP.
        others: further orders whose fills may be among `priced`; nothing is said of them.
    """
    rows = _completed(orders)
    if rows.is_empty():
        return ()
    known = rows if others is None else pl.concat([rows, _completed(others)], how="diagonal")
    fills, wrong = sums_of_orders(priced, known)
    rows = rows.with_columns(ended_at=pl.coalesce("end_at", last_fills(fills, len(rows))))
    exact = replace(rule, strictly_before=False, lag_us=0)
    rows = rows.with_columns(
        decision_mid=_mids(rows, "decision_at", quotes, rule),
        arrival_mid=_mids(rows, "arrival_at", quotes, rule),
        end_mid=_mids(rows, "end_at", quotes, exact),
    )
    rows = _with_benchmarks(rows, quotes, trades, session, as_of)
    sizes = _sizes(priced)
    return tuple(
        _order(row, fills.get(place), wrong[place] or "", sizes)
        for place, row in enumerate(rows.iter_rows(named=True))
    )


def _completed(orders: pl.DataFrame) -> pl.DataFrame:
    moment, text = pl.Datetime("us", "UTC"), pl.String()
    kinds: dict[str, pl.DataType] = {
        **dict.fromkeys(("decision_at", "arrival_at", "end_at"), moment),
        "benchmark_price": pl.Float64(),
        **dict.fromkeys(("strategy", "broker", "algo"), text),
    }
    missing = [
        pl.lit(None, dtype=kind).alias(name)
        for name, kind in kinds.items()
        if name not in orders.columns
    ]
    return orders.with_columns(missing)


def _mids(rows: pl.DataFrame, moment: str, quotes: Quotes, rule: QuoteRule) -> pl.Series:
    """The mid at each row's moment, null where no valid quote is recent enough."""
    points = rows.select("symbol", ts=moment, fill_id=pl.int_range(pl.len()))
    asked = points.filter(pl.col("ts").is_not_null())
    age = (pl.col("ts") - pl.col("ref_ts")).dt.total_microseconds()
    mid = (pl.col("bid") + pl.col("ask")) / 2
    found = match_quotes(asked, quotes, rule).select(
        "fill_id", mid=pl.when(age <= rule.usable_age_us).then(mid)
    )
    return points.join(found, on="fill_id", how="left", maintain_order="left")["mid"]


def _with_benchmarks(
    rows: pl.DataFrame,
    quotes: Quotes,
    trades: pl.DataFrame | None,
    session: Session,
    as_of: datetime,
) -> pl.DataFrame:
    lived = pl.col("arrival_at").is_not_null() & (pl.col("ended_at") >= pl.col("arrival_at"))
    place = rows.with_row_index("row").filter(lived.fill_null(False))
    spans = place.select("row", "symbol", start="arrival_at", end="ended_at")
    found = spans.select("row").hstack(twap(spans, quotes))
    if trades is not None and "size" in trades.columns:
        found = found.hstack(vwap(spans, trades))
    else:
        found = found.with_columns(vwap=pl.lit(None, dtype=pl.Float64))
    closes = [
        None if at is None else closing_moment(at, session.zone, session.closes, session.day_starts)
        for at in rows["ended_at"]
    ]
    points = pl.DataFrame(
        {
            "row": range(len(rows)),
            "symbol": rows["symbol"],
            "closes_at": [at if at and at <= as_of else None for at in closes],
            "day_start": [
                None if at is None else session_day(at, session.zone, session.day_starts).begins
                for at in rows["ended_at"]
            ],
        },
        schema_overrides={
            "row": pl.UInt32,
            **dict.fromkeys(("closes_at", "day_start"), pl.Datetime("us", "UTC")),
        },
    ).filter(pl.col("closes_at").is_not_null())
    closing = points.select("row").with_columns(close=closing_mids(points, quotes))
    return (
        rows.with_row_index("row")
        .join(found, on="row", how="left", maintain_order="left")
        .join(closing, on="row", how="left", maintain_order="left")
    )


def _sizes(priced: pl.DataFrame) -> Mapping[str, tuple[float, float]]:
    """Multiplier and rate of each symbol, from its newest fill."""
    newest = priced.sort("ts").group_by("symbol").agg(pl.col("multiplier", "fx").last())
    return {symbol: (multiplier, fx) for symbol, multiplier, fx in newest.iter_rows()}


def _order(
    row: Mapping[str, Any],
    fills: Mapping[str, Any] | None,
    mismatch: str,
    sizes: Mapping[str, tuple[float, float]],
) -> OrderCost:
    sign = _sign(row["side"])
    ordered, filled = row["quantity"], fills["filled"] if fills else 0.0
    decision, arrival = row["decision_mid"], row["arrival_mid"]
    start = arrival if row["decision_at"] is None else decision
    wrong = _wrong(row, fills, mismatch, sign, sizes)
    unit = sizes.get(row["symbol"]) or (1.0, 1.0)
    if fills:
        unit = (fills["multiplier"], fills["fx"])
    per_unit = unit[0] * unit[1]
    parts: dict[str, float | None] = dict.fromkeys(PARTS)
    residual = None
    missing: list[str] = [wrong] if wrong else []
    if not wrong and sign is not None:
        parts, missing = _parts(row, fills, sign, start, per_unit)
        residual = _residual(row, fills, sign, start, per_unit, parts)
    notional = ordered * per_unit * start if start is not None and not wrong else None
    average = fills["average"] if fills else None
    return OrderCost(
        order_id=row["order_id"],
        symbol=row["symbol"],
        side={1: "buy", -1: "sell"}.get(sign or 0, str(row["side"])),
        ordered=ordered,
        filled=filled,
        fills=fills["fills"] if fills else 0,
        unpriced_fills=fills["unpriced"] if fills else 0,
        decided_at=row["decision_at"],
        arrival_at=row["arrival_at"],
        ended_at=row["ended_at"],
        decision_price=decision,
        arrival_price=arrival,
        average_price=average,
        end_price=row["end_mid"],
        notional=notional,
        **{f"{name}_ccy": value for name, value in parts.items()},
        **{
            f"{name}_bps": None if value is None or not notional else 1e4 * value / notional
            for name, value in parts.items()
        },
        residual_ccy=residual,
        benchmarks=_benchmarks(row, fills, sign, average),
        reason="; ".join(missing),
        strategy=row["strategy"],
        broker=row["broker"],
        order_type=fills["order_type"] if fills else None,
        sources=_counted(fills["sources"] if fills else ()),
    )


def _sign(side: object) -> int | None:
    text = str(side).strip().lower()
    return 1 if text in BUY else -1 if text in SELL else None


def _wrong(
    row: Mapping[str, Any],
    fills: Mapping[str, Any] | None,
    mismatch: str,
    sign: int | None,
    sizes: Mapping[str, tuple[float, float]],
) -> str:
    """What makes an order's figures meaningless; empty when nothing does."""
    quantity = row["quantity"]
    if not (row["order_id"] or "").strip():
        return "no order id: no fill can be its own"
    if sign is None:
        return "the side is neither buy nor sell"
    if quantity is None or not 0 < quantity < float("inf"):
        return "the quantity is not above zero"
    if mismatch:
        return mismatch
    if fills is None:
        known = row["symbol"] in sizes or all(size == (1.0, 1.0) for size in sizes.values())
        return "" if known else "no fill says the symbol's multiplier and rate"
    if fills["sides"] != [sign]:
        return "its fills are on the other side"
    if fills["filled"] > quantity * (1 + 1e-12):
        return "more was filled than ordered"
    return ""


def _parts(
    row: Mapping[str, Any],
    fills: Mapping[str, Any] | None,
    sign: int,
    start: float | None,
    per_unit: float,
) -> tuple[dict[str, float | None], list[str]]:
    """The parts in cash, and why some are missing."""
    parts: dict[str, float | None] = dict.fromkeys(PARTS)
    missing: list[str] = []
    arrival = row["arrival_mid"]
    if row["arrival_at"] is None:
        missing.append("no arrival time")
    elif arrival is None:
        missing.append("no valid quote at its arrival")
    if row["decision_at"] is not None and start is None:
        missing.append("no valid quote at its decision")
    size = fills["size"] if fills else 0.0
    if row["decision_at"] is not None and arrival is not None and start is not None:
        parts["delay"] = sign * size * (arrival - start)
    whole = fills is None or not (fills["unpriced"] or fills["suspect"])
    if fills and fills["unpriced"]:
        missing.append("fills without a reference")
    if fills and fills["suspect"]:
        missing.append(SUSPECT)
    if fills is None:
        parts |= dict.fromkeys(("drift", "slippage", "spread", "beyond", "fees"), 0.0)
    else:
        if whole and arrival is not None:
            parts["drift"] = sign * (fills["at_mid"] - fills["priced_size"] * arrival)
        if whole:
            parts["slippage"] = fills["slippage"]
        if whole and not fills["without_spread"]:
            parts["spread"], parts["beyond"] = fills["spread"], fills["beyond"]
        if fills["without_fees"]:
            missing.append("fills without a commission")
        else:
            parts["fees"] = fills["fees"]
    parts["opportunity"] = _opportunity(row, fills, sign, start, per_unit, missing)
    summed = [parts["drift"], parts["slippage"], parts["opportunity"], parts["fees"]]
    if row["decision_at"] is not None:
        summed.append(parts["delay"])
    if start is not None and all(part is not None for part in summed):
        parts["total"] = sum(part for part in summed if part is not None)
    return parts, missing


def _opportunity(
    row: Mapping[str, Any],
    fills: Mapping[str, Any] | None,
    sign: int,
    start: float | None,
    per_unit: float,
    missing: list[str],
) -> float | None:
    left = row["quantity"] - (fills["filled"] if fills else 0.0)
    if left <= row["quantity"] * 1e-12:
        return 0.0
    if row["end_at"] is None:
        missing.append("not filled whole, and no end time")
        return None
    if row["end_mid"] is None:
        missing.append("no valid quote at its end")
        return None
    return None if start is None else sign * left * per_unit * (row["end_mid"] - start)


def _residual(
    row: Mapping[str, Any],
    fills: Mapping[str, Any] | None,
    sign: int,
    start: float | None,
    per_unit: float,
    parts: Mapping[str, float | None],
) -> float | None:
    """Paper minus actual, computed from the prices alone, less the sum of the parts."""
    if parts["total"] is None or start is None:
        return None
    paid = sign * (fills["paid"] - fills["size"] * start) if fills else 0.0
    left = row["quantity"] - (fills["filled"] if fills else 0.0)
    unfilled = 0.0
    if left > row["quantity"] * 1e-12:
        unfilled = sign * left * per_unit * (row["end_mid"] - start)
    return paid + unfilled + (fills["fees"] if fills else 0.0) - parts["total"]


def _benchmarks(
    row: Mapping[str, Any],
    fills: Mapping[str, Any] | None,
    sign: int | None,
    average: float | None,
) -> dict[str, BenchmarkCost]:
    covered = row["covered"]
    notes = {
        "vwap": "" if row["vwap"] is not None else "no trades of the market while it lived",
        "twap": f"valid quotes for {covered:.0%} of its life"
        if covered is not None and covered < 1 - 1e-9
        else "",
        "close": "" if row["close"] is not None else "the day has no closing quote yet",
    }
    prices = {
        "arrival": row["arrival_mid"],
        "vwap": row["vwap"],
        "twap": row["twap"],
        "close": row["close"],
    }
    if row["benchmark_price"] is not None:
        prices["given"] = row["benchmark_price"]
    if fills and fills["suspect"]:
        # Its average is no price that was paid, as far as anybody can tell.
        return {name: BenchmarkCost(price, None, SUSPECT) for name, price in prices.items()}
    found = {}
    for name, price in prices.items():
        usable = price is not None and price > 0 and average is not None and sign is not None
        slippage = 1e4 * sign * (average - price) / price if usable and sign and average else None
        found[name] = BenchmarkCost(price, slippage, notes.get(name, ""))
    return found


def _counted(sources: Sequence[str]) -> dict[str, int]:
    return {name: list(sources).count(name) for name in sorted(set(sources))}
