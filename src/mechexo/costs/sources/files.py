"""Parquet and CSV files by glob, hive partitions (`day=2026-03-02/symbol=AAA/`) included."""

from __future__ import annotations

import glob
import os
from collections.abc import Generator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO
from urllib.parse import unquote

import polars as pl

from mechexo.access import barrier, glob_start
from mechexo.costs.sources.protocol import RawTable, Window
from mechexo.errors import ConfigError, UnreachableError
from mechexo.value_classes import dataclass

KINDS = {".parquet": "parquet", ".pq": "parquet", ".csv": "csv"}
"""What a file holds, by the end of its name."""

_AT_ONCE = 64
"""How many files are open at a time."""
_NO_VALUE = "__HIVE_DEFAULT_PARTITION__"
_SNAPSHOT_BYTES = 64 * 2**20
"""A CSV file up to this size is taken whole at once, so that it may grow meanwhile."""


@dataclass(frozen=True, slots=True)
class FileSource:
    """All files of a glob, in the order of their names."""

    pattern: str
    setting: str

    @classmethod
    def parse(cls, text: str, setting: str, root: Path) -> FileSource:
        """The source of a configured glob, from the desk's folder when relative."""
        wanted = Path(text).expanduser()
        return cls(
            str(wanted if wanted.is_absolute() else Path(glob.escape(str(root))) / wanted), setting
        )

    def batches(
        self, window: Window, time_column: str | None
    ) -> Generator[Sequence[RawTable], None, None]:
        """See `Source.batches`. Each file stays open while it is read, so that a file replaced
        meanwhile is read as it was; one that is written over is refused."""
        paths = self.paths()
        for first in range(0, len(paths), _AT_ONCE):
            with ExitStack() as opened:
                files = [_opened(path, opened) for path in paths[first : first + _AT_ONCE]]
                yield [
                    _table(path, file, self.setting)
                    for path, (file, _) in zip(paths[first:], files, strict=False)
                ]
                for path, (file, stamp) in zip(paths[first:], files, strict=False):
                    if _stamp(file) != stamp and not _may_grow(path, stamp, _stamp(file)):
                        raise changed(path)

    def paths(self) -> list[Path]:
        """The files that match.

        Raises:
            UnreachableError: none does, or they may not be looked for.
        """
        found = sorted(glob.glob(self.pattern, recursive=True))  # noqa: PTH207 (absolute)
        # Without an error for what may be listed and not entered: that is told below.
        paths = [Path(name) for name in found if os.path.isfile(name)]  # noqa: PTH113
        if not paths and (barred := barrier(glob_start(self.pattern))):
            raise UnreachableError(f"[costs] {self.setting}: {barred}")
        if not paths:
            raise UnreachableError(f"[costs] {self.setting}: no file matches {self.pattern}")
        return paths


def partitions(path: str) -> Mapping[str, str | None]:
    """The columns that a path's folders name, as text: `{"symbol": "AAA"}` of `symbol=AAA/1.pq`."""
    pairs = (folder.partition("=") for folder in path.split("/")[:-1])
    return {
        unquote(name): None if value == _NO_VALUE else unquote(value)
        for name, equals, value in pairs
        if name and equals
    }


def changed(path: Path) -> UnreachableError:
    """The refusal of a file of which nobody can say what was read of it."""
    return UnreachableError(f"{path} changed while it was read; run the command again")


def _opened(path: Path, opened: ExitStack) -> tuple[BinaryIO, tuple[int, int]]:
    try:
        file = opened.enter_context(path.open("rb"))
    except OSError as error:
        raise UnreachableError(f"{path} cannot be opened: {error.strerror}") from error
    return file, _stamp(file)


def _stamp(file: BinaryIO) -> tuple[int, int]:
    found = os.fstat(file.fileno())
    return found.st_size, found.st_mtime_ns


def _may_grow(path: Path, before: tuple[int, int], after: tuple[int, int]) -> bool:
    """Whether a file that is only appended to was taken whole before it grew."""
    return _is_csv(path) and before[0] <= _SNAPSHOT_BYTES and after[0] > before[0]


def _is_csv(path: Path) -> bool:
    return KINDS.get(path.suffix.lower()) == "csv"


def _table(path: Path, file: BinaryIO, setting: str) -> RawTable:
    kind = KINDS.get(path.suffix.lower())
    if kind is None:
        raise ConfigError(f"[costs] {setting}: {path} is neither .parquet nor .csv")
    constants = partitions(str(path))
    if kind == "parquet":
        return RawTable(str(path), pl.scan_parquet(file), constants)
    # All text: what a number or a time is, the mapping says, not the first rows.
    size = _stamp(file)[0]
    if size > _SNAPSHOT_BYTES:
        return RawTable(str(path), pl.scan_csv(file, infer_schema=False), constants)
    return RawTable(str(path), pl.scan_csv(_whole_lines(file), infer_schema=False), constants)


def _whole_lines(file: BinaryIO) -> bytes:
    """The file's content; of one that grows meanwhile without the line that is being written."""
    content = file.read()
    if _stamp(file)[0] != len(content):
        return content[: content.rfind(b"\n") + 1]
    return content
