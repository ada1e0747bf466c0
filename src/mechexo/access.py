"""What keeps the user of this process from a file: named with its owner, who can change that."""

from __future__ import annotations

import glob
import os
import re
import shlex
import stat
from itertools import takewhile
from pathlib import Path

from mechexo.actor import user_name
from mechexo.value_classes import dataclass

_ESCAPED = re.compile(r"\[([*?[])\]")  # as `glob.escape` writes it
_FLAGS = {"read": os.R_OK, "write": os.W_OK, "enter": os.X_OK}
_LETTERS = {"read": "r", "write": "w", "enter": "x"}


@dataclass(frozen=True, slots=True)
class Barrier:
    """A file or folder that the user may not use as wanted."""

    path: Path
    missing: tuple[str, ...]
    """The rights that are missing: read, write, enter."""
    user: str
    owner: str
    mode: str

    def __str__(self) -> str:
        rights = " or ".join(self.missing)
        return (
            f"user {self.user} may not {rights} {self.path}, which is {self.owner}'s ({self.mode})"
        )

    @property
    def mend(self) -> str:
        """What to do about it."""
        if self.owner == self.user:
            letters = "".join(_LETTERS[right] for right in self.missing)
            return f"chmod u+{letters} {shlex.quote(str(self.path))}"
        rights = " and ".join(self.missing)
        return f"give user {self.user} the right to {rights} it, or run mechexo as {self.owner}"


def barrier(path: Path, *, read: bool = True, write: bool = False) -> Barrier | None:
    """The first thing on the way to `path`, or the thing itself, that the user may not use so.

    A folder is also one to enter. None when nothing is in the way, and when there is nothing at
    `path`; to write, its folder must then be one that it can be made in.
    """
    target = Path(os.path.realpath(path))
    wanted = [right for right, asked in (("read", read), ("write", write)) if asked]
    for folder in reversed(target.parents):
        if not folder.is_dir():
            return None
        if found := _missing(folder, ["enter"]):
            return found
    if not target.exists():
        return _missing(target.parent, ["write"]) if write else None
    return _missing(target, [*wanted, "enter"] if target.is_dir() else wanted)


def glob_start(pattern: str) -> Path:
    """The folder that a glob starts from: what comes before its first wildcard."""
    plain = takewhile(lambda part: not glob.has_magic(_ESCAPED.sub("", part)), Path(pattern).parts)
    return Path(*(_ESCAPED.sub(r"\1", part) for part in plain))


def _missing(path: Path, wanted: list[str]) -> Barrier | None:
    missing = tuple(right for right in wanted if not os.access(path, _FLAGS[right]))
    if not missing:
        return None
    found = path.stat()
    user, owner = user_name(os.getuid()), user_name(found.st_uid)
    return Barrier(path, missing, user, owner, stat.filemode(found.st_mode))
