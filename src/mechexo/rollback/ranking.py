"""Which of the things that happened is the likeliest cause of an alert. Pure.

Each suspect's score is the sum of its reasons, and each reason is words that a person can check:
what it touches, how long before, how large, by whom. No happening's score depends on the others,
so the same one stands first in whatever list it is looked for.

What the alert itself names as its suspect comes before everything else, whatever else speaks for
the others: somebody who knows the desk wrote it down.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import timedelta

from mechexo.rollback.happenings import Happening, Kind, Watch
from mechexo.times import format_duration
from mechexo.value_classes import dataclass

NAMED = 150
"""For the file that the alert names; more than all the other reasons together."""
ABOUT = 60
"""For what the alert is about: a file of its flow, its flag."""
SAME_FLOW = 30
"""For trouble of the same flow: as likely a sign of the same cause as the cause."""
ALIKE = 15
"""For a word, or a card, that the alert has too."""
WATCHED = 5
"""For any other watched file or flag."""
CLOSEST = 40
"""For what happened in the very second before."""
HALF_AFTER = timedelta(minutes=30)
"""So long before the alert half of `CLOSEST` is left."""
WRITTEN_AGAIN_WITHIN = timedelta(hours=6)
"""So long after the alert the last writing of a file need not be its first."""
UNREVIEWED = 10
"""For an edit that git does not know: nobody looked at it."""
MORE_RISK = 10
"""For a flag that was set to more risk."""
SELDOM = 5
LARGE, LARGE_FILES = 8, 10
MIDDLING, MIDDLING_FILES = 4, 3

_SHARE_PCT = {Kind.FLOW_FAILURE: 50, Kind.ALERT: 50, Kind.ON_CALL: 10}
"""How much closeness counts for what is no change of the desk: it is seldom the cause."""
_ORDER = {kind: number for number, kind in enumerate(Kind)}
_WORD = re.compile(r"[a-z]{4,}")
_COMMON = frozenset(
    {
        *("alert", "alerts", "config", "configs", "configuration", "critical", "data", "desk"),
        *("failed", "failure", "fixed", "flow", "flows", "from", "high", "into", "main", "medium"),
        *("merge", "more", "overdue", "prod", "production", "running", "setting", "settings"),
        *("state", "status", "test", "that", "this", "toml", "trading", "update", "updated"),
        *("warning", "with", "yaml", "json"),
    }
)
"""Words that say nothing of what something is about."""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why something is suspected: points, and words a person can check."""

    points: int
    why: str


@dataclass(frozen=True, slots=True)
class Suspect:
    """A happening with its place among the suspects."""

    rank: int
    """1 is the likeliest."""
    happening: Happening
    reasons: tuple[Reason, ...]
    """What it touches, how long before, and what else; never empty."""

    @property
    def score(self) -> int:
        """The sum of its reasons."""
        return sum(reason.points for reason in self.reasons)

    @property
    def why(self) -> str:
        """All reasons in one line."""
        return ", ".join(reason.why for reason in self.reasons)


def rank(happenings: Iterable[Happening], watch: Watch) -> tuple[Suspect, ...]:
    """The suspects, likeliest first. What came after the alert is none, nor is what only says the
    alert in another way, nor what nothing speaks for.

    Of equals the later one comes first; the order of `happenings` does not matter.
    """
    every = [(each, reasons(each, watch)) for each in happenings if suspected(each, watch)]
    found = [pair for pair in every if any(reason.points for reason in pair[1])]
    found.sort(
        key=lambda pair: (
            -sum(reason.points for reason in pair[1]),
            -pair[0].at.timestamp(),
            _ORDER[pair[0].kind],
            pair[0].key,
        )
    )
    return tuple(Suspect(number, each, why) for number, (each, why) in enumerate(found, 1))


def suspected(each: Happening, watch: Watch) -> bool:
    """Whether something can have been the cause. A file that was written again soon after the
    alert may have been edited before it too; alerts of one look did not cause each other."""
    if each.key in watch.own:
        return False
    if each.kind is Kind.ALERT:
        return each.at < watch.at
    return each.at <= watch.at + (WRITTEN_AGAIN_WITHIN if each.kind is Kind.EDIT else timedelta(0))


def reasons(each: Happening, watch: Watch) -> tuple[Reason, ...]:
    """What speaks for a suspect: what it touches, how long before, and what else."""
    found = [*_touching(each, watch), _closeness(each, watch)]
    if each.kind is Kind.EDIT:
        found.append(Reason(UNREVIEWED, "not in git"))
    if each.adds_risk:
        found.append(Reason(MORE_RISK, "adds risk"))
    if each.size is not None and each.size >= MIDDLING_FILES:
        points = LARGE if each.size >= LARGE_FILES else MIDDLING
        found.append(Reason(points, f"touches {each.size:,} files"))
    if each.seldom:
        found.append(Reason(SELDOM, each.seldom))
    return tuple(found)


def words_of(*texts: str) -> frozenset[str]:
    """The words of names and paths that say what they are about."""
    return frozenset(word for text in texts for word in _WORD.findall(text.lower())) - _COMMON


def closeness(before: timedelta) -> int:
    """Points for how shortly before the alert something happened: `CLOSEST` in the same second,
    half of it after `HALF_AFTER`, a third after twice that; none for what came later."""
    span_s, half_s = int(before.total_seconds()), int(HALF_AFTER.total_seconds())
    return CLOSEST * half_s // (half_s + span_s) if span_s >= 0 else 0


def _touching(each: Happening, watch: Watch) -> Iterator[Reason]:
    """The strongest tie between a happening and what the alert watches, if there is one."""
    if each.kind is Kind.ON_CALL:
        return
    trouble = each.kind in (Kind.FLOW_FAILURE, Kind.ALERT)
    named = next((path for path in watch.files if path in each.paths), None)
    flow = next((name for name in watch.flows if name in each.flows), None)
    flag = next((name for name in watch.flags if name in each.flags), None)
    shared = sorted(watch.words & words_of(each.what, *each.paths, *each.flags))
    card = next((name for name in watch.cards if name in each.cards), None)
    if named is not None:
        yield Reason(NAMED, f"touches {named}, which the alert names")
    elif flow is not None and trouble:
        yield Reason(SAME_FLOW, f"of the same flow, {flow}")
    elif flow is not None:
        yield Reason(ABOUT, f"touches flow {flow}")
    elif flag is not None:
        yield Reason(ABOUT, f"is flag {flag}, which the alert watches")
    elif card is not None:
        yield Reason(ALIKE, f"on the same card, {card}")
    elif shared:
        yield Reason(ALIKE, f"shares the word {shared[0]} with the alert")
    elif not trouble:
        yield Reason(WATCHED, _watched(each))


def _watched(each: Happening) -> str:
    if each.flows:
        return f"touches flow {each.flows[0]}"
    return "is a flag" if each.kind is Kind.FLAG else "touches a watched file"


def _closeness(each: Happening, watch: Watch) -> Reason:
    before = watch.at - each.at
    if before < timedelta(0):
        return Reason(0, f"last written {format_duration(-before)} after")
    points = closeness(before) * _SHARE_PCT.get(each.kind, 100) // 100
    return Reason(points, f"{_ago(before)} before")


def _ago(span: timedelta) -> str:
    """A length of time as a person says it: `4 min`, `50 s`, else `3h20m`."""
    seconds = int(span.total_seconds())
    if seconds < 60:
        return f"{seconds} s"
    return f"{seconds // 60} min" if seconds < 3600 else format_duration(span)
