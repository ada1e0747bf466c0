"""Which commits touched what is watched, and which of them is the likeliest cause."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from mechexo.rollback import globs
from mechexo.rollback.diffing import shown_path
from mechexo.rollback.values import Change, Suspect
from mechexo.times import format_duration

if TYPE_CHECKING:
    from mechexo.rollback.git import Repository

LOOK_BACK = timedelta(hours=48)
HINT_LOOK_BACK = timedelta(days=30)
# More commits than this in a window are read from the newest on.
_MOST_COMMITS = 5000
# So many commits in a row before the window mean that it has been left.
_SURELY_PAST = 100


def commits(
    repository: Repository,
    watched: Sequence[str],
    *,
    start: datetime,
    end: datetime,
    limit: int,
) -> tuple[Change, ...]:
    """The commits of the deployed line from `start` to `end` that touched watched files, newest
    first; `paths` holds those files only."""
    head = repository.head()
    if head is None:
        return ()
    chain = _recent_chain(repository, head.oid, start)
    first_s, last_s = start.timestamp(), end.timestamp()
    within = [
        (oid, chain[at + 1][0] if at + 1 < len(chain) else None)
        for at, (oid, epoch_s) in enumerate(chain)
        if first_s <= epoch_s <= last_s
    ][:_MOST_COMMITS]
    touched = repository.touched(within)
    relevant = {
        oid: tuple(shown_path(path) for path in paths if globs.matching(path, watched))
        for oid, paths in touched.items()
    }
    wanted = [oid for oid, _ in within if relevant[oid]]
    notes = sorted(repository.notes(wanted), key=lambda note: -note.epoch_s)
    return tuple(
        Change(
            commit=note.oid,
            at=datetime.fromtimestamp(note.epoch_s, UTC),
            author=note.author,
            subject=note.subject,
            paths=relevant[note.oid],
        )
        for note in notes[:limit]
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


def find(
    repository: Repository, configs: Sequence[str], *, at: datetime, hint: str
) -> Suspect | None:
    """The newest change of a configured file before `at`; the hinted file's comes first."""
    hinted = hint if globs.matching(hint, configs) and not globs.denied(hint) else ""
    recent = commits(repository, configs, start=at - LOOK_BACK, end=at, limit=_MOST_COMMITS)
    candidates = [
        (change, [path for path in change.paths if not globs.denied(path)]) for change in recent
    ]
    for change, paths in candidates:
        if hinted in paths:
            return _suspect(hinted, change, at, "the alert names it as its suspect")
    for change, paths in candidates:
        if paths:
            return _suspect(paths[0], change, at, "the newest change of a configured file")
    if hinted:
        # A glob would take the name's own brackets and stars for patterns.
        older = commits(repository, configs, start=at - HINT_LOOK_BACK, end=at, limit=_MOST_COMMITS)
        for change in older:
            if hinted in change.paths:
                return _suspect(hinted, change, at, "the alert names it as its suspect")
    return None


def _suspect(path: str, change: Change, at: datetime, because: str) -> Suspect:
    why = f"{because}; changed {format_duration(at - change.at)} before"
    # One second before the commit: the moment itself would include it.
    return Suspect(path=path, change=change, to=change.at - timedelta(seconds=1), why=why)
