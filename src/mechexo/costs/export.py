"""Writing an answer into a file: all of it or nothing."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, BinaryIO, cast

from mechexo.errors import UnreachableError
from mechexo.files import whole_file

if TYPE_CHECKING:
    import polars as pl
    from _typeshed import ReadableBuffer


def write_csv(target: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Path:
    """Writes rows as CSV; a missing value is an empty field.

    Raises:
        UnreachableError: the file cannot be written; what was there before still is.
    """
    path = Path(target).expanduser()
    with failures_told(path), whole_file(path) as file:
        words = io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=True)
        writer = csv.writer(words, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(["" if cell is None else cell for cell in row] for row in rows)
        words.detach()
    return path


def write_text(target: str, text: str) -> Path:
    """Writes a text as UTF-8.

    Raises:
        UnreachableError: the file cannot be written; what was there before still is.
    """
    path = Path(target).expanduser()
    with failures_told(path), whole_file(path) as file:
        file.write(text.encode())
    return path


def write_parquet(target: str | Path, frame: pl.DataFrame, about: Mapping[str, str]) -> Path:
    """Writes a frame as Parquet (zstd) with `about` in the file's key-value metadata.

    Raises:
        UnreachableError: the file cannot be written; what was there before still is.
    """
    path = Path(target).expanduser()
    with failures_told(path), whole_file(path) as file:
        put_parquet(file, frame, about)
    return path


def write_parquet_parts(target: str, parts: Sequence[Path], about: Mapping[str, str]) -> Path:
    """Writes the rows of Parquet files of the same columns, in their order, as `write_parquet` does
    those of a frame, without holding them in memory.

    Raises:
        UnreachableError: the file cannot be written; what was there before still is.
    """
    import polars as pl

    rows = pl.scan_parquet(list(parts))
    path = Path(target).expanduser()
    with failures_told(path), whole_file(path) as file, _failures_kept(file) as through:
        rows.sink_parquet(through, compression="zstd", metadata=dict(about))
    return path


def put_parquet(file: BinaryIO, frame: pl.DataFrame, about: Mapping[str, str]) -> None:
    """Writes a frame as Parquet into a file that is open.

    Raises:
        OSError: the file cannot be written.
    """
    with _failures_kept(file) as through:
        frame.write_parquet(through, compression="zstd", metadata=dict(about))


@contextmanager
def _failures_kept(file: BinaryIO) -> Iterator[IO[bytes]]:
    """A file for Polars to write to.

    Raises:
        OSError: writing failed. Polars itself loses what the system said, and makes a panic of an
            interrupt.
    """
    through = _Remembering(file)
    try:
        yield cast("IO[bytes]", through)
    except BaseException:
        if through.failure is not None:
            raise through.failure from None
        raise


class _Remembering(io.RawIOBase):
    """A file to write to that keeps the exception that a write ended in."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__()
        self._file = file
        self.failure: BaseException | None = None

    def writable(self) -> bool:
        return True

    def write(self, data: ReadableBuffer) -> int:
        try:
            return self._file.write(data)
        except BaseException as error:
            self.failure = error
            raise

    def flush(self) -> None:
        try:
            self._file.flush()
        except BaseException as error:
            self.failure = error
            raise


@contextmanager
def failures_told(path: Path) -> Iterator[None]:
    """Says in one line which file could not be written, and why.

    Raises:
        UnreachableError: in place of an OSError of the block.
    """
    try:
        yield
    except OSError as error:
        raise UnreachableError(f"{path} cannot be written: {error.strerror or error}") from error
