"""A plot of values over time as lines of text: several series, a unit, thresholds, gaps as gaps.

Nothing is told by colour alone: each series has a sign of its own, a threshold its glyph and word.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from statistics import median
from typing import TYPE_CHECKING

from mechexo.value_classes import dataclass
from mechexo_tui.time_axis import time_axis
from mechexo_tui.widgets import format as shown_as
from mechexo_tui.widgets.format import UNICODE
from mechexo_tui.widgets.lines import Line, cropped, cut, fitted, width_of, wrapped

if TYPE_CHECKING:
    from mechexo_tui.widgets.format import Look

Point = tuple[datetime, float | None]
"""A moment and the value then; None where it is known to be missing."""

FEWEST = 12
"""Cells that a plot needs; below that only its words are shown."""

GAP_AFTER = 3
"""So many usual intervals without a value are a gap."""

_STYLES = ("accent", "unknown", "", "bold", "dim")
_BRAILLE = ((0x40, 0x80), (0x04, 0x20), (0x02, 0x10), (0x01, 0x08))
"""The dots of a cell from its lowest row up, left and right."""
_SUFFIXES = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))

Figure = Callable[[float], str]


@dataclass(frozen=True, slots=True)
class Series:
    """Values over time, oldest first."""

    name: str
    points: Sequence[Point]
    joined: bool = True
    """Whether a line joins them."""


@dataclass(frozen=True, slots=True)
class Threshold:
    """A value from which on a status holds."""

    value: float
    severity: str
    """`warning` or `critical`."""
    below: bool = False
    """Whether the values below it are the bad ones."""


def time_plot(
    title: str,
    series: Sequence[Series],
    look: Look,
    *,
    start: datetime,
    end: datetime,
    height: int = 8,
    unit: str = "",
    thresholds: Sequence[Threshold] = (),
    gap: timedelta | None = None,
    from_zero: bool = False,
    figure: Figure | None = None,
) -> list[Line]:
    """A title, the plot with its two axes, and a legend with the newest values.

    Args:
        title: what is shown.
        series: at most five are told apart by their signs; further ones share these.
        look: the width (any), the desk's zone, the glyphs.
        start: the left edge.
        end: the right edge.
        height: lines of the plot itself, at least one.
        unit: of all values, such as `%`, `s`, `bytes`.
        thresholds: lines across, with the severity in words. One so far off that it would flatten
            the values is only named.
        gap: without a value for longer than this the line is broken; by default after three of a
            series' usual intervals.
        from_zero: whether the axis begins at zero although all values are above it.
        figure: how a value is written, without its unit.

    Returns:
        lines of at most `look.width` cells.
    """
    say = figure or compact
    inside = [replace(each, points=_within(each.points, start, end)) for each in series]
    known = [value for each in inside for _, value in each.points if value is not None]
    head: Line = ((f" {title}", "title"), (f"  in {unit}" if unit else "", "dim"))
    if not known:
        said = [((f"  {text}", "dim"),) for text in _nothing(inside, start, end, look)]
        return [cropped(line, look.width) for line in (head, *said)]
    drawn = _drawn(known, thresholds)
    low, high = _range(known, drawn, from_zero=from_zero)
    labels = [say(low), say(high), *(_threshold_label(each, say, look) for each in drawn)]
    label = max(map(width_of, labels))
    room = look.width - label - 4
    lines = [head]
    if room >= FEWEST:
        rows = _painted(inside, drawn, look, (start, end), (low, high), (room, height), gap)
        names = _names(drawn, say, look, (low, high), height)
        axis = look.glyphs.axis
        for row, spans in enumerate(rows):
            text, style = names.get(height - 1 - row, ("", "dim"))
            lines.append(
                ((f"  {fitted(text, label, right=True)}", style), (f" {axis}", "dim"), *spans)
            )
        indent = " " * (label + 4)
        lines += [((indent + text, "dim"),) for text in time_axis(start, end, room, look)]
    lines += _legend(inside, look, unit, say)
    lines += _judgements(inside, thresholds, drawn, look, unit, say)
    return [cropped(line, look.width) for line in lines]


def compact(value: float) -> str:
    """A number in few cells: `0.25`, `12.5`, `340`, `1.5k`, `2.3G`."""
    size = abs(value)
    for factor, suffix in _SUFFIXES:
        if size >= 0.9995 * factor:
            small = size < 999.5 * factor
            return f"{value / factor:.3g}{suffix}" if small else f"{value:.2e}"
    if size >= 100 or value == round(value):
        return f"{value:.0f}"
    return f"{value:.3g}"


def _within(points: Sequence[Point], start: datetime, end: datetime) -> list[Point]:
    """The points inside, what is no number as missing."""
    return [
        (at, value if value is not None and math.isfinite(value) else None)
        for at, value in points
        if start <= at <= end
    ]


def _nothing(series: Sequence[Series], start: datetime, end: datetime, look: Look) -> Sequence[str]:
    names = ", ".join(each.name for each in series if each.name)
    of = f" of {names}" if names else ""
    between = f"from {shown_as.moment(start, look)} to {shown_as.moment(end, look)}"
    return wrapped(f"no value{of} {between}", look.width - 3)


def _drawn(known: Sequence[float], thresholds: Sequence[Threshold]) -> list[Threshold]:
    """The thresholds that leave the values at least half of the height."""
    low, high = min(known), max(known)
    span = (high - low) or abs(high) or 1.0
    return [each for each in thresholds if low - span <= each.value <= high + span]


def _range(
    known: Sequence[float], drawn: Sequence[Threshold], *, from_zero: bool
) -> tuple[float, float]:
    values = [*known, *(each.value for each in drawn), *([0.0] if from_zero else [])]
    low, high = min(values), max(values)
    if low == high:  # a flat line stands in the middle
        half = abs(high) / 2 or 1.0
        return (low - half if low else -half), high + half
    return low, high


def _painted(
    series: Sequence[Series],
    thresholds: Sequence[Threshold],
    look: Look,
    times: tuple[datetime, datetime],
    values: tuple[float, float],
    size: tuple[int, int],
    gap: timedelta | None,
) -> list[list[tuple[str, str]]]:
    """The rows of the plot from the top, as spans."""
    width, height = size
    # A single dot of a cell is hard to see; a line of them is not.
    many = sum(value is not None for one in series for _, value in one.points) >= FEWEST
    fine = look.glyphs.marks == UNICODE.marks and len(series) == 1 and many
    across, up = (2, 4) if fine else (1, 1)
    cells: dict[tuple[int, int], tuple[str, str]] = {}
    for each in thresholds:
        row = _row(each.value, values, height)
        style = _style(each)
        cells |= {(column, row): (look.glyphs.dashes, style) for column in range(width)}
    taken: dict[tuple[int, int], int] = {}
    for number, one in enumerate(series):
        longest = (gap or _usual_gap(one.points)) if one.joined else None
        traced = _traced(one.points, times, values, (width * across, height * up), longest)
        dots: dict[tuple[int, int], int] = {}
        for column, (lowest, highest) in traced.items():
            for row in range(lowest, highest + 1):
                at = column // across, row // up
                dots[at] = dots.get(at, 0) | (_BRAILLE[row % up][column % across] if fine else 0)
        sign = look.glyphs.marks[number % len(look.glyphs.marks)]
        for at, pattern in dots.items():
            text = chr(0x2800 + pattern) if fine else sign
            style = _STYLES[number % len(_STYLES)]
            middle = values[0] + (at[1] / max(1, height - 1)) * (values[1] - values[0])
            worst = _worst(middle, thresholds)
            style = _style(worst) if worst else style
            cells[at] = (look.glyphs.several if at in taken else text, style)
            taken[at] = number
    return [
        _spans([cells.get((column, row), (" ", "")) for column in range(width)])
        for row in range(height - 1, -1, -1)
    ]


def _traced(
    points: Sequence[Point],
    times: tuple[datetime, datetime],
    values: tuple[float, float],
    size: tuple[int, int],
    longest: timedelta | None,
) -> dict[int, tuple[int, int]]:
    """The lowest and the highest row of a line in each column that it passes, so that no spike is
    lost however many values share a column."""
    columns, rows = size
    span_s = (times[1] - times[0]).total_seconds() or 1.0
    found: dict[int, tuple[int, int]] = {}

    def mark(column: int, one: int, other: int) -> None:
        lowest, highest = found.get(column, (one, one))
        found[column] = min(lowest, one, other), max(highest, one, other)

    before: tuple[datetime, int, int] | None = None
    for at, value in points:
        if value is None:
            before = None
            continue
        column = min(columns - 1, int((at - times[0]).total_seconds() / span_s * columns))
        row = _row(value, values, rows)
        mark(column, row, row)
        if before is not None and longest is not None and at - before[0] <= longest:
            _join(before[1:], (column, row), mark)
        before = at, column, row
    return found


def _join(
    one: tuple[int, int], other: tuple[int, int], mark: Callable[[int, int, int], None]
) -> None:
    """Marks the cells between two points, column by column without a hole."""
    steps = other[0] - one[0]
    last = one[1]
    for step in range(1, steps + 1):
        row = round(one[1] + (other[1] - one[1]) * step / steps)
        # Half of a steep rise belongs to the column before.
        middle = (last + row) // 2
        mark(one[0] + step - 1, last, middle)
        mark(one[0] + step, middle, row)
        last = row


def _usual_gap(points: Sequence[Point]) -> timedelta:
    """Three of the usual intervals between values."""
    known = [at for at, value in points if value is not None]
    steps = [(b - a).total_seconds() for a, b in itertools.pairwise(known)]
    return timedelta(seconds=GAP_AFTER * median(steps)) if steps else timedelta(0)


def _row(value: float, values: tuple[float, float], rows: int) -> int:
    """The row of a value, counted from the lowest one."""
    share = (value - values[0]) / (values[1] - values[0])
    return max(0, min(rows - 1, round(share * (rows - 1))))


def _spans(cells: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Cells of one style in a row as one span."""
    spans: list[tuple[str, str]] = []
    for text, style in cells:
        if spans and spans[-1][1] == style:
            spans[-1] = (spans[-1][0] + text, style)
        else:
            spans.append((text, style))
    return spans


