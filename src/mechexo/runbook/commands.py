"""Whether the commands of an entry exist: in mechexo's own tree, or among the usual tools."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import field
from typing import TYPE_CHECKING

from mechexo.value_classes import dataclass

if TYPE_CHECKING:
    from mechexo.runbook.values import KnownCommand

OURS = frozenset({"mechexo", "mech-exo"})
_TOOLS = (
    "awk base64 cat chmod chown chronyc cp curl cut date dd df dig dmesg du echo find flock free "
    "fuser getent git grep head host hostname id install ionice iostat ip journalctl kill last "
    "less ln ls lsblk lsof mkdir mktemp mount mv nc nice nproc openssl ping ping6 printf ps pwd "
    "python3 readlink renice rm rmdir rsync sed sha256sum sleep sort sqlite3 ss ssh ssh-keygen "
    "stat sudo sync systemctl tail tar tee timedatectl timeout top touch tr traceroute uname "
    "uniq uptime vmstat w wc who xargs zcat"
)
USUAL_TOOLS = frozenset(_TOOLS.split())
_OF_THE_SHELL = (
    "cd test [ export set unset true false exit read trap wait umask ulimit type command "
    "eval : then do else fi done if while for until ! { }"
)
_BUILTINS = frozenset(_OF_THE_SHELL.split())
_SPLITS = frozenset({"|", "||", "&", "&&", ";", "|&", "(", ")"})
_LEADING = frozenset({"then", "do", "else", "if", "while", "until", "!", "{", "sudo"})
_NAMED: Mapping[str, Mapping[int | str, str]] = {
    "flags set": {0: "flags"},
    "flags history": {0: "flags"},
    "rollback plan flags": {0: "flags"},
    "rollback plan flow": {0: "deployments"},
    "flows exec": {0: "flows"},
    "flows ping": {0: "flows"},
    "flows deployed": {0: "flows"},
    "flows runs": {"--flow": "flows"},
}
"""By command of ours, which argument (from 0) or option is the name of what."""
_PLAIN_NAME = re.compile(r"(?=.*[a-z])[A-Za-z0-9_][A-Za-z0-9_./:-]*")
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=.*", re.DOTALL)
_REDIRECTION = re.compile(r"[<>]+&?|&>+")


def command_problems(
    text: str, root: KnownCommand | None, on_path: Callable[[str], object] = shutil.which
) -> list[str]:
    """What is wrong with the commands of a shell text.

    Args:
        text: one or more lines of shell.
        root: mechexo's command tree; None leaves its commands unchecked.
        on_path: says whether a program is there.
    """
    problems = []
    try:
        simple = list(_simple_commands(text))
    except ValueError as error:
        return [f"the shell cannot read this: {error}"]
    for words in simple:
        name = words[0]
        if name in OURS:
            problems += _ours(words, root) if root is not None else []
        elif name.startswith(("$", "⟨")) or name in _BUILTINS or name in USUAL_TOOLS:
            continue
        elif "/" in name or not on_path(name):
            problems.append(f"{name!r} is neither a mechexo command nor a tool found on PATH")
    return problems


def _simple_commands(text: str) -> Iterator[list[str]]:
    """The words of each simple command, without assignments, redirections and keywords."""
    for line in text.replace("\\\n", " ").split("\n"):
        lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        words: list[str] = []
        skip = False
        for token in (*lexer, ";"):
            if token in _SPLITS:
                while words and (words[0] in _LEADING or _ASSIGNMENT.fullmatch(words[0])):
                    words.pop(0)
                if words and words[0] == "for":
                    words = []
                if words:
                    yield words
                words, skip = [], False
            elif _REDIRECTION.fullmatch(token):
                # Its target comes next; a file descriptor may stand before it.
                if words and words[-1].isdigit():
                    words.pop()
                skip = True
            elif skip:
                skip = False
            else:
                words.append(token)


def tools_missing(text: str, on_path: Callable[[str], object] = shutil.which) -> list[str]:
    """The usual tools of a shell text that are not on this host."""
    try:
        used = dict.fromkeys(words[0] for words in _simple_commands(text))
    except ValueError:
        return []
    return [name for name in used if name in USUAL_TOOLS and not on_path(name)]


def names_in(text: str, root: KnownCommand) -> list[tuple[str, str]]:
    """The flags and flows that mechexo's own commands in a shell text name: (kind, name), the kind
    being a field of `DeskNames`. What is no plain name (a variable, NAME) is left out."""
    try:
        simple = list(_simple_commands(text))
    except ValueError:
        return []
    found = []
    for words in simple:
        if words[0] not in OURS:
            continue
        read = _read(words, root)
        for place, kind in _NAMED.get(read.path.partition(" ")[2], {}).items():
            if isinstance(place, str):
                names = read.options.get(place, ())
            else:
                names = tuple(read.arguments[place : place + 1])
            found += [(kind, name) for name in names if _PLAIN_NAME.fullmatch(name)]
    return found


@dataclass(slots=True)
class _Read:
    """One `mechexo …` command, held to the tree."""

    command: KnownCommand
    path: str
    arguments: list[str] = field(default_factory=list)
    options: dict[str, tuple[str, ...]] = field(default_factory=dict)
    problem: str = ""


def _ours(words: Sequence[str], root: KnownCommand) -> list[str]:
    read = _read(words, root)
    if read.problem:
        return [read.problem]
    return _count_problems(read.command, read.path, len(read.arguments))


def _read(words: Sequence[str], root: KnownCommand) -> _Read:
    """Names, options and arguments of a command, up to the first that does not fit."""
    read, rest = _Read(root, words[0]), list(words[1:])
    while rest and not read.problem:
        word = rest.pop(0)
        known = read.command.options
        if word == "--":
            read.arguments += rest
            break
        if word.startswith("--") or (word in known and word.startswith("-")):
            _take_option(read, word, rest)
        elif word.startswith("-") and len(word) > 1 and not word[1].isdigit():
            read.problem = f"`{read.path}` has no option {word}"
        elif read.command.subcommands:
            if word not in read.command.subcommands:
                read.problem = f"`{read.path} {word}` is not a command of mechexo"
            else:
                read.command = read.command.subcommands[word]
                read.path = f"{read.path} {word}"
        else:
            read.arguments.append(word)
    return read


def _take_option(read: _Read, word: str, rest: list[str]) -> None:
    name, has_value, value = word.partition("=")
    known = read.command.options
    if name not in known:
        listed = ", ".join(sorted(known)) or "none"
        read.problem = f"`{read.path}` has no option {name} (it has {listed})"
    elif known[name]:
        if not has_value and not rest:
            read.problem = f"`{read.path}` {name} needs a value"
            return
        read.options[name] = (*read.options.get(name, ()), value if has_value else rest.pop(0))


def _count_problems(command: KnownCommand, path: str, arguments: int) -> list[str]:
    if command.needs_subcommand:
        return [f"`{path}` needs one of its commands: {', '.join(sorted(command.subcommands))}"]
    if arguments < command.required_arguments:
        return [f"`{path}` needs {command.required_arguments} argument(s), this gives {arguments}"]
    if command.most_arguments is not None and arguments > command.most_arguments:
        return [f"`{path}` takes {command.most_arguments} argument(s), this gives {arguments}"]
    return []
