"""Rows that wait for a second look: in memory while they fit, then in files."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import Generic, TypeVar

import polars as pl
from polars.exceptions import PolarsError

from mechexo.costs.scratch import Scratch
from mechexo.costs.sources.telling import told
from mechexo.errors import UnreachableError

Rows = TypeVar("Rows")


class RowsSpool(ABC, Generic[Rows]):
    """A sequence of parts with rows that may be larger than memory; `close` it. What a part is says
    whoever makes one of this."""

    def __init__(self, memory_mb: int) -> None:
        self._room = memory_mb * 1_000_000
        self._parts: list[Rows | Path] = []
        self._scratch: Scratch | None = None

    @abstractmethod
    def _size_bytes(self, part: Rows) -> int:
        """What a part takes in memory."""

    @abstractmethod
    def _framed(self, part: Rows) -> pl.DataFrame:
        """A part as a file can hold it."""

    @abstractmethod
    def _of_frame(self, frame: pl.DataFrame) -> Rows:
        """The part that such a frame is of."""

    def add(self, part: Rows) -> None:
        """Appends a part.

        Raises:
            UnreachableError: it fits neither into memory nor onto the disk.
        """
        size = self._size_bytes(part)
        if size <= self._room:
            self._room -= size
            self._parts.append(part)
            return
        if self._scratch is None:
            self._scratch = Scratch()
        path = self._scratch.folder / f"{len(self._parts):06}.arrow"
        try:
            self._framed(part).write_ipc(path, compression="uncompressed")
        except (OSError, PolarsError) as error:
            raise UnreachableError(
                f"{self._scratch.folder} cannot be written: {told(error)}; set TMPDIR to a folder "
                "with more room, or take a shorter period"
            ) from error
        self._parts.append(path)

    def __iter__(self) -> Iterator[Rows]:
        for each in self._parts:
            yield self._of_frame(pl.read_ipc(each)) if isinstance(each, Path) else each

    def close(self) -> None:
        """Lets go of all parts, and of their files."""
        self._parts.clear()
        if self._scratch is not None:
            self._scratch.close()
            self._scratch = None


class Spool(RowsSpool[pl.DataFrame]):
    """One of frames."""

    def _size_bytes(self, part: pl.DataFrame) -> int:
        return int(part.estimated_size())

    def _framed(self, part: pl.DataFrame) -> pl.DataFrame:
        return part

    def _of_frame(self, frame: pl.DataFrame) -> pl.DataFrame:
        return frame
