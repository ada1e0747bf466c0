"""Whether the commands of an entry exist: in mechexo's own tree, or among the usual tools."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

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


def _ours(words: Sequence[str], root: KnownCommand) -> list[str]:
    """Holds one `mechexo …` command to the tree: names, options, number of arguments."""
    current, path, rest = root, words[0], list(words[1:])
    arguments = 0
    while rest:
        word = rest.pop(0)
        if word == "--":
            arguments += len(rest)
            break
        name, has_value, _ = word.partition("=")
        if word.startswith("--") or (word in current.options and word.startswith("-")):
            if name not in current.options:
                known = ", ".join(sorted(current.options)) or "none"
                return [f"`{path}` has no option {name} (it has {known})"]
            if current.options[name] and not has_value:
                if not rest:
                    return [f"`{path}` {name} needs a value"]
                rest.pop(0)
        elif word.startswith("-") and len(word) > 1 and not word[1].isdigit():
            return [f"`{path}` has no option {word}"]
        elif current.subcommands:
            if word not in current.subcommands:
                return [f"`{path} {word}` is not a command of mechexo"]
            current, path = current.subcommands[word], f"{path} {word}"
        else:
            arguments += 1
    return _count_problems(current, path, arguments)


def _count_problems(command: KnownCommand, path: str, arguments: int) -> list[str]:
    if command.needs_subcommand:
        return [f"`{path}` needs one of its commands: {', '.join(sorted(command.subcommands))}"]
    if arguments < command.required_arguments:
        return [f"`{path}` needs {command.required_arguments} argument(s), this gives {arguments}"]
    if command.most_arguments is not None and arguments > command.most_arguments:
        return [f"`{path}` takes {command.most_arguments} argument(s), this gives {arguments}"]
    return []
