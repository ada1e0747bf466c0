"""Which commit was the deployed one at a moment. Pure.

Three records can tell, the best first: the deployment ledger (what mechexo was told), the reflog
(what git saw here), and the commit times along first parents. Author times and side branches name
commits that were never deployed. A record whose times go back across the moment does not tell; one
that speaks and is contradicted by another says so, and then only a commit that a person names will
do.

The moment is inclusive, to the second: what happened in that very second counts.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from typing import TYPE_CHECKING

from mechexo.errors import UsageError
from mechexo.value_classes import dataclass

if TYPE_CHECKING:
    from mechexo.rollback.ledger import Deployment

Chain = Sequence[tuple[str, int]]
"""(oid, epoch seconds) pairs."""

LEDGER, HOOK = "deployment ledger", "git hook"
REFLOG, COMMIT_TIMES = "reflog", "commit times"
NAMED = "commit that was named"
SHORTEST_NAME = 7
"""So many digits of a commit's id name it, when they name only one."""
SAME_EVENT_S = 60
"""Two records of one deployment are so far apart at most: a commit is made, then pulled, then
told to the ledger. Within this another record may name the one before or the one after."""

_NAME_THEM = "name the one you mean with --commit"


@dataclass(frozen=True, slots=True)
class Resolved:
    """The commit at a moment, which record said so, and what another record said against it."""

    oid: str
    source: str
    disagreement: str = ""


@dataclass(frozen=True, slots=True)
class _Answer:
    """What a record says of a moment: a commit, or why it cannot tell, or nothing as it does not
    reach back so far."""

    oid: str = ""
    since_s: int = 0
    near: frozenset[str] = frozenset()
    """What it says of the seconds around the moment."""
    cannot_tell: str = ""


def resolve(
    chain: Chain,
    reflog: Chain,
    to: datetime,
    *,
    now: datetime,
    shallow: bool,
    ledger: Sequence[Deployment] = (),
    given: str = "",
) -> Resolved:
    """The commit that was deployed at `to`.

    `chain` runs from HEAD back along first parents; `reflog` holds what the branch pointed at,
    oldest first, as far as those commits still exist; `ledger` holds the deployments of the working
    tree (and of the flow in question), by their number. `given` is a commit that a person named: it
    is taken, whatever the records say of the moment, when one of them knows it.

    A move of the checkout that the ledger was not told of is the reflog's to tell.

    Raises:
        UsageError: the moment lies in the future or before the history, the records do not tell
            one answer, or none of them knows the commit that was named.
    """
    if given:
        known = (*(oid for oid, _ in (*chain, *reflog)), *(each.oid for each in ledger))
        return Resolved(commit_named(given, frozenset(known)), NAMED)
    if to > now:
        raise UsageError(
            f"{_shown(to.timestamp())} lies in the future; now is {_shown(now.timestamp())}"
        )
    at_s, now_s = int(to.timestamp()), int(now.timestamp())
    told, hooked = _told(ledger, at_s, now_s)
    logged = _recorded(REFLOG, reflog, at_s, now_s)
    if told.cannot_tell:
        raise UsageError(f"{told.cannot_tell}; {_NAME_THEM}")
    # Git saw a later move of the checkout than the ledger was told of: by then only git knew.
    if not hooked.oid and logged.oid not in ("", told.oid) and logged.since_s > told.since_s:
        told = _Answer()
    speaking = LEDGER if told.oid else REFLOG if logged.oid else COMMIT_TIMES
    try:
        dated = _at_commit_times(chain, at_s, now, shallow)
    except UsageError as refusal:
        if speaking == COMMIT_TIMES:
            # Which records there are, and that none of them reaches back so far.
            begins = (
                f"the {LEDGER} begins at {_shown(ledger[0].at.timestamp())}; " if ledger else ""
            )
            raise UsageError(f"{begins}{refusal}") from refusal
        dated = _Answer(cannot_tell=str(refusal))
    answers = {LEDGER: told, HOOK: hooked, REFLOG: logged, COMMIT_TIMES: dated}
    oid = answers.pop(speaking).oid
    against = [said for name, each in answers.items() if (said := _contradicts(name, each, oid))]
    if not against:
        return Resolved(oid, speaking)
    return Resolved(
        oid, speaking, f"the {speaking} says {oid[:12]}, {', '.join(against)}; {_NAME_THEM}"
    )


def commit_named(text: str, known: Collection[str]) -> str:
    """The one of the known commits that a person named by its id or the beginning of it.

    Whatever else git would understand (a branch, `HEAD~2`, an option) names nothing here.

    Raises:
        UsageError: it is no such id, or names none of them, or several.
    """
    wanted = text.strip().lower()
    if not re.fullmatch(rf"[0-9a-f]{{{SHORTEST_NAME},64}}", wanted):
        raise UsageError(
            f"--commit {text!r} is no commit id; give {SHORTEST_NAME} or more of its digits, as "
            "git log --first-parent shows them"
        )
    found = sorted({oid for oid in known if oid.startswith(wanted)})
    if len(found) > 1:
        raise UsageError(
            f"--commit {wanted} begins {len(found)} commits: "
            f"{', '.join(oid[:16] for oid in found[:4])}; give more digits"
        )
    if not found:
        raise UsageError(
            f"--commit {wanted} was never deployed here: it is not on the first-parent line of "
            "HEAD, nor in the reflog, nor in the deployment ledger"
        )
    return found[0]


