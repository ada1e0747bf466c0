"""Per-fill results: one Parquet file for each session day, replaced together.

Each holds the day as a column too, so that every reader of Parquet can take the folder as one
table. The files are made under other names first; taking their places is all that happens while
the state file is held.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from mechexo.costs.export import failures_told, put_parquet

if TYPE_CHECKING:
    import polars as pl


def day_file(folder: Path, day: str) -> Path:
    """Where the results of a day are."""
    return folder / f"day={day}.parquet"


class DayFiles:
    """Files of days that were made and have not taken their places yet."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._made: dict[str, Path] = {}

    def put(self, day: str, frame: pl.DataFrame, about: Mapping[str, str]) -> None:
        """Makes the file of a day, whole and on the disk.

        Raises:
            UnreachableError: it cannot be written.
        """
        target = day_file(self._folder, day)
        with failures_told(target):
            self._folder.mkdir(parents=True, exist_ok=True)
            descriptor, name = tempfile.mkstemp(dir=self._folder, prefix=f".{target.name}.")
            self._made[day] = Path(name)
            with os.fdopen(descriptor, "wb") as file:
                put_parquet(file, frame, about)
                file.flush()
                os.fsync(file.fileno())
            self._made[day].chmod(0o644)

    def take_places(self, days: Iterable[str]) -> tuple[Path, ...]:
        """Puts every file in its place; a day of `days` that has none loses its old one.

        Returns:
            The files that were put there.

        Raises:
            UnreachableError: a file cannot be replaced.
        """
        placed = []
        for day in days:
            target = day_file(self._folder, day)
            with failures_told(target):
                if day in self._made:
                    self._made.pop(day).replace(target)
                    placed.append(target)
                else:
                    target.unlink(missing_ok=True)
        return tuple(placed)

    def discard(self) -> None:
        """Removes what has not taken its place."""
        for made in self._made.values():
            made.unlink(missing_ok=True)


@contextmanager
def day_files(folder: Path) -> Iterator[DayFiles]:
    """Files of days under `folder`; those without a place at the end of the block are removed."""
    files = DayFiles(folder)
    try:
        yield files
    finally:
        files.discard()
