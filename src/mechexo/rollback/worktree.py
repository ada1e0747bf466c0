"""What really lies in the working tree: our own look at bytes and modes, never git's opinion.

`git status` can be told to overlook an edit. No symbolic link is followed on the way: a folder
that was replaced by a link would lead out of the repository.
"""

from __future__ import annotations

import errno
import os
import stat
from dataclasses import dataclass
from pathlib import Path

from mechexo.errors import UnreachableError

FILE, EXECUTABLE, LINK, SUBMODULE = "100644", "100755", "120000", "160000"
"""The modes that git gives to paths."""


@dataclass(frozen=True, slots=True)
class Content:
    """What is at a path, or would be: its git mode and bytes (a link's are its target).

    `permissions` are the live file's own bits; None for what comes from git.
    """

    mode: str
    data: bytes
    permissions: int | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """A look at a path. `obstacle` says, in words, what stands there instead of a file."""

    content: Content | None
    obstacle: str = ""


def look(root: Path, path: str, *, longest_bytes: int) -> Found:
    """What is at `path` under `root` now.

    Raises:
        UnreachableError: it is there and cannot be read, or is too large.
    """
    *folders, name = path.split("/")
    try:
        descriptor = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise UnreachableError(f"{root}: cannot be read: {error.strerror}") from error
    try:
        for depth, folder in enumerate(folders, start=1):
            flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
            try:
                deeper = os.open(folder, flags, dir_fd=descriptor)
            except FileNotFoundError:
                return Found(None)
            except OSError as error:
                above = "/".join(folders[:depth])
                if error.errno in (errno.ELOOP, errno.ENOTDIR):
                    return Found(None, f"{above} is a link or a file, not a folder")
                raise
            os.close(descriptor)
            descriptor = deeper
        return _look_at(descriptor, name, longest_bytes, path)
    except OSError as error:
        raise UnreachableError(f"{root / path}: cannot be read: {error.strerror}") from error
    finally:
        os.close(descriptor)


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
        return Found(Content(LINK, target, 0o777))
    if stat.S_ISDIR(seen.st_mode):
        return Found(None, "there is a folder in its place")
    if not stat.S_ISREG(seen.st_mode):
        return Found(None, "there is a device, socket or pipe in its place")
    descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
    with os.fdopen(descriptor, "rb") as file:
        data = file.read(longest_bytes + 1)
        if len(data) > longest_bytes:
            raise UnreachableError(
                f"{path} is larger than {longest_bytes // 1024} KiB; that is too much to plan with"
            )
        permissions = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
    return Found(Content(EXECUTABLE if permissions & 0o100 else FILE, data, permissions))
