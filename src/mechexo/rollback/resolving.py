"""Which commit was the deployed one at a moment. Pure.

The moment is inclusive: a commit made in that very second counts. Only commit times along first
parents are used: author times and side branches name commits that were never deployed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise

from mechexo.errors import UsageError

Chain = Sequence[tuple[str, int]]
"""(oid, epoch seconds) pairs."""


@dataclass(frozen=True, slots=True)
class Resolved:
    """The commit at a moment, which record said so, and what another record said against it."""

    oid: str
    source: str
    disagreement: str = ""


def resolve(chain: Chain, reflog: Chain, to: datetime, *, now: datetime, shallow: bool) -> Resolved:
    """The commit that was deployed at `to`.

    `chain` runs from HEAD back along first parents; `reflog` holds what the branch pointed at,
    oldest first, as far as those commits still exist. The reflog speaks when it reaches back to
    `to` and its own times never go back: it saw what really was deployed, also through a merge
    that rewrote the line. Otherwise the commit times speak.

    Raises:
        UsageError: the moment lies in the future or before the history, or the commit times do
            not tell one answer.
    """
    if to > now:
        raise UsageError(
            f"{_shown(to.timestamp())} lies in the future; now is {_shown(now.timestamp())}"
        )
    epoch_s = int(to.timestamp())
    logged = _at_reflog(reflog, epoch_s)
    if logged is None:
        return Resolved(_at_commit_times(chain, epoch_s, now, shallow), "commit times")
    try:
        dated = _at_commit_times(chain, epoch_s, now, shallow)
    except UsageError as refusal:
        return Resolved(logged, "reflog", f"the commit times cannot confirm it: {refusal}")
    if dated == logged:
        return Resolved(logged, "reflog")
    return Resolved(
        logged, "reflog", f"the reflog says {logged[:12]}, the commit times say {dated[:12]}"
    )


def _at_reflog(reflog: Chain, epoch_s: int) -> str | None:
    times = [at for _, at in reflog]
    if not times or times[0] > epoch_s or times != sorted(times):
        return None
    return [oid for oid, at in reflog if at <= epoch_s][-1]


def _at_commit_times(chain: Chain, epoch_s: int, now: datetime, shallow: bool) -> str:
    position = next((at for at, (_, time) in enumerate(chain) if time <= epoch_s), None)
    first_oid, first_s = chain[-1]
    if position is None:
        if shallow:
            raise UsageError(
                f"{_shown(epoch_s)} lies before the {_shown(first_s)} where this shallow clone "
                "is cut off; run: git fetch --unshallow"
            )
        raise UsageError(
            f"{_shown(epoch_s)} lies before the first commit ({first_oid[:12]}, "
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
            "the commit times cannot be trusted"
        )
    oid, time = chain[position]
    for older_oid, older_time in chain[position + 1 :]:
        # A commit cannot be older than what it builds on; one of the two clocks was wrong.
        if older_time > time:
            raise UsageError(_skewed(oid, time, older_oid, older_time))
    return oid


def _skewed(oid: str, time: int, older_oid: str, older_time: int) -> str:
    return (
        f"the commit times go back: {oid[:12]} ({_shown(time)}) follows {older_oid[:12]} "
        f"({_shown(older_time)}), so they do not tell what was deployed then"
    )


def _shown(epoch_s: float) -> str:
    return f"{datetime.fromtimestamp(epoch_s, UTC):%Y-%m-%dT%H:%M:%SZ}"
