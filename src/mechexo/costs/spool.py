"""Frames that wait for a second look: in memory while they fit, then in files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import polars as pl
from polars.exceptions import PolarsError

from mechexo.costs.scratch import Scratch
from mechexo.costs.sources.telling import told
from mechexo.errors import UnreachableError


class Spool:
    """A sequence of frames that may be larger than memory; `close` it."""

    def __init__(self, memory_mb: int) -> None:
        self._room = memory_mb * 1_000_000
        self._frames: list[pl.DataFrame | Path] = []
        self._scratch: Scratch | None = None

    def add(self, frame: pl.DataFrame) -> None:
        """Appends a frame.

        Raises:
            UnreachableError: it fits neither into memory nor onto the disk.
        """
        size = frame.estimated_size()
        if size <= self._room:
            self._room -= int(size)
            self._frames.append(frame)
            return
        if self._scratch is None:
            self._scratch = Scratch()
        path = self._scratch.folder / f"{len(self._frames):06}.arrow"
        try:
            frame.write_ipc(path, compression="uncompressed")
        except (OSError, PolarsError) as error:
            raise UnreachableError(
                f"{self._scratch.folder} cannot be written: {told(error)}; set TMPDIR to a folder "
                "with more room, or take a shorter period"
            ) from error
        self._frames.append(path)

    def __iter__(self) -> Iterator[pl.DataFrame]:
        for each in self._frames:
            yield each if isinstance(each, pl.DataFrame) else pl.read_ipc(each)

    def close(self) -> None:
        """Lets go of all frames, and of their files."""
        self._frames.clear()
        if self._scratch is not None:
            self._scratch.close()
            self._scratch = None
