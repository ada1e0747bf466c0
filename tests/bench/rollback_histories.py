"""Repositories to measure rollbacks on: one made here, of any number of commits, or a copy of one
that is given."""

from __future__ import annotations

import os
import random
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mechexo.rollback import globs
from mechexo.rollback.guards import LFS_POINTER

_FILES = 1_200
_LINES = 200
_COMMITS_OF_A_MERGE = 3
"""Two on a side branch, then the merge."""
_BETWEEN_MERGES_S = 1800
_LARGEST_BYTES = 256 * 1024
_WHO = "Ann <ann@desk.example>"


@dataclass(frozen=True, slots=True)
class Bench:
    """A repository, the commit to go back to and the files that go back."""

    root: Path
    commit: str
    epoch_s: int
    back: int
    """So many commits along first parents lie between it and HEAD."""
    paths: tuple[str, ...]
    oids: tuple[str, ...]
    """The blobs of the files, then and now."""
    commits: int
    first_parents: int


def git(root: Path, *words: str, stdin: bytes = b"") -> bytes:
    """What git itself says."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    who = {"GIT_AUTHOR_NAME": "Ann", "GIT_AUTHOR_EMAIL": "ann@desk.example"}
    who |= {"GIT_COMMITTER_NAME": "Ann", "GIT_COMMITTER_EMAIL": "ann@desk.example"}
    return subprocess.run(
        ["git", *words], cwd=root, input=stdin, capture_output=True, check=True, env=kept | who
    ).stdout


def make(root: Path, commits: int, ends_at_s: int) -> None:
    """A repository of so many commits, a third of them merges on the main line; the same for the
    same number. It is packed as git itself packs one (`git gc`)."""
    root.mkdir(parents=True)
    git(root, "init", "--quiet", "--initial-branch=main")
    with subprocess.Popen(
        ["git", "fast-import", "--quiet", "--done"], cwd=root, stdin=subprocess.PIPE
    ) as importer:
        assert importer.stdin is not None
        for part in _stream(commits, ends_at_s):
            importer.stdin.write(part)
        importer.stdin.close()
        if importer.wait() != 0:
            raise RuntimeError("git fast-import failed")
    git(root, "gc", "--quiet")
    git(root, "reset", "--quiet", "--hard", "main")


def copy(source: Path, root: Path) -> None:
    """A clone: what is measured commits, and the given repository stays as it is."""
    root.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(["git", "clone", "--quiet", os.fspath(source), os.fspath(root)], check=True)


def bench_of(root: Path, back: int, files: int) -> Bench:
    """What is measured in a repository: `files` files that differ from `back` commits ago."""
    line = git(root, "rev-list", "--first-parent", "--timestamp", "HEAD").decode().split("\n")
    chain = [each.split() for each in line if each]
    back = min(back, len(chain) // 2)
    epoch_s, commit = chain[back]
    then, now = _blobs(root, commit), _blobs(root, "HEAD")
    paths = [
        path
        for path in sorted(then.keys() & now.keys())
        if then[path] != now[path] and _is_plain(path)
    ]
    random.Random(20).shuffle(paths)
    chosen = [path for path in paths if _is_text(root, (then[path], now[path]))][:files]
    return Bench(
        root=root,
        commit=commit,
        epoch_s=int(epoch_s),
        back=back,
        paths=tuple(sorted(chosen)),
        oids=tuple(oid for path in sorted(chosen) for oid in (then[path], now[path])),
        commits=int(git(root, "rev-list", "--count", "HEAD")),
        first_parents=len(chain),
    )


def _stream(commits: int, ends_at_s: int) -> Iterator[bytes]:
    """What `git fast-import` reads: one commit of all files, then merges of two commits each."""
    rng = random.Random(7)
    names = [f"flows/{n % 40:02}/part_{n:04}.{('py', 'yaml')[n % 3 == 0]}" for n in range(_FILES)]
    lines = [[_line(rng, number) for number in range(_LINES)] for _ in names]
    merges = max(1, (commits - 1) // _COMMITS_OF_A_MERGE)
    first_s = ends_at_s - merges * _BETWEEN_MERGES_S
    yield _commit("refs/heads/main", 1, first_s, "Begin")
    for name, content in zip(names, lines, strict=True):
        yield _file(name, content)
    mark, tip = 1, 1
    for merge in range(1, merges + 1):
        at_s = first_s + merge * _BETWEEN_MERGES_S
        touched = rng.sample(range(_FILES), _COMMITS_OF_A_MERGE - 1)
        side = tip
        for step, number in enumerate(touched):
            mark += 1
            lines[number][rng.randrange(_LINES)] = _line(rng, mark)
            yield _commit("refs/heads/side", mark, at_s - 600 + step, f"Step {mark}", side)
            yield _file(names[number], lines[number])
            side = mark
        mark += 1
        yield _commit("refs/heads/main", mark, at_s, f"Merge {merge}", tip, side)
        for number in touched:
            yield _file(names[number], lines[number])
        tip = mark
    yield b"done\n"


def _line(rng: random.Random, number: int) -> str:
    return f"limit_{rng.randrange(10_000)}: {rng.random():.6f}  # of rule {number}\n"


def _commit(ref: str, mark: int, at_s: int, subject: str, *parents: int) -> bytes:
    words = [
        *(f"commit {ref}", f"mark :{mark}", f"committer {_WHO} {at_s} +0000"),
        *(f"data {len(subject)}", subject),
        *(f"from :{parent}" for parent in parents[:1]),
        *(f"merge :{parent}" for parent in parents[1:]),
    ]
    return "".join(f"{word}\n" for word in words).encode()


def _file(name: str, lines: Sequence[str]) -> bytes:
    data = "".join(lines).encode()
    return f"M 100644 inline {name}\ndata {len(data)}\n".encode() + data + b"\n"


def _blobs(root: Path, commit: str) -> dict[str, str]:
    """The blob of each regular file whose name is text."""
    found = {}
    for record in git(root, "ls-tree", "-r", "-z", "--full-tree", commit).split(b"\0"):
        described, _, name = record.partition(b"\t")
        if described.startswith(b"100644 blob"):
            found[os.fsdecode(name)] = described.split()[2].decode()
    return found


def _is_plain(path: str) -> bool:
    return path.isprintable() and not set("*?[]\\") & set(path) and not globs.denied(path)


def _is_text(root: Path, oids: tuple[str, str]) -> bool:
    for oid in oids:
        data = git(root, "cat-file", "blob", oid)
        if b"\0" in data or len(data) > _LARGEST_BYTES or data.startswith(LFS_POINTER):
            return False
    return True
