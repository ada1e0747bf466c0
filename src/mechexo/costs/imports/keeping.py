"""The files of imported fills: one per UTC day, replaced together or not at all.

Where they are and how they are read: `costs.sources.imported`. The files that an import changes
are made beside their places first; a journal then names them, they take their places, and the
journal goes. Whoever comes after a process that was killed meanwhile finishes its work.
"""

from __future__ import annotations

import fcntl
import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import field
from datetime import date
from pathlib import Path
from typing import BinaryIO

import polars as pl
from polars.exceptions import PanicException, PolarsError

from mechexo.costs.export import failures_told, put_parquet
from mechexo.costs.imports import execution_ids
from mechexo.costs.imports.merging import Kept, Merged, merged
from mechexo.costs.sources.imported import (
    JOURNAL,
    LOCK,
    TAKEN_BACK,
    day_name,
    day_paths,
    in_place,
    journal,
    shared,
    take_turn,
)
from mechexo.costs.sources.telling import unreadable
from mechexo.files import write_whole
from mechexo.value_classes import dataclass

_SCHEMA = "mechexo.fills_taken_back/1"


@dataclass(slots=True)
class Staged:
    """Files that were made and have not taken their places yet."""

    folder: Path
    files: dict[str, str | None] = field(default_factory=dict)
    """Their names, and where they are made; None for one that goes."""

    def take_places(self) -> None:
        """Puts all files in their places.

        Raises:
            UnreachableError: the disk does not take it; then none, or what `journal` still names.
        """
        if not self.files:
            return
        with failures_told(self.folder / JOURNAL):
            text = json.dumps({"files": self.files}, indent=1)
            write_whole(self.folder / JOURNAL, text.encode())
            finish(self.folder)
        self.files = {}

    def discard(self) -> None:
        """Removes what has not taken its place; what the journal names already stays."""
        for staged in set(self.files.values()) - set(journal(self.folder).values()):
            if staged is not None:
                (self.folder / staged).unlink(missing_ok=True)


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Keeps other imports and readers out, and finishes what a killed import began.

    Raises:
        BusyError: another import takes too long.
        UnreachableError: the folder cannot be written.
    """
    with failures_told(folder):
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        take_turn(descriptor, folder, fcntl.LOCK_EX)
        with failures_told(folder):
            finish(folder)
        yield
    finally:
        os.close(descriptor)


def finish(folder: Path) -> None:
    """Puts what the journal names in its place; without a journal it does nothing."""
    pending = journal(folder)
    if not pending:
        return
    for name, staged in pending.items():
        if staged is None:
            (folder / name).unlink(missing_ok=True)
        elif (folder / staged).exists():
            (folder / staged).replace(folder / name)
    _flush_folder(folder)
    (folder / JOURNAL).unlink()


def _flush_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def planned(
    folder: Path, fills: pl.DataFrame, taken_back: tuple[str, ...], *, dry_run: bool
) -> Iterator[tuple[Merged, Staged]]:
    """What an import of these fills changes, and its files, made and waiting; see `merged`.

    With `dry_run` nothing is made.

    Raises:
        BusyError: another import takes too long.
        UnreachableError: a file cannot be read or written.
    """
    if dry_run:
        with shared(folder):
            yield merged(_kept(folder, fills, taken_back), fills, taken_back), Staged(folder)
        return
    with held(folder):
        staged = Staged(folder)
        try:
            plan = merged(_kept(folder, fills, taken_back), fills, taken_back)
            for day, frame in plan.days.items():
                staged.files[day_name(day)] = _made(folder, day, frame)
            if plan.gone_changed:
                staged.files[TAKEN_BACK] = _made_json(folder, plan.gone, plan.named)
            yield plan, staged
        finally:
            staged.discard()


def _kept(folder: Path, fills: pl.DataFrame, taken_back: tuple[str, ...]) -> Kept:
    """The kept fills of every day that this import may touch, and the ids that are gone."""
    paths = day_paths(folder) if folder.is_dir() else {}
    wanted = pl.concat(
        [fills["fill_id"], fills["replaces"].drop_nulls(), pl.Series(taken_back, dtype=pl.String)]
    ).unique()
    before = execution_ids.names_before(fills, "replaces")
    named = execution_ids.dayless_ids_named(
        [*filter(execution_ids.is_waiting_name, wanted), *before]
    )
    own = set(fills["ts"].dt.date().unique())
    days = {}
    for day, path in paths.items():
        # A corrected fill may have been another day's.
        if day in own or _holds(_column(path, "fill_id"), wanted, named):
            days[day] = _read(path)
    return Kept(days, *_gone(folder))


def _holds(ids: pl.Series, wanted: pl.Series, named: pl.Series) -> bool:
    """Whether one of the fills is among these ids, or is of no known day and among those named."""
    return ids.is_in(wanted.implode()).any() or (
        len(named) > 0 and execution_ids.without_day(ids).is_in(named.implode()).any()
    )


def _gone(folder: Path) -> tuple[dict[str, str], dict[str, str]]:
    path = in_place(folder, TAKEN_BACK, journal(folder))
    if path is None:
        return {}, {}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return dict(found["ids"]), dict(found.get("named", {}))
    except (OSError, ValueError, KeyError) as error:
        raise unreadable(str(path), error) from error


def _read(path: Path) -> pl.DataFrame:
    try:
        return pl.read_parquet(path)
    except (PolarsError, PanicException, OSError) as error:
        raise unreadable(str(path), error) from error


def _column(path: Path, name: str) -> pl.Series:
    try:
        return pl.read_parquet(path, columns=[name])[name]
    except (PolarsError, PanicException, OSError) as error:
        raise unreadable(str(path), error) from error


def _made(folder: Path, day: date, frame: pl.DataFrame) -> str | None:
    if frame.is_empty():
        return None
    name = day_name(day)
    # A column without a value is none: what is imported then says what it lacks.
    filled = [each for each in frame.columns if frame[each].null_count() < len(frame)]
    with failures_told(folder / name), _beside(folder, name) as (file, made):
        put_parquet(file, frame.select(filled), {})
    return made


def _made_json(folder: Path, gone: Mapping[str, str], named: Mapping[str, str]) -> str:
    document = {"schema": _SCHEMA, "ids": dict(sorted(gone.items()))}
    if named:
        document["named"] = dict(sorted(named.items()))
    content = json.dumps(document, indent=1, ensure_ascii=False).encode()
    with failures_told(folder / TAKEN_BACK), _beside(folder, TAKEN_BACK) as (file, made):
        file.write(content)
    return made


@contextmanager
def _beside(folder: Path, name: str) -> Iterator[tuple[BinaryIO, str]]:
    """A file beside the place of `name`, whole and on the disk when the block ends."""
    descriptor, made = tempfile.mkstemp(dir=folder, prefix=f".{name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file, Path(made).name
            file.flush()
            os.fsync(file.fileno())
        Path(made).chmod(0o644)
    except BaseException:
        Path(made).unlink(missing_ok=True)
        raise
