"""How fast alerts were acknowledged and resolved, and which keys were noisiest."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from mechexo.alerts import course_records
from mechexo.alerts.values import AnsweredAlert

if TYPE_CHECKING:
    from mechexo.desk import Desk


def answered(desk: Desk, start: datetime, end: datetime) -> tuple[tuple[AnsweredAlert, ...], int]:
    """The alerts that started from `start` to before `end`, oldest first; and how many rows could
    not be read. Notices are none."""
    with desk.state.explained():
        return course_records.answered(desk.state.reader(), start, end)


def noisiest_keys(
    desk: Desk, start: datetime, end: datetime, most: int
) -> tuple[tuple[str, int], ...]:
    """The keys that started most often from `start` to before `end`, and how often."""
    with desk.state.explained():
        return course_records.noisiest_keys(desk.state.reader(), start, end, most)
