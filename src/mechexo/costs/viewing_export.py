"""What a screen shows as a CSV file: all of it, not only the window in view."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import astuple, fields
from datetime import datetime
from pathlib import Path

import polars as pl

from mechexo.costs.export import failures_told
from mechexo.costs.findings import CostException
from mechexo.costs.own_values import STATISTICS, slippage_figures
from mechexo.costs.records import FIGURES
from mechexo.costs.saved import Acknowledgement
from mechexo.costs.values import CostRow
from mechexo.costs.viewing import Viewer
from mechexo.costs.viewing_rows import keeps
from mechexo.costs.views import (
    Asked,
    ExceptionsAsked,
    Exported,
    FillAsked,
    FillsAsked,
    Plots,
    PlotsAsked,
    TableAsked,
)
from mechexo.files import whole_file
from mechexo.times import iso_z

FILLS_AT_ONCE = 50_000
GROUPS_AT_ONCE = 2_000
"""How many rows are made into text at a time."""

_NAMES = (*FIGURES, *(f"slippage_{name}" for name in STATISTICS))
"""The columns of a group's figures."""

Acknowledged = Mapping[tuple[str, str], Acknowledgement]


def export(viewer: Viewer, asked: Asked, target: Path, acknowledged: Acknowledged) -> Exported:
    """Writes the answer to a question, whole and in its order. Moments are UTC, what is missing is
    an empty field, and only its owner can read the file.

    Raises:
        UnreachableError: the file cannot be written; what was there before still is.
        UsageError: as the question itself.
    """
    lines = -1  # the names of the columns are no row
    with failures_told(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(target, mode=0o600) as file:
            for count, text in _pieces(viewer, asked, acknowledged):
                lines += count
                file.write(text.encode())
    return Exported(str(target), lines)


def _pieces(viewer: Viewer, asked: Asked, acknowledged: Acknowledged) -> Iterator[tuple[int, str]]:
    match asked:
        case FillsAsked():
            yield from _fills(viewer, viewer.ordered_fills(asked))
        case FillAsked():
            yield from _fills(viewer, viewer.place_of(asked.fill_id))
        case TableAsked():
            yield _text([[*asked.by, *_NAMES]])
            for part in viewer.ordered_groups(asked).iter_slices(GROUPS_AT_ONCE):
                rows = viewer.rows_of(asked, part)
                yield _text([[*row.key.values(), *_figures(row)] for row in rows])
        case PlotsAsked():
            yield _text([["plot", "at", *_NAMES]])
            yield _text(_plotted(viewer.plots(asked)))
        case ExceptionsAsked():
            yield _text([[each.name for each in fields(CostException)]])
            found = viewer.all_exceptions(acknowledged).rows
            yield _text([astuple(row) for row in found if keeps(f"{row}".lower(), asked.words)])


def _fills(viewer: Viewer, places: pl.Series) -> Iterator[tuple[int, str]]:
    names = viewer.fills_frame(places.head(0)).columns
    yield _text([names])
    side = pl.when(pl.col("side") > 0).then(pl.lit("buy")).otherwise(pl.lit("sell"))
    for start in range(0, len(places), FILLS_AT_ONCE):
        part = viewer.fills_frame(places.slice(start, FILLS_AT_ONCE)).with_columns(
            side.alias("side")
        )
        text = part.write_csv(include_header=False, datetime_format="%Y-%m-%dT%H:%M:%S%.6fZ")
        yield len(part), text


def _figures(row: CostRow) -> list[object]:
    figures = {name: getattr(row, name) for name in FIGURES} | slippage_figures(row)
    if not row.priced:
        figures["notional"] = None
    return [figures[name] for name in _NAMES]


def _plotted(plots: Plots) -> list[list[object]]:
    rows: list[list[object]] = []
    for name, points in (("day", plots.days), ("half_hour", plots.times)):
        rows += [[name, *point.key.values(), *_figures(point)] for point in points]
    return rows


def _text(rows: Sequence[Sequence[object]]) -> tuple[int, str]:
    words = io.StringIO()
    writer = csv.writer(words, lineterminator="\n")
    writer.writerows([_said(cell) for cell in row] for row in rows)
    return len(rows), words.getvalue()


def _said(cell: object) -> object:
    if cell is None:
        return ""
    return iso_z(cell) if isinstance(cell, datetime) else cell
