"""Writing an answer into a file: all of it or nothing."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from tempfile import NamedTemporaryFile

from mechexo.errors import UnreachableError


def write_csv(target: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Path:
    """Writes rows as CSV beside `target` and renames; a missing value is an empty field.

    Raises:
        UnreachableError: the file cannot be written; what was there before still is.
    """
    path = Path(target).expanduser()
    beside: Path | None = None
    try:
        with NamedTemporaryFile(
            "w",
            encoding="utf-8",
            newline="",
            dir=path.parent,
            prefix=f".{path.name}.",
            delete=False,
        ) as file:
            beside = Path(file.name)
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(columns)
            writer.writerows(["" if cell is None else cell for cell in row] for row in rows)
            file.flush()
            os.fsync(file.fileno())
        beside.chmod(0o644)
        beside.replace(path)
    except OSError as error:
        raise UnreachableError(f"{path} cannot be written: {error.strerror}") from error
    finally:
        if beside is not None:
            beside.unlink(missing_ok=True)
    return path
