"""Fills that somebody should look at, each with the reason.

A fill can be an exception of several kinds; each kind is a row of its own, and is acknowledged by
itself. Frames are those of `costs.kernel.price_fills` and `Fills.rejected`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import polars as pl

from mechexo.costs.dimensions import NO_VALUE, traded_value
from mechexo.costs.findings import CostException
from mechexo.costs.saved import Acknowledgement
from mechexo.value_classes import dataclass

KINDS: Mapping[str, str] = {
    "suspect": "so far from its reference that a wrong price, symbol or unit is likely",
    "outside_touch": "outside the quote by several spreads",
    "outlier": "far from what its symbol usually costs",
    "worst_cash": "among the dearest in cash",
    "worst_bps": "among the dearest in bps",
    "no_reference": "large, and without a reference price",
    "stale_reference": "large, and measured against an old quote",
    "commission_unusual": "a commission out of line with its broker's",
    "commission_missing": "no commission is known",
    "duplicate": "a row whose fill id was used before",
    "rejected": "a row that could not be taken as a fill",
}
"""Every kind with what it is, in the order of the list."""

LISTED = 1_000
"""How many of each kind are listed, open ones and the worst first; the counts are always whole."""

_DUPLICATE = "the fill id was used before"
_MAD_TO_SD = 1.4826
"""A median absolute deviation times this is the standard deviation of a normal distribution."""
_MEAN_DEVIATION_TO_SD = 1.2533
"""The same for a mean absolute deviation, where more than half of the values are equal (Iglewicz
and Hoaglin 1993)."""


@dataclass(frozen=True, slots=True)
class ExceptionRule:
    """What is out of the ordinary."""

    worst: int = 10
    """How many of the dearest fills are listed, in cash and in bps."""
    worst_share: float = 0.05
    """But no more than this share of the priced fills (one at least)."""
    outlier_z: float = 6.0
    """Robust deviations of a fill's slippage from its symbol's median."""
    touch_spreads: float = 2.0
    """Spreads outside the quote; a spread narrower than the symbol's median counts as that."""
    large: float = 0.9
    """A fill is large from this percentile of the fills' values on."""
    commission_z: float = 6.0
    """Robust deviations of a commission from its broker's median."""
    commission_share: float = 0.25
    """And at least this share away from it."""
    at_least: int = 20
    """A symbol or a broker with fewer fills has nothing usual."""


@dataclass(frozen=True, slots=True)
class Exceptions:
    """What was found."""

    rows: tuple[CostException, ...]
    by_kind: Mapping[str, int]
    """All of each kind, acknowledged and unlisted ones too; kinds without any are left out."""
    acknowledged: int


Reason = Callable[[Mapping[str, Any]], str]


def find_exceptions(
    priced: pl.DataFrame,
    rejected: pl.DataFrame,
    rule: ExceptionRule = ExceptionRule(),
    acknowledged: Mapping[tuple[str, str], Acknowledgement] | None = None,
) -> Exceptions:
    """The exceptions among the fills and the rejected rows.

    Args:
        priced: the accepted fills.
        rejected: fill_id, ts, symbol, reason.
        rule: what is out of the ordinary.
        acknowledged: by fill id and kind.
    """
    known = acknowledged or {}
    fills = priced.with_columns(value=traded_value())
    rejects = rejected.with_columns(score=pl.lit(0.0))
    double = pl.col("reason") == _DUPLICATE
    found: dict[str, tuple[pl.DataFrame, Reason]] = {
        "suspect": _suspect(fills),
        "outside_touch": _outside_touch(fills, rule),
        "outlier": _outlier(fills, rule),
        "worst_cash": _worst(fills, "total_ccy", "cash", rule),
        "worst_bps": _worst(fills, "total_bps", "bps", rule),
        "no_reference": _large(fills, "none", rule),
        "stale_reference": _large(fills, "stale", rule),
        "commission_unusual": _commission_unusual(fills, rule),
        "commission_missing": _commission_missing(fills),
        "duplicate": (rejects.filter(double), _own_reason),
        "rejected": (rejects.filter(~double), _own_reason),
    }
    assert list(found) == list(KINDS)
    rows: list[CostException] = []
    counts, done = {}, 0
    for kind, (frame, reason) in found.items():
        if frame.is_empty():
            continue
        counts[kind] = len(frame)
        ids = [fill_id for fill_id, of_kind in known if of_kind == kind]
        seen = frame.with_columns(seen=pl.col("fill_id").is_in(ids).fill_null(False))
        done += int(seen["seen"].sum())
        order = ["seen", "score", "ts", "fill_id"]
        worst = seen.sort(order, descending=[False, True, False, False], maintain_order=True)
        rows += [
            _exception(kind, row, reason(row), known.get((row["fill_id"], kind)))
            for row in worst.head(LISTED).iter_rows(named=True)
        ]
    rows.sort(key=lambda row: row.acknowledged_at is not None)
    return Exceptions(tuple(rows), counts, done)


