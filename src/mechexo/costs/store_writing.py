"""Writing into the tick store: one at a time, nothing left lying, what fails told."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from polars.exceptions import PolarsError

from mechexo.costs.sources.telling import told
from mechexo.costs.store import TickStore
from mechexo.errors import BusyError, UnreachableError


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Keeps any second run away from the store."""
    (folder / "days").mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise BusyError(f"another ingest fills the tick store {folder}; wait for its end") from None
    finally:
        os.close(descriptor)


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """What keeps the store from being written becomes an error that names it."""
    try:
        yield
    except (OSError, PolarsError) as error:
        said = (error.strerror if isinstance(error, OSError) else None) or told(error)
        raise UnreachableError(f"the tick store {folder} cannot be written: {said}") from error


@contextmanager
def work_folder(store: TickStore) -> Iterator[Path]:
    """A folder for what is only needed on the way."""
    work = store.folder / ".work"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    try:
        yield work
    finally:
        shutil.rmtree(work, ignore_errors=True)


def tidy(store: TickStore) -> None:
    """Takes away what a run that was killed left lying: nobody else writes here now."""
    shutil.rmtree(store.folder / ".work", ignore_errors=True)
    for left in [*store.folder.glob(".*.json.*"), *store.days_folder.glob(".*.parquet.*")]:
        left.unlink()
