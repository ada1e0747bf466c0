"""What people do with the desk's flags: look, set, ask for the history, begin one."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from mechexo.actor import Role
from mechexo.errors import NotAllowedError, NotFoundError, close_names
from mechexo.rollback.flags import halting
from mechexo.rollback.flags.halting import NotDownError, Recorded
from mechexo.rollback.flags.store import open_store
from mechexo.rollback.flags.values import (
    Direction,
    FlagChange,
    FlagEvent,
    FlagValue,
    guarded,
    same,
    shown,
)
from mechexo.state import State
from mechexo.value_classes import dataclass

if TYPE_CHECKING:
    from mechexo.config.rollback import Safer
    from mechexo.desk import Desk


@dataclass(frozen=True, slots=True)
class Flag:
    """A flag as it is, with what is known of it."""

    key: str
    value: FlagValue
    safer: Safer | None
    """Which value of it means less risk; None when the configuration does not say."""
    last: FlagEvent | None
    """Its last change since tracking began; None when there was none, or nothing is tracked."""


@dataclass(frozen=True, slots=True)
class Flags:
    """All flags of the desk."""

    flags: tuple[Flag, ...]
    tracked_since: datetime | None


@dataclass(frozen=True, slots=True)
class FlagSet:
    """A flag that was set."""

    change: FlagChange
    changed: bool
    """False when it had the value already."""
    note: str = ""
    """What the person must know of the record of it; empty when it is in the audit log."""


class UnconfirmedError(NotAllowedError):
    """The change may add risk, and nobody confirmed it."""

    def __init__(self, change: FlagChange) -> None:
        self.change = change
        super().__init__(f"{words(change)}, and was not confirmed: add --yes")


def words(change: FlagChange) -> str:
    """A change in words: the flag, its old and its new value, and what is known of the risk."""
    key, old, new = change.key, change.old.value, change.new
    moves = f"{key}: {shown(guarded(key, old))} -> {shown(guarded(key, new))}"
    risk = {
        Direction.UP: "adds risk",
        Direction.DOWN: "lowers the risk",
        Direction.NEUTRAL: "changes no risk",
        Direction.UNKNOWN: "may add risk ([rollback.flags.safer] does not say)",
    }
    return f"{moves} {risk[change.direction]}"


def list_flags(desk: Desk) -> Flags:
    """All flags as they are now.

    Raises:
        ConfigError: no database is configured.
        UnreachableError: it cannot be read.
    """
    store = open_store(desk)
    safer = desk.settings.rollback.flags.safer
    values, since = store.read(), store.tracked()
    last: dict[str, FlagEvent] = {}
    for value in values if since else ():
        for event in store.history(value.key, 1):
            if event.how != "seen":
                last[value.key] = event
    flags = [Flag(each.key, each, safer.get(each.key), last.get(each.key)) for each in values]
    return Flags(tuple(flags), since)


def set_flag(
    desk: Desk, key: str, word: str, *, reason: str = "", confirmed: FlagChange | None = None
) -> FlagSet:
    """Sets a flag to what somebody typed, in the type and the spelling that the flag has.

    What lowers the risk needs the role responder and nothing else, also on a desk whose state file
    cannot be used (see `halting`). Anything else needs the role operator, on a live desk a reason,
    and, unless it is known to change no risk, that just this change was confirmed.

    Raises:
        UnconfirmedError: it may add risk; its `change` is what to confirm.
        ConflictError: the flag has another value than the one that was confirmed.
        NotAllowedError, UsageError, NotFoundError, UnreachableError, BusyError: as they say.
    """
    store = open_store(desk)
    if desk.role < Role.RESPONDER:
        _opened(desk).require("flags.set", key, Role.RESPONDER)
    try:
        change = halting.lower(desk, store, key, word)
    except NotDownError as other:
        change = other.change
    else:
        if same(change.old.value, change.new):
            return FlagSet(change, False)
        return FlagSet(change, True, halting.record(desk, change, reason=reason).note)
    desk = _opened(desk)
    desk.require("flags.set", key, Role.OPERATOR)
    if change.direction is not Direction.NEUTRAL:
        if confirmed is None or not same(confirmed.new, change.new):
            raise UnconfirmedError(change)
        change = confirmed
    made = False
    try:
        with desk.operation("flags.set", key, needs=Role.OPERATOR, reason=reason) as operation:
            operation.before = guarded(key, change.old.value)
            operation.after = guarded(key, change.new)
            operation.details["direction"] = change.direction
            store.change([change], actor=desk.actor.name)
            made = True
    except Exception as error:
        if not made:
            raise
        # The flag is set: that its entry did not come to be must not hide it.
        kept: Recorded = halting.record(desk, change, reason=reason)
        return FlagSet(change, True, kept.note or f"its record came late: {error}")
    return FlagSet(change, True)


def history(desk: Desk, key: str = "", *, limit: int = 50) -> tuple[FlagEvent, ...]:
    """The newest changes of all flags, or of one, newest first.

    Raises:
        NotFoundError: there is no such flag, and never was one.
    """
    store = open_store(desk)
    found = store.history(key, limit)
    if key and not found:
        known = [flag.key for flag in store.read()]
        if key not in known:
            raise NotFoundError(f"there is no flag {key!r}; {close_names(key, known)}")
    return found


def track(desk: Desk, *, reason: str = "") -> tuple[bool, datetime | None]:
    """Keeps a history of the flags from now on; whether that is new, and since when there is one.

    Raises:
        ConfigError: the table is one whose changes cannot be followed; the text says why.
    """
    store = open_store(desk)
    target = desk.settings.rollback.flags.table
    with desk.operation("flags.track", target, needs=Role.ADMIN, reason=reason) as operation:
        began = store.track()
        operation.unchanged = not began
        since = store.tracked()
        operation.after = since
    return began, since


def untrack(desk: Desk, *, reason: str = "") -> bool:
    """Keeps no history of the flags any more; what there is stays. Whether one was kept."""
    store = open_store(desk)
    target = desk.settings.rollback.flags.table
    with desk.operation("flags.untrack", target, needs=Role.ADMIN, reason=reason) as operation:
        ended = store.untrack()
        operation.unchanged = not ended
    return ended


def _opened(desk: Desk) -> Desk:
    """The desk with its state file as a new one would be: a flag may be set before it is looked
    at."""
    return replace(desk, state=State.open(desk.state.path))
