"""Carrying a plan out: all of it, or nothing.

The order is what makes it safe. First everything is looked at again, under the lock. Then the
intent is on record. Then flags that lower the risk. Then files, index and branch, with a journal
that can put each of them back until the moment it is marked committed. Then the rest of the flags'
work, the orchestrator, the record and the message, each of which can be done again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from mechexo.errors import ConflictError, MechexoError, UnreachableError
from mechexo.rollback import index_lock
from mechexo.rollback.diffing import shown_path
from mechexo.rollback.durable import FileSystem, Tree
from mechexo.rollback.git_writing import Prepared, move_ref
from mechexo.rollback.journal import Journal, Manifest
from mechexo.rollback.making import Made
from mechexo.rollback.planned_flags import set_flags, set_flags_back
from mechexo.rollback.preparing import manifest_of, prepared_commit
from mechexo.rollback.proving import fault_found
from mechexo.rollback.restoring import NeedsPersonError, put_back
from mechexo.rollback.undoing import described, described_now
from mechexo.rollback.values import Run, Step
from mechexo.value_classes import dataclass

if TYPE_CHECKING:
    from datetime import datetime

    from mechexo.desk import Desk
    from mechexo.rollback.git import Repository
    from mechexo.state import Transaction

QUIET_WITHIN_S = 30.0
"""How long a run of the flow that is under way is waited for."""
_ASK_EVERY_S = 0.5


class FailedError(MechexoError):
    """A rollback failed and everything it had changed was put back."""


class NotPutBackError(UnreachableError):
    """A rollback failed, and putting it back failed too; its journal is there for the next try."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What an application needs of the other wings, as plain functions."""

    begin: Callable[[], None]
    """Looks at the desk before its files are changed, and after flags that lower the risk."""
    worse: Callable[[], tuple[str, ...]]
    """Looks at the desk now; the reasons against `ops_ok` that `begin` did not see."""
    under_way: Callable[[str], tuple[str, ...]]
    """The runs of a flow that are under way, in words."""
    tell: Callable[[Transaction, Run], None]
    """Makes the message about how a run ended due, in the transaction that records it."""
    progress: Callable[[Step], None] = lambda _: None
    files: FileSystem = field(default_factory=FileSystem)
    """What changes the disk."""


@dataclass(slots=True)
class Application:
    """One application under way: what is done, and the steps that were."""

    desk: Desk
    made: Made
    run_id: str
    around: Surroundings
    steps: list[Step] = field(default_factory=list)

    def say(self, name: str, detail: str, ok: bool = True) -> None:
        """Notes a step, and shows it."""
        step = Step(self.desk.clock.now(), name, detail, ok)
        self.steps.append(step)
        self.around.progress(step)

    @property
    def flow(self) -> str:
        """The flow that is deployed, whichever way; empty when none is."""
        return self.made.flow


def lower_risk_first(application: Application) -> None:
    """Sets the flags that lower the risk, then waits until the flow stands still.

    Raises:
        ConflictError: a flag has another value by now.
        FailedError: the flow did not come to rest; the flags stay low, nothing else was changed.
    """
    made, say = application.made, application.say
    first = [flag for flag in made.plan.flags if flag.when == "first"]
    if first:
        set_flags(application.desk, first, application.run_id)
        application.around.files.reached("risk lowered")
        say("lower the risk", ", ".join(f"{flag.name}: {flag.old} -> {flag.new}" for flag in first))
    application.around.begin()
    if not application.flow or not made.plan.changes:
        return
    waiting_since = time.monotonic()
    while busy := application.around.under_way(application.flow):
        if time.monotonic() - waiting_since > QUIET_WITHIN_S:
            raise FailedError(
                f"{'; '.join(busy)} is still under way after {QUIET_WITHIN_S:.0f} s; no file was "
                f"changed{_flags_stay(made)}"
            )
        time.sleep(_ASK_EVERY_S)
    say("wait for the flow", f"no run of {application.flow} is under way")


