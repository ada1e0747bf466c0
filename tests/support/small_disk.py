"""A real disk that can be filled to its last byte."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

FILLER = "filler"
"""The file that `fill` makes; without it there is room again."""


@contextmanager
def mounted(folder: Path) -> Iterator[Path]:
    """A new file system with room for 2 MB at `folder`; skips the test that may not mount one."""
    folder.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)], capture_output=True
    )
    if made.returncode:
        pytest.skip("needs the right to mount a file system")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(disk: Path, *, but_bytes: int = 0) -> None:
    """Takes the rest of the disk, or all `but_bytes` of it."""
    filled = subprocess.run(
        ["dd", "if=/dev/zero", f"of={disk / FILLER}", "bs=4096"], capture_output=True
    )
    assert b"No space left" in filled.stderr
    filler = disk / FILLER
    os.truncate(filler, filler.stat().st_size - but_bytes)
