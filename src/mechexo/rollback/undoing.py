"""What an undo goes back to: not a moment, but what a run recorded before it changed anything."""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mechexo.errors import NotFoundError, UnreachableError, UsageError
from mechexo.rollback import run_records
from mechexo.rollback.diffing import shown_path
from mechexo.rollback.facts import Wanted
from mechexo.rollback.git import LONGEST_FILE_BYTES, Repository
from mechexo.rollback.git_values import TreeEntry
from mechexo.rollback.planning import git_blob_id
from mechexo.rollback.values import Run, RunState
from mechexo.rollback.worktree import Content, look
from mechexo.value_classes import dataclass

if TYPE_CHECKING:
    from pathlib import Path

    from mechexo.desk import Desk
    from mechexo.rollback.planning import PathFacts


@dataclass(frozen=True, slots=True)
class UndoPart:
    """The paths of a run as it found them, and which of them were changed since it ended."""

    run: Run
    rules: dict[str, str]
    wanted: dict[str, Wanted]
    later_changes: tuple[str, ...]
    flow: str


def run_with(desk: Desk, beginning: str) -> Run:
    """A run by its id or the beginning of it.

    Raises:
        NotFoundError: there is none, or more than one.
    """
    found = run_records.with_id(desk.state, beginning.lower()) if beginning else ()
    if len(found) != 1:
        what = "begins more than one rollback's id" if found else "is no applied rollback's id"
        raise NotFoundError(
            f"{beginning!r} {what}; list them with: mechexo rollback history --applied"
        )
    return found[0]


def undo_part(
    desk: Desk, run_id: str, repository: Repository, committed: Mapping[str, TreeEntry]
) -> UndoPart:
    """What it takes to undo a run.

    Raises:
        NotFoundError: there is no such run.
        UsageError: the run did not change anything that stayed.
    """
    run = run_with(desk, run_id)
    if run.state not in (RunState.APPLIED, RunState.REDEPLOY_FAILED):
        raise UsageError(f"rollback {run.id} is {run.state}: there is nothing of it to undo")
    rules, wanted, later = {}, {}, []
    recorded = run_records.recorded(desk.state, run.id)
    entries = [_entry(each["before_entry"]) for each in recorded["paths"]]
    blobs = repository.blobs([entry.oid for entry in entries if entry is not None])
    for each in recorded["paths"]:
        path = os.fsdecode(base64.b64decode(each["path_base64"]))
        before, after = each["before"], each["after"]
        rules[path] = each["rule"]
        entry = _entry(each["before_entry"])
        wanted[path] = Wanted(entry, _content(desk, blobs, entry, before), True)
        if described_now(repository.root, path) != after:
            later.append(f"{shown_path(path)}: it was changed since")
        elif _named(committed.get(path)) != each["after_entry"]:
            later.append(f"{shown_path(path)}: a later commit changed it")
    return UndoPart(run, rules, wanted, tuple(later), recorded["flow"])


def recorded_names(recorded: Mapping[str, Any]) -> frozenset[str]:
    """The paths that a run changed."""
    return frozenset(
        os.fsdecode(base64.b64decode(each["path_base64"])) for each in recorded["paths"]
    )


def recorded_paths(paths: tuple[PathFacts, ...]) -> list[dict[str, Any]]:
    """What a run finds and leaves at each path that it touches, as its record keeps it."""
    return [
        {
            "path_base64": base64.b64encode(os.fsencode(each.path)).decode("ascii"),
            "rule": each.rule,
            "before": described(each.now),
            "before_entry": _named(each.committed_entry),
            "after": described(each.then),
            "after_entry": _named(each.then_entry),
        }
        for each in paths
    ]


def described(content: Content | None) -> dict[str, Any] | None:
    """Content by its digest, with mode, permissions and owner, as JSON can hold it."""
    if content is None:
        return None
    return {
        "mode": content.mode,
        "permissions": content.permissions,
        "sha256": hashlib.sha256(content.data).hexdigest(),
    }


def in_git(content: Content, entry: TreeEntry | None, repository: Repository | None) -> bool:
    """Whether an entry of a commit has just these bytes."""
    return (
        entry is not None
        and repository is not None
        and git_blob_id(content.data, repository.hash_name) == entry.oid
    )


def described_now(root: Path, path: str) -> dict[str, Any] | None:
    """What lies at a path of a working tree, as `described` has it."""
    return described(look(root, path, longest_bytes=LONGEST_FILE_BYTES).content)


def _content(
    desk: Desk,
    blobs: Mapping[str, bytes],
    entry: TreeEntry | None,
    before: dict[str, Any] | None,
) -> Content | None:
    if before is None:
        return None
    data = run_records.content(desk.state, before["sha256"])
    if data is None and entry is not None:
        data = blobs[entry.oid]
    if data is None or hashlib.sha256(data).hexdigest() != before["sha256"]:
        raise UnreachableError(
            f"the bytes {before['sha256'][:12]} that a rollback replaced are not on record"
        )
    return Content(before["mode"], data, before["permissions"])


def _entry(named: list[str] | None) -> TreeEntry | None:
    return TreeEntry(named[0], "blob", named[1]) if named else None


def _named(entry: TreeEntry | None) -> list[str] | None:
    return [entry.mode, entry.oid] if entry else None