def _suspect(fills: pl.DataFrame) -> tuple[pl.DataFrame, Reason]:
    away = 100 * (pl.col("price") / pl.col("mid") - 1).abs()
    found = fills.filter("suspect").with_columns(score=away.fill_null(0.0))
    return found, lambda row: f"{row['reason']}: {row['score']:.1f} % from {row['mid']:.6g}"


def _outside_touch(fills: pl.DataFrame, rule: ExceptionRule) -> tuple[pl.DataFrame, Reason]:
    width = pl.col("ask") - pl.col("bid")
    quoted = fills.filter(
        pl.col("reason").is_null() & pl.col("ref_source").is_in(["quote", "stale"])
    )
    usual = pl.max_horizontal(width, width.median().over("symbol"))
    above, below = pl.col("price") - pl.col("ask"), pl.col("bid") - pl.col("price")
    found = quoted.with_columns(
        score=pl.max_horizontal(above, below) / pl.when(usual > 0).then(usual), above=above > below
    ).filter(pl.col("score") > rule.touch_spreads)

    def reason(row: Mapping[str, Any]) -> str:
        done = "bought" if row["side"] > 0 else "sold"
        where = "above the ask" if row["above"] else "below the bid"
        return f"{done} {row['score']:.1f} spreads {where} ({row['bid']:.6g} to {row['ask']:.6g})"

    return found, reason


def _deviations(value: pl.Expr, group: str) -> pl.Expr:
    """How many robust standard deviations a value lies from its group's median; null without."""
    away = (value - value.median().over(group)).abs()
    spread = _MAD_TO_SD * away.median().over(group)
    wider = _MEAN_DEVIATION_TO_SD * away.mean().over(group)
    scale = pl.when(spread > 0).then(spread).when(wider > 0).then(wider)
    return (value - value.median().over(group)) / scale


def _outlier(fills: pl.DataFrame, rule: ExceptionRule) -> tuple[pl.DataFrame, Reason]:
    own = pl.col("slippage_bps")
    found = (
        fills.filter(pl.col("reason").is_null() & own.is_not_null())
        .filter(pl.len().over("symbol") >= rule.at_least)
        .with_columns(z=_deviations(own, "symbol"), usual=own.median().over("symbol"))
        .with_columns(score=pl.col("z").abs())
        .filter(pl.col("score") > rule.outlier_z)
    )
    return (
        found,
        lambda row: (
            f"slippage {row['slippage_bps']:.2f} bps; {row['symbol']} usually {row['usual']:.2f} "
            f"(robust z {row['z']:+.1f})"
        ),
    )


