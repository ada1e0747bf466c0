"""Setting a flag to less risk: at once, and whatever else does not work.

Nothing is asked first but the role and the flag's own database: no lock of a rollback, no market
hours, no reason, no chat. The record follows the deed. It is written to disk as a file of its own
and then into the audit log, where that takes it at once; else the next tick merges it.
"""

from __future__ import annotations

import json
import threading
from dataclasses import asdict
from typing import TYPE_CHECKING

from mechexo.errors import UsageError
from mechexo.rollback.flags import spool
from mechexo.rollback.flags.direction import direction, fitted
from mechexo.rollback.flags.spool import Record
from mechexo.rollback.flags.store import FlagStore
from mechexo.rollback.flags.values import Direction, FlagChange, FlagValue, guarded, same
from mechexo.value_classes import dataclass

if TYPE_CHECKING:
    from mechexo.config.rollback import Safer
    from mechexo.desk import Desk

RECORD_WITHIN_S = 0.6
"""The person is not kept longer for the sake of the record."""
AUDIT_LOCK_S = 0.3


@dataclass(frozen=True, slots=True)
class Recorded:
    """What became of the record of a change."""

    audited: bool
    """Whether the audit log has it already."""
    note: str = ""
    """Else: where it is, and why; for the person."""


class NotDownError(Exception):
    """The change does not lower the risk. Nothing was written."""

    def __init__(self, change: FlagChange) -> None:
        super().__init__(change.key)
        self.change = change


def lower(desk: Desk, store: FlagStore, key: str, word: str) -> FlagChange:
    """Sets a flag to what somebody typed, if that lowers the risk or leaves all as it is; the
    change, whose old and new value are the same when nothing was to do. Records nothing yet.

    Raises:
        NotDownError: it would not.
        UsageError: the flag cannot hold such a value.
        NotFoundError: there is no such flag.
        UnreachableError, BusyError: the database does not answer, or is kept locked.
    """
    safer = desk.settings.rollback.flags.safer.get(key)

    def choose(flag: FlagValue) -> FlagChange:
        change = change_to(flag, word, safer)
        if change.direction is Direction.DOWN or same(flag.value, change.new):
            return change
        raise NotDownError(change)

    return store.replace_now(key, choose, actor=desk.actor.name)[-1]


def change_to(flag: FlagValue, word: str, safer: Safer | None) -> FlagChange:
    """The change of a flag to what somebody typed. A value that means the same is the same value.

    Raises:
        UsageError: the flag cannot hold it.
    """
    try:
        new = fitted(word, flag.value, safer)
    except ValueError as error:
        raise UsageError(f"{flag.key}: {error}") from None
    return FlagChange(flag.key, flag, new, direction(flag.value, new, safer))


def record(desk: Desk, change: FlagChange, *, reason: str) -> Recorded:
    """Keeps the record of a change that was made. Raises nothing, and keeps nobody waiting."""
    made = spool.new_record(
        desk, desk.clock.now(), "flags.set", change.key, payload(desk, change, reason)
    )
    outcome: list[Recorded] = []
    writer = threading.Thread(
        target=lambda: outcome.append(_recorded(desk, made)), name="flag-record", daemon=True
    )
    writer.start()
    writer.join(RECORD_WITHIN_S)
    if outcome:
        return outcome[0]
    return Recorded(False, f"its record is still being written; it says: {_words(made)}")


def payload(desk: Desk, change: FlagChange, reason: str) -> dict[str, object]:
    """What an audit entry says of a change."""
    return {
        "before": guarded(change.key, change.old.value),
        "after": guarded(change.key, change.new),
        "reason": reason,
        "role": desk.role.label,
        "direction": change.direction,
    }


def _recorded(desk: Desk, made: Record) -> Recorded:
    kept = spool.keep(desk, made)
    try:
        spool.enter(desk, made, wait_s=AUDIT_LOCK_S)
    except Exception as error:  # noqa: BLE001 - whatever it is, the deed is done: it is told
        return Recorded(False, _where(made, kept, error))
    else:
        if kept.path is not None:
            kept.path.unlink(missing_ok=True)
        return Recorded(True)
    finally:
        desk.state.close()


def _where(made: Record, kept: spool.Kept, error: Exception) -> str:
    refused = "".join(f"; {refusal}" for refusal in kept.refusals)
    if kept.path is None:
        return f"no place takes its record ({error}{refused}); write it down: {_words(made)}"
    return f"the audit log cannot take it now ({error}{refused}); its record waits in {kept.path}"


def _words(made: Record) -> str:
    return json.dumps(asdict(made), sort_keys=True, default=str)
