"""Parquet and CSV files by glob."""

from __future__ import annotations

import glob
from collections.abc import Generator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from mechexo.access import barrier, glob_start
from mechexo.costs.sources.protocol import RawTable, Window
from mechexo.errors import ConfigError, UnreachableError

_AT_ONCE = 64
"""How many files are open at a time."""

_KINDS = {".parquet": "parquet", ".pq": "parquet", ".csv": "csv"}


@dataclass(frozen=True, slots=True)
class FileSource:
    """All files of a glob, in the order of their names."""

    pattern: str
    setting: str

    @classmethod
    def parse(cls, text: str, setting: str, root: Path) -> FileSource:
        """The source of a configured glob, from the desk's folder when relative.

        Raises:
            ConfigError: it is a URL of a kind that we cannot read.
        """
        if "://" in text:
            raise ConfigError(
                f"[costs] {setting} = {text!r}: "
                "only files and sqlite:///path?table=NAME can be read"
            )
        wanted = Path(text).expanduser()
        return cls(
            str(wanted if wanted.is_absolute() else Path(glob.escape(str(root))) / wanted), setting
        )

    def batches(
        self, window: Window, time_column: str | None
    ) -> Generator[Sequence[RawTable], None, None]:
        """See `Source.batches`. Each file stays open while it is read, so that a file replaced
        meanwhile is read as it was."""
        paths = self._paths()
        for first in range(0, len(paths), _AT_ONCE):
            with ExitStack() as opened:
                yield [self._table(path, opened) for path in paths[first : first + _AT_ONCE]]

    def _paths(self) -> list[Path]:
        paths = [
            path
            for name in sorted(glob.glob(self.pattern, recursive=True))  # noqa: PTH207 (absolute)
            if (path := Path(name)).is_file()
        ]
        if not paths and (barred := barrier(glob_start(self.pattern))):
            raise UnreachableError(f"[costs] {self.setting}: {barred}")
        if not paths:
            raise UnreachableError(f"[costs] {self.setting}: no file matches {self.pattern}")
        return paths

    def _table(self, path: Path, opened: ExitStack) -> RawTable:
        kind = _KINDS.get(path.suffix.lower())
        if kind is None:
            raise ConfigError(f"[costs] {self.setting}: {path} is neither .parquet nor .csv")
        try:
            file = opened.enter_context(path.open("rb"))
        except OSError as error:
            raise UnreachableError(f"{path} cannot be opened: {error.strerror}") from error
        if kind == "parquet":
            return RawTable(str(path), pl.scan_parquet(file))
        # All text: what a number or a time is, the mapping says, not the first rows.
        return RawTable(str(path), pl.scan_csv(file, infer_schema=False))
