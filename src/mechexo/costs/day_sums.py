"""What the days of a period add up to, as they come, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any

from mechexo.costs.coverage import merged_coverage
from mechexo.costs.values import Coverage, Sensitivity

if TYPE_CHECKING:
    import polars as pl

    from mechexo.costs.day_pricing import DayPart, DayPricing
    from mechexo.costs.engine import Day
    from mechexo.costs.engine_fills import FillsByDay
    from mechexo.costs.merging import Partial, Question
    from mechexo.costs.plain_ledger import PlainLedger
    from mechexo.costs.rules import QuoteRule

LEDGER_SHARE = 8
"""The part of the memory in which fills wait for the second look; the others wait on the disk."""
_MERGED_AT_ONCE = 16
"""How many parts of days wait until they are merged."""
_ASIDE_AT_ONCE = 100_000
"""How many fills that were set aside wait until they are looked at."""


class Sums:
    """What the days so far add up to. A context manager."""

    def __init__(self, question: Question, rule: QuoteRule, memory_mb: int) -> None:
        from mechexo.costs.day_ids import DayIds
        from mechexo.costs.plain_ledger import PlainSpool
        from mechexo.costs.spool import Spool

        self.question, self._rule = question, rule
        self._aside: list[pl.DataFrame] = []
        room = memory_mb // LEDGER_SHARE
        self.ledgers, self._ids = Spool(room // 2), DayIds(memory_mb)
        self._plain = PlainSpool(room)
        self._cells: list[pl.DataFrame] = []
        self._waiting: list[Partial] = []
        self.coverages: list[Coverage] = []
        self.residual_bps: float | None = None
        self.newest_fill_at: datetime | None = None
        self.newest_quote_at: datetime | None = None
        self.columns: tuple[str, ...] = ()
        self._others: dict[str, tuple[int, float, float]] = {}

    def __enter__(self) -> Sums:
        from mechexo.costs.scratch import remove_left_behind

        remove_left_behind()
        return self

    def __exit__(self, *_error: object) -> None:
        for spool in (self.ledgers, self._ids, self._plain):
            spool.close()

    def add(self, part: DayPart) -> None:
        """Adds a day."""
        if part.aside is not None:
            self._aside.append(part.aside)
        # What is listed is listed in the order of the days.
        listed = part.coverage.unpriced_count + part.coverage.suspect_count
        if listed or sum(map(len, self._aside)) > _ASIDE_AT_ONCE:
            self.finish()
        self._waiting += part.partials
        if len(self._waiting) >= _MERGED_AT_ONCE:
            self._waiting = [self.merged()]
        if part.ledger is not None:
            self.ledgers.add(part.ledger)
        if part.plain is not None:
            self._plain.add(part.plain.rows)
            self._cells.append(part.plain.cells)
        self._ids.add(part)
        self.coverages = [merged_coverage([*self.coverages, part.coverage])]
        self.columns = part.columns
        self.residual_bps = _larger(self.residual_bps, part.residual_bps)
        self.newest_fill_at = _larger(self.newest_fill_at, part.newest_fill_at)
        self.newest_quote_at = _larger(self.newest_quote_at, part.newest_quote_at)
        for each in part.others:
            priced, slippage, notional = self._others.get(each.rule, (0, 0.0, 0.0))
            self._others[each.rule] = (
                priced + each.priced,
                slippage + each.slippage_ccy,
                notional + each.notional,
            )

    def finish(self) -> None:
        """Adds what waits for other days."""
        import polars as pl

        from mechexo.costs.day_aside import sums_aside

        if self._aside:
            partial, coverage = sums_aside(pl.concat(self._aside), self._rule, self.question)
            self._waiting.append(partial)
            self.coverages = [merged_coverage([*self.coverages, coverage])]
            self._aside = []

    def plain_ledgers(self) -> Iterator[PlainLedger]:
        """What a second look at plain fills needs, day by day."""
        from mechexo.costs.plain_ledger import PlainLedger

        return map(PlainLedger, self._cells, self._plain)

    def merged(self) -> Partial:
        """All days together."""
        from mechexo.costs.merging import merge

        return merge(self._waiting, self.question)

    def ids_used_before(self, pricing: DayPricing, days: tuple[Day, ...]) -> FillsByDay | None:
        """See `costs.day_ids.DayIds.used_before`."""
        return self._ids.used_before(pricing.fills, days)

    def sensitivity(self) -> tuple[Sensitivity, ...]:
        """The slippage under the other rules."""
        return tuple(
            Sensitivity(rule, priced, 1e4 * slippage / notional if notional else None)
            for rule, (priced, slippage, notional) in self._others.items()
        )


def _larger(one: Any, other: Any) -> Any:
    return max((each for each in (one, other) if each is not None), default=None)
