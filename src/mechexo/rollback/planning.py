"""What a rollback of some paths would do, in which order, and what it rests on. Pure."""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Mapping, Sequence

from mechexo.rollback.diffing import FileDiff, file_diff, shown_path
from mechexo.rollback.git_values import TreeEntry
from mechexo.rollback.values import PlannedChange
from mechexo.rollback.worktree import LINK, Content
from mechexo.value_classes import dataclass


@dataclass(frozen=True, slots=True)
class PathFacts:
    """All that a plan knows of one path."""

    path: str
    rule: str
    """The configured glob that allows it."""
    now: Content | None
    obstacle: str
    blocker: str
    """The path on the way to it that is no folder."""
    below: tuple[str, ...]
    """The files of a folder that stands in its place."""
    then: Content | None
    """What would be there, with its permissions."""
    then_entry: TreeEntry | None
    """What git would have there: its blob may differ from `then` in the line endings."""
    committed: Content | None
    """What a clean checkout of HEAD has there."""
    committed_entry: TreeEntry | None
    staged: bool
    """Whether the index holds something else than HEAD."""
    submodule: bool
    filter_name: str
    sparse: bool


def action(now: Content | None, then: Content | None) -> str:
    """What would be done: restore, revert, delete, mode; an empty text when nothing."""
    if now is None:
        return "restore" if then is not None else ""
    if then is None:
        return "delete"
    if now.data != then.data or (LINK in (now.mode, then.mode) and now.mode != then.mode):
        return "revert"
    if LINK not in (now.mode, then.mode) and now.permissions != then.permissions:
        return "mode"
    return ""


def acting(facts: Sequence[PathFacts]) -> tuple[PathFacts, ...]:
    """The paths that something would be done to."""
    return tuple(each for each in facts if action(each.now, each.then))


def in_order(facts: Sequence[PathFacts]) -> tuple[PathFacts, ...]:
    """The paths in the order in which they can be carried out.

    What stands in the way of another (a file where a folder comes, files of a folder where a file
    comes, a name that differs in its case only) goes first; everything else is removed last, so
    that a rename has the new name before the old one goes.
    """
    doing = acting(facts)
    arriving = {each.path for each in doing if each.then is not None}
    folded = {path.casefold() for path in arriving}
    above = {
        "/".join(path.split("/")[:depth])
        for path in arriving
        for depth in range(1, path.count("/") + 1)
    }

    def in_the_way(path: str) -> bool:
        parts = path.split("/")
        inside = any("/".join(parts[:depth]) in arriving for depth in range(1, len(parts)))
        return inside or path in above or path.casefold() in folded

    first = [each for each in doing if each.then is None and in_the_way(each.path)]
    last = [each for each in doing if each.then is None and not in_the_way(each.path)]
    return (*first, *(each for each in doing if each.then is not None), *last)


def planned(
    facts: Sequence[PathFacts], hash_name: str
) -> tuple[tuple[PlannedChange, ...], tuple[FileDiff, ...]]:
    """What would change at each path, with its diff; in the order of the paths."""
    changes, diffs = [], []
    for each in acting(facts):
        diff = file_diff(each.path, each.now, each.then)
        changes.append(
            PlannedChange(
                path=shown_path(each.path),
                action=action(each.now, each.then),
                old_blob=git_blob_id(each.now.data, hash_name) if each.now else None,
                new_blob=each.then_entry.oid if each.then_entry else None,
                added=diff.added,
                removed=diff.removed,
                binary=diff.binary,
            )
        )
        diffs.append(diff)
    return tuple(changes), tuple(diffs)


def assumed_paths(facts: Sequence[PathFacts]) -> list[dict[str, object]]:
    """Everything the plan rests on of its paths, in a form that JSON can hold."""
    return [
        {
            "path_base64": base64.b64encode(os.fsencode(each.path)).decode("ascii"),
            "now": _fingerprint(each.now),
            "then": _fingerprint(each.then),
            "committed": _entry(each.committed_entry),
            "then_entry": _entry(each.then_entry),
        }
        for each in facts
    ]


def moved(planned_on: Mapping[str, object], now: Mapping[str, object]) -> tuple[str, ...]:
    """What differs between what a plan was made on and what stands now, in words."""
    said = []
    for name in sorted({*planned_on, *now} - {"paths", "guards", "flags"}):
        old, new = planned_on.get(name), now.get(name)
        if old != new:
            said.append(_WORDS.get(name, f"{name} differs"))
    for path, (old_path, new_path) in _by_path(planned_on, now).items():
        if old_path is None or new_path is None:
            said.append(f"{path} is {'new in' if old_path is None else 'not in'} the plan's files")
        elif old_path["now"] != new_path["now"]:
            said.append(f"{path} was changed: {_how(old_path['now'], new_path['now'])}")
        elif old_path != new_path:
            said.append(f"what {path} would become is another content")
    old_guards, new_guards = (dict(_pairs(side.get("guards"))) for side in (planned_on, now))
    for name in old_guards | new_guards:
        if old_guards.get(name) != new_guards.get(name):
            said.append(f"the guard {name!r} holds {'no more' if old_guards.get(name) else 'now'}")
    said += [f"the flag {name} was changed" for name in _flags_moved(planned_on, now)]
    return tuple(said)


def git_blob_id(data: bytes, hash_name: str = "sha1") -> str:
    """The id that git gives to these bytes as a blob."""
    return hashlib.new(hash_name, b"blob %d\0" % len(data) + data).hexdigest()


_WORDS = {
    "head": "HEAD moved: there is a newer commit, or another one is checked out",
    "ref": "another branch is checked out",
    "index_sha256": "the index changed: something was staged or refreshed",
    "repository": "it is another repository",
    "commit": "the moment stands for another commit now",
    "host": "it was made on another machine",
}


def _by_path(
    old: Mapping[str, object], new: Mapping[str, object]
) -> dict[str, tuple[dict[str, object] | None, dict[str, object] | None]]:
    sides = []
    for side in (old, new):
        listed = side.get("paths")
        assert isinstance(listed, list)
        sides.append({each["path_base64"]: each for each in listed})
    return {
        shown_path(os.fsdecode(base64.b64decode(key))): (sides[0].get(key), sides[1].get(key))
        for key in sorted({*sides[0], *sides[1]})
        if sides[0].get(key) != sides[1].get(key)
    }


def _flags_moved(old: Mapping[str, object], new: Mapping[str, object]) -> list[str]:
    sides = []
    for side in (old, new):
        listed = side.get("flags")
        assert isinstance(listed, list)
        sides.append({each["name"]: each for each in listed})
    names = sorted({*sides[0], *sides[1]})
    return [name for name in names if sides[0].get(name) != sides[1].get(name)]


def _how(old: object, new: object) -> str:
    if old is None:
        return "it was not there"
    if new is None:
        return "it is not there any more"
    assert isinstance(old, dict)
    assert isinstance(new, dict)
    if old["sha256"] != new["sha256"]:
        return "its content is another"
    return f"its permissions are {new['permissions']:o}, were {old['permissions']:o}"


def _pairs(listed: object) -> list[tuple[str, bool]]:
    assert isinstance(listed, list)
    return [(str(name), bool(ok)) for name, ok in listed]


def _fingerprint(content: Content | None) -> dict[str, object] | None:
    if content is None:
        return None
    return {
        "mode": content.mode,
        "permissions": content.permissions,
        "bytes": len(content.data),
        "sha256": hashlib.sha256(content.data).hexdigest(),
    }


def _entry(entry: TreeEntry | None) -> list[str] | None:
    return None if entry is None else [entry.mode, entry.oid]
