"""Gathering what a plan is made from: the repository's and the working tree's own bytes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TypeGuard

from mechexo.rollback.durable import permissions_after
from mechexo.rollback.git import LONGEST_FILE_BYTES, Repository
from mechexo.rollback.git_values import IndexEntry, TreeEntry
from mechexo.rollback.planning import PathFacts, git_blob_id
from mechexo.rollback.worktree import EXECUTABLE, LINK, SUBMODULE, Content, Found, look
from mechexo.value_classes import dataclass


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a plan would bring a path to: what git has there, and, where somebody recorded them,
    the very bytes and permissions (else what a checkout would make)."""

    entry: TreeEntry | None
    recorded: Content | None = None
    is_recorded: bool = False


def gather(
    repository: Repository,
    rules: Mapping[str, str],
    *,
    committed: Mapping[str, TreeEntry],
    staged: Mapping[str, tuple[IndexEntry, ...]],
    wanted: Mapping[str, Wanted],
) -> tuple[PathFacts, ...]:
    """All that a plan for these paths rests on, by path. Reads only.

    `rules` gives each path the configured glob that allows it; `committed` is what HEAD has,
    `staged` what the index has.
    """
    paths = sorted(rules)
    found = {path: look(repository.root, path, longest_bytes=LONGEST_FILE_BYTES) for path in paths}
    attributes = repository.attributes(paths)
    entries = {path: (wanted[path].entry, committed.get(path)) for path in paths}
    plain = {path: not _converted(attributes[path], entries[path]) for path in paths}
    oids = []
    for path in paths:
        then, now = entries[path]
        if _is_blob(then) and not wanted[path].is_recorded and plain[path]:
            oids.append(then.oid)
        if _is_blob(now) and plain[path] and not _same(found[path], now, repository.hash_name):
            oids.append(now.oid)
    blobs = repository.blobs(oids)
    content = _Contents(repository, blobs)
    facts = []
    for path in paths:
        then, now = entries[path]
        seen, want = found[path], wanted[path]
        target = (
            want.recorded
            if want.is_recorded
            else content.of(then, path, plain[path], attributes[path])
        )
        at_path = staged.get(path, ())
        facts.append(
            PathFacts(
                path=path,
                rule=rules[path],
                now=seen.content,
                obstacle=seen.obstacle or _folder(path, committed, wanted),
                blocker=seen.blocker,
                below=seen.below,
                then=_with_permissions(target, seen.content),
                then_entry=want.entry,
                committed=seen.content
                if plain[path] and _same(seen, now, repository.hash_name)
                else content.of(now, path, plain[path], attributes[path]),
                committed_entry=committed.get(path),
                staged=_names(at_path) != _names((now,) if now else ()),
                submodule=any(
                    entry.mode == SUBMODULE for entry in (*at_path, then, now) if entry is not None
                ),
                filter_name=_filter(attributes[path]),
                sparse=any(entry.sparse for entry in at_path),
            )
        )
    return tuple(facts)


@dataclass(frozen=True, slots=True)
class _Contents:
    repository: Repository
    blobs: Mapping[str, bytes]

    def of(
        self, entry: TreeEntry | None, path: str, plain: bool, attributes: Mapping[str, str]
    ) -> Content | None:
        """What a checkout of an entry would put at `path`; None for nothing, or for no file. The
        bytes of a path whose filter is a program are those that git stores: it is not run."""
        if not _is_blob(entry):
            return None
        if plain:
            return Content(entry.mode, self.blobs[entry.oid])
        if _filter(attributes):
            return Content(entry.mode, self.repository.blobs([entry.oid])[entry.oid])
        return Content(entry.mode, self.repository.checked_out(entry.oid, path))


def _is_blob(entry: TreeEntry | None) -> TypeGuard[TreeEntry]:
    return entry is not None and entry.kind == "blob"


def _converted(
    attributes: Mapping[str, str], entries: tuple[TreeEntry | None, TreeEntry | None]
) -> bool:
    """Whether a checkout changes the bytes of the files at a path."""
    says = {name: value for name, value in attributes.items() if value != "unset"}
    return bool(says) and any(entry is not None and entry.mode != LINK for entry in entries)


def _filter(attributes: Mapping[str, str]) -> str:
    name = attributes.get("filter", "unset")
    return "" if name == "unset" else name


def _same(found: Found, entry: TreeEntry | None, hash_name: str) -> bool:
    """Whether what is there has the very bytes and mode of an entry."""
    content = found.content
    return (
        content is not None
        and entry is not None
        and content.mode == entry.mode
        and git_blob_id(content.data, hash_name) == entry.oid
    )


def _with_permissions(target: Content | None, now: Content | None) -> Content | None:
    if target is None or target.permissions is not None:
        return target
    if target.mode == LINK:
        return replace(target, permissions=0o777)
    bits = permissions_after(now, target.mode == EXECUTABLE)
    owner = now.owner if now is not None and now.mode != LINK else None
    return replace(target, permissions=bits, owner=owner)


def _names(entries: tuple[TreeEntry | IndexEntry, ...]) -> set[tuple[str, str]]:
    return {(entry.mode, entry.oid) for entry in entries}


def _folder(path: str, committed: Mapping[str, TreeEntry], wanted: Mapping[str, Wanted]) -> str:
    """That git has a folder where a plan names one file."""
    inside = path + "/"
    entry = wanted[path].entry or committed.get(path)
    if entry is None and any(each.startswith(inside) for each in committed):
        return "it is a folder"
    return ""
