"""Applying plans in tests, with surroundings that say what the test wants."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from mechexo.desk import Desk
from mechexo.rollback.applying import Surroundings
from mechexo.rollback.carrying_out import apply
from mechexo.rollback.durable import FileSystem
from mechexo.rollback.values import Plan, Run, Step
from mechexo.state import Transaction


def around(
    files: FileSystem | None = None,
    *,
    worse: Callable[[], tuple[str, ...]] = lambda: (),
    under_way: Callable[[str], tuple[str, ...]] = lambda _: (),
    tell: Callable[[Transaction, Run], None] = lambda _transaction, _run: None,
    progress: Callable[[Step], None] = lambda _: None,
) -> Surroundings:
    """Surroundings in which all is well, but for what is given."""
    return Surroundings(
        begin=lambda: None,
        worse=worse,
        under_way=under_way,
        tell=tell,
        progress=progress,
        files=files or FileSystem(),
    )


def carry_out(desk: Desk, plan: Plan, surroundings: Surroundings | None = None) -> Run:
    """Applies a plan, confirmed."""
    return apply(
        desk, plan.id, confirm=plan.digest[:8], around=surroundings or around(), reason="test"
    )


def tree_of(root: Path) -> dict[str, tuple[int, bytes]]:
    """The working tree: permissions (or link) and bytes of each file, `.git` left out."""
    found = {}
    for place in sorted(root.rglob("*")):
        if ".git" in place.relative_to(root).parts or (place.is_dir() and not place.is_symlink()):
            continue
        data = os.fsencode(place.readlink()) if place.is_symlink() else place.read_bytes()
        found[os.fspath(place.relative_to(root))] = (place.lstat().st_mode, data)
    return found
