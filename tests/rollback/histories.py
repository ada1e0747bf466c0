"""Real git repositories for tests, built commit by commit with chosen times."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path


def at(day: int, hour: int = 0, minute: int = 0, second: int = 0) -> datetime:
    """A moment in February 2026, before the tests' clock."""
    return datetime(2026, 2, day, hour, minute, second, tzinfo=UTC)


@dataclass
class History:
    """A repository and its working tree."""

    root: Path

    @classmethod
    def begin(cls, root: Path, *words: str) -> History:
        root.mkdir(parents=True)
        history = cls(root)
        history.git("init", "--quiet", "--initial-branch=main", *words)
        return history

    def git(self, *words: str, when: datetime | None = None, author: datetime | None = None) -> str:
        env = {
            **{name: value for name, value in os.environ.items() if not name.startswith("GIT_")},
            **{"GIT_AUTHOR_NAME": "Ann", "GIT_AUTHOR_EMAIL": "ann@desk.example"},
            **{"GIT_COMMITTER_NAME": "Ann", "GIT_COMMITTER_EMAIL": "ann@desk.example"},
            "GIT_CONFIG_NOSYSTEM": "1",
        }
        if when is not None:
            env["GIT_COMMITTER_DATE"] = f"{int(when.timestamp())} +0000"
            env["GIT_AUTHOR_DATE"] = f"{int((author or when).timestamp())} +0000"
        done = subprocess.run(
            ["git", *words], cwd=self.root, env=env, capture_output=True, check=True
        )
        return os.fsdecode(done.stdout).strip()

    def feed(self, data: bytes, *words: str) -> None:
        """Runs git with something to read."""
        subprocess.run(["git", *words], cwd=self.root, input=data, check=True, capture_output=True)

    def write(self, path: str, data: bytes | str, *, executable: bool = False) -> Path:
        place = self.root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data.encode() if isinstance(data, str) else data)
        place.chmod(0o755 if executable else 0o644)
        return place

    def commit(
        self,
        files: Mapping[str, bytes | str | None],
        when: datetime,
        subject: str = "change",
        author: datetime | None = None,
    ) -> str:
        """Commits files (None removes one) at a moment; returns the commit's id."""
        for path, data in files.items():
            if data is None:
                (self.root / path).unlink()
            else:
                self.write(path, data)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "-m", subject, when=when, author=author)
        return self.head()

    def head(self) -> str:
        return self.git("rev-parse", "HEAD")

    def forget_reflog(self) -> None:
        """As after a fresh clone: only the commit times are left."""
        for log in (self.root / ".git" / "logs").rglob("*"):
            if log.is_file():
                log.unlink()

    def show(self, commit: str, path: str) -> bytes:
        done = subprocess.run(
            ["git", "cat-file", "blob", f"{commit}:{path}"],
            cwd=self.root,
            capture_output=True,
            check=True,
        )
        return done.stdout


def fingerprint(root: Path) -> dict[str, tuple[int, int, int, bytes]]:
    """Everything below a folder, `.git` included: mode, size, mtime and content of each file."""
    found = {}
    for place in sorted(root.rglob("*")):
        seen = place.lstat()
        data = (
            os.fsencode(place.readlink())
            if place.is_symlink()
            else place.read_bytes()
            if place.is_file()
            else b""
        )
        found[os.fspath(place)] = (seen.st_mode, seen.st_size, seen.st_mtime_ns, data)
    return found
