"""Edits that git does not know: watched files whose bytes differ from those of HEAD.

By our own look at each file: git can be told to overlook one.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from mechexo.errors import MechexoError, UnreachableError
from mechexo.rollback import globs
from mechexo.rollback.diffing import shown_path
from mechexo.rollback.facts import Wanted, gather
from mechexo.rollback.git import LONGEST_FILE_BYTES
from mechexo.rollback.git_values import TreeEntry
from mechexo.rollback.happenings import Gap, Happening, Kind, Remedy, Targets, Watch
from mechexo.rollback.planning import git_blob_id
from mechexo.rollback.worktree import SUBMODULE, Found, look, open_folder

if TYPE_CHECKING:
    from mechexo.rollback.git import Repository

SOURCE = "edits not in git"
_MOST_ENTRIES = 20_000
"""So many files and folders are looked through for new ones; more would keep a person waiting."""
_NEVER_OURS = frozenset({".git", "__pycache__", "node_modules"})
"""Folders that programs fill; nobody configures a desk in them."""
_MAGIC = frozenset("*?[")


def local_edits(
    repository: Repository, targets: Targets, watch: Watch
) -> tuple[list[Happening], list[Gap]]:
    """The configured files and those of flows that differ from HEAD, whenever they were written;
    and what could not be looked at.

    When an edit was made is known by the file's time only. Of a file that is gone it is the time
    of its folder: the latest moment at which it can have gone.
    """
    wanted = [*targets.configs, *(glob for mine in targets.flows.values() for glob in mine)]
    head = repository.head()
    entries = repository.entries(head.oid) if head else {}
    known = {path: entry for path, entry in entries.items() if globs.matching(path, wanted)}
    found: list[Happening] = []
    gaps: list[Gap] = []
    for path in sorted({*known, *_present(repository.root, wanted, gaps)}):
        try:
            what = _difference(repository, path, known.get(path), entries)
            written = _last_written(repository.root, path) if what else None
        except (MechexoError, OSError) as error:
            gaps.append(_gap(path, error))
            continue
        if written is not None:
            found.append(_happening(path, what, written, targets, watch))
    return found, gaps


def _happening(
    path: str, what: str, written: datetime, targets: Targets, watch: Watch
) -> Happening:
    remedy = None
    no_remedy = ""
    if what == "new":
        no_remedy = "git has no earlier state of it"
    elif targets.takes_back(path):
        remedy = Remedy("config", path, None)
    else:
        remedy = targets.remedy([path], None, watch)
        no_remedy = "" if remedy else "it may not be rolled back"
    return Happening(
        key=f"edit:{path}",
        kind=Kind.EDIT,
        at=written,
        what=f"{shown_path(path)}: {_WORDS[what]}",
        paths=(path,),
        flows=targets.flows_of([path]),
        remedy=remedy,
        no_remedy=no_remedy,
    )


_WORDS = {
    "new": "new, not in git",
    "gone": "gone, but not in git (at the latest then)",
    "mode": "its mode differs from git's",
    "edited": "differs from what git has",
}


def _difference(
    repository: Repository,
    path: str,
    entry: TreeEntry | None,
    committed: dict[str, TreeEntry],
) -> str:
    """How a file differs from what HEAD has: one of `_WORDS`; empty when it does not."""
    if entry is not None and entry.mode == SUBMODULE:
        return ""
    seen = look(repository.root, path, longest_bytes=LONGEST_FILE_BYTES)
    if entry is None:
        return "new" if seen.content is not None else ""
    if seen.content is None:
        return "edited" if seen.obstacle else "gone"
    if _as_stored(seen, entry, repository.hash_name):
        return ""
    # What git stores and what a checkout writes may differ, in line endings for example.
    (facts,) = gather(
        repository, {path: ""}, committed=committed, staged={}, wanted={path: Wanted(entry)}
    )
    if facts.filter_name:
        raise UnreachableError(
            f"the filter {facts.filter_name} makes its bytes and is not run; see: git diff"
        )
    now, then = facts.now, facts.committed
    if now is None or then is None or now.data != then.data:
        return "edited"
    return "mode" if now.mode != then.mode else ""


def _as_stored(seen: Found, entry: TreeEntry, hash_name: str) -> bool:
    content = seen.content
    return (
        content is not None
        and content.mode == entry.mode
        and git_blob_id(content.data, hash_name) == entry.oid
    )


def _last_written(root: Path, path: str) -> datetime:
    place = root / path
    while True:
        with suppress(FileNotFoundError, NotADirectoryError):
            return datetime.fromtimestamp(os.lstat(place).st_mtime, UTC)
        place = place.parent


def _present(root: Path, wanted: Sequence[str], gaps: list[Gap]) -> Iterator[str]:
    """The files in the working tree that some glob fits; no link is followed."""
    left = _MOST_ENTRIES
    for base in sorted({_fixed_part(glob) for glob in wanted}):
        try:
            folder = open_folder(root, base.split("/") if base else [])
        except FileNotFoundError:
            continue
        except OSError as error:
            gaps.append(_gap(base, error))
            continue
        failed: list[OSError] = []
        try:
            for above, folders, files, here in os.fwalk(
                ".", dir_fd=folder, follow_symlinks=False, onerror=failed.append
            ):
                if "pyvenv.cfg" in files:  # a Python environment is made, not written
                    folders[:], files = [], []
                folders[:] = [each for each in folders if each not in _NEVER_OURS]
                left -= len(files) + len(folders)
                if left < 0:
                    gaps.append(_gap(base, UnreachableError("has too many files to look at")))
                    return
                links = (each for each in folders if _is_link(each, here))
                for name in (*files, *links):
                    path = "/".join(
                        part for part in (base, above.removeprefix(".").strip("/"), name) if part
                    )
                    if name != ".git" and globs.matching(path, wanted):
                        yield path
        finally:
            os.close(folder)
        gaps += [_gap(base, each) for each in failed]


def _is_link(name: str, folder: int) -> bool:
    return stat.S_ISLNK(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode)


def _fixed_part(glob: str) -> str:
    """The folders in front of the first part of a glob that is a pattern."""
    parts = glob.removeprefix("./").split("/")[:-1]
    fixed = next((at for at, part in enumerate(parts) if _MAGIC & set(part)), len(parts))
    return "/".join(parts[:fixed])


def _gap(path: str, error: MechexoError | OSError) -> Gap:
    said = str(error)
    if isinstance(error, OSError):
        said = f"cannot be read: {error.strerror or error}"
    return Gap.of(SOURCE, UnreachableError(f"{shown_path(path) or '.'}: {said}"))
