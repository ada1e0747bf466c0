"""How rollbacks went, for whoever tells of it afterwards."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from mechexo.rollback import run_records

if TYPE_CHECKING:
    from mechexo.desk import Desk
    from mechexo.rollback.values import Run


def runs_between(
    desk: Desk, start: datetime, end: datetime, most: int
) -> tuple[tuple[Run, ...], int, bool]:
    """The runs under way at any time from `start` to `end`, oldest first, with their steps, at most
    the first `most`; how many rows could not be read; and whether there were more."""
    return run_records.between(desk.state, start, end, most)


def last_change(desk: Desk) -> str:
    """Changes whenever a rollback takes a step or something is deployed. Cheap."""
    return run_records.last_change(desk.state)
