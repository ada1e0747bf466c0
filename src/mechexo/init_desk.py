"""Making a new desk's folder: the commented configuration, the runbooks, an empty state file."""

from __future__ import annotations

import os
from collections.abc import Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from mechexo.config import load_settings
from mechexo.config.loading import FILE_NAME
from mechexo.errors import StateError, UsageError
from mechexo.state import State
from mechexo.value_classes import dataclass

_REPOSITORY = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Made:
    """What became of one file: `made`, or `kept` because it was there already."""

    path: Path
    kept: bool


def example_config() -> Traversable:
    """The commented example: package data when installed, the repository's otherwise."""
    return _shipped("_example", FILE_NAME, _REPOSITORY / FILE_NAME)


def shipped_runbooks() -> Traversable:
    """The folder of the runbook entries that come with mechexo."""
    return _shipped("_runbooks", "", _REPOSITORY / "runbooks")


def _shipped(folder: str, name: str, in_repository: Path) -> Traversable:
    packaged = files("mechexo") / folder
    found = packaged / name if name else packaged
    return found if found.is_file() or found.is_dir() else in_repository


def init_desk(folder: Path) -> tuple[Made, ...]:
    """Writes what is missing in `folder`, and overwrites nothing. The paths it names are whole.

    Raises:
        UsageError: the folder cannot be made or written to.
        ConfigError: a configuration that was there already does not fit.
        StateError: the state file cannot be made.
    """
    folder = Path(os.path.realpath(folder))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        config = folder / FILE_NAME
        done = [_write(config, example_config().read_bytes(), mode=0o640)]
        done += [_write(folder / "runbooks" / name, content) for name, content in _runbook_files()]
    except OSError as error:
        where = error.filename or folder
        raise UsageError(f"{where}: cannot be written: {error.strerror or error}") from error
    state = (folder / Path(load_settings(config).desk.state).expanduser()).resolve()
    existed = _has_content(state)
    State.open(state).close()
    return (*done, Made(state, existed))


def _runbook_files() -> Iterator[tuple[str, bytes]]:
    for entry in sorted(shipped_runbooks().iterdir(), key=lambda each: each.name):
        if entry.is_file() and entry.name.endswith(".md"):
            yield entry.name, entry.read_bytes()


def _write(path: Path, content: bytes, *, mode: int = 0o644) -> Made:
    """Writes a new file whole or not at all; one that exists stays as it is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        try:
            # Unlike a rename, a link never replaces what is there.
            os.link(fresh, path)
        except FileExistsError:
            return Made(path, kept=True)
        return Made(path, kept=False)
    finally:
        fresh.unlink(missing_ok=True)


def _has_content(path: Path) -> bool:
    try:
        return path.stat().st_size > 0
    except FileNotFoundError:
        return False
    except OSError as error:
        raise StateError(f"{path}: {error.strerror}") from error
