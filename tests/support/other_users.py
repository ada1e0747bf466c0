"""The program as run by somebody who may not do everything."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from support.program import environment

NOBODY = 65534
DESK = 65533
"""The user that a desk's own programs run as."""

# The interpreter itself may lie where only root can read it: all that the doctor imports is
# imported, by looking at another desk, before root is given up.
_AS_NOBODY = f"""
import os, sys
from pathlib import Path
from mechexo.cli import doctor, main
from mechexo.doctor import examine
warm, *sys.argv[1:] = sys.argv[1:]
examine(Path(warm))
os.setgroups([])
os.setresgid({NOBODY}, {NOBODY}, {NOBODY})
os.setresuid({NOBODY}, {NOBODY}, {NOBODY})
main()
"""


def unmeasured(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment without coverage: another user may not write where it keeps its counts."""
    found = environment(extra)
    return {name: value for name, value in found.items() if not name.startswith("COVERAGE_")}


def as_anyone(words: list[str]) -> list[str]:
    """The command without root's right to read and write everything."""
    if os.getuid() != 0:
        return words
    if not shutil.which("setpriv"):
        pytest.skip("needs setpriv when run as root")
    return ["setpriv", "--bounding-set=-all", "--inh-caps=-all", *words]


def doctor_as_nobody(config: Path, *options: str, warm: Path) -> subprocess.CompletedProcess[str]:
    """`mechexo doctor` on a desk, by a user that owns nothing of what root owns.

    `warm` is the configuration of a desk like it that root may look at first.
    """
    if os.getuid() != 0:
        pytest.skip("only root can become somebody else")
    return subprocess.run(
        [sys.executable, "-c", _AS_NOBODY, warm, "--config", config, "doctor", *options],
        capture_output=True,
        text=True,
        check=False,
        # Nothing is taken from a cache: what reads a configuration is imported too.
        env=unmeasured({"XDG_CACHE_HOME": os.devnull}),
        cwd="/",
        timeout=60,
    )


_AS_USER = """
import os, sqlite3, sys
from pathlib import Path
from mechexo.reading_sqlite import read_database
user, *sys.argv[1:] = sys.argv[1:]
os.setgroups([])
os.setresgid(int(user), int(user), int(user))
os.setresuid(int(user), int(user), int(user))
"""


def started_as(user: int, program: str, *arguments: object) -> subprocess.Popen[str]:
    """A Python program run by another user, its pipes open; `sqlite3`, `Path` and `read_database`
    are imported for it."""
    if os.getuid() != 0:
        pytest.skip("only root can become somebody else")
    return subprocess.Popen(
        [sys.executable, "-c", _AS_USER + program, str(user), *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd="/",
        env=unmeasured(),
    )


def said_by(user: int, program: str, *arguments: object) -> str:
    """All that a Python program says that is run by another user."""
    return started_as(user, program, *arguments).communicate(timeout=60)[0]
