"""What to say of a tick store that is damaged or empty: always with the command that cures it."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from mechexo.costs.sources.telling import told
from mechexo.errors import UnreachableError


def empty(folder: Path) -> UnreachableError:
    """What to say of a store without a day."""
    return UnreachableError(f"the tick store {folder} is empty; fill it with: mechexo costs ingest")


def damaged(path: Path, error: BaseException) -> UnreachableError:
    """What to say of a file of the store that cannot be read."""
    return UnreachableError(f"{path} cannot be read: {told(error)}; {cure_of(path)}")


def cure_of(path: Path) -> str:
    """What makes a damaged file of the store whole again, with its command."""
    if path.name == "manifest.json":
        return "make it anew with: mechexo costs ingest"
    if path.name == "sources.json":
        return 'make it anew, naming the quotes: mechexo costs ingest "quotes/*.parquet" --rebuild'
    if path.suffix == ".parquet":
        return f"make the day anew with: {rebuild_of(path.stem)}"
    return "make the store anew with: mechexo costs ingest --rebuild"


def rebuild_of(day: date | str) -> str:
    """The command that makes a day of the store anew."""
    return f"mechexo costs ingest --rebuild --from {day} --to {day}"
