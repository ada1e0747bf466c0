"""A fresh clone with the README's commands: the first run installs, later runs are quiet."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.slow


def test_a_fresh_clone_installs_itself_once_and_then_needs_no_network(tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "-q", REPOSITORY, clone], check=True)
    environ = {key: value for key, value in os.environ.items() if not key.startswith("COV")}
    environ["HOME"] = str(tmp_path / "home")

    def run(*, offline: bool) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [clone / "scripts" / "mechexo", "--version"],
            cwd=tmp_path,
            env={**environ, "PIP_NO_INDEX": "1"} if offline else environ,
            capture_output=True,
            text=True,
            check=False,
        )

    first = run(offline=False)
    assert first.returncode == 0, first.stderr
    assert first.stdout.startswith("mechexo ")
    assert "first use" in first.stderr
    second = run(offline=True)
    assert (second.returncode, second.stdout, second.stderr) == (0, first.stdout, "")


def test_the_lock_files_pin_every_package_with_hashes_and_name_no_index() -> None:
    for lock in ("run.txt", "dev.txt"):
        text = (REPOSITORY / "requirements" / lock).read_text()
        assert "://" not in text
        pinned = [line for line in text.splitlines() if line and not line.startswith((" ", "#"))]
        assert pinned
        assert all("==" in line for line in pinned)
        assert text.count("--hash=sha256:") >= len(pinned)
