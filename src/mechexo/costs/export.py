"""Writing an answer into a file: all of it or nothing."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path

from mechexo.errors import UnreachableError
from mechexo.files import whole_file


def write_csv(target: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Path:
    """Writes rows as CSV; a missing value is an empty field.

    Raises:
        UnreachableError: the file cannot be written; what was there before still is.
    """
    path = Path(target).expanduser()
    try:
        with whole_file(path) as file:
            words = io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=True)
            writer = csv.writer(words, lineterminator="\n")
            writer.writerow(columns)
            writer.writerows(["" if cell is None else cell for cell in row] for row in rows)
            words.detach()
    except OSError as error:
        raise UnreachableError(f"{path} cannot be written: {error.strerror}") from error
    return path
