"""Which files a target names: a flow's by its globs, or one configured file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from mechexo.errors import NotFoundError, UsageError, close_names
from mechexo.rollback import globs
from mechexo.rollback.diffing import shown_path

if TYPE_CHECKING:
    from mechexo.desk import Desk
    from mechexo.rollback.git import Repository
    from mechexo.rollback.git_values import TreeEntry


def flow_rules(
    desk: Desk,
    name: str,
    repository: Repository,
    committed: Mapping[str, TreeEntry],
    then: Mapping[str, TreeEntry],
) -> dict[str, str]:
    """The files of a flow, then and now, each with the glob that names it.

    Raises:
        NotFoundError: there is no such flow, or it has no file.
    """
    flow = desk.settings.rollback.flows.get(name)
    if flow is None:
        known = desk.settings.rollback.flows
        raise NotFoundError(
            f"{name!r} is no flow of [rollback.flows]; "
            + (close_names(name, known) if known else "none is configured")
        )
    rules = {
        path: rule for path in {*committed, *then} if (rule := globs.matching(path, flow.paths))
    }
    if not rules:
        raise NotFoundError(
            f"[rollback.flows.{name}] paths: no file of {repository.root} fits "
            f"{', '.join(flow.paths)}"
        )
    return rules


def config_rules(
    desk: Desk,
    name: str,
    repository: Repository,
    committed: Mapping[str, TreeEntry],
) -> dict[str, str]:
    """One configured file, with the glob that names it.

    Raises:
        UsageError: it is no path inside the repository.
        NotFoundError: it is not one that may be rolled back.
    """
    path = inside(repository, name)
    shown = shown_path(path)
    rule = globs.denied(path)
    if rule:
        raise NotFoundError(f"{shown} is never rolled back (rule {rule}); use git itself")
    configs = desk.settings.rollback.configs
    if glob := globs.matching(path, configs):
        return {path: glob}
    known = [each for each in committed if globs.matching(each, configs)]
    close = close_names(path, known) if known else ""
    hint = (
        close
        if close.startswith("did you mean")
        else f"[rollback] configs allows: {', '.join(configs) or 'nothing'}"
    )
    raise NotFoundError(f"{shown} is not a file that may be rolled back; {hint}")


def inside(repository: Repository, path: str) -> str:
    """The path relative to the repository, with `/` and without `.` and `..`.

    Raises:
        UsageError: it is no path of a file inside the repository.
    """
    text = path
    for root in (str(repository.root), str(repository.root.resolve())):
        text = text.removeprefix(root + "/")
    parts = [part for part in text.split("/") if part != "."]
    if not all(parts) or ".." in parts or "\0" in text or not parts:
        raise UsageError(f"{shown_path(path)!r} is no path of a file inside {repository.root}")
    return "/".join(parts)
