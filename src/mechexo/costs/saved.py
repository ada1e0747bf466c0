"""What the state file keeps of costs: days by group, acknowledged exceptions."""

from __future__ import annotations

from datetime import datetime

from mechexo.costs.values import CostRow
from mechexo.value_classes import dataclass

DAY = "day"
"""The dimension whose one row of a day is the day's total."""


@dataclass(frozen=True, slots=True)
class SavedCost:
    """One group's costs on one session day, as they were computed last, and by what."""

    day: str
    """ISO date of the session day."""
    dimension: str
    """`day`, whose one row is the total, `symbol`, `hour`, ..."""
    row: CostRow
    """Its `key` is {dimension: the group}; its `few` is judged by the limit of today."""
    currency: str
    zone: str
    """The exchange's zone, whose days these are."""
    quote_rule: str
    parameters: str
    """Digest of every setting that shapes the figures (`costs/provenance.py`)."""
    data: str
    """Digest of the day's fills and their reference prices."""
    version: str
    """Of mechexo."""
    computed_at: datetime

    @property
    def key(self) -> str:
        """The group: a date, a symbol, an hour."""
        return self.row.key[self.dimension]


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """Somebody has looked at an exception of a fill."""

    fill_id: str
    kind: str
    acknowledged_at: datetime
    acknowledged_by: str
    note: str = ""
