"""What happened to flows, configuration and flags: everything of it that this wing can see."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from mechexo.errors import ConfigError, MechexoError
from mechexo.rollback import globs, suspects
from mechexo.rollback.edits import SOURCE as EDITS
from mechexo.rollback.edits import local_edits
from mechexo.rollback.flag_rows import SOURCE as FLAGS
from mechexo.rollback.flag_rows import flag_events
from mechexo.rollback.happenings import Gap, Happening, Targets, Watch
from mechexo.rollback.making import repository_of
from mechexo.rollback.moves import moves_of
from mechexo.rollback.ranking import Suspect, rank
from mechexo.value_classes import dataclass

if TYPE_CHECKING:
    from mechexo.desk import Desk
    from mechexo.rollback.git import Repository
    from mechexo.rollback.values import Change

__all__ = ["Happened", "happened", "moves_of", "named_long_ago", "suspect", "targets_of"]

LOOK_BACK = timedelta(hours=48)
"""Suspects are looked for so long before an alert, however short a time is shown."""
NAMED_LOOK_BACK = timedelta(days=30)
"""And so long for what the alert names, when nothing else that can be taken back changed."""
MOST_MOVES = 20
"""So many deployments are compared with what was there before; each asks git."""

COMMITS, DEPLOYMENTS = "commits", "deployments"


@dataclass(frozen=True, slots=True)
class Happened:
    """What happened, in no order, and what is not known."""

    happenings: tuple[Happening, ...]
    gaps: tuple[Gap, ...] = ()
    commits: tuple[Change, ...] = ()
    """The commits among them, as they were told of before there was anything else; newest first."""


@dataclass(slots=True)
class _Gathering:
    happenings: list[Happening] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)

    def ask(self, source: str, read: Callable[[], Sequence[Happening]]) -> None:
        try:
            self.happenings += read()
        except MechexoError as error:
            self.gaps.append(Gap.of(source, error))


def targets_of(desk: Desk) -> Targets:
    """What of the desk's repository can be rolled back, and as what."""
    settings = desk.settings.rollback
    return Targets(
        settings.configs,
        settings.never,
        {name: flow.paths for name, flow in settings.flows.items()},
        {name: flow.flags for name, flow in settings.flows.items()},
    )


def happened(desk: Desk, watch: Watch, *, start: datetime, end: datetime) -> Happened:
    """The commits, deployments and flag changes from `start` to `end`, and all edits that git does
    not know: those are in force. What cannot be read is a gap."""
    found = _Gathering()
    commits: tuple[Change, ...] = ()
    try:
        repository = repository_of(desk)
        made = _of_git(desk, repository, watch, found, start, end)
        commits = tuple(each.change for each in made)
    except MechexoError as error:
        found.gaps.append(Gap.of(f"{COMMITS} and {EDITS}", error))

    def flags() -> Sequence[Happening]:
        happenings, gaps = flag_events(desk, targets_of(desk), start=start, end=end)
        found.gaps += gaps
        return happenings

    found.ask(FLAGS, flags)
    return Happened(tuple(found.happenings), tuple(found.gaps), commits)


def suspect(desk: Desk, watch: Watch) -> tuple[Suspect | None, tuple[Gap, ...]]:
    """The likeliest cause of an alert among what a rollback can take back, and what could not be
    read while it was looked for; None when nothing changed that can be taken back.

    The same one stands first in every longer list of suspects, as far as that can be taken back.

    Raises:
        ConfigError: no files and no flags are configured: nothing may be rolled back.
        MechexoError: nothing is suspected, and a source could not be read: nobody can tell.
    """
    found = happened(desk, watch, start=watch.at - LOOK_BACK, end=watch.at)
    first = first_with_remedy(rank(found.happenings, watch))
    if first is None:
        first = first_with_remedy(rank(named_long_ago(desk, watch), watch))
    if first is not None:
        return first, tuple(gap for gap in found.gaps if gap.unknown)
    for gap in found.gaps:
        if gap.error is not None:
            raise gap.error
    settings = desk.settings.rollback
    if not (settings.configs or settings.flows or settings.flags.database):
        raise ConfigError(
            "[rollback] configs is not set, nor are flows or flags: nothing may be rolled back, so "
            "nothing is suspected"
        )
    return None, ()


def named_long_ago(desk: Desk, watch: Watch) -> tuple[Happening, ...]:
    """The commits of the last `NAMED_LOOK_BACK` before an alert that touched what it names, or its
    flows; so long ago only the time tells them apart."""
    targets = targets_of(desk)
    wanted = [glob for flow in watch.flows for glob in targets.flows.get(flow, ())]
    if not watch.files and not wanted:
        return ()
    repository = repository_of(desk)
    found = [
        each
        for each in suspects.touching(
            repository, targets.watched, start=watch.at - NAMED_LOOK_BACK, end=watch.at
        )
        if any(path in watch.files or globs.matching(path, wanted) for path in each.paths)
    ]
    happenings = suspects.as_happenings(repository, found, targets, watch)
    return tuple(replace(each, size=None, seldom="") for each in happenings)


def first_with_remedy(ranked: Sequence[Suspect]) -> Suspect | None:
    """The first suspect that a rollback can take back."""
    return next((each for each in ranked if each.happening.remedy is not None), None)


def _of_git(
    desk: Desk,
    repository: Repository,
    watch: Watch,
    found: _Gathering,
    start: datetime,
    end: datetime,
) -> tuple[suspects.Touching, ...]:
    targets = targets_of(desk)
    made: tuple[suspects.Touching, ...] = ()

    def commits() -> Sequence[Happening]:
        nonlocal made
        made = suspects.touching(repository, targets.watched, start=start, end=end)
        return tuple(suspects.as_happenings(repository, made, targets, watch))

    def deployed() -> Sequence[Happening]:
        every = moves_of(desk, repository, start=start, end=end)
        moves = suspects.brought_from_elsewhere(every, made)
        after = [each for each in moves if each.at > watch.at][-MOST_MOVES:]
        before = [each for each in moves if each.at <= watch.at][:MOST_MOVES]
        if more := len(moves) - len(after) - len(before):
            found.gaps.append(Gap(DEPLOYMENTS, f"{more} more are not listed"))
        return tuple(suspects.deployments(repository, [*after, *before], targets, watch))

    def edited() -> Sequence[Happening]:
        happenings, gaps = local_edits(repository, targets, watch)
        found.gaps += gaps
        return happenings

    found.ask(COMMITS, commits)
    found.ask(DEPLOYMENTS, deployed)
    found.ask(EDITS, edited)
    return made
