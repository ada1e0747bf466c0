"""What can be gone back to: each target with the states it was in, for a person to choose from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from mechexo.errors import MechexoError
from mechexo.rollback import globs, happened, suspects
from mechexo.rollback.diffing import shown_path
from mechexo.rollback.flags.store import open_store
from mechexo.rollback.happenings import Gap, Targets
from mechexo.rollback.making import repository_of
from mechexo.rollback.suspects import JUST_BEFORE, Move, Touching, shown_words
from mechexo.value_classes import dataclass

if TYPE_CHECKING:
    from mechexo.desk import Desk
    from mechexo.rollback.flags.values import FlagEvent, Scalar
    from mechexo.rollback.git import Repository

COMMITS, DEPLOYMENTS, FLAGS = "commits", "deployments", "flags"
MOST_EVENTS = 500
"""So many changes of flags are told of; a flag that flaps has more."""
ALL_FLAGS = ""
"""The name of the target that is all flags together."""


@dataclass(frozen=True, slots=True)
class Moment:
    """A state that a target was in."""

    since: datetime | None
    """When it began; None for the state before all that is told of."""
    to: datetime | None
    """The moment to go back to: the last one of that state, so that nothing which came before the
    next change is taken back with it. None is now, of the state of now."""
    what: str
    """What made the state, in words; secrets masked."""
    who: str = ""
    commit: str = ""
    """The commit that made it; empty when no single one did."""
    paths: tuple[str, ...] = ()
    """The files of the target that it touched, as they can be shown."""
    how: str = "commit"
    """Which record tells of it: commit, reflog, ledger, how a flag was changed; `before` for what
    was before all others."""
    last_commit: str = ""
    """The commit that was the deployed one at `to`, as far as git's own order tells."""


@dataclass(frozen=True, slots=True)
class Target:
    """Something that can be rolled back, with its states, the newest (that of now) first."""

    kind: str
    """flow, config or flags."""
    name: str
    moments: tuple[Moment, ...] = ()

    @property
    def key(self) -> str:
        """What it is, among all others."""
        return f"{self.kind}:{self.name}"

    @property
    def changed_at(self) -> datetime | None:
        """When it was last changed; None when that is longer ago than was looked."""
        return self.moments[0].since if self.moments else None


@dataclass(frozen=True, slots=True)
class _Event:
    """What began a state."""

    at: datetime
    what: str
    who: str
    commit: str
    before: str | None
    """The commit before it; None when there is none, or it is not known."""
    paths: tuple[str, ...] = ()
    how: str = "commit"


@dataclass(frozen=True, slots=True)
class Choices:
    """All targets, the one that was changed last first, and what could not be read."""

    targets: tuple[Target, ...]
    since: datetime
    """The states are told as far back as this."""
    gaps: tuple[Gap, ...] = ()


def choices(desk: Desk) -> Choices:
    """What the configuration lets one roll back, each with its states as far back as
    `[rollback.limits] age` reaches. A source that cannot be read is a gap; its targets stay."""
    settings = desk.settings.rollback
    now = desk.clock.now()
    since = now - settings.limits.age
    targets = happened.targets_of(desk)
    gaps: list[Gap] = []
    made: tuple[Touching, ...] = ()
    moves: tuple[Move, ...] = ()
    present: tuple[str, ...] = ()
    if settings.repository or targets.configs or targets.flows:
        try:
            repository = repository_of(desk)
            made = suspects.touching(repository, targets.watched, start=since, end=now)
            present = _present(repository)
            moves = happened.moves_of(desk, repository, start=since, end=now)
        except MechexoError as error:
            gaps.append(Gap.of(f"{COMMITS} and {DEPLOYMENTS}", error))
    found = [
        Target("flow", name, states(globs_of, made, moves, flow=name))
        for name, globs_of in targets.flows.items()
    ]
    found += [
        Target("config", path, states((), made, moves, path=path))
        for path in configured(targets, present, made)
    ]
    if settings.flags.database:
        found += _flags(desk, since, gaps)
    return Choices(in_order(found), since, tuple(gaps))


