"""The newest saved day of costs, from the table alone: for who asks often and must not compute."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from mechexo.costs import records
from mechexo.costs.saved import SavedCost
from mechexo.value_classes import dataclass

if TYPE_CHECKING:
    from mechexo.desk import Desk

GROUPINGS = ("symbol", "hour")


@dataclass(frozen=True, slots=True)
class NewestSaved:
    """A saved day: its total, and its groups by the name of their dimension."""

    total: SavedCost
    groups: Mapping[str, tuple[SavedCost, ...]]


def newest_saved(desk: Desk) -> NewestSaved | None:
    """The newest day that `mechexo costs --save` wrote; None when there is none."""
    days = records.newest_days(desk.state, before=None, limit=1)
    if not days:
        return None
    day = days[0].day
    return NewestSaved(
        days[0],
        {
            name: records.saved(desk.state, dimension=name, first=day, last=day)
            for name in GROUPINGS
        },
    )
