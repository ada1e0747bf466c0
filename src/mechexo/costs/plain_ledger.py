"""What a second look at plain fills needs (`costs/plain_looks.py`), and where it waits for it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from mechexo.costs.spool import Spool

Array = NDArray[Any]


@dataclass(frozen=True, slots=True, eq=False)
class PlainRows:
    """Plain fills as arrays, one value each: a frame of them would be a copy."""

    cell: Array
    """Its place among the cells."""
    total_bps: Array
    notional: Array

    def __len__(self) -> int:
        return len(self.cell)

    @property
    def size_bytes(self) -> int:
        """What they take in memory."""
        return self.cell.nbytes + self.total_bps.nbytes + self.notional.nbytes

    def frame(self) -> pl.DataFrame:
        """The same as columns of these names."""
        return pl.DataFrame(
            {"cell": self.cell, "total_bps": self.total_bps, "notional": self.notional}
        )

    @classmethod
    def of_frame(cls, frame: pl.DataFrame) -> PlainRows:
        """Those of such a frame."""
        return cls(*(frame[name].to_numpy() for name in ("cell", "total_bps", "notional")))


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


class PlainSpool:
    """Rows that wait: as arrays while they fit into memory, then in files (`costs/spool.py`).
    `close` it."""

    def __init__(self, memory_mb: int) -> None:
        self._room = memory_mb * 1_000_000
        self._rows: list[PlainRows | None] = []
        """None stands for the next ones in a file."""
        self._files = Spool(0)

    def add(self, rows: PlainRows) -> None:
        """Appends the rows of a day.

        Raises:
            UnreachableError: they fit neither into memory nor onto the disk.
        """
        if rows.size_bytes <= self._room:
            self._room -= rows.size_bytes
            self._rows.append(rows)
        else:
            self._files.add(rows.frame())
            self._rows.append(None)

    def __iter__(self) -> Iterator[PlainRows]:
        filed = map(PlainRows.of_frame, self._files)
        for each in self._rows:
            yield next(filed) if each is None else each

    def close(self) -> None:
        """Lets go of all rows, and of their files."""
        self._rows.clear()
        self._files.close()
