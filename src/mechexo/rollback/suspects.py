"""What happened to the deployed line: the commits that touched what is watched, and the moments at
which another commit was checked out."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

from mechexo.errors import UnreachableError
from mechexo.masking import masked
from mechexo.rollback import globs
from mechexo.rollback.diffing import shown_path
from mechexo.rollback.happenings import Happening, Kind, Remedy, Targets, Watch
from mechexo.rollback.values import Change
from mechexo.value_classes import dataclass

if TYPE_CHECKING:
    from mechexo.rollback.git import Repository
    from mechexo.rollback.git_values import CommitNote

JUST_BEFORE = timedelta(seconds=1)
"""To go back to: the moment of a change itself would include it."""
# More commits than this in a window are read from the newest on.
MOST_COMMITS = 5000
# So many commits in a row before the window mean that it has been left.
_SURELY_PAST = 100
_MADE_HERE_WITHIN_S = 60
"""A commit that was checked out so soon after it was made is one event, not two."""
_AUTHORS_LOOKED_AT = 200
_ENOUGH_COMMITS = 30
"""With fewer nobody can be said to commit seldom."""
_SELDOM = 2


@dataclass(frozen=True, slots=True)
class Touching:
    """A commit of the deployed line that touched watched files."""

    note: CommitNote
    parent: str | None
    paths: tuple[str, ...]
    """The watched files, as git calls them."""
    size: int
    """How many files it touched in all."""

    @property
    def at(self) -> datetime:
        """When it was committed."""
        return datetime.fromtimestamp(self.note.epoch_s, UTC)

    @property
    def change(self) -> Change:
        """As it is told."""
        note = self.note
        shown = tuple(map(shown_path, self.paths))
        return Change(note.oid, self.at, note.author, note.subject, shown)


@dataclass(frozen=True, slots=True)
class Move:
    """A moment at which another commit became the deployed one."""

    at: datetime
    oid: str
    before: str | None
    """The one that was deployed until then; None when that is not known."""
    how: str
    """Who says so, in words."""
    who: str = ""
    flow: str = ""
    """The flow that was deployed; empty when all of the checkout was."""


def touching(
    repository: Repository, watched: Sequence[str], *, start: datetime, end: datetime
) -> tuple[Touching, ...]:
    """The commits of the deployed line from `start` to `end` that touched watched files, newest
    first."""
    head = repository.head()
    if head is None:
        return ()
    chain = _recent_chain(repository, head.oid, start)
    first_s, last_s = start.timestamp(), end.timestamp()
    within = [
        (oid, chain[at + 1][0] if at + 1 < len(chain) else None)
        for at, (oid, epoch_s) in enumerate(chain)
        if first_s <= epoch_s <= last_s
    ][:MOST_COMMITS]
    touched, parents = repository.touched(within), dict(within)
    relevant = {
        oid: tuple(path for path in paths if globs.matching(path, watched))
        for oid, paths in touched.items()
    }
    wanted = [oid for oid, _ in within if relevant[oid]]
    notes = sorted(repository.notes(wanted), key=lambda note: -note.epoch_s)
    return tuple(
        Touching(note, parents[note.oid], relevant[note.oid], len(touched[note.oid]))
        for note in notes
    )


def _recent_chain(repository: Repository, oid: str, start: datetime) -> tuple[tuple[str, int], ...]:
    """The deployed line back to `start` and somewhat further: one commit with a wrong date does
    not end it, and a long history need not be walked for a few hours."""
    longest = 1000
    while True:
        chain = repository.chain(oid, longest=longest)
        past = chain[-_SURELY_PAST:]
        if len(chain) < longest or all(epoch_s < start.timestamp() for _, epoch_s in past):
            return chain
        longest *= 8


def seldom_here(repository: Repository, authors: Iterable[str]) -> dict[str, str]:
    """Of these authors those who seldom commit here, with the words for it."""
    wanted, head = set(authors), repository.head()
    if head is None or not wanted:
        return {}
    recent = repository.chain(head.oid, longest=_AUTHORS_LOOKED_AT)
    counted = Counter(note.author for note in repository.notes(oid for oid, _ in recent))
    if len(recent) < _ENOUGH_COMMITS:
        return {}
    return {
        name: f"{shown_words(name)} seldom commits here ({counted[name]} of {len(recent)})"
        for name in wanted
        if counted[name] <= _SELDOM
    }


def as_happenings(
    repository: Repository, found: Sequence[Touching], targets: Targets, watch: Watch
) -> Iterator[Happening]:
    """The commits as things that happened."""
    seldom = seldom_here(repository, {each.note.author for each in found})
    for each in found:
        remedy = targets.remedy(each.paths, each.at - JUST_BEFORE, watch)
        yield Happening(
            key=f"commit:{each.note.oid}",
            kind=Kind.COMMIT,
            at=each.at,
            what=shown_words(each.note.subject) or f"commit {each.note.oid[:12]}",
            who=shown_words(each.note.author),
            paths=each.paths,
            flows=targets.flows_of(each.paths),
            size=each.size,
            seldom=seldom.get(each.note.author, ""),
            commit=each.note.oid,
            remedy=remedy,
            no_remedy=_why_none(remedy),
        )


def checkouts(repository: Repository, *, start: datetime, end: datetime) -> tuple[Move, ...]:
    """When another commit was checked out from `start` to `end`, by the branch's own log, newest
    first.

    Raises:
        UnreachableError: the log cannot be read, or its times go back.
    """
    head = repository.head()
    log = repository.reflog(head.ref) if head is not None and head.ref else ()
    for (_, earlier), (oid, later) in pairwise(log):
        if later < earlier:
            raise UnreachableError(
                f"the times of the branch's log go back at {oid[:12]}: a clock was wrong"
            )
    found = [
        Move(datetime.fromtimestamp(at, UTC), oid, before, "reflog")
        for (before, _), (oid, at) in pairwise(log)
        if before != oid and start.timestamp() <= at <= end.timestamp()
    ]
    return tuple(reversed(found))


def brought_from_elsewhere(moves: Iterable[Move], made: Iterable[Touching]) -> tuple[Move, ...]:
    """The moves without those that only put a commit in place as it was made: they are that
    commit's, and not told twice."""
    own = {(each.note.oid, each.parent): each.note.epoch_s for each in made}

    def made_here(move: Move) -> bool:
        made_s = own.get((move.oid, move.before))
        at_s = move.at.timestamp()
        return made_s is not None and abs(at_s - made_s) <= _MADE_HERE_WITHIN_S

    return tuple(move for move in moves if not made_here(move))


