"""Where entries come from: the shipped ones and the desk's own folder.

Nothing here needs the state file: the runbook must open when everything else is broken.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import mechexo
from mechexo.runbook.display import as_shown
from mechexo.runbook.extending import SHIPPED, extended
from mechexo.runbook.folder import MOST_FILES, Source, list_markdown, read_text
from mechexo.runbook.parse import parse
from mechexo.value_classes import dataclass

if TYPE_CHECKING:
    from mechexo.config.models import Settings
    from mechexo.runbook.values import Entry


@dataclass(frozen=True, slots=True)
class Library:
    """All entries by id, worst severity first, as this desk reads them."""

    entries: tuple[Entry, ...]
    variables: Mapping[str, str]


def shipped_folder() -> Path:
    """The folder of the shipped entries: package data, or the repository's when editable."""
    package = Path(mechexo.__file__).resolve().parent
    installed = package / "_runbooks"
    return installed if installed.is_dir() else package.parents[1] / "runbooks"


def own_folder(settings: Settings, root: Path | None) -> Path:
    """Where the desk's own entries are."""
    return (root or Path()) / Path(settings.runbook.folder).expanduser()


def read_library(settings: Settings | None = None, root: Path | None = None) -> Library:
    """Reads every entry.

    Args:
        settings: of the desk; without them only the shipped entries are read.
        root: the folder of the configuration, from which a relative `[runbook] folder` is taken.
    """
    variables: Mapping[str, str] = {}
    entries = {entry.id: entry for entry in read_folder(shipped_folder(), shipped=True)}
    if settings is not None:
        variables = settings.runbook.variables
        if settings.runbook.folder:
            for own in read_folder(own_folder(settings, root), shipped=False):
                entries[own.id] = over(own, entries.get(own.id))
    ordered = sorted(entries.values(), key=lambda entry: (entry.severity or "~", entry.id))
    names = tuple(sorted(variables.items()))
    return Library(tuple(shown(entry, names) for entry in ordered), variables)


@lru_cache(maxsize=MOST_FILES)
def shown(entry: Entry, variables: tuple[tuple[str, str], ...]) -> Entry:
    """`as_shown`, kept: the console asks for the same entries often."""
    return as_shown(entry, dict(variables))


def over(own: Entry, below: Entry | None) -> Entry:
    """The desk's own entry in place of the one it overrides, or over the one it extends."""
    if below is None:
        if not own.extends:
            return own
        return _with_problem(own, f"extends: there is no shipped entry {own.id!r} to extend")
    if below.origin != SHIPPED:
        told = f"{own.path} and {below.path} have the same id {own.id!r}; this is the first of them"
        return _with_problem(below, told)
    if own.extends == SHIPPED:
        return extended(own, below)
    if own.extends:
        own = _with_problem(own, f"extends can only be {SHIPPED}, not {own.extends!r}")
    if not own.problems:
        return own
    # Its head could not be read: without the shipped one's names no alert would find it.
    return replace(
        own,
        severity=own.severity or below.severity,
        alerts=own.alerts or below.alerts,
        symptoms=own.symptoms or below.symptoms,
    )


def _with_problem(entry: Entry, told: str) -> Entry:
    return replace(entry, problems=(*entry.problems, told))


def read_folder(folder: Path, *, shipped: bool) -> list[Entry]:
    """Every `*.md` in a folder and below, hidden files and READMEs left out, in order of path.

    A file or folder that cannot be read becomes an entry that says so.
    """
    try:
        sources = list_markdown(folder)
    except OSError as error:
        return [_unreadable(Path(error.filename or folder), "runbook-folder", error)]
    return [read_entry(each, SHIPPED if shipped else str(each.path)) for each in sources]


def read_entry(source: Source, origin: str) -> Entry:
    """The entry of one file; one that says so when it cannot be read."""
    try:
        if source.refused:
            raise OSError(source.refused)
        return _parsed(source.path, origin, source.mtime_ns, source.size)
    except OSError as error:
        return _unreadable(source.path, source.path.stem, error)


@lru_cache(maxsize=MOST_FILES)
def _parsed(path: Path, origin: str, mtime_ns: int, size: int) -> Entry:
    """The entry of a file as it was at `mtime_ns`: the console asks for the same ones often."""
    text, told = read_text(path)
    entry = parse(text, name=path.name, origin=origin, path=path)
    return replace(entry, problems=(*told, *entry.problems)) if told else entry


def _unreadable(path: Path, entry_id: str, error: OSError) -> Entry:
    why = f"{path}: cannot be read: {error.strerror or error}"
    text = f"# {entry_id} cannot be read\n\n{why}. Mend it, or correct `[runbook] folder`.\n"
    entry = parse(text, name=f"{entry_id}.md", origin=str(path), path=path)
    return replace(entry, problems=(why,))
