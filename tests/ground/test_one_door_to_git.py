"""Only `rollback/git.py` runs git or imports GitPython: what reaches git is hardened there."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOOR = "src/mechexo/rollback/git.py"
MAKES_A_REPOSITORY_OF_ITS_OWN = "src/mechexo/paper/history.py"
"""The paper desk commits the history that it invents, in a folder that it has just made."""

STARTERS = {
    *("run", "Popen", "call", "check_call", "check_output", "getoutput", "getstatusoutput"),
    *("system", "popen", "create_subprocess_shell"),
}


def offences(source: str) -> Iterator[str]:
    """How a source gets at git: by GitPython, or by starting the program."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Import(names=names):
                if any(each.name.split(".")[0] == "git" for each in names):
                    yield f"line {node.lineno}: imports GitPython"
            case ast.ImportFrom(module=str(module), level=0):
                if module.split(".")[0] == "git":
                    yield f"line {node.lineno}: imports GitPython"
            case ast.List(elts=[first, *_]) | ast.Tuple(elts=[first, *_]) if _is_git(first):
                yield f"line {node.lineno}: words of a git command"
            case ast.Call(args=[first, *_]) if _is_git(first):
                yield f"line {node.lineno}: names git to a function"
            case ast.Call(func=called, args=[first, *_]) if _begins_a_command(first):
                # An error or a remark may well begin with the word.
                if ast.unparse(called).split(".")[-1] in STARTERS:
                    yield f"line {node.lineno}: a command line for a shell"


def _is_git(node: ast.expr) -> bool:
    """`"git"`, `"/usr/bin/git"`, or a splat of words that begins so."""
    match node:
        case ast.Constant(value=str(text)):
            return Path(text).name == "git"
        case ast.Starred(value=ast.List(elts=[first, *_]) | ast.Tuple(elts=[first, *_])):
            return _is_git(first)
    return False


def _begins_a_command(node: ast.expr) -> bool:
    """A whole command line for a shell."""
    match node:
        case ast.Constant(value=str(text)):
            return text.startswith("git ")
        case ast.JoinedStr(values=[ast.Constant(value=str(text)), *_]):
            return text.startswith("git ")
    return False


def sources() -> list[Path]:
    found = [*ROOT.glob("src/mechexo/**/*.py"), *ROOT.glob("tui/**/*.py")]
    return [each for each in found if "/template/" not in each.as_posix()]


def test_nothing_but_the_one_module_gets_at_git() -> None:
    found = {
        each.relative_to(ROOT).as_posix(): said
        for each in sources()
        if (said := list(offences(each.read_text(encoding="utf-8"))))
    }
    assert found.pop(DOOR, None), "the door itself is not seen: this test sees nothing"
    assert set(found) <= {MAKES_A_REPOSITORY_OF_ITS_OWN}, found


def test_the_one_module_uses_gitpython_as_a_runner_only() -> None:
    tree = ast.parse((ROOT / DOOR).read_text(encoding="utf-8"))
    imported = {
        f"{node.module}.{each.name}"
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "git"
        for each in node.names
    }
    assert imported == {"git.cmd.Git", "git.exc.GitCommandNotFound"}


@pytest.mark.parametrize(
    "source",
    [
        "import git",
        "import git.repo as repository",
        "from git import Repo",
        "from git.repo.base import Repo",
        "def later():\n    from git import Repo",
        "import importlib; importlib.import_module('git')",
        "__import__('git')",
        "subprocess.run(['git', 'log'])",
        "subprocess.run(('git', *words))",
        "subprocess.run([*('git', '-C', folder), 'log'])",
        "words = ['/usr/bin/git', 'gc']",
        "os.execvp('git', words)",
        "os.system('git status')",
        "subprocess.run(f'git log {name}', shell=True)",
        "shutil.which('git')",
    ],
)
def test_each_way_to_git_is_seen(source: str) -> None:
    assert list(offences(source))


@pytest.mark.parametrize(
    "source",
    [
        "from mechexo.rollback.git import Repository",
        "from mechexo.rollback import git",
        "from . import git",
        "say('install git')",
        "say('see: git log')",
        "raise UnreachableError(f'git {word} failed')",
        "names = ['.git', 'git-lfs']",
    ],
)
def test_what_only_speaks_of_git_is_no_way_to_it(source: str) -> None:
    assert not list(offences(source))
