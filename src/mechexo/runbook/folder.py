"""The markdown files of a folder, and reading one, whatever has been put there.

A folder can hold pipes that never answer, links to anywhere, files of gigabytes: nothing of that
may hang, fill the memory, or show what lies outside.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from mechexo.value_classes import dataclass

LARGEST_BYTES = 1_048_576
MOST_FILES = 5_000


@dataclass(frozen=True, slots=True)
class Source:
    """A file that should be an entry, as it was when the folder was listed."""

    path: Path
    mtime_ns: int = 0
    size: int = 0
    refused: str = ""
    """Why it is not read at all."""


def list_markdown(folder: Path) -> list[Source]:
    """Every `*.md` of a folder and below, in order of path: a folder's own files first, hidden ones
    and READMEs left out. A link is followed when it stays inside.

    Raises:
        OSError: the folder, or one in it, cannot be listed, or it holds too many.
    """
    found: list[Source] = []
    waiting = [os.fspath(folder)]
    root = os.path.realpath(folder)
    while waiting:
        below: list[str] = []
        with os.scandir(waiting.pop()) as listed:
            entries = sorted(listed, key=lambda each: each.name)
        for each in entries:
            if each.name.startswith("."):
                continue
            if each.is_dir(follow_symlinks=False):
                below.append(each.path)
            elif each.name.endswith(".md") and each.name.lower() != "readme.md":
                found.append(_source(each, root))
            elif each.is_symlink() and each.is_dir():
                refused = "is a link to a folder; the entries in it are not read"
                found.append(Source(Path(each.path), refused=refused))
        if len(found) > MOST_FILES:
            raise OSError(f"holds more than {MOST_FILES} markdown files")
        waiting += reversed(below)
    return found


def _source(entry: os.DirEntry[str], root: str) -> Source:
    path = Path(entry.path)
    try:
        if entry.is_symlink() and not _is_inside(os.path.realpath(path), root):
            return Source(
                path, refused="is a link that leads out of the folder; it is not followed"
            )
        found = entry.stat()
    except OSError as error:
        return Source(path, refused=error.strerror or str(error))
    if not stat.S_ISREG(found.st_mode):
        return Source(path, refused="is not a plain file")
    return Source(path, found.st_mtime_ns, found.st_size)


def _is_inside(path: str, root: str) -> bool:
    return os.path.commonpath((path, root)) == root


def read_text(path: Path) -> tuple[str, tuple[str, ...]]:
    """The first `LARGEST_BYTES` of a file as text, and what is wrong with it.

    Raises:
        OSError: it cannot be read, or is no plain file (any more).
    """
    # Without waiting: what was a file when the folder was listed may be a pipe by now.
    descriptor = os.open(os.path.realpath(path), os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError("is not a plain file")
        content = file.read(LARGEST_BYTES + 1)
    return _decoded(content[:LARGEST_BYTES], tuple(_too_long(content)))


def _too_long(content: bytes) -> Iterator[str]:
    if len(content) > LARGEST_BYTES:
        yield f"only the first {LARGEST_BYTES} bytes are shown"


def _decoded(content: bytes, told: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    try:
        return content.decode(), told
    except UnicodeDecodeError as error:
        if told and error.start >= len(content) - 3:
            # Cut in the middle of a character by us.
            return content[: error.start].decode(), told
        return content.decode(errors="replace"), (*told, f"is not UTF-8 text (byte {error.start})")
