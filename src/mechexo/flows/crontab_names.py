"""What a flow is called after its command. Pure."""

from __future__ import annotations

import re
import shlex
from collections.abc import Collection, Iterator
from itertools import count

LONGEST = 40

_SEPARATORS = frozenset({"&&", "||", ";", "|", "&", "(", ")", "{", "}", "!"})
_NO_WORK = (
    " . : [ cd echo exit export false mkdir printf pwd set sleep source test touch true"
    " ulimit umask "
)
"""Programs that only prepare for another one."""
_BEFORE_OTHERS = (
    " bash chronic chrt command dash env exec flock ionice java ksh nice node nohup perl php poetry"
    " ruby run sh stdbuf sudo systemd-cat time timeout uv zsh "
)
"""Programs that run another one, which is what counts."""
_VALUE = re.compile(r"\d+(\.\d+)?[smhd]?|[\w./-]*\.lock|\w+=.*", re.ASCII)
_EXTENSION = re.compile(r"\.(sh|bash|py|pl|rb|js|php|jar|r)$", re.IGNORECASE)
_PYTHON = re.compile(r"python[\d.]*|pypy[\d.]*")


def flow_name(command: str, taken: Collection[str]) -> str:
    """A name after what a command runs, that no other flow has and that a TOML key can be bare:
    letters, digits, `-` and `_`."""
    spoken = list(_spoken(command))
    base = spoken[0] if spoken else "job"
    candidates = [base, *(f"{base}-{word}"[:LONGEST].rstrip("-") for word in spoken[1:4])]
    for name in candidates:
        if name not in taken:
            return name
    return next(name for n in count(2) if (name := f"{base[: LONGEST - 4]}-{n}") not in taken)


def _spoken(command: str) -> Iterator[str]:
    """The words that say what a command does, the program's own first."""
    for run in _runs(_lexed(command)):
        named = [slug for word in _without_runners(run) if (slug := _slug(word))]
        if named:
            yield from named
            return


def _lexed(command: str) -> list[str]:
    try:
        lexer = shlex.shlex(command, posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        return list(lexer)
    except ValueError:
        return command.split()


def _runs(words: list[str]) -> Iterator[list[str]]:
    """The simple commands of a line, those that only prepare left out."""
    run: list[str] = []
    for word in [*words, ";"]:
        if word in _SEPARATORS:
            if run and f" {run[0]} " not in _NO_WORK:
                yield run
            run = []
        else:
            run.append(word)


def _without_runners(words: list[str]) -> list[str]:
    """A command less the programs that only run it, their options and values."""
    rest = list(words)
    while rest:
        program = rest[0].rpartition("/")[2]
        runs_another = f" {program} " in _BEFORE_OTHERS or _PYTHON.fullmatch(program)
        if not (runs_another or _VALUE.fullmatch(rest[0]) or rest[0].startswith("-")):
            return rest
        if runs_another and rest[1:2] == ["-c"]:
            # A script in the line itself: what it runs is in there.
            return list(_spoken(rest[2])) if len(rest) > 2 else []
        rest.pop(0)
    return []


def _slug(word: str) -> str:
    if word.startswith(("-", ">", "<")) or word[:1].isdigit():
        return ""
    name = _EXTENSION.sub("", word.rstrip("/").rpartition("/")[2])
    return re.sub(r"[^A-Za-z0-9_]+", "-", name).strip("-_")[:LONGEST].rstrip("-_").lower()
