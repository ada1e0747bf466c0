"""Where fills and quotes come from: Parquet, CSV, SQLite, behind one protocol."""

from __future__ import annotations

from mechexo.costs.sources.reading import Rows, read_fills, read_quotes

__all__ = ["Rows", "read_fills", "read_quotes"]