def deployments(
    repository: Repository, moves: Iterable[Move], targets: Targets, watch: Watch
) -> Iterator[Happening]:
    """The moves that brought something to what is watched."""
    for move in moves:
        every = _brought(repository, move)
        paths = tuple(path for path in every or () if globs.matching(path, targets.watched))
        if every is not None and not paths and not move.flow:
            continue
        to = move.at - JUST_BEFORE
        remedy = targets.remedy(paths, to, watch)
        if move.flow in targets.flows:
            mine = sum(bool(globs.matching(path, targets.flows[move.flow])) for path in paths)
            remedy = Remedy("flow", move.flow, to, covers=mine)
        yield Happening(
            key=f"deployment:{move.at.timestamp():.6f}:{move.oid}:{move.flow}",
            kind=Kind.DEPLOYMENT,
            at=move.at,
            what=_told(move, lost=every is None),
            who=shown_words(move.who),
            paths=paths,
            flows=(move.flow,) if move.flow else targets.flows_of(paths),
            size=None if every is None else len(every),
            commit=move.oid,
            remedy=remedy,
            no_remedy=_why_none(remedy),
        )


def _brought(repository: Repository, move: Move) -> tuple[str, ...] | None:
    """The files that a move changed; None when that is not known (any more)."""
    if move.before is None or not all(map(repository.has_commit, (move.oid, move.before))):
        return None
    return repository.touched([(move.oid, move.before)])[move.oid]


def _told(move: Move, *, lost: bool) -> str:
    what = f"{move.flow or 'checkout'} at {move.oid[:12]}"
    if move.before is None:
        return f"{what}, the first on record ({move.how})"
    what = f"{what}, before {move.before[:12]} ({move.how})"
    return f"{what}; git no longer knows what that changed" if lost else what


def _why_none(remedy: Remedy | None) -> str:
    if remedy is not None:
        return ""
    return "none of its files is in [rollback] configs or of a flow in [rollback.flows]"


def shown_words(text: str) -> str:
    """Words that somebody wrote, as they may be shown: one line, nothing that steers a terminal,
    secrets masked."""
    safe = os.fsencode(text).decode("utf-8", "backslashreplace")
    line = "".join(each if each.isprintable() else " " for each in safe)
    return " ".join(masked([line])[0].split())
