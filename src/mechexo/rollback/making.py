"""Making a plan: the world is looked at, nothing is written. Made twice, it is the same plan.

What a person asked for is kept in the plan; the application makes the plan once more from it, and
carries out what it just saw only when that has the same digest.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from mechexo.errors import ConfigError, NotFoundError, UsageError, close_names
from mechexo.rollback import guards, planning, run_records
from mechexo.rollback.as_of import commit_as_of
from mechexo.rollback.changed_keys import changed_keys
from mechexo.rollback.diffing import shown_path
from mechexo.rollback.facts import Wanted, gather
from mechexo.rollback.git import Repository
from mechexo.rollback.git_values import Head, TreeEntry
from mechexo.rollback.planned_flags import FlagPart, flags_at, flags_of_rearm, flags_of_undo
from mechexo.rollback.planning import PathFacts
from mechexo.rollback.surroundings import limits_of, with_second_person, world
from mechexo.rollback.targets import config_rules, flow_rules
from mechexo.rollback.undoing import undo_part
from mechexo.rollback.values import ChangedKey, Plan
from mechexo.rollback.worktree import LINK
from mechexo.state.audit import canonical
from mechexo.times import from_iso_z, in_zone
from mechexo.value_classes import dataclass

if TYPE_CHECKING:
    from mechexo.desk import Desk

ID_LENGTH = 8


@dataclass(frozen=True, slots=True)
class Asked:
    """What a person asked to go back to, so that the plan can be made again."""

    kind: str
    """flow, config, flags, undo or re-arm."""
    name: str
    """The flow, the path, or the run that is undone."""
    to: str = ""
    """The moment, ISO 8601 in UTC; empty for an undo."""
    commit: str = ""
    """A full object id that was named instead of letting the moment decide."""
    overrides: tuple[str, ...] = ()
    flags: bool = True
    """Whether the flags of a flow go back with its files."""

    @property
    def moment(self) -> datetime:
        """The moment to go back to."""
        return from_iso_z(self.to)


@dataclass(frozen=True, slots=True)
class Made:
    """A plan with all that its application needs."""

    plan: Plan
    assumed: dict[str, object]
    asked: Asked
    paths: tuple[PathFacts, ...]
    flags: FlagPart
    repository: Repository | None
    head: Head | None
    spanned: tuple[str, ...]
    """The commits of the deployed line after the one that is gone back to, newest first."""
    flow: str
    """The flow that is deployed by it; empty when none is."""


@dataclass(frozen=True, slots=True)
class _There:
    repository: Repository
    head: Head
    index_digest: str


@dataclass(frozen=True, slots=True)
class _Source:
    """Where a plan goes back to: a commit with what it says of each path, or a recorded run."""

    commit: str
    by: str
    disagreement: str
    rules: Mapping[str, str]
    wanted: Mapping[str, Wanted]
    spanned: tuple[str, ...]
    """The commits of the deployed line after it, newest first."""
    later_changes: tuple[str, ...] = ()
    flow: str = ""


def repository_of(desk: Desk) -> Repository:
    """The configured repository.

    Raises:
        ConfigError: none is configured, or it cannot be used.
        UnreachableError: git is not installed or refuses to read it.
    """
    configured = desk.settings.rollback.repository
    if not configured:
        raise ConfigError(
            f"{desk.config_path}: [rollback] repository is not set; name the git checkout that "
            "the desk runs from"
        )
    return Repository.open(desk.path(configured))


def head_of(repository: Repository) -> Head:
    """What is checked out.

    Raises:
        UsageError: nothing was committed yet.
    """
    head = repository.head()
    if head is None:
        raise UsageError(f"{repository.root} has no commit yet; there is nothing to go back to")
    return head


def make(desk: Desk, asked: Asked) -> Made:
    """The plan for what was asked, on the world as it is now.

    Raises:
        UsageError: the moment lies in the future or before the history, or the records do not tell.
        NotFoundError: the target is not one that may be rolled back, or was never there.
        ConfigError: the configured repository or flags cannot be used.
        UnreachableError: git, a file or the flags' database cannot be read.
    """
    unknown = set(asked.overrides) - set(guards.OVERRIDES)
    if unknown:
        raise UsageError(
            f"--override {', '.join(sorted(unknown))}: "
            f"{close_names(min(unknown), guards.OVERRIDES)}"
        )
    if asked.kind in ("flags", "re-arm") or _undoes_flags_only(desk, asked):
        return _flags_only(desk, asked)
    repository = repository_of(desk)
    head = head_of(repository)
    committed = repository.entries(head.oid)
    source = _source(desk, asked, repository, head, committed)
    index = repository.index()
    paths = gather(
        repository,
        source.rules,
        committed=committed,
        staged=index.entries,
        wanted=source.wanted,
    )
    if asked.kind == "config":
        _was_ever(desk, asked, paths)
    flags = _flags_of(desk, asked)
    there = _There(repository, head, index.digest)
    return _made(desk, asked, there, source, paths, flags)


def _undoes_flags_only(desk: Desk, asked: Asked) -> bool:
    return asked.kind == "undo" and not run_records.recorded(desk.state, asked.name)["repository"]


def _source(
    desk: Desk,
    asked: Asked,
    repository: Repository,
    head: Head,
    committed: Mapping[str, TreeEntry],
) -> _Source:
    if asked.kind == "undo":
        undo = undo_part(desk, asked.name, repository, committed)
        return _Source(
            undo.run.old_commit,
            "the recorded state",
            "",
            undo.rules,
            undo.wanted,
            (),
            undo.later_changes,
            undo.flow,
        )
    resolved, chain = commit_as_of(
        desk,
        repository,
        head,
        to=asked.moment if asked.to else None,
        flow=asked.name if asked.kind == "flow" else "",
        commit=asked.commit,
    )
    then = committed if resolved.oid == head.oid else repository.entries(resolved.oid)
    rules = (
        flow_rules(desk, asked.name, repository, committed, then)
        if asked.kind == "flow"
        else config_rules(desk, asked.name, repository, committed)
    )
    line = [oid for oid, _ in chain]
    spanned = (
        tuple(line[: line.index(resolved.oid)])
        if resolved.oid in line
        # It is not on the line (any more): what came since is what it does not lead to.
        else repository.since(head.oid, resolved.oid)
    )
    return _Source(
        resolved.oid,
        resolved.source,
        resolved.disagreement,
        rules,
        {path: Wanted(then.get(path)) for path in rules},
        spanned,
        flow=asked.name if asked.kind == "flow" else "",
    )


def _was_ever(desk: Desk, asked: Asked, paths: tuple[PathFacts, ...]) -> None:
    [facts] = paths
    if facts.now is None and facts.then is None and not facts.obstacle and not facts.submodule:
        raise NotFoundError(
            f"{asked.name} is not in the working tree, and was not there at "
            f"{in_zone(asked.moment, desk.zone)} either"
        )


def _flags_of(desk: Desk, asked: Asked) -> FlagPart:
    if asked.kind == "undo":
        return flags_of_undo(desk, asked.name)
    names = desk.settings.rollback.flows[asked.name].flags if asked.kind == "flow" else ()
    if not names or not asked.flags:
        return FlagPart()
    if not asked.to:
        raise UsageError(
            f"the flags of {asked.name} go back to a moment: give --to beside --commit, or "
            "--no-flags"
        )
    return flags_at(desk, asked.moment, names)


def _flags_only(desk: Desk, asked: Asked) -> Made:
    if asked.kind == "re-arm":
        flags = flags_of_rearm(desk, asked.name)
    elif asked.kind == "undo":
        flags = flags_of_undo(desk, asked.name)
    else:
        flags = flags_at(desk, asked.moment, (asked.name,) if asked.name else None)
    source = _Source("", "the flags' history", "", {}, {}, ())
    return _made(desk, asked, None, source, (), flags)


def _made(
    desk: Desk,
    asked: Asked,
    there: _There | None,
    source: _Source,
    paths: tuple[PathFacts, ...],
    flags: FlagPart,
) -> Made:
    repository, head = (there.repository, there.head) if there else (None, None)
    hash_name = repository.hash_name if repository else "sha1"
    changes, diffs = planning.planned(paths, hash_name)
    now = desk.clock.now()
    note = repository.notes([source.commit])[0] if repository and source.commit else None
    to = asked.moment if asked.to else now
    verdicts = guards.judged(
        paths,
        world(
            desk,
            repository=repository,
            head=head,
            commit=source.commit,
            undo_of=asked.name if asked.kind == "undo" else "",
            paths=source.rules.keys(),
            spanned=len(source.spanned),
            disagreement=source.disagreement,
            later_changes=source.later_changes,
            flags=flags,
            touches_code=bool(changes),
            age=now - to,
        ),
        limits_of(desk),
        overrides=asked.overrides,
    )
    verdicts = with_second_person(desk, verdicts, adds_risk=asked.kind == "re-arm")
    assumed: dict[str, object] = {
        "schema": "mechexo.rollback_assumed/2",
        "host": os.uname().nodename,
        "asked": {**asdict(asked), "overrides": list(asked.overrides)},
        "repository": str(repository.root) if repository else "",
        "head": head.oid if head else "",
        "ref": head.ref if head else "",
        "index_sha256": there.index_digest if there else "",
        "commit": source.commit,
        "source": source.by,
        "paths": planning.assumed_paths(paths),
        "flags": flags.assumed(),
        "guards": [[each.name, each.ok] for each in verdicts if each.name != guards.SECOND_PERSON],
    }
    plan = Plan(
        id=secrets.token_hex(ID_LENGTH // 2),
        digest=hashlib.sha256(canonical(assumed).encode()).hexdigest(),
        target=_target(asked),
        to=to,
        commit=source.commit,
        commit_time=datetime.fromtimestamp(note.epoch_s, UTC) if note else to,
        commit_subject=note.subject if note else "",
        source=source.by,
        changes=changes,
        guards=verdicts,
        diff="".join(diff.text for diff in diffs),
        made_at=now,
        keys=_keys(paths),
        flags=flags.planned,
        expires_at=now + desk.settings.rollback.plan_lifetime,
        made_by=desk.actor.name,
        undoes=asked.name if asked.kind == "undo" else "",
    )
    return Made(plan, assumed, asked, paths, flags, repository, head, source.spanned, source.flow)


def _keys(paths: tuple[PathFacts, ...]) -> tuple[ChangedKey, ...]:
    return tuple(
        key
        for each in planning.acting(paths)
        if LINK not in {side.mode for side in (each.now, each.then) if side is not None}
        for key in changed_keys(
            shown_path(each.path),
            each.now.data if each.now else None,
            each.then.data if each.then else None,
        )
    )


def _target(asked: Asked) -> str:
    if asked.kind == "undo":
        return f"undo of {asked.name}"
    if asked.kind == "re-arm":
        return f"re-arm after {asked.name}"
    if asked.kind == "flags":
        return f"flags {asked.name}".strip()
    return f"{asked.kind} {shown_path(asked.name)}"
