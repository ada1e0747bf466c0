"""Gathering what a plan is made from: the repository's and the working tree's own bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mechexo.rollback.git import LONGEST_FILE_BYTES, Head, Repository, TreeEntry
from mechexo.rollback.planning import Facts
from mechexo.rollback.worktree import LINK, SUBMODULE, Content, look

if TYPE_CHECKING:
    from mechexo.rollback.resolving import Resolved


def gather(
    repository: Repository, path: str, *, head: Head, resolved: Resolved, glob: str
) -> Facts:
    """All that a plan for `path` back to `resolved` rests on. Reads only."""
    found = look(repository.root, path, longest_bytes=LONGEST_FILE_BYTES)
    then = repository.entry(resolved.oid, path)
    committed = then if resolved.oid == head.oid else repository.entry(head.oid, path)
    staged = repository.staged(path)
    attributes = repository.attributes(path)
    filter_name = attributes.get("filter", "unspecified")
    runs_filter = filter_name not in ("unspecified", "unset")
    entries = [entry for entry in (then, committed, *staged) if entry is not None]
    return Facts(
        path=path,
        glob=glob,
        now=found.content,
        obstacle=found.obstacle or _folder(entries),
        then=content_at(repository, then, path, raw=runs_filter),
        then_blob=then.oid if then else None,
        committed=content_at(repository, committed, path, raw=runs_filter),
        staged=_names(staged) != _names((committed,) if committed else ()),
        submodule=any(entry.mode == SUBMODULE for entry in entries),
        filter_name=filter_name if runs_filter else "",
        in_progress=repository.in_progress(),
        detached=not head.ref,
        hash_name=repository.hash_name,
        disagreement=resolved.disagreement,
    )


def content_at(
    repository: Repository, entry: TreeEntry | None, path: str, *, raw: bool
) -> Content | None:
    """What a checkout of an entry would put at `path`; None for nothing, or for no file.

    `raw` gives the bytes as git stores them, where a checkout would run a filter program.
    """
    if entry is None or entry.kind != "blob":
        return None
    if raw or entry.mode == LINK:
        return Content(entry.mode, repository.blob(entry.oid))
    data = repository.checked_out(entry.oid, path)
    return Content(entry.mode, data)


def _names(entries: tuple[TreeEntry, ...]) -> set[tuple[str, str]]:
    return {(entry.mode, entry.oid) for entry in entries}


def _folder(entries: list[TreeEntry]) -> str:
    return "it was or is a folder" if any(entry.kind == "tree" for entry in entries) else ""
