"""The axis of time under a plot: as many moments in the desk's zone as there is room for."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mechexo_tui.widgets.format import Look

_STEPS_MIN = (1, 2, 5, 10, 15, 30, 60, 120, 180, 240, 360, 720)
_STEPS_DAYS = (1, 2, 7, 14, 28, 56, 112, 365)
_DAY_MIN = 24 * 60
_LABEL = 5
"""Cells of a label, be it 09:30 or 11-27."""
_APART = 4


def time_axis(start: datetime, end: datetime, width: int, look: Look) -> tuple[str, str]:
    """A rule with a tick at each label, and the labels: times of day (at midnight the day), or
    days; at the right end the zone, where there is room. Two texts of at most `width` cells."""
    rule = [look.glyphs.rule] * width
    labels = [" "] * width
    span_s = (end - start).total_seconds() or 1.0
    zone = f"{end.astimezone(look.zone):%Z}"
    fits = bool(zone) and width >= _LABEL + _APART + len(zone)
    room = width - len(zone) - 1 if fits else width
    free = 0
    for at, text in _ticks(start, end, max(1, width // (_LABEL + _APART)), look):
        place = min(width - 1, int((at - start).total_seconds() / span_s * width))
        if place < free or place + len(text) > room:
            continue
        rule[place] = look.glyphs.axis
        labels[place : place + len(text)] = text
        free = place + len(text) + 1
    if fits:
        labels[width - len(zone) :] = zone
    return "".join(rule), "".join(labels).rstrip()


def _ticks(start: datetime, end: datetime, most: int, look: Look) -> Iterator[tuple[datetime, str]]:
    """The moments of the axis, with their labels."""
    span_min = (end - start).total_seconds() / 60
    step = next((each for each in _STEPS_MIN if span_min / each <= most), None)
    first = start.astimezone(look.zone).date()
    if step is None:
        days = next(
            (each for each in _STEPS_DAYS if span_min / _DAY_MIN / each <= most), _STEPS_DAYS[-1]
        )
        for number in range(0, int(span_min / _DAY_MIN) + 2, days):
            day = first + timedelta(days=number)
            at = datetime.combine(day, time(), look.zone).astimezone(UTC)
            if start <= at <= end:
                yield at, f"{day:%m-%d}"
        return
    at = datetime.combine(first, time(), look.zone).astimezone(UTC)
    if at < start:
        at += ((start - at) // timedelta(minutes=step)) * timedelta(minutes=step)
    while at <= end:
        if at >= start:
            local = at.astimezone(look.zone)
            yield at, f"{local:%m-%d}" if local.time() == time() else f"{local:%H:%M}"
        at += timedelta(minutes=step)
