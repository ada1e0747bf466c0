"""What the flows share: how they fail, the daily bars, the command line.

A flow puts this folder's parent on its path first, so that it runs from any folder.
"""

from __future__ import annotations

import argparse
import sqlite3
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import yaml

DESK = Path(__file__).resolve().parents[1]


class BadInput(Exception):  # noqa: N818
    """The flow cannot work with what it was given."""


def read_bars(desk: Path) -> pl.DataFrame:
    """The daily bars of every symbol and day, also of a day that has just begun."""
    files = sorted((desk / "data/bars").glob("*.parquet"))
    if not files:
        raise BadInput("data/bars holds no bars; run flows/data_pipeline.py first")
    try:
        return pl.concat([pl.read_parquet(path) for path in files])
    except (OSError, pl.exceptions.PolarsError) as error:
        raise BadInput(f"data/bars cannot be read: {str(error).splitlines()[0]}") from error


def command_line(name: str, about: str | None, run: Callable[[Path, datetime], str]) -> int:
    """Runs a flow on this desk: exit code 1 and one clear line when the inputs are bad."""
    parser = argparse.ArgumentParser(description=(about or "").partition("\n")[0])
    parser.add_argument("--at", type=datetime.fromisoformat, help="the present moment, for tests")
    at = parser.parse_args().at
    try:
        sys.stdout.write(f"{name}: {run(DESK, at or datetime.now(UTC))}\n")
    except (BadInput, OSError, KeyError, TypeError, sqlite3.Error, yaml.YAMLError) as error:
        kind = "" if isinstance(error, BadInput) else f"{type(error).__name__}: "
        sys.stderr.write(f"{name}: {kind}{' '.join(str(error).split())}\n")
        return 1
    return 0
