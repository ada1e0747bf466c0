"""What a plot of a Prometheus server shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from datetime import datetime, timedelta

from mechexo.outside import Standing
from mechexo.value_classes import dataclass


@dataclass(frozen=True, slots=True)
class Grid:
    """The moments of a plot's points: `count` of them, `step` apart, the first at `start`."""

    start: datetime
    step: timedelta
    count: int

    @property
    def end(self) -> datetime:
        """The last moment."""
        return self.start + (self.count - 1) * self.step


@dataclass(frozen=True, slots=True)
class PlotSeries:
    """One series: a value for each moment of the grid, None where there is none."""

    labels: Mapping[str, str]
    values: tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class PlotLook:
    """What the server said."""

    grid: Grid
    series: tuple[PlotSeries, ...] = ()
    left_out: int = 0
    """Further series that are not kept."""
    warnings: tuple[str, ...] = ()
    """In the server's words."""


@dataclass(frozen=True, slots=True)
class PlotLine:
    """A threshold: a value from which on (or down from which) things are bad."""

    value: float
    severity: str
    """`warning` or `critical`."""
    below: bool


@dataclass(frozen=True, slots=True)
class PlotStanding:
    """What is known of a configured plot."""

    name: str
    title: str
    query: str
    unit: str
    lines: tuple[PlotLine, ...]
    look: PlotLook | None
    """What the server said last; None when that is nothing yet."""
    names: tuple[str, ...] = ()
    """What each series of the look is called."""
    outdated: bool = True
    """Whether that is too long ago to say how it is now."""
    good_at: datetime | None = None
    """When the server said it."""
    asked_at: datetime | None = None
    why: str = ""
    """Why the last question brought nothing."""
    standing: Standing = Standing.CLOSED
    until: datetime | None = None
    failures: int = 0
    points: tuple[tuple[tuple[datetime, float | None], ...], ...] = field(default=(), repr=False)
    """The points of each series with their moments."""