def _flags(desk: Desk, since: datetime, gaps: list[Gap]) -> list[Target]:
    """All flags together and each by itself. Where they cannot be read, those that the
    configuration names."""
    names: Iterable[str] = desk.settings.rollback.flags.safer
    events: tuple[FlagEvent, ...] = ()
    try:
        store = open_store(desk)
        names = {each.key for each in store.read()}
        events = store.history("", MOST_EVENTS, start=since)
    except MechexoError as error:
        gaps.append(Gap.of(FLAGS, error))
    return [
        Target("flags", name, flag_states(name, events)) for name in (ALL_FLAGS, *sorted(names))
    ]


def flag_states(name: str, events: Sequence[FlagEvent]) -> tuple[Moment, ...]:
    """The states of a flag, or of all together, by its history (newest first)."""
    mine = [each for each in events if each.key and name in (ALL_FLAGS, each.key)]
    found = [
        _Event(
            each.at,
            shown_words(f"{each.key}: {value_words(each.old)} -> {value_words(each.new)}"),
            shown_words(each.actor),
            "",
            None,
            how=each.how,
        )
        for each in mine
    ]
    return _moments(found)


def value_words(value: Scalar) -> str:
    """A flag's value in words."""
    return "nothing" if value is None else str(value)


def _present(repository: Repository) -> tuple[str, ...]:
    head = repository.head()
    return repository.paths(head.oid) if head else ()


def configured(
    targets: Targets, present: Sequence[str], made: Sequence[Touching]
) -> tuple[str, ...]:
    """The files that may be rolled back one by one: those that are there, and those that went."""
    gone = (path for each in made for path in each.paths)
    known = dict.fromkeys((*present, *gone))
    return tuple(sorted(path for path in known if targets.takes_back(path)))


def states(
    mine: Sequence[str],
    made: Sequence[Touching],
    moves: Sequence[Move],
    *,
    path: str = "",
    flow: str = "",
) -> tuple[Moment, ...]:
    """The states of a target, newest first: after each commit that touched it (`mine` are the globs
    of its files, or it is one `path`), after each deployment, and before all of them."""

    def of_target(paths: Sequence[str]) -> tuple[str, ...]:
        return tuple(
            shown_path(each) for each in paths if each == path or globs.matching(each, mine)
        )

    events = [
        _Event(
            each.at,
            shown_words(each.note.subject) or f"commit {each.note.oid[:12]}",
            shown_words(each.note.author),
            each.note.oid,
            each.parent,
            touched,
        )
        for each in made
        if (touched := of_target(each.paths))
    ]
    if not events:
        return ()
    events += [
        _Event(
            each.at,
            f"{each.flow or 'checkout'} at {each.oid[:12]}",
            shown_words(each.who),
            each.oid,
            each.before,
            how=each.how,
        )
        for each in suspects.brought_from_elsewhere(moves, made)
        if each.flow in ("", flow)
    ]
    events.sort(key=lambda each: each.at, reverse=True)
    found = _moments(events)
    first = events[-1]
    if first.how == "commit" and first.before is not None:
        to = first.at - JUST_BEFORE
        what = f"before: {first.what}"
        found += (Moment(None, to, what, how="before", last_commit=first.before),)
    return found


def _moments(events: Sequence[_Event]) -> tuple[Moment, ...]:
    """The state after each event, newest first; it lasted until the next one."""
    return tuple(
        Moment(
            each.at,
            max(each.at, later.at - JUST_BEFORE) if later else None,
            each.what,
            each.who,
            each.commit,
            each.paths,
            each.how,
            (later.before or "") if later else "",
        )
        for later, each in zip((None, *events), events, strict=False)
    )


def in_order(found: Sequence[Target]) -> tuple[Target, ...]:
    """The target that was changed last first; those that were not, by kind and name, at the end."""
    kinds: Mapping[str, int] = {"flow": 0, "config": 1, "flags": 2}

    def place(each: Target) -> tuple[float, int, str]:
        changed = each.changed_at
        return (-changed.timestamp() if changed else 0.0, kinds[each.kind], each.name)

    return tuple(sorted(found, key=place))
