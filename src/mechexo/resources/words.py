"""Figures with their units, as people read them. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from mechexo.outside.words import asking_words
from mechexo.resources.plot_values import PlotLine, PlotStanding
from mechexo.times import format_duration

_SUFFIXES = ((1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))
BARS = "▁▂▃▄▅▆▇█"


def figure(value: float, unit: str) -> str:
    """A value with its unit in few signs: `12.5%`, `1.25 GB`, `340 kB/s`, `3h20m`, `0.53`. Bytes
    are told in powers of a thousand."""
    if unit == "s" and value >= 60:
        return format_duration(value)
    if unit == "%":
        return f"{value:.1f}%"
    for factor, suffix in _SUFFIXES:
        # What rounds up to the factor is told as one of it.
        if abs(value) >= 0.9995 * factor:
            number = f"{value / factor:.3g}" if abs(value) < 999.5 * factor else f"{value:.3g}"
            return f"{number} {suffix}{unit}" if unit else f"{number}{suffix}"
    number = f"{value:.0f}" if value == round(value) else f"{value:.3g}"
    return f"{number} {unit}".strip()


def sparkline(values: Sequence[float | None], unit: str, bars: str = BARS) -> str:
    """Values as bars from zero to the highest, of a share to 100 %; a missing one is a blank."""
    known = [value for value in values if value is not None]
    top = 100.0 if unit == "%" else max(known, default=0.0)
    last = len(bars) - 1
    return "".join(
        " "
        if value is None
        else bars[0 if top <= 0 else max(0, min(last, round(value / top * last)))]
        for value in values
    )


def is_beyond(value: float | None, line: PlotLine) -> bool:
    """Whether a value has reached a threshold; a missing one has not."""
    if value is None:
        return False
    return value <= line.value if line.below else value >= line.value


def plot_verdict(plot: PlotStanding) -> tuple[str, str]:
    """How the newest values of a plot stand to its thresholds: `ok`, `warning`, `critical`,
    `unknown`, or "" when it has none; and in words. What is missing now is not ok."""
    newest = {
        name: points[-1][1] if points else None
        for name, points in zip(plot.names, plot.points, strict=True)
    }
    known = {name: value for name, value in newest.items() if value is not None}
    if plot.why:
        return "unknown", plot.why
    if plot.look is None or plot.outdated:
        return "unknown", "not asked yet" if plot.look is None else "not asked lately"
    if not known:
        return "unknown", "no data now" if newest else "no data: the query found no series"
    said = ", ".join(f"{name} {figure(value, plot.unit)}" for name, value in known.items())
    if not plot.lines:
        return "", said
    for severity in ("critical", "warning"):
        past = [
            f"{name} {figure(value, plot.unit)}"
            for name, value in known.items()
            if any(is_beyond(value, each) for each in plot.lines if each.severity == severity)
        ]
        if past:
            return severity, ", ".join(past)
    if len(known) < len(newest):
        gone = ", ".join(name for name in newest if name not in known)
        return "unknown", f"missing now: {gone}"
    return "ok", said


def plot_remarks(plot: PlotStanding, now: datetime) -> list[str]:
    """What is to be known beside the values of a plot: why there is none, how old it is, what the
    server warned of, what is left out."""
    said = []
    age = format_duration(max((now - plot.good_at).total_seconds(), 0)) if plot.good_at else ""
    if plot.why:
        said += [plot.why]
    elif plot.look is None:
        said += ["not asked yet"]
    if words := asking_words(plot, now):
        said += [words]
    if plot.look is not None and (plot.why or plot.outdated):
        said += [f"as of {age} ago"]
    if plot.look is not None:
        if not plot.look.series:
            said += ["no data: the query found no series"]
        elif all(value is None for each in plot.look.series for value in each.values):
            said += ["no data: no value is a number"]
        if plot.look.left_out:
            said += [f"{plot.look.left_out} more series are not shown; aggregate in the query"]
        said += [f"Prometheus warns: {each}" for each in plot.look.warnings]
    return said
