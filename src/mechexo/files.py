"""Writing a file whole: a reader sees the old content or the new, never half of it."""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path


def write_whole(path: Path, content: bytes, *, mode: int = 0o644) -> None:
    """Writes `content` to `path`: beside it first, flushed to the disk, then renamed over it.

    A link is followed and an existing file keeps its permission bits; a new one gets `mode`. What
    is no regular file (a pipe, a device) is written to and never replaced.

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
            place.write(content)
        return
    bits = stat.S_IMODE(found.st_mode) if found is not None else mode
    descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(descriptor, "wb") as fresh:
            fresh.write(content)
            fresh.flush()
            os.fsync(fresh.fileno())
        Path(name).chmod(bits)
        Path(name).replace(target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
