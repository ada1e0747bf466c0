"""Changing git's index the way git does it: through `index.lock`, which keeps git itself away.

The lock is a second name of a file that carries the run's id. So after a cut we can tell our own
lock from that of another git command, which is never removed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mechexo.errors import BusyError

if TYPE_CHECKING:
    from mechexo.rollback.durable import Tree

INDEX, INDEX_LOCK = "index", "index.lock"


def take(git_dir: Tree, run_id: str, data: bytes) -> None:
    """Takes the lock, with what is to become the index in it.

    Raises:
        BusyError: a git command holds it.
    """
    index = git_dir.root / INDEX
    own = _own(run_id)
    git_dir.create(own, data, index.stat().st_mode & 0o777)
    try:
        git_dir.link(own, INDEX_LOCK)
    except FileExistsError as error:
        git_dir.remove(own)
        raise BusyError(
            f"{git_dir.root / INDEX_LOCK}: another git command is under way; wait for it, or, if "
            "none runs, remove the file yourself"
        ) from error


def install(git_dir: Tree, run_id: str) -> None:
    """Puts what the lock holds in the place of the index, and frees the lock by that."""
    git_dir.rename(INDEX_LOCK, INDEX)
    git_dir.remove(_own(run_id))


def free(git_dir: Tree, run_id: str) -> None:
    """Frees the lock when it is this run's; another's stays."""
    own, lock = git_dir.root / _own(run_id), git_dir.root / INDEX_LOCK
    if not own.exists():
        return
    # The bytes too: a copy of the repository (a backup) has two files instead of two names.
    if lock.exists() and (lock.samefile(own) or lock.read_bytes() == own.read_bytes()):
        git_dir.remove(INDEX_LOCK)
    git_dir.remove(own.name)


def _own(run_id: str) -> str:
    return f"index.mechexo-{run_id}"