def _recorded(name: str, record: Chain, at_s: int, now_s: int) -> _Answer:
    """What a record in its own order, the oldest first, says of a moment."""
    by_then = [time <= at_s for _, time in record]
    if not any(by_then):
        return _Answer()
    last = by_then.count(True) - 1
    oid, since_s = record[last]
    times = [time for _, time in record]
    after = times[last + 1 :]
    # Where a clock was wrong, an entry happened somewhere between its neighbours: when the moment
    # lies there too, nobody can say which came first.
    if (
        not all(by_then[: last + 1])
        or max(times[: last + 1]) > since_s
        or (after and min(after) < after[0])
    ):
        odd = next(at for at, (one, next_one) in enumerate(pairwise(times)) if next_one < one)
        return _Answer(
            cannot_tell=f"the times of the {name} go back after {_shown(times[odd])}, so it does "
            "not tell what was deployed then"
        )
    future = [time for _, time in record if time > now_s]
    if future:
        return _Answer(
            cannot_tell=f"the {name} has an entry of {_shown(future[0])}, which is yet to come, so "
            "its times cannot be trusted"
        )
    earlier = [each for each, time in record if time <= at_s - SAME_EVENT_S][-1:]
    around = [each for each, time in record if abs(time - at_s) <= SAME_EVENT_S]
    return _Answer(oid, since_s, frozenset((oid, *earlier, *around)))


def _told(ledger: Sequence[Deployment], at_s: int, now_s: int) -> tuple[_Answer, _Answer]:
    """What the ledger says, and, when that is what somebody said a flow ran, what it knows of the
    checkout beside it: a checkout does not move what was deployed by hand."""
    rows = [(each, (each.oid, int(each.at.timestamp()))) for each in ledger]
    every = _recorded(LEDGER, [pair for _, pair in rows], at_s, now_s)
    said = [(each, pair) for each, pair in rows if each.how != "hook"]
    last = next((each for each, (_, time) in reversed(said) if time <= at_s), None)
    if every.cannot_tell or last is None or last.moved_checkout:
        return every, _Answer()
    return _recorded(LEDGER, [pair for _, pair in said], at_s, now_s), every


def _contradicts(name: str, answer: _Answer, oid: str) -> str:
    """What a record says against a commit, in words; empty when it says nothing against it."""
    if answer.cannot_tell:
        return f"but the {name} cannot confirm it ({answer.cannot_tell})"
    if not answer.oid or oid in answer.near:
        return ""
    says = "say" if name == COMMIT_TIMES else "says"
    return f"but the {name} {says} {answer.oid[:12]} (of {_shown(answer.since_s)})"


def _at_commit_times(chain: Chain, at_s: int, now: datetime, shallow: bool) -> _Answer:
    position = next((at for at, (_, time) in enumerate(chain) if time <= at_s), None)
    first_oid, first_s = chain[-1]
    if position is None:
        if shallow:
            raise UsageError(
                f"{_shown(at_s)} lies before the {_shown(first_s)} where this shallow clone "
                "is cut off; run: git fetch --unshallow"
            )
        raise UsageError(
            f"{_shown(at_s)} lies before the first commit ({first_oid[:12]}, "
            f"{_shown(first_s)}); give a later time with --to, or see what there is to go back to: "
            "mechexo changes --window 14d"
        )
    newer = chain[: position + 1]
    for (oid, time), (older_oid, older_time) in pairwise(newer):
        if time < older_time:
            raise UsageError(_skewed(oid, time, older_oid, older_time))
    if newer[0][1] > now.timestamp():
        raise UsageError(
            f"commit {newer[0][0][:12]} is dated in the future ({_shown(newer[0][1])}); "
            f"the commit times cannot be trusted; {_NAME_THEM}"
        )
    oid, time = chain[position]
    for older_oid, older_time in chain[position + 1 :]:
        # A commit cannot be older than what it builds on; one of the two clocks was wrong.
        if older_time > time:
            raise UsageError(_skewed(oid, time, older_oid, older_time))
    earlier = next((each for each, when in chain if when <= at_s - SAME_EVENT_S), oid)
    around = [each for each, when in chain if abs(when - at_s) <= SAME_EVENT_S]
    return _Answer(oid, time, frozenset((oid, earlier, *around)))


def _skewed(oid: str, time: int, older_oid: str, older_time: int) -> str:
    return (
        f"the commit times go back: {oid[:12]} ({_shown(time)}) follows {older_oid[:12]} "
        f"({_shown(older_time)}), so they do not tell what was deployed then; {_NAME_THEM}"
    )


def _shown(epoch_s: float) -> str:
    return f"{datetime.fromtimestamp(epoch_s, UTC):%Y-%m-%dT%H:%M:%SZ}"
