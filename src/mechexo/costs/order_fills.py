"""Whose a fill is: orders told apart by id, symbol and lifetime, and what the fills of each add up
to.

Brokers begin their ids anew, often every day, so that an id alone names several orders.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from mechexo.costs.dimensions import source
from mechexo.costs.expressions import null_of

ANOTHER_SYMBOL = "its fills are of another symbol"
ALIKE = "another order has its id, symbol and arrival: whose the fills are cannot be told"
UNTIMED = (
    "orders of its id and symbol lack an arrival and a decision time: whose the fills are cannot "
    "be told"
)

_MOMENT = pl.Datetime("us", "UTC")
_KEY = ("order_id", "symbol")


def fills_of_orders(priced: pl.DataFrame, orders: pl.DataFrame) -> tuple[pl.DataFrame, pl.Series]:
    """Each fill with the one order that it is of, and what is wrong with an order's fills.

    Of the orders with a fill's id and symbol it is of the one that arrived last at or before it;
    one before all of them is of the first. An order without an arrival counts from its decision. A
    fill in a symbol that no order of its id has is of the one of these that arrived last.

    Args:
        priced: order_id, symbol and ts, in the order of time.
        orders: order_id, symbol; optional arrival_at and decision_at.

    Returns:
        The fills with `order_row`, the place of their order, null where they have none; and for
        each order why its fills mean nothing, null where they do. A fill of several orders that
        nothing tells apart has the first of them.
    """
    moments = _begun(orders)
    own = _alike(moments, *_KEY)
    by_id = _alike(moments, "order_id")
    fills = _placed(priced, own, "order_row", *_KEY)
    fills = _placed(fills, by_id, "order_of_id", "order_id")
    stray = pl.col("order_row").is_null() & pl.col("order_of_id").is_not_null()
    strays = fills.filter(stray)["order_of_id"].unique()
    fills = fills.with_columns(order_row=pl.coalesce("order_row", "order_of_id"))
    wrong = pl.concat(
        [
            own.filter(pl.col("rows").list.len() > 1)
            .explode("rows")
            .select(
                row="rows", why=pl.when("untimed").then(pl.lit(UNTIMED)).otherwise(pl.lit(ALIKE))
            ),
            # Of orders of one id that arrived together any may be the one that strayed.
            by_id.filter(pl.col("rows").list.first().is_in(strays.implode()))
            .explode("rows")
            .select(row="rows", why=pl.lit(ANOTHER_SYMBOL)),
        ]
    ).unique("row", keep="first", maintain_order=True)
    reasons = moments.select("row").join(wrong, on="row", how="left", maintain_order="left")["why"]
    return fills.drop("order_of_id"), reasons


def _begun(orders: pl.DataFrame) -> pl.DataFrame:
    """When each order began, as far as that is known: row, order_id, symbol, begins."""
    known = [name for name in ("arrival_at", "decision_at") if name in orders.columns]
    return orders.select(
        pl.int_range(pl.len(), dtype=pl.UInt32).alias("row"),
        *_KEY,
        begins=pl.coalesce(*known, null_of(_MOMENT)).cast(_MOMENT),
    )


def _alike(moments: pl.DataFrame, *key: str) -> pl.DataFrame:
    """The orders of one key that began together, in the order of time: the key, begins, rows and
    untimed, which says that one of the key began nobody knows when: then none is told apart."""
    untimed = pl.col("begins").is_null().any().over(*key)
    return (
        moments.filter(pl.all_horizontal(pl.col(name).is_not_null() for name in key))
        .with_columns(untimed=untimed)
        .with_columns(begins=pl.when(~pl.col("untimed")).then("begins"))
        .group_by(*key, "begins", "untimed", maintain_order=True)
        .agg(rows="row")
        .sort("begins", maintain_order=True)
    )


def _placed(fills: pl.DataFrame, alike: pl.DataFrame, name: str, *key: str) -> pl.DataFrame:
    """The fills with the first of the orders that they are of, as `name`."""
    groups = alike.select(*key, "begins", row=pl.col("rows").list.first())
    last = fills.select(*key, "ts").join_asof(
        groups.filter(pl.col("begins").is_not_null()),
        left_on="ts",
        right_on="begins",
        by=list(key),
        strategy="backward",
        check_sortedness=False,
    )["row"]
    first = groups.unique(key, keep="first", maintain_order=True).select(*key, first="row")
    earliest = fills.select(*key).join(first, on=key, how="left", maintain_order="left")["first"]
    return fills.with_columns(last.fill_null(earliest).alias(name))


def sums_of_orders(
    priced: pl.DataFrame, orders: pl.DataFrame
) -> tuple[dict[int, dict[str, Any]], list[str | None]]:
    """The sums of each order's fills by the order's place, and by place why they mean nothing.

    Args:
        priced: as `fills_of_orders`, with the costs of `costs.kernel.price_fills`.
        orders: as `fills_of_orders`.
    """
    fills, wrong = fills_of_orders(priced, orders)
    size = pl.col("quantity") * pl.col("multiplier") * pl.col("fx")
    sums = (
        fills.filter(pl.col("order_row").is_not_null())
        .group_by("order_row")
        .agg(
            fills=pl.len(),
            last_at=pl.col("ts").max(),
            filled=pl.col("quantity").sum(),
            size=size.sum(),
            paid=(size * pl.col("price")).sum(),
            at_mid=(size * pl.col("mid")).sum(),
            priced_size=pl.when(pl.col("mid").is_not_null()).then(size).sum(),
            unpriced=pl.col("mid").null_count(),
            suspect=pl.col("suspect").sum(),
            average=(pl.col("quantity") * pl.col("price")).sum() / pl.col("quantity").sum(),
            slippage=pl.col("slippage_ccy").sum(),
            spread=pl.col("spread_ccy").sum(),
            beyond=pl.col("beyond_ccy").sum(),
            without_spread=pl.col("spread_ccy").null_count(),
            fees=pl.col("commission").sum(),
            without_fees=pl.col("commission").null_count(),
            sides=pl.col("side").unique(),
            multiplier=pl.col("multiplier").first(),
            fx=pl.col("fx").last(),
            order_type=pl.col("order_type").first(),
            sources=source(),
        )
    )
    found: dict[int, dict[str, Any]] = {row["order_row"]: row for row in sums.iter_rows(named=True)}
    told = wrong.to_list()
    return {row: own for row, own in found.items() if told[row] not in (ALIKE, UNTIMED)}, told


def last_fills(sums: Mapping[int, Mapping[str, Any]], count: int) -> pl.Series:
    """When the last fill of each of so many orders was, null where there is none."""
    moments = [sums[row]["last_at"] if row in sums else None for row in range(count)]
    return pl.Series("last_at", moments, dtype=_MOMENT)