def change_all(application: Application, journal: Journal, at: datetime) -> str:
    """Files, index, branch and neutral flags, all or nothing; the commit that was made, or "".

    Raises:
        FailedError: it failed; everything was put back.
        NeedsPersonError: it failed, and somebody changed the same meanwhile; the journal is kept.
    """
    made, run_id = application.made, application.run_id
    scratch = journal.scratch(run_id)
    actor, files = application.desk.actor.name, application.around.files
    prepared = prepared_commit(made, run_id, author=actor, at=at, scratch=scratch)
    manifest = manifest_of(made, run_id, prepared, actor=actor, files=files)
    git_dir = Tree(made.repository.git_dir, files) if made.repository else None
    try:
        # From here on no git command changes the repository; what was changed until then is seen.
        if git_dir is not None and prepared is not None:
            index_lock.take(git_dir, run_id, prepared.index)
        _look_again(made, manifest)
        journal.arm(manifest)
    except (MechexoError, OSError) as error:
        if git_dir is not None:
            index_lock.free(git_dir, run_id)
        journal.clear(run_id)
        raise FailedError(f"{error}; no file was changed{_flags_stay(made)}") from error
    application.say("journal", f"{_paths(manifest)} kept as it was")
    reached: set[str] = set()
    try:
        if made.repository is not None:
            _change_files(application, made.repository, manifest, reached)
        folder = made.repository.root if made.repository else None
        around, desk = application.around, application.desk
        if fault := fault_found(desk, application.flow, folder, around.worse, application.say):
            raise FailedError(fault)
        if made.repository is not None and prepared is not None:
            _commit(application, made.repository, prepared, manifest)
        neutral = [flag for flag in made.plan.flags if flag.when == "after"]
        if neutral:
            set_flags(application.desk, neutral, run_id)
            application.around.files.reached("flags set")
            application.say(
                "set flags", ", ".join(f"{flag.name}: {flag.old} -> {flag.new}" for flag in neutral)
            )
        journal.commit(run_id)
    except (MechexoError, OSError) as error:
        application.say("failed", str(error), False)
        # What was not reached yet is not ours to put back, whatever somebody made of it.
        ours = replace(manifest, paths=tuple(p for p in manifest.paths if p.path in reached))
        try:
            journal.take_back(run_id)
            put_back(
                ours,
                application.around.files,
                scratch=journal.scratch(run_id),
                flags_back=partial(_flags_back, application),
                at=application.desk.clock.now(),
            )
        except NeedsPersonError:
            raise
        except (MechexoError, OSError) as why:
            raise NotPutBackError(
                f"rollback {run_id} failed ({error}) and could not be put back yet: {why}; as soon "
                "as that is over, run: mechexo rollback recover (the tick does so too)"
            ) from why
        stay = _flags_stay(made)
        application.say("undone", f"files, branch and other flags are as they were before{stay}")
        journal.clear(run_id)
        raise FailedError(f"{error}; everything was put back as it was{stay}") from error
    return prepared.oid if prepared else ""


def _look_again(made: Made, manifest: Manifest) -> None:
    """Refuses when something that the plan rests on moved while the flow was waited for.

    Raises:
        ConflictError: its text says what.
    """
    repository, head = made.repository, made.head
    if repository is None or head is None:
        return
    moved = [
        f"{shown_path(kept.path)} was changed"
        for kept in manifest.paths
        if described_now(repository.root, kept.path) != described(kept.old)
    ]
    if repository.head() != head:
        moved.append("HEAD moved")
    if repository.index().digest != made.assumed["index_sha256"]:
        moved.append("the index changed")
    if moved:
        raise ConflictError(f"the world moved since the plan was looked at: {', '.join(moved)}")


def _flags_stay(made: Made) -> str:
    first = [flag.name for flag in made.plan.flags if flag.when == "first"]
    if not first:
        return ""
    return f"; {', '.join(first)} stays low, which lowers the risk: mechexo rollback plan rearm"


def _flags_back(
    application: Application, flags: tuple[Mapping[str, Any], ...], *, only_look: bool
) -> None:
    set_flags_back(application.desk, flags, application.run_id, only_look=only_look)


def _change_files(
    application: Application,
    repository: Repository,
    manifest: Manifest,
    reached: set[str],
) -> None:
    tree = Tree(repository.root, application.around.files)
    missing = list(manifest.folders_made)
    facts = {each.path: each for each in application.made.paths}
    going_first = True
    for kept in manifest.paths:
        content = facts[kept.path].then
        if described_now(repository.root, kept.path) != described(kept.old):
            raise ConflictError(f"{shown_path(kept.path)} was changed at this very moment")
        reached.add(kept.path)
        if content is None:
            tree.remove(kept.path)
            continue
        if going_first:
            for folder in reversed(manifest.folders_gone):
                tree.remove_folder(folder)
            going_first = False
        for folder in [each for each in missing if kept.path.startswith(f"{each}/")]:
            tree.make_folder(folder)
            missing.remove(folder)
        tree.put(kept.path, content, beside=kept.beside)
    wrong = [
        shown_path(kept.path)
        for kept in manifest.paths
        if described_now(repository.root, kept.path) != kept.new
    ]
    if wrong:
        raise ConflictError(f"{', '.join(wrong)}: was changed by somebody else at this moment")
    application.say("files", f"{_paths(manifest)} as it was then")


def _paths(manifest: Manifest) -> str:
    number = len(manifest.paths)
    return "1 path" if number == 1 else f"each of {number} paths"


def _commit(
    application: Application, repository: Repository, prepared: Prepared, manifest: Manifest
) -> None:
    files = application.around.files
    move_ref(
        repository,
        manifest.ref,
        old=manifest.old_commit,
        new=prepared.oid,
        why=f"mechexo: rollback {application.run_id}",
        author=manifest.actor,
        at=application.desk.clock.now(),
    )
    files.reached("ref moved")
    index_lock.install(Tree(repository.git_dir, files), application.run_id)
    application.say("commit", f"{prepared.oid[:12]} on {manifest.ref.removeprefix('refs/heads/')}")
