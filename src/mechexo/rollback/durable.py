"""Changing files so that each change is whole and lasts: the steps that a rollback is made of.

`FileSystem` has one method per system call that changes the disk, so that a test can give one that
fails or stops at the n-th call. `Tree` makes whole changes of them: a file is written beside its
place, flushed, then renamed over it, so that a reader opens the old content or the new. No symbolic
link is followed on the way to a path.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mechexo.rollback.worktree import EXECUTABLE, LINK, Content, open_folder
from mechexo.value_classes import dataclass

NEW_FILE, NEW_PROGRAM, NEW_FOLDER = 0o640, 0o750, 0o750
"""The permissions of what was not there before: nothing for strangers."""


class FileSystem:
    """The calls that change the disk. `folder` is a descriptor; names are single names."""

    def create(self, folder: int, name: str, data: bytes, permissions: int) -> None:
        """A new file with these bytes, flushed to the disk. It must not exist."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with os.fdopen(os.open(name, flags, 0o600, dir_fd=folder), "wb") as file:
            file.write(data)
            file.flush()
            os.fchmod(file.fileno(), permissions)
            os.fsync(file.fileno())

    def chown(self, folder: int, name: str, owner: tuple[int, int]) -> None:
        """Gives a file its owner and group."""
        os.chown(name, *owner, dir_fd=folder, follow_symlinks=False)

    def chmod(self, folder: int, name: str, permissions: int) -> None:
        """Gives a file its permissions."""
        os.chmod(name, permissions, dir_fd=folder)

    def symlink(self, folder: int, name: str, target: bytes) -> None:
        """A new symbolic link."""
        os.symlink(target, os.fsencode(name), dir_fd=folder)

    def link(self, folder: int, old: str, new: str) -> None:
        """A second name for a file; it must not exist."""
        os.link(old, new, src_dir_fd=folder, dst_dir_fd=folder)

    def rename(self, folder: int, old: str, new: str) -> None:
        """Puts `old` in the place of `new`, in one step."""
        os.rename(old, new, src_dir_fd=folder, dst_dir_fd=folder)

    def unlink(self, folder: int, name: str) -> None:
        """Removes a file or a link."""
        os.unlink(name, dir_fd=folder)

    def mkdir(self, folder: int, name: str) -> None:
        """A new folder."""
        os.mkdir(name, NEW_FOLDER, dir_fd=folder)

    def rmdir(self, folder: int, name: str) -> None:
        """Removes an empty folder."""
        os.rmdir(name, dir_fd=folder)

    def sync(self, folder: int) -> None:
        """Flushes the names in a folder to the disk."""
        os.fsync(folder)

    def reached(self, step: str) -> None:
        """Called between steps that are not files (a ref moved, a flag set): nothing by itself."""


@dataclass(frozen=True, slots=True)
class Tree:
    """The files below a folder. Paths are text with undecodable bytes escaped, with `/`."""

    root: Path
    files: FileSystem

    def put(self, path: str, content: Content, *, beside: str) -> None:
        """Puts content at a path whole, through the name `beside` in the same folder.

        Raises:
            OSError: it could not be put there; what stood there stands there still.
        """
        *folders, name = path.split("/")
        with self._folder(folders) as folder:
            self._clear(folder, beside)
            if content.mode == LINK:
                self.files.symlink(folder, beside, content.data)
            else:
                permissions = content.permissions
                assert permissions is not None
                self.files.create(folder, beside, content.data, permissions)
                if content.owner is not None and content.owner != _owner(folder, beside):
                    self.files.chown(folder, beside, content.owner)
                    # A change of owner takes the set-user bits away.
                    self.files.chmod(folder, beside, permissions)
            self.files.rename(folder, beside, name)
            self.files.sync(folder)

    def remove(self, path: str) -> None:
        """Removes the file or link at a path; nothing where there is none."""
        *folders, name = path.split("/")
        try:
            with self._folder(folders) as folder:
                self.files.unlink(folder, name)
                self.files.sync(folder)
        except (FileNotFoundError, NotADirectoryError):
            return

    def make_folder(self, path: str) -> None:
        """Makes one folder; nothing where it is."""
        *above, name = path.split("/")
        with self._folder(above) as folder:
            try:
                self.files.mkdir(folder, name)
            except FileExistsError:
                return
            self.files.sync(folder)

    def remove_folder(self, path: str) -> None:
        """Removes one empty folder; nothing where there is none.

        Raises:
            OSError: there is something in it.
        """
        *above, name = path.split("/")
        try:
            with self._folder(above) as folder:
                self.files.rmdir(folder, name)
                self.files.sync(folder)
        except (FileNotFoundError, NotADirectoryError):
            return

    def rename(self, old: str, new: str) -> None:
        """Puts one file of this folder itself in the place of another."""
        with self._folder([]) as folder:
            self.files.rename(folder, old, new)
            self.files.sync(folder)

    def link(self, old: str, new: str) -> None:
        """A second name for a file of this folder itself.

        Raises:
            FileExistsError: the name is taken.
        """
        with self._folder([]) as folder:
            self.files.link(folder, old, new)
            self.files.sync(folder)

    def create(self, path: str, data: bytes, permissions: int) -> None:
        """A new file, on the disk when this returns.

        Raises:
            FileExistsError: there is one already.
        """
        *folders, name = path.split("/")
        with self._folder(folders) as folder:
            self.files.create(folder, name, data, permissions)
            self.files.sync(folder)

    def tidy(self, path: str, beside: str) -> None:
        """Removes what a `put` that was cut off left beside a path."""
        *folders, _ = path.split("/")
        try:
            with self._folder(folders) as folder:
                self._clear(folder, beside)
        except (FileNotFoundError, NotADirectoryError):
            return

    def is_folder(self, path: str) -> bool:
        """Whether a real folder is at a path."""
        try:
            with self._folder(path.split("/")):
                return True
        except OSError:
            return False

    def _clear(self, folder: int, name: str) -> None:
        try:
            os.lstat(name, dir_fd=folder)
        except FileNotFoundError:
            return
        self.files.unlink(folder, name)
        self.files.sync(folder)

    @contextmanager
    def _folder(self, folders: list[str]) -> Iterator[int]:
        descriptor = open_folder(self.root, folders)
        try:
            yield descriptor
        finally:
            os.close(descriptor)


def permissions_after(now: Content | None, executable: bool) -> int:
    """The permissions of a restored file: those of the live one, but for whether it can be
    executed, which git knows. A new file's leave strangers out."""
    if now is None or now.permissions is None or now.mode == LINK:
        return NEW_PROGRAM if executable else NEW_FILE
    if executable == (now.mode == EXECUTABLE):
        return now.permissions
    if executable:
        readers = now.permissions & (stat.S_IRUSR | stat.S_IRGRP | stat.S_IROTH)
        return now.permissions | readers >> 2 | stat.S_IXUSR
    return now.permissions & ~(stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)


def _owner(folder: int, name: str) -> tuple[int, int]:
    seen = os.lstat(name, dir_fd=folder)
    return seen.st_uid, seen.st_gid
