"""Where fills, quotes and what goes with them come from, behind one protocol."""

from __future__ import annotations

from mechexo.costs.sources.reading import (
    Rows,
    read_bars,
    read_fills,
    read_orders,
    read_quotes,
    read_rates,
    read_trades,
)

__all__ = [
    "Rows",
    "read_bars",
    "read_fills",
    "read_orders",
    "read_quotes",
    "read_rates",
    "read_trades",
]
