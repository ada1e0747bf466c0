"""Fills that were taken back or corrected, in sources that keep both rows."""

from __future__ import annotations

from datetime import datetime, timedelta

import polars as pl

from mechexo.errors import ConfigError
from mechexo.value_classes import dataclass

EARLIER = timedelta(days=7)
"""How long before a fill the row that takes it back or corrects it is looked for: a correction may
give its trade an earlier time. After it there is no such limit."""

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


def is_marked() -> pl.Expr:
    """Whether a row takes a fill back or corrects it, or says something of it that is not known."""
    words = pl.col("correction").cast(pl.String).str.strip_chars().str.to_lowercase()
    return words.is_not_null() & ~words.is_in(list(_WORDS[None]))


@dataclass(frozen=True, slots=True)
class Corrections:
    """Which fills are taken back or corrected, on whatever day that was said."""

    touched: pl.DataFrame
    """fill_id (each once), _taken_back, _corrected, and _corrected_at: when its last correction is;
    null also when that has no readable time. A desk's own column has no such name."""

    @classmethod
    def of(cls, marked: pl.DataFrame) -> Corrections:
        """What rows say that take back or correct: fill_id, ts, correction, in their order.

        Raises:
            ConfigError: a correction cannot be read.
        """
        kinds = marked.with_columns(kinds_of_correction(marked["correction"]).alias("correction"))
        is_correction = pl.col("correction") == CORRECT
        return cls(
            kinds.filter(pl.col("fill_id").is_not_null())
            .group_by("fill_id")
            .agg(
                _taken_back=(pl.col("correction") == BUST).any(),
                _corrected=is_correction.any(),
                _corrected_at=pl.col("ts").filter(is_correction).last(),
            )
        )

    def standing(
        self, rows: pl.DataFrame, start: datetime, end: datetime, *, timeless: bool = True
    ) -> pl.DataFrame:
        """The fills that stand of a window's rows: without those taken back, and of a corrected one
        only its last correction, if that is in the window.

        Args:
            rows: of the window, in the order of the source, with a column correction.
            start: of the window.
            end: of the window.
            timeless: whether rows without a readable time are of this window.

        Raises:
            ConfigError: a correction cannot be read.
        """
        kinds = kinds_of_correction(rows["correction"])
        if kinds.null_count() == len(kinds) and self.touched.is_empty():
            return rows.drop("correction")
        marked = rows.with_columns(
            kinds.alias("correction"), pl.int_range(pl.len()).alias("_place")
        )
        last = (
            marked.filter(pl.col("correction") == CORRECT)
            .group_by("fill_id")
            .agg(pl.col("_place").max().alias("_last"))
        )
        at = pl.col("_corrected_at")
        here = ((at >= start) & (at < end)).fill_null(timeless)
        is_last = (here & (pl.col("_place") == pl.col("_last"))).fill_null(False)
        stands = is_last | ~pl.col("_corrected").fill_null(False)
        taken_back = pl.col("_taken_back").fill_null(False)
        is_bust = (pl.col("correction") == BUST).fill_null(False)
        return (
            marked.join(last, on="fill_id", how="left", maintain_order="left")
            .join(self.touched, on="fill_id", how="left", maintain_order="left")
            .filter(stands & ~taken_back & ~is_bust)
            .select(name for name in rows.columns if name != "correction")
        )
