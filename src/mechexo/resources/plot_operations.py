"""What the rest of the house asks of the plots: looking, and what is known.

`plots` reads the state file alone and imports nothing heavy; httpx is imported by `look`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from mechexo.errors import NotFoundError, close_names
from mechexo.outside import Reading, ask_all, readings
from mechexo.resources.plot_values import PlotLine, PlotStanding
from mechexo.resources.plots import chosen_step, from_text, names, points

if TYPE_CHECKING:
    from mechexo.config import PlotSettings, PrometheusSettings, ResourceSettings
    from mechexo.desk import Desk

PREFIX = "plot:"
STANDS_FOR = 3
"""Intervals after which what was learnt no longer says how it is now."""


def look(desk: Desk, *, deadline_s: float, force: bool = False) -> tuple[PlotStanding, ...]:
    """Asks for every plot that is due and may be asked for, and returns what is known of all.

    Ends within about `deadline_s` seconds, whatever hangs. `force`: also those not due, or left
    alone for their failures.

    Raises:
        BusyError, StateError: what was said could not be kept.
    """
    from mechexo.resources.plot_source import PlotSource

    settings = desk.settings
    found = ask_all(
        desk.state,
        desk.clock,
        [
            PlotSource(name, settings.resources, settings.prometheus, desk.root).source
            for name in settings.resources.plots
        ],
        prefix=PREFIX,
        deadline_s=deadline_s,
        tick=settings.refresh.tick,
        force=force,
    )
    return _standings(desk, found)


def plots(desk: Desk) -> tuple[PlotStanding, ...]:
    """What is known of each configured plot, in the order of the file. Asks nobody."""
    configured = desk.settings.resources.plots
    if not configured:
        return ()
    named = [(PREFIX + name, "") for name in configured]
    return _standings(desk, readings(desk.state, desk.clock, named, prefix=PREFIX))


def plot(desk: Desk, name: str) -> PlotStanding:
    """What is known of one plot.

    Raises:
        NotFoundError: there is none of that name; the text lists close ones.
    """
    _known(desk, name)
    return next(each for each in plots(desk) if each.name == name)


def identity(
    settings: PlotSettings, prometheus: PrometheusSettings, resources: ResourceSettings
) -> Sequence[object]:
    """What makes an answer another one. References only, never a secret."""
    step_s = chosen_step(settings, resources.plot_points).total_seconds()
    where = settings.url or prometheus.url
    return [settings.query, where, settings.range.total_seconds(), step_s]


def _known(desk: Desk, name: str) -> None:
    configured = desk.settings.resources.plots
    if not configured:
        raise NotFoundError("no plot is configured: write a table [resources.plots.NAME]")
    if name not in configured:
        raise NotFoundError(
            f"there is no [resources.plots.{name}]; {close_names(name, list(configured))}"
        )


def _standings(desk: Desk, found: Mapping[str, Reading]) -> tuple[PlotStanding, ...]:
    return tuple(
        _standing(desk, name, settings, found[PREFIX + name])
        for name, settings in desk.settings.resources.plots.items()
    )


def _standing(desk: Desk, name: str, settings: PlotSettings, reading: Reading) -> PlotStanding:
    asked = identity(settings, desk.settings.prometheus, desk.settings.resources)
    # What was kept for another query says nothing of this one.
    known = from_text(asked, reading.value)
    good_at = reading.good_at if known else None
    longest = STANDS_FOR * max(settings.every, desk.settings.refresh.tick)
    return PlotStanding(
        name=name,
        title=settings.title or name,
        query=settings.query,
        unit=settings.unit,
        lines=tuple(
            PlotLine(each.value, each.severity, each.below) for each in settings.thresholds
        ),
        look=known,
        names=names(known.series, settings.legend) if known else (),
        outdated=good_at is None or desk.clock.now() - good_at > longest,
        good_at=good_at,
        asked_at=reading.asked_at,
        why=reading.why,
        standing=reading.standing,
        until=reading.until,
        failures=reading.failures,
        points=points(known) if known else (),
    )
