"""Which row of a history was the last at a moment, when clocks may have been set back. Pure.

The order of the rows is that of their numbers; their times only say where a moment falls. A time
that the clock passed twice means two states, and naming one of them would be a guess.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from mechexo.errors import UsageError
from mechexo.times import iso_z
from mechexo.value_classes import dataclass

SLEW = timedelta(seconds=1)
"""A smaller step back is a clock being kept right, or two writers at one moment: it matters only
to a moment inside it."""


class Row(NamedTuple):  # there may be very many
    """A row of the history, less its values. `how` is as in `FlagEvent`."""

    seq: int
    at: datetime
    how: str


@dataclass(frozen=True, slots=True)
class Picked:
    """The last row at a moment, and the `begin` of the stretch of tracking that it is in."""

    seq: int
    begin: int
    began: datetime


def picked(rows: Sequence[Row], moment: datetime) -> Picked:
    """The last row at `moment` (a row of just that time included); `rows` are all, by `seq`.

    Raises:
        UsageError: the moment lies before tracking began or in a gap of it, or the clock was set
            back so that the moment may have been there twice.
    """
    last = max((at for at, row in enumerate(rows) if row.at <= moment), default=-1)
    if last < 0:
        began = f"begins {iso_z(rows[0].at)}" if rows else "is empty"
        raise UsageError(f"{iso_z(moment)} lies before the flags' history, which {began}")
    _refuse_two_readings(rows, last, moment)
    begin = max((at for at in range(last + 1) if rows[at].how == "begin"), default=-1)
    row = rows[last]
    following = rows[last + 1] if last + 1 < len(rows) else None
    if row.how == "end" or begin < 0:
        until = f"from {iso_z(row.at)}" + (f" to {iso_z(following.at)}" if following else " on")
        raise UsageError(f"flags were not tracked {until}: what they were is not known")
    if following is not None and following.how == "begin":
        raise UsageError(
            f"the tracking of flags was interrupted some time between {iso_z(row.at)} and "
            f"{iso_z(following.at)}: what they were at {iso_z(moment)} is not known"
        )
    return Picked(row.seq, rows[begin].seq, rows[begin].at)


def _refuse_two_readings(rows: Sequence[Row], last: int, moment: datetime) -> None:
    """Raises when the clock may have shown the moment twice: rows before it are later than it or
    than the last one, or the clock was set back after it."""
    back: Row | None = None
    for row in rows[:last]:
        if row.at > moment or row.at - rows[last].at >= SLEW:
            back = row
    for one, other in zip(rows[last:], rows[last + 1 :], strict=False):
        if one.at - other.at >= SLEW:
            back = one
    if back is not None:
        raise UsageError(
            f"the clock of the flags' history was set back after {iso_z(back.at)} (row {back.seq}),"
            f" so {iso_z(moment)} may mean two moments; name values instead: mechexo flags history"
        )
