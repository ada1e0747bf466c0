"""How flags and their changes look for people, in CSV and in JSON."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

from mechexo.cli.words import harmless
from mechexo.rollback.flags.operations import Flag, FlagSet, words
from mechexo.rollback.flags.values import FlagEvent, Scalar, guarded, shown

if TYPE_CHECKING:
    from collections.abc import Sequence

Rows = tuple["Sequence[str]", "list[Sequence[object]]"]

_SAFER = {
    "off": "off",
    "on": "on",
    "lower": "lower",
    "higher": "higher",
    "neutral": "any",
    None: "? UNKNOWN",
}
_WHOLE = {"begin": "tracking began", "end": "tracking ended"}
OUTSIDE = "outside mechexo"


def flag_body(flag: Flag) -> dict[str, object]:
    """A flag in JSON; its value with its own type."""
    return {
        "name": flag.key,
        "value": as_json(guarded(flag.key, flag.value.value)),
        "version": flag.value.version,
        "safer": flag.safer,
        "changed_at": flag.last.at if flag.last else None,
        "changed_by": _by(flag.last) if flag.last else None,
    }


def flag_values(flags: Iterable[Flag]) -> Rows:
    """Flags for CSV."""
    bodies = [flag_body(flag) for flag in flags]
    columns = ("name", "value", "version", "safer", "changed_at", "changed_by")
    return columns, [[body[column] for column in columns] for body in bodies]


def flag_rows(flags: Iterable[Flag]) -> Rows:
    """Flags for people."""
    rows: list[Sequence[object]] = [
        (
            harmless(flag.key),
            harmless(shown(guarded(flag.key, flag.value.value))),
            _SAFER[flag.safer],
            flag.last.at if flag.last else None,
            _by(flag.last) if flag.last else None,
        )
        for flag in flags
    ]
    return ("flag", "value", "safer", "?changed", "?by"), rows


def event_body(event: FlagEvent) -> dict[str, object]:
    """A change in JSON; values with their own types."""
    return {
        "seq": event.seq,
        "at": event.at,
        "name": event.key or None,
        "old": as_json(guarded(event.key, event.old)),
        "new": as_json(guarded(event.key, event.new)),
        "how": event.how,
        "actor": event.actor or None,
    }


def event_values(events: Iterable[FlagEvent]) -> Rows:
    """Changes for CSV."""
    columns = ("seq", "at", "name", "old", "new", "how", "actor")
    return columns, [[event_body(event)[column] for column in columns] for event in events]


def event_rows(events: Iterable[FlagEvent]) -> Rows:
    """Changes for people."""
    rows: list[Sequence[object]] = [
        (
            event.at,
            harmless(event.key) or None,
            None if _had_none(event) else harmless(shown(guarded(event.key, event.old))),
            None
            if not event.key or event.how == "delete"
            else harmless(shown(guarded(event.key, event.new))),
            _WHOLE.get(event.how, event.how),
            None if event.how in ("begin", "end", "seen") else _by(event),
        )
        for event in events
    ]
    return ("at", "flag", "old", "new", "how", "?by"), rows


def set_body(done: FlagSet) -> dict[str, object]:
    """A flag that was set, in JSON."""
    change = done.change
    return {
        "name": change.key,
        "old": as_json(guarded(change.key, change.old.value)),
        "new": as_json(guarded(change.key, change.new)),
        "direction": change.direction,
        "changed": done.changed,
        "note": done.note,
    }


def set_line(done: FlagSet) -> str:
    """A flag that was set, for people."""
    key = done.change.key
    if not done.changed:
        return harmless(f"{key} is {shown(guarded(key, done.change.new))} already.")
    return harmless(f"{words(done.change)}. Done.")


def as_json(value: Scalar) -> object:
    """A value in JSON; one that JSON has no form for as people read it."""
    if isinstance(value, bytes) or (isinstance(value, float) and not math.isfinite(value)):
        return shown(value)
    return value


def _had_none(event: FlagEvent) -> bool:
    return event.how in ("insert", "seen", "begin", "end")


def _by(event: FlagEvent) -> str:
    return harmless(event.actor) or OUTSIDE
