"""Writing a file whole: a reader sees the old content or the new, never half of it."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


def write_whole(path: Path, content: bytes, *, mode: int = 0o644) -> None:
    """Writes `content` to `path` as `whole_file` does.

    Raises:
        OSError: the file cannot be written; what stood there stands there still.
    """
    with whole_file(path, mode=mode) as file:
        file.write(content)


@contextmanager
def whole_file(path: Path, *, mode: int = 0o644) -> Iterator[BinaryIO]:
    """A file to write to, which takes its place at `path` when the block ends without an error.

    It is written beside `path`, flushed to the disk, then renamed. A link is followed and an
    existing file keeps its permission bits; a new one gets `mode`. What is no regular file (a
    pipe, a device) is written to and never replaced.

    Raises:
        OSError: the file cannot be written; what stood there stands there still.
    """
    target = Path(os.path.realpath(path))
    try:
        found = target.stat()
    except FileNotFoundError:
        found = None
    if found is not None and not stat.S_ISREG(found.st_mode):
        with target.open("wb") as place:
            yield place
        return
    bits = stat.S_IMODE(found.st_mode) if found is not None else mode
    descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    fresh = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        fresh.chmod(bits)
        fresh.replace(target)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise
