"""Rows of market data that can be read, and how many cannot: for want of a time, of a symbol, or of
a number where something else stands.

A price that is not there is no such want: an empty one withdraws a quote (`costs/quotes.py`). One
that says something, and no number, says nothing of the market: its row is left out and counted.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

import polars as pl

from mechexo.costs.sources.columns import Columns, typed
from mechexo.costs.sources.protocol import RawTable, Window

PRICES: Mapping[str, tuple[str, ...]] = {
    "quote_columns": ("bid", "ask"),
    "trade_columns": ("price",),
    "bar_columns": ("high", "low", "close"),
    "rate_columns": ("rate",),
}
"""The numbers without which a row says nothing, by the setting of its columns. What is wrong with
fills and orders is told of each by itself."""
NO_NUMBER = "not a number"
"""The helper column that marks rows in which something else stands for a price."""
_NOTHING = ("", "null")
"""What may stand where there is no number."""


def readable(
    table: RawTable,
    columns: Columns,
    mapping: Mapping[str, str],
    naive_zone: str | None,
    window: Window,
) -> tuple[pl.LazyFrame, frozenset[str]]:
    """As `columns.typed`, without the rows in which a price is no number.

    Raises:
        As `typed`.
    """
    if not _prices_as_text(table, columns, mapping):
        return typed(table, columns, mapping, naive_zone, window)
    rows, present = marked(table, columns, mapping, naive_zone, window)
    return rows.filter(~pl.col(NO_NUMBER)).drop(NO_NUMBER), present


def marked(
    table: RawTable,
    columns: Columns,
    mapping: Mapping[str, str],
    naive_zone: str | None,
    window: Window,
) -> tuple[pl.LazyFrame, frozenset[str]]:
    """As `columns.typed`, with `NO_NUMBER`: whether something else stands for a price.

    Raises:
        As `typed`.
    """
    texts = _prices_as_text(table, columns, mapping)
    rows, present = typed(table, _as_text(columns, texts), mapping, naive_zone, window)
    return rows.with_columns(_no_number(texts).alias(NO_NUMBER), *map(_number, texts)), present


def not_readable(
    table: RawTable,
    columns: Columns,
    mapping: Mapping[str, str],
    naive_zone: str | None,
    window: Window,
) -> pl.LazyFrame:
    """How many rows of a window cannot be read, those without a symbol included: one row, `len`. A
    row without a time is of every window.

    Raises:
        As `typed`.
    """
    texts = _prices_as_text(table, columns, mapping)
    of = "symbol" if "symbol" in columns.kinds else "currency"
    if window.symbols is not None and of == "symbol":
        table = _of_these_or_none(table, window.symbols, mapping.get(of, of))
    if not texts:
        table = _suspected(table, of, mapping)
    rows, _ = typed(
        table, _as_text(columns, texts), mapping, naive_zone, replace(window, symbols=None)
    )
    nameless = pl.col(of).is_null() | (pl.col(of) == "")
    if window.symbols is not None and of == "symbol":
        rows = rows.filter(nameless | pl.col(of).is_in(list(window.symbols)))
    return rows.filter(pl.col("ts").is_null() | nameless | _no_number(texts)).select(pl.len())


def _no_number(names: Collection[str]) -> pl.Expr:
    """Whether one of these texts says something, and no number."""

    def says_none(name: str) -> pl.Expr:
        text = pl.col(name).str.strip_chars()
        says = ~text.str.to_lowercase().is_in(list(_NOTHING))
        return (says & text.cast(pl.Float64, strict=False).is_null()).fill_null(False)

    return pl.any_horizontal(pl.lit(False), *map(says_none, names))


def _number(name: str) -> pl.Expr:
    return pl.col(name).str.strip_chars().cast(pl.Float64, strict=False)


def _prices_as_text(
    table: RawTable, columns: Columns, mapping: Mapping[str, str]
) -> tuple[str, ...]:
    prices = PRICES.get(columns.setting, ())
    if not prices:
        return ()
    schema = table.frame.collect_schema()
    return tuple(name for name in prices if schema.get(mapping.get(name, name)) == pl.String)


def _as_text(columns: Columns, names: Collection[str]) -> Columns:
    needed = {name: "text" if name in names else kind for name, kind in columns.needed.items()}
    optional = {name: "text" if name in names else kind for name, kind in columns.optional.items()}
    return replace(columns, needed=needed, optional=optional)


def _of_these_or_none(table: RawTable, symbols: tuple[str, ...], name: str) -> RawTable:
    """The table's rows of some symbols, and those without one; what is kept by symbol is not opened
    for another."""
    schema = table.frame.collect_schema()
    if name not in schema and table.constants.get(name) not in (None, "", *symbols):
        return replace(table, frame=table.frame.head(0))
    if schema.get(name) != pl.String:
        return table
    wanted = pl.col(name).is_in(["", *symbols]) | pl.col(name).is_null()
    return replace(table, frame=table.frame.filter(wanted))


def _suspected(table: RawTable, of: str, mapping: Mapping[str, str]) -> RawTable:
    """The table's rows that may be among those, where its own columns tell: a file's statistics
    then spare reading the others."""
    schema = table.frame.collect_schema()
    ts, name = mapping.get("ts", "ts"), mapping.get(of, of)
    kind = schema.get(ts)
    if not isinstance(kind, pl.Datetime) or kind.time_zone is None or name not in schema:
        return table
    lacking = pl.col(ts).is_null() | pl.col(name).is_null()
    if schema[name] == pl.String:
        lacking |= pl.col(name) == ""
    return replace(table, frame=table.frame.filter(lacking))
