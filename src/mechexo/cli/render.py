"""Printing an answer: one JSON document, CSV, or a table for people."""

from __future__ import annotations

import csv
import dataclasses
import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from enum import Enum
from pathlib import Path
from typing import Any

from mechexo.times import iso_z

MISSING = "–"
"""Shown where there is no value: never a zero, never an empty cell."""


def json_document(name: str, at: datetime, body: Mapping[str, object]) -> None:
    """Prints `body` as the one document `mechexo.<name>/1` on stdout."""
    document = {"schema": f"mechexo.{name}/1", "at": iso_z(at), **body}
    sys.stdout.write(json.dumps(plain(document), ensure_ascii=False, indent=2) + "\n")


def plain(value: Any) -> Any:
    """Dataclasses, moments, durations and enums as what JSON knows; NaN is null."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(item) for item in value]
    if isinstance(value, datetime):
        return iso_z(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return None
    return value


def csv_rows(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Prints rows as CSV; a missing value is an empty field."""
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(["" if cell is None else plain(cell) for cell in row] for row in rows)


def table(
    title: str, columns: Sequence[str], rows: Iterable[Sequence[object]], *, empty: str = "none"
) -> None:
    """Prints a table for people. Columns whose name starts with `>` are right-aligned.

    Cells are text as they are (no markup); None is shown as a dash.
    """
    from rich import box
    from rich.table import Table
    from rich.text import Text

    shown = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        shown.add_column(
            column.removeprefix(">"), justify="right" if column.startswith(">") else "left"
        )
    count = 0
    for row in rows:
        count += 1
        shown.add_row(*(Text(MISSING if cell is None else str(cell)) for cell in row))
    if count:
        console().print(shown)
    else:
        text(f"{title}: {empty}")


def text(line: object = "") -> None:
    """Prints one plain line on stdout."""
    sys.stdout.write(f"{line}\n")


def note(line: str) -> None:
    """Prints a remark for the person on stderr, so that stdout stays the answer."""
    sys.stderr.write(f"{line}\n")


def console() -> Any:
    """A Rich console on stdout: no control codes when stdout is no terminal or NO_COLOR is set."""
    from rich.console import Console

    # A pipe or a file has no width: nothing is cut off there.
    width = None if sys.stdout.isatty() else 10_000
    return Console(
        file=sys.stdout, width=width, no_color="NO_COLOR" in os.environ or None, highlight=False
    )
