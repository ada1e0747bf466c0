"""One rollback at a time: on a desk, and in a repository that several desks may share.

The kernel frees a lock with the process that held it, so a lock is never stale.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from mechexo.errors import BusyError
from mechexo.state.lock_files import held
from mechexo.times import format_duration, from_iso_z, iso_z

if TYPE_CHECKING:
    from mechexo.desk import Desk
    from mechexo.rollback.git import Repository


_TRIES, _BETWEEN_TRIES_S = 4, 0.02


def lock_of(desk: Desk) -> Path:
    """The file of the desk's lock of rollbacks."""
    return desk.state.path.with_name(f"{desk.state.path.name}.rollback.lock")


@contextmanager
def only_one(desk: Desk, what: str) -> Iterator[None]:
    """Holds the desk's lock of rollbacks.

    Raises:
        BusyError: another one holds it; the text says who, for what and since when.
    """
    path = lock_of(desk)
    with ExitStack() as stack:
        # More than once: a job that only asks whether it is held holds it for that moment.
        for attempt in range(_TRIES):
            if stack.enter_context(held(os.fspath(path), "rollback")):
                break
            if attempt == _TRIES - 1:
                raise BusyError(f"another rollback is under way: {_holder(path, desk)}")
            time.sleep(_BETWEEN_TRIES_S)
        holder = {"actor": desk.actor.name, "what": what, "since": iso_z(desk.clock.now())}
        path.write_text(json.dumps({**holder, "pid": os.getpid()}))
        yield


@contextmanager
def only_one_in(repository: Repository) -> Iterator[None]:
    """Holds a repository's lock of rollbacks, which leaves no file there.

    Raises:
        BusyError: a rollback of another desk works on it.
    """
    with held(os.fspath(repository.common_dir), "rollback", folder=True) as mine:
        if not mine:
            raise BusyError(f"another rollback is under way: of another desk, in {repository.root}")
        yield


def _holder(path: Path, desk: Desk) -> str:
    try:
        holder = json.loads(path.read_text())
        lasted = format_duration(desk.clock.now() - from_iso_z(holder["since"]))
        return f"{holder['what']} by {holder['actor']}, for {lasted} (process {holder['pid']})"
    except (OSError, ValueError, KeyError, TypeError):
        return f"its holder is not readable in {path}"
