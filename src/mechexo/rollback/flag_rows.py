"""The changes of the desk's flags, as things that happened."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from mechexo.errors import UnreachableError
from mechexo.rollback.flags.direction import direction
from mechexo.rollback.flags.store import open_store
from mechexo.rollback.flags.values import Direction, Scalar, shown
from mechexo.rollback.happenings import Gap, Happening, Kind, Remedy, Targets
from mechexo.rollback.suspects import shown_words
from mechexo.times import iso_z

if TYPE_CHECKING:
    from mechexo.desk import Desk
    from mechexo.rollback.flags.values import FlagEvent

SOURCE = "flag changes"
MOST_EVENTS = 500
LONGEST_VALUE = 60
JUST_BEFORE = timedelta(microseconds=1)
"""To go back to: the history knows moments to less than a second."""
_CHANGES = frozenset({"insert", "update", "replace", "delete"})


def flag_events(
    desk: Desk, targets: Targets, *, start: datetime, end: datetime
) -> tuple[list[Happening], list[Gap]]:
    """The changes of flags from `start` to `end`, by whatever hand; and since when they are known,
    when that is later. None when no flags are configured.

    Raises:
        ConfigError, UnreachableError: the flags' database cannot be used, or no history is kept.
    """
    if not desk.settings.rollback.flags.database:
        return [], []
    store = open_store(desk)
    since = store.tracked()
    if since is None:
        raise UnreachableError(
            "no history of the flags is kept, so nobody knows how they changed; keep one with: "
            "mechexo flags track"
        )
    gaps = []
    if since > start:
        gaps.append(Gap(SOURCE, f"known since {iso_z(since)}; before, nobody kept a history"))
    events = [
        each
        for each in store.history(start=start, end=end, limit=MOST_EVENTS + 1)
        if each.how in _CHANGES
    ]
    if len(events) > MOST_EVENTS:
        gaps.append(Gap(SOURCE, f"only the newest {MOST_EVENTS} are listed"))
    return [_happening(desk, each, targets) for each in events[:MOST_EVENTS]], gaps


def _happening(desk: Desk, event: FlagEvent, targets: Targets) -> Happening:
    old, new = _safe(event.key, event.old), _safe(event.key, event.new)
    words = {
        "insert": f"is new: {new}",
        "delete": f"is gone, was {old}",
    }.get(event.how, f"is {new}, was {old}")
    remedy, no_remedy = None, "a rollback neither makes nor removes a flag"
    if event.how in ("update", "replace"):
        remedy, no_remedy = Remedy("flags", event.key, event.at - JUST_BEFORE), ""
    safer = desk.settings.rollback.flags.safer.get(event.key)
    went = direction(event.old, event.new, safer)
    return Happening(
        key=f"flag:{event.seq}",
        kind=Kind.FLAG,
        at=event.at,
        what=f"{shown_words(event.key)} {words}",
        who=shown_words(event.actor),
        flows=targets.flows_with(event.key),
        flags=(event.key,),
        adds_risk=went is Direction.UP,
        remedy=remedy,
        no_remedy=no_remedy,
    )


def _safe(key: str, value: Scalar) -> str:
    """A value as it may be shown: of a flag named like a secret it may not."""
    text = shown_words(f"{key}: {shown(value)}").removeprefix(f"{shown_words(key)}: ")
    return text if len(text) <= LONGEST_VALUE else text[: LONGEST_VALUE - 1] + "…"
