"""What an order was expected to cost: the square-root model, fitted on the desk's own orders.

    expected = S_exp + Y sigma sqrt(Q / ADV)                      (bps of the order's notional)

with the expected half-spread S_exp, the symbol's daily volatility sigma, the order's quantity Q and
the average daily volume ADV. Y is fitted by least squares through the origin of (E - S) on
sigma sqrt(Q / ADV); E is the order's slippage and S its quoted half-spread. Beside it, the exponent
is fitted freely (Almgren, Thum, Hauptmann and Li 2005 found 0.6): one that is far from 1/2 says
that the model does not hold here. Standard errors are robust to unequal variance (HC1).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import polars as pl

from mechexo.costs.dimensions import Grouping, session_date
from mechexo.costs.findings import ExpectedCost, ImpactFit
from mechexo.costs.order_fills import fills_of_orders
from mechexo.costs.values import OrderCost
from mechexo.value_classes import dataclass

DEFAULT_Y = 1.0
"""Used where nothing could be fitted: about what is found in most markets."""
FEWEST_ORDERS = 10
PARTICIPATION_CAP = 0.25
"""Beyond this share of the average daily volume the model says nothing."""

_EXPONENTS = (-0.5, 2.0)
"""Where the free exponent is looked for."""
_NOT_TOLD = 2.0
"""Standard errors within which two numbers are not told apart."""
_NO_MATTER = 0.02
"""A difference of exponents that no order would feel."""

_SAMPLE = {
    **dict.fromkeys(("order_id", "symbol", "reason"), pl.String),
    **dict.fromkeys(("quantity", "actual_bps", "spread_bps"), pl.Float64),
}


def sample_of_fills(
    priced: pl.DataFrame,
    *,
    days: Grouping = Grouping(),
    orders: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """The desk's orders as their fills tell of them; a fill without an order is one by itself.

    An id may come again: `costs.order_fills.fills_of_orders` tells the orders apart. Of a fill
    whose order is not among `orders` it is assumed that ids are used once a session day: what was
    filled of one id and symbol on two session days is two orders.

    Columns: order_id, symbol, quantity (units filled), actual_bps (E) and spread_bps (S), both
    weighted by notional, and reason (why an order has no figures, else null).

    Args:
        priced: fills as `costs.kernel.price_fills` gives them.
        days: what a session day is.
        orders: the desk's orders, where they are known: order_id, symbol, arrival_at, decision_at.
    """
    fills = priced.with_columns(order_row=pl.lit(None, pl.UInt32), mismatch=pl.lit(None, pl.String))
    if orders is not None and not orders.is_empty():
        placed, wrong = fills_of_orders(priced, orders)
        fills = placed.with_columns(mismatch=wrong.gather(placed["order_row"]))
    whole = pl.col("reason").is_null().all() & pl.col("mismatch").is_null().all()
    suspect = (pl.col("ref_source") != "none").all()
    quoted = pl.col("spread_ccy").is_not_null().all()
    weight = pl.col("notional").sum()
    own = pl.coalesce("order_id", pl.format("fill {}", "fill_id"))
    return (
        fills.with_columns(
            own.alias("order_id"),
            day=pl.when(pl.col("order_row").is_null()).then(session_date(days)),
        )
        .group_by("order_id", "symbol", "order_row", "day", maintain_order=True)
        .agg(
            pl.col("quantity").sum(),
            actual_bps=pl.when(whole).then(1e4 * pl.col("slippage_ccy").sum() / weight),
            spread_bps=pl.when(whole & quoted).then(1e4 * pl.col("spread_ccy").sum() / weight),
            reason=pl.when(pl.col("mismatch").is_not_null().any())
            .then(pl.col("mismatch").first())
            .when(~whole & suspect)
            .then(pl.lit("a fill is suspect: too far from the mid"))
            .when(~whole)
            .then(pl.lit("a fill has no reference"))
            .when(~quoted)
            .then(pl.lit("a fill's reference has no spread")),
        )
        .drop("order_row", "day")
    )


def sample_of_orders(orders: Iterable[OrderCost]) -> pl.DataFrame:
    """The same of implementation shortfalls: what each order cost against its arrival mid, drift
    and slippage together, so that the impact of its own earlier fills is in it."""
    rows = []
    for order in orders:
        known = order.drift_bps is not None and order.slippage_bps is not None
        rows.append(
            {
                "order_id": order.order_id,
                "symbol": order.symbol,
                "quantity": order.filled,
                "actual_bps": (order.drift_bps or 0.0) + (order.slippage_bps or 0.0)
                if known
                else None,
                "spread_bps": order.spread_bps if known else None,
                "reason": None
                if known and order.spread_bps is not None
                else order.reason or "its fills have no spread",
            }
        )
    return pl.DataFrame(rows, schema=_SAMPLE)


@dataclass(frozen=True, slots=True)
class _Points:
    """What is fitted, of each order."""

    costs: pl.Series
    """E - S, bps."""
    sigmas: pl.Series
    """bps."""
    shares: pl.Series
    """Q / ADV."""

    def __len__(self) -> int:
        return len(self.costs)


def fit_impact(
    sample: pl.DataFrame, facts: pl.DataFrame, *, cap: float = PARTICIPATION_CAP
) -> ImpactFit:
    """Fits Y, and the exponent beside it, on the orders that have all that it needs.

    Args:
        sample: as `sample_of_fills` or `sample_of_orders` gives it.
        facts: symbol, sigma_bps, adv: as `costs.market_days.symbol_facts` gives them.
        cap: orders of a larger share of the daily volume are left out.
    """
    placed = _placed(sample, facts, cap)
    left_out = {
        str(reason): int(count)
        for reason, count in placed.filter(pl.col("why").is_not_null())
        .group_by("why")
        .len()
        .sort("len", "why", descending=[True, False])
        .iter_rows()
    }
    used = placed.filter(pl.col("why").is_null())
    points = _Points(used["actual_bps"] - used["spread_bps"], used["sigma_bps"], used["share"])
    why_not = _why_not(points, left_out)
    if why_not:
        return ImpactFit(
            orders=len(points),
            left_out=left_out,
            y=None,
            y_se=None,
            r_squared=None,
            exponent=None,
            exponent_se=None,
            free_y=None,
            why_not=why_not,
            exponent_why_not=why_not,
        )
    y, y_se, r_squared = _through_origin(points)
    free = _free_exponent(points)
    return ImpactFit(
        orders=len(points),
        left_out=left_out,
        y=y,
        y_se=y_se,
        r_squared=r_squared,
        exponent=free.exponent if free else None,
        exponent_se=free.error if free else None,
        free_y=free.y if free else None,
        exponent_why_not="" if free else "no exponent from -0.5 to 2 fits better than all others",
        remarks=_remarks(y, y_se, free),
    )


def _placed(sample: pl.DataFrame, facts: pl.DataFrame, cap: float) -> pl.DataFrame:
    """The orders with sigma_bps, adv, share, and why one is not in the fit."""
    joined = sample.join(
        facts.select("symbol", "sigma_bps", "adv"), on="symbol", how="left", maintain_order="left"
    )
    share = pl.when(pl.col("adv") > 0).then(pl.col("quantity") / pl.col("adv"))
    return joined.with_columns(share=share).with_columns(
        why=pl.when(pl.col("reason").is_not_null())
        .then("reason")
        .when(pl.col("actual_bps").is_null() | pl.col("spread_bps").is_null())
        .then(pl.lit("no slippage or spread is known"))
        .when(pl.col("sigma_bps").is_null())
        .then(pl.lit("no volatility is known"))
        .when(pl.col("sigma_bps") <= 0)
        .then(pl.lit("the price never moved"))
        .when(pl.col("share").is_null())
        .then(pl.lit("no daily volume is known"))
        .when(~(pl.col("quantity") > 0))
        .then(pl.lit("nothing was filled"))
        .when(pl.col("share") > cap)
        .then(pl.lit(f"more than {cap:.0%} of the daily volume"))
    )


def _why_not(points: _Points, left_out: Mapping[str, int]) -> str:
    if len(points) < FEWEST_ORDERS:
        others = "; ".join(f"{count} left out: {reason}" for reason, count in left_out.items())
        few = f"{len(points)} orders are too few: {FEWEST_ORDERS} are needed"
        return f"{few} ({others})" if others else few
    largest, smallest = points.shares.max(), points.shares.min()
    assert isinstance(largest, float)
    assert isinstance(smallest, float)
    if largest <= smallest * (1 + 1e-9):
        return (
            "all orders are of the same share of the daily volume: how the cost grows with the "
            "size cannot be seen"
        )
    return ""


def _through_origin(points: _Points) -> tuple[float, float, float]:
    """Y, its standard error, and R squared about zero."""
    drive = points.sigmas * points.shares.sqrt()
    square = float((drive**2).sum())
    y = float((drive * points.costs).sum()) / square
    rest = points.costs - y * drive
    count = len(points)
    error = math.sqrt(float((drive**2 * rest**2).sum()) * count / (count - 1)) / square
    whole = float((points.costs**2).sum())
    return y, error, (1 - float((rest**2).sum()) / whole if whole else 0.0)


@dataclass(frozen=True, slots=True)
class _Free:
    y: float
    exponent: float
    error: float


def _free_exponent(points: _Points) -> _Free | None:
    """Y and the exponent by least squares: for each exponent the best Y is known, so one number is
    searched. None when the best lies on the edge of the search.

    Costs below zero stay in it, unlike in a fit of logarithms, which would leave out the luck.
    """
    # About the middle size, so that Y and the exponent are told apart.
    middle = math.exp(float(points.shares.log().mean()))  # type: ignore[arg-type]
    sizes = (points.shares / middle).log()

    def drive(exponent: float) -> pl.Series:
        return points.sigmas * (exponent * sizes).exp()

    def gain(exponent: float) -> float:
        """By how much the squares shrink."""
        along = drive(exponent)
        return float((along * points.costs).sum()) ** 2 / float((along**2).sum())

    low, high = _EXPONENTS
    steps = [low + (high - low) * step / 50 for step in range(51)]
    best = max(steps, key=gain)
    if best in (low, high):
        return None
    exponent = _peak(gain, best - (high - low) / 50, best + (high - low) / 50)
    along = drive(exponent)
    y = float((along * points.costs).sum()) / float((along**2).sum())
    error = _exponent_error(along, y * along * sizes, points.costs - y * along)
    return None if error is None else _Free(y / middle**exponent, exponent, error)


def _peak(gain: Any, low: float, high: float) -> float:
    """Golden-section search."""
    ratio = (math.sqrt(5) - 1) / 2
    left, right = high - ratio * (high - low), low + ratio * (high - low)
    at_left, at_right = gain(left), gain(right)
    while high - low > 1e-7:
        if at_left > at_right:
            high, right, at_right = right, left, at_left
            left = high - ratio * (high - low)
            at_left = gain(left)
        else:
            low, left, at_left = left, right, at_right
            right = low + ratio * (high - low)
            at_right = gain(right)
    return (low + high) / 2


def _exponent_error(by_y: pl.Series, by_exponent: pl.Series, rest: pl.Series) -> float | None:
    """HC1 of the second of two parameters, from the slopes of the model by each."""
    a, b, d = (
        float((one * other).sum())
        for one, other in ((by_y, by_y), (by_y, by_exponent), (by_exponent, by_exponent))
    )
    determinant = a * d - b * b
    if determinant <= 1e-12 * a * d:
        return None
    # The exponent's row of the inverse, applied to each order's score.
    scores = (a * by_exponent - b * by_y) / determinant * rest
    count = len(rest)
    return math.sqrt(float((scores**2).sum()) * count / (count - 2))


def _remarks(y: float, y_se: float, free: _Free | None) -> tuple[str, ...]:
    remarks = []
    if y < _NOT_TOLD * y_se:
        remarks.append(f"Y of {y:.2f} is not told apart from zero (s.e. {y_se:.2f})")
    if free and abs(free.exponent - 0.5) > max(_NOT_TOLD * free.error, _NO_MATTER):
        remarks.append(
            f"the cost grows with the size to the power {free.exponent:.2f} (s.e. "
            f"{free.error:.2f}), not 1/2: the square-root model does not hold for these orders"
        )
    return tuple(remarks)


def expected_costs(
    sample: pl.DataFrame,
    facts: pl.DataFrame,
    fit: ImpactFit | None = None,
    *,
    cap: float = PARTICIPATION_CAP,
) -> tuple[ExpectedCost, ...]:
    """What each order of the sample was expected to cost, and what it did, in the sample's order.

    S_exp is the median half-spread of the symbol's orders in the sample. Without a fitted Y,
    `DEFAULT_Y` stands. A share of the daily volume above the cap is cut to it, and marked.

    Args:
        sample: as `fit_impact`; actual_bps may be null: an order that is still to come.
        facts: as `fit_impact`.
        fit: whose Y is used.
        cap: the largest share of the daily volume that the model is asked about.
    """
    y = fit.y if fit is not None and fit.y is not None else DEFAULT_Y
    usual = sample.group_by("symbol").agg(usual_bps=pl.col("spread_bps").median())
    rows = _placed(sample, facts, cap).join(usual, on="symbol", how="left", maintain_order="left")
    return tuple(_expected(row, y, cap) for row in rows.iter_rows(named=True))


def _expected(row: Mapping[str, Any], y: float, cap: float) -> ExpectedCost:
    share, sigma, spread = row["share"], row["sigma_bps"], row["usual_bps"]
    missing = [
        f"no {name} is known"
        for name, value in (("volatility", sigma), ("daily volume", share), ("spread", spread))
        if value is None
    ]
    cut = None if share is None else min(share, cap)
    impact = None if cut is None or sigma is None else y * sigma * math.sqrt(cut)
    expected = None if impact is None or spread is None else spread + impact
    actual = row["actual_bps"]
    return ExpectedCost(
        order_id=row["order_id"],
        symbol=row["symbol"],
        quantity=row["quantity"],
        participation=cut,
        capped=share is not None and share > cap,
        sigma_bps=sigma,
        spread_bps=spread,
        impact_bps=impact,
        expected_bps=expected,
        actual_bps=actual,
        residual_bps=None if expected is None or actual is None else actual - expected,
        reason="; ".join(missing) or (row["reason"] or "" if actual is None else ""),
    )
