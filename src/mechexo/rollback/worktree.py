"""What really lies in the working tree: our own look at bytes and modes, never git's opinion.

`git status` can be told to overlook an edit. No symbolic link is followed on the way: a folder
that was replaced by a link would lead out of the repository.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Sequence
from dataclasses import field
from pathlib import Path

from mechexo.errors import UnreachableError
from mechexo.value_classes import dataclass

_MOST_BELOW = 1000
FILE, EXECUTABLE, LINK, SUBMODULE = "100644", "100755", "120000", "160000"
"""The modes that git gives to paths."""


@dataclass(frozen=True, slots=True)
class Content:
    """What is at a path, or would be: its git mode and bytes (a link's are its target).

    `permissions` are the live file's own bits; None for what git has, which knows only whether a
    file can be executed. `owner` is uid and gid of what is there.
    """

    mode: str
    data: bytes
    permissions: int | None = None
    owner: tuple[int, int] | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Found:
    """A look at a path. `obstacle` says, in words, what stands there instead of a file; `blocker`
    is the path on the way that is no folder; `below` the files of a folder in its place."""

    content: Content | None
    obstacle: str = ""
    blocker: str = ""
    below: tuple[str, ...] = ()


def look(root: Path, path: str, *, longest_bytes: int) -> Found:
    """What is at `path` under `root` now.

    Raises:
        UnreachableError: it is there and cannot be read, or is too large.
    """
    *folders, name = path.split("/")
    try:
        descriptor = open_folder(root, folders)
    except FileNotFoundError:
        if not root.is_dir():
            raise UnreachableError(f"{root}: cannot be read: no such folder") from None
        return Found(None)
    except NotAFolderError as error:
        return Found(None, str(error), blocker=error.path)
    except OSError as error:
        raise UnreachableError(f"{root / path}: cannot be read: {error.strerror}") from error
    try:
        return _look_at(descriptor, name, longest_bytes, path)
    except OSError as error:
        raise UnreachableError(f"{root / path}: cannot be read: {error.strerror}") from error
    finally:
        os.close(descriptor)


class NotAFolderError(NotADirectoryError):
    """On the way to a path stands a link or a file, at `path`."""

    def __init__(self, path: str) -> None:
        super().__init__(f"{path} is a link or a file, not a folder")
        self.path = path


def open_folder(root: Path, folders: Sequence[str]) -> int:
    """A descriptor of a folder below `root`, reached without following a link.

    Raises:
        FileNotFoundError: it, or one above it, is not there.
        NotAFolderError: a link or a file stands in the way; its text says which.
        OSError: it cannot be opened.
    """
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
    descriptor = os.open(root, flags)
    for depth, folder in enumerate(folders, start=1):
        try:
            deeper = os.open(folder, flags | os.O_NOFOLLOW, dir_fd=descriptor)
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.ENOTDIR):
                raise NotAFolderError("/".join(folders[:depth])) from error
            raise
        finally:
            os.close(descriptor)
        descriptor = deeper
    return descriptor


def leads_outside(path: str, target: bytes) -> bool:
    """Whether a link at `path` with this target points out of the repository (or to `.git`)."""
    text = os.fsdecode(target)
    if text.startswith("/"):
        return True
    folder = os.path.dirname(path)  # noqa: PTH120 - text, not a place on disk
    landed = os.path.normpath(f"{folder}/{text}" if folder else text)
    return landed == ".." or landed.startswith("../") or landed.split("/")[0] == ".git"


def _look_at(folder: int, name: str, longest_bytes: int, path: str) -> Found:
    try:
        seen = os.lstat(name, dir_fd=folder)
    except FileNotFoundError:
        return Found(None)
    if stat.S_ISLNK(seen.st_mode):
        target = os.readlink(os.fsencode(name), dir_fd=folder)
        return Found(Content(LINK, target, 0o777, (seen.st_uid, seen.st_gid)))
    if stat.S_ISDIR(seen.st_mode):
        return Found(None, "there is a folder in its place", below=_below(folder, name, path))
    if not stat.S_ISREG(seen.st_mode):
        return Found(None, "there is a device, socket or pipe in its place")
    descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
    with os.fdopen(descriptor, "rb") as file:
        data = file.read(longest_bytes + 1)
        if len(data) > longest_bytes:
            raise UnreachableError(
                f"{path} is larger than {longest_bytes // 1024} KiB; that is too much to plan with"
            )
        status = os.fstat(file.fileno())
    permissions, owner = stat.S_IMODE(status.st_mode), (status.st_uid, status.st_gid)
    return Found(Content(EXECUTABLE if permissions & 0o100 else FILE, data, permissions, owner))


def _below(folder: int, name: str, path: str) -> tuple[str, ...]:
    """The files, links and empty folders below a folder that stands at `path`; at most so many as
    settle that there are others than a plan would name."""
    found: list[str] = []
    for above, folders, files, _ in os.fwalk(name, dir_fd=folder, follow_symlinks=False):
        inside = path + above[len(name) :]
        found += [f"{inside}/{each}" for each in files]
        if not folders and not files:
            found.append(f"{inside}/")
        if len(found) > _MOST_BELOW:
            break
    return tuple(sorted(found))
