"""Reading a git repository. The only module that runs git.

GitPython serves as a runner only, never as an object store: its object reads are unsafe across
threads and its text defaults lose newlines. What reaches git is made here: object ids that git
itself gave us, literal paths after `--` or on stdin, and fixed words. No hook, filter, textconv,
fsmonitor or transport of the repository's configuration runs, and each call has a time limit and an
output limit. What writes is in `git_writing.py`, through `Repository.call`.
"""

from __future__ import annotations

import hashlib
import os
import re
import select
import subprocess
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from mechexo.access import barrier
from mechexo.errors import ConfigError, UnreachableError
from mechexo.rollback.git_values import CommitNote, Head, Index, IndexEntry, TreeEntry
from mechexo.value_classes import dataclass

TIMEOUT_S = 20.0
LONGEST_OUTPUT_BYTES = 64 * 1024 * 1024
LONGEST_FILE_BYTES = 4 * 1024 * 1024

_NO_GIT = "git is not installed, or not in PATH"
_OID = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_ENVIRONMENT = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_NO_LAZY_FETCH": "1",
    # No transport at all: a partial clone could otherwise start the repository's own ssh command.
    "GIT_ALLOW_PROTOCOL": "none",
    "LC_ALL": "C",
}
_OPTIONS = (
    *("--literal-pathspecs", "--no-pager"),
    *("-c", "core.hooksPath=/dev/null"),
    *("-c", "core.fsmonitor=false"),
    *("-c", "core.quotePath=false"),
    *("-c", "diff.external="),
    *("-c", "protocol.allow=never"),
)


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository with a working tree. Paths are text with undecodable bytes escaped
    (`os.fsdecode`), relative to `root`, with `/`."""

    root: Path
    git_dir: Path
    common_dir: Path
    shallow: bool
    hash_name: str

    @classmethod
    def open(cls, folder: Path) -> Repository:
        """The repository whose working tree starts at `folder`.

        Raises:
            ConfigError: there is none, it is bare, or its tree starts elsewhere.
            UnreachableError: git is not installed or refuses to read it.
        """
        where = "[rollback] repository"
        if barred := barrier(folder) or barrier(folder / ".git"):
            raise UnreachableError(f"{folder} cannot be read: {barred}")
        if not folder.is_dir():
            raise ConfigError(f"{where}: {folder} is no folder")
        questions = (
            *("--is-bare-repository", "--is-shallow-repository", "--show-object-format"),
            *("--path-format=absolute", "--git-dir", "--git-common-dir", "--show-toplevel"),
        )
        status, output, said = _run(folder, ("rev-parse", *questions))
        answers = os.fsdecode(output).splitlines()
        if answers[:1] == ["true"]:
            raise ConfigError(
                f"{where}: {folder} is bare; name the checkout that the desk runs from"
            )
        if "dubious ownership" in said:
            raise UnreachableError(
                f"{folder} belongs to another user, so git will not read it; run mechexo as its "
                "owner"
            )
        if "not a git repository" in said:
            raise ConfigError(f"{where}: {folder} is no git repository")
        if status != 0 or len(answers) != 6:
            raise UnreachableError(f"git cannot read {folder}: {_first_line(said)}")
        _, shallow, hash_name, git_dir, common_dir, top = answers
        if Path(top).resolve() != folder.resolve():
            raise ConfigError(f"{where}: {folder} lies inside a repository; name its top, {top}")
        return cls(Path(top), Path(git_dir), Path(common_dir), shallow == "true", hash_name)

    def head(self) -> Head | None:
        """What is checked out; None when the branch has no commit yet."""
        status, output, said = self._try("rev-parse", "--verify", "--quiet", "HEAD^{commit}")
        if status != 0 and said:
            raise UnreachableError(f"git cannot read HEAD of {self.root}: {_first_line(said)}")
        if status != 0:
            return None
        ref_status, ref, _ = self._try("symbolic-ref", "--quiet", "HEAD")
        return Head(_oid(output.decode().strip()), ref.decode().strip() if ref_status == 0 else "")

    def chain(self, oid: str, *, longest: int | None = None) -> tuple[tuple[str, int], ...]:
        """The deployed line from a commit back to its beginning: (oid, commit time) pairs along
        first parents; the newest `longest` of them, all when None."""
        most = () if longest is None else (f"--max-count={longest:d}",)
        output = self.call("rev-list", "--first-parent", "--timestamp", *most, _oid(oid), "--")
        pairs = (line.split() for line in output.decode("ascii").splitlines())
        return tuple((name, int(epoch_s)) for epoch_s, name in pairs)

    def since(self, oid: str, other: str) -> tuple[str, ...]:
        """The commits along first parents from `oid` back that `other` does not lead to."""
        output = self.call("rev-list", "--first-parent", _oid(oid), f"^{_oid(other)}", "--")
        return tuple(output.decode("ascii").split())

    def notes(self, oids: Iterable[str]) -> tuple[CommitNote, ...]:
        """What each commit says of itself, in the order given."""
        wanted = [_oid(oid) for oid in oids]
        if not wanted:
            return ()
        output = self.call(
            *("rev-list", "--no-walk=unsorted", "--encoding=UTF-8"),
            *("--format=%H%x00%ct%x00%an%x00%s", "--stdin"),
            stdin="".join(f"{oid}\n" for oid in wanted).encode(),
        )
        found = {}
        for line in output.decode("utf-8", "replace").split("\n"):
            fields = line.split("\0")
            if len(fields) == 4:
                found[fields[0]] = CommitNote(fields[0], int(fields[1]), fields[2], fields[3])
        return tuple(found[oid] for oid in wanted)

    def touched(self, commits: Iterable[tuple[str, str | None]]) -> dict[str, tuple[str, ...]]:
        """The paths that each commit changed against its first parent (None: against nothing).

        The commits come newest first.
        """
        # Oldest first: a header and a path look alike in the answer, and no path can be named after
        # a commit that was not made yet.
        lines = [_oid(oid) + (f" {_oid(parent)}" if parent else "") for oid, parent in commits]
        if not lines:
            return {}
        output = self.call(
            *("diff-tree", "--stdin", "--root", "-r", "-z", "--name-only", "--no-renames"),
            *("--no-ext-diff", "--no-textconv", "--ignore-submodules=none"),
            stdin="".join(f"{line}\n" for line in reversed(lines)).encode(),
        )
        found: dict[str, list[str]] = {line.split()[0]: [] for line in lines}
        ahead = [line.split()[0] for line in reversed(lines)]
        current: list[str] = []
        for part in output.split(b"\0"):
            text = os.fsdecode(part)
            if text in ahead:
                ahead = ahead[ahead.index(text) + 1 :]
                current = found[text]
            elif text:
                current.append(text)
        return {oid: tuple(paths) for oid, paths in found.items()}

    def entries(self, commit: str) -> dict[str, TreeEntry]:
        """What a commit has at each of its paths; folders are not listed, submodules are."""
        output = self.call("ls-tree", "-r", "-z", "--full-tree", _oid(commit))
        return {path: TreeEntry(*words) for path, words in _listed(output)}

    def index(self) -> Index:
        """What is staged."""
        output = self.call("ls-files", "--stage", "-t", "-z")
        found: dict[str, tuple[IndexEntry, ...]] = {}
        for path, (tag, mode, oid, _) in _listed(output):
            found[path] = (*found.get(path, ()), IndexEntry(mode, oid, tag == "S"))
        return Index(found, hashlib.sha256(output).hexdigest())

    def paths(self, commit: str) -> tuple[str, ...]:
        """All paths of a commit."""
        output = self.call("ls-tree", "-r", "-z", "--name-only", "--full-tree", _oid(commit))
        return tuple(os.fsdecode(name) for name in output.split(b"\0") if name)

    def attributes(self, paths: Sequence[str]) -> dict[str, dict[str, str]]:
        """What decides how the bytes of each path look on disk: by .gitattributes, and by
        `core.autocrlf` where these do not speak."""
        if not paths:
            return {}
        names = ("text", "eol", "filter", "ident", "working-tree-encoding")
        listed = b"".join(os.fsencode(path) + b"\0" for path in paths)
        output = self.call("check-attr", "--stdin", "-z", *names, stdin=listed).split(b"\0")
        found: dict[str, dict[str, str]] = {path: {} for path in paths}
        for at in range(0, len(output) - 2, 3):
            path, name, value = map(os.fsdecode, output[at : at + 3])
            if value != "unspecified":
                found[path][name] = value
        status, said, _ = self._try("config", "--get", "core.autocrlf")
        if status == 0 and said.strip() not in (b"false", b"no", b"off", b"0"):
            for values in found.values():
                values.setdefault("text", "auto")
        return found

    def blobs(self, oids: Iterable[str]) -> dict[str, bytes]:
        """The bytes of blobs as git stores them, in one call.

        Raises:
            UnreachableError: one is missing or larger than `LONGEST_FILE_BYTES`.
        """
        wanted = list(dict.fromkeys(_oid(oid) for oid in oids))
        if not wanted:
            return {}
        output = self.call(
            "cat-file", "--batch", stdin="".join(f"{oid}\n" for oid in wanted).encode()
        )
        found, at = {}, 0
        for oid in wanted:
            end = output.index(b"\n", at)
            words = output[at:end].split()
            if len(words) != 3 or words[1] != b"blob":
                raise UnreachableError(f"git has no file content {oid[:12]} in {self.root}")
            size = int(words[2])
            if size > LONGEST_FILE_BYTES:
                raise UnreachableError(
                    f"a file of {oid[:12]} in {self.root} is larger than "
                    f"{LONGEST_FILE_BYTES // 1024} KiB; that is too much to plan with"
                )
            found[oid] = output[end + 1 : end + 1 + size]
            at = end + 2 + size
        return found

    def checked_out(self, oid: str, path: str) -> bytes:
        """A blob's bytes as a checkout would write them (line endings, encoding).

        Only for a path without a `filter` attribute, which would run a program.
        """
        words = ("cat-file", "--filters", f"--path={path}", _oid(oid))
        return self.call(*words, longest=LONGEST_FILE_BYTES)

    def reflog(self, ref: str) -> tuple[tuple[str, int], ...]:
        """(oid, time) of each value that a branch had here, oldest first; empty without a log."""
        try:
            log = (self.common_dir / "logs" / ref).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return ()
        except OSError as error:
            raise UnreachableError(
                f"{self.common_dir}/logs/{ref}: cannot be read: {error.strerror}"
            ) from error
        lines = re.finditer(rb"^[0-9a-f]+ ([0-9a-f]+) [^\n]*?> (\d+) [+-]\d{4}(?:\t|$)", log, re.M)
        return tuple((match[1].decode(), int(match[2])) for match in lines)

    def has_commit(self, oid: str) -> bool:
        """Whether a commit is (still) in the repository."""
        status, _, _ = self._try("cat-file", "-e", f"{_oid(oid)}^{{commit}}")
        return status == 0

    def in_progress(self) -> str:
        """The operation that somebody has under way here, in words; empty when there is none."""
        signs = {
            **{"MERGE_HEAD": "a merge", "CHERRY_PICK_HEAD": "a cherry-pick"},
            **{"REVERT_HEAD": "a revert", "BISECT_LOG": "a bisection"},
            **{"rebase-merge": "a rebase", "rebase-apply": "a rebase"},
            "index.lock": "another git command (index.lock)",
        }
        return ", ".join(
            dict.fromkeys(what for name, what in signs.items() if (self.git_dir / name).exists())
        )

    def call(
        self,
        *words: str,
        stdin: bytes = b"",
        longest: int = LONGEST_OUTPUT_BYTES,
        environment: Mapping[str, str] | None = None,
        options: Sequence[str] = (),
    ) -> bytes:
        """What git says to these words, in the hardened way of this module.

        The words must be fixed ones, ids that git gave, or paths after `--`; `options` come before
        the command.

        Raises:
            UnreachableError: git failed; its own first line says why.
        """
        status, output, said = self._try(
            *words, stdin=stdin, longest=longest, environment=environment, options=options
        )
        if status != 0:
            raise UnreachableError(f"git {words[0]} failed in {self.root}: {_first_line(said)}")
        return output

    def _try(
        self,
        *words: str,
        stdin: bytes = b"",
        longest: int = LONGEST_OUTPUT_BYTES,
        environment: Mapping[str, str] | None = None,
        options: Sequence[str] = (),
    ) -> tuple[int, bytes, str]:
        here = (*options, f"--git-dir={self.git_dir}", f"--work-tree={self.root}")
        return _run(
            self.root, words, here=here, stdin=stdin, longest=longest, environment=environment
        )


def _listed(output: bytes) -> Iterator[tuple[str, list[str]]]:
    """Records of words, a tab and a path, each ended by NUL."""
    for record in output.split(b"\0"):
        described, tab, name = record.partition(b"\t")
        if tab:
            yield os.fsdecode(name), described.decode("ascii").split()


def _run(
    folder: Path,
    words: Sequence[str],
    *,
    here: Sequence[str] = (),
    stdin: bytes = b"",
    longest: int = LONGEST_OUTPUT_BYTES,
    environment: Mapping[str, str] | None = None,
) -> tuple[int, bytes, str]:
    """Runs git; returns its exit code, its output and what it said on stderr."""
    try:
        from git.cmd import Git
        from git.exc import GitCommandNotFound
    except ImportError as error:
        raise UnreachableError(_NO_GIT) from error
    # The caller's own GIT_DIR and the like (we may run inside a hook) would lead elsewhere.
    ours = {**_ENVIRONMENT, **(environment or {})}
    inherited = [name for name in os.environ if name.startswith("GIT_")]
    forget = ["env", *(word for name in inherited for word in ("-u", name))] if inherited else []
    again = [f"{name}={value}" for name, value in ours.items()] if inherited else []
    command = [*forget, *again, "git", *_OPTIONS, *here, *words]
    with tempfile.TemporaryFile() as source:
        source.write(stdin)
        source.seek(0)
        try:
            started = Git(str(folder)).execute(command, istream=source, as_process=True, env=ours)
        except GitCommandNotFound as error:
            raise UnreachableError(_NO_GIT) from error
        process = started.proc
        assert process is not None
        try:
            return _collect(process, words[0], longest)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
            for pipe in (process.stdout, process.stderr):
                if pipe is not None:
                    pipe.close()


def _collect(process: subprocess.Popen[bytes], word: str, longest: int) -> tuple[int, bytes, str]:
    assert process.stdout is not None
    assert process.stderr is not None
    output, said = bytearray(), bytearray()
    sinks = {process.stdout.fileno(): output, process.stderr.fileno(): said}
    poll = select.poll()
    for descriptor in sinks:
        poll.register(descriptor, select.POLLIN)
    deadline = time.monotonic() + TIMEOUT_S
    while sinks:
        ready = poll.poll(max(0.0, deadline - time.monotonic()) * 1000)
        if not ready:
            raise UnreachableError(f"git {word} took longer than {TIMEOUT_S:.0f} s and was ended")
        for descriptor, _ in ready:
            chunk = os.read(descriptor, 65536)
            sinks[descriptor] += chunk
            if not chunk:
                poll.unregister(descriptor)
                del sinks[descriptor]
        if len(output) > longest or len(said) > longest:
            raise UnreachableError(
                f"git {word} gave more than {longest // 1024} KiB; that is too much to plan with"
            )
    try:
        status = process.wait(max(0.1, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        raise UnreachableError(f"git {word} did not end within {TIMEOUT_S:.0f} s") from None
    return status, bytes(output), said.decode("utf-8", "replace").strip()


def _oid(text: str) -> str:
    if not _OID.fullmatch(text):
        raise ValueError(f"{text!r} is no full object id")
    return text


def _first_line(said: str) -> str:
    return said.splitlines()[0].removeprefix("fatal: ") if said else "it gave no reason"
