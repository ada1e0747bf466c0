"""What the flows share: how they fail, the daily bars, the command line.

A flow puts this folder's parent on its path first, so that it runs from any folder.
With MECHEXO_STUB=1 it computes the same on a copy of the desk and changes nothing of the desk
itself: so a version of it is tried out before it counts.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sqlite3
import sys
import tempfile
from collections.abc import Callable
from contextlib import closing
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


def copied(desk: Path, folder: Path) -> Path:
    """A desk that a flow can work on without harm: what flows write is copied, the rest linked."""
    for name in ("config", "models"):
        if (desk / name).is_dir():
            shutil.copytree(desk / name, folder / name)
    (folder / "data").mkdir()
    for kind in (desk / "data").iterdir():
        if kind.name in ("bars", "minutes"):
            shutil.copytree(kind, folder / "data" / kind.name)
        else:
            (folder / "data" / kind.name).symlink_to(kind)
    # As every flow opens it: one that may only read would leave the files of its log behind.
    source = sqlite3.connect(desk / "trading.sqlite", timeout=5)
    with closing(source), closing(sqlite3.connect(folder / "trading.sqlite")) as target:
        source.backup(target)
    return folder


def command_line(name: str, about: str | None, run: Callable[[Path, datetime], str]) -> int:
    """Runs a flow on this desk: exit code 1 and one clear line when the inputs are bad."""
    parser = argparse.ArgumentParser(description=(about or "").partition("\n")[0])
    parser.add_argument("--at", type=datetime.fromisoformat, help="the present moment, for tests")
    at = parser.parse_args().at or datetime.now(UTC)
    try:
        if os.environ.get("MECHEXO_STUB") == "1":
            with tempfile.TemporaryDirectory() as folder:
                said = f"{run(copied(DESK, Path(folder)), at)} (on a copy)"
        else:
            said = run(DESK, at)
        sys.stdout.write(f"{name}: {said}\n")
    except (BadInput, OSError, KeyError, TypeError, sqlite3.Error, yaml.YAMLError) as error:
        kind = "" if isinstance(error, BadInput) else f"{type(error).__name__}: "
        sys.stderr.write(f"{name}: {kind}{' '.join(str(error).split())}\n")
        return 1
    return 0
