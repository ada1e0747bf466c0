"""What a rollback writes with git: objects, then one ref by compare-and-swap. Never a reset.

The commit is made by plumbing on a copy of the index, so that nothing of the repository changes
until the ref moves. Git is asked to flush what it writes.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from mechexo.errors import ConflictError, UnreachableError
from mechexo.rollback.git import Repository
from mechexo.rollback.git_values import TreeEntry
from mechexo.value_classes import dataclass

_LASTING = ("-c", "core.fsync=all", "-c", "core.fsyncMethod=fsync")


@dataclass(frozen=True, slots=True)
class Prepared:
    """A commit that no ref has yet, and the index that belongs to it."""

    oid: str
    index: bytes


def prepare(
    repository: Repository,
    *,
    parent: str,
    entries: Mapping[str, TreeEntry | None],
    message: str,
    author: str,
    at: datetime,
    scratch: Path,
) -> Prepared:
    """Makes the commit on `parent` in which each path has its entry (None: nothing).

    What is staged of other paths stays in the new index and out of the commit. `scratch` is an
    empty folder of ours.

    Raises:
        UnreachableError: git could not write its objects.
    """
    listed = _index_lines(entries, repository.hash_name)
    tree_index = scratch / "tree-index"
    on_tree = {"GIT_INDEX_FILE": os.fspath(tree_index)}
    _write(repository, "read-tree", parent, environment=on_tree)
    _write(repository, "update-index", "-z", "--index-info", stdin=listed, environment=on_tree)
    tree = _write(repository, "write-tree", environment=on_tree).decode().strip()
    person = {
        **{"GIT_AUTHOR_NAME": author, "GIT_AUTHOR_EMAIL": "rollback@mechexo.invalid"},
        **{"GIT_COMMITTER_NAME": author, "GIT_COMMITTER_EMAIL": "rollback@mechexo.invalid"},
        "GIT_AUTHOR_DATE": f"{int(at.timestamp())} +0000",
        "GIT_COMMITTER_DATE": f"{int(at.timestamp())} +0000",
    }
    oid = _write(
        *(repository, "commit-tree", tree, "-p", parent, "-F", "-"),
        stdin=message.encode(),
        environment=person,
    )
    index = index_with(repository, entries, scratch=scratch)
    return Prepared(oid.decode().strip(), index)


def index_with(
    repository: Repository, entries: Mapping[str, TreeEntry | None], *, scratch: Path
) -> bytes:
    """The bytes of the index as it would be with these entries; the index itself stays."""
    copy = scratch / "index"
    shutil.copyfile(repository.git_dir / "index", copy)
    environment = {"GIT_INDEX_FILE": os.fspath(copy)}
    listed = _index_lines(entries, repository.hash_name)
    _write(repository, "update-index", "-z", "--index-info", stdin=listed, environment=environment)
    return copy.read_bytes()


def move_ref(
    repository: Repository, ref: str, *, old: str, new: str, why: str, author: str, at: datetime
) -> None:
    """Moves a branch from one commit to another, if it still has the first. The reflog gets the
    desk's own moment: it speaks of what was deployed when.

    Raises:
        ConflictError: the branch has another commit.
    """
    person = {
        **{"GIT_COMMITTER_NAME": author, "GIT_COMMITTER_EMAIL": "rollback@mechexo.invalid"},
        "GIT_COMMITTER_DATE": f"{int(at.timestamp())} +0000",
    }
    try:
        _write(repository, "update-ref", "-m", why, ref, new, old, environment=person)
    except UnreachableError as error:
        raise ConflictError(f"{ref} could not be moved from {old[:12]}: {error}") from error


def _write(
    repository: Repository,
    *words: str,
    stdin: bytes = b"",
    environment: Mapping[str, str] | None = None,
) -> bytes:
    return repository.call(*words, stdin=stdin, environment=environment, options=_LASTING)


def _index_lines(entries: Mapping[str, TreeEntry | None], hash_name: str) -> bytes:
    """What `update-index --index-info` reads. Removals first: a folder may go for a file."""
    nothing = "0" * (64 if hash_name == "sha256" else 40)
    gone = [f"0 {nothing}\t".encode() + os.fsencode(p) for p, e in entries.items() if e is None]
    there = [
        f"{entry.mode} {entry.oid}\t".encode() + os.fsencode(path)
        for path, entry in entries.items()
        if entry is not None
    ]
    return b"".join(line + b"\0" for line in (*gone, *there))
