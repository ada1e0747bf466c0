"""Putting back what a run that did not come to its end had changed. Every step can be done again.

Everything is looked at before anything is touched: where somebody else has changed a path, the
branch or a flag meanwhile, nothing is put back and a person has to look. We never guess.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from mechexo.errors import ConflictError
from mechexo.rollback import index_lock
from mechexo.rollback.diffing import shown_path
from mechexo.rollback.durable import Tree
from mechexo.rollback.git import Repository
from mechexo.rollback.git_values import Head, TreeEntry
from mechexo.rollback.git_writing import index_with, move_ref
from mechexo.rollback.undoing import described, described_now

if TYPE_CHECKING:
    from mechexo.rollback.durable import FileSystem
    from mechexo.rollback.journal import Manifest


class FlagsBack(Protocol):
    """Sets the flags of a run back, or only looks whether that can be done."""

    def __call__(self, flags: tuple[Mapping[str, Any], ...], *, only_look: bool) -> None:
        """Raises NeedsPersonError when one has a third value."""


class NeedsPersonError(ConflictError):
    """What a run changed was changed again by somebody else; putting it back would lose that."""


def put_back(
    manifest: Manifest,
    files: FileSystem,
    *,
    scratch: Path,
    flags_back: FlagsBack,
    at: datetime,
) -> None:
    """Brings files, index, branch and flags back to what stood there before a run.

    Raises:
        NeedsPersonError: something is neither as it was nor as the run made it.
        OSError: the disk did not take it; call it again when it does.
    """
    repository = Repository.open(Path(manifest.repository)) if manifest.repository else None
    if repository is not None:
        head = repository.head()
        _refuse_if_changed(manifest, repository, head)
        flags_back(manifest.flags, only_look=True)
        _put_paths_back(manifest, Tree(repository.root, files))
        _put_ref_back(manifest, repository, head, at)
        files.reached("ref put back")
        _put_index_back(manifest, repository, Tree(repository.git_dir, files), scratch)
    flags_back(manifest.flags, only_look=False)
    files.reached("flags put back")
    if repository is not None:
        _verify(manifest, repository)


def _refuse_if_changed(manifest: Manifest, repository: Repository, head: Head | None) -> None:
    foreign = [
        shown_path(kept.path)
        for kept in manifest.paths
        if described_now(repository.root, kept.path) not in (described(kept.old), kept.new)
    ]
    if head is None or head.oid not in (manifest.old_commit, manifest.new_commit):
        foreign.append(f"{manifest.ref} (it has another commit)")
    if foreign:
        raise NeedsPersonError(
            f"rollback {manifest.run_id} was cut off, and since then somebody changed "
            f"{', '.join(foreign)}; put them back as they were or as the plan has them, then run: "
            "mechexo rollback recover"
        )


def _put_paths_back(manifest: Manifest, tree: Tree) -> None:
    for kept in manifest.paths:
        tree.tidy(kept.path, kept.beside)
    made, gone = list(manifest.folders_made), list(manifest.folders_gone)
    came = [kept for kept in manifest.paths if kept.old is None]
    went = [kept for kept in manifest.paths if kept.old is not None and kept.new is None]
    stayed = [kept for kept in manifest.paths if kept.old is not None and kept.new is not None]
    # A file that came may stand where folders and files went, so it goes before they return; where
    # none went it goes last, as in the other direction, so that a renamed file is never missing.
    in_the_way = {
        each.path
        for each in came
        if any(other.path.startswith(each.path + "/") for other in went)
        or any(each.path.startswith(other.path + "/") for other in went)
    }
    for kept in came:
        if kept.path in in_the_way:
            tree.remove(kept.path)
    blocking = [
        folder
        for folder in made
        if any(folder == each.path or folder.startswith(each.path + "/") for each in went)
    ]
    for folder in reversed(blocking):
        tree.remove_folder(folder)
    for folder in gone:
        tree.make_folder(folder)
    for kept in (*went, *stayed):
        if described_now(tree.root, kept.path) != described(kept.old):
            assert kept.old is not None
            tree.put(kept.path, kept.old, beside=kept.beside)
    for kept in came:
        if kept.path not in in_the_way:
            tree.remove(kept.path)
    for folder in reversed(made):
        if folder not in blocking:
            tree.remove_folder(folder)


def _put_ref_back(
    manifest: Manifest, repository: Repository, head: Head | None, at: datetime
) -> None:
    if manifest.new_commit and head is not None and head.oid == manifest.new_commit:
        move_ref(
            repository,
            manifest.ref,
            old=manifest.new_commit,
            new=manifest.old_commit,
            why=f"mechexo: rollback {manifest.run_id} undone",
            author=manifest.actor,
            at=at,
        )


def _put_index_back(manifest: Manifest, repository: Repository, tree: Tree, scratch: Path) -> None:
    """Gives the paths their old entries in the index, through git's own lock file."""
    if not manifest.entries:
        return
    index_lock.free(tree, manifest.run_id)
    new = {path: pair[1] for path, pair in manifest.entries.items()}
    staged = repository.index().entries
    holds_new = [
        path
        for path, entry in new.items()
        if [[each.mode, each.oid] for each in staged.get(path, ())] == ([entry] if entry else [])
    ]
    old = {path: _entry(manifest.entries[path][0]) for path in holds_new}
    if not old:
        return
    data = index_with(repository, old, scratch=scratch)
    index_lock.take(tree, manifest.run_id, data)
    index_lock.install(tree, manifest.run_id)


def _verify(manifest: Manifest, repository: Repository) -> None:
    wrong = [
        shown_path(kept.path)
        for kept in manifest.paths
        if described_now(repository.root, kept.path) != described(kept.old)
    ]
    if wrong:
        raise NeedsPersonError(
            f"rollback {manifest.run_id}: {', '.join(wrong)} could not be put back as it was; its "
            "journal is kept"
        )


def _entry(named: list[str] | None) -> TreeEntry | None:
    return TreeEntry(named[0], "blob", named[1]) if named else None
