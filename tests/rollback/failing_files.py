"""A disk that fails, or a process that dies, at the n-th change: for the tests of the journal."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from mechexo.rollback.durable import FileSystem


class Stopped(BaseException):
    """The process is dead: nothing that it would still do reaches the disk."""


@dataclass
class FailingFiles(FileSystem):
    """Counts the changes. At number `at` it stops (`error` is None), for good, or fails once."""

    at: int = -1
    error: int | None = None
    done: list[str] = field(default_factory=list)
    dead: bool = False

    def _change(self, what: str) -> None:
        if self.dead:
            raise Stopped
        if len(self.done) == self.at:
            self.done.append(f"failed {what}")
            if self.error is None:
                self.dead = True
                raise Stopped
            raise OSError(self.error, os.strerror(self.error), what)
        self.done.append(what)

    def create(self, folder: int, name: str, data: bytes, permissions: int) -> None:
        try:
            self._change(f"create {name}")
        except BaseException:
            if self.dead and self.done[-1].startswith("failed create"):
                # Cut off in the middle of writing: half of it is there.
                self.done[-1] = f"half {name}"
                super().create(folder, name, data[: len(data) // 2], 0o600)
            raise
        super().create(folder, name, data, permissions)

    def chown(self, folder: int, name: str, owner: tuple[int, int]) -> None:
        self._change(f"chown {name}")
        super().chown(folder, name, owner)

    def chmod(self, folder: int, name: str, permissions: int) -> None:
        self._change(f"chmod {name}")
        super().chmod(folder, name, permissions)

    def symlink(self, folder: int, name: str, target: bytes) -> None:
        self._change(f"symlink {name}")
        super().symlink(folder, name, target)

    def link(self, folder: int, old: str, new: str) -> None:
        self._change(f"link {new}")
        super().link(folder, old, new)

    def rename(self, folder: int, old: str, new: str) -> None:
        self._change(f"rename {new}")
        super().rename(folder, old, new)

    def unlink(self, folder: int, name: str) -> None:
        self._change(f"unlink {name}")
        super().unlink(folder, name)

    def mkdir(self, folder: int, name: str) -> None:
        self._change(f"mkdir {name}")
        super().mkdir(folder, name)

    def rmdir(self, folder: int, name: str) -> None:
        self._change(f"rmdir {name}")
        super().rmdir(folder, name)

    def sync(self, folder: int) -> None:
        self._change("sync")
        super().sync(folder)

    def reached(self, step: str) -> None:
        self._change(f"reached {step}")


class StopBefore(FailingFiles):
    """Stops just before the first change of this name."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name

    def _change(self, what: str) -> None:
        if not self.dead and what.startswith(self.name):
            self.at = len(self.done)
        super()._change(what)
