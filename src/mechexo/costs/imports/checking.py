"""What of a file's rows can be taken: the kernel's own rules, less those about rates."""

from __future__ import annotations

import polars as pl

from mechexo.costs.fills import normalise_fills
from mechexo.costs.imports import execution_ids
from mechexo.costs.imports.rows import REPLACES
from mechexo.costs.imports.values import Parsed, Rejected
from mechexo.costs.sources.corrections import CORRECT
from mechexo.value_classes import dataclass

_ROW = "row of the file"
_SIGN = "sign of its side"
_LAST, _IS_HERE = "row of the last correction", "what it corrects is here"
_ABOUT_RATES = ("currency", "commission_currency", "fx", "correction", REPLACES)


@dataclass(frozen=True, slots=True)
class Checked:
    """The fills that can be kept, in time order, and the rows that cannot."""

    fills: pl.DataFrame
    rejected: tuple[Rejected, ...]
    repeated: int
    """Rows that say the same as one before."""
    corrected: int
    """Rows in whose place another of the file stands, which has the same id."""


def checked(parsed: Parsed) -> Checked:
    """Checks a file's rows as `normalise_fills` does. A rate may still come, so a currency without
    one is no reason; the same row again is none either.

    Of rows that share an id, a correction comes before what it corrects, the last one first.
    """
    distinct = parsed.frame.unique(maintain_order=True)
    standing = _standing(distinct)
    numbered = standing.with_row_index(_ROW)
    bare = numbered.drop(name for name in _ABOUT_RATES if name in numbered.columns)
    has_side = bare["side"].is_not_null().any() if len(bare) else False
    fills = normalise_fills(bare if has_side else bare.drop("side"), "USD", tags=(_ROW,))
    taken = fills.accepted.select(pl.col(_ROW).cast(pl.UInt32), pl.col("side").alias(_SIGN))
    good = numbered.join(taken, on=_ROW, how="inner", maintain_order="left")
    # One way of writing, so that the files of several brokers are one table.
    side = pl.when(pl.col(_SIGN) > 0).then(pl.lit("buy")).otherwise(pl.lit("sell"))
    one_way = good.with_columns(side=side, quantity=pl.col("quantity").abs()).drop(_ROW, _SIGN)
    rejected = tuple(
        Rejected(fill_id or symbol or "?", reason)
        for fill_id, symbol, reason in fills.rejected.select(
            "fill_id", "symbol", "reason"
        ).iter_rows()
    )
    return Checked(
        one_way.sort("ts", "fill_id", maintain_order=True),
        (*parsed.rejected, *rejected),
        len(parsed.frame) - len(distinct),
        len(distinct) - len(standing),
    )


def _standing(rows: pl.DataFrame) -> pl.DataFrame:
    """Without the rows whose id a later row of the same file corrects. A FIX
    correction in whose file its fill is names none any more: it is found."""
    corrects = pl.col(REPLACES) == pl.col("fill_id")
    if not rows.select(corrects.any()).item():
        return rows
    placed = rows.with_row_index(_ROW)
    last = pl.when(corrects).then(pl.col(_ROW)).max().over("fill_id")
    is_here = execution_ids.HAS_DAY & corrects & (~corrects.fill_null(False)).any().over("fill_id")
    found = placed.with_columns(last.alias(_LAST), is_here.alias(_IS_HERE)).filter(
        pl.col(_LAST).is_null() | (pl.col(_ROW) == pl.col(_LAST))
    )
    here = pl.when(pl.col(_IS_HERE))
    return found.with_columns(
        here.then(None).otherwise(REPLACES).alias(REPLACES),
        here.then(pl.lit(CORRECT)).otherwise("correction").alias("correction"),
    ).drop(_ROW, _LAST, _IS_HERE)
