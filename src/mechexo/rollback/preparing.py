"""What a run is about to change: its commit, that nothing points at yet, and its manifest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mechexo.rollback import planning
from mechexo.rollback.durable import FileSystem, Tree
from mechexo.rollback.git_writing import Prepared, prepare
from mechexo.rollback.journal import KeptPath, Manifest
from mechexo.rollback.undoing import described

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from mechexo.rollback.git_values import TreeEntry
    from mechexo.rollback.making import Made


def prepared_commit(
    made: Made, run_id: str, *, author: str, at: datetime, scratch: Path
) -> Prepared | None:
    """The commit, as objects that nothing points at yet; None when git's content stays."""
    repository, head, entries = made.repository, made.head, _entries(made)
    if repository is None or head is None or not entries:
        return None
    return prepare(
        repository,
        parent=head.oid,
        entries={path: new for path, (_, new) in entries.items()},
        message=_message(made, run_id),
        author=author,
        at=at,
        scratch=scratch,
    )


def _entries(made: Made) -> dict[str, tuple[TreeEntry | None, TreeEntry | None]]:
    return {
        each.path: (each.committed_entry, each.then_entry)
        for each in made.paths
        if each.committed_entry != each.then_entry and planning.action(each.now, each.then)
    }


def manifest_of(
    made: Made, run_id: str, prepared: Prepared | None, *, actor: str, files: FileSystem
) -> Manifest:
    """All that a run is about to change, with what stands there now."""
    paths = planning.in_order(made.paths)
    repository, head = made.repository, made.head
    tree = Tree(repository.root, files) if repository else None
    entries = _entries(made) if prepared else {}
    return Manifest(
        run_id=run_id,
        actor=actor,
        repository=str(repository.root) if repository else "",
        ref=head.ref if head else "",
        old_commit=head.oid if head else "",
        new_commit=prepared.oid if prepared else "",
        entries={
            path: (
                [old.mode, old.oid] if old else None,
                [new.mode, new.oid] if new else None,
            )
            for path, (old, new) in entries.items()
        },
        paths=tuple(
            KeptPath(each.path, f".mechexo-{run_id}-{number}", each.now, described(each.then))
            for number, each in enumerate(paths)
        ),
        folders_made=_folders_made(paths, tree) if tree else (),
        folders_gone=_folders_gone(paths),
        flags=tuple(
            {"name": flag.name, "old": flag.old_written, "new": flag.new_written}
            for flag in made.plan.flags
            if flag.when == "after"
        ),
    )


def _folders_made(paths: tuple[planning.PathFacts, ...], tree: Tree) -> tuple[str, ...]:
    """The folders that are not there yet, the higher ones first."""
    needed = {
        "/".join(each.path.split("/")[:depth])
        for each in paths
        if each.then is not None
        for depth in range(1, each.path.count("/") + 1)
    }
    return tuple(sorted(folder for folder in needed if not tree.is_folder(folder)))


def _folders_gone(paths: tuple[planning.PathFacts, ...]) -> tuple[str, ...]:
    """The folders in whose place a file comes, with those inside them, the higher ones first."""
    gone = set()
    for each in paths:
        if each.then is None or not each.below:
            continue
        gone.add(each.path)
        for below in each.below:
            parts = below.rstrip("/").split("/")
            whole = len(parts) if below.endswith("/") else len(parts) - 1
            start = each.path.count("/") + 2
            gone |= {"/".join(parts[:depth]) for depth in range(start, whole + 1)}
    return tuple(sorted(gone))


def _message(made: Made, run_id: str) -> str:
    plan = made.plan
    listed = "\n".join(
        f"  {change.action} {change.path}" for change in sorted(plan.changes, key=lambda c: c.path)
    )
    trailers = [
        f"Mechexo-Plan: {run_id}",
        f"Mechexo-Digest: {plan.digest}",
        *([f"Mechexo-To: {made.asked.to}"] if made.asked.to else []),
        *([f"Mechexo-Undoes: {plan.undoes}"] if plan.undoes else []),
        *([f"Mechexo-Commit: {plan.commit}"] if plan.commit else []),
    ]
    subject = f"Take back: {plan.target}" if not plan.undoes else f"Undo rollback {plan.undoes}"
    return "\n".join([subject[:100], "", listed, "", *trailers]) + "\n"
