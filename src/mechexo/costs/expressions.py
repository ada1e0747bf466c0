"""Expressions that are made again and again."""

from __future__ import annotations

from functools import lru_cache

import polars as pl


@lru_cache(maxsize=32)
def null_of(kind: pl.DataType) -> pl.Expr:
    """Null of a type. Files lack most of the columns that they may have, and Polars takes a while
    to make a constant."""
    return pl.lit(None, dtype=kind)