def _worst(
    fills: pl.DataFrame, by: str, unit: str, rule: ExceptionRule
) -> tuple[pl.DataFrame, Reason]:
    known = fills.filter(pl.col("reason").is_null() & pl.col(by).is_not_null())
    most = min(rule.worst, max(1, int(rule.worst_share * len(known))))
    found = (
        known.sort(by, "fill_id", descending=[True, False], maintain_order=True)
        .with_row_index("_rank", offset=1)
        .filter(pl.col(by) > 0)
        .head(most)
        .with_columns(score=pl.col(by))
    )
    return found, lambda row: f"number {row['_rank']} of {len(known)} fills in {unit}"


def _large(fills: pl.DataFrame, source: str, rule: ExceptionRule) -> tuple[pl.DataFrame, Reason]:
    large = pl.col("value") >= pl.col("value").quantile(rule.large, interpolation="linear")
    found = fills.filter(large & (pl.col("ref_source") == source)).with_columns(score="value")
    share = f"among the largest {1 - rule.large:.0%}"
    if source == "none":
        return found, lambda row: f"{row['reason']}; {share}"
    return found, lambda row: f"its quote was {row['quote_age_us'] / 1e6:.0f} s old; {share}"


def _commission_missing(fills: pl.DataFrame) -> tuple[pl.DataFrame, Reason]:
    found = fills.filter(pl.col("commission").is_null()).with_columns(score="value")
    return found, lambda _: "no commission is known"


def _commission_unusual(fills: pl.DataFrame, rule: ExceptionRule) -> tuple[pl.DataFrame, Reason]:
    """Out of line however the broker counts: by notional, by unit, or so much for each fill."""
    rates = {
        "by_value": 1e4 * pl.col("commission") / pl.col("value"),
        "by_unit": pl.col("commission") / pl.col("quantity"),
        "by_fill": pl.col("commission"),
    }
    known = fills.filter(pl.col("commission").is_not_null()).with_columns(
        pl.col("broker").fill_null(NO_VALUE).alias("of"),
        **rates,
    )
    known = known.filter(pl.len().over("of") >= rule.at_least)
    scores = []
    for name in rates:
        usual = pl.col(name).median().over("of")
        away = (pl.col(name) - usual).abs() / usual.abs()
        far = (_deviations(pl.col(name), "of").abs() > rule.commission_z) & (
            (away >= rule.commission_share) | (usual == 0)
        )
        known = known.with_columns(
            far.fill_null(False).alias(f"far_{name}"), usual.alias(f"usual_{name}")
        )
        scores.append(pl.when(usual != 0).then(away))
    found = known.filter(pl.all_horizontal(f"far_{name}" for name in rates)).with_columns(
        score=pl.min_horizontal(scores).fill_null(0.0)
    )

    def reason(row: Mapping[str, Any]) -> str:
        own, usual = (
            f"{row[f'{prefix}by_fill']:.4g}, {row[f'{prefix}by_value']:.2f} bps"
            for prefix in ("", "usual_")
        )
        return f"commission {own}; usually at {row['of']} {usual}"

    return found, reason


def _own_reason(row: Mapping[str, Any]) -> str:
    return str(row["reason"])


def _exception(
    kind: str, row: Mapping[str, Any], reason: str, done: Acknowledgement | None
) -> CostException:
    side = row.get("side")
    notional = row.get("notional")
    return CostException(
        fill_id=row["fill_id"] or "",
        kind=kind,
        reason=reason,
        at=row["ts"],
        symbol=row["symbol"] or "",
        side="" if side is None else ("buy" if side > 0 else "sell"),
        score=row["score"],
        notional=row.get("value") if notional is None else notional,
        total_bps=row.get("total_bps"),
        total_ccy=row.get("total_ccy"),
        commission_bps=row.get("commission_bps"),
        ref_source=row.get("ref_source") or "",
        strategy=row.get("strategy"),
        venue=row.get("venue"),
        broker=row.get("broker"),
        order_id=row.get("order_id"),
        acknowledged_at=done.acknowledged_at if done else None,
        acknowledged_by=done.acknowledged_by if done else None,
        note=done.note if done else "",
    )