def _style(threshold: Threshold) -> str:
    return "critical" if threshold.severity == "critical" else "warning"


def _beyond(value: float, threshold: Threshold) -> bool:
    return value <= threshold.value if threshold.below else value >= threshold.value


def _worst(value: float, thresholds: Sequence[Threshold]) -> Threshold | None:
    """The worst threshold that a value is beyond."""
    met = [each for each in thresholds if _beyond(value, each)]
    return max(met, key=lambda each: each.severity == "critical") if met else None


def _threshold_label(threshold: Threshold, say: Figure, look: Look) -> str:
    return f"{shown_as.status_glyph(threshold.severity, look.glyphs)[0]} {say(threshold.value)}"


def _names(
    thresholds: Sequence[Threshold],
    say: Figure,
    look: Look,
    values: tuple[float, float],
    height: int,
) -> dict[int, tuple[str, str]]:
    """What stands beside the rows, counted from the lowest: the ends, and the thresholds."""
    names = {height - 1: (say(values[1]), "dim")}
    if height > 1:
        names[0] = (say(values[0]), "dim")
    if height >= 5 and height % 2:
        names[height // 2] = (say((values[0] + values[1]) / 2), "dim")
    for each in sorted(thresholds, key=lambda each: each.severity == "critical"):
        names[_row(each.value, values, height)] = (_threshold_label(each, say, look), _style(each))
    return names


def _legend(series: Sequence[Series], look: Look, unit: str, say: Figure) -> list[Line]:
    """Each series with its sign and its newest value; that this is missing is said."""
    lines: list[Line] = []
    for number, each in enumerate(series):
        sign = look.glyphs.marks[number % len(look.glyphs.marks)]
        known = [value for _, value in each.points if value is not None]
        if not known:
            said = "no value"
        else:
            newest = each.points[-1][1]
            now = "missing now" if newest is None else f"{say(newest)}{_unit(unit)}"
            said = now
            if min(known) < max(known):
                said += f", from {say(min(known))} to {say(max(known))}"
        mark = f"{sign} " if len(series) > 1 else ""
        style = _STYLES[number % len(_STYLES)]
        name = cut(each.name, max(8, look.width - 30), mark=look.glyphs.cut)
        lines.append(((f"  {mark}{name}", style), (f"  {said}", "")))
    return lines


def _judgements(
    series: Sequence[Series],
    thresholds: Sequence[Threshold],
    drawn: Sequence[Threshold],
    look: Look,
    unit: str,
    say: Figure,
) -> list[Line]:
    """Each threshold in words, with the series that are beyond it now."""
    lines: list[Line] = []
    for each in thresholds:
        word, style = shown_as.status(each.severity, look.glyphs)
        where = "from" if not each.below else "down from"
        beyond = [
            one.name
            for one in series
            if one.points and (value := one.points[-1][1]) is not None and _beyond(value, each)
        ]
        said = f"  {where} {say(each.value)}{_unit(unit)}"
        if beyond:
            said += f": {', '.join(beyond)} now"
        elif each not in drawn:
            said += ", outside of what is drawn"
        lines.append(((f"  {word}", style if beyond else "dim"), (said, "" if beyond else "dim")))
    return lines


def _unit(unit: str) -> str:
    return "" if not unit else unit if unit == "%" else f" {unit}"
