"""Range queries: which moments are asked for, and what an answer of Prometheus says. Pure.

The answer's shape: the documentation of Prometheus' HTTP API, "range queries". NaN and the
infinities are no values; a moment that the answer leaves out has none either. Neither is ever zero.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from mechexo.config.resources import MOST_POINTS
from mechexo.outside.shaping import ShapeError, rows, table, text
from mechexo.outside.values import LONGEST_VALUE
from mechexo.resources.plot_values import Grid, PlotLook, PlotSeries
from mechexo.times import from_iso_z, iso_z

if TYPE_CHECKING:
    from mechexo.config import PlotSettings

MOST_SERIES = 20
"""More series than this are not kept: nobody could tell them apart."""
_VERSION = 1
_MOST_WARNINGS = 5
_LONGEST_WARNING = 300
_MOST_LABELS = 30
_NICE_S = (1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 600, 900, 1200, 1800, 3600,
           7200, 10_800, 21_600, 43_200, 86_400, 172_800, 604_800)  # fmt: skip
_PLACE = re.compile(r"\{\{\s*([A-Za-z_][A-Za-z0-9_]*)\s*\}\}")


def chosen_step(plot: PlotSettings, points: int) -> timedelta:
    """The time between two points: the plot's own, else the shortest usual one that makes no more
    than about `points` of them; never so short that Prometheus refuses."""
    if plot.step is not None:
        return plot.step
    wanted_s = plot.range.total_seconds() / min(max(points, 1), MOST_POINTS - 1)
    nice = next((each for each in _NICE_S if each >= wanted_s), None)
    return timedelta(seconds=math.ceil(wanted_s) if nice is None else nice)


def grid(span: timedelta, step: timedelta, now: datetime) -> Grid:
    """The moments of the last `span` that are whole multiples of the step, so that points stay
    where they are from one question to the next. At most as many as Prometheus gives."""
    step_s = step.total_seconds()
    count = min(int(span / step) + 1, MOST_POINTS)
    end = datetime.fromtimestamp(math.floor(now.timestamp() / step_s) * step_s, UTC)
    return Grid(end - (count - 1) * step, step, count)


def read_answer(document: object, moments: Grid) -> PlotLook:
    """What a good answer says.

    Raises:
        ShapeError: it is not of the documented shape, or no matrix of numbers.
    """
    whole = table(document, "the answer")
    data = table(whole.get("data"), "its data")
    if data.get("resultType") != "matrix":
        kind = text(data.get("resultType")) or "nothing known"
        raise ShapeError(f"the answer to a range query is a {kind}, not a matrix")
    found = rows(data.get("result"), "its result")
    # The server gives them in any order; here each keeps its place, and with it its sign.
    series = sorted(
        (_series(each, moments) for each in found), key=lambda each: sorted(each.labels.items())
    )
    left_out = max(len(series) - MOST_SERIES, 0)
    return PlotLook(moments, tuple(series[:MOST_SERIES]), left_out, _warnings(whole))


def refusal(document: object) -> str:
    """What Prometheus says of a query that it does not answer, in its own words; "" when it says
    nothing."""
    said = document if isinstance(document, dict) else {}
    kind, why = text(said.get("errorType")), text(said.get("error"), longest=300)
    return f"{kind}: {why}" if kind and why else why or kind


def _series(found: object, moments: Grid) -> PlotSeries:
    each = table(found, "a series")
    if "values" not in each:
        raise ShapeError("the query's answer is of histograms; ask for a number of them")
    labels = table(each.get("metric"), "its labels")
    values: list[float | None] = [None] * moments.count
    start_s, step_s = moments.start.timestamp(), moments.step.total_seconds()
    for pair in rows(each["values"], "its values"):
        try:
            at_s, value = float(pair[0]), float(pair[1])
            place = round((at_s - start_s) / step_s)
        except (TypeError, ValueError, IndexError, KeyError, OverflowError):
            raise ShapeError(f"a value is no pair of moment and number: {pair!r:.60}") from None
        if 0 <= place < moments.count and math.isfinite(value):
            values[place] = value
    kept = dict(list(labels.items())[:_MOST_LABELS])
    return PlotSeries({text(name): text(value) for name, value in kept.items()}, tuple(values))


def _warnings(whole: Mapping[str, Any]) -> tuple[str, ...]:
    said = [
        text(each, longest=_LONGEST_WARNING)
        for what in ("warnings", "infos")
        if isinstance(whole.get(what), list)
        for each in whole[what]
    ]
    return tuple(filter(None, said))[:_MOST_WARNINGS]


def names(series: Sequence[PlotSeries], legend: str) -> tuple[str, ...]:
    """What each series is called: by the legend, with all its labels where that names two alike."""
    called = [_called(each.labels, legend) for each in series]
    often = Counter(called)
    return tuple(
        f"{name} {_labelled(each.labels)}".strip() if often[name] > 1 and legend else name
        for name, each in zip(called, series, strict=True)
    )


def _called(labels: Mapping[str, str], legend: str) -> str:
    said = _PLACE.sub(lambda found: labels.get(found[1], ""), legend).strip()
    return said or _labelled(labels) or "value"


def _labelled(labels: Mapping[str, str]) -> str:
    """A series as Prometheus writes it."""
    inside = ", ".join(f'{k}="{v}"' for k, v in sorted(labels.items()) if k != "__name__")
    name = labels.get("__name__", "")
    return f"{name}{{{inside}}}" if inside else name


def to_text(identity: Sequence[object], look: PlotLook) -> str:
    """The look as the state file keeps it, with what was asked for. Series that would make it too
    long to keep are left out, and counted."""
    series = list(look.series)
    while True:
        left_out = look.left_out + len(look.series) - len(series)
        document = {
            "version": _VERSION,
            "of": list(identity),
            "start": iso_z(look.grid.start),
            "step_s": look.grid.step.total_seconds(),
            "count": look.grid.count,
            "series": [{"labels": dict(e.labels), "values": _short(e.values)} for e in series],
            "left_out": left_out,
            "warnings": list(look.warnings),
        }
        said = json.dumps(document, separators=(",", ":"), allow_nan=False)
        if len(said) <= LONGEST_VALUE or len(series) <= 1:
            return said
        series = series[: max(1, len(series) * LONGEST_VALUE // len(said))][: len(series) - 1]


def _short(values: Sequence[float | None]) -> list[float | None]:
    return [None if value is None else float(f"{value:.9g}") for value in values]


def from_text(identity: Sequence[object], kept: str | None) -> PlotLook | None:
    """The look, or None when it cannot be read or the configuration asks for another by now."""
    try:
        document = json.loads(kept or "")
        if document["version"] != _VERSION or document["of"] != list(identity):
            return None
        step, count = timedelta(seconds=document["step_s"]), int(document["count"])
        return PlotLook(
            Grid(from_iso_z(document["start"]), step, count),
            tuple(_kept(each, count) for each in document["series"]),
            int(document["left_out"]),
            tuple(str(each) for each in document["warnings"]),
        )
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError):
        return None


def _kept(series: dict[str, Any], count: int) -> PlotSeries:
    values = tuple(None if each is None else float(each) for each in series["values"])
    if len(values) != count:
        raise ValueError("a series has another number of points")
    return PlotSeries({str(k): str(v) for k, v in series["labels"].items()}, values)


def points(look: PlotLook) -> tuple[tuple[tuple[datetime, float | None], ...], ...]:
    """The points of each series with their moments."""
    start, step = look.grid.start, look.grid.step
    moments = [start + place * step for place in range(look.grid.count)]
    return tuple(tuple(zip(moments, each.values, strict=True)) for each in look.series)
