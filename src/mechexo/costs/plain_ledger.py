"""What a second look at plain fills needs (`costs/plain_looks.py`), and where it waits for it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

import numpy as np
import polars as pl

from mechexo.costs.arrays import Array
from mechexo.costs.spool import RowsSpool
from mechexo.value_classes import dataclass


@dataclass(frozen=True, slots=True, eq=False)
class PlainRows:
    """Plain fills as arrays, one value each: a frame of them would be a copy."""

    cell: Array
    """Its place among the cells."""
    total_bps: Array
    notional: Array

    def __len__(self) -> int:
        return len(self.cell)


@dataclass(frozen=True, slots=True, eq=False)
class PlainLedger:
    """What a second look at plain fills needs."""

    cells: pl.DataFrame
    """The keys of each cell: of fills that are alike in all of them."""
    rows: PlainRows

    @classmethod
    def of(cls, parts: Sequence[PlainLedger]) -> PlainLedger:
        """Several as one."""
        if len(parts) == 1:
            return parts[0]
        cells = [each.cells for each in parts]
        before = accumulate(map(len, cells[:-1]), initial=0)
        rows = [each.rows for each in parts]
        cell = [each.cell + np.uint32(first) for each, first in zip(rows, before, strict=True)]
        return cls(
            pl.concat(cells),
            PlainRows(
                np.concatenate(cell),
                np.concatenate([each.total_bps for each in rows]),
                np.concatenate([each.notional for each in rows]),
            ),
        )


class PlainSpool(RowsSpool[PlainRows]):
    """A spool of the rows of days."""

    def _size_bytes(self, part: PlainRows) -> int:
        return part.cell.nbytes + part.total_bps.nbytes + part.notional.nbytes

    def _framed(self, part: PlainRows) -> pl.DataFrame:
        return pl.DataFrame(
            {"cell": part.cell, "total_bps": part.total_bps, "notional": part.notional}
        )

    def _of_frame(self, frame: pl.DataFrame) -> PlainRows:
        return PlainRows(*(frame[name].to_numpy() for name in ("cell", "total_bps", "notional")))
