"""What can be asked of the rollback wing: plan a rollback, look at plans, say what changed."""

from __future__ import annotations

import difflib
import hashlib
import secrets
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from mechexo.actor import Role
from mechexo.errors import ConfigError, NotFoundError, UnreachableError, UsageError
from mechexo.rollback import globs, planning, records, suspects
from mechexo.rollback.diffing import shown_path
from mechexo.rollback.facts import gather
from mechexo.rollback.git import Head, Repository
from mechexo.rollback.resolving import Resolved, resolve
from mechexo.rollback.values import Change, Plan, Suspect
from mechexo.state.audit import canonical
from mechexo.times import in_zone, iso_z, stamps_in_zone

if TYPE_CHECKING:
    from mechexo.desk import Desk

DRY_RUN = "dry run: nothing is changed"
LONGEST_ID = 8


def plan_config(desk: Desk, path: str, *, to: datetime, reason: str = "") -> Plan:
    """The plan that would bring one configured file back to what it was at `to` (inclusive).

    It reads the repository and the working tree, changes neither, and is kept for ever. `path`
    is relative to the repository, or absolute inside it.

    Raises:
        UsageError: `to` lies in the future or before the history, or the records do not tell.
        NotFoundError: the path is not one that may be rolled back, or was never there.
        ConfigError: the configured repository cannot be used.
    """
    # Git is asked outside the transaction, which others wait for.
    plan, assumed = _make(desk, path, to)
    with desk.operation(
        "rollback.plan",
        f"config {shown_path(path)}",
        # Looking at what would happen is everyone's; only the look itself is on record.
        needs=Role.VIEWER,
        reason=reason or DRY_RUN,
    ) as operation:
        records.insert(operation.transaction, plan, assumed, made_by=desk.actor.name)
        operation.details["plan"] = plan.id
        operation.details["digest"] = plan.digest
    return plan


def plan_by_id(desk: Desk, plan_id: str) -> Plan:
    """A plan by its id or the beginning of it, as it was made, however old.

    Raises:
        NotFoundError: there is none, or more than one.
    """
    found = records.with_id(desk.state, plan_id.lower()) if plan_id else ()
    if len(found) != 1:
        what = "begins more than one plan's id" if found else "is no plan's id"
        raise NotFoundError(f"{plan_id!r} {what}; list them with: mechexo rollback history")
    return found[0]


def history(desk: Desk, *, limit: int = 50) -> tuple[Plan, ...]:
    """The newest plans, newest first."""
    return records.newest(desk.state, limit)


def changes(desk: Desk, *, start: datetime, end: datetime, limit: int = 100) -> tuple[Change, ...]:
    """The commits of the deployed line from `start` to `end` (both inclusive) that touched
    watched files: the configured ones and flow code. Newest first.

    Raises:
        ConfigError: the configured repository cannot be used.
    """
    watched = (*desk.settings.rollback.configs, *globs.FLOW_CODE)
    return suspects.commits(_repository(desk), watched, start=start, end=end, limit=limit)


def tracked_files(desk: Desk) -> tuple[str, ...]:
    """The files that the checked-out commit of the configured repository has; none before the
    first commit.

    Raises:
        ConfigError: the configured repository cannot be used.
        UnreachableError: git is not installed or cannot read it.
    """
    repository = _repository(desk)
    head = repository.head()
    return repository.paths(head.oid) if head else ()


def suspect(desk: Desk, *, at: datetime, hint: str = "") -> Suspect | None:
    """The change that a rollback would most likely undo: the newest of a configured file at or
    before `at`, 48 hours back. None when there is none.

    A `hint` that is a configured file comes first; one that did not change in those hours is
    looked for 30 days back when nothing else changed either.
    The time to go back to is one second before the change's commit time.

    Raises:
        ConfigError: no repository or no files are configured: nobody can tell what changed.
        UnreachableError: git is not installed or cannot read the repository.
    """
    repository, configs = _repository(desk), desk.settings.rollback.configs
    if not configs:
        raise ConfigError(
            "[rollback] configs is not set: no file may be rolled back, so none is suspected"
        )
    return suspects.find(repository, configs, at=at, hint=hint)


