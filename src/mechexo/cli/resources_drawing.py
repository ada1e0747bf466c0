"""A plot of values over time as plain text, for the command line. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from mechexo.resources.plot_values import PlotLine

Points = Sequence[tuple[datetime, float | None]]

ALONE = "•"
"""The sign of a series that has no other beside it; several have letters."""
_LINE = "╌"
_MARKS = {"warning": "▲", "critical": "✖"}


def mark_of(number: int, count: int) -> str:
    """The sign of one of `count` series."""
    return ALONE if count == 1 else chr(ord("a") + number % 26)


def draw(
    series: Sequence[Points],
    lines: Sequence[PlotLine],
    *,
    since: datetime,
    until: datetime,
    width: int,
    height: int,
    say: Callable[[float], str],
    zone: ZoneInfo,
) -> list[str]:
    """The plot with both axes in lines of about `width` signs; no line when nothing is known.

    Of the values that share a column all from the lowest to the highest are drawn, so that no spike
    is lost. A column without a value stays empty. A threshold is drawn where it does not flatten
    the values.

    Args:
        series: the points of each, oldest first.
        lines: the thresholds.
        since: the left edge.
        until: the right edge.
        width: signs in all.
        height: lines of the plot itself, at least two.
        say: how a value is written.
        zone: of the times below the plot.
    """
    known = [value for points in series for _, value in points if value is not None]
    if not known:
        return []
    drawn = [each for each in lines if _fits(each.value, min(known), max(known))]
    low, high = _range([*known, *(each.value for each in drawn)])
    label = max(len(say(value)) for value in (low, high, *(each.value for each in drawn)))
    columns = max(width - label - 5, 10)

    def row_of(value: float) -> int:
        return max(0, min(height - 1, round((value - low) / (high - low) * (height - 1))))

    grid = [[" "] * columns for _ in range(height)]
    labels = {0: say(low), height - 1: say(high)}
    marks: dict[int, str] = {}
    for each in drawn:
        row = row_of(each.value)
        grid[row] = [_LINE] * columns
        labels[row], marks[row] = say(each.value), _MARKS[each.severity]
    for number, points in enumerate(series):
        sign = mark_of(number, len(series))
        for column, (lowest, highest) in _columns(points, since, until, columns).items():
            for row in range(row_of(lowest), row_of(highest) + 1):
                grid[row][column] = sign
    shown = [
        f"{marks.get(row, ' ')} {labels.get(row, ''):>{label}} │{''.join(grid[row]).rstrip()}"
        for row in range(height - 1, -1, -1)
    ]
    return [*shown, *_axis(since, until, columns, " " * (label + 3), zone)]


def _fits(value: float, low: float, high: float) -> bool:
    span = (high - low) or abs(high) or 1.0
    return low - span <= value <= high + span


def _range(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    if low < high:
        return low, high
    half = abs(high) / 2 or 1.0
    # What cannot be below zero is not drawn on an axis that goes there.
    return (low - half if low else 0.0), high + half


def _columns(
    points: Points, since: datetime, until: datetime, columns: int
) -> dict[int, tuple[float, float]]:
    span = (until - since) or timedelta(seconds=1)
    found: dict[int, tuple[float, float]] = {}
    for at, value in points:
        if value is None or not since <= at <= until:
            continue
        column = min(int((at - since) / span * columns), columns - 1)
        lowest, highest = found.get(column, (value, value))
        found[column] = min(lowest, value), max(highest, value)
    return found


def _axis(since: datetime, until: datetime, columns: int, indent: str, zone: ZoneInfo) -> list[str]:
    form = "%H:%M" if until - since < timedelta(days=1) else "%m-%d %H:%M"
    left, right = (f"{at.astimezone(zone):{form}}" for at in (since, until))
    return [f"{indent}└{'─' * columns}", f"{indent} {left}{right:>{columns - len(left)}}"]
