"""Git hooks that tell the deployment ledger of each move of the checkout.

One small script stands under four names. It runs what stood there before, never changes what git
does, and is silent unless there is something to say.
"""

from __future__ import annotations

import hashlib
import os
import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from mechexo.actor import Role
from mechexo.errors import ConflictError, UnreachableError, UsageError
from mechexo.files import write_whole
from mechexo.rollback.ledger_operations import checkout_moved
from mechexo.rollback.making import repository_of
from mechexo.value_classes import dataclass

if TYPE_CHECKING:
    from mechexo.desk import Desk
    from mechexo.rollback.git import Repository

NAMES = ("post-commit", "post-merge", "post-checkout", "post-rewrite")
BEFORE = ".before-mechexo"
"""What this is added to the name of a hook that was there before ours."""

_MARK = b"# mechexo hook "
_SCRIPT = """\
# Tells mechexo's deployment ledger what is checked out now; never changes what git does. Written by
# "mechexo init --hooks" and taken away by "mechexo init --no-hooks": do not edit it.
status=0
if [ -x "$0{before}" ]; then
    "$0{before}" "$@" || status=$?
fi
case "${{0##*/}}" in
    # A file alone was checked out: nothing moved.
    post-checkout) [ "$3" = 1 ] || exit "$status" ;;
esac
# The steps of a rebase were never deployed; its end comes as a post-rewrite.
if [ "${{0##*/}}" != post-rewrite ] && [ -d "${{GIT_DIR:-.git}}/rebase-merge" ]; then
    exit "$status"
fi
{command} flows deployed --hook </dev/null >/dev/null || :
exit "$status"
"""


@dataclass(frozen=True, slots=True)
class HookDone:
    """What became of one hook."""

    path: Path
    what: Literal["made", "renewed", "kept", "removed", "not there"]
    before: Path | None = None
    """The hook that was there before ours: ours runs it first, or made way for it again."""


def script(command: Sequence[str]) -> bytes:
    """The hook that calls mechexo by these words. Pure."""
    body = _SCRIPT.format(before=BEFORE, command=shlex.join(command)).encode()
    return b"#!/bin/sh\n" + _MARK + _digest(body) + b"\n" + body


def install(desk: Desk, *, reason: str = "") -> tuple[HookDone, ...]:
    """Puts the hooks into the configured repository, and what is checked out now on record.

    A hook that is there already is kept and runs first.

    Raises:
        NotAllowedError: the role is below admin.
        UsageError: git looks for its hooks elsewhere, or a live desk was given no reason.
        ConflictError: a hook of ours was edited, or an older one was kept already.
        ConfigError, UnreachableError: the repository, or the folder of its hooks, cannot be used.
    """
    folder = _folder(repository_of(desk))
    wanted = script(
        # Without -P a file of the repository could stand for one of Python's own.
        [sys.executable, "-P", "-m", "mechexo", "--config", str(desk.config_path.absolute())]
    )
    with desk.operation(
        "rollback.hooks", str(folder), needs=Role.ADMIN, reason=reason
    ) as operation:
        done = _each(folder, lambda path: _install(path, wanted))
        operation.after = {each.path.name: each.what for each in done}
    checkout_moved(desk)
    return done


def remove(desk: Desk, *, reason: str = "") -> tuple[HookDone, ...]:
    """Takes the hooks away; what was there before stands in their place again.

    Raises:
        as `install`.
    """
    folder = _folder(repository_of(desk))
    with desk.operation(
        "rollback.hooks", str(folder), needs=Role.ADMIN, reason=reason
    ) as operation:
        done = _each(folder, _remove)
        operation.after = {each.path.name: each.what for each in done}
    return done


def missing(desk: Desk) -> tuple[str, ...]:
    """The names of the hooks that do not tell the ledger: not ours, or not to be run.

    Raises:
        UsageError: git looks for its hooks elsewhere.
        ConfigError, UnreachableError: the repository, or the folder of its hooks, cannot be used.
    """
    folder = _folder(repository_of(desk))
    try:
        return tuple(
            name
            for name in NAMES
            if not _is_ours(_content(folder / name)) or not os.access(folder / name, os.X_OK)
        )
    except OSError as error:
        raise UnreachableError(f"{error.filename or folder}: {error.strerror or error}") from error


def _folder(repository: Repository) -> Path:
    """Where git looks for the hooks of a repository."""
    output = repository.call(
        *("config", "--show-scope", "--null", "--get-all", "core.hooksPath"),
        # The system's configuration counts for whoever commits.
        environment={"GIT_CONFIG_NOSYSTEM": "0"},
    )
    words = output.decode("utf-8", "replace").split("\0")
    # Our own calls set it too, to nothing.
    elsewhere = [
        f"{path} ({scope})"
        for scope, path in zip(words[::2], words[1::2], strict=False)
        if scope != "command"
    ]
    if elsewhere:
        raise UsageError(
            f"core.hooksPath is set to {elsewhere[-1]}: other repositories may share those hooks, "
            "so none is written; call from there: mechexo flows deployed --hook"
        )
    return repository.common_dir / "hooks"


def _each(folder: Path, change: Callable[[Path], HookDone]) -> tuple[HookDone, ...]:
    """Changes each hook; none when one of them cannot be."""
    try:
        for name in NAMES:
            _refuse_strange(folder / name)
        folder.mkdir(exist_ok=True)
        return tuple(change(folder / name) for name in NAMES)
    except OSError as error:
        raise UnreachableError(
            f"{error.filename or folder}: {error.strerror or error}; the hooks may be in part"
        ) from error


def _refuse_strange(path: Path) -> None:
    """Refuses what neither installing nor removing could do without losing something."""
    found = _content(path)
    if found is not None and _is_ours(found) and not _untouched(found):
        raise ConflictError(
            f"{path} is mechexo's and was edited; move your lines into {path}{BEFORE} and delete it"
        )
    if found is not None and not _is_ours(found) and _content(_before(path)) is not None:
        raise ConflictError(
            f"{path} would be kept as {_before(path).name}, which is there already; delete one"
        )


def _install(path: Path, wanted: bytes) -> HookDone:
    found = _content(path)
    if found is not None and not _is_ours(found):
        path.rename(_before(path))
    before = _before(path) if _content(_before(path)) is not None else None
    if found == wanted:
        return HookDone(path, "kept", before)
    write_whole(path, wanted, mode=0o755)
    return HookDone(path, "renewed" if _is_ours(found) else "made", before)


def _remove(path: Path) -> HookDone:
    if not _is_ours(_content(path)):
        return HookDone(path, "not there")
    if _content(_before(path)) is None:
        path.unlink()
        return HookDone(path, "removed")
    _before(path).rename(path)
    return HookDone(path, "removed", path)


def _before(path: Path) -> Path:
    return path.with_name(path.name + BEFORE)


def _content(path: Path) -> bytes | None:
    """What stands there; None when nothing does. A link that leads nowhere is something."""
    if not path.exists() and not path.is_symlink():
        return None
    return path.read_bytes() if path.exists() else b""


def _is_ours(content: bytes | None) -> bool:
    return content is not None and _MARK in content[:200]


def _untouched(content: bytes) -> bool:
    head, mark, rest = content.partition(_MARK)
    digest, _, body = rest.partition(b"\n")
    return head == b"#!/bin/sh\n" and bool(mark) and digest == _digest(body)


def _digest(body: bytes) -> bytes:
    return hashlib.sha256(body).hexdigest()[:16].encode()