def _make(desk: Desk, path: str, to: datetime) -> tuple[Plan, dict[str, object]]:
    repository = _repository(desk)
    name = _inside(repository, path)
    glob = _may_roll_back(desk, repository, name)
    head = _head(repository)
    resolved = _resolve(desk, repository, head, to)
    facts = gather(repository, name, head=head, resolved=resolved, glob=glob)
    if facts.now is None and facts.then is None and not facts.obstacle and not facts.submodule:
        raise NotFoundError(
            f"{path} is not in the working tree, and was not there at "
            f"{in_zone(to, desk.zone)} either"
        )
    change, diff = planning.planned(facts)
    verdicts = planning.guards(facts)
    [note] = repository.notes([resolved.oid])
    assumed = planning.assumed(
        facts,
        verdicts,
        {
            "schema": "mechexo.rollback_assumed/1",
            "repository": str(repository.root),
            "head": head.oid,
            "ref": head.ref,
            "index_sha256": _index_digest(repository),
            "to": iso_z(to),
            "commit": resolved.oid,
            "source": resolved.source,
            "configs": list(desk.settings.rollback.configs),
        },
    )
    digest = hashlib.sha256(canonical(assumed).encode()).hexdigest()
    plan = Plan(
        id=secrets.token_hex(LONGEST_ID // 2),
        digest=digest,
        target=f"config {shown_path(name)}",
        to=to,
        commit=resolved.oid,
        commit_time=datetime.fromtimestamp(note.epoch_s, UTC),
        commit_subject=note.subject,
        source=resolved.source,
        changes=(change,) if change else (),
        guards=verdicts,
        diff=diff.text,
        made_at=desk.clock.now(),
    )
    return plan, assumed


def _repository(desk: Desk) -> Repository:
    configured = desk.settings.rollback.repository
    if not configured:
        raise ConfigError(
            f"{desk.config_path}: [rollback] repository is not set; name the git checkout that "
            "the desk runs from"
        )
    return Repository.open(desk.path(configured))


def _head(repository: Repository) -> Head:
    head = repository.head()
    if head is None:
        raise UsageError(f"{repository.root} has no commit yet; there is nothing to go back to")
    return head


def _resolve(desk: Desk, repository: Repository, head: Head, to: datetime) -> Resolved:
    reflog = repository.reflog(head.ref) if head.ref else ()
    # What git has cleared away since cannot be gone back to; then the log does not speak.
    at_or_before = [oid for oid, at in reflog if at <= to.timestamp()]
    if at_or_before and not repository.has_commit(at_or_before[-1]):
        reflog = ()
    chain, now = repository.chain(head.oid), desk.clock.now()
    try:
        return resolve(chain, reflog, to, now=now, shallow=repository.shallow)
    except UsageError as refusal:
        # A person reads it; what a plan keeps of such words is UTC, as every record.
        raise UsageError(stamps_in_zone(str(refusal), desk.zone)) from refusal


def _inside(repository: Repository, path: str) -> str:
    """The path relative to the repository, with `/` and without `.` and `..`."""
    text = path
    for root in (str(repository.root), str(repository.root.resolve())):
        text = text.removeprefix(root + "/")
    parts = [part for part in text.split("/") if part != "."]
    if not all(parts) or ".." in parts or "\0" in text or not parts:
        raise UsageError(f"{shown_path(path)!r} is no path of a file inside {repository.root}")
    return "/".join(parts)


def _may_roll_back(desk: Desk, repository: Repository, path: str) -> str:
    """The configured glob that allows a path."""
    shown = shown_path(path)
    rule = globs.denied(path)
    if rule:
        raise NotFoundError(f"{shown} is never rolled back (rule {rule}); use git itself")
    configs = desk.settings.rollback.configs
    glob = globs.matching(path, configs)
    if glob:
        return glob
    head = _head(repository)
    known = [each for each in repository.paths(head.oid) if globs.matching(each, configs)]
    close = difflib.get_close_matches(path, known, n=3, cutoff=0.5)
    hint = (
        f"did you mean {' or '.join(map(shown_path, close))}?"
        if close
        else f"[rollback] configs allows: {', '.join(configs) or 'nothing'}"
    )
    raise NotFoundError(f"{shown} is not a file that may be rolled back; {hint}")


def _index_digest(repository: Repository) -> str:
    try:
        return hashlib.sha256((repository.git_dir / "index").read_bytes()).hexdigest()
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise UnreachableError(
            f"{repository.git_dir / 'index'}: cannot be read: {error.strerror}"
        ) from error
