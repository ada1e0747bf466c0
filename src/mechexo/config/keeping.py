"""Writing into the user's cache folder: whole or not at all, and nowhere else."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def keep(place: Path, text: str) -> None:
    """Writes a file that its owner alone may read, in one step.

    Under a name that nobody can foresee: root may have been left somebody else's cache folder, and
    must not write where a link there leads.

    Raises:
        OSError: it cannot be written; nothing is left behind.
    """
    place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor, name = tempfile.mkstemp(dir=place.parent, prefix=".fresh-")
    fresh = Path(name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        fresh.replace(place)
    except BaseException:
        fresh.unlink()
        raise
