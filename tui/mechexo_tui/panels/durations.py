"""How long runs took over time, whoever ran them: those that ended well as a line, the others as
signs of their own."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from mechexo.value_classes import dataclass
from mechexo_tui.plotting import Series, Threshold, time_plot
from mechexo_tui.widgets import format as shown_as

if TYPE_CHECKING:
    from mechexo_tui.widgets.format import Look
    from mechexo_tui.widgets.lines import Line

HEIGHT = 7


@dataclass(frozen=True, slots=True)
class Took:
    """One run that ended: when it started, how long it took in seconds, whether it ended well."""

    at: datetime
    took_s: float
    well: bool


def duration_lines(
    title: str, runs: Sequence[Took], look: Look, *, start: datetime, usual_s: float | None
) -> list[Line]:
    """The plot, from `start` until now; `usual_s` is the line above which a run is slow."""
    ordered = sorted(runs, key=lambda run: run.at)
    well = [(run.at, run.took_s) for run in ordered if run.well]
    ill = [(run.at, run.took_s) for run in ordered if not run.well]
    return time_plot(
        title,
        [Series("ended well", well), *([Series("not well", ill, joined=False)] if ill else [])],
        look,
        start=start,
        end=look.now,
        height=HEIGHT,
        thresholds=[] if usual_s is None else [Threshold(usual_s, "warning")],
        from_zero=True,
        figure=lambda value: shown_as.duration(value, look.glyphs) if value else "0s",
    )
