"""Words that several commands of `mechexo costs` are given: refused before anything is read."""

from __future__ import annotations

import os
from pathlib import Path

from mechexo.errors import UnreachableError, UsageError


def groupings(by: str) -> tuple[str, ...]:
    """The groupings that `--by` names, each once.

    Raises:
        UsageError: there is none, or nothing between two commas.
    """
    names = [name.strip() for name in by.split(",")]
    if not all(names):
        what = "is empty" if len(names) == 1 else "has nothing beside one of its commas"
        raise UsageError(f"--by {by!r} {what}; name groupings like day,symbol+hour")
    return tuple(dict.fromkeys(names))


def one_answer(*, json_: bool, csv: bool) -> None:
    """Refuses two answers on one stdout.

    Raises:
        UsageError: both are asked for.
    """
    if json_ and csv:
        raise UsageError("stdout has room for one answer: choose --json or --csv")


def check_folders(*targets: str | None) -> None:
    """Sees that the folders of the files to write are there, before anything is computed.

    Raises:
        UnreachableError: one is not; none is made, as its name may be a slip.
    """
    for target in targets:
        if target is None or target == "-":
            continue
        try:
            path = Path(target).expanduser()
        except RuntimeError:
            raise UsageError(f"{target}: no such user") from None
        # Where a link leads is where the file is written.
        folder = Path(os.path.realpath(path)).parent
        if not folder.is_dir():
            what = "is no folder" if folder.exists() else "does not exist"
            raise UnreachableError(f"{target} cannot be written: the folder {folder} {what}")
