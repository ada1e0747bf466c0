"""The conditions under which a rollback may be carried out, each with its verdict. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta

from mechexo.rollback import globs
from mechexo.rollback.diffing import shown_path
from mechexo.rollback.planning import PathFacts, acting, action
from mechexo.rollback.validating import fault
from mechexo.rollback.values import Guard
from mechexo.rollback.worktree import LINK, leads_outside
from mechexo.times import format_duration
from mechexo.value_classes import dataclass

LFS_POINTER = b"version https://git-lfs.github.com/spec/v1\n"
LIMITS = ("files", "deletions", "bytes", "commits", "age", "flags")
OVERRIDES = (*LIMITS, "rate", "market hours", "local edits", "readable", "flags known")
"""The guards that a person can set aside by name."""
SECOND_PERSON = "second person"

_NAMED_AT_ONCE = 3


@dataclass(frozen=True, slots=True)
class Limits:
    """How large a rollback may be without an override."""

    files: int
    deletes: int
    bytes: int
    commits: int
    age: timedelta
    flags: int
    rate: int
    rate_window: timedelta


@dataclass(frozen=True, slots=True)
class World:
    """What the guards look at beside the paths."""

    in_progress: str
    detached: bool
    disagreement: str
    never: Sequence[str]
    """Configured globs of files that are never rolled back."""
    commits: int
    """On the deployed line since the commit that is gone back to."""
    age: timedelta
    flags: int
    """How many flags would be changed."""
    flag_conflicts: Sequence[str]
    applied_lately: int
    market_open: bool
    market_said: str
    """Why it counts as open or closed."""
    adds_risk: bool
    """Whether the plan does anything else than lower the risk."""
    on_hold: str
    """Why the commit may not be gone back to; empty when it may."""
    user_ids: tuple[int, Sequence[int]]
    """The acting uid and its groups."""
    live: bool
    later_changes: Sequence[str] = ()
    """Of an undo: the paths that were changed since, in words."""


def judged(
    facts: Sequence[PathFacts],
    world: World,
    limits: Limits,
    *,
    overrides: Iterable[str] = (),
) -> tuple[Guard, ...]:
    """Each guard with its verdict; one that is set aside by name says so and holds."""
    given = frozenset(overrides)
    verdicts = (*_of_paths(facts, world), *_of_repository(world), *_of_size(facts, world, limits))
    return tuple(
        Guard(each.name, True, f"set aside by --override: {each.detail}", overridden=True)
        if not each.ok and each.name in given and each.name in OVERRIDES
        else each
        for each in verdicts
    )


def _of_paths(facts: Sequence[PathFacts], world: World) -> tuple[Guard, ...]:
    doing = acting(facts)
    # A submodule or an odd entry shows as nothing to do; it must not pass as such.
    touched = [each for each in facts if each in doing or each.submodule or each.obstacle]
    denied = [
        f"{shown_path(each.path)} (rule {rule})"
        for each in touched
        if (rule := globs.denied(each.path) or globs.matching(each.path, world.never))
    ]
    uid, groups = world.user_ids
    foreign = [
        each
        for each in doing
        if uid != 0
        and each.now is not None
        and each.now.owner is not None
        and (each.now.owner[0] != uid or each.now.owner[1] not in groups)
    ]
    rules = ", ".join(dict.fromkeys(each.rule for each in facts if each.rule))
    edits = [f"{shown_path(each.path)}: {edit}" for each in doing if (edit := _local_edit(each))]
    blocked = [
        f"{shown_path(each.path)}: {why}" for each in touched if (why := _in_the_way(each, doing))
    ]
    unreadable = [
        f"{shown_path(each.path)}: {what}"
        for each in doing
        if each.then is not None
        and each.then.mode != LINK
        and (what := fault(each.path, each.then.data))
    ]
    out_of_tree = [each for each in doing if _leads_out(each)]
    elsewhere = [each for each in doing if _filtered(each)]
    return (
        Guard("configured file", True, f"the configuration names it: {rules or 'nothing'}"),
        _guard("deny list", not denied, "none of them is never rolled back", _listed(denied)),
        _guard("plain file", not blocked, "each is a file or nothing", _listed(blocked)),
        _guard(
            "not a submodule",
            not any(each.submodule for each in touched),
            "none is a submodule",
            f"{_paths(each for each in touched if each.submodule)}: the path is a submodule; roll "
            "back inside it",
        ),
        _guard(
            "stays inside",
            not out_of_tree,
            "nothing leads outside the repository",
            f"{_paths(out_of_tree)}: it was a link that leads out of the repository",
        ),
        _guard(
            "whole content in git",
            not elsewhere,
            "git itself holds the bytes",
            "; ".join(
                f"{shown_path(each.path)}: its bytes come from the filter "
                f"{each.filter_name or 'lfs'}, which was not run"
                for each in elsewhere[:_NAMED_AT_ONCE]
            ),
        ),
        _guard(
            "not sparse",
            not any(each.sparse for each in facts),
            "the checkout has all of them",
            f"{_paths(each for each in facts if each.sparse)}: the sparse checkout leaves it out",
        ),
        _guard(
            "own files",
            not foreign,
            "each belongs to the acting user",
            f"{_paths(foreign)}: it belongs to another user or group; run as its owner",
        ),
        _guard("readable", not unreadable, "each can be parsed", _listed(unreadable)),
        _guard("local edits", not edits, "nobody's edit would be overwritten", _listed(edits)),
    )


def _of_repository(world: World) -> tuple[Guard, ...]:
    return (
        _guard(
            "repository at rest",
            not world.in_progress,
            "no git operation is under way",
            f"{world.in_progress} is under way; finish or abort it first",
        ),
        _guard(
            "on a branch",
            not world.detached,
            "HEAD is on a branch",
            "HEAD is detached; go to the deployed branch with: git switch BRANCH",
        ),
        _guard(
            "records agree",
            not world.disagreement,
            "no record contradicts the commit",
            world.disagreement,
        ),
        _guard(
            "not on hold", not world.on_hold, "nothing of it was rolled back before", world.on_hold
        ),
        _guard(
            "no later change",
            not world.later_changes,
            "nothing was changed since",
            _listed(world.later_changes),
        ),
        _guard(
            "flags known",
            not world.flag_conflicts,
            "each flag is known, now and then",
            _listed(world.flag_conflicts),
        ),
    )


def _of_size(facts: Sequence[PathFacts], world: World, limits: Limits) -> tuple[Guard, ...]:
    doing = acting(facts)
    deletes = sum(each.then is None for each in doing)
    written = sum(len(each.then.data) for each in doing if each.then is not None)
    window = format_duration(limits.rate_window)
    return (
        _limit("files", len(doing), limits.files),
        _limit("deletions", deletes, limits.deletes),
        _limit("bytes", written, limits.bytes),
        _limit("commits", world.commits, limits.commits),
        _guard(
            "age",
            world.age <= limits.age or not (doing or world.flags),
            f"{format_duration(world.age)} back, of {format_duration(limits.age)} at most",
            f"{format_duration(world.age)} back, more than {format_duration(limits.age)}",
        ),
        _limit("flags", world.flags, limits.flags),
        _guard(
            "rate",
            world.applied_lately < limits.rate,
            f"{world.applied_lately} applied in the last {window}, at most {limits.rate}",
            f"{world.applied_lately} applied in the last {window} already; is the desk flapping?",
        ),
        _market(world),
        Guard(
            "reason",
            True,
            "the desk is live: apply needs --reason" if world.live else "a paper desk needs none",
        ),
    )


def _market(world: World) -> Guard:
    said = f"the market is {'open' if world.market_open else 'closed'}: {world.market_said}"
    if not world.market_open:
        return Guard("market hours", True, said)
    if not world.adds_risk:
        return Guard("market hours", True, f"it only lowers the risk; {said}")
    if not world.live:
        return Guard("market hours", True, f"a paper desk moves no money; {said}")
    return Guard("market hours", False, said)


def _local_edit(facts: PathFacts) -> str:
    """What somebody changed here without committing it, as far as the plan would lose it."""
    if facts.staged:
        return "a change of it is staged and not committed"
    if facts.now is None:
        return ""
    if facts.committed is None:
        return "the file is not in git; the plan would overwrite the only copy"
    if facts.now.data != facts.committed.data:
        return "the file was edited since the last commit; the plan would overwrite the edit"
    if facts.now.mode != facts.committed.mode:
        return "the file's mode was changed since the last commit"
    return ""


def _in_the_way(facts: PathFacts, doing: Sequence[PathFacts]) -> str:
    """What stands at a path, or on the way to it, that the plan does not itself take away."""
    if not facts.obstacle:
        return ""
    going = {each.path for each in doing if action(each.now, each.then) == "delete"}
    if facts.blocker:
        return "" if facts.blocker in going else facts.obstacle
    if facts.below:
        staying = [path for path in facts.below if path not in going and not path.endswith("/")]
        return f"{facts.obstacle}, with {_listed(map(shown_path, staying))}" if staying else ""
    return facts.obstacle


def _leads_out(facts: PathFacts) -> bool:
    then = facts.then
    return then is not None and then.mode == LINK and leads_outside(facts.path, then.data)


def _filtered(facts: PathFacts) -> bool:
    then = facts.then
    return bool(facts.filter_name) or (then is not None and then.data.startswith(LFS_POINTER))


def _limit(name: str, value: int, most: int) -> Guard:
    return _guard(name, value <= most, f"{value:,}, at most {most:,}", f"{value:,}, over {most:,}")


def _guard(name: str, ok: bool, well: str, otherwise: str) -> Guard:
    return Guard(name, ok, well if ok else otherwise)


def _paths(facts: Iterable[PathFacts]) -> str:
    return _listed(shown_path(each.path) for each in facts)


def _listed(words: Iterable[str]) -> str:
    """The first few, and how many more there are."""
    every = list(words)
    more = len(every) - _NAMED_AT_ONCE
    shown = "; ".join(every[:_NAMED_AT_ONCE])
    return f"{shown} and {more} more" if more > 0 else shown
