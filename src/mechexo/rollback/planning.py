"""What a rollback of one path would do, and what stands in its way. Pure."""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass

from mechexo.rollback.diffing import FileDiff, file_diff, shown_path
from mechexo.rollback.values import Guard, PlannedChange
from mechexo.rollback.worktree import LINK, Content, leads_outside

LFS_POINTER = b"version https://git-lfs.github.com/spec/v1\n"


@dataclass(frozen=True, slots=True)
class Facts:
    """All that a plan for one path was made from."""

    path: str
    glob: str
    now: Content | None
    obstacle: str
    then: Content | None
    then_blob: str | None
    """The blob of `then`, which its bytes may differ from in their line endings."""
    committed: Content | None
    """What a clean checkout of HEAD has there."""
    staged: bool
    """Whether the index holds something else than HEAD."""
    submodule: bool
    filter_name: str
    in_progress: str
    detached: bool
    hash_name: str
    disagreement: str


def action(now: Content | None, then: Content | None) -> str:
    """What would be done: restore, revert, delete, mode; an empty text when nothing."""
    if now is None:
        return "restore" if then is not None else ""
    if then is None:
        return "delete"
    if now.data != then.data or (LINK in (now.mode, then.mode) and now.mode != then.mode):
        return "revert"
    return "mode" if now.mode != then.mode else ""


def planned(facts: Facts) -> tuple[PlannedChange | None, FileDiff]:
    """The change of the path (None when there is none) and its diff."""
    doing = action(facts.now, facts.then)
    if not doing:
        return None, FileDiff("", 0, 0, False)
    diff = file_diff(facts.path, facts.now, facts.then)
    now_blob = git_blob_id(facts.now.data, facts.hash_name) if facts.now else None
    change = PlannedChange(
        path=shown_path(facts.path),
        action=doing,
        old_blob=now_blob,
        new_blob=facts.then_blob,
        added=diff.added,
        removed=diff.removed,
        binary=diff.binary,
    )
    return change, diff


def guards(facts: Facts) -> tuple[Guard, ...]:
    """Each condition under which the plan could be carried out, with its verdict."""
    target = facts.then
    link_out = target is not None and target.mode == LINK and leads_outside(facts.path, target.data)
    pointer = target is not None and target.data.startswith(LFS_POINTER)
    edit = _local_edit(facts)
    return (
        Guard("configured file", True, f"[rollback] configs has {facts.glob}"),
        _guard("plain file", not facts.obstacle, "it is a file or nothing", facts.obstacle),
        _guard(
            "not a submodule",
            not facts.submodule,
            "it is no submodule",
            "the path is a submodule; roll back inside it",
        ),
        _guard(
            "stays inside",
            not link_out,
            "it leads nowhere outside the repository",
            "it was a link that leads out of the repository",
        ),
        _guard(
            "whole content in git",
            not (facts.filter_name or pointer),
            "git itself holds the bytes",
            f"its bytes come from the filter {facts.filter_name or 'lfs'}, which was not run",
        ),
        _guard("no local edit", not edit, "nobody's edit would be overwritten", edit),
        _guard(
            "repository at rest",
            not facts.in_progress,
            "no git operation is under way",
            f"{facts.in_progress} is under way; finish or abort it first",
        ),
        _guard(
            "on a branch",
            not facts.detached,
            "HEAD is on a branch",
            "HEAD is detached; go to the deployed branch with: git switch BRANCH",
        ),
        _guard(
            "records agree",
            not facts.disagreement,
            "no record contradicts the commit",
            facts.disagreement,
        ),
    )


def assumed(
    facts: Facts, guards_: tuple[Guard, ...], world: Mapping[str, object]
) -> dict[str, object]:
    """Everything the plan rests on, in a form that JSON can hold: the source of its digest."""
    return {
        **world,
        "paths": [
            {
                "path_base64": base64.b64encode(os.fsencode(facts.path)).decode("ascii"),
                "now": _fingerprint(facts.now),
                "then": _fingerprint(facts.then),
                "then_blob": facts.then_blob,
            }
        ],
        "guards": [[guard.name, guard.ok] for guard in guards_],
    }


def git_blob_id(data: bytes, hash_name: str = "sha1") -> str:
    """The id that git gives to these bytes as a blob."""
    return hashlib.new(hash_name, b"blob %d\0" % len(data) + data).hexdigest()


def _local_edit(facts: Facts) -> str:
    """What somebody changed here without committing it, as far as the plan would lose it."""
    if not action(facts.now, facts.then):
        return ""
    if facts.staged:
        return "a change of it is staged and not committed"
    if facts.now is None:
        return ""
    if facts.committed is None:
        return "the file is not in git; the plan would overwrite the only copy"
    if facts.now.data != facts.committed.data:
        return "the file was edited since the last commit; the plan would overwrite the edit"
    if facts.now.mode != facts.committed.mode:
        return "the file's mode was changed since the last commit"
    return ""


def _guard(name: str, ok: bool, well: str, otherwise: str) -> Guard:
    return Guard(name, ok, well if ok else otherwise)


def _fingerprint(content: Content | None) -> dict[str, object] | None:
    if content is None:
        return None
    return {
        "mode": content.mode,
        "permissions": content.permissions,
        "bytes": len(content.data),
        "sha256": hashlib.sha256(content.data).hexdigest(),
    }
