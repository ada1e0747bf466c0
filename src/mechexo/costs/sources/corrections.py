"""Fills that were taken back or corrected, in sources that keep both rows."""

from __future__ import annotations

import polars as pl

from mechexo.errors import ConfigError

BUST, CORRECT = "bust", "correct"
_WORDS = {
    BUST: (BUST, "busted", "cancel", "canceled", "cancelled", "trade_cancel", "reversal", "h"),
    CORRECT: (CORRECT, "corrected", "correction", "amend", "amended", "trade_correct", "g"),
    None: ("", "new", "trade", "fill", "none", "f", "0", "false"),
}
_KINDS = {word: kind for kind, words in _WORDS.items() for word in words}


def kinds_of_correction(column: pl.Series) -> pl.Series:
    """`bust`, `correct`, or null for a plain fill.

    Raises:
        ConfigError: a value says neither; taken for a plain fill it could be counted twice.
    """
    words = column.cast(pl.String).str.strip_chars().str.to_lowercase().str.replace_all(" ", "_")
    unknown = words.filter(words.is_not_null() & ~words.is_in(list(_KINDS)))
    if len(unknown):
        raise ConfigError(
            f"[costs.fill_columns] correction: {unknown[0]!r} is no correction; known: "
            f"{', '.join(_WORDS[BUST][:3])} and {', '.join(_WORDS[CORRECT][:3])}"
        )
    return words.replace_strict(_KINDS, default=None, return_dtype=pl.String)


def without_corrected(rows: pl.DataFrame) -> pl.DataFrame:
    """The fills that stand: without those taken back, and of a corrected one only its last
    correction. Without a column `correction`, all rows.

    Raises:
        ConfigError: a correction cannot be read.
    """
    if "correction" not in rows.columns:
        return rows
    kinds = kinds_of_correction(rows["correction"])
    if kinds.null_count() == len(kinds):
        return rows.drop("correction")
    place = pl.int_range(pl.len())
    marked = rows.with_columns(kinds.alias("correction"), place.alias("_place"))
    busted = marked.filter(pl.col("correction") == BUST)["fill_id"].drop_nulls()
    last = (
        marked.filter(pl.col("correction") == CORRECT)
        .group_by("fill_id")
        .agg(pl.col("_place").max().alias("_last"))
    )
    joined = marked.join(last, on="fill_id", how="left", maintain_order="left")
    stands = pl.col("_last").is_null() | (pl.col("_place") == pl.col("_last"))
    taken_back = pl.col("fill_id").is_in(busted.implode()).fill_null(False)
    is_bust = (pl.col("correction") == BUST).fill_null(False)
    return joined.filter(stands & ~taken_back & ~is_bust).drop("correction", "_place", "_last")
