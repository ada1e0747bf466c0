"""Whether two days use one fill id, found out of days that are read one by one.

Ids that grow from day to day lie apart: that their ends say. Only from the first day on whose ids
lie among those of another day are all of them kept, as hashes; the days before it, mostly one or
two, are read again.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterator
from itertools import chain, pairwise
from typing import TYPE_CHECKING

from mechexo.costs.spool import Spool

if TYPE_CHECKING:
    import polars as pl

    from mechexo.costs.day_pricing import DayPart
    from mechexo.costs.engine import Day
    from mechexo.costs.engine_fills import AllFills, FillsByDay


class DayIds:
    """The ids of the days so far; `close` it."""

    def __init__(self, memory_mb: int) -> None:
        self._memory_mb = memory_mb
        self._kept, self._read_again = Spool(memory_mb // 32), Spool(memory_mb // 32)
        self._ends: list[tuple[str, str]] = []
        self._apart = True
        self._left_out = 0
        """How many days came while all lay apart."""

    def __iter__(self) -> Iterator[pl.DataFrame]:
        return chain(self._read_again, self._kept)

    def close(self) -> None:
        """Lets go of them."""
        self._kept.close()
        self._read_again.close()

    def add(self, part: DayPart) -> None:
        """Adds a day."""
        if part.id_range is not None and self._apart:
            insort(self._ends, part.id_range)
            self._apart = all(one[1] < other[0] for one, other in pairwise(self._ends))
        if self._apart:
            self._left_out += 1
        else:
            self._kept.add(part.ids.alias("hash").to_frame())

    def used_before(self, fills: AllFills | FillsByDay, days: tuple[Day, ...]) -> FillsByDay | None:
        """The fills knowing which ids are used on two of their days; None when none is, or all were
        read at once.

        Raises:
            ConfigError, UnreachableError: as `FillsByDay.of`.
        """
        from mechexo.costs.engine_fills import FillsByDay, used_before

        if not isinstance(fills, FillsByDay) or fills.used or self._apart:
            return None
        for day in days[: self._left_out]:
            ids = fills.of(day).accepted["fill_id"]
            self._read_again.add(ids.hash().alias("hash").to_frame())
        return used_before(fills, days, self, self._memory_mb)
