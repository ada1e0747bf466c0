"""Writing an answer into a file: all of it or nothing."""

from __future__ import annotations

import csv
import io
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from mechexo.errors import UnreachableError
from mechexo.files import whole_file

if TYPE_CHECKING:
    import polars as pl

_SYSTEM_ERROR = re.compile(r"os error (\d+)")


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


def put_parquet(file: BinaryIO, frame: pl.DataFrame, about: Mapping[str, str]) -> None:
    """Writes a frame as Parquet into a file that is open.

    Raises:
        OSError: the file cannot be written.
    """
    from polars.exceptions import ComputeError

    from mechexo.costs.interrupts import interrupts_told

    try:
        with interrupts_told():
            frame.write_parquet(file, compression="zstd", metadata=dict(about))
    except ComputeError as error:
        # Polars reports what the system said in words of its own.
        said = _SYSTEM_ERROR.search(str(error))
        if said is None:
            raise
        number = int(said[1])
        raise OSError(number, os.strerror(number)) from error


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
