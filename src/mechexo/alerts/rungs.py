"""How far an alert has climbed, also when its ladder has become another one meanwhile. Pure.

A level is a number only while the ladder stays what it was when the round began. Afterwards the
next level is the first that has a channel which this round has not told: nobody is passed over, or
told twice, because a level was taken out or put in, or the alert moved to another ladder. That
somebody else is behind a level makes no other ladder of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from mechexo.alerts.values import AlertState

if TYPE_CHECKING:
    from mechexo.alerts.policy import Ladder
    from mechexo.alerts.values import Alert


_NONE_OF_TODAY = "several"
"""In place of a ladder's identity, which begins with a number."""


def with_told(alert: Alert, ladder: Ladder, channels: Iterable[str]) -> str:
    """What is remembered of a round once these are told, too: its ladder, then all who were told, a
    line each."""
    began_on, *before = alert.climbed.split("\n")
    # What was done on another one makes its numbers wrong, also when that comes back.
    began_on = _NONE_OF_TODAY if is_another(alert, ladder) else began_on
    return "\n".join([began_on, *before, *channels])


def told(alert: Alert) -> frozenset[str]:
    """The channels that this round has told."""
    return frozenset(alert.climbed.split("\n")[1:])


def is_another(alert: Alert, ladder: Ladder) -> bool:
    """Whether the round began on another ladder. One of before this was remembered did not."""
    began_on = alert.climbed.partition("\n")[0]
    return bool(began_on) and began_on != ladder.identity


def next_level(alert: Alert, ladder: Ladder) -> int | None:
    """The level that is told next, which has somebody for the alert; None at the end."""
    if not is_another(alert, ladder):
        return ladder.next_reaching(alert.level, alert.severity)
    return next(
        (number for number in range(1, len(ladder.levels) + 1) if to_tell(alert, ladder, number)),
        None,
    )


def to_tell(alert: Alert, ladder: Ladder, number: int) -> tuple[str, ...]:
    """The channels of a level that are told when its turn comes."""
    channels = ladder.levels[number - 1].for_severity(alert.severity)
    if not is_another(alert, ladder):
        return channels
    known = told(alert)
    return tuple(name for name in channels if name not in known)


def to_remind(alert: Alert, ladder: Ladder) -> tuple[str, ...]:
    """The channels of today's ladder that this round has told; where none of them is there any
    more, or nobody knows, those of the first level that has somebody."""
    levels = [level.for_severity(alert.severity) for level in ladder.levels]
    known = told(alert)
    names = dict.fromkeys(name for channels in levels for name in channels if name in known)
    return tuple(names) or next(filter(None, levels), ())


def has_another_time(alert: Alert, ladder: Ladder) -> bool:
    """Whether the ladder of today has another time for its next level than the stored deadline."""
    at, since = alert.next_level_at, alert.escalating_since
    if at is None or since is None or not is_another(alert, ladder):
        return False
    further = next_level(alert, ladder)
    return further is not None and since + ladder.after(further) != at


def goes_on(alert: Alert, ladder: Ladder) -> bool:
    """Whether the ladder of today has more for an alert that waits for no level, or for another
    moment."""
    kept_back = (alert.held_until, alert.silenced_until, alert.suppressed_by)
    if alert.state is not AlertState.FIRING or not alert.pages or any(kept_back):
        return False
    if not ladder.climbs(alert.severity):
        return False
    if alert.next_level_at is not None:
        return has_another_time(alert, ladder)
    return alert.climbs < ladder.repeat or next_level(alert, ladder) is not None
