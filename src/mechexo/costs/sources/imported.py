"""The fills that `mechexo costs import` took in: `fills = "imported"`.

    <folder>/fills/2026-03-02.parquet   one UTC day's fills, under our names
    <folder>/fills/taken_back.json      ids of fills that were taken back or corrected
    <folder>/fills/.journal.json        files that are about to take their places
    <folder>/fills/.lock                held while that happens

An import that was killed while files took their places left the journal: what it names counts as
being in its place already.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, date
from pathlib import Path

import polars as pl

from mechexo.costs.sources.protocol import RawTable, Window
from mechexo.errors import BusyError, UnreachableError
from mechexo.value_classes import dataclass

IMPORTED = "imported"
"""The value of `[costs] fills` that means the imported fills."""
TAKEN_BACK = "taken_back.json"
JOURNAL = ".journal.json"
LOCK = ".lock"
WAIT_S = 10.0
"""How long an import waits for others, and they for it."""

_DAY = re.compile(r"(\d{4}-\d{2}-\d{2})\.parquet", re.ASCII)
_AT_ONCE = 64


def fills_folder(folder: Path) -> Path:
    """Where imported fills are, below `[costs] folder`."""
    return folder / "fills"


def day_name(day: date) -> str:
    """The name of a day's file."""
    return f"{day.isoformat()}.parquet"


def day_paths(folder: Path) -> dict[date, Path]:
    """The days that have imported fills, in order, and their files."""
    pending = journal(folder)
    days = {}
    for name in sorted({path.name for path in folder.glob("*.parquet")} | set(pending)):
        found = _DAY.fullmatch(name)
        path = in_place(folder, name, pending)
        if found and path is not None:
            days[date.fromisoformat(found.group(1))] = path
    return days


def in_place(folder: Path, name: str, pending: Mapping[str, str | None]) -> Path | None:
    """Where the file of that name is, also when it has not taken its place yet; None without."""
    if name not in pending:
        return folder / name if (folder / name).is_file() else None
    staged = pending[name]
    if staged is None:
        return None
    return folder / staged if (folder / staged).is_file() else folder / name


def journal(folder: Path) -> dict[str, str | None]:
    """The files that are about to take their places: name -> where it is made; None removes it.

    Raises:
        UnreachableError: the journal cannot be read.
    """
    try:
        found = json.loads((folder / JOURNAL).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise UnreachableError(f"{folder / JOURNAL} cannot be read: {error}") from error
    return {str(name): staged for name, staged in found["files"].items()}


@contextmanager
def shared(folder: Path) -> Iterator[None]:
    """Keeps imports out while the block reads; a folder into which none was ever made is free.

    Raises:
        BusyError: an import takes too long.
    """
    try:
        descriptor = os.open(folder / LOCK, os.O_RDONLY)
    except FileNotFoundError:
        yield
        return
    except OSError as error:
        raise UnreachableError(f"{folder / LOCK} cannot be opened: {error.strerror}") from error
    try:
        take_turn(descriptor, folder, fcntl.LOCK_SH)
        yield
    finally:
        os.close(descriptor)


def take_turn(descriptor: int, folder: Path, kind: int) -> None:
    """Waits for the lock: many may read at once, one imports alone.

    Raises:
        BusyError: others have held it for too long.
    """
    deadline = time.monotonic() + WAIT_S
    while True:
        try:
            return fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise BusyError(
                    f"{folder}: an import or a report has held it for {WAIT_S:.0f} s; try again"
                ) from None
            time.sleep(0.01)


@dataclass(frozen=True, slots=True)
class ImportedSource:
    """All imported fills."""

    folder: Path
    in_our_names: bool = True

    def batches(
        self, window: Window, time_column: str | None
    ) -> Generator[Sequence[RawTable], None, None]:
        """See `Source.batches`: the files of the window's days.

        Raises:
            UnreachableError: nothing was imported yet, or a file cannot be read.
        """
        if not self.folder.is_dir():
            raise UnreachableError(
                '[costs] fills = "imported": nothing was imported yet; mechexo costs import FILE'
            )
        first, last = window.start.astimezone(UTC).date(), window.end.astimezone(UTC).date()
        with shared(self.folder):
            paths = [path for day, path in day_paths(self.folder).items() if first <= day <= last]
            for place in range(0, len(paths), _AT_ONCE):
                with ExitStack() as opened:
                    yield [_table(path, opened) for path in paths[place : place + _AT_ONCE]]


def _table(path: Path, opened: ExitStack) -> RawTable:
    try:
        file = opened.enter_context(path.open("rb"))
    except OSError as error:
        raise UnreachableError(f"{path} cannot be opened: {error.strerror}") from error
    return RawTable(str(path), pl.scan_parquet(file))
